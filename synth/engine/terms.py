"""Columns of dates that lie whole months behind another date of their row, or before it.

Which form the span has is drawn first, then how many months it has, and elsewhere the date itself.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from synth.engine.anniversaries import OTHER, YEAR, Months, are_whole, common_forms, months_later
from synth.engine.differences import Difference, comparable, difference, spread
from synth.engine.moments import day_and_time
from synth.engine.numbers import NumberColumn

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from synth.engine.columns import ColumnCodes, Ints, Mask
    from synth.engine.crowd import Crowd
    from synth.engine.ticks import Native

FEW = 0.05  # of the rows, whose own spans are given up where few hold them
MOST_STEPS = 40  # of months, by which a date comes back among the real ones
MOST_COMMON = 0.5  # of the rows, from which rare numbers of months become the nearest common one


@dataclass(frozen=True, slots=True, kw_only=True)
class Term(Difference):
    """The column `own` lies in a row so many months from `to` as is drawn; where that is no such span, not.

    What is drawn is the form of the span, which is NULL with the column, its months, and what is elsewhere:
    the time from `to` on where `is_span`, else the date.

    Attributes:
        numbers_of_months: that spans may have to end among real dates.
        is_span: whether other spans are drawn, and not dates.
        time: of the day that all values have; None where they have that of the other date.
    """

    numbers_of_months: Ints
    is_span: bool
    time: np.timedelta64 | None

    def code(self, codes: Mapping[int, Ints]) -> Ints:
        """Return the column's codes that go with those of what is drawn."""
        form = self._forms(codes)
        plain = self._plain(self.to.native(codes[self.base]), codes, None)
        return self.own.nearest_codes(self.own.nearest_values(plain), (form < 0) | (codes[self.base] < 0))

    def value(self, values: Mapping[int, Native], codes: Mapping[int, Ints]) -> Native:
        """Return the column's values that go with those of what is drawn."""
        return self.own.within(self._plain(values[self.base], codes, values))

    def outside(self, values: Mapping[int, Native]) -> Mask:
        """Return rows in which a span leads to what lies beyond all training values."""
        form = values[self.numbers[0]]
        plain = self._later(values[self.base], values[self.numbers[1]], form)
        low, high = self._ends()
        beyond: Mask = (form != OTHER) & ((plain < low) | (plain > high))
        return beyond

    def _forms(self, codes: Mapping[int, Ints]) -> Ints:
        form = codes[self.numbers[0]]
        return np.where(form < 0, -1, self.columns[0].native(form).astype(np.int64))

    def _plain(self, start: Native, codes: Mapping[int, Ints], values: Mapping[int, Native] | None) -> Native:
        """Return dates from `start` on, with what is drawn by code or, where that is usable, by value."""
        form, (_, months, *rest) = self._forms(codes), self.numbers
        number = self.columns[1].native(codes[months]) if values is None else values[months]
        plain = self._later(start, number, form)
        for place in rest:
            own = self.columns[2].native(codes[place]) if values is None else values[place]
            plain = np.where(form == OTHER, start + own if self.is_span else own, plain)
        return plain

    def _later(self, start: Native, months: Native, form: Native) -> Native:
        """Return the dates at the end of spans, longer or shorter where that leads to real ones."""
        low, high = self._ends()
        start = at_time(np.where(np.isnat(start), low, start), self.time)
        plain = months_later(start, months.astype(np.int64), form).astype(low.dtype)
        place = np.clip(np.searchsorted(self.numbers_of_months, months), 0, len(self.numbers_of_months) - 1)
        for _ in range(MOST_STEPS):
            turn = (plain < low).astype(np.int64) - (plain > high)
            place = np.clip(place + turn, 0, len(self.numbers_of_months) - 1)
            new = months_later(start, self.numbers_of_months[place], form).astype(low.dtype)
            fits = (turn != 0) & np.where(turn > 0, new <= high, new >= low) & (new != plain)
            if not fits.any():
                break
            plain = np.where(fits, new, plain)
        return plain

    def _ends(self) -> tuple[Any, Any]:
        real = self.own.raw[self.own.codes >= 0]
        return real.min(), real.max()


