"""A learned table: its columns one after another, each given those before it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from synth.engine.columns import UNKNOWN
from synth.engine.computed import Computations
from synth.engine.conditional import Conditional
from synth.engine.differences import find_differences, missing_at_times
from synth.engine.moments import find_moments
from synth.engine.numbers import NumberColumn
from synth.engine.order import drawing_order, fewer_nulls_first, mutual_information
from synth.engine.rake import Raking
from synth.engine.regressions import Regressions
from synth.engine.repeats import find_repeats
from synth.engine.rules import find_orders, find_ties

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.engine.columns import Column, Ints, Mask
    from synth.engine.formulas import Identity
    from synth.engine.given import Fixed
    from synth.engine.ticks import Native


class Derived(Protocol):
    """A column of which something else is drawn in its place."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """The indices of what is drawn."""

    @property
    def columns(self) -> tuple[NumberColumn, ...]:
        """What is drawn."""

    def code(self, codes: Mapping[int, Ints]) -> Ints:
        """The column's codes, given those of what is drawn."""

    @property
    def doubled(self) -> tuple[int, ...]:
        """The indices of what says nothing that the column itself does not."""

    def value(self, values: Mapping[int, Native], codes: Mapping[int, Ints]) -> Native | None:
        """The column's values, given the values and codes of what is drawn; None if its own codes say it."""


