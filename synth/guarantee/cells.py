"""Cells of a column: labels, or stretches of a line that are split where noisy counts say there are rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.guarantee.domains import OTHER, ColumnDomain, Grid, amounts, is_null, keys_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synth.guarantee.noise import Mechanisms

# A stretch is counted in at most so many parts.
MOST_PARTS = 128
# In standard deviations of the noise: rows that make a stretch worth splitting, what makes a part differ from
# its neighbours, and rows that a cell should hold.
WORTH, ALONE, CLEAR = 4.0, 3.5, 2.0
# Below so many standard deviations nobody is NULL: noise is likelier.
ABSENT = 2.0
# The same where only the NULLs of a column are counted, with little of the budget and so more noise.
CHEAPLY_ABSENT = 3.0
# Lines of more positions than these are counted once more each.
FURTHER_LEVELS = (16, MOST_PARTS**2)


@dataclass(frozen=True, slots=True)
class LabelCells:
    """One cell a label, in public order; one for all others where labels were discovered; NULL last."""

    labels: tuple[Any, ...]
    keys: tuple[str, ...]
    others: bool
    nullable: bool

    @property
    def size(self) -> int:
        """The number of cells."""
        return len(self.labels) + self.others + self.nullable

    def codes(self, values: pd.Series) -> NDArray[np.int64]:
        """Return the cell of every value; -1 where the domain has none for it."""
        others = len(self.labels) if self.others else -1
        place = {key: code for code, key in enumerate(self.keys)}
        codes = np.array([place.get(key, others) for key in keys_of(values)], dtype=np.int64)
        codes[is_null(values)] = self.size - 1 if self.nullable else -1
        return codes

    def values(self, codes: NDArray[np.int64], kind: str) -> pd.Series:
        """Return the labels of cells."""
        table = np.empty(self.size, dtype=object)
        table[: len(self.labels)] = self.labels
        if self.others:
            table[len(self.labels)] = OTHER
        if self.nullable:
            table[-1] = None
        return pd.Series(table[codes], dtype="boolean" if kind == "boolean" else object)


@dataclass(frozen=True, slots=True)
class LineCells:
    """Stretches of a grid by their first positions, in order; NULL last."""

    grid: Grid
    starts: NDArray[np.int64]
    nullable: bool

    @property
    def size(self) -> int:
        """The number of cells."""
        return len(self.starts) + self.nullable

    def codes(self, values: pd.Series) -> NDArray[np.int64]:
        """Return the cell of every value; -1 where the domain has none for it."""
        positions = self.grid.positions(amounts(values, self.grid.kind))
        return self.codes_of(positions)

    def codes_of(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the cell of every position, NULL being negative."""
        codes = np.searchsorted(self.starts, positions, side="right") - 1
        return np.where(positions < 0, self.size - 1 if self.nullable else -1, codes)

    def values(self, codes: NDArray[np.int64], random: np.random.Generator) -> pd.Series:
        """Return values drawn evenly from cells."""
        ends = np.append(self.starts[1:], self.grid.size)
        absent = codes >= len(self.starts)
        at = np.where(absent, 0, codes)
        positions = random.integers(self.starts[at], ends[at])
        return self.grid.values(np.where(absent, -1, positions))


Cells = LabelCells | LineCells


@dataclass(frozen=True, slots=True)
class Margin:
    """A column's cells, their noisy numbers of rows, and the variances of that noise."""

    cells: Cells
    counts: NDArray[np.float64]
    variances: NDArray[np.float64]