def time_of(own: NumberColumn) -> np.timedelta64 | None:
    """Return the time of the day that all values of a column have, if there is one."""
    times = day_and_time(own.raw[own.codes >= 0].astype("M8[us]"))[1]
    return cast("np.timedelta64", times[0]) if len(times) and (times == times[0]).all() else None


def at_time(moments: Native, time: np.timedelta64 | None) -> Native:
    """Return the moments, moved to that time of their day, if there is one."""
    return moments if time is None else day_and_time(moments.astype("M8[us]"))[0] + time


@dataclass(frozen=True, slots=True)
class TermPairs:
    """For columns of dates the date of the same row that they are whole months from.

    Attributes:
        bases: by the index of the column the index of that other one.
    """

    bases: Mapping[int, int]

    @classmethod
    def of(cls, columns: Sequence[ColumnCodes], crowd: Crowd, first: Sequence[int]) -> TermPairs:
        """Find them; those of the columns that are drawn `first` have none."""
        dates = dict(_dates(columns, first))
        bases = {}
        for place, (target, own) in enumerate(dates.items()):
            strengths = {
                base: _strength(to, own, crowd)
                for base, to in list(dates.items())[:place]
                if target not in first and comparable(own, to)
            }
            best = max(strengths, key=lambda base: strengths[base], default=-1)
            if best >= 0 and strengths[best]:
                bases[target] = best
        return cls(bases)

    @property
    def both(self) -> frozenset[int]:
        """The indices of these columns, and of the dates that they are counted from."""
        return frozenset(self.bases) | frozenset(self.bases.values())

    def arrange(self, draw_order: Sequence[int]) -> list[int]:
        """Return the order, changed so that each of these columns is drawn behind its other date."""
        order = list(draw_order)
        for target, base in reversed(list(self.bases.items())):
            if order.index(base) > order.index(target):
                order.remove(base)
                order.insert(order.index(target), base)
        return order

    def find(
        self,
        columns: Sequence[ColumnCodes],
        *,
        number: int,
        draw_order: Sequence[int],
        crowd: Crowd,
        fixed_columns: Collection[int] = (),
    ) -> dict[int, Term]:
        """Return what is drawn in place of these columns, with the indices from `number` on."""
        result: dict[int, Term] = {}
        for target, base in self.bases.items():
            own, to = columns[target], columns[base]
            if target in fixed_columns or draw_order.index(base) > draw_order.index(target):
                continue
            if not isinstance(own, NumberColumn) or not isinstance(to, NumberColumn):
                continue
            parts, is_span = _parts(own, to, crowd)
            numbers = tuple(range(number, number + len(parts)))
            result[target] = Term(
                numbers=numbers,
                columns=parts,
                needs=(base,),
                base=base,
                own=own,
                to=to,
                numbers_of_months=_possible(parts[1]),
                is_span=is_span,
                time=time_of(own),
            )
            number += len(parts)
        return result


def _dates(columns: Sequence[ColumnCodes], first: Sequence[int]) -> Iterator[tuple[int, NumberColumn]]:
    """Yield the columns of dates by index: given ones, and then those that others are counted from."""
    dates = {
        index: column
        for index, column in enumerate(columns)
        if isinstance(column, NumberColumn) and column.size > 1 and column.raw.dtype.kind == "M"
    }

    def rank(index: int) -> tuple[bool, int, int, int]:
        own = dates[index]
        middle = int(np.median(own.raw[own.codes >= 0].astype("M8[us]").astype(np.int64)))
        return index not in first, int((own.codes < 0).sum()), middle, index

    for index in sorted(dates, key=rank):
        yield index, dates[index]


