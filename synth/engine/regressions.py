"""Number columns that others nearly determine are learned as what is left beside a sum of functions of these.

A tree knows no more of a value than its leaf does, and a price that follows from weight, colour and clarity
to a tenth needs more leaves than there are rows for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from synth.engine.additive import KNOTS, Nearest, fit_additive
from synth.engine.columns import DerivedColumn
from synth.engine.differences import COMMON, LOSS, LOSS_OF_COMMON, alike, comparable, distance
from synth.engine.numbers import NumberColumn
from synth.engine.order import MANY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.engine.additive import Additive
    from synth.engine.columns import ColumnCodes, Ints, Mask
    from synth.engine.crowd import Crowd
    from synth.engine.rules import Order
    from synth.engine.ticks import Native

    Floats = NDArray[np.float64]

FEWEST_ROWS = 500  # that show a function, not their accidents; so many that entities have several of,
FEWEST_WITHIN = 200
ROWS_A_HEIGHT = 10  # and of them for each height of the functions in a sum
FEW_VALUES = 200  # different ones, which leaves hand on as they are
LEAST_INFORMATION = 1.0  # nats that other columns tell of one, in sum, that make it worth a try
TERMS = 12  # columns of a sum: those that tell most
CLOSE = 0.25  # spread of what is left, as a share of the column's own, that is worth it,
CLOSE_WITHIN = (
    0.6  # or this, where entities have several rows: a leaf counts these as one, a function does not
)
BETTER = 0.8  # of what is left without labels, if it is worth drawing these first, or beside one other column


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression(DerivedColumn):
    """The column, or its logarithm, is in every row the sum `model` plus the rest that is drawn."""

    model: Additive
    nearest: Nearest

    def code(self, codes: Mapping[int, Ints]) -> Ints:
        """Return the column's codes that go with those of what it is made of."""
        rest = codes[self.numbers[0]]
        total = self.model.total(codes) + self.columns[0].native(rest)
        return np.where(rest < 0, -1, self.nearest.codes(total))

    def value(self, values: Mapping[int, Native], codes: Mapping[int, Ints]) -> None:
        """Return nothing: the codes say it all."""


