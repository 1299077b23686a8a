"""The three tables in one form that every check reads: keys that are equal where values are, and numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

Floats: TypeAlias = npt.NDArray[np.float64]
Keys: TypeAlias = npt.NDArray[np.uint64]
Codes: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

NULL_KEY = np.uint64(0xA0761D6478BD642F)
EXACT_INTEGERS = 2.0**62  # whole floats below this are also int64 values
BY_CONTENT = {  # what pandas finds in a column of objects → how it is read
    "boolean": "boolean",
    "integer": "number",
    "floating": "number",
    "mixed-integer-float": "number",
    "decimal": "number",
    "datetime": "moment",
    "date": "moment",
    "timedelta": "span",
    "empty": "empty",
}
BY_DTYPE = (  # in this order, because booleans pass for numbers
    ("boolean", types.is_bool_dtype),
    ("number", types.is_numeric_dtype),
    ("moment", types.is_datetime64_any_dtype),
    ("span", types.is_timedelta64_dtype),
)


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column of training, holdout and synthetic rows, in this order, end to end.

    Attributes:
        keys: equal exactly where values are equal (1 and 1.0, 0 and -0, NaN and NULL are).
        numbers: where the values lie on a line, NaN where NULL; None when they are labels.
        boolean: whether only true and false can occur.
        moment: whether the values are dates or times, which everybody's calendar has.
    """

    name: str
    keys: Keys
    null: Mask
    numbers: Floats | None
    boolean: bool
    moment: bool = False

    def take(self, rows: Codes) -> TableColumn:
        """Return this column at the given positions."""
        numbers = None if self.numbers is None else self.numbers[rows]
        return TableColumn(self.name, self.keys[rows], self.null[rows], numbers, self.boolean, self.moment)


@dataclass(frozen=True, slots=True)
class Tables:
    """Training, holdout and synthetic rows, column by column.

    Attributes:
        units: whom each row is about; rows of equal number belong together. None: each stands for itself.
        second: which synthetic rows come from an engine that learned the second table, `holdout`, while the
            others come from one that learned the first. None: nothing was learned from `holdout`.
    """

    columns: tuple[TableColumn, ...]
    training: int
    holdout: int
    synthetic: int
    units: Codes | None = None
    second: Mask | None = None

    @property
    def real(self) -> int:
        """How many rows are real; they come first."""
        return self.training + self.holdout

    def without(self, names: Collection[str]) -> Tables:
        """Return the same rows without some columns."""
        return replace(self, columns=tuple(column for column in self.columns if column.name not in names))

    def sample(self, rng: np.random.Generator, training: int, holdout: int, synthetic: int) -> Tables:
        """Return at most so many random rows of each table."""
        return self.take(self.draw(rng, training, holdout, synthetic))

    def draw(self, rng: np.random.Generator, training: int, holdout: int, synthetic: int) -> Codes:
        """Return the positions of at most so many random rows of each table, rising."""
        sizes = (self.training, self.holdout, self.synthetic)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        sample_rows = [
            start + np.sort(rng.choice(size, min(size, count), replace=False))
            for start, size, count in zip(starts, sizes, (training, holdout, synthetic), strict=False)
        ]
        return np.concatenate(sample_rows).astype(np.int64)

    def take(self, rows: Codes) -> Tables:
        """Return the rows at the given positions, which rise."""
        ends = np.searchsorted(rows, [self.training, self.real, self.real + self.synthetic])
        training, holdout, synthetic = np.diff(ends, prepend=0).tolist()
        units = None if self.units is None else self.units[rows]
        second = None if self.second is None else self.second[rows[training + holdout :] - self.real]
        return Tables(
            tuple(column.take(rows) for column in self.columns), training, holdout, synthetic, units, second
        )

    @property
    def engines(self) -> tuple[Codes, ...]:
        """The positions of the synthetic rows, by the engine that drew them."""
        places = np.arange(self.real, self.real + self.synthetic)
        return (places,) if self.second is None else (places[~self.second], places[self.second])

    @property
    def ways(self) -> tuple[Tables, ...]:
        """For each engine: what it learned, then what it did not, then its rows."""
        if self.second is None:
            return (self,)
        halves = np.arange(self.training), np.arange(self.training, self.real)
        return tuple(
            self._split_rows(training_rows, holdout_rows, twin_rows)
            for training_rows, holdout_rows, twin_rows in zip(halves, halves[::-1], self.engines, strict=True)
        )

    def _split_rows(self, training_rows: Codes, holdout_rows: Codes, twin_rows: Codes) -> Tables:
        rows = np.concatenate([training_rows, holdout_rows, twin_rows])
        units = None if self.units is None else self.units[rows]
        columns = tuple(column.take(rows) for column in self.columns)
        return Tables(columns, len(training_rows), len(holdout_rows), len(twin_rows), units)

    def unit_of(self, rows: slice) -> Codes:
        """Return whom each of the rows is about, as numbers from 0 without holes."""
        if self.units is None:
            return np.arange(self.real + self.synthetic)[rows] - (rows.start or 0)
        return np.unique(self.units[rows], return_inverse=True)[1].astype(np.int64)


