"""Days of the week of times that are drawn as gaps: what falls on a quiet day moves to a near busier one."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

DAYS = 7
FEWEST = 200  # times that show which days of the week are busy
UNEVEN = (
    22.5  # of a chi-squared statistic with six degrees of freedom, which chance exceeds once in a thousand
)
SURPLUS = 2.0  # standard deviations of a day's number that chance explains


@dataclass(frozen=True, slots=True)
class Week:
    """Which share of the times falls on each day of the week, Monday first; no shares where all are alike."""

    shares: tuple[float, ...] = ()

    @classmethod
    def of(cls, times: pd.Series[Any], rare: int) -> Week:
        """Return the shares of days that at least `rare` times fall on."""
        if getattr(times.dtype, "kind", "") != "M" or len(times) < FEWEST:
            return cls()
        counts = np.bincount(times.dt.day_of_week, minlength=DAYS).astype(np.float64)
        mean = counts.mean()
        if ((counts - mean) ** 2 / mean).sum() < UNEVEN:
            return cls()
        counts[counts < rare] = 0.0
        return cls(tuple((counts / counts.sum()).tolist()) if counts.any() else ())

    def move_to_busy_days(
        self, times: pd.Series[Any], start: pd.Series[Any], end: pd.Series[Any], rng: np.random.Generator
    ) -> pd.Series[Any]:
        """Return the times with those that are too many on a day moved to the nearest that has too few.

        Args:
            times: of one row of each history.
            start: the earliest that each may be.
            end: the latest.
            rng: the source of chance.
        """
        if not self.shares or not len(times):
            return times
        day = times.dt.day_of_week.to_numpy().astype(np.int64)
        shares, counts = np.array(self.shares), np.bincount(day, minlength=DAYS)
        targets = shares * len(day)
        allowance = np.array([SURPLUS * sqrt(number) for number in targets])
        surplus = np.where(counts - targets > allowance, counts - targets, 0.0)
        deficit = np.maximum(targets - counts, 0.0)
        rows = np.flatnonzero(rng.random(len(day)) * np.maximum(counts, 1)[day] < surplus[day])
        if not len(rows) or not deficit.any():
            return times
        new_days = rng.choice(DAYS, len(rows), p=deficit / deficit.sum())
        nearest = (new_days - day[rows] + DAYS // 2) % DAYS - DAYS // 2
        result, to_move = times.copy(), np.ones(len(rows), dtype=bool)
        for steps in (nearest, nearest % DAYS, nearest % DAYS - DAYS):  # else the next one, else the last
            candidates = times.iloc[rows] + pd.to_timedelta(steps, "D")
            fits = to_move & ((candidates >= start.iloc[rows]) & (candidates <= end.iloc[rows])).to_numpy(
                bool
            )
            result.iloc[rows[fits]] = candidates[fits].array
            to_move &= ~fits
        return result
