"""The leaf of many rows at once, without walking through a tree row by row.

Each leaf is one bit. For each feature a mask by code says which leaves a row can still be in, and what the
masks of all features have in common is the row's leaf, as in QuickScorer (Lucchese et al. 2015).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from synth.engine.columns import Ints
    from synth.engine.trees import PrunedTree

    Features: TypeAlias = Sequence[tuple[int, NDArray[np.float32]]]
    Masks: TypeAlias = NDArray[np.uint64]

WORD = 64
MOST_LEAVES = 8 * WORD  # beyond, a walk through the tree is faster
DENSE = 2**16  # numbers that a table by code may hold; larger ones go by interval
ONE = np.uint64(1)
EVERY = np.uint64(2**64 - 1)


class Leaves(Protocol):
    """Finds the leaves of rows."""

    def find(self, codes: Mapping[int, Ints], rows: slice) -> Ints:
        """The leaf of each of those rows, from 0."""


def open_leaves(tree: PrunedTree | None, features: Features) -> Leaves:
    """The leaves of a tree whose features are columns, each with what the tree sees at a code (NULL last)."""
    if tree is None:
        return OneLeaf()
    return LeafMasks(tree, features) if tree.count <= MOST_LEAVES else Walk(tree, features)


class OneLeaf:
    """Where there is no tree."""

    def find(self, codes: Mapping[int, Ints], rows: slice) -> Ints:  # noqa: ARG002 - the protocol's
        """All rows are in it."""
        return np.zeros(rows.stop - rows.start, dtype=np.int64)


class Walk:
    """Leaves of a large tree."""

    def __init__(self, tree: PrunedTree, features: Features) -> None:
        self._tree = tree
        self._features = features

    def find(self, codes: Mapping[int, Ints], rows: slice) -> Ints:
        """The leaves, by asking the tree."""
        matrix = np.empty((len(self._features), rows.stop - rows.start), dtype=np.float32)
        for place, (index, seen) in enumerate(self._features):
            np.take(seen, codes[index][rows], mode="wrap", out=matrix[place])  # -1 is the last
        return self._tree.leaves(matrix.T)


class LeafMasks:
    """Leaves of a tree that has at most MOST_LEAVES."""

    def __init__(self, tree: PrunedTree, features: Features) -> None:
        low, high = tree.bounds()
        self._words = -(-tree.count // WORD)
        self._masks: list[tuple[int, Ints | None, list[Masks]]] = []
        for place, (index, seen) in enumerate(features):
            below, above = low[:, place], high[:, place]
            if np.isfinite(below).any() or np.isfinite(above).any():
                self._masks.append((index, *self._tables(below, above, seen)))

    def _tables(
        self, below: NDArray[np.float64], above: NDArray[np.float64], seen: NDArray[np.float32]
    ) -> tuple[Ints | None, list[Masks]]:
        """Masks by code, or the interval of each code and masks by interval.

        Bit l of a mask is set where `below[l] < seen <= above[l]`.
        """
        cuts = np.unique(np.concatenate([below, above]))
        cuts = cuts[np.isfinite(cuts)]
        ends = np.append(cuts, np.inf)  # all that lies between two cuts is in the same leaves
        inside = (below < ends[:, None]) & (ends[:, None] <= above)
        packed = np.zeros((len(ends), self._words * WORD // 8), dtype=np.uint8)
        bits = np.packbits(inside, axis=1, bitorder="little")
        packed[:, : bits.shape[1]] = bits
        masks = packed.view("<u8").astype(np.uint64).T
        interval = np.searchsorted(cuts, seen, side="left")
        if len(seen) * self._words <= DENSE:
            return None, [np.ascontiguousarray(word[interval]) for word in masks]
        return interval, [np.ascontiguousarray(word) for word in masks]

    def find(self, codes: Mapping[int, Ints], rows: slice) -> Ints:
        """The leaves, by what all masks have in common."""
        size = rows.stop - rows.start
        found = np.zeros(size, dtype=np.int64)
        left = [np.full(size, EVERY) for _ in self._masks[:1] for _ in range(self._words)]
        allowed = np.empty(size, dtype=np.uint64)  # writing into it takes a third of the time of a new array
        for index, interval, masks in self._masks:
            seen = codes[index][rows]
            seen = seen if interval is None else interval[seen]
            for word, mask in zip(left, masks, strict=True):
                np.bitwise_and(
                    word, np.take(mask, seen, mode="wrap", out=allowed), out=word
                )  # -1 is the last
        for place, word in enumerate(left):  # one of which has one bit
            found += (np.bitwise_count(word - ONE).astype(np.int64) + place * WORD) * (word != 0)
        return found
