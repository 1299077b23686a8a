"""How many rows parents have: a noisy histogram over public bins, and numbers drawn from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from synth.guarantee.cells import cell_starts, nearest_shares, tally
from synth.guarantee.discovery import EDGE, SURE
from synth.guarantee.fitting import even_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synth.guarantee.noise import Mechanisms

    Ints = NDArray[np.int64]

# Each bin of numbers begins so many times higher than the one before, at least one higher.
GROWTH = 1.5
MOST = 100_000
# Neighbouring bins are also looked at together, so many at once.
WINDOWS = (1, 2, 4)
# Standard deviations of the noise above which bins right after those that stand out belong to them, too.
LIKELY = 2.0


def _lows() -> Ints:
    lows = [0]
    while lows[-1] < MOST:
        lows.append(max(lows[-1] + 1, round(lows[-1] * GROWTH)))
    return np.array(lows, dtype=np.int64)


# The smallest number of each bin; the last is the end of the one before.
LOWS = _lows()


@dataclass(frozen=True, slots=True)
class ParentCounts:
    """The number of rows of each parent that is counted.

    Attributes:
        numbers: of rows, one a parent.
        per_entity: how many parents one entity can have among them.
        all: whether parents without rows are among them, with the number 0.
    """

    numbers: Ints
    per_entity: int = 1
    all: bool = False


@dataclass(frozen=True, slots=True)
class ChildCounts:
    """How many rows parents have.

    Attributes:
        shares: the chance of each bin of numbers; 1 together.
        parents: how many were counted, by noisy counts.
        all: whether parents without rows were among them.
    """

    shares: NDArray[np.float64]
    parents: int
    all: bool = False

    @property
    def mean(self) -> float:
        """About how many rows a parent has."""
        return float(self.shares[1:] @ np.sqrt(LOWS[1:-1] * (LOWS[2:] - 1)))

    def draw(self, parents: int, random: np.random.Generator) -> Ints:
        """Return a number of rows for each of so many parents; within a bin small ones are likelier."""
        bins = np.searchsorted(np.cumsum(self.shares)[:-1], even_numbers(parents, random), side="right")
        low, end = np.maximum(LOWS[bins], 1), LOWS[bins + 1]
        numbers = np.minimum(np.floor(low * (end / low) ** random.random(parents)), end - 1)
        return np.where(bins == 0, 0, numbers).astype(np.int64)


def measured_children(counts: ParentCounts, mechanisms: Mechanisms, rho: float) -> ChildCounts | None:
    """Return how many rows parents have, or None where no number stands out from the noise."""
    bins = np.searchsorted(LOWS, np.minimum(counts.numbers, MOST - 1), side="right") - 1
    alone = mechanisms.with_contribution(counts.per_entity)
    deviation = alone.scale(rho)
    noisy = alone.counts("rows per parent", tally(bins, len(LOWS) - 1), rho)
    first, end = 0 if counts.all else 1, _last(noisy, deviation) + 1
    if end <= first:
        return None
    part = noisy[first:end]
    starts = cell_starts(part, deviation)
    sizes = np.diff(np.append(starts, len(part)))
    totals = nearest_shares(np.add.reduceat(part, starts))
    shares = np.zeros(len(noisy))
    shares[first:end] = np.repeat(totals / sizes, sizes)
    return ChildCounts(shares, max(1, round(float(part.sum()))), counts.all)


def _last(noisy: NDArray[np.float64], deviation: float) -> int:
    """Return the highest bin that belongs to neighbours which together stand out from the noise; else -1.

    What follows right after them needs to be less sure: most numbers of rows have no gap between them, and a
    bin too many is no much higher number.
    """
    last = -1
    for size in WINDOWS:
        sums = np.convolve(noisy, np.ones(size), mode="valid")
        full = np.flatnonzero(sums > SURE * deviation * np.sqrt(size))
        if len(full):
            last = max(last, int(full[-1]) + size - 1)
    while last > 0 and noisy[last] < EDGE * deviation:
        last -= 1
    while last >= 0:
        next_bins = [noisy[last + 1 : last + 1 + size] for size in WINDOWS[:2]]
        likely = [part for part in next_bins if part.sum() > LIKELY * deviation * np.sqrt(len(part))]
        if not likely or not len(likely[0]):
            break
        last += len(likely[0])
    return last
