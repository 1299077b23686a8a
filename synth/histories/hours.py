"""Hours of rows whose times are drawn as gaps: where days have busy hours, each row has a time of the day.

Gaps alone spread over the clock: two days and three hours lead from any hour to any other. So a gap over a
night is drawn in days, and beside it the time of the day. Within a day, rows follow by their gaps: the first
click of a visit has a time of the day, and the others come soon after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

# Parts of the day that are compared, and the chi-squared statistic that chance exceeds once in a thousand:
# the most parts of which each has five entities on average, as the statistic needs.
PARTS = ((24, 49.7), (12, 31.3), (6, 20.5))
FEWEST = 5
DAY = pd.Timedelta(1, "D")
NIGHT = DAY / 2  # from one row to the next of its owner, at least, where there is one between them
NEAR = 0.9 * NIGHT  # to whole days: to these and no others it is rounded


@dataclass(frozen=True, slots=True)
class Hours:
    """How the hours of rows are drawn.

    Attributes:
        uneven: rows have a time of the day of their own; else it follows from the gap.
        quiet: which hours too few entities have a row in.
    """

    uneven: bool = False
    quiet: tuple[bool, ...] = (False,) * 24

    @classmethod
    def of_rows(
        cls, since: pd.Series[Any], times: pd.Series[Any], whom: NDArray[Any], rare: int = 1
    ) -> Hours:
        """Return whether some hours are busier than others by more than chance, by one row of each entity.

        Args:
            since: of each row the moment from which its gap is counted.
            times: of each row.
            whom: each row is about.
            rare: how many entities have rows in an hour that is not quiet.
        """
        if getattr(times.dtype, "kind", "") != "M" or since.dtype != times.dtype:
            return cls()
        rows = np.flatnonzero(_are_apart(since, times))
        rows = np.random.default_rng(len(times)).permutation(rows)
        rows = rows[np.unique(np.asarray(whom)[rows], return_index=True)[1]]
        hours = _time_of_day(_wall(times.iloc[rows]))
        number, limit = next((one for one in PARTS if len(rows) >= FEWEST * one[0]), (0, np.inf))
        if not number or (hours == hours.iloc[0]).all():
            return cls()
        counts = np.bincount(
            (hours.to_numpy("m8[us]") // (DAY.to_timedelta64() // number)).astype(np.int64), minlength=number
        )
        mean = len(rows) / number
        if ((counts - mean) ** 2 / mean).sum() < limit:
            return cls()
        holders = pd.Series(whom).groupby(_wall(times).dt.hour.to_numpy()).nunique()
        return cls(True, tuple((holders.reindex(range(24), fill_value=0) < rare).tolist()))

    def __bool__(self) -> bool:
        """Return whether rows have a time of the day of their own."""
        return self.uneven

    def between(self, since: pd.Series[Any], times: pd.Series[Any]) -> pd.Series[Any]:
        """Return how long after `since` times are; over a night, what the days between them are nearest to.

        Whole days would be a few values that many rows have, and those within a day be smoothed across them.
        """
        days = _wall(times).dt.normalize() - _wall(since).dt.normalize()
        gaps = times - since
        near = days + (gaps - days).where(lambda rest: rest < NEAR, NEAR).where(
            lambda rest: rest > -NEAR, -NEAR
        )
        return gaps.mask(_are_apart(since, times), near)

    def of_day(self, times: pd.Series[Any]) -> pd.Series[Any]:
        """Return the time of the day of times."""
        return _time_of_day(_wall(times))

    def after(self, since: pd.Series[Any], gaps: pd.Series[Any], hours: pd.Series[Any]) -> pd.Series[Any]:
        """Return the times of which `between` would say these gaps, and of_day these times of the day.

        Within a day the gap alone says when it is.
        """
        start = _wall(since)
        midnight = start.dt.normalize()
        is_long = (gaps.abs() >= NIGHT) | (start == midnight)
        moments = (midnight + (gaps + NIGHT).dt.floor("D") + hours.set_axis(gaps.index)).astype(start.dtype)
        zone = getattr(since.dtype, "tz", None)
        if zone is not None:
            first = np.ones(len(moments), bool)  # of two hours with one name, in autumn
            moments = moments.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
        return (since + gaps).where(~is_long | moments.isna(), moments)

    def are_quiet(self, since: pd.Series[Any], times: pd.Series[Any]) -> Mask:
        """Return which times follow by a gap within a day, and into an hour that is quiet."""
        hours = _wall(times).dt.hour.fillna(0).to_numpy(np.int64)
        quiet: Mask = np.array(self.quiet)[hours] & ~_are_apart(since, times)
        return quiet


def _are_apart(since: pd.Series[Any], times: pd.Series[Any]) -> Mask:
    """Return which times do not follow within hours: on another day, or counted from a day without hours."""
    start, end = _wall(since), _wall(times)
    day = start.dt.normalize()
    night = ((end - start).abs() >= NIGHT) & (end.dt.normalize() != day)
    apart: Mask = ((night | (start == day)) & end.notna()).to_numpy(bool)
    return apart


def _wall(times: pd.Series[Any]) -> pd.Series[Any]:
    """Return times as the clock on the wall shows them."""
    return times if getattr(times.dtype, "tz", None) is None else times.dt.tz_localize(None)


def _time_of_day(times: pd.Series[Any]) -> pd.Series[Any]:
    time: pd.Series[Any] = times - times.dt.normalize()
    return time
