"""Evidence that the twin knows real entities: each is its own control, because another engine never saw it.

Which half an entity is in was decided by a coin before anything was learned. An engine that remembers nobody
meets an entity as often when it learned from it as when it did not; so of all entities that one engine meets
and the other does not, about half are met by the engine that learned from them, and any surplus is memory.
Where only one engine is there and some entities are held out, the coin is weighted, and nothing else changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from synth.evaluate.intervals import binomial_tail, binomial_upper, one_sided

if TYPE_CHECKING:
    from collections.abc import Iterable

    from synth.evaluate.tables import Floats, Mask

LEVEL = 0.05  # chance that anything fails, or passes beyond its limit, in a run of twins without memory
TESTS = 11  # checks of a table that may fail by such evidence
SLACK = (
    0.05  # an engine that knows nobody still knows its half's frequencies, which are a little nearer to it
)
PEOPLE = 3  # beyond chance, whatever their share


@dataclass(frozen=True, slots=True)
class Tally:
    """How many entities the engine that learned from them meets, and how many the other one, but not both.

    Attributes:
        chance: the share of `own` that an engine without memory would have.
    """

    own: int
    other: int
    chance: float = 0.5

    @property
    def excess(self) -> float:
        """How many entities are met beyond chance."""
        return self.own - self.other * self.chance / (1 - self.chance) if self.chance < 1 else 0.0

    @property
    def probability(self) -> float:
        """P(as many of their own engine, or more) by chance."""
        likely = self.chance + SLACK * 4 * self.chance * (1 - self.chance)
        return binomial_tail(self.own, self.own + self.other, likely) if self.chance < 1 else 1.0

    @property
    def most(self) -> float:
        """The upper 95 % bound of the entities met beyond chance."""
        count = self.own + self.other
        if not count or self.chance >= 1:
            return 0.0
        share = binomial_upper(self.own, count, 1 - LEVEL)
        return count * (share - (1 - share) * self.chance / (1 - self.chance))


@dataclass(frozen=True, slots=True)
class Advantage:
    """How much better than a coin an attacker guesses who was learned from, with its standard error."""

    value: float
    error: float

    def upper_bound(self, level: float = LEVEL) -> float:
        """Return what it does not exceed, at confidence 1 - `level`."""
        return self.value + one_sided(level) * self.error

    def least(self, level: float) -> float:
        """Return what it does not fall short of, at confidence 1 - `level`."""
        return self.value - one_sided(level) * self.error


def advantage(scores: Floats) -> Advantage:
    """Return the advantage of guesses, one for each entity: 1 is right, -1 wrong, between them unsure.

    Without memory the signs are coins, so the spread of the scores is all that chance can do.
    """
    count = max(len(scores), 1)
    mean = float(scores.mean()) if len(scores) else 0.0
    spread = max(float(((scores - mean) ** 2).sum()) / max(count - 1, 1), 1 / count)
    return Advantage(mean / 2, sqrt(spread / count) / 2)


def most_telling(strength: Floats, own: Mask, chance: float, *, of: int | None = None) -> tuple[Tally, float]:
    """Return of the entities with the greatest `strength`, the tally that chance explains least.

    Looked at are the first 20, a hundredth and a twentieth of all; the probability allows for that. `of` says
    how many all are, where some have no strength.
    """
    counts = sorted({min(count, len(strength)) for count in sizes(len(strength) if of is None else of)})
    tallies = [_first(strength, own, count, chance) for count in counts]
    tally = min(tallies, key=lambda one: one.probability)
    return tally, min(tally.probability * len(tallies), 1.0)


def sizes(count: int) -> Iterable[int]:
    """Return how many of the most telling entities to look at."""
    return sorted({min(max(FIRST, count // part), MOST_TELLING, count) for part in (count or 1, 100, 20)})


FIRST, MOST_TELLING = 20, 500


def _first(strength: Floats, own: Mask, count: int, chance: float) -> Tally:
    if not count:
        return Tally(0, 0, chance)
    least = np.partition(strength, len(strength) - count)[len(strength) - count]
    is_strong = strength >= least
    return Tally(int((own & is_strong).sum()), int((~own & is_strong).sum()), chance)
