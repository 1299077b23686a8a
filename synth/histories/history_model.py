"""What was learned of histories, and the first and next rows that it draws."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.engine.marks import Marks
from synth.histories.bonds import Bonds
from synth.histories.limits import Limits
from synth.histories.panels import brought_back
from synth.histories.pasts import COUNT, Past, as_rows, first_moments, first_times, later_moments, later_times
from synth.histories.sequels import NeverPair, are_odd
from synth.histories.spans import with_tries
from synth.histories.weeks import Week

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synth.engine.synthesizer import Synthesizer
    from synth.histories.histories import Histories
    from synth.histories.pasts import Ints, Schema
    from synth.histories.steps import RowEngines, StepContext

TRIES = 8  # draws of a row that would lie behind the end, or whose labels never go together


@dataclass(frozen=True, slots=True)
class HistoryModel:
    """What was learned of histories.

    Attributes:
        empty: the rows' columns and dtypes, with spans in place of dates.
        original: these columns and dtypes as they were.
        base: the owner's date from which the first time is an offset, if there is one.
        end: the latest time that was observed.
        never: labels that never go together, or with those of the row before.
        week: how many of the times fall on each day of the week.
        marks: days of the month and the year that many fall on.
        counts: the engine of the number of rows.
        start: the earliest.
        firsts: the engines of first rows; None where no owner has a row, or `laters` draw them, too.
        heads: the histories of the first rows of stretches, where histories are long.
        bonds: what rows have in common with their owners.
        limits: the dates of owners before or behind which no row is.
        laters: the engines of all other rows, or of all; None where no history has several.
    """

    empty: pd.DataFrame
    original: pd.DataFrame
    schema: Schema
    base: str | None
    end: Any
    start: Any
    counts: Synthesizer | None = None
    firsts: RowEngines | None = None
    heads: Histories | None = None
    laters: RowEngines | None = None
    never: tuple[NeverPair, ...] = ()
    week: Week = field(default_factory=Week)
    marks: Marks = field(default_factory=Marks)
    bonds: Bonds = field(default_factory=Bonds)
    limits: Limits = field(default_factory=Limits)

    def ends_of(self, owners: pd.DataFrame) -> pd.Series[Any]:
        """Return for each owner the latest time that a row of its own may have."""
        return self.limits.latest(owners, self.end, self.empty[self.schema.time].dtype)


def first_rows_of(model: HistoryModel, owners: pd.DataFrame, counts: Ints, draw: int) -> pd.DataFrame:
    """Draw the first row of each owner's history."""
    columns = {str(name): owners[name] for name in owners}
    if model.firsts is None:
        engines, past = later_engines(model), Past.of_none(model, owners)
        context = engines.next_context(past, engines.read(columns), np.arange(len(owners)), counts)
        return next_rows_of(model, past, context, draw, owners)[0]
    context = model.firsts.read({**columns, COUNT: counts})
    if model.firsts.times is None:
        return _with_contents(model, model.firsts, context, _undated(len(owners)), None, draw)
    targets = model.firsts.times.sample_beside(len(owners), context.times, draw=draw)
    dates, ends = first_times(targets, owners, model), model.ends_of(owners)
    late = _are_outside(model, owners, dates, ends)
    if late.any():
        again = np.repeat(np.flatnonzero(late), TRIES)
        targets = model.firsts.times.sample_beside(len(again), context.of(again).times, draw=draw + 1)
        whose = owners.iloc[again].reset_index(drop=True)
        others = first_times(targets, whose, model)
        valid = ~_are_outside(model, whose, others, ends.iloc[again].reset_index(drop=True))
        dates = with_tries(dates, late, others, valid.reshape(-1, TRIES))
    times = dates[model.schema.time]
    dates[model.schema.time] = _on_busy_days(times, times, ends.mask(ends < times, times), model, draw)
    context = model.firsts.with_moments(context, first_moments(dates, owners, model))
    return _with_contents(model, model.firsts, context, dates, None, draw)


