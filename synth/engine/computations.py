"""Columns that are computed from others instead of drawn, so that arithmetic between them holds exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from synth.engine import ticks
from synth.engine.columns import DerivedColumn
from synth.engine.dateparts import CYCLES, STARTS, shift
from synth.engine.formulas import to_amounts, to_native
from synth.engine.numbers import NumberColumn
from synth.engine.rounding import MAX_DECIMALS
from synth.engine.rules import keep_orders

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from synth.engine.columns import ColumnCodes, Ints, Mask
    from synth.engine.formulas import Identity
    from synth.engine.rules import Order
    from synth.engine.ticks import Native

SURE = 0.9  # share of rows in which a part stays the same when the moment is smoothed
SURE_ROWS = 5000  # that are enough to see it
TRIES = 6  # draws of a smoothed value, until what is computed from it is what its code stands for


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputedColumn(DerivedColumn):
    """The column `own` is computed from `sources`, as the identity says; nothing is drawn in its place."""

    identity: Identity
    own: NumberColumn
    sources: tuple[NumberColumn, ...]

    @classmethod
    def of(cls, identity: Identity, columns: Mapping[int, NumberColumn]) -> Self:
        """Return the column that is computed from others of these."""
        sources = tuple(columns[place] for place in identity.sources)
        return cls(needs=identity.sources, identity=identity, own=columns[identity.target], sources=sources)

    def code(self, codes: Mapping[int, Ints]) -> Ints:
        """Return the target's codes that go with those of its sources."""
        parts = [codes[place] for place in self.identity.sources]
        native = [column.native(part) for column, part in zip(self.sources, parts, strict=True)]
        return self.own.nearest_codes(*self._evaluate(native, [part < 0 for part in parts]))

    def value(self, values: Mapping[int, Native], codes: Mapping[int, Ints]) -> Native:  # noqa: ARG002
        """Return the target's values that go with those of its sources."""
        return self.evaluate(values)

    def evaluate(self, values: Mapping[int, Native]) -> Native:
        """Return what is computed from values of its sources; what stands at a NULL means nothing."""
        native = [values[place] for place in self.identity.sources]
        return self._evaluate(native, [np.zeros(len(each), dtype=bool) for each in native])[0]

    def stored_value(self, values: Mapping[int, Native], nulls: Mapping[int, Mask]) -> tuple[Native, Mask]:
        """Return the same for its sources as their dtypes hold them, and which are NULL."""
        pairs = [
            ticks.to_native(column.to_series(values[place], nulls[place]))
            for place, column in zip(self.identity.sources, self.sources, strict=True)
        ]
        return self._evaluate([native for native, _ in pairs], [null for _, null in pairs])

    def _evaluate(self, native: Sequence[Native], nulls: Sequence[Mask]) -> tuple[Native, Mask]:
        amounts = self.identity.amounts([to_amounts(*pair) for pair in zip(native, nulls, strict=True)])
        native_values = to_native(amounts, self.own.dtype)
        if self.identity.decimals > MAX_DECIMALS:
            native_values = self.own.snap(native_values, self.identity.noise)
        return native_values, np.isnan(amounts)

    @property
    def ends(self) -> tuple[Native, Native]:
        """Between what its values may lie: the least and the greatest training value, but for noise."""
        training_values = self.own.raw[self.own.codes >= 0]
        low, high = training_values.min(), training_values.max()
        noise = self.identity.noise
        return (low - abs(low) * noise, high + abs(high) * noise) if noise else (low, high)

    @property
    def unsure(self) -> bool:
        """Whether it is a part of a moment that smoothing would often change."""
        if self.identity.rule not in {*CYCLES, *STARTS}:
            return False
        source, place = self.sources[0], self.identity.sources[0]
        codes = source.codes[source.codes >= 0][:SURE_ROWS]
        smooth = source.native(codes, np.random.default_rng(0))
        same = self.evaluate({place: smooth}) == self.evaluate({place: source.native(codes)})
        return bool(same.mean() < SURE)

    def lead(self, native: Native, parts: Native) -> Native:
        """Return its source's values, moved to where they have the part that is wanted."""
        own = self.evaluate({self.identity.sources[0]: native})
        apart = parts.astype(np.float64) - own.astype(np.float64)
        steps = shift(self.identity.rule, apart).astype("m8[us]")
        return self.sources[0].nearest_values((native + steps).astype(native.dtype))


