"""Groups of cells, few enough that pairs of them stand out from the noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from synth.guarantee.cells import LineCells, Margin, shares
from synth.guarantee.fitting import even_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray


# Cells of one group that all have no chance have the same.
TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Groups:
    """The group of each cell of a column, their probabilities, and the variance of the counts of groups.

    `nullable` says that the last cell is NULL.
    """

    of_cell: NDArray[np.int64]
    cells: NDArray[np.float64]
    groups: NDArray[np.float64]
    variance: NDArray[np.float64]
    nullable: bool = False

    @property
    def size(self) -> int:
        """The number of groups."""
        return len(self.groups)

    @property
    def absent(self) -> int:
        """The group of NULL alone; -1 where there is none."""
        last = int(self.of_cell[-1])
        return last if self.nullable and np.count_nonzero(self.of_cell == last) == 1 else -1

    def codes(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the group of every row's cell, -1 outside the domain."""
        return np.where(cells < 0, -1, self.of_cell[cells])

    def draw(self, codes: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
        """Return a cell for every row's group."""
        cells = np.zeros(len(codes), dtype=np.int64)
        for group in range(self.size):
            members, rows = np.flatnonzero(self.of_cell == group), np.flatnonzero(codes == group)
            weights = np.cumsum(self.cells[members] + TINY)
            places = np.searchsorted(weights, even_numbers(len(rows), random) * weights[-1], side="right")
            cells[rows] = members[np.minimum(places, len(members) - 1)]
        return cells


def group_cells(margin: Margin, most: int) -> Groups:
    """Return a column's cells in at most about `most` groups of similar probability."""
    chances = shares(margin)
    line = len(margin.cells.starts) if isinstance(margin.cells, LineCells) else 0
    of_cell = _stretches(chances, line, most) if line else _commonest(chances, most)
    groups = np.bincount(of_cell, weights=chances).astype(np.float64)
    variance = np.bincount(of_cell, weights=margin.variances).astype(np.float64)
    return Groups(of_cell, chances, groups, variance, margin.cells.nullable)


def _stretches(chances: NDArray[np.float64], line: int, most: int) -> NDArray[np.int64]:
    of_cell = np.zeros(len(chances), dtype=np.int64)
    group, mass, target = 0, 0.0, chances[:line].sum() / most
    for cell in range(line):
        alone = chances[cell] >= target
        if cell and mass > 0 and (mass + chances[cell] / 2 > target or alone):
            group, mass = group + 1, 0.0
        of_cell[cell] = group
        mass += chances[cell]
    if line < len(chances):
        of_cell[line] = group + 1
    return of_cell


def _commonest(chances: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    common = np.argsort(-chances, kind="stable")[: most if len(chances) <= most else most - 1]
    of_cell = np.full(len(chances), len(common), dtype=np.int64)
    of_cell[common] = np.arange(len(common))
    return of_cell