def next_rows_of(
    model: HistoryModel, past: Past, context: StepContext, draw: int, owners: pd.DataFrame
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Draw the next row of each history; `owners` has a row for each.

    Returns:
        The rows, and which of them lay behind the end in each draw.
    """
    engines = later_engines(model)
    if engines.times is None:
        rows = _with_contents(model, engines, context, _undated(len(past.rows)), past, draw)
        return rows, np.zeros(len(rows), bool)
    dates, always_late = _next_dates(model, past, context, draw, owners)
    context = engines.with_moments(context, later_moments(dates, past, model))
    return _with_contents(model, engines, context, dates, past, draw), always_late


def later_engines(model: HistoryModel) -> RowEngines:
    """Return the engines of later rows.

    Raises:
        RuntimeError: no history of several rows was learned.
    """
    if model.laters is None:
        raise RuntimeError("no history of several rows was learned")
    return model.laters


def _next_dates(
    model: HistoryModel, past: Past, context: StepContext, draw: int, owners: pd.DataFrame
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Draw when the next row of each history is; what is behind the end, or the next stretch, is drawn anew.

    So is a first row before the dates of its owner.

    Returns:
        The times and spans, and which times lay behind the end in each draw.
    """
    engine, time = later_engines(model).times, model.schema.time
    if engine is None:
        return _undated(len(past.rows)), np.zeros(len(past.rows), bool)
    dates = later_times(engine.sample_beside(len(past.rows), context.times, draw=draw), past, model)
    since, always_late = model.schema.since(past.rows), np.zeros(len(dates), bool)
    end, limits = model.ends_of(owners), Limits() if past.place else model.limits
    end = end if past.goal is None else past.goal.astype(end.dtype).fillna(end)
    late = (dates[time] > end).to_numpy(bool) | _are_odd(model, since, dates)
    late |= limits.are_early(owners, dates[time])
    if late.any():
        again = np.repeat(np.flatnonzero(late), TRIES)
        targets = engine.sample_beside(len(again), context.of(again).times, draw=draw + 1)
        others = later_times(targets, past.of(again), model)
        has_room = (others[time] <= end.iloc[again].reset_index(drop=True)).to_numpy(bool)
        odd = _are_odd(model, since.iloc[again].reset_index(drop=True), others)
        odd |= limits.are_early(owners.iloc[again], others[time])
        valid = (has_room & ~odd).reshape(-1, TRIES)
        dates = with_tries(dates, late, others, valid)
        dates[time] = brought_back(dates[time], since, end, model.schema.clock)  # the last try
        always_late[np.flatnonzero(late)[~has_room.reshape(-1, TRIES).any(1)]] = True
    dates[time] = _on_busy_days(dates[time], since, end, model, draw)
    return dates, always_late


def _are_outside(
    model: HistoryModel, owners: pd.DataFrame, dates: pd.DataFrame, ends: pd.Series[Any]
) -> NDArray[np.bool_]:
    """Return which first rows have a time before the first, or a time or a date behind the last."""
    times = dates[model.schema.time]
    is_late: NDArray[np.bool_] = (times > ends).to_numpy(bool)
    return is_late | model.limits.are_early(owners, times) | model.schema.spans.are_beyond(dates)


def _are_odd(model: HistoryModel, since: pd.Series[Any], dates: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which rows have a date behind the last one, or follow into an hour that is quiet."""
    beyond, hours = model.schema.spans.are_beyond(dates), model.schema.hours
    return beyond | hours.are_quiet(since, dates[model.schema.time]) if hours else beyond


def _undated(rows: int) -> pd.DataFrame:
    """Return rows of which nothing says when they are."""
    return pd.DataFrame(index=pd.RangeIndex(rows))


def _with_contents(
    model: HistoryModel,
    engines: RowEngines,
    context: StepContext,
    dates: pd.DataFrame,
    past: Past | None,
    draw: int,
) -> pd.DataFrame:
    """Draw what rows of these times and spans hold; what never goes together is drawn anew."""
    if engines.contents is None:
        return as_rows(dates, dates, past, model)
    targets = engines.contents.sample_beside(len(dates), context.contents, draw=draw)
    rows = as_rows(targets, dates, past, model)
    odd = are_odd(rows, None if past is None or not past.place else past.rows, model.never)
    if not odd.any():
        return rows
    again = np.repeat(np.flatnonzero(odd), TRIES)
    beside = None if past is None else past.of(again)
    targets = engines.contents.sample_beside(len(again), context.of(again).contents, draw=draw + 1)
    others = as_rows(targets, dates.iloc[again].reset_index(drop=True), beside, model)
    fits = ~are_odd(others, None if beside is None or not beside.place else beside.rows, model.never)
    return with_tries(rows, odd, others, fits.reshape(-1, TRIES))


def _on_busy_days(
    times: pd.Series[Any],
    start: pd.Series[Any],
    end: pd.Series[Any],
    model: HistoryModel,
    draw: int,
) -> pd.Series[Any]:
    """Return times drawn as gaps or offsets with as many on each day of the week, or mark, as there are."""
    rng = np.random.default_rng([draw, len(times)])
    return model.marks.move(model.week.move_to_busy_days(times, start, end, rng), start, end, rng)
