"""Days that many dates fall on: firsts of months, 1 January. Each is of few people, all of them are of many.

A date that is smoothed would lose them: of 300 policies that begin on a first of a month, each does on one of
its own. Which kind of day a date is on is drawn first, then which month or year it is of, or else the day.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.engine.evidence import LEVEL, log_tail

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synth.engine.columns import Ints, Mask
    from synth.engine.ticks import Native

    Days = NDArray[np.datetime64]

YEARLY, MONTHLY, NEITHER = range(3)  # kinds of days
LAST = 0  # stands for the last day of a month
DAYS_OF_A_YEAR, MONTHS, DAYS = 365.25, 12, 31
TOO_COMMON = 2.0  # times as often as by chance
TRIALS = 400  # days of the month and of the year that are tried
MOST = 4  # days of a kind
FEWEST = {YEARLY: 3, MONTHLY: 4}  # different years or months in which they are met
NEARLY_ALL = 0.99  # share of the dates that are on marks, from which all are
SURPLUS = 2.0  # standard deviations of a number that chance explains


@dataclass(frozen=True, slots=True)
class Marks:
    """Which days of the year, and of the month, dates fall on far more often than chance has it.

    Attributes:
        yearly: days of the year, as a month from 0 and a day from 0 together.
        monthly: days of the month; LAST is its last.
        shares: of the dates that are on a day of the one kind, and of the other.
    """

    yearly: tuple[int, ...] = ()
    monthly: tuple[int, ...] = ()
    shares: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def of(cls, dates: Native, whom: Ints | None, rare: int) -> Marks:
        """Return the marks of dates without NULL that at least `rare` entities are on.

        Args:
            dates: the dates.
            whom: each is about; None where each is one.
            rare: how many entities make a day common.
        """
        if not len(dates) or dates.dtype.kind != "M":
            return cls()
        days = dates.astype("M8[D]")
        people = np.arange(len(days)) if whom is None else np.unique(whom, return_inverse=True)[1]
        month, day, last = _parts(days)
        year_days = month % MONTHS * DAYS + day - 1
        yearly = _common(year_days, month // MONTHS, people, rare, kind=YEARLY)
        rest = ~np.isin(year_days, yearly)
        monthly = _common(np.where(rest, np.where(last, LAST, day), -1), month, people, rare, kind=MONTHLY)
        marks = cls(yearly, monthly)
        kinds = marks.kinds(days)
        return cls(yearly, monthly, (float((kinds == YEARLY).mean()), float((kinds == MONTHLY).mean())))

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self.yearly or self.monthly)

    def kinds(self, dates: Native) -> Ints:
        """Return the kind of day that each date is on."""
        month, day, last = _parts(dates.astype("M8[D]"))
        of_month = np.isin(day, self.monthly) & ~last | last & (LAST in self.monthly)
        is_yearly = np.isin(month % MONTHS * DAYS + day - 1, self.yearly)
        return np.where(is_yearly, YEARLY, np.where(of_month, MONTHLY, NEITHER))

    @property
    def whole(self) -> bool:
        """Whether hardly a date is on another day."""
        return sum(self.shares) >= NEARLY_ALL

    def nearest(self, dates: Native, start: Native, end: Native) -> NDArray[np.datetime64]:
        """Return the marked days that are nearest to dates, in the room of each; else the dates."""
        best: NDArray[np.datetime64] = dates.astype("M8[us]")
        room = start.astype("M8[us]"), end.astype("M8[us]")
        apart = np.full(len(best), np.iinfo(np.int64).max)
        for kind in [kind for kind, days in ((YEARLY, self.yearly), (MONTHLY, self.monthly)) if days]:
            days = self._nearest(dates.astype("M8[us]"), kind, *room)
            distance = np.abs((days - dates.astype("M8[us]")).astype(np.int64))
            is_nearer = (self.kinds(days) == kind) & (distance < apart)
            best, apart = np.where(is_nearer, days, best), np.where(is_nearer, distance, apart)
        return best

    def count(self, dates: Native) -> int:
        """Return how many dates are on a mark."""
        return int((self.kinds(dates) != NEITHER).sum())

    def numbers(self, dates: Native, kind: int) -> Ints:
        """Return the number of each date among those of a kind; of others that of the last one before."""
        month, day, last = _parts(dates.astype("M8[D]"))
        if kind == YEARLY:
            place = np.searchsorted(self.yearly, month % MONTHS * DAYS + day - 1, "right") - 1
            return month // MONTHS * len(self.yearly) + place
        order = self._monthly
        place = np.searchsorted(order, np.where(last & (LAST in self.monthly), DAYS, day), "right") - 1
        return month * len(order) + place

    def dates(self, numbers: Ints, kind: int) -> Days:
        """Return the dates of a kind that have these numbers."""
        if kind == YEARLY:
            year, place = np.divmod(numbers, len(self.yearly))
            of_year = np.array(self.yearly)[place]
            month, day = year * MONTHS + of_year // DAYS, of_year % DAYS + 1
        else:
            month, place = np.divmod(numbers, len(self.monthly))
            day = np.array(self._monthly)[place]
            yearly = np.isin(month % MONTHS * DAYS + day - 1, self.yearly)
            month = month + yearly  # such a day is of the other kind
        start = month.astype("M8[M]").astype("M8[D]")
        length = ((month + 1).astype("M8[M]").astype("M8[D]") - start).astype(np.int64)
        days: Days = start + (np.minimum(day, length) - 1)
        return days

    @property
    def _monthly(self) -> list[int]:
        """The days of the month in order, the last one as if all months were long."""
        return sorted(day if day != LAST else DAYS for day in self.monthly)

    def move(
        self, times: pd.Series[Any], start: pd.Series[Any], end: pd.Series[Any], rng: np.random.Generator
    ) -> pd.Series[Any]:
        """Return the times with as many on each kind of day as there are, moved to the nearest such day.

        Args:
            times: of one row of each history.
            start: the earliest that each may be.
            end: the latest.
            rng: the source of chance.
        """
        result = times.copy()
        for kind in (YEARLY, MONTHLY) if self else ():
            days = result.to_numpy("M8[us]")
            kinds = self.kinds(days)
            target = self.shares[kind] * len(days)
            rest = np.flatnonzero(kinds == NEITHER)
            missing_rows = target - (kinds == kind).sum()
            if missing_rows <= SURPLUS * math.sqrt(target) or not len(rest):
                continue
            some = rest[rng.random(len(rest)) < missing_rows / len(rest)]
            room = (one.iloc[some].to_numpy("M8[us]") for one in (start, end))
            nearest = self._nearest(days[some], kind, *room)
            result.iloc[some] = pd.Series(nearest).astype(result.dtype).array
        return result

    def _nearest(self, days: Native, kind: int, first: Native, last: Native) -> NDArray[np.datetime64]:
        """Return the nearest days of a kind in the room of each, at the same time of the day, if any."""
        number, time = self.numbers(days, kind), days - days.astype("M8[D]")
        best, apart = days.copy(), np.full(len(days), np.iinfo(np.int64).max)
        for step in (0, 1):
            dates = self.dates(number + step, kind).astype("M8[us]") + time
            distance = np.abs((dates - days).astype(np.int64))
            fits = (dates >= first) & (dates <= last) & (distance < apart)
            best, apart = np.where(fits, dates, best), np.where(fits, distance, apart)
        return best


def _parts(days: Days) -> tuple[Ints, Ints, Mask]:
    """Return the month of each day from 1970 on, its place in it from 1, and whether it is the last."""
    month = days.astype("M8[M]")
    return (
        month.astype(np.int64),
        (days - month.astype("M8[D]")).astype(np.int64) + 1,
        (days + 1).astype("M8[M]") != month,
    )


def _common(values: Ints, period: Ints, people: Ints, rare: int, *, kind: int) -> tuple[int, ...]:
    """Return which values of days are met far too often, in several periods; those below 0 are left out."""
    entities = int(people.max()) + 1
    counts = np.bincount(values[values >= 0], minlength=MONTHS * DAYS)
    found_days = []
    for value in np.argsort(-counts, kind="stable")[:MOST].tolist():
        share, rows = counts[value] / len(values), values == value
        chance = MONTHS / DAYS_OF_A_YEAR
        if kind == YEARLY:  # a first of April is no more common than other firsts of months
            others = counts[value % DAYS :: DAYS].sum() - counts[value]
            chance = max(1 / DAYS_OF_A_YEAR, others / (MONTHS - 1) / len(values))
        number = math.floor(share * entities)
        if (kind == MONTHLY and value > 28) or share <= TOO_COMMON * chance:  # noqa: PLR2004 - days of February
            continue
        sure = log_tail(number, entities, TOO_COMMON * chance) < math.log(LEVEL / TRIALS)
        several = len(np.unique(period[rows])) >= FEWEST[kind] and len(np.unique(people[rows])) >= rare
        if sure and several:
            found_days.append(value)
    return tuple(sorted(found_days))
