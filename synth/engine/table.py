"""A learned table: its columns one after another, each given those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from synth.engine.columns import NumberColumn
from synth.engine.conditional import Conditional
from synth.engine.order import drawing_order, mutual_information
from synth.engine.resample import Resampler
from synth.engine.rules import find_orders, find_ties, keep_orders

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from synth.engine.columns import Column, Ints


class Table:
    """Everything learned from training rows, of which there is at least one, in at least one column."""

    def __init__(self, columns: Sequence[Column], rng: np.random.Generator) -> None:
        self._columns = columns
        information = mutual_information(columns)
        self._order = drawing_order(columns, information)
        self._numbers = {i: c for i in self._order if isinstance(c := columns[i], NumberColumn)}
        self._orders = find_orders(columns)
        self._models: dict[int, Conditional] = {}
        ties = find_ties(columns, self._order)
        codes: dict[int, Ints] = {}
        for target in self._order:
            earlier = sorted(codes, key=lambda i: (-information[i, target], i))
            self._models[target] = Conditional(columns, codes, target, earlier=earlier, ties=ties[target])
            codes[target] = self._completed(target, codes, rng)
        self._resampler = Resampler(columns, codes, lambda rows: self._candidates(rows, rng), rng)

    def _completed(self, target: int, codes: Mapping[int, Ints], rng: np.random.Generator) -> Ints:
        """The training codes of a column, with what may not be learned redrawn from what may."""
        own = self._columns[target].codes.copy()
        unknown = np.flatnonzero(~self._columns[target].known)
        given = {index: earlier[unknown] for index, earlier in codes.items()}
        own[unknown] = self._models[target].draw(given, len(unknown), rng)
        return own

    def _candidates(self, rows: int, rng: np.random.Generator) -> dict[int, Ints]:
        codes: dict[int, Ints] = {}
        for index in self._order:
            codes[index] = self._models[index].draw(codes, rows, rng)
        return codes

    def draw(self, rows: int, rng: np.random.Generator) -> pd.DataFrame:
        """`rows` independent rows, columns in the training frame's order and dtypes, named by their position."""
        codes = self._resampler.draw(rows, lambda wanted: self._candidates(wanted, rng), rng)
        values = {i: column.native(codes[i], rng) for i, column in self._numbers.items()}
        nulls = {i: codes[i] < 0 for i in self._numbers}
        keep_orders(values, nulls, self._numbers, self._orders)
        return pd.concat(
            [
                column.to_series(values[i], nulls[i])
                if isinstance(column, NumberColumn)
                else column.restore(codes[i], rng)
                for i, column in enumerate(self._columns)
            ],
            axis=1,
        )