class Computations:
    """All columns that may be computed.

    Those among the leaders are drawn all the same, before the moments that they are parts of: smoothing would
    take an hour or a weekday away. The moment then follows them, and they are computed from it in the end.
    The others are computed as soon as their sources are drawn.
    """

    def __init__(self, columns: Sequence[ColumnCodes], identities: Iterable[Identity]) -> None:
        numbers = {place: one for place, one in enumerate(columns) if isinstance(one, NumberColumn)}
        self._computed_columns = {each.target: ComputedColumn.of(each, numbers) for each in identities}
        self._leaders = {place: column for place, column in self._computed_columns.items() if column.unsure}
        self.at_once = {
            place: column for place, column in self._computed_columns.items() if place not in self._leaders
        }

    def arrange(self, drawing_order: Sequence[int], first: int) -> list[int]:
        """Return the order of drawing with each column right behind its sources, or before them if it leads.

        Args:
            drawing_order: the order as if nothing were computed.
            first: how many of it stay in their places.
        """
        order = list(drawing_order)
        for target, column in self._computed_columns.items():
            own = order.index(target)
            sources = [order.index(source) for source in column.identity.sources]
            if target in self.at_once:
                last = max(place - (place > own) for place in sources)
                order.insert(max(first, last + 1), order.pop(own))
            elif first <= sources[0] < own:
                order.insert(sources[0], order.pop(own))
        return order

    @property
    def targets(self) -> frozenset[int]:
        """The indices of the columns that are computed."""
        return frozenset(self._computed_columns)

    @property
    def needs(self) -> dict[int, tuple[int, ...]]:
        """For each moment that others lead the indices of these."""
        moments = {column.identity.sources[0] for column in self._leaders.values()}
        return {
            source: tuple(place for place, column in self._leaders.items() if column.needs == (source,))
            for source in moments
        }

    def smooth(
        self, place: int, column: NumberColumn, codes: Mapping[int, Ints], rng: np.random.Generator
    ) -> Native:
        """Return values for codes, drawn anew a few times where a label computed from them would change."""
        own = codes[place]
        native = column.native(own, rng)
        labels = [
            label for label in self.at_once.values() if label.own.exact and label.identity.sources == (place,)
        ]
        for _ in range(TRIES if labels else 0):
            wrong = np.zeros(len(own), dtype=bool)
            for label in labels:
                new_codes = label.own.nearest_codes(label.evaluate({place: native}), own < 0)
                wrong |= new_codes != codes[label.identity.target]
            rows = np.flatnonzero(wrong)
            native[rows] = column.native(own[rows], rng)
        return native

    def outside(self, values: Mapping[int, Native], nulls: Mapping[int, Mask]) -> Mask:
        """Return rows in which something computed lies beyond all training values of its column."""
        wrong = np.zeros(len(next(iter(values.values()), ())), dtype=bool)
        for place, each in self._computed_columns.items():
            low, high = each.ends
            wrong |= ~nulls[place] & ((values[place] < low) | (values[place] > high))
        return wrong

    def align(self, place: int, native: Native, values: Mapping[int, Native]) -> Native:
        """Return the values of a column, moved to where those that lead it want them."""
        for rule in CYCLES:
            for target, column in self._leaders.items():
                if column.identity.rule == rule and column.identity.sources == (place,) and target in values:
                    native = column.lead(native, values[target])
        return native

    def settle(
        self,
        values: dict[int, Native],
        nulls: dict[int, Mask],
        numbers: Mapping[int, NumberColumn],
        orders: Sequence[Order],
        fixed_columns: Collection[int],
    ) -> None:
        """Compute what is not fixed, and keep inequalities: sources first; then only the others may move."""
        free_columns = {
            place: each for place, each in self._computed_columns.items() if place not in fixed_columns
        }
        sources = {place for each in free_columns.values() for place in each.identity.sources}
        source_columns = {
            place: column
            for place, column in numbers.items()
            if place in fixed_columns or (place in sources and place not in free_columns)
        }
        keep_orders(values, nulls, source_columns, orders, fixed_columns=fixed_columns)
        for place, each in free_columns.items():
            values[place], nulls[place] = each.stored_value(values, nulls)
        keep_orders(values, nulls, numbers, orders, fixed_columns={*fixed_columns, *sources, *free_columns})
