"""What was learned of histories, and the first and next rows that it draws."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.engine.panels import brought_back
from synth.engine.pasts import COUNT, Past, first_rows, later_rows
from synth.engine.spans import with_tries
from synth.engine.steps import given_columns, known_columns
from synth.engine.weeks import Week

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from synth.engine.conditioning import FixedColumn
    from synth.engine.histories import Histories
    from synth.engine.pasts import Ints, Schema
    from synth.engine.synthesizer import Synthesizer

TRIES = 8  # draws of a row that would lie behind the end


@dataclass(frozen=True, slots=True)
class HistoryModel:
    """What was learned of histories.

    Attributes:
        empty: the rows' columns and dtypes, with spans in place of dates.
        original: these columns and dtypes as they were.
        base: the owner's date from which the first time is an offset, if there is one.
        end: the latest time that was observed.
        week: how many of the times fall on each day of the week.
        counts: the engine of the number of rows.
        start: the earliest.
        firsts: the engine of first rows; None where no owner has a row, or `laters` draws them, too.
        heads: the histories of the first rows of stretches, where histories are long.
        laters: the engine of all other rows, or of all; None where no history has several.
    """

    empty: pd.DataFrame
    original: pd.DataFrame
    schema: Schema
    base: str | None
    end: Any
    start: Any
    counts: Synthesizer | None = None
    firsts: Synthesizer | None = None
    heads: Histories | None = None
    laters: Synthesizer | None = None
    week: Week = field(default_factory=Week)


def first_rows_of(model: HistoryModel, owners: pd.DataFrame, counts: Ints, draw: int) -> pd.DataFrame:
    """Draw the first row of each owner's history."""
    if model.firsts is None:
        past = Past.of_none(model, owners)
        owner_columns = known_columns(model.laters, owners)
        first_context = given_columns(model.laters, past, owner_columns, np.arange(len(owners)), counts)
        return next_rows_of(model, past, first_context, draw)[0]
    context = owners.assign(**{COUNT: counts}).reset_index(drop=True)
    rows = first_rows(model.firsts.sample(len(owners), given=context, draw=draw), owners, model)
    late = model.schema.spans.are_beyond(rows)
    if late.any():
        some = context.iloc[np.repeat(np.flatnonzero(late), TRIES)].reset_index(drop=True)
        others = first_rows(model.firsts.sample(len(some), given=some, draw=draw + 1), some, model)
        rows = with_tries(rows, late, others, ~model.schema.spans.are_beyond(others).reshape(-1, TRIES))
    if model.schema.time is not None:
        times = rows[model.schema.time]
        rows[model.schema.time] = _on_busy_days(times, times, None, model, draw)
    return rows


def next_rows_of(
    model: HistoryModel, past: Past, context: Mapping[str, FixedColumn], draw: int
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Draw the next row of each history; rows behind the end, or the next stretch, are drawn anew.

    Returns:
        The rows, and which of them lay behind the end in each draw.
    """
    number = len(past.rows)
    in_time = np.zeros(number, bool)
    if model.laters is None:
        raise RuntimeError("no history of several rows was learned")
    rows = later_rows(model.laters.sample_beside(number, context, draw=draw), past, model)
    time = model.schema.time
    if time is None:
        return rows, in_time
    end = pd.Series(model.end, index=rows.index, dtype=rows[time].dtype)
    end = end if past.goal is None else past.goal.astype(rows[time].dtype).fillna(end)
    since = model.schema.since(past.rows)
    spans = model.schema.spans
    late = (rows[time] > end).to_numpy(bool) | spans.are_beyond(rows)
    if not late.any():
        rows[time] = _on_busy_days(rows[time], since, end, model, draw)
        return rows, in_time
    again = np.repeat(np.flatnonzero(late), TRIES)
    some = {name: column.of(again) for name, column in context.items()}
    others = model.laters.sample_beside(len(again), some, draw=draw + 1)
    candidates = later_rows(others, past.of(again), model)
    has_room = (candidates[time] <= end.iloc[again].reset_index(drop=True)).to_numpy(bool)
    valid = (has_room & ~spans.are_beyond(candidates)).reshape(-1, TRIES)
    rows = with_tries(rows, late, candidates, valid)  # the last try is brought back
    back = brought_back(rows[time], since, end, model.schema.clock)
    rows[time] = _on_busy_days(back, since, end, model, draw)
    always_late = in_time.copy()
    always_late[np.flatnonzero(late)[~has_room.reshape(-1, TRIES).any(1)]] = True
    return rows, always_late


def _on_busy_days(
    times: pd.Series[Any],
    start: pd.Series[Any],
    end: pd.Series[Any] | None,
    model: HistoryModel,
    draw: int,
) -> pd.Series[Any]:
    """Return times drawn as gaps or offsets with as many on each day of the week as there are."""
    end = pd.Series(model.end, index=times.index, dtype=times.dtype) if end is None else end
    return model.week.move_to_busy_days(times, start, end, np.random.default_rng([draw, len(times)]))
