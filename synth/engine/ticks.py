"""Numbers, dates and durations as ordered numpy values, and back to the dtype they came from, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import pandas as pd
from pandas.api import types

if TYPE_CHECKING:
    from numpy.typing import NDArray

Native: TypeAlias = "NDArray[Any]"  # float64, int64, uint64, datetime64 or timedelta64


def is_measured(dtype: Any) -> bool:
    """Return whether values of `dtype` have an order and distances that may be learned."""
    if isinstance(dtype, pd.DatetimeTZDtype):
        return True
    if isinstance(dtype, np.dtype):
        return dtype.kind in "iufmM"
    return types.is_integer_dtype(dtype) or types.is_float_dtype(dtype)


def to_native(series: pd.Series[Any]) -> tuple[Native, NDArray[np.bool_]]:
    """Return the values in an ordered dtype of numpy, and a mask of the NULLs, whose values mean nothing.

    Times with a zone become local wall time, because that is where midnight and the hour are round.
    """
    dtype: Any = series.dtype
    null = series.isna().to_numpy(dtype=bool)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return series.dt.tz_localize(None).to_numpy(), null
    if isinstance(dtype, np.dtype) and dtype.kind in "mM":
        return series.to_numpy(), null
    if types.is_float_dtype(dtype):
        native = series.to_numpy(dtype=np.float64, na_value=np.nan)
        return native, np.isnan(native)
    wide = np.uint64 if types.is_unsigned_integer_dtype(dtype) else np.int64
    if null.any():
        series = series.fillna(0)
    return series.to_numpy(dtype=wide), null


def from_native(native: Native, null: NDArray[np.bool_], dtype: Any) -> pd.Series[Any]:
    """Return the series that `to_native` would read as `native` and `null`."""
    if isinstance(dtype, pd.DatetimeTZDtype):
        wall = pd.Series(np.where(null, np.datetime64("NaT"), native).astype(native.dtype))
        summer = np.zeros(len(wall), dtype=bool)
        local_times = wall.dt.tz_localize(dtype.tz, ambiguous=summer, nonexistent="shift_forward")
        return local_times.astype(dtype)
    if isinstance(dtype, np.dtype):
        if dtype.kind in "fmM":
            native = native.copy()
            native[null] = np.nan if dtype.kind == "f" else np.array("NaT", dtype=native.dtype)
        return pd.Series(native.astype(dtype), dtype=dtype)
    array = pd.array(native.astype(getattr(dtype, "numpy_dtype", native.dtype)), dtype=dtype)
    if null.any():
        array[null] = pd.NA
    return pd.Series(array)


def convert(
    series: pd.Series[Any], dtype: Any, native_dtype: np.dtype[Any]
) -> tuple[Native, NDArray[np.bool_]]:
    """Return what `to_native` gives for a series of another dtype, as near as `native_dtype` comes to it.

    Raises:
        ValueError: one of the two is no number, date or duration, or only one has a time zone.
    """
    has_zone = [isinstance(each, pd.DatetimeTZDtype) for each in (series.dtype, dtype)]
    if not is_measured(series.dtype) or has_zone[0] != has_zone[1]:
        raise ValueError(f"{series.dtype} cannot be compared with {dtype}")
    native, null = to_native(series.dt.tz_convert(dtype.tz) if all(has_zone) else series)
    kinds = native.dtype.kind, native_dtype.kind
    if kinds[0] in "mM" or kinds[1] in "mM":
        if kinds[0] != kinds[1]:
            raise ValueError(f"{series.dtype} cannot be compared with {dtype}")
        return native.astype(native_dtype), null
    if native_dtype.kind != "f":
        info = np.iinfo(native_dtype)
        if kinds[0] == "f":
            native = np.rint(np.where(null, 0, native))
            low, high = (float(np.nextafter(float(end), 0)) for end in (info.min, info.max))
            native = np.clip(native, low, high)
        else:
            native = np.clip(
                native, max(info.min, np.iinfo(native.dtype).min), min(info.max, np.iinfo(native.dtype).max)
            )
    return native.astype(native_dtype), null


def to_ticks(native: Native) -> tuple[NDArray[Any], int, int]:
    """Return whole steps above the smallest value, with that value and the step; floats stay as they are.

    The step is the largest that all differences share: a day for dates, 100 for prices in hundreds.
    """
    if native.dtype.kind == "f":
        return native, 0, 1
    if len(native) == 0:
        return native.view(np.uint64), 0, 1
    # Modulo 2**64 the difference of any two 64-bit integers is exact.
    whole = native.view(np.uint64)
    base = native.min().view(np.uint64)
    above = whole - base
    step = max(int(np.gcd.reduce(above)), 1)
    return above // np.uint64(step), int(base), step


def from_ticks(ticks: NDArray[Any], base: int, step: int, dtype: np.dtype[Any]) -> Native:
    """Return the inverse of `to_ticks`."""
    if dtype.kind == "f":
        return ticks
    return cast("Native", (ticks * np.uint64(step) + np.uint64(base)).view(dtype))


def as_floats(native: Native) -> NDArray[np.float64]:
    """Return values in the same order, though not all that differ may still differ."""
    return (native.view(np.int64) if native.dtype.kind in "mM" else native).astype(np.float64)


def same(values: pd.Series[Any], others: pd.Series[Any]) -> NDArray[np.bool_]:
    """Return where both hold one value; NULL equals NULL."""
    values, others = values.reset_index(drop=True), others.reset_index(drop=True)
    null = values.isna().to_numpy(bool), others.isna().to_numpy(bool)
    equal = np.asarray(values.array == others.array)
    return np.where(null[0] | null[1], null[0] & null[1], np.where(pd.isna(equal), False, equal).astype(bool))
