"""One column given those before it: features, target, tree, and the draw of a donor."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from synth.engine.order import MANY, coarse
from synth.engine.trees import Donors, PrunedTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.engine.columns import Column, Ints
    from synth.engine.rules import Tie

    Groups: TypeAlias = tuple[Donors, Donors, Donors]  # by leaf and ties, by ties, by leaf

TREES = 2  # a column, each grown on its share of the rows: what one of them mistook for a pattern is blurred
TREE_ROWS = 1000  # that each of them needs
CUTS = 16  # thresholds at which the distribution of a number is learned
NULL_WEIGHT = 2.0  # of being NULL, against one cut
AXES = 8  # of the embedding of many labels
PRIOR_ROWS = 10.0  # with which a label's mean is drawn towards the mean of all
MAX_FEATURES = 40
FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so that mixing loses nothing


class Conditional:
    """Draws codes of one column, given codes of the columns before it.

    Args:
        columns: all columns.
        codes: for each earlier column its training codes, every unknown one filled in.
        target: the index of the column to learn.
        earlier: indices of the columns before it, best predictors first.
        ties: what earlier columns decide about this one.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        codes: Mapping[int, Ints],
        target: int,
        *,
        earlier: Sequence[int],
        ties: Sequence[Tie],
    ) -> None:
        column = columns[target]
        self._rows = np.flatnonzero(column.known)
        self._codes = column.codes[self._rows]
        self._ties = ties
        self._features: list[tuple[int, NDArray[np.float32]]] = []
        self._trees: list[PrunedTree] = []
        given = {index: codes[index][self._rows] for index in earlier}
        decided = any(tie.decides for tie in ties)
        if not decided and len(earlier) and (self._codes != self._codes[0]).any():
            self._learn(columns, column, given)
        tied = mix((tie.own[self._codes] for tie in ties), len(self._rows))
        self._donors: list[Groups] = []
        for number in range(max(len(self._trees), 1)):
            leaf = self._leaves(number, given, len(self._rows))
            self._donors.append((Donors(mix((tied, leaf), len(leaf))), Donors(tied), Donors(leaf)))

    def _learn(self, columns: Sequence[Column], column: Column, given: Mapping[int, Ints]) -> None:
        best = dict(list(given.items())[:MAX_FEATURES])
        goal = goal_of(column, self._codes, [(columns[i], codes) for i, codes in best.items()])
        for index, codes in best.items():
            self._features.append((index, feature_table(columns[index], codes, goal)))
        matrix = self._matrix(best)
        mixed = np.random.default_rng(len(matrix)).permutation(len(matrix))
        for part in np.array_split(mixed, TREES if len(mixed) >= TREES * TREE_ROWS else 1):
            self._trees.append(PrunedTree(matrix[part], goal[part]))

    def _matrix(self, given: Mapping[int, Ints]) -> NDArray[np.float32]:
        return np.column_stack([table[given[index]] for index, table in self._features])

    def _leaves(self, number: int, given: Mapping[int, Ints], rows: int) -> Ints:
        if not self._trees:
            return np.zeros(rows, np.int64)
        return self._trees[number].leaves(self._matrix(given))

    def draw(self, given: Mapping[int, Ints], rows: int, rng: np.random.Generator) -> Ints:
        """Codes for `rows` rows whose earlier columns are `given`, each from an independently drawn donor.

        Each row asks one of the trees. Where no training row is in its leaf and agrees with the ties, the
        ties win over the leaf; where none agrees with the ties at all, the leaf alone decides.
        """
        tied = mix((tie.given[given[tie.column]] for tie in self._ties), rows)
        turn = rng.integers(len(self._donors), size=rows)
        donor = np.empty(rows, dtype=np.int64)
        for number, groups in enumerate(self._donors):
            here = np.flatnonzero(turn == number)
            seen = {index: given[index][here] for index, _ in self._features}
            donor[here] = donors(groups, tied[here], self._leaves(number, seen, len(here)), rng)
        return self._codes[donor]


