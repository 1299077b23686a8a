"""Dates of owners behind which none of their rows begins, such as the day on which a member leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from synth.histories.spans import FEWEST, SURELY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.histories.panels import Panel

DAY = pd.Timedelta(days=1) - pd.Timedelta(1, "us")


def find_limits(panel: Panel, time: str | None) -> tuple[str, ...]:
    """Return the dates of owners behind which their rows surely never begin."""
    if time is None or getattr(panel.rows[time].dtype, "kind", "") != "M":
        return ()
    times = panel.rows[time].reset_index(drop=True)
    limits = []
    for name in panel.owners:
        if panel.owners[name].dtype == times.dtype:
            dates = _to_the_end(panel.owners[name]).iloc[panel.owner].reset_index(drop=True)
            there = dates.notna()
            if there.sum() >= FEWEST and (times <= dates)[there].mean() >= SURELY:
                limits.append(str(name))
    return tuple(limits)


def ends_of(limits: Sequence[str], owners: pd.DataFrame, end: Any, dtype: Any) -> pd.Series[Any]:
    """Return for each owner the latest time of its rows: `end`, or the first of its limits before that."""
    ends: pd.Series[Any] = pd.Series(end, index=pd.RangeIndex(len(owners)), dtype=dtype)
    for name in limits:
        dates = _to_the_end(owners[name]).reset_index(drop=True)
        ends = ends.mask(dates < ends, dates)
    return ends


def _to_the_end(dates: pd.Series[Any]) -> pd.Series[Any]:
    """Return the dates, if they are whole days with all of the day."""
    is_whole = (dates.dropna() == dates.dropna().dt.normalize()).all()
    return dates + DAY if is_whole else dates
