"""Whether the twin holds combinations of values by which a training row can be singled out.

A copy betrays itself in any three columns, also when its numbers were jittered or when it was spliced from
the rows of several people: no distance between whole rows sees the latter.
"""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from synth.domain import Verdict
from synth.evaluate.intervals import newcombe, normal_quantile, share
from synth.evaluate.replay import CHANCE, NO_CHANCE, unlikely
from synth.evaluate.tables import NULL_KEY, discretised
from synth.evaluate.verdicts import ENOUGH, FEWEST, Gap, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.evaluate.case import Case
    from synth.evaluate.intervals import Rate
    from synth.evaluate.tables import Codes, Column, Mask
    from synth.evaluate.verdicts import Finding

Rates: TypeAlias = "tuple[Rate, Rate]"

ORDER = 3
MAX_TRIPLES = 150
BINS = 20
FEW = 0.1  # share of the training rows
DENSE = 8  # cells a row, beyond which empty ones are left out


def singling_out(case: Case, limit: float) -> Finding | None:
    """Whether combinations of three columns that one real row alone has recur; None without a column.

    Numbers are read in 20 ranges. The figure is the mean over all combinations, unless one of them alone is
    beyond the limit: a row that was spliced from several is whole in a few combinations only.
    """
    columns = [
        column for column in case.private.columns if len(np.unique(column.keys[: case.tables.real])) > 1
    ]
    if not columns:
        return None
    codes = [_codes(column, case.tables.real) for column in columns]
    trials, hits = (np.zeros(case.tables.real, dtype=np.int64) for _ in range(2))
    single = []
    for group in _groups(len(codes), case.rng(4)):
        once, again = _alone([codes[place] for place in group], case.tables.real)
        trials += once
        hits += again
        single.append((listed([columns[place].name for place in group]), case.rates(again, once)))
    return _found(case, limit, case.rates(hits, trials), single, trials > 0)


def _found(
    case: Case, limit: float, rates: Rates, single: Sequence[tuple[str, Rates]], alone: Mask
) -> Finding:
    found = _gap("", rates, 1)
    worst = max((_gap(*one, len(single)) for one in single), key=lambda gap: gap.low)
    where = ""
    if worst.low > max(limit, found.low):
        found, where = worst, f" in {worst.column}"
    text = (
        f"Combinations of {min(ORDER, len(case.private.columns))} columns that only one real row has recur"
        f" {abs(found.value):.1%} {'more' if found.value >= 0 else 'less'} often for training rows than for"
        f" unseen real rows{where}, where {limit:.0%} is allowed"
    )
    training, holdout = (int(part.sum()) for part in np.split(alone, [case.tables.training]))
    if _few(case, rates, training):
        return case.scale(limit).closed(found, Verdict.PASS, text, (training, holdout))
    chance = unlikely(*rates) > CHANCE
    return case.scale(limit).found(found, text, (training, holdout), by_estimate=chance)


def _few(case: Case, rates: Rates, items: int) -> bool:
    """Whether so few training rows are concerned that chance decides, and it does explain the hits.

    A share of few rows is too uncertain to keep any limit.
    """
    enough = case.held_out >= ENOUGH
    return enough and items < FEW * case.tables.training and unlikely(*rates) > NO_CHANCE


def _gap(name: str, rates: Rates, comparisons: int) -> Gap:
    low, high = newcombe(*rates, z=normal_quantile(comparisons))
    low = low if min(rates[0][1], rates[1][1]) >= FEWEST else -1.0
    return Gap(name, share(*rates[0]) - share(*rates[1]), low, high)


def _codes(column: Column, real: int) -> Codes:
    if column.numbers is not None:
        return discretised(column, real, BINS)
    return np.unique(np.where(column.null, NULL_KEY, column.keys), return_inverse=True)[1].astype(np.int64)


def _groups(columns: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    order = min(ORDER, columns)
    if comb(columns, order) <= 2 * MAX_TRIPLES:
        every = list(combinations(range(columns), order))
        return [every[place] for place in rng.permutation(len(every))[:MAX_TRIPLES]]
    drawn = {tuple(sorted(rng.choice(columns, order, replace=False).tolist())) for _ in range(MAX_TRIPLES)}
    return sorted(drawn)


def _alone(codes: Sequence[Codes], real: int) -> tuple[Mask, Mask]:
    """Which real rows have a combination for themselves, and for which of these it recurs."""
    joint = codes[0]
    for column in codes[1:]:
        joint = joint * (int(column.max()) + 1) + column
        if int(joint.max()) > DENSE * len(joint):
            joint = np.unique(joint, return_inverse=True)[1].astype(np.int64)
    cells = int(joint.max()) + 1
    once: Mask = np.bincount(joint[:real], minlength=cells)[joint[:real]] == 1
    again: Mask = once & (np.bincount(joint[real:], minlength=cells)[joint[:real]] > 0)
    return once, again
