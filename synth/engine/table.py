"""A learned table: its columns one after another, each given those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from synth.engine.columns import NumberColumn
from synth.engine.conditional import Conditional
from synth.engine.differences import find_differences
from synth.engine.order import drawing_order, mutual_information
from synth.engine.resample import Resampler
from synth.engine.rules import find_orders, find_ties, keep_orders

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from synth.engine.columns import Column, Ints
    from synth.engine.ticks import Native


class Table:
    """Everything learned from training rows, of which there is at least one, in at least one column.

    A column that is learned as a difference is drawn as a column of its own, behind the frame's columns, and
    then derived from it.

    Args:
        columns: the frame's columns, in its order.
        rare: as the columns were opened with.
        rng: the only source of chance.
    """

    def __init__(self, columns: Sequence[Column], *, rare: int, rng: np.random.Generator) -> None:
        information = mutual_information(columns)
        drawn = drawing_order(columns, information)
        self._width = len(columns)
        self._orders = find_orders(columns)
        self._derived = find_differences(columns, drawn, orders=self._orders, rare=rare)
        self._columns: list[Column] = [*columns, *(found.column for found in self._derived.values())]
        self._order: list[int] = []
        self._models: dict[int, Conditional] = {}
        self._resampler = self._learn(drawn, information, rng)

    def _learn(
        self, drawn: Sequence[int], information: NDArray[np.float64], rng: np.random.Generator
    ) -> Resampler:
        origin = {found.number: target for target, found in self._derived.items()}
        codes: dict[int, Ints] = {}
        for target in drawn:
            before = sorted(codes, key=lambda i: (-information[target, origin.get(i, i)], i))
            number = self._derived[target].number if target in self._derived else target
            ties = find_ties(self._columns, number, before)
            self._models[number] = Conditional(self._columns, codes, number, earlier=before, ties=ties)
            codes[number] = self._completed(number, codes, rng)
            self._order.append(number)
            if number != target:
                codes[target] = self._columns[target].codes
                self._order.append(target)
        return Resampler(self._columns, codes, lambda rows: self._candidates(rows, rng), rng)

    def _completed(self, target: int, codes: Mapping[int, Ints], rng: np.random.Generator) -> Ints:
        """The training codes of a column; those that may not be learned are redrawn from those that may."""
        own = self._columns[target].codes.copy()
        unknown = np.flatnonzero(~self._columns[target].known)
        given = {index: earlier[unknown] for index, earlier in codes.items()}
        own[unknown] = self._models[target].draw(given, len(unknown), rng)
        return own

    def _candidates(self, rows: int, rng: np.random.Generator) -> dict[int, Ints]:
        codes: dict[int, Ints] = {}
        for index in self._order:
            found = self._derived.get(index)
            codes[index] = found.code(codes) if found else self._models[index].draw(codes, rows, rng)
        return codes

    def draw(self, rows: int, rng: np.random.Generator) -> pd.DataFrame:
        """`rows` independent rows in the training frame's order of columns and dtypes, named by position."""
        codes = self._resampler.draw(rows, lambda wanted: self._candidates(wanted, rng), rng)
        values: dict[int, Native] = {}
        numbers: dict[int, NumberColumn] = {}
        for index in self._order:
            column, found = self._columns[index], self._derived.get(index)
            if isinstance(column, NumberColumn):
                values[index] = found.value(values) if found else column.native(codes[index], rng)
                numbers[index] = column
        nulls = {index: codes[index] < 0 for index in numbers}
        keep_orders(values, nulls, numbers, self._orders)
        return pd.concat(
            [
                column.to_series(values[i], nulls[i])
                if isinstance(column, NumberColumn)
                else column.restore(codes[i], rng)
                for i, column in enumerate(self._columns[: self._width])
            ],
            axis=1,
        )
