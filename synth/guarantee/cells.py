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

# A stretch is split into at most so many, and into fewer where noise would hide what is in them.
MOST_PARTS = 128
# Rows that a part should hold, in standard deviations of the noise.
CLEAR = 2.0
MOST_LEVELS = 3


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
    name: str, values: pd.Series, cells: LabelCells, mechanisms: Mechanisms, rho: float
) -> Margin:
    """Return the noisy counts of a column of labels."""
    counts = mechanisms.counts(f"{name}: counts", tally(cells.codes(values), cells.size), rho)
    return Margin(cells, counts, np.full(cells.size, mechanisms.scale(rho) ** 2))


def levels_of(size: int) -> int:
    """Return how often a line of so many positions is split; public."""
    return int(np.clip(np.ceil(np.log(max(size, 2)) / np.log(MOST_PARTS)), 1, MOST_LEVELS))


def line_margin(
    name: str, values: pd.Series, domain: ColumnDomain, mechanisms: Mechanisms, rho: float, rows: float
) -> Margin:
    """Return the noisy counts of stretches that became shorter where noisy counts were high."""
    grid = Grid.of(domain)
    positions = grid.positions(amounts(values, domain.kind))
    levels = levels_of(grid.size)
    variance = mechanisms.scale(rho / levels) ** 2
    whole = Stretches(np.zeros(1, dtype=np.int64), np.full(1, rows), np.full(1, np.inf), 0.0, np.inf)
    for level in range(levels):
        parts = whole.parts(grid.size, np.sqrt(variance))
        cells = LineCells(grid, whole.split(parts, grid.size), domain.nullable)
        tallies = tally(cells.codes_of(positions), cells.size)
        noisy = mechanisms.counts(f"{name}: counts {level + 1} of {levels}", tallies, rho / levels)
        whole = whole.refined(cells.starts, parts, noisy, variance)
    cells = LineCells(grid, whole.starts, domain.nullable)
    if not domain.nullable:
        return Margin(cells, whole.counts, whole.variances)
    return Margin(
        cells, np.append(whole.counts, whole.absent), np.append(whole.variances, whole.absent_variance)
    )


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches of a grid by their first positions, and estimates of their numbers of rows and of NULLs."""

    starts: NDArray[np.int64]
    counts: NDArray[np.float64]
    variances: NDArray[np.float64]
    absent: float
    absent_variance: float

    def parts(self, size: int, deviation: float) -> NDArray[np.int64]:
        """Return in how many parts each stretch is split: as many as its noisy count lets stand out."""
        lengths = np.diff(np.append(self.starts, size))
        return np.clip(self.counts / (CLEAR * deviation), 1, np.minimum(lengths, MOST_PARTS)).astype(np.int64)

    def split(self, parts: NDArray[np.int64], size: int) -> NDArray[np.int64]:
        """Return the first positions of all parts."""
        lengths = np.diff(np.append(self.starts, size))
        triples = zip(self.starts.tolist(), lengths.tolist(), parts.tolist(), strict=True)
        return np.array([a + n * part // k for a, n, k in triples for part in range(k)], dtype=np.int64)

    def refined(
        self, starts: NDArray[np.int64], parts: NDArray[np.int64], noisy: NDArray[np.float64], variance: float
    ) -> Stretches:
        """Return the parts with their noisy counts, each family of parts moved to what its stretch was."""
        family = np.repeat(np.arange(len(parts)), parts)
        sums = np.bincount(family, weights=noisy[: len(starts)])
        trust = (parts * variance) / (parts * variance + self.variances)  # of the old count; 0 for none
        counts = noisy[: len(starts)] + (trust * (self.counts - sums) / parts)[family]
        variances = (variance * (1 - trust / parts))[family]
        if len(noisy) == len(starts):
            return Stretches(starts, counts, variances, 0.0, np.inf)
        kept = variance / (variance + self.absent_variance)
        absent = float(noisy[-1] + kept * (self.absent - noisy[-1]))
        return Stretches(starts, counts, variances, absent, variance * (1 - kept))


def shares(margin: Margin) -> NDArray[np.float64]:
    """Return the cells' probabilities: the nearest ones that are not negative and add up to one."""
    counts = margin.counts
    total = max(float(counts.sum()), 1.0)
    ordered = np.sort(counts)[::-1]
    excess = (np.cumsum(ordered) - total) / np.arange(1, len(counts) + 1)
    last = np.flatnonzero(ordered > excess)[-1]
    projected = np.maximum(counts - excess[last], 0)
    return projected / projected.sum()  # type: ignore[no-any-return]
