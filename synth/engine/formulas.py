"""What one column is of others: a sum, a product, a part of a date; computed the same way wherever it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.engine import ticks
from synth.engine.dateparts import PARTS, STARTS, part
from synth.engine.rounding import MAX_DECIMALS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from synth.engine.columns import Mask
    from synth.engine.ticks import Native

    Floats = NDArray[np.float64]

NOISE_DECIMALS = 6  # of the last decimal: what is behind them is the noise of binary fractions
MOST = 2.0**53  # whole numbers below it are exact as floats
MOST_WHOLE = 2.0**62  # what 64-bit integers are cut at, and microseconds that may be added to others

BINARY = "binary"  # as the nearest binary fraction says: 1.005 is a little less than it looks
ROUNDINGS: dict[str, Callable[[Floats], Floats]] = {
    "half up": lambda units: np.copysign(np.floor(np.abs(units) + 0.5), units) + 0.0,
    "half even": np.rint,
    "down": np.floor,
    "towards zero": np.trunc,
    BINARY: np.rint,
}
# What is made of one column alone, as SQL computes it.
FUNCTIONS: dict[str, Callable[[Floats], Floats]] = {
    "copy": lambda amounts: amounts,
    "square": np.square,
    "sqrt": np.sqrt,
    "ln": np.log,
    "ln of one more": lambda amounts: np.log(1 + amounts),
    "log10": np.log10,
}


@dataclass(frozen=True, slots=True)
class Identity:
    """In every training row the column `target` is what `rule` makes of the columns `sources`.

    Attributes:
        target: the place of the column.
        sources: the places of others.
        rule: one of FUNCTIONS, `sum`, `product`, `ratio` or a part of a moment.
        minus: how many sources of a sum, the last ones, are subtracted.
        offset: what is added to a sum.
        factor: by which the first source, or what a function makes of it, is multiplied.
        divisor: by which the result is divided.
        decimals: to which it is rounded, if they are few.
        rounding: how.
        fallback: what it is where the rule divides by zero; NULL without it.
        noise: by how much of itself a value of the target may miss what is computed, if decimals are many.
    """

    target: int
    sources: tuple[int, ...]
    rule: str
    minus: int = 0
    offset: float = 0.0
    factor: float = 1.0
    divisor: float = 1.0
    decimals: int = 0
    rounding: str = "half up"
    fallback: float | None = None
    noise: float = 0.0

    @property
    def is_timed(self) -> bool:
        """Whether it is a part of a moment."""
        return self.rule in PARTS or self.rule in STARTS

    @property
    def symmetric(self) -> bool:
        """Whether its sources may change places."""
        return self.rule == "product" or (self.rule == "sum" and self.minus == 0 and self.factor == 1)

    def plain(self, sources: Sequence[Floats]) -> Floats:
        """Return what the rule makes of amounts, before it is rounded."""
        if self.is_timed:
            return part(self.rule, sources[0])
        with np.errstate(all="ignore"):
            first = call_function(self.rule, sources[0]) if self.rule in FUNCTIONS else sources[0]
            first = first if self.factor == 1 else first * self.factor
            result = self._combine(first, sources[1:])
            return result if self.divisor == 1 else result / self.divisor

    def _combine(self, first: Floats, others: Sequence[Floats]) -> Floats:
        if self.rule == "product":
            return first * others[0]
        if self.rule == "ratio":
            return np.where(others[0] == 0, np.nan, first / others[0])
        result = -first if self.minus > len(others) else first
        for place, other in enumerate(others):
            result = result - other if place >= len(others) - self.minus else result + other
        return result if self.offset == 0 else result + self.offset

    def amounts(self, sources: Sequence[Floats]) -> Floats:
        """Return the target's amounts for those of its sources; NaN where one of them is."""
        result = round_amounts(self.plain(sources), self.decimals, self.rounding)
        if self.rule == "ratio":
            instead = np.nan if self.fallback is None else self.fallback
            result = np.where((sources[1] == 0) & ~np.isnan(sources[0]), instead, result)
        return result


def call_function(function: str, amounts: Floats) -> Floats:
    """Return what one of FUNCTIONS makes of amounts.

    NaN where it is not defined, where SQL has NULL or an error.
    """
    with np.errstate(all="ignore"):
        result = FUNCTIONS[function](amounts)
    return np.where(np.isfinite(result), result, np.nan)


def round_amounts(amounts: Floats, decimals: int, rounding: str) -> Floats:
    """Return amounts rounded to decimals, after the noise of binary fractions is taken off.

    Where there are many decimals, amounts stay as they are.
    """
    if decimals > MAX_DECIMALS:
        return amounts
    if rounding == BINARY:
        return np.round(amounts, decimals)
    with np.errstate(all="ignore"):
        units = amounts * 10.0**decimals
        fine = np.round(units, NOISE_DECIMALS)
        return ROUNDINGS[rounding](np.where(np.isfinite(fine), fine, units)) / 10.0**decimals


def to_amounts(native: Native, null: Mask) -> Floats:
    """Return values as floats, moments and durations in microseconds, NaN for NULL."""
    if native.dtype.kind in "mM":
        native = native.astype(f"{native.dtype.kind}8[us]").view(np.int64)
    result = native.astype(np.float64)
    result[null] = np.nan
    return result


def to_native(amounts: Floats, dtype: Any) -> Native:
    """Return what `to_amounts` would read as these amounts; the nearest that a column of `dtype` holds."""
    finite_amounts = np.where(np.isfinite(amounts), amounts, 0)
    plain = ticks.to_native(pd.Series([], dtype=dtype))[0].dtype
    if plain.kind == "f":
        return finite_amounts
    if plain.kind in "iu":
        limits = np.iinfo(getattr(dtype, "numpy_dtype", dtype))
        low, high = max(limits.min, -MOST_WHOLE), min(limits.max, MOST_WHOLE)
        return np.clip(np.rint(finite_amounts), low, high).astype(plain)
    whole = np.clip(np.rint(finite_amounts), -MOST_WHOLE, MOST_WHOLE).astype(np.int64)
    return whole.view(f"{plain.kind}8[us]").astype(plain)


def exact(native: Native, null: Mask) -> bool:
    """Return whether `to_amounts` loses nothing of the values, and arithmetic with them is safe."""
    value, most = native[~null], MOST
    if native.dtype.kind in "mM":
        fine = value.astype(f"{native.dtype.kind}8[us]")
        if (fine.astype(native.dtype) != value).any():
            return False
        value, most = fine.view(np.int64), MOST_WHOLE
    amounts = value.astype(np.float64)
    if not (np.isfinite(amounts).all() and (np.abs(amounts) < most).all()):
        return False
    return native.dtype.kind == "f" or bool((amounts.astype(value.dtype) == value).all())
