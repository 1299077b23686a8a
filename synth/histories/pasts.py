"""What a row of a history is drawn given, what is drawn of it, and how rows come of that."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import pandas as pd

from synth.engine.clocks import Clock
from synth.engine.ticks import same
from synth.histories.amounts import amounts, as_numbers, optional, share
from synth.histories.hours import Hours
from synth.histories.spans import Spans, with_others

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]
    Floats: TypeAlias = NDArray[np.float64]
    Mask: TypeAlias = NDArray[np.bool_]

COUNT, PLACE, ROWS_LEFT, TIME, LAST_GAP, MEAN_GAP = "count", "place", "left", "time", "last gap", "mean gap"
UNTIL, FIRST, GAP, ROOM, STAYS = "until", "first", "gap", "room", "stays"
NOW, MONTH, AT, HOUR = "now", "month", "at", "hour"
SAME = "\0same"  # stands for the label of the row before


class Form(Protocol):
    """What rows look like."""

    @property
    def empty(self) -> pd.DataFrame:
        """Columns and dtypes."""

    @property
    def schema(self) -> Schema:
        """What each column is."""

    @property
    def base(self) -> str | None:
        """The owner's date from which the first time is an offset."""

    @property
    def start(self) -> Any:
        """The earliest time that was observed."""

    @property
    def end(self) -> Any:
        """The latest."""


@dataclass(frozen=True, slots=True)
class Schema:
    """Which columns the rows of histories have.

    Attributes:
        time: the column that orders the rows, if one does.
        columns: all others.
        mean_columns: those of them whose mean over the rows before says something.
        repeat_columns: those that hold the previous row's value more often than chance has it.
        steady_columns: labels that nearly all rows share with the row before; it is drawn whether they do,
            because few owners have any pair of labels, but all show how seldom they change. Beside each
            those that decide it: the region is drawn with every other town.
        spans: dates that stand in the rows as spans from their time.
        whole: first rows are learned together with all others, as rows that have none before them.
        first_apart: then their time is a column of its own, because they come sooner than others do.
        clock: how times are counted.
        hours: how the times of the day are drawn.
        leaves: owners have a row for each period until they leave, and some have not left.
        births: days of birth of owners, which say when rows are, and nothing else.
    """

    time: str | None
    columns: tuple[str, ...]
    mean_columns: tuple[str, ...]
    repeat_columns: tuple[str, ...]
    steady_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    spans: Spans = field(default_factory=Spans)
    whole: bool = False
    first_apart: bool = False
    clock: Clock = field(default_factory=Clock)
    hours: Hours = field(default_factory=Hours)
    leaves: bool = False
    births: frozenset[str] = frozenset()

    @property
    def when(self) -> tuple[str, ...]:
        """What is drawn of when a row is: its time, and how long from it its other dates are."""
        return (FIRST, GAP, HOUR, *(f"row {name}" for name, _ in self.spans.whole))

    def since(self, rows: pd.DataFrame) -> pd.Series[Any]:
        """Return of rows the moment from which gaps to the next are counted."""
        return self.spans.since(rows) if self.spans.end else rows[self.time]

    def between(self, start: pd.Series[Any] | None, times: pd.Series[Any]) -> pd.Series[Any]:
        """Return how long after `start` times are, as it is learned."""
        return (
            self.clock.between(start, times)
            if start is None or not self.hours
            else self.hours.between(start, times)
        )

    def after(
        self, start: pd.Series[Any] | None, gaps: pd.Series[Any], targets: pd.DataFrame
    ) -> pd.Series[Any]:
        """Return the times of which this was drawn, so long after `start`."""
        if start is None or not self.hours:
            return self.clock.after(start, gaps)
        return self.hours.after(start, gaps, targets[HOUR])

    def previous(self, values: pd.Series[Any]) -> pd.Series[Any]:
        """Return values of the rows before others, as a dtype that has room for none."""
        return optional(values) if self.whole else values


