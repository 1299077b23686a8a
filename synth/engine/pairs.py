"""Finds columns that two others make: added, subtracted, multiplied, divided, or the time between them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from synth.engine.column_view import DURATION, MOMENT, NUMBER, informative
from synth.engine.dateparts import DAY, HOUR, MINUTE, SECOND
from synth.engine.formulas import Identity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from synth.engine.column_view import ColumnView
    from synth.engine.columns import Ints, Mask
    from synth.engine.formulas import Floats

    Rule = tuple[Identity, float, Ints, Ints]

MORE_ROWS = 50  # for those that a few rows did not dismiss
MOST_PAIRS = 500  # that are tried in all rows for one rule
PLACES = (10.0, 60.0, 100.0, 1000.0, 3600.0)  # of a first number before a smaller second: 14 and 35 as 1435
UNITS = (SECOND, MINUTE, HOUR, DAY, 7 * DAY)
HALF, WHOLE = 0.5, 1.0  # units of the last decimal that rounding, or cutting off, takes away


class Pairs:
    """The columns of a table in a few hundred rows, to be tried in pairs."""

    def __init__(self, columns: Sequence[ColumnView]) -> None:
        self._columns = columns
        self._amounts = np.stack([each.amounts for each in columns])
        self._kinds: dict[str, Ints] = {}
        for kind in sorted({each.kind for each in columns} | {NUMBER, DURATION}):
            self._kinds[kind] = self._where([each.kind == kind for each in columns])
        counts = [each.kind == NUMBER and each.whole and each.low >= 0 for each in columns]
        self._counts = self._where(counts)
        highest = np.array([each.high for each in columns])
        self._digits = {factor: self._counts[highest[self._counts] < factor] for factor in PLACES}

    def _where(self, flags: Sequence[bool]) -> Ints:
        return np.flatnonzero(np.array(flags, dtype=bool))

    def of(self, target: ColumnView) -> Iterator[Identity]:
        """Yield identities of the target that these rows keep, still without decimals and rounding."""
        rows = informative(target)
        more = np.unique(np.linspace(0, len(target.amounts) - 1, MORE_ROWS).astype(np.int64))
        steps = [(self._amounts[:, part], target.at(part)) for part in (rows, more)]
        this = next(index for index, each in enumerate(self._columns) if each.place == target.place)
        for blank, slack, firsts, seconds in self._rules(target) if len(rows) else ():
            ones, others = firsts[firsts != this], seconds[seconds != this]
            few, own = steps[0]
            pairs = np.argwhere(near(blank, own, (few[ones][:, None], few[others][None]), slack))
            first, second = ones[pairs[:, 0]], others[pairs[:, 1]]
            once = first < second if blank.symmetric and firsts is seconds else first != second
            first, second = first[once], second[once]
            for amounts, own in (*steps[1:], (self._amounts, target)):
                close_pairs = np.flatnonzero(near(blank, own, (amounts[first], amounts[second]), slack))[
                    :MOST_PAIRS
                ]
                first, second = first[close_pairs], second[close_pairs]
            for one, other in zip(first, second, strict=True):
                yield replace(blank, sources=(self._columns[one].place, self._columns[other].place))

    def _rules(self, target: ColumnView) -> Iterator[Rule]:
        """Yield rules without sources, the units that they may miss before rounding, and columns to try."""
        numbers, durations = self._kinds[NUMBER], self._kinds[DURATION]
        moments = [places for kind, places in self._kinds.items() if kind.startswith(MOMENT)]
        total, gap = (Identity(target.place, (), "sum", minus=minus) for minus in (0, 1))
        if target.kind == DURATION:
            yield total, HALF, durations, durations
            yield from ((gap, HALF, alike, alike) for alike in (durations, *moments))
        elif target.kind != NUMBER:
            yield from ((rule, HALF, self._kinds[target.kind], durations) for rule in (total, gap))
        else:
            times = replace(total, rule="product")
            yield from ((rule, HALF, numbers, numbers) for rule in (total, gap, times))
            yield replace(total, rule="ratio"), WHOLE, numbers, numbers
            for factor, digits in self._digits.items() if target.whole and target.low >= 0 else ():
                yield replace(total, factor=factor), HALF, self._counts, digits
            for alike in moments:
                yield from ((replace(gap, divisor=float(unit)), WHOLE, alike, alike) for unit in UNITS)
                yield replace(gap, offset=float(DAY), divisor=float(DAY)), WHOLE, alike, alike


def near(blank: Identity, target: ColumnView, sources: Sequence[Floats], slack: float) -> Mask:
    """Return for which sources the rule comes near the target in every row, and is NULL where it is."""
    amounts = blank.plain(sources)
    if blank.rule == "ratio":  # where it is not defined, the target may be NULL or 0
        amounts = np.where((sources[1] == 0) & ~np.isnan(target.amounts), sources[0] * 0, amounts)
    limit = slack * target.unit + target.tolerance()
    same = (np.abs(amounts - target.amounts) <= limit) | (np.isnan(amounts) & np.isnan(target.amounts))
    return np.asarray(same.all(axis=-1))
