"""The leaf of many rows at once, without walking through a tree row by row.

Each leaf is one bit. For each feature a mask by code says which leaves a row can still be in, and what the
masks of all features have in common is the row's leaf, as in QuickScorer (Lucchese et al. 2015). In a tree of
more leaves than a word has bits the row's branch is found first, then its leaf by the masks of that branch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from synth.engine.columns import Ints
    from synth.engine.trees import PrunedTree

    Features: TypeAlias = Sequence[tuple[int, NDArray[np.float32]]]
    Bounds: TypeAlias = NDArray[np.float64]
    Masks: TypeAlias = NDArray[np.uint64]

WORD = 64
MOST_BRANCHES = 2 * WORD  # beyond, tables of masks leave the cache, and a walk through the tree is as fast
DENSE = 2**14  # masks that a table by code may hold; larger ones go by interval
ONE = np.uint64(1)
EVERY = np.uint64(2**64 - 1)


class Leaves(Protocol):
    """Finds the leaves of rows."""

    def find(self, codes: Mapping[int, Ints], rows: slice) -> Ints:
        """Return the leaf of each of those rows, from 0."""


def open_leaves(tree: PrunedTree | None, features: Features) -> Leaves:
    """Return the leaves of a tree whose features are columns, with what it sees at each code (NULL last)."""
    if tree is None or tree.count == 1:
        return OneLeaf()
    return LeafMasks(tree, features) if len(tree.branches(WORD)) <= MOST_BRANCHES else Walk(tree, features)


class OneLeaf:
    """Where there is nothing to tell apart."""

    def find(self, codes: Mapping[int, Ints], rows: slice) -> Ints:  # noqa: ARG002 - the protocol's
        """Return the one leaf, which all rows are in."""
        return np.zeros(rows.stop - rows.start, dtype=np.int64)


class Walk:
    """Leaves of a large tree."""

    def __init__(self, tree: PrunedTree, features: Features) -> None:
        self._tree = tree
        self._features = features

    def find(self, codes: Mapping[int, Ints], rows: slice) -> Ints:
        """Return the leaves, by asking the tree."""
        matrix = np.empty((len(self._features), rows.stop - rows.start), dtype=np.float32)
        for place, (index, values) in enumerate(self._features):
            np.take(values, codes[index][rows], mode="wrap", out=matrix[place])  # -1 is the last
        return self._tree.leaves(matrix.T)


class LeafMasks:
    """Leaves, at least two, of a tree that has at most MOST_BRANCHES branches of at most WORD leaves."""

    def __init__(self, tree: PrunedTree, features: Features) -> None:
        self._starts = tree.branches(WORD)
        low, high = tree.bounds(len(features))
        self._cuts = [
            Cuts.between(index, low[:, place], high[:, place], values, self._starts)
            for place, (index, values) in enumerate(features)
            if np.isfinite(low[:, place]).any() or np.isfinite(high[:, place]).any()
        ]

    def find(self, codes: Mapping[int, Ints], rows: slice) -> Ints:
        """Return the leaves, by what all masks have in common."""
        places = [cuts.places(codes[cuts.index][rows]) for cuts in self._cuts]
        # Writing into arrays that are there takes a third of the time of new ones.
        inside, masks = (np.empty(rows.stop - rows.start, dtype) for dtype in (np.int64, np.uint64))
        branch = self._branch(places, masks)
        remaining = np.full(len(branch), EVERY)
        for cuts, place in zip(self._cuts, places, strict=True):
            if cuts.leaves is not None:
                own = place if cuts.step == 1 else np.add(place, branch, out=inside)
                cuts.leaves.take(own, mode="wrap", out=masks)
                np.bitwise_and(remaining, masks, out=remaining)
        leaves: Ints = self._starts[branch] + np.bitwise_count(remaining - ONE)
        return leaves

    def _branch(self, places: Sequence[Ints], masks: Masks) -> Ints:
        """Return the branch of each row."""
        numbers = np.zeros(len(masks), dtype=np.int64)
        if len(self._starts) > 1:
            words = [np.full(len(masks), EVERY) for _ in range(0, len(self._starts), WORD)]
            for cuts, place in zip(self._cuts, places, strict=True):
                for word, mask in zip(words, cuts.branches, strict=False):
                    mask.take(place, mode="wrap", out=masks)
                    np.bitwise_and(word, masks, out=word)
            for number, word in enumerate(words):  # of which one has one bit
                numbers += (np.bitwise_count(word - ONE).astype(np.int64) + number * WORD) * (word != 0)
        return numbers


@dataclass(frozen=True, slots=True)
class Cuts:
    """What one feature says.

    Attributes:
        index: the column that the feature is made of.
        step: places between those of one code, or one interval, and the next: one for each branch.
        interval: for each code the place of its masks; None where that is the code times `step`.
        branches: by place, a mask for each WORD branches; none if the feature does not tell them apart.
        leaves: by place plus branch; None if the feature tells no leaves of a branch apart.
    """

    index: int
    step: int
    interval: Ints | None
    branches: Sequence[Masks]
    leaves: Masks | None

    @classmethod
    def between(
        cls, index: int, low: Bounds, high: Bounds, values: NDArray[np.float32], starts: Ints
    ) -> Cuts:
        """Return what a feature says that leaves see above `low`, at most at `high`.

        A branch begins at `starts`.
        """
        cuts = np.unique(np.concatenate([low, high]))
        cuts = np.append(cuts[np.isfinite(cuts)], np.inf)  # what lies between two is in the same leaves
        outer = np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)
        inner = np.maximum.reduceat(low, starts), np.minimum.reduceat(high, starts)
        branches = (
            pack_masks(*outer, cuts, np.arange(0, len(starts), WORD)) if np.isfinite(outer).any() else None
        )
        leaves = None if np.array_equal(outer, inner) else pack_masks(low, high, cuts, starts)
        interval: Ints | None = np.searchsorted(cuts, values, side="left")
        if len(starts) * len(values) <= DENSE:
            branches, leaves = (None if table is None else table[interval] for table in (branches, leaves))
            interval = None
        step = len(starts)
        words = () if branches is None else tuple(np.repeat(word, step) for word in branches.T)
        return cls(
            index,
            step,
            None if interval is None else small(interval * step),
            words,
            None if leaves is None else leaves.ravel(),
        )

    def places(self, codes: Ints) -> Ints:
        """Return the places of the masks for those codes."""
        if self.interval is not None:
            return self.interval.take(codes, mode="wrap").astype(np.int64)  # -1 is the last
        return codes if self.step == 1 else codes * self.step


def small(places: Ints) -> Ints:
    """Return the same in as few bytes as hold them: what a processor has in its cache it finds sooner."""
    return places.astype(np.min_scalar_type(int(places.max())))


def pack_masks(low: Bounds, high: Bounds, cuts: Bounds, starts: Ints) -> Masks:
    """Return masks of what sees above `low`, at most at `high`: a column for each part, which starts begin.

    The mask for values up to the second of the `cuts`, but above the first, is in row 1.
    """
    inside = (low < cuts[:, None]) & (cuts[:, None] <= high)
    part = np.repeat(starts, np.diff(np.append(starts, len(low))))
    bits = ONE << (np.arange(len(low)) - part).astype(np.uint64)
    return np.bitwise_or.reduceat(np.where(inside, bits, np.uint64(0)), starts, axis=1)
