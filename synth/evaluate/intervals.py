"""Intervals and tail probabilities for shares and their differences."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np

LEVEL = 0.95


def normal_quantile(comparisons: int = 1) -> float:
    """The two-sided 95 % quantile, widened (Bonferroni) so that `comparisons` intervals hold together."""
    return NormalDist().inv_cdf(1 - (1 - LEVEL) / 2 / max(comparisons, 1))


def wilson(hits: int, trials: int, *, z: float) -> tuple[float, float]:
    """Wilson's score interval for a share; (0, 1) when there was no trial."""
    if trials == 0:
        return 0.0, 1.0
    share = hits / trials
    centre = share + z * z / (2 * trials)
    half = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    low = 0.0 if hits == 0 else (centre - half) / scale
    high = 1.0 if hits == trials else (centre + half) / scale
    return low, high


def share(hits: int, trials: int) -> float:
    """`hits / trials`, and 0 when there was no trial."""
    return hits / trials if trials else 0.0


def newcombe(first: tuple[int, int], second: tuple[int, int], *, z: float) -> tuple[float, float]:
    """Newcombe's hybrid score interval (1998, method 10) for the difference of two independent shares.

    Each share is given as (hits, trials).
    """
    (low1, high1), (low2, high2) = wilson(*first, z=z), wilson(*second, z=z)
    share1, share2 = share(*first), share(*second)
    gap = share1 - share2
    below = sqrt((share1 - low1) ** 2 + (high2 - share2) ** 2)
    above = sqrt((high1 - share1) ** 2 + (share2 - low2) ** 2)
    return max(gap - below, -1.0), min(gap + above, 1.0)


def binomial_tail(hits: int, trials: int, probability: float) -> float:
    """P(X >= hits) for X ~ Binomial(trials, probability), by summing the probabilities in logs."""
    if hits <= 0 or probability >= 1:
        return 1.0
    if probability <= 0:
        return 0.0
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    count = np.arange(hits, trials + 1)
    logs = (
        factorials[trials]
        - factorials[count]
        - factorials[trials - count]
        + count * np.log(probability)
        + (trials - count) * np.log1p(-probability)
    )
    return float(min(np.exp(logs).sum(), 1.0))
