"""What is never before a date of its owner in the real rows is not before it in the twin's.

An order is not placed before the customer signed up, nor a contract signed by a child. Engines draw it so
where they can; what they smooth, and what is moved away from somebody's own date, may come too early all the
same, and is moved to the first moment at which it may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from synth.domain import RARE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]
    Times: TypeAlias = NDArray[np.datetime64]

FEWEST = 20  # rows that have both dates, from which it is a rule
CHANCE = 1e-6  # of no date on one day of the week, below which none falls there
EVERY_DAY = (True,) * 7
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True)
class Precedence:
    """The date in `column` of a row is never before that in `earlier` of its owner.

    Attributes:
        years: that it is behind it at least.
        by_day: it holds whole days, and may be the day of the owner's time.
        weekdays: the days of the week, Monday first, that it falls on.
    """

    column: str
    earlier: str
    by_day: bool
    weekdays: tuple[bool, ...] = EVERY_DAY
    years: int = 0

    def first_times(self, owners: pd.DataFrame) -> Times:
        """Return for each owner the first moment at which the date may be."""
        from synth.engine.anniversaries import SAME, YEAR, months_later  # noqa: PLC0415 - slow to import

        times = times_of(owners[self.earlier])
        times = months_later(times, np.int64(YEAR * self.years), SAME) if self.years else times
        return whole_days(times) if self.by_day else times


def find_precedence(rows: pd.DataFrame, owner: Ints, owners: pd.DataFrame) -> tuple[Precedence, ...]:
    """Return which dates of rows are never before which dates of their owners.

    Args:
        rows: the real ones.
        owner: of each the position of its owner; -1 where it has none.
        owners: the real ones.
    """
    from synth.engine.anniversaries import years_apart  # noqa: PLC0415 - slow to import

    pairs: list[Precedence] = []
    owned_rows = np.flatnonzero(owner >= 0)
    dates = {str(name): times_of(owners[name])[owner[owned_rows]] for name in moments_of(owners)}
    for column in moments_of(rows):
        times = times_of(rows[column])[owned_rows]
        whole = bool((whole_days(times) == times)[~np.isnat(times)].all())
        for earlier, owner_times in dates.items():
            both = ~np.isnat(times) & ~np.isnat(owner_times)
            first = whole_days(owner_times) if whole else owner_times
            if both.sum() >= FEWEST and (times >= first)[both].all():
                years = years_apart(first[both], times[both], owner[owned_rows][both], RARE)
                pairs.append(Precedence(column, earlier, whole, _weekdays(times), years))
    return tuple(pairs)


def move_behind(
    rows: pd.DataFrame, owner: Ints, owners: pd.DataFrame, pairs: Sequence[Precedence]
) -> pd.DataFrame:
    """Return the rows with dates that are too early moved to those of their owners.

    Other such dates of the row move with them, so that what lasts a while still does. Where no real date
    falls on a weekend, they move on to Monday.

    Args:
        rows: those drawn.
        owner: of each the position of its owner's twin.
        owners: the owners' twins.
        pairs: which dates are not before which.
    """
    if not pairs or not len(rows):
        return rows
    late = np.zeros(len(rows), "m8[us]")
    for pair in pairs:
        lag = pair.first_times(owners)[owner] - times_of(rows[pair.column])
        late = np.fmax(late, np.where(np.isnat(lag), np.timedelta64(0, "us"), lag))
    is_early = late > np.timedelta64(0, "us")
    if not is_early.any():
        return rows
    columns = {pair.column: pair for pair in pairs}.values()
    times = {pair.column: times_of(rows[pair.column])[is_early] for pair in columns}
    steps = {pair.column: (-(-late // DAY) * DAY if pair.by_day else late)[is_early] for pair in columns}
    more = _days_to_wait([(times[pair.column] + steps[pair.column], pair.weekdays) for pair in columns])
    result = rows.copy()
    for pair in columns:
        values = result[pair.column].copy()
        values[is_early] = values[is_early] + pd.to_timedelta(steps[pair.column] + more)
        result[pair.column] = values.astype(rows[pair.column].dtype)
    return result


def _days_to_wait(dates: Sequence[tuple[Times, tuple[bool, ...]]]) -> NDArray[np.timedelta64]:
    """Return in how many days all dates of a row fall on days of the week that they may; 0 where never."""
    wait = np.zeros(len(dates[0][0]), "m8[us]")
    is_open = np.ones(len(wait), bool)
    for days in range(len(EVERY_DAY)):
        does = is_open.copy()
        for times, weekdays in dates:
            does &= np.isnat(times) | np.array(weekdays)[_weekday(times + days * DAY)]
        wait[does], is_open = days * DAY, is_open & ~does
    return wait


def _weekdays(times: Times) -> tuple[bool, ...]:
    """Return the days of the week that RARE dates fall on; all, where chance explains missing ones."""
    present = ~np.isnat(times)
    counts = np.bincount(_weekday(times[present]), minlength=len(EVERY_DAY))
    if (1 - 1 / len(EVERY_DAY)) ** present.sum() > CHANCE:
        return EVERY_DAY
    return tuple((counts >= RARE).tolist())


def _weekday(times: Times) -> Ints:
    """Return the day of the week of each time, Monday 0; of none, 0."""
    days = np.where(np.isnat(times), np.datetime64(0, "us"), times).astype("datetime64[D]").astype(np.int64)
    return (days + 3) % len(EVERY_DAY)  # the first of January 1970 was a Thursday


def moments_of(frame: pd.DataFrame) -> list[str]:
    """Return the columns of dates."""
    return [str(name) for name in frame.columns if pd.api.types.is_datetime64_any_dtype(frame[name].dtype)]


def times_of(values: pd.Series[Any]) -> Times:
    """Return dates in microseconds; those with a zone in UTC."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    return values.to_numpy("datetime64[us]")


def whole_days(times: Times) -> Times:
    """Return the beginning of the day of each time."""
    return times.astype("datetime64[D]").astype("datetime64[us]")
