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
PENALTY = 4.5


class PrunedTree:
    """A regression tree on a target of one or more columns whose leaves were merged bottom up.

    A subtree survives if its gain exceeds PENALTY times its extra leaves times the variance it leaves in a
    row: relative to the node, so that a nearly deterministic pair of columns is kept at any depth.
    """

    def __init__(self, features: NDArray[np.float32], target: NDArray[np.float64]) -> None:
        from sklearn.tree import DecisionTreeRegressor  # noqa: PLC0415 - half a second that imports need not pay

        self._tree: Any = (
            DecisionTreeRegressor(min_samples_leaf=MIN_LEAF, random_state=0).fit(features, target).tree_
        )
        self._home = surviving(self._tree)

    def leaves(self, features: NDArray[np.float32]) -> Ints:
        """For each row the number of its leaf after pruning."""
        found: Ints = self._home[self._tree.apply(features)]
        return found


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


class Donors:
    """Training rows by group, from which any number are drawn independently, with replacement."""

    def __init__(self, groups: Ints) -> None:
        self._rows = np.argsort(groups, kind="stable")
        self._groups, self._starts, self._counts = np.unique(
            groups[self._rows], return_index=True, return_counts=True
        )

    def draw(self, groups: Ints, rng: np.random.Generator) -> Ints:
        """For each wanted group one of its rows, or -1 where no training row is in it."""
        at = np.minimum(np.searchsorted(self._groups, groups), len(self._groups) - 1)
        share = rng.random(len(groups))
        offset = np.minimum((share * self._counts[at]).astype(np.int64), self._counts[at] - 1)
        return np.where(self._groups[at] == groups, self._rows[self._starts[at] + offset], -1)
