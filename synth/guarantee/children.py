"""How many rows parents have: a noisy histogram over public bins, and numbers drawn from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from synth.guarantee.cells import tally
from synth.guarantee.fitting import even_numbers
from synth.guarantee.smoothing import smooth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from synth.guarantee.noise import Mechanisms

    Ints = NDArray[np.int64]

# Each bin of numbers begins so many times higher than the one before, at least one higher.
GROWTH = 1.5
MOST = 100_000
# Numbers whose curve is not so many standard deviations of the noise long are not told.
SURE = 4.0
# Where fewer parents than this are expected, nobody is.
FEWEST = 0.25
# Parents without rows are believed in from so many deviations on: seldom has a project any, and a parent that
# gets none by chance contradicts whatever else is known of its rows.
CHILDLESS = 3.0
# Nor is anybody so many bins beyond the last count that is so many deviations high: a curve beside a peak may
# rise again where nothing is known.
AHEAD, CLEAR = 3, 5.0


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


def measured_children(
    counts: ParentCounts, mechanisms: Mechanisms, rhos: Sequence[float]
) -> ChildCounts | None:
    """Return how many rows parents have, or None where the numbers do not stand out from the noise.

    That no parent is without rows is likelier than that noise hides a few.

    Args:
        counts: of the real parents.
        mechanisms: that draw the noise.
        rhos: what each count may cost; the next one is for what those before could not tell.
    """
    bins = np.searchsorted(LOWS, np.minimum(counts.numbers, MOST - 1), side="right") - 1
    alone = mechanisms.with_contribution(counts.per_entity)
    real, sums, spent_rho = tally(bins, len(LOWS) - 1), np.zeros(len(LOWS) - 1), 0.0
    for look, rho in enumerate(rhos, 1):
        sums += rho * alone.counts("rows per parent", real, rho)
        spent_rho += rho
        noisy, deviation = sums / spent_rho, alone.scale(spent_rho)  # by their precision
        curve = smooth(noisy[1:], deviation)
        is_clear = noisy[1:] > CLEAR * deviation
        # Of two dozen bins one is four deviations high by chance, once in a thousand counts.
        if curve.clearness >= SURE and (is_clear.any() or look == len(rhos)):
            break
    else:
        return None
    last = int(np.flatnonzero(is_clear)[-1]) if is_clear.any() else int(np.argmax(curve.counts))
    is_near = np.arange(len(curve.counts)) <= last + AHEAD
    childless = float(noisy[0]) if counts.all and noisy[0] > CHILDLESS * deviation else 0.0
    numbers = np.append(childless, np.where(is_near & (curve.counts >= FEWEST), curve.counts, 0.0))
    total = float(numbers.sum())
    if not total > 0:
        return None
    return ChildCounts(numbers / total, max(1, round(total)), counts.all)
