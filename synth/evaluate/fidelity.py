"""How near the synthetic rows are to training rows, measured against how near unseen real rows are.

Accuracy is 1 - TVD (total variation distance) of discretised columns, of their pairs and of their triples.
Synthetic and holdout rows are compared with training in the same number, so that a small sample's noise is
the same on both sides and their difference is the twin's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb, sqrt
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from synth.domain import Check, Verdict
from synth.evaluate.intervals import newcombe, normal_quantile
from synth.evaluate.tables import discretised
from synth.evaluate.verdicts import Gap, judge, remark, unmeasured, within_chance, worst

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.evaluate.tables import Codes, Column, Floats, Tables

Group: TypeAlias = tuple[int, ...]

PAIR_LIMIT = 0.03
COLUMN_LIMIT = 0.10
NULL_LIMIT = 0.02
BINS = 10
MAX_PAIRS = 1_000
MAX_TRIPLES = 150
MAX_ROWS = 200_000  # of each table; the noise of so many rows is far below every limit
MIN_HOLDOUT = 20
TOO_FEW = f"Cannot be measured with fewer than {MIN_HOLDOUT} holdout rows; synthesize a larger table."


@dataclass(frozen=True, slots=True)
class Closeness:
    """Accuracies of one order (columns, pairs, triples), for synthetic and holdout rows.

    Attributes:
        groups: the columns of each accuracy, as positions.
        synthetic: one accuracy a group; `holdout` likewise, the ceiling.
        gap_error: standard error of each group's gap (ceiling - synthetic); `mean_error` of their mean.
    """

    groups: tuple[Group, ...]
    synthetic: Floats
    holdout: Floats
    gap_error: Floats
    mean_error: float

    @property
    def gaps(self) -> Floats:
        """By how much each group's accuracy falls short of the ceiling."""
        return self.holdout - self.synthetic


@dataclass(frozen=True, slots=True)
class Fidelity:
    """The accuracies of all orders that the table has enough columns for.

    Attributes:
        rows: how many synthetic, and as many holdout rows were compared with training.
    """

    names: tuple[str, ...]
    orders: tuple[Closeness, ...]
    rows: int

    @property
    def score(self) -> float:
        """The share of the ceiling that is reached, at most 1."""
        reached = sum(float(order.synthetic.mean()) for order in self.orders)
        ceiling = sum(float(order.holdout.mean()) for order in self.orders)
        return min(reached / ceiling, 1.0) if ceiling > 0 else 0.0


def measure(tables: Tables, seed: int) -> Fidelity | None:
    """All accuracies of the tables, or None where there is too little to measure them on."""
    if not tables.columns or tables.holdout < MIN_HOLDOUT or not tables.synthetic or not tables.training:
        return None
    rng = np.random.default_rng([seed, 1])
    rows = min(tables.holdout, tables.synthetic, MAX_ROWS)
    sample = tables.sample(rng, MAX_ROWS, rows, rows)
    codes = [discretised(column, sample.training, BINS) for column in sample.columns]
    chosen = (_groups(len(codes), 1, len(codes), rng), _groups(len(codes), 2, MAX_PAIRS, rng))
    orders = [_closeness(codes, groups, sample, errors=True) for groups in chosen if groups]
    triples = _groups(len(codes), 3, MAX_TRIPLES, rng)
    orders += [_closeness(codes, triples, sample, errors=False)] if triples else []
    return Fidelity(tuple(column.name for column in tables.columns), tuple(orders), rows)


def pair_accuracy(fidelity: Fidelity | None) -> Check | None:
    """Whether pairs of columns hang together as in fresh real rows; None for a single column."""
    if fidelity is None:
        return unmeasured("pair_accuracy", PAIR_LIMIT, Verdict.INCONCLUSIVE, TOO_FEW)
    if len(fidelity.names) == 1:
        return None
    pairs = fidelity.orders[1]
    value, half = float(pairs.gaps.mean()), normal_quantile() * pairs.mean_error
    gap = Gap("", value, value - half, value + half)
    # A table of two or three columns has too few pairs to average over, and so a long interval.
    chance = within_chance(gap, PAIR_LIMIT, fidelity.rows)
    verdict = judge(gap.low, gap.high, PAIR_LIMIT, by_estimate=chance)
    less = f"{value:.1%} less than" if value > 0 else "as well as"
    explain = (
        f"Pairs of columns agree with the training rows {less} unseen real rows do, where"
        f" {PAIR_LIMIT:.0%} less is allowed{remark(verdict)}"
    )
    return Check("pair_accuracy", value, gap.low, gap.high, PAIR_LIMIT, verdict, explain)