def read(
    training: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, *, categories: Collection[str]
) -> Tables:
    """Return the three frames in their common form.

    Raises:
        ValueError: their columns differ, or a name occurs twice.
    """
    frames = (training, holdout, synthetic)
    names = list(training.columns)
    if len(set(names)) < len(names) or any(set(frame.columns) != set(names) for frame in frames):
        raise ValueError("the tables do not have the same columns")
    columns = tuple(
        _column(str(name), [frame[name] for frame in frames], label=name in categories) for name in names
    )
    return Tables(columns, len(training), len(holdout), len(synthetic))


def row_hashes(tables: Tables) -> Keys:
    """Return a 64-bit hash of every row's content; equal rows have equal hashes."""
    rows: Keys = np.zeros(tables.real + tables.synthetic, dtype=np.uint64)
    for column in tables.columns:
        rows = mix_bits(rows ^ column.keys)
    return rows


def occurs_once(keys: Keys) -> Mask:
    """Return where a key is the only one of its value."""
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    once: Mask = (counts == 1)[inverse]
    return once


def discretise(column: TableColumn, training: int, bins: int) -> Codes:
    """Return small whole numbers for a column's values, by bins that its first `training` rows define.

    Labels: the `bins` most frequent, one code for all others, one for NULL. Numbers: bins of equal mass, and
    a bin of its own for every value that fills one alone, so that a spike spread out is seen. Codes run from
    0 without holes.
    """
    if column.numbers is None:
        labels, counts = np.unique(column.keys[:training][~column.null[:training]], return_counts=True)
        common_labels = np.sort(labels[np.argsort(-counts, kind="stable")[:bins]])
        place = np.searchsorted(common_labels, column.keys)
        match = place < len(common_labels)
        match[match] = common_labels[place[match]] == column.keys[match]
        codes = np.where(match, place, len(common_labels))
    else:
        edges = _edges(column.numbers[:training][~column.null[:training]], bins)
        codes = np.searchsorted(edges, column.numbers, side="right")
    codes = np.where(column.null, codes.max(initial=0) + 1, codes)
    is_used = np.bincount(codes) > 0
    compact: Codes = (np.cumsum(is_used) - 1)[codes]
    return compact


def _edges(numbers: Floats, bins: int) -> Floats:
    values, counts = np.unique(numbers, return_counts=True)
    heavy = values if len(values) <= bins else values[counts * bins >= counts.sum()]
    ranks = np.arange(1, bins) * counts.sum() / bins
    cuts = values[np.searchsorted(np.cumsum(counts), ranks, side="right")] if len(values) > bins else values
    return np.unique(np.concatenate([cuts, heavy, np.nextafter(heavy, np.inf)]))


def mix_bits(keys: Keys) -> Keys:
    """Return hashes of hashes, so that sums and differences of equal keys do not meet."""
    # SplitMix64's finaliser (Steele, Lea, Flood 2014): every bit of the input moves half of the output's.
    keys = keys + np.uint64(0x9E3779B97F4A7C15)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