class Regressions:
    """Which number columns are nearly sums of functions of others.

    Args:
        columns: the frame's.
        information: pairwise, in nats.
        orders: inequalities that they keep.
        crowd: as the columns were opened with.
        fixed_columns: indices of columns that are no sum.
    """

    def __init__(
        self,
        columns: Sequence[ColumnCodes],
        information: Floats,
        *,
        orders: Sequence[Order],
        crowd: Crowd,
        fixed_columns: Collection[int],
    ) -> None:
        self._columns = columns
        self._information = information
        self._orders = orders
        self._crowd = crowd
        is_within = crowd.has_several
        self._close, fewest = (CLOSE_WITHIN, FEWEST_WITHIN) if is_within else (CLOSE, FEWEST_ROWS)
        self._fewest = fewest
        self._targets = {
            index: column
            for index, column in enumerate(columns)
            if index not in fixed_columns and isinstance(column, NumberColumn) and is_wide(column, fewest)
        }

    def arrange(self, draw_order: Sequence[int]) -> list[int]:
        """Return the order in which a column follows all labels if a sum with these is much closer."""
        labels = [index for index in draw_order if not isinstance(self._columns[index], NumberColumn)]
        late: list[int] = []
        for place, target in enumerate(draw_order):
            if target not in self._targets or not set(labels) - set(draw_order[:place]):
                continue
            before = [index for index in draw_order[:place] if index not in {*labels, *late}]
            beside = self._closest(target, [*before, *labels])
            if beside is None:
                del self._targets[target]  # without some of these columns no sum is close either
                continue
            without = self._closest(target, before)
            if without is None or beside.residual_spread < BETTER * without.residual_spread:
                late.append(target)
        last = max((draw_order.index(label) for label in labels), default=-1)
        return [
            *(index for index in draw_order[: last + 1] if index not in late),
            *late,
            *draw_order[last + 1 :],
        ]

    def find(
        self,
        columns: Sequence[ColumnCodes],
        *,
        draw_order: Sequence[int],
        number: int,
        fixed_columns: Collection[int],
    ) -> dict[int, Regression]:
        """Return every column that is nearly a sum of functions of some drawn before it.

        Args:
            columns: the frame's.
            draw_order: their indices in the order of drawing.
            number: the first index that is free for what is drawn in their place.
            fixed_columns: indices of further columns that are no sum.
        """
        result: dict[int, Regression] = {}
        for place, target in enumerate(draw_order):
            own = self._targets.get(target)
            model = self._closest(target, draw_order[:place]) if own and target not in fixed_columns else None
            if own and model:
                total = model.total({index: columns[index].codes for index in model.tables})
                rest = NumberColumn(pd.Series(model.rest(own, total)), self._crowd)
                learnable = learnable_in_all(columns[index] for index in model.tables)
                rest.rare_rows = rest.learnable & (rest.codes >= 0) & ~learnable
                rest.learnable &= ~rest.rare_rows
                rows = np.flatnonzero(own.codes >= 0)
                near = rows[np.argsort(total[rows], kind="stable")]
                nearest = Nearest(own, in_logs=model.in_logs)
                new_codes = nearest.codes(total[near] + rest.native(rest.codes[alike(near)]))
                if stay_common(own, near, new_codes) and self._stay_ordered(
                    target, draw_order[:place], near, new_codes
                ):
                    own.refine()
                    result[target] = Regression(
                        numbers=(number + len(result),),
                        columns=(rest,),
                        needs=tuple(model.tables),
                        model=model,
                        nearest=nearest,
                    )
        return result

    def _apart(self, target: int, before: Collection[int]) -> float:
        """Return how far the column is from the nearest of others, to which it might be a difference."""
        own, others = self._targets[target], (self._columns[index] for index in before)
        near = [other for other in others if isinstance(other, NumberColumn) and comparable(own, other)]
        return min((distance(own, other) for other in near), default=np.inf)

    def _stay_ordered(self, target: int, before: Collection[int], rows: Ints, new_codes: Ints) -> bool:
        """Return whether rows keep their inequalities if they have these codes instead of their own."""
        own = self._targets[target]
        for order in self._orders:
            if target in (order.low, order.high):
                other = order.low if order.high == target else order.high
                column = self._columns[other]
                if other in before and isinstance(column, NumberColumn):
                    both = np.flatnonzero(column.codes[rows] >= 0)
                    ends = own.native(new_codes[both]), column.native(column.codes[rows[both]])
                    low, high = ends if order.low == target else ends[::-1]
                    if (low > high).mean() > LOSS:
                        return False
        return True

    def _closest(self, target: int, others: Collection[int]) -> Additive | None:
        """Return the sum of functions of some other columns that leaves least, if that is little.

        A difference to one of them that leaves hardly more is the better choice: it keeps equal what is.
        """
        own, information = self._targets[target], self._information[target]
        some = [index for index in others if is_term(self._columns[index])]
        some = self._supported_terms(
            sorted(some, key=lambda index: (-information[index], index))[:TERMS], len(own.codes)
        )
        if not some or information[some].sum() < LEAST_INFORMATION:
            return None
        terms = {index: self._columns[index] for index in some}
        rows = np.flatnonzero(learnable_in_all(terms.values()) & (own.codes >= 0))
        if len(rows) < self._fewest:
            return None
        model = fit_additive(own, terms, rows)
        return (
            model
            if model and model.residual_spread < min(self._close, BETTER * self._apart(target, others))
            else None
        )

    def _supported_terms(self, terms: Sequence[int], rows: int) -> list[int]:
        """Return the first of the terms, as many as so many rows show the functions of."""
        sizes = [
            column.size if not isinstance(column, NumberColumn) else KNOTS
            for column in (self._columns[index] for index in terms)
        ]
        heights = np.cumsum([size + 1 for size in sizes])
        return [index for index, number in zip(terms, heights, strict=True) if number * ROWS_A_HEIGHT <= rows]


def learnable_in_all(columns: Iterable[ColumnCodes]) -> Mask:
    """Return the training rows in which each of some columns, at least one, may be learned."""
    learnable: Mask = np.logical_and.reduce([column.learnable for column in columns])
    return learnable


def is_wide(own: NumberColumn, fewest: int) -> bool:
    """Return whether values are so many, and none too often, that a sum may say more than leaves do."""
    counts = np.bincount(own.codes[own.codes >= 0], minlength=own.size)
    return (
        own.size > FEW_VALUES
        and int(counts.sum()) >= max(fewest, 2 * int(counts.max()))
        and own.native(own.codes[:1]).dtype.kind in "iuf"
        and own.safe
    )


def is_term(column: ColumnCodes) -> bool:
    """Return whether a sum may have a function of it."""
    if isinstance(column, NumberColumn):
        return column.size > 1 and column.safe
    return column.size <= MANY


def stay_common(own: NumberColumn, rows: Ints, new_codes: Ints) -> bool:
    """Return whether rows have the column's common values as often with these codes instead of their own."""
    common = np.bincount(own.codes[rows], minlength=own.size) >= COMMON * len(rows)
    return bool(common[new_codes].mean() >= common[own.codes[rows]].mean() - LOSS_OF_COMMON)
