"""Number columns that hold another's value in part of the rows: an average of one is also the least and most.

Whether a row repeats the other value is drawn first, so that equal stays equal to the last decimal.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from synth.engine.columns import DerivedColumn
from synth.engine.differences import FEW_VALUES
from synth.engine.evidence import surely_more
from synth.engine.numbers import NumberColumn
from synth.engine.rules import family

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from synth.engine.columns import ColumnCodes, Ints, Mask
    from synth.engine.crowd import Crowd
    from synth.engine.ticks import Native

LEAST = 0.02  # share of the rows that repeat a value which is not common anyway


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat(DerivedColumn):
    """The column `own` is the column `to` where the first of what is drawn is 1, and the second elsewhere.

    Attributes:
        base: the index of `to`.
    """

    base: int
    own: NumberColumn
    to: NumberColumn

    def code(self, codes: Mapping[int, Ints]) -> Ints:
        """Return the column's codes that go with those of what is drawn."""
        own_codes, equal = codes[self.numbers[1]].copy(), self._equal(codes)
        plain = as_own(self.own, self.to.native(codes[self.base][equal]))
        own_codes[equal] = self.own.nearest_codes(plain, np.zeros(len(plain), dtype=bool))
        return own_codes

    def value(self, values: Mapping[int, Native], codes: Mapping[int, Ints]) -> Native:
        """Return the column's values that go with those of what is drawn."""
        own_values, equal = values[self.numbers[1]].copy(), self._equal(codes)
        own_values[equal] = as_own(self.own, values[self.base][equal])
        return own_values

    def _equal(self, codes: Mapping[int, Ints]) -> Mask:
        equal: Mask = (codes[self.numbers[0]] == 1) & (codes[self.base] >= 0)
        return equal


def as_own(own: NumberColumn, native: Native) -> Native:
    """Return another column's values as this one would hold them."""
    dtype = own.native(own.codes[:0]).dtype
    return own.nearest_values(native.astype(dtype) if dtype.kind == "f" else native).astype(dtype)


def find_repeats(
    columns: Sequence[ColumnCodes],
    draw_order: Sequence[int],
    *,
    number: int,
    crowd: Crowd,
    fixed_columns: Collection[int] = (),
) -> dict[int, Repeat]:
    """Return each column that repeats one drawn before it, with the one that it repeats most often.

    Args:
        columns: the frame's.
        draw_order: their indices in the order of drawing.
        number: the first index that is free for what is drawn in their place.
        crowd: as the columns were opened with.
        fixed_columns: indices of columns that repeat nothing.
    """
    numbers = {
        index: column
        for index, column in enumerate(columns)
        if isinstance(column, NumberColumn) and column.size > FEW_VALUES
    }
    repeats: dict[int, Repeat] = {}
    for place, target in enumerate(draw_order):
        if target not in numbers or target in fixed_columns:
            continue
        own = numbers[target]
        equal = {base: equal_rows(own, numbers[base]) for base in draw_order[:place] if base in numbers}
        base = max(equal, key=lambda index: int(equal[index].sum()), default=-1)
        if base < 0 or not worth_it(own, equal[base], crowd.rare):
            continue
        rest = copy(own)
        rest.learnable = own.learnable & ~equal[base]
        same = NumberColumn(pd.Series(equal[base].astype(np.int64)), replace(crowd, rare=1))
        repeats[target] = Repeat(
            numbers=(number, number + 1),
            columns=(same, rest),
            needs=(base,),
            redundant=(number + 1,),
            base=base,
            own=own,
            to=numbers[base],
        )
        number += 2
    return repeats


def equal_rows(own: NumberColumn, to: NumberColumn) -> Mask:
    """Return in which rows both columns hold one value."""
    mine, others = own.native(own.codes), to.native(to.codes)
    if family(mine) != family(others):
        return np.zeros(len(mine), dtype=bool)
    equal: Mask = (own.codes >= 0) & (to.codes >= 0) & (mine == others)
    return equal


def worth_it(own: NumberColumn, equal: Mask, rare: int) -> bool:
    """Return whether enough rows repeat a value that is not common anyway, and enough do not."""
    value = own.codes >= 0
    uncommon = equal & ~own.spike[own.codes]
    others = (value & own.learnable & ~equal).sum()
    enough = surely_more(int(uncommon.sum()), int(value.sum()), LEAST)
    return bool(enough and others >= 2 * rare)