def _strength(to: NumberColumn, own: NumberColumn, crowd: Crowd) -> float:
    """Return how surely a column lies whole months from another, by rows that may be learned."""
    both = (own.codes >= 0) & (to.codes >= 0) & own.learnable & to.learnable
    start, entities = at_time(to.raw[both], time_of(own)), crowd.alone.size(both)
    return are_whole(start, own.raw[both], entities) if entities >= crowd.rare else 0.0


def _parts(own: NumberColumn, to: NumberColumn, crowd: Crowd) -> tuple[tuple[NumberColumn, ...], bool]:
    """Return what is drawn in a column's place, and whether it is a time from the other date elsewhere."""
    both = (own.codes >= 0) & (to.codes >= 0)
    start = at_time(to.raw, time_of(own))
    forms = tuple(
        kind
        for kind in common_forms(start[both], own.raw[both])
        if crowd.alone.size(_spans(own.raw, start, both, (kind,)).whole) >= crowd.rare
    )
    spans = _spans(own.raw, start, both, forms)
    usable = both & own.learnable & to.learnable
    others = usable & ~spans.whole
    number = crowd.alone.size(others)
    gives_up = number < crowd.rare or (number < 2 * crowd.rare and others.mean() < FEW)
    form = NumberColumn(_series(spans.form, own.codes >= 0), replace(crowd, rare=1))
    form.learnable = own.learnable & ((own.codes < 0) | (usable & (spans.whole | (not gives_up))))
    form.rare_rows = own.rare_rows | ((own.codes >= 0) & ~form.learnable)
    months = _months_column(own, to, spans, forms, crowd)
    months.learnable = usable & spans.whole
    if gives_up:
        return (form, months), False
    gap = difference(own, to, crowd)
    is_span = spread((own.raw - to.raw)[others]) < spread(own.raw[others])
    rest = gap if is_span else copy(own)
    rest.learnable = others & rest.learnable
    return (form, months, rest), is_span


def _months_column(
    own: NumberColumn, to: NumberColumn, spans: Months, forms: tuple[int, ...], crowd: Crowd
) -> NumberColumn:
    """Return the numbers of months, rare ones near a common one in its place where most are common."""
    (mine, mine_null), (others, others_null) = own.beside, to.beside
    beside_both = ~mine_null & ~others_null
    beside = _spans(mine, at_time(others, time_of(own)), beside_both, forms)
    numbers = np.concatenate([spans.number[spans.whole], beside.number[beside.whole]])
    distinct, codes = np.unique(numbers, return_inverse=True)
    every = np.full(len(spans.number) + len(mine), -1, np.int64)
    every[np.flatnonzero(np.concatenate([spans.whole, beside.whole]))] = codes
    one = crowd if len(mine) else crowd.alone
    common = distinct[one.holders(every, len(distinct)) >= crowd.rare]
    own_numbers = spans.number.copy()
    if len(common) and np.isin(own_numbers[spans.whole], common).mean() >= MOST_COMMON:
        own_numbers = common[np.abs(own_numbers[:, None] - common).argmin(1)]
    series = _series(own_numbers, spans.whole)
    return NumberColumn(series, crowd, _series(beside.number, beside.whole) if len(mine) else None)


def _possible(months: NumberColumn) -> Ints:
    """Return numbers of months that say nothing of anybody: those that are drawn, and further whole years."""
    common = months.native(np.arange(months.size)).astype(np.int64)
    step = int(np.gcd.reduce(common))
    if not step or step % YEAR:
        return common
    further = step * np.arange(1, MOST_STEPS + 1)
    return np.concatenate([(common[0] - further)[::-1], common, common[-1] + further])


def _spans(own: Native, to: Native, both: Mask, forms: tuple[int, ...]) -> Months:
    """Return the spans of all rows; those in which a date is NULL are of no form."""
    form, number = np.full(len(own), OTHER, np.int64), np.zeros(len(own), np.int64)
    some = Months.between(to[both], own[both], forms)
    form[both], number[both] = some.form, some.number
    return Months(form, number)


def _series(values: Ints, there: Mask) -> pd.Series[Any]:
    return pd.Series(pd.arrays.IntegerArray(values.astype(np.int64), ~there))
