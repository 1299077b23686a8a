"""Dates that are whole months apart stay so when they are moved one by one: the second follows the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import pandas as pd

from synth.domain import RARE
from synth.sampling.order import is_date

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.sampling.order import DateOrder, Room

    Ints: TypeAlias = NDArray[np.int64]
    Dates: TypeAlias = NDArray[np.datetime64]

STEPS = (1, -1, 2, -2, 3, -3, 6, -6, 12, -12)  # months by which both move where one alone cannot


@dataclass(frozen=True, slots=True)
class DatePair:
    """The date in `second` is whole months behind that in `first`, or before it, in many rows."""

    first: str
    second: str

    @property
    def names(self) -> tuple[str, str]:
        """Both columns."""
        return self.first, self.second


def date_pairs(rows: pd.DataFrame, columns: Sequence[str], units: NDArray[np.uint64]) -> tuple[DatePair, ...]:
    """Return for each of the dates in these columns the one that it is most surely whole months from.

    Args:
        rows: the real ones.
        columns: to look at.
        units: the entity that each row is about.
    """
    from synth.engine.anniversaries import are_whole  # noqa: PLC0415 - slow to import

    dates = {name: _plain(rows[name]) for name in columns if _is_plain(rows[name])}
    ranks = {
        name: (int(np.isnat(values).sum()), int(np.median(values[~np.isnat(values)].astype(np.int64))), name)
        for name, values in dates.items()
        if not np.isnat(values).all()
    }
    pairs: list[DatePair] = []
    names = sorted(ranks, key=lambda name: ranks[name])
    for place, second in enumerate(names):
        strengths = {}
        for first in names[:place]:
            both = ~np.isnat(dates[first]) & ~np.isnat(dates[second])
            number = len(np.unique(units[both]))
            start = _at_time(dates[first], _time_of(dates[second]))
            if number >= RARE:
                strengths[first] = are_whole(start[both], dates[second][both], number)
        best = max(strengths, key=lambda name: strengths[name], default="")
        if best and strengths[best]:
            pairs.append(DatePair(best, second))
    return tuple(pairs)


def names_of(orders: Sequence[DateOrder], pairs: Sequence[DatePair]) -> set[str]:
    """Return the columns of orders and pairs."""
    return {
        name for names in (*(one.names for one in orders), *(one.names for one in pairs)) for name in names
    }


def whole_months_apart(
    moved_dates: pd.DataFrame, before: pd.DataFrame, pairs: Sequence[DatePair], rooms: Mapping[str, Room]
) -> pd.DataFrame:
    """Return rows whose dates were moved, whole months apart where they were before; none is moved back.

    Args:
        moved_dates: the rows.
        before: the same ones as they were.
        pairs: of columns that are whole months apart in many rows.
        rooms: where the dates of each column may stand.
    """
    from synth.engine.anniversaries import Months, common_forms  # noqa: PLC0415 - slow to import

    result = moved_dates
    for pair in pairs:
        old, new = ([_plain(rows[name]) for name in pair.names] for rows in (before, result))
        time = _time_of(old[1])
        there = np.flatnonzero(~np.logical_or.reduce([np.isnat(dates) for dates in (*old, *new)]))
        ends = [values[there] for values in (old[1], new[1])]
        starts = [_at_time(values[there], time) for values in (old[0], new[0])]
        forms = common_forms(starts[0], ends[0])
        spans = Months.between(starts[0], ends[0], forms)
        is_broken = spans.whole & ~Months.between(starts[1], ends[1], forms).whole
        rows = there[is_broken]
        if len(rows):
            pairs_of_rows = BrokenPairs(
                [values[rows] for values in old],
                [values[rows] for values in new],
                spans.form[is_broken],
                spans.number[is_broken],
                time,
            )
            dates = pairs_of_rows.restored_dates(*(rooms[name] for name in pair.names))
            result = result.assign(
                **{name: _with(result[name], rows, own) for name, own in zip(pair.names, dates, strict=True)}
            )
    return result


@dataclass(frozen=True, slots=True)
class BrokenPairs:
    """Pairs of dates that were whole months apart until one of them was moved.

    Attributes:
        old: both dates as they were.
        new: both as they are.
        form: of the spans between them.
        months: that these had.
        time: of the day that all second dates have, if there is one.
    """

    old: Sequence[Dates]
    new: Sequence[Dates]
    form: Ints
    months: Ints
    time: np.timedelta64 | None

    def restored_dates(self, *rooms: Room) -> tuple[Dates, Dates]:
        """Return dates that are as many months apart, and as they are where there is no room for such."""
        result, is_open = (self.new[0].copy(), self.new[1].copy()), np.ones(len(self.form), bool)
        for dates in self._tries():
            fits = is_open.copy()
            for room, own, old, new in zip(rooms, dates, self.old, self.new, strict=True):
                fits &= room.has(own.astype(np.int64)) & ((own != old) | (new == old))
            for own, values in zip(dates, result, strict=True):
                values[fits] = own[fits]
            is_open &= ~fits
        return result

    def _tries(self) -> Iterator[tuple[Dates, Dates]]:
        """Yield both dates: the second behind the first, else before it, else both by some months."""
        from synth.engine.anniversaries import MIRRORS, months_later  # noqa: PLC0415 - slow to import

        yield self.new[0], self._second(self.new[0])
        if self.time is None:
            first = months_later(self.new[1], -self.months, np.array(MIRRORS)[self.form])
            leads_back = self._second(first) == self.new[1]
            yield np.where(leads_back, first, self.old[0]), self.new[1]
        for step in STEPS:
            first = months_later(self.old[0], np.full_like(self.months, step), np.zeros_like(self.form))
            yield first, self._second(first)

    def _second(self, first: Dates) -> Dates:
        from synth.engine.anniversaries import months_later  # noqa: PLC0415 - slow to import

        return months_later(_at_time(first, self.time), self.months, self.form)


def _is_plain(values: pd.Series[Any]) -> bool:
    """Return whether a column holds moments without a time zone."""
    return is_date(values) and isinstance(values.dtype, np.dtype)


def _plain(values: pd.Series[Any]) -> Dates:
    return values.to_numpy("datetime64[us]")


def _with(values: pd.Series[Any], rows: Ints, dates: Dates) -> pd.Series[Any]:
    """Return a column with these dates in some rows."""
    result = values.copy()
    result.iloc[rows] = pd.Series(dates).astype(values.dtype).array
    return result


def _time_of(dates: Dates) -> np.timedelta64 | None:
    """Return the time of the day that all dates have, if there is one."""
    times: Any = (dates - dates.astype("M8[D]"))[~np.isnat(dates)]
    return times[0] if len(times) and (times == times[0]).all() else None


def _at_time(dates: Dates, time: np.timedelta64 | None) -> Dates:
    if time is None:
        return dates
    moved_dates: Any = dates.astype("M8[D]").astype("M8[us]") + time
    return cast("Dates", moved_dates)
