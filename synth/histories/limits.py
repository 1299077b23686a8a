"""Dates of owners that bound when rows are: none before a birth, none behind the day a member leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.engine.anniversaries import SAME, YEAR, months_later, years_apart
from synth.histories.spans import FEWEST, SURELY

if TYPE_CHECKING:
    from synth.histories.panels import Panel

DAY = pd.Timedelta(days=1) - pd.Timedelta(1, "us")


@dataclass(frozen=True, slots=True)
class Limits:
    """Dates of owners before or behind which no row is.

    Attributes:
        ends: behind which rows surely never begin.
        starts: before which none does, and how many whole years it is at least behind each.
    """

    ends: tuple[str, ...] = ()
    starts: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, panel: Panel, time: str | None, rare: int) -> Limits:
        """Return the limits that the rows keep; years where `rare` owners are near the least."""
        if time is None or getattr(panel.rows[time].dtype, "kind", "") != "M":
            return cls()
        times = panel.rows[time].reset_index(drop=True)
        ends, starts = [], []
        whom = panel.owner if panel.entities is None else np.unique(panel.entities, return_inverse=True)[1]
        for name in panel.owners:
            if panel.owners[name].dtype != times.dtype:
                continue
            dates = panel.owners[name].iloc[panel.owner].reset_index(drop=True)
            there = dates.notna().to_numpy(bool)
            if there.sum() < FEWEST:
                continue
            if (times <= _to_the_end(dates))[there].mean() >= SURELY:
                ends.append(str(name))
            first, last = (_native(values[there]) for values in (_as_days(dates, times), times))
            if (first <= last).all():
                starts.append((str(name), years_apart(first, last, whom[there], rare)))
        return cls(tuple(ends), tuple(starts))

    def latest(self, owners: pd.DataFrame, end: Any, dtype: Any) -> pd.Series[Any]:
        """Return for each owner the latest time of its rows: `end`, or the first of its own before that."""
        times: pd.Series[Any] = pd.Series(end, index=pd.RangeIndex(len(owners)), dtype=dtype)
        for name in self.ends:
            dates = _to_the_end(owners[name]).reset_index(drop=True)
            times = times.mask(dates < times, dates)
        return times

    def are_early(self, owners: pd.DataFrame, times: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return which rows are before a date of their owner that they should be behind."""
        early = np.zeros(len(owners), bool)
        for name, years in self.starts:
            dates = _native(_as_days(owners[name].reset_index(drop=True), times))
            early |= _native(times) < months_later(dates, np.int64(YEAR * years), SAME)
        return early


def _native(values: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.datetime64]]:
    plain = values.dt.tz_localize(None) if isinstance(values.dtype, pd.DatetimeTZDtype) else values
    return plain.to_numpy("M8[us]")


def _as_days(dates: pd.Series[Any], times: pd.Series[Any]) -> pd.Series[Any]:
    """Return the dates as the days that they are on, if the times beside them are whole days."""
    is_whole = (times.dropna() == times.dropna().dt.normalize()).all()
    return dates.dt.normalize() if is_whole else dates


def _to_the_end(dates: pd.Series[Any]) -> pd.Series[Any]:
    """Return the dates, if they are whole days with all of the day."""
    is_whole = (dates.dropna() == dates.dropna().dt.normalize()).all()
    return dates + DAY if is_whole else dates
