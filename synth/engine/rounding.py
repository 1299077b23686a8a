"""How numbers are written: with so many decimals, or with so many zeros at the end."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synth.engine.columns import Ints

FEW_ROWS = 10  # of a cell, whose shorter way of writing a number is no habit of the cell
BY_CHANCE = 2.0  # times as many as come out short without being meant to, which is a tenth for each digit
FEW_VALUES = 4  # different ones, which are none either, however many rows hold them
MAX_DECIMALS = 12
MAX_ZEROS = 6  # at the end of a whole number
LATTICE_VALUES = 20  # different ones, which are seldom all multiples of two by chance: once in a million
SAFE_DECIMALS = 3  # that a float of any size below 2**52 may be asked for


def decimals_of(values: NDArray[Any], dtype: Any) -> Ints:
    """Return for each value the decimals that write it exactly; MAX_DECIMALS + 1 when no few do."""
    if values.dtype.kind != "f":
        return np.zeros(0, np.int64)
    decimals = np.full(len(values), MAX_DECIMALS + 1, dtype=np.int64)
    with np.errstate(all="ignore"):
        small = np.abs(values) < 2.0**52 / 10.0**MAX_DECIMALS
        decimals[np.abs(values) >= 2.0**52] = 0
        for digits in range(MAX_DECIMALS, -1, -1):
            writes = np.round(values, digits).astype(dtype) == values.astype(dtype)
            decimals[writes & (small | (digits <= SAFE_DECIMALS))] = digits
    return decimals


def zeros_of(whole: NDArray[Any]) -> Ints:
    """Return how many zeros each whole number ends with, at most MAX_ZEROS."""
    counts = np.zeros(len(whole), dtype=np.int64)
    for zeros in range(1, MAX_ZEROS + 1):
        counts += whole % 10**zeros == 0
    return counts


def habitual(decimals: Ints, cell: Ints, counts: Ints) -> Ints:
    """Return the decimals of each value, or so many more that enough rows of its cell make do with as few.

    One whole number among square roots would otherwise be the only value that its cell has to round to.

    Args:
        decimals: of each value; zeros at the end count as negative ones.
        cell: of each value.
        counts: how many rows of its cell each value stands for.
    """
    most = np.full(cell.max(initial=0) + 1, decimals.min(initial=0))
    np.maximum.at(most, cell, np.where(counts > 0, decimals, decimals.min(initial=0)))
    result = decimals.copy()
    levels = np.unique(decimals)
    for digits, more in pairwise(levels):
        short = (decimals <= digits) & (counts > 0)
        rows, values = (np.bincount(cell, weights, len(most)) for weights in (counts * short, short))
        own, finer = (np.bincount(cell, counts * (decimals == each), len(most)) for each in (digits, more))
        few = (rows < FEW_ROWS) | (values < FEW_VALUES) | (own < BY_CHANCE * 10.0 ** (digits - more) * finer)
        result[(result == digits) & few[cell]] = more
    return np.minimum(result, np.maximum(most[cell], decimals))


def lattice_of(values: NDArray[Any], decimals: int) -> tuple[int, int]:
    """Find the steps in which ascending numbers go, such as quarters, and their offset, in 10^-decimals.

    The step is 1 where there is none beyond their decimals, or too few values to show one.
    """
    if values.dtype.kind != "f" or len(values) < LATTICE_VALUES or decimals > MAX_DECIMALS:
        return 1, 0
    units = np.rint(values.astype(np.float64) * 10.0**decimals)
    if not np.isfinite(units).all() or np.abs(units).max() >= 2.0**52:
        return 1, 0
    step = int(np.gcd.reduce(np.diff(units.astype(np.int64))))
    return max(step, 1), int(units[0]) % max(step, 1)


def on_lattice(values: NDArray[np.float64], step: int, offset: int, decimals: int) -> NDArray[np.float64]:
    """Return each value at the nearest step of the lattice that `lattice_of` found."""
    if step == 1:
        return values
    with np.errstate(all="ignore"):
        units = np.rint((values * 10.0**decimals - offset) / step) * step + offset
        nearest = np.round(units / 10.0**decimals, decimals)
    return np.where(np.isfinite(nearest), nearest, values)


def round_to(values: NDArray[np.float64], decimals: Ints) -> NDArray[np.float64]:
    """Return each value rounded to its own number of decimals."""
    result = values.copy()
    for digits in np.flatnonzero(np.bincount(decimals)):
        if digits <= MAX_DECIMALS:
            here = decimals == digits
            with np.errstate(all="ignore"):
                fine = np.round(values[here], digits)
            result[here] = np.where(np.isfinite(fine), fine, values[here])
    return result