def worst_column(fidelity: Fidelity | None) -> Check:
    """Whether every single column is distributed as in fresh real rows."""
    if fidelity is None:
        return unmeasured("worst_column", COLUMN_LIMIT, Verdict.INCONCLUSIVE, TOO_FEW)
    single = fidelity.orders[0]
    together, alone = normal_quantile(len(single.groups)), normal_quantile()
    found = worst(
        [
            Gap(
                fidelity.names[group[0]],
                float(gap),
                float(gap - together * error),
                float(gap + alone * error),
            )
            for group, gap, error in zip(single.groups, single.gaps, single.gap_error, strict=True)
        ]
    )
    verdict = judge(found.low, found.high, COLUMN_LIMIT)
    explain = (
        f"The column that differs most from the training rows is '{found.column}', by"
        f" {max(found.value, 0):.1%} more than unseen real rows differ, where {COLUMN_LIMIT:.0%} is"
        f" allowed{remark(verdict)}"
    )
    return Check("worst_column", found.value, found.low, found.high, COLUMN_LIMIT, verdict, explain)


def null_rate(tables: Tables) -> Check:
    """Whether every column is NULL as often as in the training rows, on all rows."""
    found = worst([_null_gap(column, tables) for column in tables.columns])
    # A half-empty column needs some 20,000 rows before its interval is shorter than the limit.
    chance = within_chance(found, NULL_LIMIT, min(tables.training, tables.synthetic))
    verdict = judge(found.low, found.high, NULL_LIMIT, by_estimate=chance)
    explain = (
        f"The share of NULLs differs most in column '{found.column}', by {found.value:.1%} of the rows, where"
        f" {NULL_LIMIT:.0%} is allowed{remark(verdict)}"
    )
    return Check("null_rate", found.value, found.low, found.high, NULL_LIMIT, verdict, explain)


def _null_gap(column: Column, tables: Tables) -> Gap:
    synthetic = int(column.null[tables.real :].sum()), tables.synthetic
    training = int(column.null[: tables.training].sum()), tables.training
    value = abs(synthetic[0] / synthetic[1] - training[0] / training[1])
    alone = newcombe(synthetic, training, z=normal_quantile())
    together = newcombe(synthetic, training, z=normal_quantile(len(tables.columns)))
    low = max(together[0], -together[1], 0.0)
    return Gap(column.name, value, low, max(abs(alone[0]), abs(alone[1])))


def _groups(columns: int, order: int, most: int, rng: np.random.Generator) -> tuple[Group, ...]:
    if comb(columns, order) <= 2 * most:
        every = list(combinations(range(columns), order))
        kept = np.sort(rng.permutation(len(every))[:most])
        return tuple(every[place] for place in kept)
    drawn: set[Group] = set()
    while len(drawn) < most:
        drawn.add(tuple(sorted(rng.choice(columns, order, replace=False).tolist())))
    return tuple(sorted(drawn))


def _closeness(codes: Sequence[Codes], groups: Sequence[Group], tables: Tables, *, errors: bool) -> Closeness:
    sides = (slice(tables.real, None), slice(tables.training, tables.real))  # synthetic, holdout
    accuracy = np.zeros((2, len(groups)))
    error = np.zeros((2, len(groups)))
    gains = np.zeros((2, tables.holdout))
    for place, group in enumerate(groups):
        joint = _joint(codes, group)
        cells = int(joint.max()) + 1
        expected = np.bincount(joint[: tables.training], minlength=cells) / tables.training
        for side, rows in enumerate(sides):
            counts = np.bincount(joint[rows], minlength=cells)
            found = np.minimum(counts / tables.holdout, expected)
            accuracy[side, place] = found.sum()
            if errors:
                gain = (found - np.minimum((counts - 1) / tables.holdout, expected))[joint[rows]]
                error[side, place] = _error(gain)
                gains[side] += gain
    mean_error = sqrt(sum(_error(gain / len(groups)) ** 2 for gain in gains)) if errors else 0.0
    return Closeness(tuple(groups), accuracy[0], accuracy[1], np.sqrt((error**2).sum(axis=0)), mean_error)


def _joint(codes: Sequence[Codes], group: Group) -> Codes:
    joint = codes[group[0]]
    for column in group[1:]:
        joint = joint * (int(codes[column].max()) + 1) + codes[column]
    return joint


def _error(gain: Floats) -> float:
    """Standard error of a sum to which every row adds `gain`: the jackknife (Efron and Stein 1981).

    It errs on the wide side, also where most cells hold no row or one, where a formula by cell breaks down.
    """
    return sqrt(len(gain) * float(np.var(gain)))
