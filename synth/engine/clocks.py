"""Times that all lie at the start of a period (or all at its end), counted in periods: months or weeks.

A month has 28 to 31 days. A gap drawn in days leads from the first of a month to the second or the last of
another; a gap of one month does not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

FEWEST = 4  # different times that lie so; a day of the month is met by chance in one of thirty cases
DAY = 24 * 60 * 60 * 1_000_000  # microseconds
DAYS_OF_A_MONTH = 30  # or so


@dataclass(frozen=True, slots=True)
class Clock:
    """How times are counted: in durations, or in periods.

    Attributes:
        days: of a period; 0 for a month, None where times are counted in durations.
        offset: microseconds that the times lie behind the start of their month, or behind 1970-01-01.
        dtype: of the times.
        least: periods from a row to the next of its owner.
    """

    days: int | None = None
    offset: int = 0
    dtype: Any = None
    least: int = 0

    @classmethod
    def of_rows(cls, times: pd.Series[Any], later: NDArray[np.bool_]) -> Clock:
        """Return the clock of rows in order; `later` are those that one of their owner precedes."""
        clock = cls.of(times)
        gaps = clock.between(times.shift(), times)[later]
        return replace(clock, least=int(gaps.min())) if clock and len(gaps) else clock

    @classmethod
    def of(cls, times: pd.Series[Any]) -> Clock:
        """Return the clock of times without NULL: of the longest period that they are all starts of."""
        if not isinstance(times.dtype, np.dtype) or times.dtype.kind != "M":
            return cls()
        months = cls.of_months(times.to_numpy())
        moments = np.unique(times.to_numpy("M8[us]")).astype(np.int64)
        if months or len(moments) < FEWEST:
            return months
        step = int(np.gcd.reduce(np.diff(moments)))
        days, rest = divmod(step, DAY)
        if rest or days < 2:  # noqa: PLR2004 - days are what durations count already
            return cls()
        return cls(days, int(moments[0] % step), times.dtype)

    @classmethod
    def of_months(cls, times: NDArray[Any]) -> Clock:
        """Return the clock of months where all times, without NULL, lie equally far behind their start."""
        if times.dtype.kind != "M":
            return cls()
        moments = np.unique(times.astype("M8[us]"))
        if len(moments) < FEWEST:
            return cls()
        first = moments[0] - moments[0].astype("M8[M]")
        for offset in (int(first.astype("m8[us]").astype(np.int64)), -DAY):
            starts = moments - np.timedelta64(offset, "us")
            if (starts == starts.astype("M8[M]")).all():
                return cls(0, offset, times.dtype)
        return cls()

    def __bool__(self) -> bool:
        """Return whether times are counted in periods."""
        return self.days is not None

    def between(self, start: pd.Series[Any] | None, times: pd.Series[Any]) -> pd.Series[Any]:
        """Return how long after `start` times are, as durations or periods; NULL where one of them is.

        Without a start periods are counted from 1970 on, and durations are the times themselves.
        """
        if not self:
            return times if start is None else times - start
        numbers, nulls = self._numbers(times.to_numpy()), times.isna().to_numpy(bool)
        if start is not None:
            numbers, nulls = (
                numbers - self._numbers(start.to_numpy()),
                nulls | start.isna().to_numpy(bool),
            )
        return pd.Series(pd.arrays.IntegerArray(np.where(nulls, 0, numbers), nulls), index=times.index)

    def after(self, start: pd.Series[Any] | None, gaps: pd.Series[Any]) -> pd.Series[Any]:
        """Return the times that `between` would say this of."""
        if not self:
            return gaps if start is None else start + gaps
        numbers, nulls = gaps.fillna(0).to_numpy(np.int64), gaps.isna().to_numpy(bool)
        if start is not None:
            numbers, nulls = (
                numbers + self._numbers(start.to_numpy()),
                nulls | start.isna().to_numpy(bool),
            )
        return pd.Series(self._times(numbers), index=gaps.index).mask(nulls)

    def are_early(self, start: pd.Series[Any], times: pd.Series[Any]) -> NDArray[np.bool_]:
        """Return which times come too soon after `start`, so that there is no such row."""
        if not self:
            return (times < start).to_numpy(bool)
        return (self.between(start, times) < self.least).to_numpy(bool, na_value=False)

    def nearest(self, times: NDArray[Any]) -> NDArray[Any]:
        """Return the starts of periods that times are nearest to; a month counts as 30 days."""
        if not self:
            return times
        half = np.timedelta64((self.days or DAYS_OF_A_MONTH) * DAY // 2, "us")
        return self._times(self._numbers(times.astype("M8[us]") + half))

    def nearest_of(self, times: pd.Series[Any]) -> pd.Series[Any]:
        """Return the same of a series, in which NULL stays."""
        if not self:
            return times
        return pd.Series(self.nearest(times.to_numpy()), index=times.index).mask(times.isna())

    def on_side(self, times: NDArray[Any], *, up: bool) -> NDArray[Any]:
        """Return the starts of periods that are next to times, behind them (`up`) or before."""
        if not self:
            return times
        numbers = self._numbers(times)
        return self._times(numbers + (up & (self._times(numbers) < times)))

    def _numbers(self, times: NDArray[Any]) -> Ints:
        """Return the number of the period that each time lies in; what is said of NULL means nothing."""
        moments = np.where(np.isnat(times), np.datetime64(0, "us"), times).astype("M8[us]")
        moments = moments - np.timedelta64(self.offset, "us")
        if self.days == 0:
            return moments.astype("M8[M]").astype(np.int64)
        return np.floor_divide(moments.astype(np.int64), (self.days or 1) * DAY)

    def _times(self, numbers: Ints) -> NDArray[Any]:
        starts = numbers.astype("M8[M]") if self.days == 0 else (numbers * (self.days or 1)).astype("M8[D]")
        return (starts.astype("M8[us]") + np.timedelta64(self.offset, "us")).astype(self.dtype)
