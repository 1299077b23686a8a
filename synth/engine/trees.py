"""Trees that group rows alike in what follows, pruned where their detail is no more than chance; and donors.

The criterion is the sum of squares over all columns of the target, which for indicators of `value > cut` is
the continuous ranked probability score at those cuts (Gneiting & Raftery 2007), and Gini for labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synth.engine.columns import Ints

MIN_LEAF = 15
LARGE = 2000  # times as many rows as a leaf has make a table large, whose leaves grow with it
PENALTY = 4.5


class PrunedTree:
    """A regression tree on a target of one or more columns whose leaves were merged bottom up.

    A subtree survives if its gain exceeds PENALTY times its extra leaves times the variance it leaves in a
    row: relative to the node, so that a nearly deterministic pair of columns is kept at any depth.
    """

    def __init__(self, features: NDArray[np.float32], target: NDArray[np.float64]) -> None:
        from sklearn.tree import DecisionTreeRegressor  # noqa: PLC0415 - half a second that imports need not pay

        fewest = max(MIN_LEAF, len(features) // LARGE)
        grown = DecisionTreeRegressor(min_samples_leaf=fewest, random_state=0).fit(features, target).tree_
        self._tree: Any = cut_back(grown, surviving(grown))
        self._ends = np.flatnonzero(self._tree.children_left < 0)
        self._number = np.cumsum(self._tree.children_left < 0) - 1

    @property
    def count(self) -> int:
        """How many leaves there are after pruning."""
        return len(self._ends)

    def leaves(self, features: NDArray[np.float32]) -> Ints:
        """For each row its leaf after pruning, numbered from the left."""
        found: Ints = self._number[self._tree.apply(features)]
        return found

    def branches(self, most: int) -> Ints:
        """The first leaf of each branch: of each largest part of the tree with at most so many leaves."""
        left, right = self._tree.children_left.tolist(), self._tree.children_right.tolist()
        count, top = [1] * len(left), [False] * len(left)
        for node in reversed(range(len(left))):  # parents have lower numbers than their children
            if left[node] >= 0:
                count[node] = count[left[node]] + count[right[node]]
                top[left[node]] = count[node] > most >= count[left[node]]
                top[right[node]] = count[node] > most >= count[right[node]]
        top[0] = count[0] <= most
        ends = self._tree.children_left < 0
        first: Ints = (np.cumsum(ends) - ends)[np.array(top)]
        return first

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """For each leaf and feature what leads there: values above the first figure, at most the second."""
        tree = self._tree
        low = np.full((tree.node_count, tree.n_features), -np.inf)
        high = np.full((tree.node_count, tree.n_features), np.inf)
        for node in np.flatnonzero(tree.children_left >= 0):  # parents have lower numbers than their children
            feature, left, right = tree.feature[node], tree.children_left[node], tree.children_right[node]
            low[left], high[left] = low[node], high[node]
            low[right], high[right] = low[node], high[node]
            high[left, feature] = low[right, feature] = tree.threshold[node]
        return low[self._ends], high[self._ends]


def cut_back(tree: Any, home: Ints) -> Any:
    """The tree of those nodes alone that stand for themselves: a walk through it takes half the time.

    scikit-learn makes such a tree only from the state that it writes into its pickles.
    """
    state = tree.__getstate__()
    kept = np.flatnonzero(home == np.arange(len(home)))
    number = np.full(len(home) + 1, -1)  # the last is for the child that a leaf does not have
    number[kept] = np.arange(len(kept))
    nodes = state["nodes"][kept]
    for side in ("left_child", "right_child"):
        nodes[side] = number[nodes[side]]
    values = np.zeros((len(kept), 1, 1))  # nobody asks for predictions
    smaller = type(tree)(tree.n_features, np.ones(1, dtype=np.intp), 1)
    smaller.__setstate__({**state, "node_count": len(kept), "nodes": nodes, "values": values})
    return smaller


def surviving(tree: Any) -> Ints:
    """For each node of a fitted tree the node that stands for it after pruning."""
    left, right = tree.children_left, tree.children_right
    levels = [np.zeros(1, dtype=np.int64)]
    while len(levels[-1]):
        inner = levels[-1][left[levels[-1]] >= 0]
        levels.append(np.concatenate([left[inner], right[inner]]))
    split = worth_splitting(tree, levels)
    home = np.arange(tree.node_count)
    for level in levels:
        inner = level[left[level] >= 0]
        merged = inner[~split[inner] | (home[inner] != inner)]
        home[left[merged]] = home[merged]
        home[right[merged]] = home[merged]
    return home


def worth_splitting(tree: Any, levels: list[Ints]) -> NDArray[np.bool_]:
    """For each node whether its subtree, itself pruned, gains more than it costs."""
    left, right, weight = tree.children_left, tree.children_right, tree.weighted_n_node_samples
    risk = tree.impurity * weight
    best, leaves = risk.copy(), np.ones(tree.node_count)
    split = np.zeros(tree.node_count, dtype=bool)
    for level in reversed(levels):
        inner = level[left[level] >= 0]
        below = best[left[inner]] + best[right[inner]]
        count = leaves[left[inner]] + leaves[right[inner]]
        gain = risk[inner] - below > PENALTY * (count - 1) * below / weight[inner]
        kept = inner[gain]
        best[kept], leaves[kept], split[kept] = below[gain], count[gain], True
    return split
