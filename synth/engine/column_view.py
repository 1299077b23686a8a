"""A column as the search for identities sees it: its values as floats, in all rows or in a few."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from synth.engine import ticks
from synth.engine.formulas import exact, to_amounts
from synth.engine.rounding import MAX_DECIMALS

if TYPE_CHECKING:
    import pandas as pd

    from synth.engine.columns import Ints
    from synth.engine.formulas import Floats
    from synth.engine.numbers import NumberColumn

FEW_VALUES = 2  # of a target that are too few to prove anything
FIRST_ROWS = 6  # that dismiss almost everything
NUMBER, DURATION, MOMENT = "number", "duration", "moment"


@dataclass(frozen=True, slots=True)
class ColumnView:
    """A column as the search sees it.

    Attributes:
        place: in the frame.
        kind: `number`, `duration`, or `moment` with its time zone.
        amounts: one a row, NaN for NULL.
        decimals: that its values have.
        noise: by how much of itself a value may miss another that it equals.
        low: the smallest.
        high: the largest.
        size: how many values it has.
        common: the share of rows with a value that many rows hold.
        free: whether it may be computed instead of drawn.
    """

    place: int
    kind: str
    amounts: Floats
    decimals: int
    noise: float
    low: float
    high: float
    size: int
    common: float
    free: bool

    def at(self, rows: Ints) -> ColumnView:
        """Return the same column with these rows only."""
        return replace(self, amounts=self.amounts[rows])

    @property
    def unit(self) -> float:
        """The last decimal's; 0 where there are too many to be anyone's choice."""
        return 0.0 if self.decimals > MAX_DECIMALS else 10.0**-self.decimals

    @property
    def whole(self) -> bool:
        """Whether all values are whole numbers."""
        return self.decimals == 0

    def tolerance(self) -> Floats:
        """Return for each row how far an equal value may be away."""
        return np.abs(self.amounts) * self.noise + self.unit * 1e-6


def look(series: pd.Series[Any], column: NumberColumn, place: int, *, free: bool) -> ColumnView | None:
    """Return the column, unless it is constant, or has values that cannot be computed with."""
    native, null = ticks.to_native(series)
    if null.all() or not exact(native, null):
        return None
    amounts = to_amounts(native, null)
    low, high = float(np.nanmin(amounts)), float(np.nanmax(amounts))
    decimals, noise = 0, 0.0
    if native.dtype.kind == "f":
        single = "32" in str(series.dtype)
        decimals, noise = column.decimals, 4 * float(np.finfo(np.float32 if single else np.float64).eps)
    kind = {"M": f"{MOMENT} {getattr(series.dtype, 'tz', '')}", "m": DURATION}.get(native.dtype.kind, NUMBER)
    common = float(column.spike[column.codes[column.codes >= 0]].mean())
    free &= column.size > FEW_VALUES
    view = ColumnView(place, kind, amounts, decimals, noise, low, high, column.size, common, free)
    return view if low < high else None


def informative(target: ColumnView) -> Ints:
    """Return a few rows in which it is something, from its smallest value to its largest."""
    some = np.flatnonzero(~np.isnan(target.amounts) & (target.amounts != 0))
    sorted_rows = some[np.argsort(target.amounts[some], kind="stable")]
    return sorted_rows[np.linspace(0, len(some) - 1, min(FIRST_ROWS, len(some))).astype(np.int64)]
