"""Number columns that follow another closely are learned as their difference to it: an end, by its start.

What two such columns share is then exact, not cut into leaves; equal stays equal, ordered stays ordered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.engine import ticks
from synth.engine.columns import DerivedColumn
from synth.engine.evidence import surely_more
from synth.engine.marks import NEITHER
from synth.engine.numbers import SAFE, NumberColumn
from synth.engine.rounding import MAX_DECIMALS
from synth.engine.rules import family

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from synth.engine.columns import ColumnCodes, Ints, Mask
    from synth.engine.crowd import Crowd
    from synth.engine.marks import Marks
    from synth.engine.rules import Order
    from synth.engine.ticks import Native

FEW_VALUES = 30  # that a tree tells apart by itself,
LEAF_ROWS = 15  # if there are so many rows for each of them
CLOSE = 0.35  # spread of the difference, as a share of the column's own, that is worth it
SPREAD_ROWS = 5000  # that are enough to see how close two columns are
LOSS = 0.01  # share of rows that may come out with a value that the column never has
COMMON = 0.01  # share of the rows that makes a value a common one
LOSS_OF_COMMON = 0.02  # share of rows that may lose a common value,
FAR_MORE = 3  # times as many rows as a marked day has on average, which make it a common one
DEVIATIONS = 3.1  # beside so many standard ones of two counts that chance alone parts
ALIKE = 0.02  # share of the rows between one and another that is like it, but rarely equal
TINY = (
    1e-6  # a difference between two floats that is none; as a share of the spread, all that adding may lose
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference(DerivedColumn):
    """The column `own` is in every row the column `to` plus the difference that is drawn.

    Attributes:
        base: the index of `to`.
        marks: days that all dates of `own` are on, so that sums go to the nearest; None where there are none.
    """

    base: int
    own: NumberColumn
    to: NumberColumn
    marks: Marks | None = None

    def code(self, codes: Mapping[int, Ints]) -> Ints:
        """Return the target's codes that go with those of its base and its difference."""
        plain = self._sums(self.to.native(codes[self.base]), self.columns[0].native(codes[self.numbers[0]]))
        return self.own.nearest_codes(self.own.nearest_values(plain), codes[self.numbers[0]] < 0)

    def outside(self, values: Mapping[int, Native]) -> Mask:
        """Return rows in which base and difference add up to what lies beyond all training values."""
        plain, training_values = (
            values[self.base] + values[self.numbers[0]],
            self.own.raw[self.own.codes >= 0],
        )
        beyond: Mask = (plain < training_values.min()) | (plain > training_values.max())
        return beyond

    def value(self, values: Mapping[int, Native], codes: Mapping[int, Ints]) -> Native:  # noqa: ARG002
        """Return the target's values that go with those of its base and its difference."""
        return self.own.within(self._sums(values[self.base], values[self.numbers[0]]))

    def _sums(self, base: Native, gap: Native) -> Native:
        return base + gap if self.marks is None else on_marks(base, gap, self.columns[0], self.marks)


def find_differences(
    columns: Sequence[ColumnCodes],
    draw_order: Sequence[int],
    *,
    orders: Iterable[Order],
    number: int,
    crowd: Crowd,
    marks: Mapping[int, Marks],
    fixed_columns: Collection[int] = (),
) -> dict[int, Difference]:
    """Return for each column that follows some drawn before it closely enough its difference to it.

    Two columns with an inequality need not be close at all, only closer than the column to itself. What is
    drawn in their place has the indices from `number` on. Dates that are all on `marks` stay there: a first
    instalment is due on a first of a month, soon after it was agreed on.
    """
    whole_marks = {target: one for target, one in marks.items() if one.whole}
    ordered_pairs = {frozenset((rule.low, rule.high)) for rule in orders}
    nearest: dict[int, tuple[int, NumberColumn, NumberColumn, NumberColumn]] = {}
    for place, target in enumerate(draw_order):
        own, best = columns[target], np.inf
        if not isinstance(own, NumberColumn) or told_apart(own) or target in fixed_columns:
            continue
        for base in draw_order[:place]:
            to = columns[base]
            if not isinstance(to, NumberColumn) or not comparable(own, to):
                continue
            apart = distance(own, to)
            limit = 1.0 if frozenset((target, base)) in ordered_pairs else CLOSE
            if apart >= min(limit, best):
                continue
            column = difference(own, to, crowd)
            if lands(own, to, column, nearest=whole_marks.get(target)):
                best, nearest[target] = apart, (base, own, to, column)
    return {
        target: Difference(
            numbers=(number + place,),
            columns=(column,),
            needs=(base,),
            base=base,
            own=own,
            to=to,
            marks=whole_marks.get(target),
        )
        for place, (target, (base, own, to, column)) in enumerate(nearest.items())
    }


