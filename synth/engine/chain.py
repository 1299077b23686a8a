"""A table's columns drawn one after another, each given those before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from synth.engine.conditional import Conditional
from synth.engine.rules import find_ties

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.engine.calendar import Calendar
    from synth.engine.columns import ColumnCodes, Ints, Mask
    from synth.engine.numbers import NumberColumn
    from synth.engine.ticks import Native

TRIES = 6  # draws for a row that is not NULL, before it is given any value of the column


class Derived(Protocol):
    """A column of which something else is drawn in its place."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """The indices of what is drawn."""

    @property
    def columns(self) -> tuple[NumberColumn, ...]:
        """What is drawn."""

    @property
    def needs(self) -> tuple[int, ...]:
        """The indices of the columns that must be drawn before."""

    def code(self, codes: Mapping[int, Ints]) -> Ints:
        """The column's codes, given those of what is drawn."""

    @property
    def doubled(self) -> tuple[int, ...]:
        """The indices of what says nothing that the column itself does not."""

    def value(self, values: Mapping[int, Native], codes: Mapping[int, Ints]) -> Native | None:
        """The column's values, given the values and codes of what is drawn; None if its own codes say it."""


@dataclass(slots=True)
class Chain:
    """Models of columns, in the order in which they are drawn.

    Attributes:
        columns: all of them, those that are drawn in others' place included.
        derived: those in whose place others are drawn.
        order: the indices of what is drawn or derived, as far as it is learned.
        models: of what is drawn.
        entities: whom each training row is about; None where each is one.
        calendar: parts of dates that trees see.
    """

    columns: Sequence[ColumnCodes]
    derived: Mapping[int, Derived]
    order: list[int] = field(default_factory=list)
    models: dict[int, Conditional] = field(default_factory=dict)
    entities: Ints | None = None
    calendar: Calendar | None = None

    def learn(
        self,
        wanted: Sequence[int],
        information: NDArray[np.float64],
        rng: np.random.Generator,
        learned: Callable[[int], None] | None = None,
    ) -> dict[int, Ints]:
        """The training codes of all columns, every unknown one filled in, in the order of drawing.

        Args:
            wanted: the frame's columns in the order in which they are to be drawn.
            information: what they say about each other, pairwise.
            rng: the only source of chance.
            learned: called with the index of every column that has been learned.
        """
        origin = {number: target for target, found in self.derived.items() for number in found.numbers}
        codes: dict[int, Ints] = {}
        for target in wanted:
            before = sorted(codes, key=lambda i: (-information[target, origin.get(i, i)], i))
            found = self.derived.get(target)
            for number in found.numbers if found else (target,):
                ties = find_ties(self.columns, codes, number, before)
                self.models[number] = Conditional(
                    self.columns,
                    codes,
                    number,
                    earlier=before,
                    ties=ties,
                    rng=rng,
                    entities=self.entities,
                    calendar=self.calendar,
                )
                codes[number] = self._learned(number, codes, rng)
                self.order.append(number)
                before = [number, *before]
            if found:
                codes[target] = self.columns[target].codes if found.numbers else found.code(codes)
                self.order.append(target)
            if learned:
                learned(target)
        return codes

    def _learned(self, index: int, before: Mapping[int, Ints], rng: np.random.Generator) -> Ints:
        """A column's training codes without those unknown; its model is NULL as often as the column is."""
        column = self.columns[index]
        codes = self.completed(index, column.codes, ~column.known, before, rng, valued=column.folded)
        if column.folded.any() and (column.codes[column.known] < 0).any():
            self.models[index].open(np.flatnonzero(column.known | column.folded), {**before, index: codes})
        return codes

    def completed(
        self,
        index: int,
        own: Ints,
        unknown: Mask,
        before: Mapping[int, Ints],
        rng: np.random.Generator,
        *,
        valued: Mask | None = None,
    ) -> Ints:
        """A column's codes, those unknown redrawn from what may be learned, given the columns before it.

        Args:
            index: of the column.
            own: its codes.
            unknown: which of them are redrawn.
            before: the codes of the columns before it.
            rng: the only source of chance.
            valued: which of those unknown are not NULL.
        """
        filled = own.copy()
        rows = np.flatnonzero(unknown)
        for _ in range(TRIES):
            given = {earlier: codes[rows] for earlier, codes in before.items()}
            filled[rows] = self.models[index].draw(given, len(rows), rng)
            if valued is None or len(rows) == 0:
                return filled
            rows = rows[valued[rows] & (filled[rows] < 0)]
        column = self.columns[index]
        values = column.codes[column.known & (column.codes >= 0)]
        if len(values):
            filled[rows] = rng.choice(values, len(rows))
        return filled

    def draw(self, rows: int, rng: np.random.Generator, given: Mapping[int, Ints]) -> dict[int, Ints]:
        """The codes of `rows` rows, of which the first columns are given."""
        codes: dict[int, Ints] = dict(given)
        for index in self.order[len(given) :]:
            found = self.derived.get(index)
            codes[index] = found.code(codes) if found else self.models[index].draw(codes, rows, rng)
        return codes