@dataclass(frozen=True, slots=True)
class Past:
    """The rows before the next one, of histories that advance side by side; all have equally many.

    Attributes:
        rows: the last row of each history.
        place: how many rows each history has.
        sums: of the averaged columns over all rows.
        stays: of the repeated columns, how often a row held the value of the row before it.
        gap: the time between the last two rows; `gaps` is the sum of all.
        goal: the time that the next stretch of each history begins at, where histories are long.
    """

    schema: Schema
    rows: pd.DataFrame
    place: int = 1
    sums: Mapping[str, Floats] = field(default_factory=dict)
    stays: Mapping[str, Floats] = field(default_factory=dict)
    gap: Floats = field(default_factory=lambda: np.zeros(0))
    gaps: Floats = field(default_factory=lambda: np.zeros(0))
    goal: pd.Series[Any] | None = None

    @classmethod
    def of_first(cls, schema: Schema, rows: pd.DataFrame, goal: pd.Series[Any] | None = None) -> Past:
        """Return the past of histories of one row each."""
        nothing = np.zeros(len(rows))
        return cls(
            schema,
            rows,
            1,
            {name: amounts(rows[name]) for name in schema.mean_columns},
            dict.fromkeys(schema.repeat_columns, nothing),
            nothing,
            nothing,
            goal,
        )

    @classmethod
    def of_none(cls, form: Form, owners: pd.DataFrame) -> Past:
        """Return the past of histories without a row, which begin at a date of their owner."""
        schema, nothing = form.schema, np.zeros(len(owners))
        index = pd.RangeIndex(len(owners))
        rows = pd.DataFrame({name: optional(form.empty[name]).reindex(index) for name in form.empty.columns})
        if schema.time is not None:
            rows[schema.time] = starting_times(form, owners)
        sums, stays = (
            dict.fromkeys(schema.mean_columns, nothing),
            dict.fromkeys(schema.repeat_columns, nothing),
        )
        return cls(schema, rows, 0, sums, stays, nothing, nothing)

    def of(self, which: Mask | Ints) -> Past:
        """Return the past of some of the histories."""
        if which.dtype == np.bool_ and which.all():
            return self
        where = np.arange(len(self.rows))[which]
        return replace(
            self,
            rows=self.rows.iloc[where].reset_index(drop=True),
            goal=None if self.goal is None else self.goal.iloc[where].reset_index(drop=True),
            sums={name: values[which] for name, values in self.sums.items()},
            stays={name: values[which] for name, values in self.stays.items()},
            gap=self.gap[which],
            gaps=self.gaps[which],
        )

    def after(self, rows: pd.DataFrame) -> Past:
        """Return the past one row later."""
        time, gap = self.schema.time, self.gap
        if time is not None:
            gap = as_numbers(self.schema.clock.between(self.rows[time], rows[time]))
        return replace(
            self,
            rows=rows,
            place=self.place + 1,
            sums={name: values + amounts(rows[name]) for name, values in self.sums.items()},
            stays={name: n + same(rows[name], self.rows[name]) for name, n in self.stays.items()},
            gap=gap,
            gaps=self.gaps + gap,
        )

    def context(self, owners: pd.DataFrame, counts: Ints) -> pd.DataFrame:
        """Return what the next row of each history is drawn given.

        Args:
            owners: of each history, the columns of its owner.
            counts: how many rows each history will have.
        """
        return pd.concat([owners.reset_index(drop=True), pd.DataFrame(self.state(counts))], axis=1)

    def state(self, counts: Ints) -> dict[str, Any]:
        """Return what is known of histories beside their owners; `counts` is how many rows each will have."""
        parts: dict[str, Any] = {PLACE: np.full(len(counts), self.place), ROWS_LEFT: counts - self.place}
        for name in self.schema.columns:
            parts[f"previous {name}"] = self.schema.previous(self.rows[name]).array
        before = max(self.place, 1)
        parts |= {f"stays {name}": share(n / before) for name, n in self.stays.items()}
        parts |= {f"mean {name}": total / before for name, total in self.sums.items()}
        if self.schema.time is not None:
            parts[TIME] = self.rows[self.schema.time].array
            parts[LAST_GAP] = self.gap
            parts[MEAN_GAP] = self.gaps / max(self.place - 1, 1)
            if self.goal is not None:
                parts[UNTIL] = (self.goal - self.rows[self.schema.time]).array
        return parts


