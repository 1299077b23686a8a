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
    from synth.evaluate.verdicts import Finding

CHANCE = 0.05  # a likelier number of hits is explained by chance
NO_CHANCE = 0.01  # a less likely one is not


def exact_replay(case: Case, limit: float) -> Finding:
    """Whether whole training rows recur, over all training rows.

    Counted are rows whose content one real row alone has. A content that several real rows share points at
    nobody, and falls into the larger table alone more often than into the smaller: counting it would accuse
    fresh real rows of repeating the training rows.
    """
    once = occurs_once(case.rows[: case.tables.real])
    hits = once & case.recurring
    rates = case.rates(hits, np.ones(len(hits), dtype=np.bool_))
    low, high = newcombe(*rates, z=normal_quantile())
    found = Gap("", share(*rates[0]) - share(*rates[1]), low, high)
    text = (
        f"{share(*rates[0]):.2%} of the training rows recur whole in the twin, and {share(*rates[1]):.2%} of"
        f" the unseen real rows, where a difference of {limit:.1%} is allowed"
    )
    chance = unlikely(*case.rates(hits, once)) > CHANCE
    # Repeating rows it cannot have seen means that the split was not kept.
    turned = found.high < -limit
    sizes = (case.tables.training, case.tables.holdout)
    return case.scale(limit).found(found, text, sizes, by_estimate=chance, fail=turned)


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
