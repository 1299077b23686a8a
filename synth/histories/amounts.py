"""Values of histories as numbers that add up, and as dtypes that hold NULL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from synth.engine.ticks import is_measured

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]


def optional(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return values as a dtype that holds NULL, too."""
    if not isinstance(values.dtype, np.dtype):
        return values
    if values.dtype.kind in "iu":
        return values.astype("UInt64" if values.dtype.kind == "u" else "Int64")
    return values.astype(object) if values.dtype.kind == "b" else values


def is_averaged(values: pd.Series[Any]) -> bool:
    """Return whether a column holds numbers that have a mean."""
    return is_measured(values.dtype) and getattr(values.dtype, "kind", "O") in "iuf"


def amounts(values: pd.Series[Any]) -> Floats:
    """Return numbers as floats; NULL and what is infinite as 0, because sums of them say nothing."""
    numbers = values.to_numpy(np.float64, na_value=np.nan)
    return np.where(np.isfinite(numbers), numbers, 0.0)


def as_numbers(gaps: pd.Series[Any]) -> Floats:
    """Return gaps in days, or in the unit of the numbers; NULL as 0."""
    if getattr(gaps.dtype, "kind", "") == "m":
        days = gaps.to_numpy() / np.timedelta64(1, "D")
        return cast("Floats", np.nan_to_num(days.astype(np.float64)))
    return cast("Floats", np.nan_to_num(gaps.to_numpy(np.float64, na_value=np.nan)))


def share(values: Floats) -> Floats:
    """Return shares in hundredths."""
    return np.round(values, 2)