def contexts(
    form: Form,
    owners: pd.DataFrame,
    lengths: Ints,
    rows: pd.DataFrame,
    place: Ints,
    goal: pd.Series[Any] | None = None,
) -> pd.DataFrame:
    """Return what each of `rows` was drawn given: all stretches advance side by side, as in drawing.

    The first rows of stretches are left out, unless they are learned with the others.

    Args:
        form: of the rows.
        owners: of each row, the columns of its owner.
        lengths: of each row, how many rows its stretch has.
        rows: those of one history together and in order.
        place: of each row in its stretch, from 0.
        goal: of each row, the time that the next stretch begins at.
    """
    schema, now = form.schema, np.flatnonzero(place == 0)
    first_goal = None if goal is None else goal.iloc[now].reset_index(drop=True)
    past = Past.of_first(schema, rows.iloc[now].reset_index(drop=True), first_goal)
    parts, learned_rows = [], []
    if schema.whole:
        parts.append(Past.of_none(form, owners.iloc[now]).context(owners.iloc[now], lengths[now]))
        learned_rows.append(now)
    while len(now):
        goes_on = np.append(place, 0)[now + 1] > 0
        now, past = now[goes_on] + 1, past.of(goes_on)
        parts.append(past.context(owners.iloc[now], lengths[now]))
        learned_rows.append(now)
        past = past.after(rows.iloc[now].reset_index(drop=True))
    order = np.argsort(np.concatenate(learned_rows), kind="stable")
    return pd.concat(parts, ignore_index=True).iloc[order].reset_index(drop=True)


def first_targets(
    owners: pd.DataFrame, rows: pd.DataFrame, owner: Ints, schema: Schema, base: str | None
) -> pd.DataFrame:
    """Return when first rows are, as an offset from the owner's date, and what they hold."""
    targets: dict[str, Any] = {}
    if schema.time is not None:
        start = None if base is None else owners[base].iloc[owner].reset_index(drop=True)
        times = rows[schema.time].reset_index(drop=True)
        targets |= {FIRST: schema.between(start, times).array, **moments(schema, rows)}
        if schema.hours and start is not None:
            targets[HOUR] = schema.hours.of_day(times).array
    targets |= {f"row {name}": rows[name].array for name in schema.columns}
    return pd.DataFrame(targets)


def later_targets(
    rows: pd.DataFrame, later: Mask, schema: Schema, start_times: pd.Series[Any] | None = None
) -> pd.DataFrame:
    """Return when later rows are, as the gap to the row before or to its end, and what they hold.

    Args:
        rows: those of one history together and in order.
        later: which of them are not the first of a stretch.
        schema: of the rows.
        start_times: of each row, when its history begins, where first rows are drawn as all others.
    """
    targets: dict[str, Any] = {}
    is_learned = np.ones(len(rows), bool) if schema.whole else later
    if schema.time is not None:
        since = schema.since(rows).shift()
        since = since if start_times is None else since.mask(~later, start_times)
        gaps = schema.between(since, rows[schema.time])
        if schema.hours:
            targets[HOUR] = schema.hours.of_day(rows[schema.time])[is_learned].array
        if schema.spans.end:
            gaps = gaps.mask(later, gaps.clip(lower=gaps[later].min() * 0))
        targets |= _gaps(schema, gaps[is_learned], later[is_learned], rows[schema.time].dtype)
        targets |= moments(schema, rows[is_learned])
    for name in schema.columns:
        values = rows[name]
        if name in schema.steady_columns:
            together = (name, *schema.steady_columns[name])
            is_same = np.logical_and.reduce([same(rows[one], rows[one].shift()) for one in together])
            values = values.astype(object).mask(later & is_same, SAME)
        targets[f"row {name}"] = values[is_learned].array
    return pd.DataFrame(targets)


def _gaps(schema: Schema, gaps: pd.Series[Any], later: Mask, dtype: Any) -> dict[str, Any]:
    """Return gaps to the row before; those to the date of the owner apart, where they are."""
    is_whole = getattr(dtype, "kind", "") in "iu" and not schema.clock
    gaps = gaps.astype(dtype) if is_whole else gaps
    if not schema.first_apart:
        return {GAP: gaps.array}
    return {FIRST: optional(gaps).mask(later).array, GAP: optional(gaps).mask(~later).array}


