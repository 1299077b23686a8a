"""Parts of a moment as numbers, and moments cut off at their day, week, month, quarter, year or hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Moments = NDArray[np.datetime64]
    Whole = NDArray[np.int64]

SECOND = 1_000_000  # everything is counted in microseconds
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def _whole(moments: Moments, unit: str) -> Whole:
    return moments.astype(f"datetime64[{unit}]").astype(np.int64)


def _start(moments: Moments, unit: str) -> Whole:
    return moments.astype(f"datetime64[{unit}]").astype("datetime64[us]").astype(np.int64)


def _month(moments: Moments) -> Whole:
    return _whole(moments, "M") % 12 + 1


def _day(moments: Moments) -> Whole:
    return (_whole(moments, "D") - moments.astype("M8[M]").astype("M8[D]").astype(np.int64)) + 1


def _day_of_year(moments: Moments) -> Whole:
    return (_whole(moments, "D") - moments.astype("M8[Y]").astype("M8[D]").astype(np.int64)) + 1


def _weekday(moments: Moments) -> Whole:
    return (_whole(moments, "D") + 3) % 7  # the first day of the epoch was a Thursday


def _iso_week(moments: Moments) -> Whole:
    thursday = (_whole(moments, "D") + 3 - _weekday(moments)).astype("M8[D]")
    return (_day_of_year(thursday) - 1) // 7 + 1


def _year(moments: Moments) -> Whole:
    return _whole(moments, "Y") + 1970


def _quarter_start(moments: Moments) -> Whole:
    months = _whole(moments, "M")
    return _start((months - months % 3).astype("M8[M]"), "M")


def _year_from(month: int, later: int) -> Callable[[Moments], Whole]:
    """Return the year of a moment where years begin in a month, so much later than it begins."""
    return lambda moments: (_whole(moments, "M") + 1 - month) // 12 + 1970 + later


FISCAL = {
    f"year from month {month}, named by its {end}": _year_from(month, later)
    for month in (4, 7, 10)
    for end, later in (("start", 0), ("end", 1))
}
PARTS: dict[str, Callable[[Moments], Whole]] = {
    "year": _year,
    "month": _month,
    "day": _day,
    "hour": lambda m: _whole(m, "h") % 24,
    "minute": lambda m: _whole(m, "m") % 60,
    "second": lambda m: _whole(m, "s") % 60,
    "hour and minute": lambda m: _whole(m, "h") % 24 * 100 + _whole(m, "m") % 60,
    "quarter": lambda m: (_month(m) + 2) // 3,
    "weekday": _weekday,
    "weekday from 1": lambda m: _weekday(m) + 1,
    "weekday from Sunday": lambda m: (_weekday(m) + 1) % 7,
    "weekday from Sunday 1": lambda m: (_weekday(m) + 1) % 7 + 1,
    "ISO week": _iso_week,
    "day of year": _day_of_year,
    "year and month": lambda m: _year(m) * 100 + _month(m),
    "year, month and day": lambda m: (_year(m) * 100 + _month(m)) * 100 + _day(m),
    "the year before": lambda m: _year(m) - 1,
    "the year after": lambda m: _year(m) + 1,
    **FISCAL,
}
STARTS: dict[str, Callable[[Moments], Whole]] = {
    "start of day": lambda m: _start(m, "D"),
    "start of hour": lambda m: _start(m, "h"),
    "start of week": lambda m: _start(m, "D") - _weekday(m) * DAY,
    "start of month": lambda m: _start(m, "M"),
    "start of quarter": _quarter_start,
    "start of year": lambda m: _start(m, "Y"),
}
# Parts that a moment can be given without moving far: their unit in microseconds, and how long their cycle is
# where the nearest will do; 0 where the day of a given hour, or the month of a given day, has to stay.
CYCLES = {
    "day": (DAY, 0),
    **dict.fromkeys(["weekday", "weekday from 1", "weekday from Sunday", "weekday from Sunday 1"], (DAY, 7)),
    "hour": (HOUR, 0),
    "minute": (MINUTE, 0),
}


def part(name: str, moments: Floats) -> Floats:
    """Return that part of moments, both counted in microseconds where they are moments; NaN stays NaN."""
    is_finite = np.isfinite(moments)
    whole = np.where(is_finite, moments, 0).astype(np.int64).view("datetime64[us]")
    part_values = (PARTS[name] if name in PARTS else STARTS[name])(whole)
    return np.where(is_finite, part_values.astype(np.float64), np.nan)


def shift(name: str, apart: Floats) -> Floats:
    """Return the microseconds to a moment nearby of which a part is `apart` more than it is."""
    unit, cycle = CYCLES[name]
    return unit * (apart if cycle == 0 else (apart + cycle // 2) % cycle - cycle // 2)