def tally(codes: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return the number of rows in each cell; rows outside the domain count nowhere."""
    return np.bincount(codes[codes >= 0], minlength=size)


def label_margin(
    name: str,
    values: pd.Series,
    cells: LabelCells,
    mechanisms: Mechanisms,
    rho: float,
    told: tuple[NDArray[np.float64], float] | None = None,
) -> Margin:
    """Return the noisy counts of a column of labels.

    `told` are counts of the labels that are known already, and the variance of their noise.
    """
    counts = mechanisms.counts(f"{name}: counts", tally(cells.codes(values), cells.size), rho)
    variances = np.full(cells.size, mechanisms.scale(rho) ** 2)
    if told is not None:
        number, (earlier, variance) = len(cells.labels), told
        trust = variances[:number] / (variances[:number] + variance)
        counts[:number] += trust * (earlier - counts[:number])
        variances[:number] *= 1 - trust
    least = CHEAPLY_ABSENT if len(cells.labels) == 1 and not cells.others else ABSENT
    if cells.nullable and counts[-1] < least * mechanisms.scale(rho):
        counts = _without_null(counts)
    return Margin(cells, counts, variances)


def levels_of(size: int) -> int:
    """Return how often the rows of a line of so many positions are counted; public."""
    return 1 + sum(size > most for most in FURTHER_LEVELS)


def line_margin(
    name: str,
    values: pd.Series,
    domain: ColumnDomain,
    mechanisms: Mechanisms,
    rho: float,
    rows: float,
) -> Margin:
    """Return the noisy counts of stretches that became shorter where noisy counts were high."""
    whole = CellStretches(np.zeros(1, dtype=np.int64), np.full(1, rows), np.full(1, np.inf))
    return refined_margin(name, values, domain, mechanisms, rho, whole)


def refined_margin(
    name: str,
    values: pd.Series,
    domain: ColumnDomain,
    mechanisms: Mechanisms,
    rho: float,
    whole: CellStretches,
    absent: tuple[float, float] = (0.0, np.inf),
) -> Margin:
    """Return the noisy counts of stretches that became shorter than the `whole` ones.

    `absent` is how many rows are NULL by an earlier count, and the variance of its noise. What was counted
    before is counted once less.
    """
    grid = Grid.of(domain)
    positions = grid.positions(amounts(values, domain.kind))
    levels = max(1, levels_of(grid.size) - (not np.isinf(whole.variances).any()))
    deviation = mechanisms.scale(rho / levels)
    weights, sums = [1 / absent[1]], [absent[0] / absent[1]]
    for level in range(levels):
        parts = whole.parts(grid.size, deviation)
        cells = LineCells(grid, whole.split(parts, grid.size), domain.nullable)
        tallies = tally(cells.codes_of(positions), cells.size)
        noisy = mechanisms.counts(f"{name}: counts {level + 1} of {levels}", tallies, rho / levels)
        weights.append(deviation**-2)
        sums.append(noisy[-1] * deviation**-2)
        whole = whole.refine(cells.starts, parts, noisy[: len(cells.starts)], deviation)
    cells = LineCells(grid, whole.starts, domain.nullable)
    if not domain.nullable:
        return Margin(cells, whole.counts, whole.variances)
    variance = 1 / sum(weights)
    number = variance * sum(sums)
    variances = np.append(whole.variances, variance)
    counts = np.append(whole.counts, number)
    nobody = number < ABSENT * np.sqrt(variance)
    return Margin(cells, _without_null(counts) if nobody else counts, variances)


def _without_null(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return counts of which the last, that of NULL, is nothing, and the highest of the others is not."""
    others = counts[:-1] + max(0.0, 1.0 - float(counts[:-1].max()))
    return np.append(others, 0.0)


@dataclass(frozen=True, slots=True)
class CellStretches:
    """Stretches of a grid by their first positions, and estimates of their numbers of rows."""

    starts: NDArray[np.int64]
    counts: NDArray[np.float64]
    variances: NDArray[np.float64]

    def parts(self, size: int, deviation: float) -> NDArray[np.int64]:
        """Return in how many parts each stretch is counted next.

        At first in as many as stand out from the noise; later those that hold rows in many, in search of
        single values that many rows have.
        """
        lengths = np.diff(np.append(self.starts, size))
        most = np.minimum(lengths, MOST_PARTS)
        if np.isinf(self.variances).any():
            return np.clip(self.counts / (CLEAR * deviation), 1, most).astype(np.int64)
        return np.where(self.counts > WORTH * deviation, most, 1)

    def split(self, parts: NDArray[np.int64], size: int) -> NDArray[np.int64]:
        """Return the first positions of all parts."""
        lengths = np.diff(np.append(self.starts, size))
        triples = zip(self.starts.tolist(), lengths.tolist(), parts.tolist(), strict=True)
        return np.array([a + n * part // k for a, n, k in triples for part in range(k)], dtype=np.int64)

    def refine(
        self,
        starts: NDArray[np.int64],
        parts: NDArray[np.int64],
        noisy: NDArray[np.float64],
        deviation: float,
    ) -> CellStretches:
        """Return the parts, those together that noise does not let stand out, near what their stretch was."""
        ends = np.cumsum(parts)
        firsts = [
            end - part + cell_starts(noisy[end - part : end], deviation)
            for end, part in zip(ends.tolist(), parts.tolist(), strict=True)
        ]
        family = np.repeat(np.arange(len(parts)), [len(first) for first in firsts])
        places = np.concatenate(firsts)
        counts = np.add.reduceat(noisy, places)
        variances = np.diff(np.append(places, len(noisy))) * deviation**2
        sums = np.bincount(family, weights=counts)
        spread = np.bincount(family, weights=variances)
        trust = np.where(np.isinf(self.variances), 0, spread / (spread + self.variances))  # of the old count
        share = variances / spread[family]
        new_counts = counts + (trust * (self.counts - sums))[family] * share
        return CellStretches(starts[places], new_counts, variances * (1 - trust[family] * share))


def cell_starts(noisy: NDArray[np.float64], deviation: float) -> NDArray[np.int64]:
    """Return which parts of a stretch begin a cell: those that stand out alone, others together.

    A run of others becomes as many cells of similar weight as stand out from their noise.
    """
    number = len(noisy)
    alone = np.abs(noisy - noisy.mean()) > ALONE * deviation
    first = np.zeros(number, dtype=bool)
    first[0] = True
    first[alone] = True
    first[1:][alone[:-1]] = True
    for run in np.split(np.arange(number), np.flatnonzero(first)[1:]):
        pieces = int(min(len(run), (noisy[run].sum() / (CLEAR * deviation)) ** 2 / len(run)))
        if pieces > 1:
            weights = np.cumsum(np.maximum(noisy[run], 0))
            cuts = np.searchsorted(weights, weights[-1] * np.arange(1, pieces) / pieces)
            first[run[np.minimum(cuts + 1, len(run) - 1)]] = True
    return np.flatnonzero(first)


def shares(margin: Margin) -> NDArray[np.float64]:
    """Return the cells' probabilities: the nearest ones that are not negative and add up to one."""
    return nearest_shares(margin.counts)


def nearest_shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities that are nearest to noisy counts: not negative, 1 together."""
    total = max(float(counts.sum()), 1.0)
    falling_counts = np.sort(counts)[::-1]
    excess = (np.cumsum(falling_counts) - total) / np.arange(1, len(counts) + 1)
    last = np.flatnonzero(falling_counts > excess)[-1]
    positive_counts = np.maximum(counts - excess[last], 0)
    return positive_counts / positive_counts.sum()  # type: ignore[no-any-return]
