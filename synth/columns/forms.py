"""Columns that are learned as something else than they are written: whole numbers that are dates or times."""

from __future__ import annotations

from enum import StrEnum
from math import log as ln
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.measures import whole_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synth.columns.textforms import WrittenForm
    from synth.domain import Column

SURELY = 1e-6  # chance that numbers which are no dates look like such
EARLIEST, LATEST = 1800, 2200  # years
RESIDUES = 100  # what two digits can be
DAY_MINUTES, DAY_SECONDS = 24 * 60, 24 * 60 * 60


class NumberForm(StrEnum):
    """How a date or a time is written as a whole number."""

    DAY = "YYYYMMDD"
    MONTH = "YYYYMM"
    MINUTE = "HHMM"
    SECOND = "HHMMSS"

    @property
    def is_date(self) -> bool:
        """Whether it is a day of the calendar, not a time of the day."""
        return self in {NumberForm.DAY, NumberForm.MONTH}


def form_of(column: Column, values: pa.ChunkedArray) -> NumberForm | None:
    """Return the form that all values of a column have, where numbers that mean no date would not have it.

    Of numbers that end in two digits some are beyond 59, or beyond 12: where none of many is, they are
    minutes, or months. What counts is what they could be from the first to the last: on a grid, such as the
    multiples of 50, some endings only, and from 200 to 229 nothing but what could be minutes.
    """
    numbers = whole_numbers(column, values)
    if numbers is None or not len(numbers):
        return None
    different = np.unique(numbers)
    return next((form for form in NumberForm if _is(form, different)), None)


def may_be_days(low: int, high: int) -> bool:
    """Return whether whole numbers from `low` to `high` may be days or months, by these two."""
    ends = np.array([low, high])
    return any(
        EARLIEST * scale <= low
        and high < LATEST * scale
        and bool(days_of(ends * (10_000 // scale) + first)[1].all())
        for scale, first in ((10_000, 0), (100, 1))
    )


def are_days(different: NDArray[np.int64]) -> bool:
    """Return whether different whole numbers, in order, are days, where others would not all look so."""
    return _is(NumberForm.DAY, different)


def as_learned_form(values: pa.ChunkedArray, form: NumberForm | WrittenForm) -> pd.Series[Any]:
    """Return dates as moments, and times as minutes or seconds of the day; what is neither is NULL."""
    if not isinstance(form, NumberForm):
        return form.read(values)
    numbers = values.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get).astype("Float64")
    has_value = numbers.notna().to_numpy(bool)
    plain = numbers.to_numpy("float64", na_value=0.0).astype(np.int64)
    if form.is_date:
        moments, valid = days_of(plain if form is NumberForm.DAY else plain * 100 + 1)
        return pd.Series(np.where(has_value & valid, moments, np.datetime64("NaT")).astype("datetime64[us]"))
    units, valid = _times(plain if form is NumberForm.SECOND else plain * 100)
    units = units if form is NumberForm.SECOND else units // 60
    series = pd.Series(units, dtype="Int64").mask(~(has_value & valid))
    return series if series.isna().any() else series.astype("int64")


def as_written(series: pd.Series[Any], form: NumberForm | WrittenForm) -> pd.Series[Any]:
    """Return learned dates and times as the whole numbers, or the text, that they are written as."""
    if not isinstance(form, NumberForm):
        return form.write(series)
    empty = series.isna().to_numpy(bool)
    if form.is_date:
        days = series.to_numpy("datetime64[D]")
        days = np.where(empty, np.datetime64("2000-01-01"), days)
        months = days.astype("datetime64[M]")
        years = days.astype("datetime64[Y]")
        numbers = (years.astype(np.int64) + 1970) * 100 + (months - years).astype(np.int64) + 1
        if form is NumberForm.DAY:
            numbers = numbers * 100 + (days - months).astype(np.int64) + 1
    else:
        most = DAY_SECONDS if form is NumberForm.SECOND else DAY_MINUTES
        units = series.astype("Float64").round().to_numpy("float64", na_value=0.0).astype(np.int64)
        units = np.clip(units, 0, most - 1)
        numbers = units // 60 * 100 + units % 60
        if form is NumberForm.SECOND:
            numbers = units // 3600 * 10_000 + units // 60 % 60 * 100 + units % 60
    return pd.Series(numbers, dtype="Int64", index=series.index).mask(empty)


def _is(form: NumberForm, different: NDArray[np.int64]) -> bool:
    low, high = int(different[0]), int(different[-1])
    match form:
        case NumberForm.DAY:
            inside = low >= EARLIEST * 10_000 and high < LATEST * 10_000
            return inside and _is_evident(different, days_of(different)[1], _share_of_days())
        case NumberForm.MONTH:
            inside = low >= EARLIEST * 100 and high < LATEST * 100
            return inside and _is_evident(different, days_of(different * 100 + 1)[1], 12 / RESIDUES)
        case NumberForm.MINUTE:
            inside = low >= 0 and RESIDUES <= high < 2400  # noqa: PLR2004 - midnight
            beyond = different[different >= RESIDUES]
            return inside and _is_evident(
                different, _times(different * 100)[1], _share_of_times(beyond, 100), beyond
            )
        case NumberForm.SECOND:
            inside = low >= 0 and bool(np.median(different) >= 10_000) and high < 240_000  # noqa: PLR2004
            beyond = different[different >= RESIDUES]
            return inside and _is_evident(different, _times(different)[1], _share_of_times(beyond, 1), beyond)


def _is_evident(
    different: NDArray[np.int64],
    valid: NDArray[np.bool_],
    share: float,
    telling: NDArray[np.int64] | None = None,
) -> bool:
    """Return whether all are valid and so many would not be, if only such a share were by chance."""
    count = len(different if telling is None else telling)
    return bool(valid.all()) and 0 < share < 1 and count * ln(share) < ln(SURELY)


def _share_of_days() -> float:
    return 365.25 / RESIDUES**2


def _share_of_times(numbers: NDArray[np.int64], unit: int) -> float:
    """Return which share of all that there could be between the numbers, by their common step, are times."""
    if len(numbers) < 2:  # noqa: PLR2004 - nothing between
        return 0.0
    step = max(int(np.gcd.reduce(numbers)), 1)
    return float(_times(np.arange(numbers[0], numbers[-1] + 1, step) * unit)[1].mean())


def days_of(numbers: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return numbers such as 20240229 as days, and which of them are such."""
    year, month, day = numbers // 10_000, numbers // 100 % 100, numbers % 100
    inside = (year >= 1) & (year <= 9999) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)  # noqa: PLR2004
    months = (np.where(inside, year, 2000) - 1970) * 12 + np.where(inside, month, 1) - 1
    first = months.astype("datetime64[M]")
    days = first.astype("datetime64[D]") + np.where(inside, day - 1, 0)
    return days, inside & (days.astype("datetime64[M]") == first)


def _times(numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return numbers such as 235959 as seconds of the day, and which of them are such."""
    hour, minute, second = numbers // 10_000, numbers // 100 % 100, numbers % 100
    valid = (hour >= 0) & (hour < 24) & (minute < 60) & (second < 60) & (numbers >= 0)  # noqa: PLR2004
    return hour * 3600 + minute * 60 + second, valid
