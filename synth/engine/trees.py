"""Trees that group rows alike in what follows, pruned where their detail is no more than chance.

The criterion is the sum of squares over all axes of the goal, which for indicators of `value > cut` is the
continuous ranked probability score at those cuts (Gneiting & Raftery 2007), and Gini for labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from synth.engine.growing import Soil, Tree, grow, penalty_of

if TYPE_CHECKING:
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
        self._ends = np.flatnonzero(self._tree.feature < 0)
        self._number = np.cumsum(self._tree.feature < 0) - 1

    @property
    def count(self) -> int:
        """How many leaves there are after pruning."""
        return len(self._ends)

    def leaves(self, features: NDArray[np.float32]) -> Ints:
        """Return for each row of `features`, rows × features, its leaf after pruning, from the left."""
        tree = self._tree
        node = np.zeros(len(features), dtype=np.int64)
        inner = np.flatnonzero(tree.feature[node] >= 0)
        while len(inner):
            at = node[inner]
            goes_left = features[inner, tree.feature[at]] <= tree.threshold[at]
            node[inner] = np.where(goes_left, at + 1, tree.right[at])
            inner = inner[tree.feature[node[inner]] >= 0]
        leaf: Ints = self._number[node]
        return leaf

    def branches(self, most: int) -> Ints:
        """Return the first leaf of each largest part of the tree with at most so many leaves."""
        ends = self._tree.feature < 0
        count, top = ends.astype(np.int64).tolist(), [False] * len(ends)
        for node in reversed(np.flatnonzero(~ends).tolist()):
            left, right = node + 1, int(self._tree.right[node])
            count[node] = count[left] + count[right]
            top[left] = count[node] > most >= count[left]
            top[right] = count[node] > most >= count[right]
        top[0] = count[0] <= most
        first: Ints = (np.cumsum(ends) - ends)[np.array(top)]
        return first

    def bounds(self, features: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return for each leaf and feature what leads there: above the first figure, at most the second."""
        tree = self._tree
        low = np.full((len(tree.feature), features), -np.inf)
        high = np.full((len(tree.feature), features), np.inf)
        for node in np.flatnonzero(tree.feature >= 0):
            feature, left, right = tree.feature[node], node + 1, tree.right[node]
            low[left], high[left] = low[node], high[node]
            low[right], high[right] = low[node], high[node]
            high[left, feature] = low[right, feature] = tree.threshold[node]
        return low[self._ends], high[self._ends]


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
