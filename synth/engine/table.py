"""A learned table: what is drawn for its columns, in more than one order, which rows are kept, and values."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from synth.engine.calendar import dates_first, find_calendar
from synth.engine.chain import Chain
from synth.engine.columns import NO_CODE
from synth.engine.computations import Computations
from synth.engine.differences import Difference, bases_first, find_differences, missing_at_times
from synth.engine.marked_days import find_marked_days, marks_of
from synth.engine.moments import Moment, find_moments
from synth.engine.numbers import NumberColumn
from synth.engine.order import (
    another_order,
    coarse_first,
    drawing_order,
    fewer_nulls_first,
    mutual_information,
)
from synth.engine.rake import Raking
from synth.engine.regressions import Regressions
from synth.engine.repeats import find_repeats
from synth.engine.rules import find_orders
from synth.engine.signs import Signs
from synth.engine.terms import Term, TermPairs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import pandas as pd

    from synth.engine.calendar import Calendar
    from synth.engine.columns import ColumnCodes, DerivedColumn, Ints, Mask
    from synth.engine.conditioning import FixedColumn, GivenColumns
    from synth.engine.crowd import Crowd
    from synth.engine.formulas import Identity
    from synth.engine.marks import Marks
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
        given: columns that are drawn before all others, and may be given.
        fixed_columns: columns that only ever take values of training rows.
        identities: arithmetic between columns that every training row keeps.
        on_learned: called with the index of every column that has been learned, CHAINS times for each.
    """

    def __init__(
        self,
        columns: Sequence[ColumnCodes],
        *,
        crowd: Crowd,
        rng: np.random.Generator,
        given: GivenColumns,
        fixed_columns: Collection[int] = (),
        identities: Sequence[Identity] = (),
        on_learned: Callable[[int], None] | None = None,
    ) -> None:
        first, self._context = given.places, given.context
        information, self._width = mutual_information(columns, self._context), len(columns)
        self._fixed_columns = frozenset(fixed_columns)
        self._orders = find_orders(columns, self._context)
        self._signs = Signs.of(columns, self._context, crowd.of_learned)
        self._computations = Computations(columns, identities)
        draw_order, coarser = coarse_first(columns, drawing_order(columns, information, first=first), first)
        draw_order = fewer_nulls_first(
            columns, draw_order, missing_at_times(columns, self._orders), first=first
        )
        marks = {i: marks_of(c, crowd) for i, c in enumerate(columns) if isinstance(c, NumberColumn)}
        draw_order = bases_first(columns, draw_order, self._orders, first=first, crowd=crowd, marks=marks)
        calendar, dates = find_calendar(columns)
        draw_order = dates_first(draw_order, dates, first=first)
        self._terms = TermPairs.of(columns, crowd, first)
        draw_order = self._terms.arrange(draw_order)
        whole = self._fixed_columns.union(first)
        exact = {place for each in identities for place in (each.target, *each.sources)}
        exact -= {place for each in identities if each.rule == "ratio" for place in each.sources}
        exact |= whole.union(self._terms.both)
        regressions = Regressions(columns, information, orders=self._orders, crowd=crowd, fixed_columns=exact)
        draw_order = self._computations.arrange(regressions.arrange(draw_order), len(first))
        self._derived_columns = self._find_derived(columns, draw_order, regressions, crowd, whole, marks)
        self._keep_weekdays(columns, calendar)
        parts = [part for one in self._derived_columns.values() for part in one.columns]
        self._columns: list[ColumnCodes] = [*columns, *parts]
        self._chains = [
            Chain(self._columns, self._derived_columns, entities=crowd.of_learned, calendar=calendar)
            for _ in range(CHAINS)
        ]
        codes = self._chains[0].learn(draw_order, information, rng, on_learned, context=self._context)
        needs = self._needs(dates, coarser)
        for chain in self._chains[1:]:
            order = another_order(columns, draw_order, needs, first=len(first), rng=rng)
            chain.learn(order, information, rng, on_learned, context=self._context)
        redundant = {number for one in self._derived_columns.values() for number in one.redundant}
        to_rake = {index: own for index, own in codes.items() if index not in redundant}
        source, context = self._source(codes, rng), len(self._context)
        self._raking = Raking(self._columns, to_rake, source, context=context, each=crowd.each)

    def _source(
        self, codes: Mapping[int, Ints], rng: np.random.Generator
    ) -> Callable[[int], dict[int, Ints]]:
        """Return what draws candidates: beside what training rows are given, where that always is."""

        def draw(rows: int) -> dict[int, Ints]:
            if not self._context:
                return self._candidates(rows, rng, {})
            some = rng.integers(0, len(self._columns[0].codes), rows)
            order = self._chains[0].order[: len(self._context)]
            return self._candidates(rows, rng, {index: codes[index][some] for index in order})

        return draw

    def _needs(
        self, dates: Mapping[int, Sequence[int]], parts: Mapping[int, Sequence[int]]
    ) -> dict[int, tuple[int, ...]]:
        """Return which columns must be drawn before which.

        Args:
            dates: those that a column depends on.
            parts: the coarser labels that labels decide.
        """
        needs: dict[int, tuple[int, ...]] = {target: tuple(own) for target, own in dates.items()}
        needs_by_target = {target: one.needs for target, one in self._derived_columns.items()}
        for more in (parts, self._computations.needs, needs_by_target):
            needs |= {target: (*needs.get(target, ()), *own) for target, own in more.items()}
        return needs

    def _keep_weekdays(self, columns: Sequence[ColumnCodes], calendar: Calendar) -> None:
        """Let dates move by whole weeks, where something depends on their day of the week."""
        for index, parts in calendar.items():
            if any(part.name == "weekday" for part in parts):
                moment = self._derived_columns.get(index)
                for date in (columns[index], *(moment.columns[:1] if isinstance(moment, Moment) else ())):
                    if isinstance(date, NumberColumn):
                        date.keeps_weekdays = True

    def _find_derived(
        self,
        columns: Sequence[ColumnCodes],
        draw_order: Sequence[int],
        regressions: Regressions,
        crowd: Crowd,
        whole: frozenset[int],
        marks: Mapping[int, Marks],
    ) -> dict[int, DerivedColumn]:
        """Return what is not drawn itself; the columns in `whole` all are."""
        derived_columns: dict[int, DerivedColumn] = dict(self._computations.at_once)
        for find in (
            partial(self._terms.find, draw_order=draw_order, crowd=crowd),
            partial(regressions.find, draw_order=draw_order),
            partial(find_differences, draw_order=draw_order, orders=self._orders, crowd=crowd, marks=marks),
            partial(find_repeats, draw_order=draw_order, crowd=crowd),
            partial(find_marked_days, crowd=crowd),
            partial(find_moments, crowd=crowd),
        ):
            number = len(columns) + sum(
                len(derived_column.numbers) for derived_column in derived_columns.values()
            )
            derived_columns |= find(columns, number=number, fixed_columns=whole.union(derived_columns))
        return derived_columns

    def _candidates(
        self, rows: int, rng: np.random.Generator, first_codes: Mapping[int, Ints]
    ) -> dict[int, Ints]:
        """Return rows that the chains draw in turn; which of them is the first is drawn for each call."""
        turn = int(rng.integers(len(self._chains)))
        result = {index: np.empty(rows, dtype=np.int64) for index in self._chains[0].order}
        for place in range(len(self._chains)):
            part = slice(place, rows, len(self._chains))
            own = {index: codes[part] for index, codes in first_codes.items()}
            chain = self._chains[turn - place]
            for index, codes in chain.draw(len(range(rows)[part]), rng, own).items():
                result[index][part] = codes
        return result

    def _codes(
        self, rows: int, rng: np.random.Generator, fixed_columns: Mapping[int, FixedColumn]
    ) -> dict[int, Ints]:
        """Return `rows` rows with the fixed columns: the first ones by value, or any of them by code."""
        if not fixed_columns:
            return self._raking.draw(rows, lambda number: self._candidates(number, rng, {}), rng)
        if not any(each.by_value for each in fixed_columns.values()):
            fixed_codes = {index: each.codes for index, each in fixed_columns.items()}
            return self._raking.fill(fixed_codes, lambda size: self._candidates(size, rng, {}), rng)
        first_codes: dict[int, Ints] = {}
        for index in self._chains[0].order[: len(fixed_columns)]:
            codes = fixed_columns[index].codes
            first_codes[index] = self._chains[0].complete(index, codes, codes == NO_CODE, first_codes, rng)
        return self._raking.choose(rows, lambda number: self._candidates(number, rng, first_codes), rng)

    def draw(
        self, rows: int, rng: np.random.Generator, fixed_columns: Mapping[int, FixedColumn]
    ) -> dict[int, pd.Series[Any]]:
        """Return independent rows by column, in the training frame's order and dtypes.

        Fixed columns are as they are, but for those that are computed from others, as far as smoothing moved
        these. Columns that are fixed by value must be those learned first; without a series they are left
        out.

        Raises:
            ValueError: the fixed codes are too rare.
        """
        codes = self._codes(rows, rng, fixed_columns)
        values, nulls = self._values(codes, rng, fixed_columns)
        # Shares that were asked for hold over all rows, not over those that are drawn anew.
        is_balanced = not all(each.by_value for each in fixed_columns.values())
        for _ in range(0 if is_balanced else TRIES):
            outside = self._outside(values, nulls, codes)
            if not len(outside):
                break
            part = {index: each.of(outside) for index, each in fixed_columns.items()}
            again = self._codes(len(outside), rng, part)
            new_values = self._values(again, rng, part)
            fit = self._alike(nulls, new_values[1], outside)
            for whole, new in ((codes, again), (values, new_values[0]), (nulls, new_values[1])):
                for index in new.keys() - fixed_columns.keys():
                    whole[index][outside[fit]] = new[index][fit]
        series: dict[int, pd.Series[Any]] = {}
        for index, column in enumerate(self._columns[: self._width]):
            fixed_column = fixed_columns.get(index)
            if fixed_column is not None and fixed_column.by_value:
                series |= {} if fixed_column.series is None else {index: fixed_column.series}
            elif isinstance(column, NumberColumn):
                series[index] = column.to_series(values[index], nulls[index])
            else:
                series[index] = column.restore(codes[index], rng)
        return series

    def _alike(self, nulls: Mapping[int, Mask], others: Mapping[int, Mask], rows: Ints) -> Mask:
        """Return which of `others` may take a row's place: the same of what may lie beyond must be NULL.

        What is NULL never lies beyond, so that others would make NULLs more frequent.
        """
        fit = np.ones(len(rows), dtype=bool)
        for target in self._dependent_columns:
            fit &= nulls[target][rows] == others[target]
        return fit

    @property
    def _dependent_columns(self) -> list[int]:
        """The columns of which values may lie beyond those of training, because they follow from others."""
        differences = [
            index for index, column in self._derived_columns.items() if isinstance(column, Difference)
        ]
        return sorted({*self._computations.targets, *differences})

    def _outside(
        self, values: Mapping[int, Native], nulls: Mapping[int, Mask], codes: Mapping[int, Ints]
    ) -> Ints:
        """Return the rows in which something follows from others that lies beyond all training values.

        So does a sign that no training row with that label has.
        """
        beyond = self._computations.outside(values, nulls) | self._signs.broken(values, nulls, codes)
        for target, column in self._derived_columns.items():
            if isinstance(column, Difference):
                beyond |= ~nulls[target] & column.outside(values)
        return np.flatnonzero(beyond)

    def _values(
        self, codes: Mapping[int, Ints], rng: np.random.Generator, fixed_columns: Mapping[int, FixedColumn]
    ) -> tuple[dict[int, Native], dict[int, Mask]]:
        """Return the values of all number columns for the codes of some rows, and where they are NULL."""
        given_columns = {index: each for index, each in fixed_columns.items() if each.by_value}
        # What is computed from others keeps to them, not to what was wanted, should smoothing part the two.
        fixed_indices = self._fixed_columns.union(
            given_columns, fixed_columns.keys() - self._computations.at_once.keys()
        )
        values: dict[int, Native] = {}
        nulls: dict[int, Mask] = {}
        order = self._chains[0].order
        numbers = {index: c for index in order if isinstance(c := self._columns[index], NumberColumn)}
        for index, number in numbers.items():
            nulls[index] = codes[index] < 0
            if index in given_columns and (native := given_columns[index].own) is not None:
                values[index], nulls[index] = (part.copy() for part in native)  # what settles may move them
            elif index in fixed_indices:
                values[index] = number.native(codes[index], rng)
            else:
                derived_column = self._derived_columns.get(index)
                own = derived_column.value(values, codes) if derived_column else None
                if own is None:
                    own = self._computations.smooth(index, number, codes, rng)
                values[index] = self._computations.align(index, own, values)
        settle = partial(self._computations.settle, values, nulls, numbers, self._orders, fixed_indices)
        bases = {one.base: values[one.base].copy() for one in self._terms_drawn.values()}
        settle()
        if self._follow(values, codes, bases, fixed_indices):
            settle()
        return values, nulls

    @property
    def _terms_drawn(self) -> dict[int, Term]:
        return {index: one for index, one in self._derived_columns.items() if isinstance(one, Term)}

    def _follow(
        self,
        values: dict[int, Native],
        codes: Mapping[int, Ints],
        bases: Mapping[int, Native],
        fixed_indices: Collection[int],
    ) -> bool:
        """Move dates with those that they are whole months from, where these were moved."""
        has_changed = False
        for target, one in self._terms_drawn.items():
            to_move = values[one.base] != bases[one.base]
            if to_move.any() and target not in fixed_indices:
                values[target] = np.where(to_move, one.value(values, codes), values[target])
                has_changed = True
        return has_changed