def on_marks(base: Native, gap: Native, gaps: NumberColumn, marks: Marks) -> Native:
    """Return dates at such gaps from others, on the nearest marked days that have a gap as there are."""
    low, high = gaps.native(np.array([0, gaps.size - 1]))
    return marks.nearest(base + gap, base + low, base + high).astype((base + gap).dtype)


def told_apart(own: NumberColumn) -> bool:
    """Return whether a tree tells the values of a column apart by itself."""
    return own.size <= FEW_VALUES and bool((own.codes >= 0).sum() >= LEAF_ROWS * own.size)


def missing_at_times(columns: Sequence[ColumnCodes], orders: Iterable[Order]) -> list[tuple[int, int]]:
    """Close columns with an inequality of which one is NULL in rows where the other is not."""
    pairs = [(rule.low, rule.high) for rule in orders]
    return [
        (low, high)
        for low, high in pairs
        if isinstance(own := columns[high], NumberColumn)
        and isinstance(to := columns[low], NumberColumn)
        and ((own.codes < 0) != (to.codes < 0)).any()
        and own.safe
        and to.safe
        and distance(own, to) < CLOSE
    ]


def bases_first(
    columns: Sequence[ColumnCodes],
    draw_order: Sequence[int],
    orders: Iterable[Order],
    *,
    first: Sequence[int],
    crowd: Crowd,
    marks: Mapping[int, Marks],
) -> list[int]:
    """Return the order, changed so that a column whose differences land is drawn behind what it is close to.

    An end is at any minute, and a start at the full hour, or on a first of a month: the end follows from the
    start, and not the start from the end.
    """
    order = list(draw_order)
    for low, high in ((rule.low, rule.high) for rule in orders):
        base, target = sorted((low, high), key=order.index)
        own, to = columns[target], columns[base]
        if {low, high} & set(first) or not isinstance(own, NumberColumn) or not isinstance(to, NumberColumn):
            continue
        if told_apart(own) or told_apart(to) or not comparable(own, to) or not comparable(to, own):
            continue
        close = distance(own, to) < CLOSE
        if (
            close
            and not lands(own, to, difference(own, to, crowd), marks.get(target))
            and lands(to, own, difference(to, own, crowd))
        ):
            order.remove(target)
            order.insert(order.index(base), target)
    return order


def comparable(own: NumberColumn, to: NumberColumn) -> bool:
    """Return whether both are of one kind, safe to subtract, and NULL together if `to` is ever to be."""
    null = (to.codes < 0) & to.learnable
    if null.any() and (((own.codes < 0) & own.learnable) != null).any():
        return False
    high, low = own.native(own.codes[:1]), to.native(to.codes[:1])
    alike_kinds = family(high) == family(low) and "u" not in {high.dtype.kind, low.dtype.kind}
    return alike_kinds and own.safe and to.safe and comes_back(own, to)


def comes_back(own: NumberColumn, to: NumberColumn) -> bool:
    """Return whether a value is what its difference and the other add up to, despite the digits of floats."""
    some = np.flatnonzero((own.codes >= 0) & (to.codes >= 0))[:SPREAD_ROWS]
    plain, beside = own.native(own.codes[some]), to.native(to.codes[some])
    if not len(some) or "f" not in {plain.dtype.kind, beside.dtype.kind}:
        return True
    losses = np.abs(plain - beside + beside - plain).astype(np.float64)
    return bool(losses.max() <= TINY * spread(plain))


