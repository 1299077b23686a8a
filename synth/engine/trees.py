"""Trees that group rows alike in what follows, pruned where their detail is no more than chance.

The criterion is the sum of squares over all axes of the goal, which for indicators of `value > cut` is the
continuous ranked probability score at those cuts (Gneiting & Raftery 2007), and Gini for labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from synth.engine.growing import Soil, Tree, grow, penalty_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from synth.engine.columns import Ints
    from synth.engine.goals import Goal
    from synth.engine.growing import BinnedFeatures

MIN_LEAF = 15
LARGE = 2000  # times as many rows as a leaf has make a table large, whose leaves grow with it


class PrunedTree:
    """A regression tree whose leaves were merged bottom up.

    A subtree survives if its gain exceeds `penalty_of` times its extra leaves times the variance it leaves in
    a row: relative to the node, so that a nearly deterministic pair of columns is kept at any depth. That
    variance is one by cluster (Liang & Zeger 1986): rows of an entity that are alike show less than others.
    """

    def __init__(
        self, features: BinnedFeatures, goal: Goal, smallest: int, entities: Ints | None = None
    ) -> None:
        fewest = max(MIN_LEAF, len(goal.groups) // LARGE)
        soil = Soil(features, goal, entities, fewest, smallest)
        self._tree = prune(grow(soil), penalty_of(soil.size))
        self._number = np.cumsum(self._tree.feature < 0) - 1

    @property
    def count(self) -> int:
        """How many leaves there are after pruning."""
        return int((self._tree.feature < 0).sum())

    def leaves(self, features: NDArray[np.float32]) -> Ints:
        """Return for each column of `features`, features × rows, its leaf after pruning, from the left."""
        tree, rows = self._tree, features.shape[1]
        values, leaf = features.ravel(), np.zeros(rows, dtype=np.int64)
        row, node = np.arange(rows), np.zeros(rows, dtype=np.int64)
        while len(row):
            is_leaf = tree.feature.take(node) < 0
            leaf[row[is_leaf]] = self._number.take(node[is_leaf])
            row, node = row[~is_leaf], node[~is_leaf]
            goes_left = values.take(tree.feature.take(node) * rows + row) <= tree.threshold.take(node)
            node = np.where(goes_left, node + 1, tree.right.take(node))
        return leaf


@dataclass(frozen=True, slots=True)
class Leaves:
    """Finds the leaves of rows in a tree whose features are columns; all are in one where there is no tree.

    Attributes:
        features: for each the index of its column, and what the tree sees at each code (NULL last).
    """

    tree: PrunedTree | None
    features: Sequence[tuple[int, NDArray[np.float32]]]

    def find(self, codes: Mapping[int, Ints], rows: slice) -> Ints:
        """Return the leaf of each of those rows, from 0."""
        if self.tree is None or self.tree.count == 1:
            return np.zeros(rows.stop - rows.start, dtype=np.int64)
        matrix = np.empty((len(self.features), rows.stop - rows.start), dtype=np.float32)
        for place, (index, values) in enumerate(self.features):
            np.take(values, codes[index][rows], mode="wrap", out=matrix[place])  # -1 is the last
        return self.tree.leaves(matrix)


def prune(tree: Tree, penalty: float) -> Tree:
    """Return the tree without the subtrees that, themselves pruned, gain no more than they cost."""
    right, size, risk = tree.right.tolist(), tree.size.tolist(), tree.risk.tolist()
    nodes = len(right)
    clump = tree.clump.tolist()
    best, together, leaves = risk.copy(), clump.copy(), [1] * nodes
    after = list(range(1, nodes + 1))  # the first node that is not below this one
    for node in reversed(range(nodes)):
        if right[node]:
            after[node] = after[right[node]]
            below = best[node + 1] + best[right[node]]
            count = leaves[node + 1] + leaves[right[node]]
            clumps = together[node + 1] + together[right[node]]
            if risk[node] - below > penalty * (count - 1) * clumps / size[node]:
                best[node], leaves[node], together[node] = below, count, clumps
    kept_nodes, node = [], 0
    while node < nodes:
        kept_nodes.append(node)
        node = node + 1 if leaves[node] > 1 else after[node]
    own = np.array(kept_nodes)
    inner = np.array(leaves)[own] > 1
    return Tree(
        np.where(inner, tree.feature[own], -1),
        tree.threshold[own],
        np.where(inner, np.searchsorted(own, tree.right[own]), 0),
        tree.size[own],
        tree.risk[own],
        tree.clump[own],
    )
