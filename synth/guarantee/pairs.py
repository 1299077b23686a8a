"""Which pairs of columns are counted, chosen by noise round by round, and the chain that agrees with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from synth.guarantee.cells import tally
from synth.guarantee.fitting import NoisyChain, NoisyTable, Pair, fit_chain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from synth.guarantee.grouping import Groups
    from synth.guarantee.noise import Mechanisms

# Share of a round's budget that chooses its pairs; the rest counts them.
CHOICE = 0.15
ROUNDS = 3
# Rows that stand for the chain while it is fitted.
POPULATION = (2_000, 10_000)


@dataclass(slots=True)
class Learning:
    """The groups of rows by column, of which the `first` are given, and what is learned of pairs."""

    names: Sequence[str]
    groups: Sequence[Groups]
    codes: Sequence[NDArray[np.int64]]
    rows: float
    first: int
    random: np.random.Generator
    tables: dict[Pair, NoisyTable] = field(default_factory=dict)

    def chain(self, mechanisms: Mechanisms, pairs: int) -> NoisyChain:
        """Return the chain after all rounds, which use up the budget on so many pairs at most."""
        budget = mechanisms.remaining
        rest = [pair for pair in combinations(range(len(self.names)), 2) if pair[1] >= self.first]
        chain, sample = self._fit()
        for turn in range(ROUNDS):
            number = min(len(rest), -(-pairs // ROUNDS))
            if not number:
                break
            new_pairs = self._select(mechanisms, rest, number, turn, sample, budget / ROUNDS)
            share = budget / ROUNDS * (1 - CHOICE) / number
            for pair in new_pairs:
                self.tables[pair] = self._count(mechanisms, pair, share)
            rest = [pair for pair in rest if pair not in self.tables]
            chain, sample = self._fit()
        return chain

    def _fit(self) -> tuple[NoisyChain, NDArray[np.int64]]:
        population = int(np.clip(4 * self.rows, *POPULATION))
        margins = [
            NoisyTable(one.groups[None, :] * self.rows, one.variance[None, :], absent=one.absent)
            for one in self.groups
        ]
        return fit_chain(margins, self.tables, self.first, population, self.random)

    def _select(
        self,
        mechanisms: Mechanisms,
        rest: list[Pair],
        number: int,
        turn: int,
        sample: NDArray[np.int64],
        budget: float,
    ) -> list[Pair]:
        if number == len(rest):
            return rest
        deviation = mechanisms.scale(budget * (1 - CHOICE) / number)
        scores = np.array([self._error(pair, sample, deviation) for pair in rest])
        places = mechanisms.best(f"pairs {turn + 1} of {ROUNDS}", scores, number, budget * CHOICE)
        return [rest[place] for place in places]

    def _error(self, pair: Pair, sample: NDArray[np.int64], deviation: float) -> int:
        """Return how many rows the chain has elsewhere, less how many the noise of counting would move.

        One row more or less changes one whole number of rows by one, and the model not at all.
        """
        counts = self._tally(pair)
        one, other = pair
        sample_counts = tally(sample[:, one] * self.groups[other].size + sample[:, other], len(counts))
        model = np.rint(sample_counts * (self.rows / len(sample))).astype(np.int64)
        return int(np.abs(counts - model).sum()) - int(np.sqrt(2 / np.pi) * deviation * len(counts))

    def _count(self, mechanisms: Mechanisms, pair: Pair, rho: float) -> NoisyTable:
        one, other = pair
        what = f"{self.names[one]} × {self.names[other]}: counts"
        counts = mechanisms.counts(what, self._tally(pair), rho)
        shape = (self.groups[one].size, self.groups[other].size)
        return NoisyTable(counts.reshape(shape), np.array(mechanisms.scale(rho) ** 2))

    def _tally(self, pair: Pair) -> NDArray[np.int64]:
        first, second = self.codes[pair[0]], self.codes[pair[1]]
        width = self.groups[pair[1]].size
        joint = np.where((first < 0) | (second < 0), -1, first * width + second)
        return tally(joint, self.groups[pair[0]].size * width)