def donors(groups: Groups, tied: Ints, leaf: Ints, rng: np.random.Generator) -> Ints:
    """One donor a row: of its leaf and ties, else of its ties, else of its leaf."""
    fine, coarser, coarsest = groups
    found = fine.draw(mix((tied, leaf), len(leaf)), rng)
    for wider, wanted in ((coarser, tied), (coarsest, leaf)):
        missing = np.flatnonzero(found < 0)
        found[missing] = wider.draw(wanted[missing], rng)
    return found


def mix(parts: Iterable[Ints], rows: int) -> Ints:
    """One number a row for the tuple of its parts, by multiplicative hashing."""
    mixed = np.zeros(rows, dtype=np.uint64)
    for part in parts:
        mixed = (mixed + part.astype(np.uint64) + np.uint64(1)) * FACTOR
        mixed ^= mixed >> np.uint64(29)
    return mixed.view(np.int64)


def goal_of(column: Column, codes: Ints, given: Sequence[tuple[Column, Ints]]) -> NDArray[np.float64]:
    """What the tree learns of a column, one row a training row."""
    if column.ordered:
        return number_goal(codes, column.size)
    if column.size > MANY:
        return embedding(codes, column.size, given)
    return np.eye(column.size + 1)[codes][:, : column.size + int((codes < 0).any())]


def number_goal(codes: Ints, size: int) -> NDArray[np.float64]:
    """Rank in 0 to 1, an indicator above each of at most CUTS quantiles, and being NULL."""
    value = codes >= 0
    counts = np.bincount(codes[value], minlength=size)
    rank = (counts.cumsum() - counts / 2) / max(counts.sum(), 1)
    cuts = np.unique(np.quantile(codes[value], np.arange(1, CUTS + 1) / (CUTS + 1), method="lower"))
    goal = np.column_stack([rank[codes], codes[:, None] > cuts])
    goal[~value] = goal[value].mean(0)
    return goal if value.all() else np.column_stack([goal, ~value * NULL_WEIGHT])


def embedding(codes: Ints, size: int, given: Sequence[tuple[Column, Ints]]) -> NDArray[np.float64]:
    """Where a label stands, seen from the columns before it: AXES axes of its profile over their groups."""
    views = [np.eye(groups)[found] for found, groups in (coarse(column, seen) for column, seen in given)]
    means = level_means(codes, size, np.hstack(views))
    return np.round(principal(means, level_counts(codes, size))[:, :AXES], 6)[codes]


def feature_table(column: Column, codes: Ints, goal: NDArray[np.float64]) -> NDArray[np.float32]:
    """For each code what the tree sees: itself where codes have an order, else a place on the goal's axis."""
    if column.ordered:
        return np.append(np.arange(column.size), -1).astype(np.float32)
    means = level_means(codes, column.size, goal)
    place = principal(means, level_counts(codes, column.size))[:, 0]
    # Places instead of distances: they do not depend on the last bits of a decomposition.
    return np.unique(np.round(place, 7), return_inverse=True)[1].astype(np.float32)


def level_counts(codes: Ints, size: int) -> Ints:
    """How many rows have each code; NULL last."""
    return np.bincount(np.where(codes < 0, size, codes), minlength=size + 1)


def level_means(codes: Ints, size: int, goal: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of `goal` at each code (NULL last) less that of all rows, drawn towards it by PRIOR_ROWS."""
    level = np.where(codes < 0, size, codes)
    order = np.argsort(level, kind="stable")
    present, starts, counts = np.unique(level[order], return_index=True, return_counts=True)
    means = np.zeros((size + 1, goal.shape[1]))
    centred = goal - goal.mean(0)
    means[present] = np.add.reduceat(centred[order], starts) / (counts + PRIOR_ROWS)[:, None]
    return means


def principal(means: NDArray[np.float64], counts: Ints) -> NDArray[np.float64]:
    """The rows of `means` on their principal axes, weighted by `counts`, with a fixed sign."""
    axes = np.linalg.svd(means * np.sqrt(counts)[:, None], full_matrices=False)[2]
    placed: NDArray[np.float64] = means @ axes.T
    sign = np.sign(placed[np.abs(placed).argmax(0), np.arange(placed.shape[1])])
    placed *= np.where(sign == 0, 1, sign)
    return placed
