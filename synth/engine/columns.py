"""One column of the training frame as integer codes that a tree can learn, and codes back as values.

A code is an index into the column's values; -1 is NULL. `known` marks the rows whose own value may be
learned: what fewer than `rare` rows hold is not, and such rows are given a learned value later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import pandas as pd

from synth.engine import ticks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]
    Mask: TypeAlias = NDArray[np.bool_]

CELL_ROWS = 40  # rows that share one cell of smoothing: the ends of smaller ones recur as they are
FEWEST_CELL_ROWS = (
    20  # where cells of CELL_ROWS would be fewer than FEWEST_CELLS, too few to follow another column
)
FEWEST_CELLS = 50
FEW_ROWS = 10  # of a cell, whose shorter way of writing a number is no habit of the cell
MAX_CELLS = 1000
MAX_DECIMALS = 12
UNKNOWN = -2  # the code of a given value that was not learned
SAFE = 2.0**62  # the difference of two such is still a 64-bit integer
SAFE_DECIMALS = 3  # that a float of any size below 2**52 may be asked for


class Column(Protocol):
    """What the model needs to know of a column, whatever its dtype."""

    codes: Ints  # one a training row, -1 for NULL
    known: Mask  # one a training row
    size: int  # codes run from 0 to size - 1
    ordered: bool
    exact: bool  # a code stands for one value, which is emitted as it is

    def restore(self, codes: Ints, rng: np.random.Generator) -> pd.Series[Any]:
        """Values for codes, in the dtype of the training column."""

    def encode(self, series: pd.Series[Any]) -> Ints:
        """Codes for values from outside; UNKNOWN where none is near enough.

        Raises:
            ValueError: values of that dtype cannot be compared with those that were learned.
        """


def open_column(series: pd.Series[Any], *, label: bool, rare: int) -> Column:
    """The column behind `series`: labels if it says so or if its dtype has no order, else numbers."""
    if label or not ticks.is_measured(series.dtype):
        return LabelColumn(series, rare)
    return NumberColumn(series, rare)


def commoner_side(null: Mask, rare: int) -> Mask:
    """Which rows to learn from, by NULL-ness alone: where few are NULL, or few are not, only the others."""
    few_values = (~null).sum() < rare and null.any()
    few_nulls = null.sum() < rare
    if few_values:
        return null.copy()
    return ~null if few_nulls else np.ones(len(null), dtype=bool)


class LabelColumn:
    """Values without an order. Kept values are held by at least `rare` rows; no others are ever returned.

    Where no value is held that often, NULL is left if the column has NULLs, else its commonest value.
    """

    ordered = False
    exact = True

    def __init__(self, series: pd.Series[Any], rare: int) -> None:
        raw = factorize(series)
        counts = np.bincount(raw[raw >= 0], minlength=raw.max(initial=-1) + 1)
        kept = np.flatnonzero(counts >= rare)
        if len(kept) == 0 and len(counts) and (raw >= 0).all():
            kept = np.array([counts.argmax()])
        new = np.full(len(counts) + 1, -1, dtype=np.int64)
        new[kept] = np.arange(len(kept))
        self.codes: Ints = new[raw]
        self.size = len(kept)
        self.known: Mask = ((raw < 0) | (self.codes >= 0)) & commoner_side(raw < 0, rare)
        if not self.known.any():  # no value is common enough: NULLs, however few, are left
            self.known = raw < 0
        first = (
            np.unique(self.codes, return_index=True)[1][-self.size :] if self.size else np.zeros(0, np.int64)
        )
        self._values = series.iloc[first].array
        self._nullable = bool((raw < 0).any())
        self._null = series.iloc[int((raw < 0).argmax())] if self._nullable else None
        self._dtype = series.dtype

    def restore(self, codes: Ints, rng: np.random.Generator) -> pd.Series[Any]:  # noqa: ARG002 - the protocol's
        """The labels themselves."""
        if not self._nullable:
            return pd.Series(self._values.take(codes), dtype=self._dtype)
        taken = self._values.take(codes, allow_fill=True, fill_value=self._null)
        return pd.Series(taken, dtype=self._dtype)

    def encode(self, series: pd.Series[Any]) -> Ints:
        """Codes of kept labels; all others, and NULL where training has none, are UNKNOWN."""
        known, wanted = pd.Series(self._values).astype(object), series.astype(object)
        try:
            codes = pd.Index(known, dtype=object).get_indexer(pd.Index(wanted, dtype=object))
        except TypeError:  # a value without a hash
            codes = pd.Index(known.map(repr)).get_indexer(pd.Index(wanted.map(repr)))
        codes = np.where(codes < 0, UNKNOWN, codes).astype(np.int64)
        codes[series.isna().to_numpy(dtype=bool)] = -1 if self._nullable else UNKNOWN
        return codes


def factorize(series: pd.Series[Any]) -> Ints:
    """Codes of equal values, in order of appearance; NULL is -1. Values without a hash go by their `repr`."""
    try:
        codes = pd.factorize(series)[0]
    except TypeError:
        codes = pd.factorize(series.map(repr, na_action="ignore"))[0]
    return codes.astype(np.int64)


class NumberColumn:
    """Ordered values: those that `rare` rows hold are returned as they are, others only smoothed.

    Values beyond the `rare`-th smallest and largest are moved there before anything is learned. Where fewer
    than 2 x `rare` values leave nothing between the two, the column is its median. Smoothed values keep the
    decimals of the value they stand for, and the grain (whole numbers, days, …) of the column.
    """

    ordered = True

    def __init__(self, series: pd.Series[Any], rare: int) -> None:
        native, null = ticks.to_native(series)
        self._dtype = series.dtype
        self._native_dtype = native.dtype
        values, self._base, self._step = ticks.to_ticks(native[~null])
        distinct, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
        low, high = bounds(inverse, rare)
        clipped = np.clip(inverse, low, high)
        self.codes: Ints = np.full(len(series), -1, dtype=np.int64)
        self.codes[~null] = clipped - low
        self.known: Mask = commoner_side(null, rare)
        self._distinct = distinct[low : high + 1]
        self.size = len(self._distinct)
        self.spike: Mask = counts[low : high + 1] >= rare
        self.exact = bool(self.spike.all()) or self.size == 1
        self._decimals = decimals_of(
            self._distinct, native.dtype if series.dtype != np.float32 else series.dtype
        )
        self._cell, self._edges = cells(self.codes[self.codes >= 0], self.spike)
        if len(self._decimals):
            counts = np.bincount(self.codes[self.codes >= 0], minlength=self.size)
            self._decimals = habitual(self._decimals, self._cell, np.where(self.spike, 0, counts))

    def restore(self, codes: Ints, rng: np.random.Generator) -> pd.Series[Any]:
        """Common values as they are, others drawn from their cell."""
        return self.to_series(self.native(codes, rng), codes < 0)

    def to_series(self, native: ticks.Native, null: Mask) -> pd.Series[Any]:
        """The column's own dtype around native values."""
        return ticks.from_native(native, null, self._dtype)

    def native(self, codes: Ints, rng: np.random.Generator | None = None) -> ticks.Native:
        """Ordered values for codes, smoothed where `rng` is given; what stands at a NULL means nothing."""
        if self.size == 0:
            return np.zeros(len(codes), dtype=self._native_dtype)
        drawn = self._distinct[codes]
        if rng is not None and len(self._edges):
            smooth = np.flatnonzero(~self.spike[codes] & (codes >= 0))
            drawn[smooth] = self._smooth(codes[smooth], rng)
        return ticks.from_ticks(drawn, self._base, self._step, self._native_dtype)

    def _smooth(self, codes: Ints, rng: np.random.Generator) -> NDArray[Any]:
        cell = self._cell[codes]
        low, high = self._distinct[self._edges[cell]], self._distinct[self._edges[cell + 1]]
        if self._distinct.dtype.kind != "f":
            high = high - (cell < len(self._edges) - 2).astype(
                np.uint64
            )  # an edge belongs to the cell above it
            return rng.integers(low, high, dtype=np.uint64, endpoint=True)
        share = rng.random(len(codes))
        with np.errstate(invalid="ignore"):  # a cell that reaches to infinity stays at its finite end
            drawn = np.where(np.isfinite(high), low * (1 - share) + high * share, low)
        drawn = np.where(np.isfinite(low), drawn, high)
        return np.clip(round_to(drawn, self._decimals[codes]), self._distinct[0], self._distinct[-1])

    @property
    def decimals(self) -> int:
        """The most decimals that any value needs."""
        return int(self._decimals.max(initial=0))

    @property
    def safe(self) -> bool:
        """Whether differences of values cannot overflow."""
        ends = ticks.from_ticks(self._distinct[[0, -1]], self._base, self._step, self._native_dtype)
        plain = ends.view(np.int64) if ends.dtype.kind in "mM" else ends
        return bool((np.abs(plain.astype(np.float64)) < SAFE).all())

    def settled(self, native: ticks.Native) -> ticks.Native:
        """The nearest values that the column could hold: in its bounds, on its grain."""
        if self._native_dtype.kind == "f":
            rounded = round_to(native, np.full(len(native), self.decimals))
            return np.clip(rounded, self._distinct[0], self._distinct[-1])
        if native.dtype.kind == "f":
            native = np.rint(native).astype(self._native_dtype)
        ends = ticks.from_ticks(self._distinct[[0, -1]], self._base, self._step, self._native_dtype)
        above = np.clip(native, ends[0], ends[1]).view(np.uint64) - np.uint64(self._base)
        whole = (above + np.uint64(self._step // 2)) // np.uint64(self._step)
        return ticks.from_ticks(whole, self._base, self._step, self._native_dtype)

    def encode(self, series: pd.Series[Any]) -> Ints:
        """Codes of the nearest values from below."""
        return self.located(*self.own(series))

    def own(self, series: pd.Series[Any]) -> tuple[ticks.Native, Mask]:
        """Values from outside as this column's native ones, beside a mask of the NULLs."""
        return ticks.converted(series, self._dtype, self._native_dtype)

    def located(self, native: ticks.Native, null: Mask) -> Ints:
        """The codes of the nearest values from below, or of the smallest; -1 where `null`."""
        known = ticks.from_ticks(self._distinct, self._base, self._step, self._native_dtype)
        found = np.searchsorted(known, native, side="right") - 1
        return np.where(null, -1, np.maximum(found, 0))

    def moved(self, native: ticks.Native, bound: ticks.Native, *, up: bool) -> ticks.Native:
        """Values, each raised (`up`) or lowered to its bound where it lies on the wrong side of it."""
        whole = np.ceil if up else np.floor
        if bound.dtype.kind == "f" and self._native_dtype.kind != "f":
            bound = whole(bound)
        elif self._native_dtype.kind == "f" and self.decimals <= MAX_DECIMALS:
            scale = 10.0**self.decimals
            bound = whole(np.round(bound * scale, SAFE_DECIMALS)) / scale
        inside = native >= bound if up else native <= bound
        return np.where(inside, native, bound).astype(self._native_dtype)


def bounds(codes: Ints, rare: int) -> tuple[int, int]:
    """The codes of the `rare`-th smallest and largest value, or of the median where they would cross."""
    if len(codes) == 0:
        return 0, 0
    if len(codes) < 2 * rare:
        middle = int(np.sort(codes)[(len(codes) - 1) // 2])
        return middle, middle
    part = np.partition(codes, (rare - 1, len(codes) - rare))
    return int(part[rare - 1]), int(part[len(codes) - rare])


def cells(codes: Ints, spike: Mask) -> tuple[Ints, Ints]:
    """For each code its cell, and the codes at the edges of the cells (one more than there are cells).

    Cells hold about CELL_ROWS rows of smoothed values, or fewer of a short table, and never a single value at
    the top, so that the bound itself, which is some row's own value, is not repeated.
    """
    counts = np.bincount(codes, minlength=len(spike))
    counts[spike] = 0
    total = counts.sum()
    if total == 0:
        return np.zeros(len(spike), np.int64), np.zeros(0, np.int64)
    rows = max(np.clip(total // FEWEST_CELLS, FEWEST_CELL_ROWS, CELL_ROWS), -(-total // MAX_CELLS))
    raw = (counts.cumsum() - counts) // rows
    smooth = np.flatnonzero(~spike)
    starts = smooth[np.unique(raw[smooth], return_index=True)[1]]
    if len(starts) > 1 and starts[-1] == smooth[-1]:
        starts = starts[:-1]
    cell = np.searchsorted(starts, np.arange(len(spike)), side="right") - 1
    return np.maximum(cell, 0), np.append(starts, smooth[-1])


def decimals_of(values: NDArray[Any], dtype: Any) -> Ints:
    """For each value the decimals that write it exactly; MAX_DECIMALS + 1 when no few do."""
    if values.dtype.kind != "f":
        return np.zeros(0, np.int64)
    found = np.full(len(values), MAX_DECIMALS + 1, dtype=np.int64)
    with np.errstate(all="ignore"):
        small = np.abs(values) < 2.0**52 / 10.0**MAX_DECIMALS
        found[np.abs(values) >= 2.0**52] = 0
        for digits in range(MAX_DECIMALS, -1, -1):
            writes = np.round(values, digits).astype(dtype) == values.astype(dtype)
            found[writes & (small | (digits <= SAFE_DECIMALS))] = digits
    return found


def habitual(decimals: Ints, cell: Ints, counts: Ints) -> Ints:
    """The decimals of each value, or the most in its cell where few rows there make do with as few.

    One whole number among square roots would otherwise be the only value that its cell has to round to.
    """
    most = np.zeros(cell.max(initial=0) + 1, dtype=np.int64)
    np.maximum.at(most, cell, np.where(counts > 0, decimals, 0))
    found = decimals.copy()
    for digits in np.unique(decimals):
        rows = np.bincount(cell, weights=counts * (decimals <= digits), minlength=len(most))
        few = (decimals == digits) & (rows[cell] < FEW_ROWS)
        found[few] = np.maximum(most[cell[few]], digits)
    return found


def round_to(values: NDArray[np.float64], decimals: Ints) -> NDArray[np.float64]:
    """Each value rounded to its own number of decimals."""
    rounded = values.copy()
    for digits in np.unique(decimals):
        if digits <= MAX_DECIMALS:
            here = decimals == digits
            with np.errstate(all="ignore"):
                fine = np.round(values[here], digits)
            rounded[here] = np.where(np.isfinite(fine), fine, values[here])
    return rounded
