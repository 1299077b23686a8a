"""A learned table: what is drawn for its columns, in more than one order, which rows are kept, and values."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from synth.engine.calendar import dates_first, find_calendar
from synth.engine.chain import Chain
from synth.engine.columns import UNKNOWN
from synth.engine.computed import Computations
from synth.engine.differences import Difference, bases_first, find_differences, missing_at_times
from synth.engine.moments import find_moments
from synth.engine.numbers import NumberColumn
from synth.engine.order import another_order, drawing_order, fewer_nulls_first, mutual_information
from synth.engine.rake import Raking
from synth.engine.regressions import Regressions
from synth.engine.repeats import find_repeats
from synth.engine.rules import find_orders

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from synth.engine.chain import Derived
    from synth.engine.columns import ColumnCodes, Ints, Mask
    from synth.engine.crowd import Crowd
    from synth.engine.formulas import Identity
    from synth.engine.given import Fixed
    from synth.engine.ticks import Native


# Orders of drawing, each of which draws its share of the rows: what one of them hands down a long way from
# column to column, another hands down directly, and no row's likeness to training is that of all trees.
CHAINS = 2
TRIES = 4  # of whole rows, until what is computed is where the column's training values are


class Table:
    """Everything learned from training rows, of which there is at least one, in at least one column.

    What is learned in a column's place, as a difference to another or a day and a time, is drawn as columns
    of their own, behind the frame's columns, and the column is derived from them.

    Args:
        columns: the frame's columns, in its order.
        crowd: as the columns were opened with.
        rng: the only source of chance.
        first: columns that are drawn before all others, in this order, and may be given.
        fixed: columns that only ever take values of training rows.
        identities: arithmetic between columns that every training row keeps.
        learned: called with the index of every column that has been learned, CHAINS times for each.
    """

    def __init__(
        self,
        columns: Sequence[ColumnCodes],
        *,
        crowd: Crowd,
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
        drawn = bases_first(columns, drawn, self._orders, first=first, crowd=crowd)
        calendar, dates = find_calendar(columns)
        drawn = dates_first(drawn, dates, first=first)
        whole = self._fixed.union(first)
        exact = {place for each in identities for place in (each.target, *each.sources)}
        exact -= {place for each in identities if each.rule == "ratio" for place in each.sources}
        regressions = Regressions(columns, information, orders=self._orders, fixed=whole.union(exact))
        drawn = self._computed.arranged(regressions.arranged(drawn), len(first))
        self._derived = self._find_derived(columns, drawn, regressions, crowd, whole)
        parts = [part for found in self._derived.values() for part in found.columns]
        self._columns: list[ColumnCodes] = [*columns, *parts]
        self._chains = [
            Chain(self._columns, self._derived, entities=crowd.of_learned, calendar=calendar)
            for _ in range(CHAINS)
        ]
        codes = self._chains[0].learn(drawn, information, rng, learned)
        needs: dict[int, tuple[int, ...]] = {target: tuple(own) for target, own in dates.items()}
        for more in (self._computed.needs, {target: found.needs for target, found in self._derived.items()}):
            needs |= {target: (*needs.get(target, ()), *own) for target, own in more.items()}
        for chain in self._chains[1:]:
            order = another_order(columns, drawn, needs, first=len(first), rng=rng)
            chain.learn(order, information, rng, learned)
        doubled = {number for found in self._derived.values() for number in found.doubled}
        raked = {index: found for index, found in codes.items() if index not in doubled}
        self._raking = Raking(self._columns, raked, lambda rows: self._candidates(rows, rng, {}))

    def _find_derived(
        self,
        columns: Sequence[ColumnCodes],
        drawn: Sequence[int],
        regressions: Regressions,
        crowd: Crowd,
        whole: frozenset[int],
    ) -> dict[int, Derived]:
        """What is not drawn itself; the columns in `whole` all are."""
        derived: dict[int, Derived] = dict(self._computed.at_once)
        for find in (
            partial(regressions.find, drawn=drawn, crowd=crowd),
            partial(find_differences, drawn=drawn, orders=self._orders, crowd=crowd),
            partial(find_repeats, drawn=drawn, crowd=crowd),
            partial(find_moments, crowd=crowd),
        ):
            number = len(columns) + sum(len(found.numbers) for found in derived.values())
            derived |= find(columns, number=number, fixed=whole.union(derived))
        return derived

    def _candidates(self, rows: int, rng: np.random.Generator, given: Mapping[int, Ints]) -> dict[int, Ints]:
        """Rows that the chains draw in turn; which of them is the first is drawn for each call."""
        turn = int(rng.integers(len(self._chains)))
        found = {index: np.empty(rows, dtype=np.int64) for index in self._chains[0].order}
        for place in range(len(self._chains)):
            part = slice(place, rows, len(self._chains))
            own = {index: codes[part] for index, codes in given.items()}
            chain = self._chains[turn - place]
            for index, codes in chain.draw(len(range(rows)[part]), rng, own).items():
                found[index][part] = codes
        return found

    def _codes(self, rows: int, rng: np.random.Generator, chosen: Mapping[int, Fixed]) -> dict[int, Ints]:
        """`rows` rows with the `chosen` columns: the first, as given, or any, of which codes are wanted."""
        if not chosen:
            return self._raking.draw(rows, lambda wanted: self._candidates(wanted, rng, {}), rng)
        if all(fixed.series is None for fixed in chosen.values()):
            wanted = {index: fixed.codes for index, fixed in chosen.items()}
            return self._raking.fill(wanted, lambda size: self._candidates(size, rng, {}), rng)
        given: dict[int, Ints] = {}
        for index in self._chains[0].order[: len(chosen)]:
            codes = chosen[index].codes
            given[index] = self._chains[0].completed(index, codes, codes == UNKNOWN, given, rng)
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
        values, nulls = self._values(codes, rng, chosen)
        for _ in range(0 if chosen else TRIES):
            outside = self._outside(values, nulls)
            if not len(outside):
                break
            again = self._codes(len(outside), rng, {})
            replaced = self._values(again, rng, {})
            fit = self._alike(nulls, replaced[1], outside)
            for whole, part in ((codes, again), (values, replaced[0]), (nulls, replaced[1])):
                for index, own in part.items():
                    whole[index][outside[fit]] = own[fit]
        series = []
        for index, column in enumerate(self._columns[: self._width]):
            if index in given:
                series.append(given[index])
            elif isinstance(column, NumberColumn):
                series.append(column.to_series(values[index], nulls[index]))
            else:
                series.append(column.restore(codes[index], rng))
        return pd.concat(series, axis=1)

    def _alike(self, nulls: Mapping[int, Mask], others: Mapping[int, Mask], rows: Ints) -> Mask:
        """Which of `others` may take a row's place: those in which the same of what may lie beyond is NULL.

        What is NULL never lies beyond, so that others would make NULLs more frequent.
        """
        fit = np.ones(len(rows), dtype=bool)
        for target in self._bounded:
            fit &= nulls[target][rows] == others[target]
        return fit

    @property
    def _bounded(self) -> list[int]:
        """The columns of which values may lie beyond those of training, because they follow from others."""
        differences = [index for index, found in self._derived.items() if isinstance(found, Difference)]
        return sorted({*self._computed.targets, *differences})

    def _outside(self, values: Mapping[int, Native], nulls: Mapping[int, Mask]) -> Ints:
        """The rows in which something follows from others that lies beyond all training values."""
        beyond = self._computed.outside(values, nulls)
        for target, found in self._derived.items():
            if isinstance(found, Difference):
                beyond |= ~nulls[target] & found.outside(values)
        return np.flatnonzero(beyond)

    def _values(
        self, codes: Mapping[int, Ints], rng: np.random.Generator, chosen: Mapping[int, Fixed]
    ) -> tuple[dict[int, Native], dict[int, Mask]]:
        """The values of all number columns for the codes of some rows, and where they are NULL."""
        given = {index: fixed.series for index, fixed in chosen.items() if fixed.series is not None}
        # What is computed from others keeps to them, not to what was wanted, should smoothing part the two.
        held = self._fixed.union(given, chosen.keys() - self._computed.at_once.keys())
        values: dict[int, Native] = {}
        nulls: dict[int, Mask] = {}
        order = self._chains[0].order
        numbers = {index: c for index in order if isinstance(c := self._columns[index], NumberColumn)}
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
        return values, nulls
