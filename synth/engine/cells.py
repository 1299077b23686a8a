"""Cells of an ordered column: the stretches within which its uncommon values are smoothed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from synth.engine.evidence import LEVEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synth.engine.columns import Ints, Mask

CELL_ROWS = 40  # rows that share one cell of smoothing: the ends of smaller ones recur as they are
FEWEST_CELLS = 50
FEWEST_CELL_ROWS = 20  # where cells of CELL_ROWS would be fewer, too few to follow another column
MAX_CELLS = 1000
NEAR = 20  # values on either side of a gap, beside whose distances it is wide


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a column.

    Attributes:
        cell: of each code.
        low: the lowest code of each cell.
        high: the code at its upper edge.
        excludes_high: whether that belongs to the next cell, or to a common value.
        excludes_low: whether the lowest code does not belong to the cell, because it is a common value.
    """

    cell: Ints
    low: Ints
    high: Ints
    excludes_high: Mask
    excludes_low: Mask


def open_cells(codes: Ints, spike: Mask, values: NDArray[Any], fewest: int = 0, each: float = 1.0) -> Cells:
    """Return the cells of a column.

    They hold about CELL_ROWS rows of smoothed values, or fewer of a short table, or as many entities where
    these have several rows; reach over no gap between
    two modes, and never hold a single value at the top, so that the bound itself, which is some row's own
    value, is not repeated. A cell that would repeat one value, or those of fewer than `fewest` rows, reaches
    to the values on either side, be they common or beyond a gap, if there is any other value between them;
    common ones themselves are not drawn.

    Args:
        codes: of the training rows that are not NULL.
        spike: which codes are not smoothed.
        values: of the codes.
        fewest: rows that a cell of its own takes.
        each: how many rows an entity has on average.
    """
    counts = np.bincount(codes, minlength=len(spike))
    counts[spike] = 0
    total = counts.sum()
    if total == 0:
        nothing = np.zeros(0, np.int64)
        none = nothing.astype(bool)
        return Cells(np.zeros(len(spike), np.int64), nothing, nothing, none, none)
    entities = total / each
    size = max(np.clip(entities // FEWEST_CELLS, FEWEST_CELL_ROWS, CELL_ROWS), entities / MAX_CELLS)
    rows = math.ceil(each * size)
    low, high = [], []
    modes = np.split(np.arange(len(spike)), wide_gaps(values.astype(np.float64)) + 1)
    for mode in modes:
        part = mode[~spike[mode]]
        if len(modes) > 1 and 0 < counts[part].sum() < FEWEST_CELL_ROWS:  # smoothed over all of the mode
            low.append(mode[:1])
            high.append(mode[-1:])
            continue
        raw = (counts[part].cumsum() - counts[part]) // rows
        starts = part[np.unique(raw, return_index=True)[1]]
        if len(starts) > 1 and starts[-1] == part[-1]:
            starts = starts[:-1]
        low.append(starts)
        high.append(np.append(starts[1:], part[-1:]))
    lowest, highest = np.concatenate(low), np.concatenate(high)
    cell = np.maximum(np.searchsorted(lowest, np.arange(len(spike)), side="right") - 1, 0)
    excludes_high = np.append(lowest[1:] == highest[:-1], False)
    narrow = np.bincount(cell[counts > 0], minlength=len(lowest)) <= 1
    narrow |= np.bincount(cell, counts, len(lowest)) < fewest
    cells = Cells(cell, lowest, highest, excludes_high, np.zeros(len(lowest), bool))
    return _widen(cells, narrow, spike, values)


def _widen(cells: Cells, narrow: Mask, spike: Mask, values: NDArray[Any]) -> Cells:
    """Return the cells, those that are narrow up to the values on either side, without common ones."""
    below = np.maximum(cells.low - 1, 0)
    above = np.minimum(cells.high + 1 - cells.excludes_high, len(spike) - 1)
    if values.dtype.kind != "f":  # where no value between the neighbours is free, none of them tells anything
        narrow = narrow & (values[above] - values[below] > above - below)
    return Cells(
        cells.cell,
        np.where(narrow, below, cells.low),
        np.where(narrow, above, cells.high),
        np.where(narrow, spike[above], cells.excludes_high),
        narrow & spike[below],
    )


def wide_gaps(values: NDArray[np.float64]) -> Ints:
    """Return after which of some ascending values there is a gap that is too wide for chance.

    Where values are about as dense on both sides, the widest of m distances takes a share x of them all with
    a chance of at most m (1 - x)^(m - 1) (Fisher 1929).
    """
    if len(values) < 2 * NEAR:
        return np.zeros(0, np.int64)
    with np.errstate(all="ignore"):
        gap = np.diff(values)[NEAR - 1 : len(values) - NEAR]
        share = gap / (values[2 * NEAR - 1 :] - values[: len(values) - 2 * NEAR + 1])
        chance = math.log(2 * NEAR - 1) + (2 * NEAR - 2) * np.log1p(-share)
    wide: Ints = np.flatnonzero(chance < math.log(LEVEL / len(values))) + NEAR - 1
    return wide
