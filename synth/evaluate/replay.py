"""Whether the synthetic rows repeat training rows more than rows that the generator never saw.

Training and holdout were parted by chance, so whatever a generator emits without memory of its training rows
is as likely to hit the one as the other. Every synthetic row is looked at: a copy must not hide in a sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from synth.domain import Verdict
from synth.evaluate.intervals import binomial_tail, newcombe, normal_quantile, share
from synth.evaluate.tables import occurs_once
from synth.evaluate.verdicts import Gap

if TYPE_CHECKING:
    from synth.evaluate.case import Case
    from synth.evaluate.intervals import Rate
    from synth.evaluate.tables import Floats, Mask
    from synth.evaluate.verdicts import Finding

CHANCE = 0.05  # a likelier number of hits is explained by chance
NO_CHANCE = 0.01  # a less likely one is not
GROUPS = 20  # of rows, from those with the most usual values to those with the least


def exact_replay(case: Case, limit: float) -> Finding:
    """Whether whole training rows recur, over all training rows.

    Counted are rows whose content one real row alone has. A content that several real rows share points at
    nobody, and falls into the larger table alone more often than into the smaller: counting it would accuse
    fresh real rows of repeating the training rows. Where so many rows recur by chance that nothing can be
    decided, unusual rows, which do not, count more.
    """
    once = occurs_once(case.rows[: case.tables.real])
    hits = once & case.recurring
    plain = _recurring(case, limit, once, hits, np.ones(len(hits)))
    weighed = _recurring(case, limit, once, hits, _weights(case, hits))
    undecided = plain.verdict is Verdict.INCONCLUSIVE and unlikely(*case.rates(hits, once)) > NO_CHANCE
    return weighed if undecided or (plain.verdict, weighed.verdict) == (Verdict.PASS, Verdict.FAIL) else plain


def _recurring(case: Case, limit: float, once: Mask, hits: Mask, weights: Floats) -> Finding:
    rates = case.rates(hits * weights, weights)
    low, high = newcombe(*rates, z=normal_quantile())
    found = Gap("", share(*rates[0]) - share(*rates[1]), low, high)
    how = "" if (weights == 1).all() else ", where rows count the less the more of their like recur by chance"
    text = (
        f"{share(*rates[0]):.2%} of the training rows recur whole in the twin, and {share(*rates[1]):.2%} of"
        f" the unseen real rows{how}; a difference of {limit:.1%} is allowed"
    )
    chance = unlikely(*case.rates(hits * weights, once * weights)) > CHANCE
    # Repeating rows it cannot have seen means that the split was not kept.
    turned = found.high < -limit
    sizes = (case.tables.training, case.tables.holdout)
    return case.scale(limit).found(found, text, sizes, by_estimate=chance, fail=turned)


def _weights(case: Case, hits: Mask) -> Floats:
    """How much each real row says: inverse to the share of rows as usual as it is that recur.

    That is nearly its variance, where it is small. Rows are usual whose values are frequent ones. Unusual
    rows count at least as much as usual ones, however many of them recur. Nothing here knows training from
    holdout, so fresh rows stay without a difference.
    """
    real = case.tables.real
    unusual = np.zeros(real)
    for column in case.tables.columns:
        _, inverse, counts = np.unique(column.keys[:real], return_inverse=True, return_counts=True)
        unusual -= np.log(counts / real)[inverse]
    group = np.searchsorted(np.unique(np.quantile(unusual, np.arange(1, GROUPS) / GROUPS)), unusual, "right")
    recurring = (np.bincount(group, hits) + 1) / (np.bincount(group) + 2)
    recurring = np.minimum.accumulate(recurring)
    weights: Floats = (recurring[-1] / recurring)[group]
    return weights


def rare_replay(case: Case, limit: float) -> Finding:
    """Whether the training rows that lie farthest from all others recur whole.

    No share of these is allowed, so it is not the interval that decides, but how likely so many of the
    recurring ones are training rows by chance.
    """
    outliers = case.isolated & occurs_once(case.rows[: case.tables.real])
    rates = case.rates(outliers & case.recurring, outliers)
    low, high = newcombe(*rates, z=normal_quantile())
    found = Gap("", share(*rates[0]) - share(*rates[1]), low, high)
    text = (
        f"Of the real rows least like any other, {share(*rates[0]):.2%} of those in training recur whole in"
        f" the twin, and {share(*rates[1]):.2%} of the unseen ones, where a difference that chance does not"
        " explain is not allowed"
    )
    return case.scale(limit).closed(found, by_chance(rates), text, (rates[0][1], rates[1][1]))


def unlikely(training: Rate, holdout: Rate) -> float:
    """P(as many training items among the hits, or more) if training and holdout were alike."""
    part = share(training[1], training[1] + holdout[1])
    return binomial_tail(training[0], training[0] + holdout[0], part)


def by_chance(rates: tuple[Rate, Rate]) -> Verdict:
    """FAIL where chance does not explain the hits in training, PASS where it does, else INCONCLUSIVE."""
    probability = unlikely(*rates)
    if probability > CHANCE or share(*rates[0]) <= share(*rates[1]):
        return Verdict.PASS
    return Verdict.FAIL if probability < NO_CHANCE else Verdict.INCONCLUSIVE