def moments(schema: Schema, rows: pd.DataFrame) -> dict[str, Any]:
    """Return the dates of rows with spans, given which their values are drawn."""
    times = rows[schema.time]
    parts = {NOW: times.array}
    if schema.clock.days == 0:
        parts[MONTH] = times.dt.month.to_numpy(np.int64)
    dates = schema.spans.as_dates(rows)
    return parts | {f"{AT} {name}": dates[name].array for name, _ in schema.spans.whole}


def starting_times(form: Form, owners: pd.DataFrame) -> pd.Series[Any]:
    """Return the time from which the first row of each owner's history is counted."""
    start = pd.Series([form.start] * len(owners), dtype=form.empty[form.schema.time].dtype)
    return start if form.base is None else owners[form.base].reset_index(drop=True).fillna(start)


def first_times(targets: pd.DataFrame, owners: pd.DataFrame, form: Form) -> pd.DataFrame:
    """Return the times of first rows, and their spans, of which this was drawn."""
    start = None if form.base is None else owners[form.base].reset_index(drop=True)
    return _dated(targets, form.schema.after(start, targets[FIRST], targets), form)


def first_moments(rows: pd.DataFrame, owners: pd.DataFrame, form: Form) -> dict[str, Any]:
    """Return what `first_targets` says of when rows are."""
    start = None if form.base is None else owners[form.base].reset_index(drop=True)
    offsets = form.schema.between(start, rows[form.schema.time])
    return {FIRST: offsets.array, **_spans(rows, form), **moments(form.schema, rows)}


def later_times(targets: pd.DataFrame, past: Past, form: Form) -> pd.DataFrame:
    """Return the times of the next rows, and their spans, of which this was drawn."""
    gaps = targets[GAP]
    if form.schema.first_apart:
        gaps = with_others(targets[GAP if past.place else FIRST])
    return _dated(targets, form.schema.after(form.schema.since(past.rows), gaps, targets), form)


def later_moments(rows: pd.DataFrame, past: Past, form: Form) -> dict[str, Any]:
    """Return what `later_targets` says of when rows are."""
    times = rows[form.schema.time]
    gaps = form.schema.between(form.schema.since(past.rows), times)
    later = np.full(len(times), past.place > 0)
    parts = _gaps(form.schema, gaps, later, times.dtype)
    return parts | _spans(rows, form) | moments(form.schema, rows)


def _dated(targets: pd.DataFrame, times: pd.Series[Any], form: Form) -> pd.DataFrame:
    """Return rows with nothing but their times and spans, numbered from 0."""
    spans = {name: targets[f"row {name}"] for name, _ in form.schema.spans.whole}
    return _as_learned({str(form.schema.time): times, **spans}, form).reset_index(drop=True)


def _spans(rows: pd.DataFrame, form: Form) -> dict[str, Any]:
    return {f"row {name}": rows[name].array for name, _ in form.schema.spans.whole}


def as_rows(targets: pd.DataFrame, dates: pd.DataFrame, past: Past | None, form: Form) -> pd.DataFrame:
    """Return the rows of these times and spans of which this was drawn; of first rows there is no `past`."""
    rows: dict[str, Any] = {name: dates[name] for name in dates.columns}
    rows |= {name: targets[f"row {name}"] for name in form.schema.columns if name not in rows}
    if past is not None:
        rows |= {name: _as_before(rows[name], past.rows[name]) for name in form.schema.steady_columns}
    return _as_learned(rows, form)[list(form.empty.columns)]


def _as_before(values: pd.Series[Any], before: pd.Series[Any]) -> pd.Series[Any]:
    """Return labels with those of the rows before in place of `SAME`; first rows get some other one's."""
    is_same = (values == SAME).fillna(False).to_numpy(bool)
    labels = np.where(is_same, before.to_numpy(object), values.to_numpy(object))
    nothing, others = np.flatnonzero(is_same & before.isna().to_numpy(bool)), labels[~is_same]
    if len(others) and before.isna().all():
        labels[nothing] = np.resize(others, len(nothing))
    return pd.Series(labels, dtype=object)


def _as_learned(rows: Mapping[str, Any], form: Form) -> pd.DataFrame:
    dtypes = form.empty.dtypes.to_dict()
    return pd.DataFrame(
        {name: one if one.dtype == dtypes[name] else one.astype(dtypes[name]) for name, one in rows.items()}
    )
