"""How surely rows show what is learned from them: chances instead of numbers of rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVEL = 0.001  # the chance at which something that is not so is taken to be


def surely_more(count: float, rows: int, share: float) -> bool:
    """Return whether `count` of some rows show that something happens in more than this share of all.

    It is the exact binomial test: at that share so many would be as rare as LEVEL.
    """
    return count > share * rows and log_tail(math.ceil(count), rows, share) < math.log(LEVEL)


def log_tail(count: int, rows: int, share: float) -> float:
    """Return the logarithm of the chance that `share` of all hits at least `count` of independent rows."""
    if count <= 0 or share >= 1:
        return 0.0
    if count > rows or share <= 0:
        return -math.inf
    hits = np.arange(count, rows)
    steps = np.log((rows - hits) / (hits + 1.0)) + math.log(share) - math.log1p(-share)
    first = (
        math.lgamma(rows + 1)
        - math.lgamma(count + 1)
        - math.lgamma(rows - count + 1)
        + count * math.log(share)
        + (rows - count) * math.log1p(-share)
    )
    terms = first + np.append(0.0, np.cumsum(steps))
    most = float(terms.max())
    return min(most + math.log(float(np.exp(terms - most).sum())), 0.0)


def log_arrangement(values: NDArray[Any]) -> float:
    """Return the logarithm of the chance that values which are dealt out at random stand where they stand."""
    counts = np.unique(values, return_counts=True)[1]
    return sum(math.lgamma(count + 1) for count in counts.tolist()) - math.lgamma(len(values) + 1)
