"""Which columns might be arithmetic over others, by a few rows that dismiss almost everything else."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations, islice
from typing import TYPE_CHECKING

import numpy as np

from synth.engine.column_view import DURATION, MOMENT, NUMBER, informative
from synth.engine.dateparts import DAY, PARTS, STARTS, part
from synth.engine.formulas import FUNCTIONS, Identity, call_function
from synth.engine.pairs import Pairs
from synth.engine.rounding import MAX_DECIMALS
from synth.engine.sums import Sums

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from synth.engine.column_view import ColumnView
    from synth.engine.formulas import Floats

NEAR = 60  # columns, among which the parts of a sum or a product are looked for: those around it
MOST = 20  # identities that are proposed for one column
DIGITS = 9  # that a constant factor may have
COPY = "copy"
HALF, WHOLE = (-0.5, 0.5), (0.0, 1.0)  # units of the last decimal by which rounding takes something away


def proposals(probe: Mapping[int, ColumnView], all_views: Mapping[int, ColumnView]) -> Iterator[Identity]:
    """Yield identities that a few rows keep, without decimals and rounding, at most MOST for one target.

    Args:
        probe: columns, in few rows.
        all_views: the same in all rows.
    """
    parts = {each.place: _parts(each) for each in probe.values() if each.kind.startswith(MOMENT)}
    columns = list(probe.values())
    views = {rule: _views(rule, columns) for rule in FUNCTIONS if rule != COPY}
    sums_by_key: dict[tuple[int, bytes, int], Sums] = {}
    pairs: dict[int, Pairs] = {}
    for index, target in enumerate(columns):
        if not target.free:
            continue
        others = [each for each in columns if each is not target]
        start = min(max(index - NEAR // 2, 0), max(len(columns) - NEAR, 0))
        around = columns[start : start + NEAR]
        if start not in pairs:
            pairs = {start: Pairs(around)}
        candidates = chain(
            _with_times(target, others, parts),
            copies(target, others, all_views),
            _inclusive_days(target, others),
            _days_from(target, others, all_views),
            _functions(target, views, all_views),
            _sums(target, around, sums_by_key),
            _shares_of_sums(target, around, all_views),
            pairs[start].of(target),
        )
        yield from islice(candidates, MOST)


def _sums(
    target: ColumnView, columns: Sequence[ColumnView], sums_by_key: dict[tuple[int, bytes, int], Sums]
) -> Iterator[Identity]:
    rows = np.flatnonzero(~np.isnan(target.amounts))
    if target.kind == NUMBER and target.decimals <= MAX_DECIMALS and len(rows):
        key = columns[0].place, rows.tobytes(), target.decimals
        if key not in sums_by_key:
            sums_by_key[key] = Sums([each for each in columns if each.kind == NUMBER], rows, target.decimals)
        yield from sums_by_key[key].of(target.place)


def _shares_of_sums(
    target: ColumnView, columns: Sequence[ColumnView], all_views: Mapping[int, ColumnView]
) -> Iterator[Identity]:
    """Yield a column that is a constant share of two others together, rounded: a tax of a fee and a price."""
    rows = informative(target)
    if target.kind != NUMBER or target.decimals > MAX_DECIMALS or not len(rows):
        return
    others = [each for each in columns if each.kind == NUMBER and each.place != target.place]
    pairs = list(combinations(others, 2))
    own = target.at(rows)
    low, high = factors(own, [one.amounts[rows] + other.amounts[rows] for one, other in pairs], HALF)
    every = all_views[target.place]
    for place in np.flatnonzero(low <= high):
        sources = tuple(each.place for each in pairs[place])
        total = sum(all_views[source].amounts for source in sources)
        lows, highs = factors(every, [np.asarray(total)], HALF)
        factor = shortest(float(lows[0]), float(highs[0]))
        if factor and factor[0] != factor[1]:
            yield Identity(target.place, sources, "sum", divisor=factor[1] / factor[0])


def _parts(moment: ColumnView) -> dict[str, Floats]:
    return {name: part(name, moment.amounts) for name in (*PARTS, *STARTS)}


def _with_times(
    target: ColumnView, others: Sequence[ColumnView], parts: Mapping[int, Mapping[str, Floats]]
) -> Iterator[Identity]:
    if target.kind == DURATION:
        return
    for other in others:
        for name, amounts in parts.get(other.place, {}).items():
            like = (target.kind == NUMBER) == (name in PARTS)
            if like and np.array_equal(amounts, target.amounts, equal_nan=True):
                yield Identity(target.place, (other.place,), name)


def _inclusive_days(target: ColumnView, others: Sequence[ColumnView]) -> Iterator[Identity]:
    """Yield days that include the first and the last of them: one more than lie between."""
    if target.kind == NUMBER:
        for other in others:
            if other.kind == DURATION:
                yield Identity(target.place, (other.place,), "sum", offset=float(DAY), divisor=float(DAY))


def _days_from(
    target: ColumnView, others: Sequence[ColumnView], all_views: Mapping[int, ColumnView]
) -> Iterator[Identity]:
    """Yield whole days from a moment until one that all rows have in common, such as today, or since one."""
    if target.kind != NUMBER or not target.whole:
        return
    for other in others:
        for minus in (1, 0) if other.kind.startswith(MOMENT) else ():
            low, high = _offsets(target, other, minus)
            if low < high:
                low, high = _offsets(all_views[target.place], all_views[other.place], minus)
            if low < high:
                yield Identity(
                    target.place, (other.place,), "sum", minus=minus, offset=low, divisor=float(DAY)
                )


def _offsets(target: ColumnView, moment: ColumnView, minus: int) -> tuple[float, float]:
    """Return from where on, and up to where, the moment that all rows have in common may be."""
    least = target.amounts * DAY + (moment.amounts if minus else -moment.amounts)
    lows = least[~np.isnan(least)]
    return (float(lows.max()), float(lows.min()) + DAY) if len(lows) else (0.0, 0.0)


def _views(rule: str, columns: Sequence[ColumnView]) -> list[ColumnView]:
    """Return what a function makes of those columns that are numbers, and is defined for some of them."""
    numbers = (each for each in columns if each.kind == NUMBER)
    function_views = (replace(each, amounts=call_function(rule, each.amounts)) for each in numbers)
    return [each for each in function_views if not np.isnan(each.amounts).all()]


def _functions(
    target: ColumnView, views: Mapping[str, Sequence[ColumnView]], all_views: Mapping[int, ColumnView]
) -> Iterator[Identity]:
    """Yield a column that is a function of another, times a constant."""
    if target.kind == NUMBER:
        for rule, columns in views.items():
            others = [each for each in columns if each.place != target.place]
            yield from copies(target, others, all_views, rule)


def copies(
    target: ColumnView, others: Sequence[ColumnView], views: Mapping[int, ColumnView], rule: str = COPY
) -> Iterator[Identity]:
    """Yield a column that is what a function makes of another, times a constant, rounded or cut off."""
    alike = {NUMBER, DURATION} if target.kind in {NUMBER, DURATION} else {target.kind}
    others = [each for each in others if each.kind in alike]
    rows = informative(target)
    if not (others and len(rows)):
        return
    every, covered_places = views[target.place], set()
    for rounding_loss in (HALF, WHOLE):
        others_left = [each for each in others if each.place not in covered_places]
        for own, where in ((target.at(rows), rows), (target, slice(None))):
            low, high = factors(own, [each.amounts[where] for each in others_left], rounding_loss)
            others_left = [others_left[index] for index in np.flatnonzero(low <= high)]
        for other in others_left:
            low, high = factors(every, [call_function(rule, views[other.place].amounts)], rounding_loss)
            factor = shortest(float(low[0]), float(high[0]))
            if factor:
                covered_places.add(other.place)
                yield Identity(target.place, (other.place,), rule, factor=factor[0], divisor=factor[1])


def factors(
    target: ColumnView, others: Sequence[Floats], rounding_loss: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Return for each other column two constants between which the one lies that leads to the target."""
    rows = np.flatnonzero(~np.isnan(target.amounts))
    own, slack = target.amounts[rows], target.tolerance()[rows]
    least, most = own + rounding_loss[0] * target.unit - slack, own + rounding_loss[1] * target.unit + slack
    amounts = np.array([other[rows] for other in others]).reshape(len(others), len(rows))
    with np.errstate(all="ignore"):
        first, second = least / amounts, most / amounts
    anything = np.where((least <= 0) & (most >= 0), np.inf, -np.inf)
    low = np.where(amounts == 0, -anything, np.minimum(first, second))
    high = np.where(amounts == 0, anything, np.maximum(first, second))
    # NaN, and so no constant, where the other column is NULL.
    return low.max(axis=1, initial=-np.inf), high.min(axis=1, initial=np.inf)


def shortest(low: float, high: float) -> tuple[float, float] | None:
    """Return the factor and the divisor, one of them 1, that lie between two and take the fewest digits."""
    if not (low <= high and 0 < low * high < np.inf):
        return None
    middle = (low + high) / 2
    for digits in range(1, DIGITS + 1):
        factor, divisor = float(f"{middle:.{digits}g}"), float(f"{1 / middle:.{digits}g}")
        both = [(1.0, divisor), (factor, 1.0)]
        for candidate in both if abs(middle) < 1 else both[::-1]:
            if low <= candidate[0] / candidate[1] <= high:
                return candidate
    return None
