"""Dates that move one by one stay as far apart as dates are: where they would not, both move together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]
    Mask: TypeAlias = NDArray[np.bool_]

FEWEST = 20  # rows that have both dates, from which it is a rule that one is never before the other; or
# rows for each distance, from which they share a few
PROBE = 200  # rows that dismiss nearly all pairs
PASSES = 3  # over all pairs, because a date that moves with one may pass another
DAY = 86_400_000_000  # in microseconds
WEEK = 7 * DAY
WEEKS = (1, -1, 2, -2, 3, -3)  # by which days move where what moved them has no room for both
NONE = np.iinfo(np.int64).min  # stands for no date


@dataclass(frozen=True, slots=True)
class DateOrder:
    """The date in `second` is never before that in `first`; whole days are compared by the day.

    Attributes:
        least, most: how far behind it is, in microseconds.
        days: which of the two hold whole days.
        distances: how far behind it may be, where rows share a few distances; empty where they do not.
    """

    first: str
    second: str
    least: int
    most: int
    days: tuple[bool, bool]
    distances: tuple[int, ...] = ()

    @property
    def names(self) -> tuple[str, str]:
        """Both columns."""
        return self.first, self.second

    def is_broken(self, dates: Mapping[str, Ints]) -> Mask:
        """Return the rows in which it is as far behind as never."""
        first, second = dates[self.first], dates[self.second]
        both = (first != NONE) & (second != NONE)
        apart = _apart(np.where(both, first, 0), np.where(both, second, 0), by_day=any(self.days))
        wrong = (apart < self.least) | (apart > self.most)
        if self.distances:
            wrong |= ~np.isin(apart, self.distances)
        breaks: Mask = both & wrong
        return breaks


def date_orders(rows: pd.DataFrame, columns: Sequence[str]) -> tuple[DateOrder, ...]:
    """Return which of the dates in these columns are never before which others in the rows."""
    dates = {name: as_microseconds(rows[name]) for name in columns if is_date(rows[name])}
    days = {name: _holds_days(values) for name, values in dates.items()}
    orders = []
    for first, second in permutations(dates, 2):
        pair = days[first], days[second]
        probe = _apart(dates[first][:PROBE], dates[second][:PROBE], by_day=any(pair))
        if (probe[(dates[first][:PROBE] != NONE) & (dates[second][:PROBE] != NONE)] < 0).any():
            continue
        both = (dates[first] != NONE) & (dates[second] != NONE)
        apart = _apart(dates[first][both], dates[second][both], by_day=any(pair))
        if len(apart) >= FEWEST and (apart >= 0).all() and (apart > 0).any():
            distances = np.unique(apart)
            few = tuple(distances.tolist()) if len(distances) * FEWEST <= len(apart) else ()
            orders.append(DateOrder(first, second, int(apart.min()), int(apart.max()), pair, few))
    return tuple(orders)


@dataclass(frozen=True, slots=True)
class Room:
    """Where dates of a column may stand, in microseconds: from one to another, and on none of those taken."""

    first: int
    last: int
    taken: NDArray[Any]

    @classmethod
    def of(cls, dates: pd.Series[Any], taken: NDArray[Any] | None = None) -> Room:
        """Return the room between the first and the last of some dates."""
        numbers = as_microseconds(dates.dropna())
        ends = (int(numbers.min()), int(numbers.max())) if len(numbers) else (0, -1)
        return cls(*ends, np.zeros(0, np.int64) if taken is None else taken)

    def has(self, dates: Ints) -> Mask:
        """Return which of the dates may stand there."""
        free: Mask = (dates >= self.first) & (dates <= self.last) & ~np.isin(dates, self.taken)
        return free


def in_order(
    moved_dates: pd.DataFrame, before: pd.DataFrame, orders: Sequence[DateOrder], rooms: Mapping[str, Room]
) -> pd.DataFrame:
    """Return rows whose dates were moved; two that never are so far apart move together, as far as one did.

    Args:
        moved_dates: the rows.
        before: the same ones as they were.
        orders: that the rows kept before.
        rooms: of each column of the orders.
    """
    names = dict.fromkeys(name for order in orders for name in order.names)
    old = {name: as_microseconds(before[name]) for name in names}
    new = {name: as_microseconds(moved_dates[name]) for name in names}
    has_changed = False
    for _ in range(PASSES):
        for order in orders:
            rows = np.flatnonzero(order.is_broken(new) & ~order.is_broken(old))
            if len(rows):
                _move_together(order, rows, old, new, rooms)
                has_changed = True
    if not has_changed:
        return moved_dates
    return moved_dates.assign(**{name: _as_dates(moved_dates[name], values) for name, values in new.items()})


def _move_together(
    order: DateOrder, rows: Ints, old: Mapping[str, Ints], new: Mapping[str, Ints], rooms: Mapping[str, Room]
) -> None:
    """Move both dates in these rows as far as one of them was moved, where there is room; none back."""
    before = [old[name][rows] for name in order.names]
    own = [new[name][rows] - dates for name, dates in zip(order.names, before, strict=True)]
    is_open = np.ones(len(rows), bool)
    for shifts in _shifts(order, before, own, rooms):
        fit = is_open.copy()
        for name, dates, shift, moved_dates in zip(order.names, before, shifts, own, strict=True):
            fit &= rooms[name].has(dates + shift) & ((shift != 0) | (moved_dates == 0))
        fit &= np.any(shifts, axis=0)
        for name, dates, shift in zip(order.names, before, shifts, strict=True):
            new[name][rows[fit]] = (dates + shift)[fit]
        is_open &= ~fit


def _shifts(
    order: DateOrder, before: Sequence[Ints], own: Sequence[Ints], rooms: Mapping[str, Room]
) -> Iterator[tuple[Ints, Ints]]:
    """Yield by what both dates may move, in the order of preference.

    Beside whole days a time moves freely, and the day with it. Of two alike both move as far as the one that
    moved farther, or as the other, or that way as far as there is room.
    """
    low, high = (
        choose([end - dates for end, dates in zip(ends, before, strict=True)], axis=0)
        for choose, ends in (
            (np.max, [rooms[name].first for name in order.names]),
            (np.min, [rooms[name].last for name in order.names]),
        )
    )
    if order.days[0] != order.days[1]:
        time = order.days.index(False)
        by_day = _days(before[time] + own[time]) - _days(before[time])
        yield (by_day, own[1]) if time else (own[0], by_day)
        both = np.where(own[time] == 0, own[1 - time], 0)
        yield both, both
        nearest = np.minimum(np.maximum(both, low), high)
        nearest = np.sign(nearest) * _days(np.abs(nearest))
    else:
        is_first = np.abs(own[0]) >= np.abs(own[1])
        farther, other = np.where(is_first, own[0], own[1]), np.where(is_first, own[1], own[0])
        yield farther, farther
        yield other, other
        nearest = np.minimum(np.maximum(farther, low), high)
    yield nearest, nearest
    for weeks in WEEKS if all(order.days) else ():
        both = np.full_like(low, weeks * WEEK)
        yield both, both


def is_date(values: pd.Series[Any]) -> bool:
    """Return whether a column holds moments."""
    return pd.api.types.is_datetime64_any_dtype(values.dtype)


def as_microseconds(values: pd.Series[Any]) -> Ints:
    """Return moments as whole numbers; NULL as `NONE`."""
    moments = values.dt.tz_convert(None) if isinstance(values.dtype, pd.DatetimeTZDtype) else values
    return moments.to_numpy("datetime64[us]").astype(np.int64)


def _as_dates(values: pd.Series[Any], numbers: Ints) -> pd.Series[Any]:
    """Return the column with these moments in its own dtype."""
    dates = pd.Series(numbers.astype("datetime64[us]"), index=values.index)
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        dates = dates.dt.tz_localize("UTC")
    return dates.astype(values.dtype)


def _holds_days(dates: Ints) -> bool:
    present = dates[dates != NONE]
    return bool(len(present) and (present % DAY == 0).all())


def _days(dates: Ints) -> Ints:
    """Return the beginnings of the days."""
    return dates // DAY * DAY


def _apart(first: Ints, second: Ints, *, by_day: bool) -> Ints:
    return _days(second) - _days(first) if by_day else second - first
