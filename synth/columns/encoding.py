"""Learned values as Arrow of the column's type: what the type cannot hold becomes the nearest it can."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.domain import MOMENTS, Kind

if TYPE_CHECKING:
    from synth.domain import Column

DAY = 86_400_000_000  # microseconds
SECOND = 1_000_000
FIRST, LAST = np.datetime64("0001-01-01", "us"), np.datetime64("9999-12-31T23:59:59.999999", "us")
WIDEST = 38  # digits that a decimal128 holds
DURATION = re.compile(r"P(-?\d+)DT-?(\d+)\.(\d{6})S")  # as `_duration` writes it

INTEGERS = {16: pa.int16(), 32: pa.int32()}
TYPES = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.TIMESTAMPTZ: pa.timestamp("us", "UTC"),
    Kind.TIME: pa.time64("us"),
}


def rows_type(column: Column) -> pa.DataType:
    """Return the type that rows of `column` have when they come from the warehouse."""
    match column.kind:
        case Kind.INTEGER | Kind.TIME | Kind.INTERVAL:
            return pa.int64()
        case Kind.DECIMAL | Kind.FLOAT:
            return pa.float64()
        case _:
            return TYPES.get(column.kind, pa.string())


def arrow_type(column: Column) -> pa.DataType:
    """Return the type of `column` in the twin's files; text where Arrow has none that fits."""
    match column.kind:
        case Kind.INTEGER:
            return INTEGERS.get(column.bits or 64, pa.int64())
        case Kind.FLOAT:
            return pa.float32() if column.bits == 32 else pa.float64()  # noqa: PLR2004 - bits of float4
        case Kind.DECIMAL:
            return _decimal_type(column)
        case _:
            return TYPES.get(column.kind, pa.string())


def empty_column(column: Column, rows: int, *, is_day: bool = False) -> pd.Series[Any]:
    """Return a learned column of nothing but NULL; `is_day` says that its numbers or texts are days."""
    if is_day and column.kind not in MOMENTS:
        return pd.Series([None] * rows, dtype="datetime64[us]")
    dtype: Any = {
        Kind.BOOLEAN: pd.BooleanDtype(),
        Kind.DATE: "datetime64[us]",
        Kind.TIMESTAMP: "datetime64[us]",
        Kind.TIMESTAMPTZ: "datetime64[us, UTC]",
    }.get(column.kind, object if pa.types.is_string(rows_type(column)) else pd.Float64Dtype())
    return pd.Series([None] * rows, dtype=dtype)


def encode(series: pd.Series[Any], column: Column) -> pa.Array:
    """Return learned values as Arrow; NULL stays NULL.

    Args:
        series: integers, floats and dates in any dtype that pandas has for them; times and intervals as whole
            microseconds; everything else as objects.
        column: what they become.
    """
    match column.kind:
        case Kind.BOOLEAN:
            values = pa.array(series.astype("boolean"), pa.bool_())
        case Kind.INTEGER:
            values = _whole(series, *_range(column)).cast(arrow_type(column))
        case Kind.TIME:
            values = _whole(series, 0, DAY - 1).cast(pa.time64("us"))  # 24:00 has no place in Arrow
        case Kind.FLOAT | Kind.DECIMAL:
            values = _numbers(series, column)
        case Kind.DATE | Kind.TIMESTAMP | Kind.TIMESTAMPTZ:
            values = _moments(series, column)
        case Kind.INTERVAL:
            values = durations(_whole(series))
        case Kind.UUID | Kind.TEXT | Kind.OPAQUE:
            texts = series.astype(object).map(str, na_action="ignore")
            values = pa.array(texts.where(series.notna(), None), pa.string())
    return values


def durations(microseconds: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return intervals in whole microseconds as the twin's files have them: text in ISO 8601."""
    return pa.array([_duration(value) for value in microseconds.to_pylist()], pa.string())


def microseconds(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the intervals of `durations` in whole microseconds."""
    numbers = [None if text is None else _microseconds(text) for text in texts.to_pylist()]
    return pa.chunked_array([pa.array(numbers, pa.int64())])


def as_in_files(rows: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Return a column of rows from the warehouse in the type that the twin's files have for it."""
    if pa.types.is_integer(rows.type) and pa.types.is_string(kind):
        return pa.chunked_array([durations(rows)])
    return rows.cast(kind)


def _range(column: Column) -> tuple[int, int]:
    """Return the smallest and the largest integer that the column holds."""
    high = 10**column.precision - 1 if column.precision else 2 ** ((column.bits or 64) - 1) - 1
    if column.data_type == "oid":
        return 0, high
    return (-high if column.precision else -high - 1), high


def _whole(series: pd.Series[Any], low: int = -(2**63), high: int = 2**63 - 1) -> pa.Array:
    if pd.api.types.is_float_dtype(series.dtype):
        series = series.round()
    values = pa.array(series.astype("Int64"), pa.int64())
    above = pc.max_element_wise(values, pa.scalar(low, pa.int64()), skip_nulls=False)
    return pc.min_element_wise(above, pa.scalar(high, pa.int64()), skip_nulls=False)


def _numbers(series: pd.Series[Any], column: Column) -> pa.Array:
    numbers = series.to_numpy("float64", na_value=np.nan)
    empty = np.isnan(numbers)
    kind = arrow_type(column)
    if column.not_null and empty.any():  # NaN, which is a value where NULL cannot be
        return pa.array(numbers, pa.float64())
    if not pa.types.is_decimal(kind):
        return pa.array(numbers, mask=empty).cast(kind)
    # The largest double below the type's limit; the limit itself may not be one.
    largest = np.nextafter(10.0 ** (kind.precision - kind.scale), 0) - 10.0**-kind.scale
    numbers_in_range = np.clip(np.where(empty, 0.0, numbers), -largest, largest).round(kind.scale)
    # By way of text: the digits of 0.1 are its shortest, not those of the double.
    return pa.array(numbers_in_range, mask=empty).cast(pa.string()).cast(kind)


def _decimal_type(column: Column) -> pa.DataType:
    """Return a decimal where the column has a fixed scale that Arrow can hold."""
    if column.scale is None or column.scale < 0:
        return pa.float64()
    precision = column.precision or 18  # money
    return pa.decimal128(precision, column.scale) if column.scale <= precision <= WIDEST else pa.float64()


def _moments(series: pd.Series[Any], column: Column) -> pa.Array:
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    moments = series.to_numpy("datetime64[us]")
    moments_in_range = np.where(np.isnat(moments), moments, np.clip(moments, FIRST, LAST))
    values = pa.array(moments_in_range, pa.timestamp("us"))
    if column.kind is Kind.DATE:
        values = pc.floor_temporal(values, unit="day")
    return values.cast(arrow_type(column))


def _duration(microseconds: int | None) -> str | None:
    """Return a duration in ISO 8601, with days of 24 hours."""
    if microseconds is None:
        return None
    sign = "-" if microseconds < 0 else ""
    days, rest = divmod(abs(microseconds), DAY)
    return f"P{sign}{days}DT{sign}{rest // SECOND}.{rest % SECOND:06d}S"


def _microseconds(duration: str) -> int:
    match = DURATION.fullmatch(duration)
    if match is None:
        raise ValueError("not a duration of this module")
    days, seconds, fraction = match.groups()
    size = abs(int(days)) * DAY + int(seconds) * SECOND + int(fraction)
    return -size if days.startswith("-") else size