def _column(name: str, parts: Sequence[pd.Series], *, label: bool) -> TableColumn:
    null = np.concatenate([part.isna().to_numpy(dtype=bool) for part in parts])
    kinds = {_kind(part) for part in parts} - {"empty"}
    boolean = kinds == {"boolean"}
    try:
        match sorted(kinds - {"boolean"} | ({"number"} if boolean else set())):
            case ["number"]:
                values = [_numbers(part) for part in parts]
            case ["moment"] | ["span"]:
                values = [_microseconds(part) for part in parts]
            case _:
                return TableColumn(name, _labels(parts), null, None, boolean)
    except OverflowError:  # numbers beyond the largest double, which have no place on a line
        return TableColumn(name, _labels(parts), null, None, boolean)
    numbers = np.concatenate([part[1] for part in values])
    null |= np.isnan(
        numbers
    )  # a nullable float column may hold both, and pandas calls only one of them missing
    keys = np.where(null, NULL_KEY, np.concatenate([part[0] for part in values]))
    numbers[null] = np.nan
    moment = "moment" in kinds
    return TableColumn(name, keys, null, None if label else numbers, boolean, moment)


def _kind(part: pd.Series) -> str:
    dtype = part.dtype
    if isinstance(dtype, pd.CategoricalDtype):  # first, because a category of booleans passes for booleans
        return "label"
    if types.is_object_dtype(dtype):
        return BY_CONTENT.get(types.infer_dtype(part, skipna=True), "label")
    for kind, test in BY_DTYPE:
        if test(dtype):
            return kind
    return "label"


def _numbers(part: pd.Series) -> tuple[Keys, Floats]:
    if types.is_unsigned_integer_dtype(part.dtype):  # beyond 2**63 they are no int64
        unsigned_values: Keys = part.fillna(0).to_numpy(dtype=np.uint64)
        return unsigned_values, unsigned_values.astype(np.float64)
    if types.is_integer_dtype(part.dtype):
        whole: Codes = part.fillna(0).to_numpy(dtype=np.int64)
        return whole.view(np.uint64), whole.astype(np.float64)
    float_values = part.astype("Float64") if part.dtype.name == "boolean" else part.astype("float64")
    numbers: Floats = np.array(float_values.to_numpy(dtype=np.float64, na_value=np.nan))
    exact = np.abs(numbers) < EXACT_INTEGERS
    exact[exact] = numbers[exact] == np.trunc(numbers[exact])
    whole = np.where(exact, numbers, 0).astype(np.int64)
    return np.where(exact, whole.view(np.uint64), numbers.view(np.uint64)), numbers


def _microseconds(part: pd.Series) -> tuple[Keys, Floats]:
    if types.is_timedelta64_dtype(part.dtype) or types.infer_dtype(part, skipna=True) == "timedelta":
        whole: Codes = part.astype("timedelta64[us]").to_numpy().astype(np.int64)
        return whole.view(np.uint64), whole.astype(np.float64)
    if isinstance(part.dtype, pd.DatetimeTZDtype):
        part = part.dt.tz_convert("UTC").dt.tz_localize(None)
    try:
        exact = part.astype("datetime64[us]")
    except ValueError:  # objects of several time zones
        exact = pd.to_datetime(part, utc=True).dt.tz_localize(None).astype("datetime64[us]")
    whole = exact.to_numpy().astype(np.int64)
    return whole.view(np.uint64), whole.astype(np.float64)


def _labels(parts: Sequence[pd.Series]) -> Keys:
    code_by_label: dict[str, int] = {}
    keys = []
    for part in parts:
        codes, uniques = pd.factorize(part)
        numbers = [code_by_label.setdefault(_text(value), len(code_by_label)) for value in uniques]
        keys.append(np.array([*numbers, NULL_KEY], dtype=np.uint64)[codes])  # NULL has the code -1
    return np.concatenate(keys)


def _text(value: object) -> str:
    # 1, 1.0, Decimal("1.00") and "1" are one label, whatever dtype a table happens to hold them in.
    if isinstance(value, str):
        return value
    if isinstance(value, float | np.floating | Decimal) and value == value // 1:
        return str(int(value))
    return str(value)
