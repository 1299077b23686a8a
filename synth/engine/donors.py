"""Training rows that share a leaf, one of which each new row takes its value from; and how exactly it does.

A leaf of a few rows knows a distribution, but not to the last date or cent: drawing its very values would
repeat whom it was learned from. So a number that few rows of the leaf hold is drawn from the stretch between
its neighbours in the leaf, where values are as frequent as in the whole column, and rather not as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synth.engine.columns import Ints, Mask

    Floats = NDArray[np.float64]

OWN_VALUE_ROWS = 4  # rows of a leaf that make a value one of the leaf's own, which is handed on as it is
REACH = 2  # neighbours in the leaf, on either side, half of whose distance is a value's stretch


class Donors:
    """Training rows by group, from which any number are drawn independently, with replacement."""

    def __init__(self, groups: Ints) -> None:
        self._rows = np.argsort(groups, kind="stable")
        self._groups, self._starts, self._counts = np.unique(
            groups[self._rows], return_index=True, return_counts=True
        )

    def draw(self, groups: Ints, rng: np.random.Generator) -> Ints:
        """Return for each wanted group one of its rows, or -1 where no training row is in it."""
        at = np.minimum(np.searchsorted(self._groups, groups), len(self._groups) - 1)
        share = rng.random(len(groups))
        offset = np.minimum((share * self._counts[at]).astype(np.int64), self._counts[at] - 1)
        return np.where(self._groups[at] == groups, self._rows[self._starts[at] + offset], -1)


class Pool:
    """The codes of one column's training rows by leaf, all leaves from 0 on having at least one."""

    def __init__(self, codes: Ints, leaf: Ints, *, blur: bool) -> None:
        order = np.lexsort((codes, leaf))
        self._codes, counts = codes[order], np.bincount(leaf)
        self._counts = counts.astype(np.float64)
        self._starts = (counts.cumsum() - counts).astype(np.float64)
        self.place = np.empty_like(order)  # of each training row in the pool
        self.place[order] = np.arange(len(order))
        self._stretches = Stretches(self._codes, leaf[order]) if blur else None

    def draw(self, leaf: Ints, rng: np.random.Generator) -> Ints:
        """Return a code for each leaf."""
        place = rng.random(len(leaf))
        place *= self._counts.take(leaf, mode="wrap")  # which is faster than [leaf]
        place += self._starts.take(leaf, mode="wrap")
        return self.at(place.astype(np.int64), rng)

    def at(self, place: Ints, rng: np.random.Generator) -> Ints:
        """Return the codes at those places of the pool, or near them."""
        own = self._codes.take(place, mode="wrap")
        return own if self._stretches is None else self._stretches.draw(place, own, rng)


class Stretches:
    """For each donor where in the ordered codes of all training rows its value may be drawn from."""

    def __init__(self, codes: Ints, leaf: Ints) -> None:
        """Take both sorted by leaf, then by code."""
        self._everyone = np.sort(codes)
        fresh = np.append(True, (codes[1:] != codes[:-1]) | (leaf[1:] != leaf[:-1]))
        starts = np.flatnonzero(fresh)
        code, home = codes[starts], leaf[starts]
        own = np.searchsorted(self._everyone, code, "left"), np.searchsorted(self._everyone, code, "right")
        exact = (np.diff(np.append(starts, len(codes))) >= OWN_VALUE_ROWS) | (code < 0)
        low, high = stretch_ends(own[0].astype(np.float64), own[1].astype(np.float64), home, code >= 0)
        low = np.where(code >= 0, np.maximum(low, (codes < 0).sum()), low)  # NULLs come first in everyone
        run = np.cumsum(fresh) - 1
        behind, ahead = between_exact(*own, home, exact)
        low, high = (
            np.where(exact, own[0], np.maximum(low, behind)),
            np.where(exact, own[1], np.minimum(high, ahead)),
        )
        self._reach = (low + 1j * (high - low))[run]  # both in one place of memory, which is what takes time
        self._exact = exact[run]

    def draw(self, place: Ints, own: Ints, rng: np.random.Generator) -> Ints:
        """Return a code from each donor's stretch, drawn once more where it comes out as the donor's own."""
        codes = self._draw(place, rng)
        again = np.flatnonzero(codes == own)
        again = again[~self._exact[place[again]]]
        codes[again] = self._draw(place[again], rng)
        return codes

    def _draw(self, place: Ints, rng: np.random.Generator) -> Ints:
        rank, reach = rng.random(len(place)), self._reach.take(place, mode="wrap")
        rank *= reach.imag
        rank += reach.real
        return self._everyone.take(rank.astype(np.int64), mode="clip")


def between_exact(low: Ints, high: Ints, home: Ints, exact: Mask) -> tuple[Ints, Ints]:
    """Return ranks that each value's stretch may not pass: it ends where its leaf hands a value on as it is.

    Such a value gives nothing to its neighbours, and would gain what they give.

    Args:
        low: rank of the value's first row in the column. Sorted within a leaf.
        high: rank behind its last.
        home: the leaf of each value, sorted.
        exact: which are handed on as they are.
    """
    leaf = home * (int(high.max()) + 1)  # ranks of different leaves are then apart
    last = np.maximum.accumulate(np.where(exact, high + leaf, 0))
    next_ends = np.minimum.accumulate(np.where(exact, low + leaf, 2**62)[::-1])[::-1]
    return np.append(0, last[:-1]) - leaf, np.append(next_ends[1:], 2**62) - leaf


def stretch_ends(low: Floats, high: Floats, home: Ints, value: Mask) -> tuple[Floats, Floats]:
    """Return the ranks between which each value of a leaf may be drawn, given those in the whole column.

    Args:
        low: rank of the value's first row in the column. Sorted within a leaf.
        high: rank behind its last.
        home: the leaf of each value.
        value: which are values; NULL, which comes first in its leaf, is nobody's neighbour.
    """
    place = np.arange(len(low))
    first = np.searchsorted(home, home, "left")
    first += ~value[first]
    before = np.minimum(np.maximum(place - REACH, first), place)
    after = np.minimum(place + REACH, np.searchsorted(home, home, "right") - 1)
    below, above = (low - high[before]) / 2, (low[after] - high) / 2
    # At an end of the leaf the stretch reaches as far out as it does inwards.
    below, above = np.where(before < place, below, above), np.where(after > place, above, below)
    alone = (before == place) & (after == place)
    below[alone] = above[alone] = 0
    return np.maximum(low - below, 0), np.minimum(high + above, high.max())
