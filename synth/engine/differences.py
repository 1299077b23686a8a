"""Number columns that follow another closely are learned as their difference to it: an end, by its start.

What two such columns share is then exact, not cut into leaves; equal stays equal, ordered stays ordered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from synth.engine import ticks
from synth.engine.numbers import NumberColumn
from synth.engine.rounding import MAX_DECIMALS
from synth.engine.rules import family

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from synth.engine.columns import Column, Ints
    from synth.engine.rules import Order
    from synth.engine.ticks import Native

FEW_VALUES = 30  # that a tree tells apart by itself
CLOSE = 0.35  # spread of the difference, as a share of the column's own, that is worth it
SPREAD_ROWS = 5000  # that are enough to see how close two columns are
LOST_SPIKES = 0.005  # share of rows that may lose a common value because their difference is none


@dataclass(frozen=True, slots=True)
class Difference:
    """In every row the column `target` is the column `base` plus this difference.

    Attributes:
        number: the index under which the difference is drawn.
        own: the column `target`.
        to: the column `base`.
        column: the difference, a column of its own.
    """

    target: int
    base: int
    number: int
    own: NumberColumn
    to: NumberColumn
    column: NumberColumn

    def code(self, codes: Mapping[int, Ints]) -> Ints:
        """The target's codes that go with those of its base and its difference."""
        plain = self.to.native(codes[self.base]) + self.column.native(codes[self.number])
        return self.own.located(self.own.settled(plain), codes[self.number] < 0)

    def value(self, values: Mapping[int, Native]) -> Native:
        """The target's values that go with those of its base and its difference."""
        return self.own.settled(values[self.base] + values[self.number])


def find_differences(
    columns: Sequence[Column],
    drawn: Sequence[int],
    *,
    orders: Iterable[Order],
    rare: int,
    fixed: Collection[int] = (),
) -> dict[int, Difference]:
    """For each column but the fixed that follows some drawn before it closely enough, its difference to it.

    Two columns with an inequality need not be close at all, only closer than the column to itself.
    """
    ordered = {frozenset((rule.low, rule.high)) for rule in orders}
    found: dict[int, Difference] = {}
    for place, target in enumerate(drawn):
        own, best = columns[target], np.inf
        if not isinstance(own, NumberColumn) or own.size <= FEW_VALUES or target in fixed:
            continue
        for base in drawn[:place]:
            to = columns[base]
            if not isinstance(to, NumberColumn) or not comparable(own, to):
                continue
            closeness = spread(own.native(own.codes) - to.native(to.codes)) / spread(own.native(own.codes))
            limit = 1.0 if frozenset((target, base)) in ordered else CLOSE
            if closeness >= min(limit, best):
                continue
            column = difference(own, to, rare)
            if keeps_spikes(own, column):
                number = found[target].number if target in found else len(columns) + len(found)
                best, found[target] = closeness, Difference(target, base, number, own, to, column)
    return found


def comparable(own: NumberColumn, to: NumberColumn) -> bool:
    """Whether both are of one kind, NULL in the same rows, learned in all, and safe to subtract."""
    if not (own.known.all() and to.known.all()) or ((own.codes < 0) != (to.codes < 0)).any():
        return False
    high, low = own.native(own.codes[:1]), to.native(to.codes[:1])
    return (
        family(high) == family(low) and "u" not in {high.dtype.kind, low.dtype.kind} and own.safe and to.safe
    )


def difference(own: NumberColumn, to: NumberColumn, rare: int) -> NumberColumn:
    """What is left of a column when another is taken from it."""
    gap = own.native(own.codes) - to.native(to.codes)
    decimals = max(own.decimals, to.decimals)
    if gap.dtype.kind == "f" and decimals <= MAX_DECIMALS:
        gap = gap.round(decimals)
    dtype = pd.Int64Dtype() if gap.dtype.kind == "i" else gap.dtype
    return NumberColumn(ticks.from_native(gap, own.codes < 0, dtype), rare)


def spread(values: Native) -> float:
    """Mean absolute deviation from the median of a sample; NULLs, few or many, stand at one value."""
    values = values[:SPREAD_ROWS]
    steps = (values - values.min()).astype(np.float64)
    return float(np.abs(steps - np.median(steps)).mean())


def keeps_spikes(own: NumberColumn, gap: NumberColumn) -> bool:
    """Whether hardly a row with a common value would have it come out as some other value."""
    value = own.codes >= 0
    lost = own.spike[own.codes[value]] & ~gap.spike[gap.codes[value]]
    return bool(lost.mean() < LOST_SPIKES)
