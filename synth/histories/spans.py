"""Dates of a row that lie close to its time are learned as spans from it, and states that follow each other.

An end is learned as the time from its start, so that it is never before it and lasts as long as ends do.
Where no row of an owner begins before the one before it has ended, rows are drawn from that end on.
Spans of whole months are counted in months; where only some are, the date is learned beside its time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import pandas as pd

from synth.engine.anniversaries import Months, are_whole, common_forms, months_from, months_later
from synth.engine.clocks import Clock
from synth.engine.marks import Marks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from synth.histories.panels import Panel

    Ints: TypeAlias = NDArray[np.int64]
    Mask: TypeAlias = NDArray[np.bool_]

TELLING = 0.5**0.5  # of the spread of first times, that offsets may have: then a date tells half the variance
CLOSE = 0.5  # of the spread of a date, that its span may have at most
FEWEST = 20  # rows behind another, from which it is a rule that they do not overlap
MOSTLY = 0.95  # of the spans have one form, if all are counted in months
PARTLY = -1  # the form of spans of which only some are of whole months
SURELY = 0.98  # of the rows that keep a rule: what was drawn anew because it is rare may break it


@dataclass(frozen=True, slots=True)
class Spans:
    """Which dates of the rows are learned as spans from their time.

    Attributes:
        time: the column of the time.
        whole: the columns, and whether each holds whole days beside times that do not.
        end: of these, the one before which no next row of an owner begins, if there is one.
        lasts: the last date of each column: what ends later was not over yet when the rows were observed.
        clocks: of each column; dates that are all firsts of months stay so.
        forms: of the spans of those columns that are counted in months.
        marks: days that all dates of a column are on, and the least and the most span to go to one of them.
    """

    time: str | None = None
    whole: tuple[tuple[str, bool], ...] = ()
    end: str | None = None
    lasts: tuple[Any, ...] = ()
    clocks: tuple[Clock, ...] = ()
    forms: Mapping[str, int] = field(default_factory=dict)
    marks: Mapping[str, tuple[Marks, Any, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: pd.DataFrame, owner: Ints, time: str | None) -> Spans:
        """Return the spans of rows that stand together for each owner, and in order."""
        if time is None or not len(rows) or getattr(rows[time].dtype, "kind", "") != "M":
            return cls()
        moments = {name for name in rows.columns if name != time and rows[name].dtype == rows[time].dtype}
        whole = tuple((str(name), _is_whole(rows, name, time)) for name in sorted(moments))
        spans = cls(time, whole)
        offsets = spans.of_rows(rows)
        close = [(name, days) for name, days in whole if _is_close(rows[name], offsets[name])]
        ends = [name for name, _ in close if _follow(rows[time], rows[name], owner)]
        forms = {name: _form(rows[name], spans._base(rows, days), owner) for name, days in close}
        close = [(name, days) for name, days in close if name in ends or forms[name] != PARTLY]
        dates = [rows[name].dropna() for name, _ in close]
        lasts, clocks = tuple(own.max() for own in dates), tuple(map(Clock.of, dates))
        forms_of = {name: form for name, form in forms.items() if form is not None and form != PARTLY}
        end = ends[0] if ends else None
        others = [name for name, _ in close if name not in forms_of]
        marks = {name: _marks_of(rows[name], offsets[name], owner) for name in others}
        whole_marks = {name: one for name, one in marks.items() if one is not None}
        return cls(time, tuple(close), end, lasts, clocks, forms_of, whole_marks)

    def of_rows(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows with spans in place of these dates, none negative where that is an exception."""
        return rows.assign(**{name: self._span(rows, name, days) for name, days in self.whole})

    def _span(self, rows: pd.DataFrame, name: str, days: bool) -> pd.Series[Any]:
        base = self._base(rows, days)
        if name not in self.forms:
            return _forward(rows[name] - base)
        null = rows[name].isna()
        months = months_from(base.to_numpy(), rows[name].mask(null, base).to_numpy(), self.forms[name])
        return pd.Series(pd.arrays.IntegerArray(months, null.to_numpy(bool)), index=rows.index)

    def _date(self, rows: pd.DataFrame, name: str, days: bool) -> pd.Series[Any]:
        """Return of rows with spans the dates of one of the columns."""
        base = self._base(rows, days)
        if name not in self.forms:
            return base + rows[name]
        months = rows[name].fillna(0).to_numpy(np.int64)
        dates: Any = months_later(base.to_numpy(), months, self.forms[name])
        return pd.Series(dates, index=rows.index).astype(base.dtype).mask(rows[name].isna())

    def as_dates(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows with dates in place of spans."""
        dates = {name: self._date(rows, name, days) for name, days in self.whole}
        pairs = zip(dates.items(), self.clocks or (Clock(),) * len(dates), strict=True)
        days = {name: clock.nearest_of(values) for (name, values), clock in pairs}
        return rows.assign(**{name: self._on_marks(rows, name, one) for name, one in days.items()})

    def _on_marks(self, rows: pd.DataFrame, name: str, dates: pd.Series[Any]) -> pd.Series[Any]:
        """Return dates on the nearest marked days, if all real ones are on such."""
        if name not in self.marks:
            return dates
        marks, least, most = self.marks[name]
        base = self._base(rows, dict(self.whole)[name])
        there = dates.notna()
        room = [(base + span)[there].to_numpy() for span in (least, most)]
        result = dates.copy()
        result[there] = pd.Series(marks.nearest(dates[there].to_numpy(), *room)).astype(dates.dtype).array
        return result

    def are_beyond(self, rows: pd.DataFrame) -> Mask:
        """Return which rows with spans have a date behind the last one."""
        beyond = np.zeros(len(rows), bool)
        for (name, days), last in zip(self.whole, self.lasts, strict=True):
            beyond |= (self._date(rows, name, days) > last).to_numpy(bool)
        return beyond

    def _base(self, rows: pd.DataFrame, days: bool) -> pd.Series[Any]:
        time = rows[self.time]
        return time.dt.normalize() if days else time

    def since(self, rows: pd.DataFrame) -> pd.Series[Any]:
        """Return of rows with spans the moment from which on the next of their owner may begin."""
        if self.end is None:
            return rows[self.time]
        ends = self._date(rows, self.end, dict(self.whole)[self.end])
        return ends.fillna(rows[self.time])

    def goes_on(self, rows: pd.DataFrame) -> Mask:
        """Return of rows with spans after which of them another may come: not what has no end."""
        if self.end is None:
            return np.ones(len(rows), bool)
        return cast("Mask", rows[self.end].notna().to_numpy())


def with_tries(rows: pd.DataFrame, which: Mask, tries: pd.DataFrame, valid: Mask) -> pd.DataFrame:
    """Return the rows with the first valid one of its tries in place of each of `which`, else the last.

    Args:
        rows: numbered from 0.
        which: those to replace.
        tries: the same number for each of these, one after the other.
        valid: of these tries, a line for each row to replace.
    """
    number = valid.shape[1]
    pick = np.where(valid.any(1), valid.argmax(1), number - 1) + number * np.arange(len(valid))
    others = tries.iloc[pick].set_axis(np.flatnonzero(which))
    result: pd.DataFrame = pd.concat([rows[~which], others]).sort_index()
    return result


def _marks_of(dates: pd.Series[Any], spans: pd.Series[Any], owner: Ints) -> tuple[Marks, Any, Any] | None:
    """Return the marked days that all dates are on, and between which spans all but a few are.

    A first instalment is due on a first or fifteenth of a month, soon after it was agreed on.
    """
    there = dates.notna().to_numpy(bool)
    if not isinstance(dates.dtype, np.dtype) or there.sum() < FEWEST:
        return None
    marks = Marks.of(dates[there].to_numpy("M8[us]"), owner[there], FEWEST)
    in_order = spans.dropna().sort_values()
    return (marks, in_order.iloc[FEWEST - 1], in_order.iloc[-FEWEST]) if marks.whole else None


def _forward(spans: pd.Series[Any]) -> pd.Series[Any]:
    present = spans.dropna()
    nothing = present.iloc[0] * 0 if len(present) else None
    return spans if nothing is None or (present >= nothing).mean() < SURELY else spans.clip(lower=nothing)


def _is_whole(rows: pd.DataFrame, name: str, time: str) -> bool:
    """Return whether a column holds days, beside a time that does not."""
    present = rows[name].dropna()
    return bool((present == present.dt.normalize()).all() and (rows[time] != rows[time].dt.normalize()).any())


def _form(dates: pd.Series[Any], base: pd.Series[Any], owner: Ints) -> int | None:
    """Return the form of spans of whole months, PARTLY if some have another, None if chance may do it."""
    there = dates.notna().to_numpy(bool)
    plain = (values[there] for values in (base, dates))
    if not there.any():
        return None
    if not isinstance(dates.dtype, np.dtype):
        start, end = (values.dt.tz_localize(None).to_numpy() for values in plain)
    else:
        start, end = (values.to_numpy() for values in plain)
    if not are_whole(start, end, len(np.unique(owner[there]))):
        return None
    form = common_forms(start, end)[0]
    is_whole = Months.between(start, end, (form,)).whole.mean() >= MOSTLY
    return form if is_whole and isinstance(dates.dtype, np.dtype) else PARTLY


def _is_close(dates: pd.Series[Any], spans: pd.Series[Any]) -> bool:
    present = spans.dropna()
    if not len(present):
        return False
    moments = dates.dropna()
    return bool(_spread(present) < CLOSE * _spread(moments - moments.iloc[0]))


def _spread(spans: pd.Series[Any]) -> float:
    is_time = getattr(spans.dtype, "kind", "") == "m"
    plain = spans.to_numpy("timedelta64[us]") if is_time else spans.to_numpy(np.float64, na_value=0.0)
    numbers = plain.astype(np.float64)
    return float(np.abs(numbers - np.median(numbers)).mean())


def _follow(times: pd.Series[Any], ends: pd.Series[Any], owner: Ints) -> bool:
    """Return whether no row of an owner begins before the end of the one before it, which has one."""
    again = np.r_[False, owner[1:] == owner[:-1]]
    late = (times >= ends.shift()).to_numpy(bool)
    return bool(again.sum() >= FEWEST and late[again].mean() >= SURELY)


def closest_date(owners: pd.DataFrame, rows: pd.DataFrame, owner: Ints, time: str | None) -> str | None:
    """Return the owner's date from which first times differ least, if it tells half of how they vary."""
    if time is None or not len(rows):
        return None
    times = rows[time].reset_index(drop=True)
    spreads = {}
    for name in owners.columns:
        base = owners[name].iloc[owner].reset_index(drop=True)
        if base.dtype == times.dtype and base.notna().all():
            spreads[name] = _spread(times - base)
    best = min(spreads, key=lambda name: spreads[name], default=None)
    return best if best is not None and spreads[best] < TELLING * _spread(times - times.iloc[0]) else None


def comes_soon(panel: Panel, base: str | None, time: str | None) -> bool:
    """Return whether first rows lie much closer to a date of their owner than others to the row before."""
    if base is None or time is None or getattr(panel.rows[time].dtype, "kind", "") != "M":
        return False  # a number of the owner that is near to one of the row is no date to count from
    times, first = panel.rows[time].reset_index(drop=True), panel.place == 0
    offsets = times[first] - panel.owners[base].iloc[panel.owner[first]].array
    gaps = times.diff()[~first]
    return bool(len(gaps)) and _spread(offsets) < CLOSE * _spread(gaps)


def with_others(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return values with some of them, in turn, in place of NULL, which few draws hold; 0 where all do."""
    missing = values.isna().to_numpy(bool)
    present = values[~missing]
    if not len(present):
        return values.fillna(pd.Timedelta(0) if values.dtype.kind == "m" else 0)
    turns = pd.Series(present.array.take(np.resize(np.arange(len(present)), len(values))))
    return turns.where(missing, values.reset_index(drop=True))
