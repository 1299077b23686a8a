"""Whether single values give real rows away: unique ones, extremes, and replaced columns."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from synth.domain import RARE, Verdict
from synth.evaluate.intervals import newcombe, normal_quantile, share
from synth.evaluate.replay import CHANCE, unlikely
from synth.evaluate.tables import occurs_once
from synth.evaluate.verdicts import Gap, listed, worst

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from synth.evaluate.case import Case
    from synth.evaluate.intervals import Rate
    from synth.evaluate.tables import Column, Mask
    from synth.evaluate.verdicts import Finding

FEWEST_VALUES = 100  # that one held-out row alone has, in a column where most are shared
TAIL = 20  # real values at either end of a column that tell whether an extreme may recur by chance


def value_replay(case: Case, limit: float) -> Finding | None:
    """Whether values that one real row alone has recur; None without a column that has enough of them.

    In columns of mostly such values, none may be beyond the limit. Any other column fails where it is beyond
    the limit for certain; else such columns are judged together, where there is no column of the first kind.
    """
    singles = [(_single(column, case), _near_unique(column, case)) for column in case.private.columns]
    mostly = [one for one, near_unique in singles if near_unique]
    partly = [one for one, near_unique in singles if not near_unique and one.rates[1][1] >= FEWEST_VALUES]
    gaps = [_value_gap(one.column, one.rates, len(mostly) + len(partly)) for one in (*mostly, *partly)]
    beyond = [gap for gap in gaps if gap.low > limit]
    if not gaps:
        return None
    if not mostly and not beyond:
        return _together(partly, case, limit)
    found = worst(beyond or gaps[: len(mostly)])
    text = _recurring(found.value, limit, f"in column '{found.column}'")
    sizes = (case.tables.training, case.tables.holdout)
    # Whole numbers of some thousands often coincide; where a third do, it takes 2,000 holdout rows.
    return case.scale(limit).found(found, text, sizes, by_estimate=found.low <= 0)


def domain_extremes(case: Case, limit: float) -> Finding | None:
    """How many columns end where fewer than ten real units do; None without a column of numbers.

    Only where no two of the outermost TAIL real values are equal: whole numbers that reach from 0 to 30 end
    at 30 in fresh rows as well, and so do amounts of which some recur.
    """
    numeric = [column for column in case.private.columns if column.numbers is not None]
    if not numeric:
        return None
    ends = {column.name: _extremes(column, case) for column in numeric}
    noun = case.scale(limit).noun
    return _counted(ends, case, limit, f"smallest or largest values that fewer than {RARE} real {noun} have")


def pii_replay(case: Case, limit: float) -> Finding | None:
    """How many values of replaced columns are real ones; None without such a column."""
    if not case.replaced:
        return None
    real = {column.name: len(_texts(column.real) & _texts(column.twin)) for column in case.replaced}
    return _counted(real, case, limit, "values of real rows in columns that were to be replaced")


def _counted(counts: dict[str, int], case: Case, limit: float, what: str) -> Finding:
    count = float(sum(counts.values()))
    names = listed([name for name, number in counts.items() if number])
    allowed = "none is allowed" if not limit else f"{limit:.0f} are allowed"
    text = f"The twin holds {count:.0f} {what}" if count else f"The twin holds no {what}"
    text += f", in {names}; {allowed}" if count else ""
    verdict = Verdict.FAIL if count > limit else Verdict.PASS
    sizes = (case.tables.training, case.tables.holdout)
    return case.scale(limit).closed(Gap("", count, count, count), verdict, text, sizes)


@dataclass(frozen=True, slots=True)
class Single:
    """The values of a column that one real row alone has: where they are, and which of them recur."""

    column: str
    once: Mask
    again: Mask
    rates: tuple[Rate, Rate]


def _single(column: Column, case: Case) -> Single:
    real = case.tables.real
    once = occurs_once(column.keys[:real]) & ~column.null[:real]
    again = once & np.isin(column.keys[:real], column.keys[real:])
    return Single(column.name, once, again, case.rates(again, once))


def _together(singles: Sequence[Single], case: Case, limit: float) -> Finding:
    """The finding over several columns, each of them with few values that one real row alone has."""
    once = np.sum([one.once for one in singles], axis=0)
    rates = case.rates(np.sum([one.again for one in singles], axis=0), once)
    found = _value_gap("", rates, 1)
    text = _recurring(found.value, limit, "in all columns together")
    sizes = (case.tables.training, case.tables.holdout)
    return case.scale(limit).found(found, text, sizes, by_estimate=unlikely(*rates) > CHANCE)


def _recurring(value: float, limit: float, where: str) -> str:
    return (
        f"Values that only one real row has recur {where}: the twin repeats {max(value, 0):.1%} more of those"
        f" of training rows than of those of unseen real rows, where {limit:.0%} is allowed"
    )


def _value_gap(name: str, rates: tuple[Rate, Rate], columns: int) -> Gap:
    low, _ = newcombe(*rates, z=normal_quantile(columns))
    _, high = newcombe(*rates, z=normal_quantile())
    # What recurs is counted, not sampled: where nothing does, no excess can hide behind a short column.
    return Gap(name, share(*rates[0]) - share(*rates[1]), low, high if rates[0][0] else 0.0)


def _near_unique(column: Column, case: Case) -> bool:
    """Whether most values differ within training, and a quarter still do among all real rows.

    Hours of a year may be nearly all different in one half of the rows, and in both be nobody's own.
    """
    training, real = case.tables.training, case.tables.real
    keys = column.keys[:training][~column.null[:training]]
    known = column.keys[:real][~column.null[:real]]
    return 2 * len(np.unique(keys)) > len(keys) and 4 * occurs_once(known).sum() > len(known)


def _extremes(column: Column, case: Case) -> int:
    numbers = column.numbers if column.numbers is not None else np.zeros(0)
    known = ~column.null
    real = case.tables.real
    twin = numbers[real:][known[real:]]
    values, units = numbers[:real][known[:real]], case.units[known[:real]]
    if not len(twin) or not len(values):
        return 0
    order = np.argsort(values, kind="stable")
    ends = ((order[:TAIL], values.min(), twin.min()), (order[-TAIL:], values.max(), twin.max()))
    return sum(
        bool(real_end == twin_end and len(np.unique(units[values == real_end])) < RARE)
        for tail, real_end, twin_end in ends
        if len(np.unique(values[tail])) == len(tail)
    )


def _texts(values: pd.Series) -> set[str]:
    return {_text(value) for value in values.dropna().unique()}


def _text(value: object) -> str:
    # The real and the new values may be of different types: 7, 7.0, Decimal("7.00") and "7" are one.
    if isinstance(value, float | np.floating | Decimal) and value == value // 1:
        return str(int(value))
    return str(value).strip().casefold()
