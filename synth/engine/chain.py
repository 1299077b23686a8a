"""A table's columns drawn one after another, each given those before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from synth.engine.conditional import ColumnModel
from synth.engine.rules import find_ties

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.engine.calendar import Calendar
    from synth.engine.columns import ColumnCodes, DerivedColumn, Ints, Mask

TRIES = 6  # draws for a row that is not NULL, before it is given any value of the column


@dataclass(slots=True)
class Chain:
    """Models of columns, in the order in which they are drawn.

    Attributes:
        columns: all of them, those that are drawn in others' place included.
        derived_columns: those in whose place others are drawn.
        order: the indices of what is drawn or derived, as far as it is learned.
        models: of what is drawn.
        entities: whom each training row is about; None where each is one.
        calendar: parts of dates that trees see.
    """

    columns: Sequence[ColumnCodes]
    derived_columns: Mapping[int, DerivedColumn]
    order: list[int] = field(default_factory=list)
    models: dict[int, ColumnModel] = field(default_factory=dict)
    entities: Ints | None = None
    calendar: Calendar | None = None

    def learn(
        self,
        targets: Sequence[int],
        information: NDArray[np.float64],
        rng: np.random.Generator,
        on_learned: Callable[[int], None] | None = None,
        *,
        context: Collection[int] = frozenset(),
    ) -> dict[int, Ints]:
        """Return the training codes of all columns, every unknown one filled in, in the order of drawing.

        Args:
            targets: the frame's columns in the order in which they are to be drawn.
            information: what they say about each other, pairwise.
            rng: the only source of chance.
            on_learned: called with the index of every column that has been learned.
            context: the first columns, if they are always given, so that nothing has to draw them.
        """
        origin = {
            number: target
            for target, derived_column in self.derived_columns.items()
            for number in derived_column.numbers
        }
        codes = self._context_codes([target for target in targets if target in context], rng)
        for target in targets[len(codes) :]:
            before = sorted(codes, key=lambda i: (-information[target, origin.get(i, i)], i))
            derived_column = self.derived_columns.get(target)
            for number in derived_column.numbers if derived_column else (target,):
                ties = find_ties(self.columns, codes, number, before)
                self.models[number] = ColumnModel(
                    self.columns,
                    codes,
                    number,
                    earlier=before,
                    ties=ties,
                    rng=rng,
                    entities=self.entities,
                    calendar=self.calendar,
                )
                codes[number] = self._complete_codes(number, codes, rng)
                self.order.append(number)
                before = [number, *before]
            if derived_column:
                codes[target] = (
                    self.columns[target].codes if derived_column.numbers else derived_column.code(codes)
                )
                self.order.append(target)
            if on_learned:
                on_learned(target)
        return codes

    def _context_codes(self, context: Sequence[int], rng: np.random.Generator) -> dict[int, Ints]:
        """Return the training codes of columns that are always given, every unknown one filled in."""
        codes: dict[int, Ints] = {}
        for index in context:
            column = self.columns[index]
            codes[index] = self.complete(index, column.codes, ~column.learnable, codes, rng)
            self.order.append(index)
        return codes

    def _complete_codes(self, index: int, before: Mapping[int, Ints], rng: np.random.Generator) -> Ints:
        """Return a column's training codes without those unknown.

        Its model is NULL as often as the column is.
        """
        column = self.columns[index]
        codes = self.complete(index, column.codes, ~column.learnable, before, rng, not_null=column.rare_rows)
        if column.rare_rows.any() and (column.codes[column.learnable] < 0).any():
            self.models[index].open(
                np.flatnonzero(column.learnable | column.rare_rows), {**before, index: codes}
            )
        return codes

    def complete(
        self,
        index: int,
        own: Ints,
        gaps: Mask,
        before: Mapping[int, Ints],
        rng: np.random.Generator,
        *,
        not_null: Mask | None = None,
    ) -> Ints:
        """Return a column's codes with gaps drawn from what may be learned, given the columns before it.

        Args:
            index: of the column.
            own: its codes.
            gaps: which of them are redrawn.
            before: the codes of the columns before it.
            rng: the only source of chance.
            not_null: which of those unknown are not NULL.
        """
        result = own.copy()
        rows = np.flatnonzero(gaps)
        if index not in self.models:  # it is always given
            values = self.columns[index].codes[self.columns[index].learnable]
            result[rows] = rng.choice(values, len(rows)) if len(values) else -1
            return result
        for _ in range(TRIES):
            beside = {earlier: codes[rows] for earlier, codes in before.items()}
            result[rows] = self.models[index].draw(beside, len(rows), rng)
            if not_null is None or len(rows) == 0:
                return result
            rows = rows[not_null[rows] & (result[rows] < 0)]
        column = self.columns[index]
        values = column.codes[column.learnable & (column.codes >= 0)]
        if len(values):
            result[rows] = rng.choice(values, len(rows))
        return result

    def draw(self, rows: int, rng: np.random.Generator, first_codes: Mapping[int, Ints]) -> dict[int, Ints]:
        """Return the codes of `rows` rows, of which the first columns are given."""
        codes: dict[int, Ints] = dict(first_codes)
        for index in self.order[len(first_codes) :]:
            derived_column = self.derived_columns.get(index)
            codes[index] = (
                derived_column.code(codes) if derived_column else self.models[index].draw(codes, rows, rng)
            )
        return codes