class Table:
    """Everything learned from training rows, of which there is at least one, in at least one column.

    What is learned in a column's place, as a difference to another or a day and a time, is drawn as columns
    of their own, behind the frame's columns, and the column is derived from them.

    Args:
        columns: the frame's columns, in its order.
        rare: as the columns were opened with.
        rng: the only source of chance.
        first: columns that are drawn before all others, in this order, and may be given.
        fixed: columns that only ever take values of training rows.
        identities: arithmetic between columns that every training row keeps.
        learned: called with the index of every column that has been learned.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        rare: int,
        rng: np.random.Generator,
        first: Sequence[int] = (),
        fixed: Collection[int] = (),
        identities: Sequence[Identity] = (),
        learned: Callable[[int], None] | None = None,
    ) -> None:
        information = mutual_information(columns)
        self._width = len(columns)
        self._fixed = frozenset(fixed)
        self._orders = find_orders(columns)
        self._computed = Computations(columns, identities)
        drawn = fewer_nulls_first(
            columns,
            drawing_order(columns, information, first=first),
            missing_at_times(columns, self._orders),
            first=first,
        )
        whole = self._fixed.union(first)
        exact = {place for each in identities for place in (each.target, *each.sources)}
        regressions = Regressions(columns, information, orders=self._orders, fixed=whole.union(exact))
        drawn = self._computed.arranged(regressions.arranged(drawn), len(first))
        self._derived = self._find_derived(columns, drawn, regressions, rare, whole)
        parts = [part for found in self._derived.values() for part in found.columns]
        self._columns: list[Column] = [*columns, *parts]
        self._order: list[int] = []
        self._models: dict[int, Conditional] = {}
        codes = self._learn(drawn, information, rng, learned)
        doubled = {number for found in self._derived.values() for number in found.doubled}
        raked = {index: found for index, found in codes.items() if index not in doubled}
        self._raking = Raking(self._columns, raked, lambda rows: self._candidates(rows, rng, {}))

    def _find_derived(
        self,
        columns: Sequence[Column],
        drawn: Sequence[int],
        regressions: Regressions,
        rare: int,
        whole: frozenset[int],
    ) -> dict[int, Derived]:
        """What is not drawn itself; the columns in `whole` all are."""
        derived: dict[int, Derived] = dict(self._computed.at_once)
        for find in (
            partial(regressions.find, drawn=drawn, rare=rare),
            partial(find_differences, drawn=drawn, orders=self._orders, rare=rare),
            partial(find_repeats, drawn=drawn),
            partial(find_moments, rare=rare),
        ):
            number = len(columns) + sum(len(found.numbers) for found in derived.values())
            derived |= find(columns, number=number, fixed=whole.union(derived))
        return derived

    def _learn(
        self,
        drawn: Sequence[int],
        information: NDArray[np.float64],
        rng: np.random.Generator,
        learned: Callable[[int], None] | None,
    ) -> dict[int, Ints]:
        origin = {number: target for target, found in self._derived.items() for number in found.numbers}
        codes: dict[int, Ints] = {}
        for target in drawn:
            before = sorted(codes, key=lambda i: (-information[target, origin.get(i, i)], i))
            found = self._derived.get(target)
            for number in found.numbers if found else (target,):
                ties = find_ties(self._columns, number, before)
                self._models[number] = Conditional(
                    self._columns, codes, number, earlier=before, ties=ties, rng=rng
                )
                own, unknown = self._columns[number].codes, ~self._columns[number].known
                codes[number] = self._completed(number, own, unknown, codes, rng)
                self._order.append(number)
                before = [number, *before]
            if found:
                codes[target] = self._columns[target].codes if found.numbers else found.code(codes)
                self._order.append(target)
            if learned:
                learned(target)
        return codes

    def _completed(
        self, index: int, own: Ints, unknown: Mask, before: Mapping[int, Ints], rng: np.random.Generator
    ) -> Ints:
        """A column's codes, those unknown redrawn from what may be learned, given the columns before it."""
        rows = np.flatnonzero(unknown)
        given = {earlier: codes[rows] for earlier, codes in before.items()}
        filled = own.copy()
        filled[rows] = self._models[index].draw(given, len(rows), rng)
        return filled

    def _candidates(self, rows: int, rng: np.random.Generator, given: Mapping[int, Ints]) -> dict[int, Ints]:
        codes: dict[int, Ints] = dict(given)
        for index in self._order[len(given) :]:
            found = self._derived.get(index)
            codes[index] = found.code(codes) if found else self._models[index].draw(codes, rows, rng)
        return codes

    def _codes(self, rows: int, rng: np.random.Generator, chosen: Mapping[int, Fixed]) -> dict[int, Ints]:
        """`rows` rows with the `chosen` columns: the first, as given, or any, of which codes are wanted."""
        if not chosen:
            return self._raking.draw(rows, lambda wanted: self._candidates(wanted, rng, {}), rng)
        if all(fixed.series is None for fixed in chosen.values()):
            wanted = {index: fixed.codes for index, fixed in chosen.items()}
            return self._raking.fill(wanted, lambda size: self._candidates(size, rng, {}), rng)
        given: dict[int, Ints] = {}
        for index in self._order[: len(chosen)]:
            codes = chosen[index].codes
            given[index] = self._completed(index, codes, codes == UNKNOWN, given, rng)
        return self._raking.choose(rows, lambda wanted: self._candidates(wanted, rng, given), rng)

    def draw(self, rows: int, rng: np.random.Generator, chosen: Mapping[int, Fixed]) -> pd.DataFrame:
        """`rows` independent rows in the training frame's order of columns and dtypes, named by position.

        The `chosen` columns are as they are, but for those that are computed from others, as far as smoothing
        moved these. Those that are given must be those learned first.

        Raises:
            ValueError: the codes that are wanted are too rare.
        """
        codes = self._codes(rows, rng, chosen)
        given = {index: fixed.series for index, fixed in chosen.items() if fixed.series is not None}
        # What is computed from others keeps to them, not to what was wanted, should smoothing part the two.
        held = self._fixed.union(given, chosen.keys() - self._computed.at_once.keys())
        values: dict[int, Native] = {}
        nulls: dict[int, Mask] = {}
        numbers = {index: c for index in self._order if isinstance(c := self._columns[index], NumberColumn)}
        for index, number in numbers.items():
            nulls[index] = codes[index] < 0
            if index in given:
                values[index], nulls[index] = number.own(given[index])
            elif index in held:
                values[index] = number.native(codes[index], rng)
            else:
                found = self._derived.get(index)
                own = found.value(values, codes) if found else None
                if own is None:
                    own = self._computed.smoothed(index, number, codes, rng)
                values[index] = self._computed.led(index, own, values)
        self._computed.settle(values, nulls, numbers, self._orders, held)
        series = []
        for index, column in enumerate(self._columns[: self._width]):
            if index in given:
                series.append(given[index])
            elif isinstance(column, NumberColumn):
                series.append(column.to_series(values[index], nulls[index]))
            else:
                series.append(column.restore(codes[index], rng))
        return pd.concat(series, axis=1)
