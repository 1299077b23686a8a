"""Intervals and tail probabilities for shares and their differences, and for the area under a ROC curve.

Rows of one entity are no independent evidence. Each function that counts takes them together: shares by
their effective numbers, sums by entity before a variance is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.special import betainc, betaincinv

if TYPE_CHECKING:
    from synth.evaluate.tables import Codes, Floats, Mask

Rate: TypeAlias = tuple[float, float]  # hits, trials; both effective, so not always whole

LEVEL = 0.95


def normal_quantile(comparisons: int = 1) -> float:
    """Return the two-sided 95 % quantile, widened (Bonferroni) for `comparisons` intervals."""
    return NormalDist().inv_cdf(1 - (1 - LEVEL) / 2 / max(comparisons, 1))


def share(hits: float, trials: float) -> float:
    """Return `hits / trials`, and 0 when there was no trial."""
    return hits / trials if trials else 0.0


def effective(hits: Floats | Mask | Codes, trials: Floats | Mask | Codes, units: Codes) -> Rate:
    """Return hits and trials that are worth as much as if every one of them were independent.

    Both are divided by the design effect, the variance of the share by units over that of independent trials
    (Rao and Scott 1992, A simple method for the analysis of clustered binary data). Where all or none are
    hits there is no variance to see, and the units count as if each were of one mind.

    Args:
        hits: how many of each row's trials hit.
        trials: how many trials each row had, or how much each counts.
        units: whom each row is about, as numbers from 0.
    """
    unit_trials = np.bincount(units, trials)
    hit = np.bincount(units, hits)[unit_trials > 0]
    unit_trials = unit_trials[unit_trials > 0]
    count, hit_count = float(unit_trials.sum()), float(hit.sum())
    if not count or (unit_trials == 1).all():
        return hit_count, count
    rate = hit_count / count
    worst = float((unit_trials**2).sum()) / count
    if len(unit_trials) == 1 or not 0 < rate < 1:
        return hit_count / worst, count / worst
    variance = (
        len(unit_trials) / (len(unit_trials) - 1) * float(((hit - rate * unit_trials) ** 2).sum()) / count**2
    )
    fewest = min(float(np.square(trials, dtype=np.float64).sum()) / count, 1.0)  # of independent trials
    design = max(variance / (rate * (1 - rate) / count), fewest)
    return hit_count / design, count / design


def wilson(hits: float, trials: float, *, z: float) -> tuple[float, float]:
    """Return wilson's score interval for a share; (0, 1) when there was no trial."""
    if trials == 0:
        return 0.0, 1.0
    rate = hits / trials
    centre = rate + z * z / (2 * trials)
    half = z * sqrt(max(rate * (1 - rate), 0.0) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    low = 0.0 if hits == 0 else (centre - half) / scale
    high = 1.0 if hits == trials else (centre + half) / scale
    return low, high


def newcombe(first: Rate, second: Rate, *, z: float) -> tuple[float, float]:
    """Return Newcombe's hybrid score interval (1998, method 10) for a difference of independent shares."""
    (low1, high1), (low2, high2) = wilson(*first, z=z), wilson(*second, z=z)
    share1, share2 = share(*first), share(*second)
    gap = share1 - share2
    below = sqrt((share1 - low1) ** 2 + (high2 - share2) ** 2)
    above = sqrt((high1 - share1) ** 2 + (share2 - low2) ** 2)
    return max(gap - below, -1.0), min(gap + above, 1.0)


def one_sided(level: float) -> float:
    """Return the quantile beyond which chance goes with probability `level`."""
    return NormalDist().inv_cdf(1 - level)


def binomial_upper(hits: float, trials: float, confidence: float) -> float:
    """Return the one-sided upper bound of a share (Clopper and Pearson 1934); 1 when there was no trial."""
    return float(betaincinv(hits + 1, trials - hits, confidence)) if hits < trials else 1.0


def binomial_tail(hits: float, trials: float, probability: float) -> float:
    """Return p(X >= hits) for X ~ Binomial(trials, probability)."""
    if hits <= 0 or probability >= 1:
        return 1.0
    return float(betainc(hits, trials - hits + 1, probability)) if probability > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Area:
    """The area under a ROC curve: how often a positive scores above a negative, ties counting half.

    Attributes:
        positives: what each positive adds to the estimate's error; `negatives` likewise.
    """

    value: float
    positives: Floats
    negatives: Floats

    def error(self, positives: Codes, negatives: Codes) -> float:
        """Return the standard error, with units as numbers that both sides share.

        DeLong, DeLong and Clarke-Pearson (1988); by unit: Obuchowski (1997).
        """
        units = np.concatenate([positives, negatives])
        return float(
            np.sqrt((np.bincount(units, np.concatenate([self.positives, self.negatives])) ** 2).sum())
        )

    def minus(self, other: Area) -> Area:
        """Return the difference of two areas on the same positives and negatives."""
        return Area(
            self.value - other.value, self.positives - other.positives, self.negatives - other.negatives
        )


def area(positives: Floats, negatives: Floats) -> Area:
    """Return the area under the ROC curve of two samples of scores, neither of them empty."""
    above = _placements(positives, negatives)
    below = 1 - _placements(negatives, positives)
    value = float(above.mean())
    return Area(value, *((side - value) / sqrt(len(side) * max(len(side) - 1, 1)) for side in (above, below)))


def _placements(scores: Floats, others: Floats) -> Floats:
    sorted_others = np.sort(others)
    sides = np.searchsorted(sorted_others, scores, side="left") + np.searchsorted(
        sorted_others, scores, side="right"
    )
    places: Floats = sides / (2 * len(sorted_others))
    return places