def difference(own: NumberColumn, to: NumberColumn, crowd: Crowd) -> NumberColumn:
    """Return what is left of a column when another is taken from it."""
    decimals = max(own.decimals, to.decimals)

    def of(gap: Native, null: Mask) -> pd.Series[Any]:
        if gap.dtype.kind == "f" and decimals <= MAX_DECIMALS:
            gap = gap.round(decimals)
        return ticks.from_native(gap, null, pd.Int64Dtype() if gap.dtype.kind == "i" else gap.dtype)

    (mine, mine_null), (others, others_null) = own.beside, to.beside
    null = mine_null | others_null | ~near(mine) | ~near(others)
    column = NumberColumn(
        of(raw_values(own) - raw_values(to), (own.codes < 0) | (to.codes < 0)), crowd, of(mine - others, null)
    )
    column.learnable &= own.learnable & to.learnable
    return column


def raw_values(column: NumberColumn) -> Native:
    """Return a column's values in the training rows before its ends are cut, if they are not too far out."""
    return np.where(near(column.raw), column.raw, column.native(column.codes))


def near(native: Native) -> Mask:
    """Return which values are so near to 0 that the difference of two cannot overflow."""
    return np.abs(ticks.as_floats(native)) < SAFE


def distance(own: NumberColumn, to: NumberColumn) -> float:
    """Return how widely the difference of two columns is spread, as a share of the one's own spread."""
    some = np.flatnonzero((own.codes >= 0) & (to.codes >= 0))[:SPREAD_ROWS]
    plain = own.native(own.codes[some])
    wide = spread(plain) if len(some) else 0.0
    return spread(plain - to.native(to.codes[some])) / wide if wide else np.inf


def spread(values: Native) -> float:
    """Return the mean absolute deviation from the median."""
    steps = (values - values.min()).astype(np.float64)
    return float(np.abs(steps - np.median(steps)).mean())


def lands(
    own: NumberColumn,
    to: NumberColumn,
    gap: NumberColumn,
    marks: Marks | None = None,
    *,
    nearest: Marks | None = None,
) -> bool:
    """Return whether a row with the difference of one like it gets a value of the column, as fresh ones do.

    Of fresh rows about as many have a value that no training row has as training rows have one that no other
    has (Good 1953). And common values must stay common: an amount that is often 0 does not, and a time of
    1055 to which ten minutes are added is none. So must days that many dates fall on, which `marks` are.
    Where sums go to the `nearest` marked day, they are judged there; any such day is a value of the column.
    """
    whole = ~own.is_cut & ~to.is_cut  # in other rows the difference is not that of the two columns
    rows = np.flatnonzero((own.codes >= 0) & (to.codes >= 0) & whole)
    near = rows[np.argsort(to.codes[rows], kind="stable")]
    beside, apart = to.native(to.codes[near]), gap.native(gap.codes[alike(near)])
    plain = beside + apart if nearest is None else on_marks(beside, apart, gap, nearest)
    sums, own_values = own.nearest_values(plain), own.native(np.arange(own.size))
    inside = (sums > own_values[0]) & (sums < own_values[-1]) | (
        np.abs((plain - sums).astype(np.float64)) < TINY
    )
    exists = inside & (np.isin(sums, own_values) if nearest is None else nearest.kinds(plain) != NEITHER)
    counts = np.bincount(own.codes[rows], minlength=own.size)
    least = COMMON * len(rows) if nearest is None else max(COMMON, FAR_MORE / own.size) * len(rows)
    common = own.spike & (counts >= least)
    still = common[own.nearest_codes(sums, ~inside)] & exists
    new = (counts == 1).sum() / max(len(rows), 1)
    counts_of = [(int(common[own.codes[rows]].sum()), int(still.sum()))]
    if marks:
        counts_of.append((marks.count(own.native(own.codes[rows])), marks.count(sums)))
    return not surely_more(int((~exists).sum()), len(rows), new + LOSS) and all(
        before - now <= LOSS_OF_COMMON * len(rows) + DEVIATIONS * math.sqrt(before + now)
        for before, now in counts_of
    )


def alike(rows: Ints) -> Ints:
    """Return for each of some rows, in the order of what they are like in, another that is like it."""
    return np.roll(rows, int(len(rows) * ALIKE) + 1)
