"""What is public about a column, and values as keys and grid positions that depend on nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = ("category", "number", "datetime", "boolean")
# Stands for every label that too few entities hold to be discovered; whoever asked replaces it.
OTHER = "(other)"
# Without declared decimals a number has this many digits over its range.
DIGITS = 4
# A range without declared decimals is cut into so many steps.
STEPS = 1 << 40
MICROSECONDS = {"D": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "us": 1}


@dataclass(frozen=True, slots=True)
class ColumnDomain:
    """What may be known of a column without looking at its rows.

    `labels` are the values of a category, `low` and `high` the inclusive bounds of a number or a datetime
    (numbers or pandas Timestamps). What is None is discovered with a share of the budget, or refused.
    `decimals` is the number of decimal places of a number, by default those that give four digits over the
    range; `unit` is the grain of a datetime: D, h, m, s or us. A column that is not `nullable` costs no cell
    for NULL and never is NULL. `largest` is how far from zero a number can be that the column's type holds.
    `passing` says that others decide the column in the end, so that hardly anything is spent on it. `steps`
    are what numbers may be multiples of, in units of the last decimal; each divides the next. `usual` is
    where numbers are taken to be if nothing stands out from the noise.
    """

    kind: str
    labels: tuple[Any, ...] | None = None
    low: Any = None
    high: Any = None
    decimals: int | None = None
    nullable: bool = True
    unit: str = "s"
    largest: float | None = None
    passing: bool = False
    steps: tuple[int, ...] = ()
    usual: tuple[float, float] = (0.5, 2.0**16)

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r} is none of {', '.join(KINDS)}")
        if self.unit not in MICROSECONDS:
            raise ValueError(f"unit {self.unit!r} is none of {', '.join(MICROSECONDS)}")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low is above high")

    @property
    def of_labels(self) -> bool:
        """Whether values are labels rather than positions on a line."""
        return self.kind in {"category", "boolean"}

    @property
    def complete(self) -> bool:
        """Whether everything is public that cells need."""
        if self.of_labels:
            return self.kind == "boolean" or self.labels is not None
        return self.low is not None and self.high is not None

    @property
    def all_labels(self) -> tuple[Any, ...]:
        """The public labels of a category or a boolean."""
        return (False, True) if self.labels is None and self.kind == "boolean" else self.labels or ()


def is_null(values: pd.Series) -> NDArray[np.bool_]:
    """Return where a column is NULL."""
    return values.isna().to_numpy(dtype=bool)


def key_of(value: Any) -> str:
    """Return the text that stands for a label, the same whether its column was read as whole or as float."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real) and float(value).is_integer():
        return str(int(float(value)))
    return str(value)


def keys_of(values: pd.Series) -> NDArray[np.object_]:
    """Return the key of every label of a column, None for NULL."""
    codes, uniques = pd.factorize(values, use_na_sentinel=True)
    texts = np.array([*(key_of(value) for value in uniques), None], dtype=object)
    return texts[codes]


def amounts(values: pd.Series, kind: str) -> NDArray[np.float64]:
    """Return a number column as floats, a datetime column as microseconds since 1970; NaN for NULL."""
    if kind == "number":
        floats = pd.to_numeric(values, errors="coerce").astype("Float64")
        return np.asarray(floats.to_numpy(float, na_value=np.nan), dtype=np.float64)
    times = pd.to_datetime(values, errors="coerce", utc=True)
    whole = times.to_numpy(dtype="datetime64[us]")
    numbers: NDArray[np.float64] = whole.astype(np.int64).astype(np.float64)
    numbers[np.isnat(whole)] = np.nan
    return numbers


def amount_of(limit: Any, kind: str) -> float:
    """Return a bound in the unit of `amounts`."""
    if kind == "number":
        return float(limit)
    stamp = pd.Timestamp(limit)
    stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp
    return float(stamp.as_unit("us").asm8.astype(np.int64))


@dataclass(frozen=True, slots=True)
class Grid:
    """The public positions 0 … size - 1 on the line from `low` upwards, `step` apart."""

    low: float
    step: float
    size: int
    decimals: int | None
    kind: str
    has_zone: bool = False

    @classmethod
    def of(cls, domain: ColumnDomain) -> Grid:
        """Return the positions that a domain with bounds has."""
        low, high = amount_of(domain.low, domain.kind), amount_of(domain.high, domain.kind)
        decimals = domain.decimals
        if domain.kind == "datetime":
            step = float(MICROSECONDS[domain.unit])
            low = np.floor(low / step) * step
        else:
            if decimals is None:
                decimals = max(0, DIGITS - 1 - int(np.floor(np.log10(high - low)))) if high > low else DIGITS
            step = 10.0**-decimals
        size = int(min(np.floor((high - low) / step + 1e-6) + 1, STEPS))
        step = (high - low) / (size - 1) if size == STEPS else step
        has_zone = domain.kind == "datetime" and pd.Timestamp(domain.low).tzinfo is not None
        return cls(low, step, size, decimals, domain.kind, has_zone)

    def positions(self, numbers: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the position of each number; what is outside is at the nearest end, NaN at -1."""
        with np.errstate(invalid="ignore", over="ignore"):
            near = np.clip((numbers - self.low) / self.step, 0, self.size - 1)
        whole = np.floor(near) if self.kind == "datetime" else np.rint(near)
        return np.where(np.isnan(numbers), -1, np.nan_to_num(whole)).astype(np.int64)

    def values(self, positions: NDArray[np.int64]) -> pd.Series:
        """Return the column that positions stand for, NULL where they are negative."""
        amount = self.low + positions * self.step
        absent = positions < 0
        if self.kind == "datetime":
            times = amount.astype(np.int64).astype("datetime64[us]")
            times[absent] = np.datetime64("NaT")
            column = pd.Series(times)
            return column.dt.tz_localize("UTC") if self.has_zone else column
        numbers = pd.Series(np.round(amount, self.decimals or 0), dtype="Float64").mask(absent)
        return numbers.astype("Int64") if self.decimals == 0 else numbers
