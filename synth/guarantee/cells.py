"""Cells of a column: labels, or stretches of a line that are split where noisy counts say there are rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.guarantee.domains import OTHER, ColumnDomain, Grid, amounts, is_null, keys_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from synth.guarantee.noise import Mechanisms

# A stretch is split into at most so many, and into fewer where noise would hide what is in them.
MOST_PARTS = 64
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
    """A column's cells, their noisy numbers of rows, and the variance of that noise."""

    cells: Cells
    counts: NDArray[np.float64]
    variance: float
    how: str = ""


@dataclass(slots=True)
class Bins:
    """A line that is split level by level, and the last noisy count of each stretch."""

    starts: NDArray[np.int64]
    counts: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


def tally(codes: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return the number of rows in each cell; rows outside the domain count nowhere."""
    return np.bincount(codes[codes >= 0], minlength=size)


def label_margin(
    name: str, values: pd.Series, cells: LabelCells, mechanisms: Mechanisms, rho: float
) -> Margin:
    """Return the noisy counts of a column of labels."""
    counts = mechanisms.counts(f"{name}: counts", tally(cells.codes(values), cells.size), rho)
    return Margin(cells, counts, mechanisms.scale(rho) ** 2)


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
    deviation = mechanisms.scale(rho / levels)
    starts, counts = np.zeros(1, dtype=np.int64), np.full(1, rows)
    for level in range(levels):
        starts = split(starts, counts, grid.size, deviation)
        cells = LineCells(grid, starts, domain.nullable)
        tallies = tally(cells.codes_of(positions), cells.size)
        counts = mechanisms.counts(f"{name}: counts {level + 1} of {levels}", tallies, rho / levels)
    return Margin(cells, counts, deviation**2)


def split(
    starts: NDArray[np.int64], counts: NDArray[np.float64], size: int, deviation: float
) -> NDArray[np.int64]:
    """Return the stretches again, each in as many equal parts as its noisy count lets stand out."""
    ends = np.append(starts[1:], size)
    pieces: list[Sequence[int]] = []
    for start, end, count in zip(starts.tolist(), ends.tolist(), counts.tolist(), strict=False):
        parts = int(np.clip(count / (CLEAR * deviation), 1, min(MOST_PARTS, end - start)))
        pieces.append([start + (end - start) * part // parts for part in range(parts)])
    return np.array([start for piece in pieces for start in piece], dtype=np.int64)


def shares(margin: Margin) -> NDArray[np.float64]:
    """Return the cells' probabilities: the nearest ones that are not negative and add up to one."""
    counts = margin.counts
    total = max(float(counts.sum()), 1.0)
    ordered = np.sort(counts)[::-1]
    excess = (np.cumsum(ordered) - total) / np.arange(1, len(counts) + 1)
    last = np.flatnonzero(ordered > excess)[-1]
    projected = np.maximum(counts - excess[last], 0)
    return projected / projected.sum()  # type: ignore[no-any-return]
