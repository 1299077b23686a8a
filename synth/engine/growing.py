"""A regression tree grown on counts: each node is cut where that leaves the least sum of squares.

Rows are counted by bin of a feature and by group of the goal. Of a node's two children the smaller is
counted; the larger has what is left of its parent's counts, as in LightGBM (Ke et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from synth.engine.columns import Ints
    from synth.engine.goals import Goal

    Floats: TypeAlias = NDArray[np.float64]

MOST_BINS = 128  # of a feature; values that many rows have get one of their own
PENALTY = 5.0  # times the variance left in a row is what one more leaf costs,
FEW_ENTITIES = 850  # of a tree, below which it costs in proportion more: each shows through more
SURE = 15.0  # times that variance is what a small group gains by chance about once in 100,000
LEAF_ENTITIES = 15  # in a leaf, however many rows they have
PATIENCE = 2  # cuts that do not pay one below the other, before a node is left as it is
MANY_TIMES = 4  # as many codes as rows, from which it is faster to sort these than to count by code
ALIKE = 1e-9  # relative: gains that differ by less are the same but for the last digits of a library


@dataclass(frozen=True, slots=True)
class BinnedFeatures:
    """Features of rows, as bins: `cells` numbers those of all features one after another.

    Attributes:
        cells: rows × features, the bin.
        edges: for each bin the highest value in it; infinite for a feature's last.
        feature: for each bin its feature.
    """

    cells: Ints
    edges: Floats
    feature: Ints

    @classmethod
    def of(cls, features: Sequence[tuple[NDArray[np.float32], Ints]]) -> BinnedFeatures:
        """Return the bins of features, each what is seen at a code (NULL last) and the rows' codes."""
        edges = [bin_edges(table, codes) for table, codes in features]
        start = np.cumsum([0, *map(len, edges)])
        cells = np.empty((len(features[0][1]), len(features)), dtype=np.int64)
        for place, (table, codes) in enumerate(features):
            cells[:, place] = (np.searchsorted(edges[place], table) + start[place])[codes]
        feature = np.repeat(np.arange(len(edges)), np.diff(start))
        return cls(cells, np.concatenate(edges), feature)

    def rows(self, part: Ints) -> BinnedFeatures:
        """Return the same of some rows."""
        return BinnedFeatures(self.cells[part], self.edges, self.feature)


def bin_edges(table: NDArray[np.float32], codes: Ints) -> Floats:
    """Return the highest value of each of at most MOST_BINS bins, midway to the next value that a row has."""
    values, place = np.unique(table, return_inverse=True)
    counts = np.bincount(place[codes], minlength=len(values))
    present = np.flatnonzero(counts)
    values, counts = values[present].astype(np.float64), counts[present]
    last = np.ones(len(values), dtype=bool)
    if len(values) > MOST_BINS:
        weight = np.minimum(counts, len(codes) / MOST_BINS)  # the rest is not to share what one value leaves
        quantile = ((weight.cumsum() - weight / 2) / weight.sum() * MOST_BINS).astype(np.int64)
        last[:-1] = quantile[1:] != quantile[:-1]
    upper = np.append((values[:-1] + values[1:]) / 2, np.inf)
    return upper[last]


@dataclass(frozen=True, slots=True)
class Tree:
    """Nodes, each before those below it: the left child comes next.

    Attributes:
        feature: what a node looks at; -1 for a leaf.
        threshold: the highest value that goes left.
        right: the right child; 0 for a leaf.
        size: how many rows are in the node.
        risk: their sum of squares about their mean.
        clump: the squares of the sums of each entity's rows about that mean, added up; `risk` where rows of
            an entity have no more in common than others.
    """

    feature: Ints
    threshold: Floats
    right: Ints
    size: Ints
    risk: Floats
    clump: Floats


def penalty_of(entities: int) -> float:
    """Return what one more leaf costs in a tree of so many entities, in variances left in a row."""
    return PENALTY * max(1.0, FEW_ENTITIES / max(entities, 1))


@dataclass(frozen=True, slots=True)
class Soil:
    """What a tree grows on.

    Attributes:
        features: of its rows.
        goal: what it tells apart.
        entities: whom each row is about, as codes from 0; None where each row is one.
        fewest: rows that a leaf has, of at least LEAF_ENTITIES,
        smallest: or rows and entities that are enough where they surely differ.
    """

    features: BinnedFeatures
    goal: Goal
    entities: Ints | None
    fewest: int
    smallest: int

    @property
    def size(self) -> int:
        """How many entities there are."""
        return len(self.goal.groups) if self.entities is None else len(np.unique(self.entities))

    def clump(self, rows: Ints, mean: Floats, risk: float) -> float:
        """Return the squares of the sums of each entity's rows about their mean, added up."""
        if self.entities is None:
            return risk
        whose = np.unique(self.entities[rows], return_inverse=True)[1]
        shape = int(whose.max()) + 1, len(self.goal.places)
        places = whose * shape[1] + self.goal.groups[rows]
        by_group = np.bincount(places, minlength=shape[0] * shape[1]).reshape(shape)
        sums = by_group @ (self.goal.places - mean)
        return max(float((sums**2).sum()), risk)

    def cut(self, rows: Ints, counts: Ints, here: Ints, risk: float) -> tuple[int, float]:
        """Return the last bin that goes left in the cut of a node that gains most, and what it gains.

        Args:
            rows: of the node.
            counts: bins × groups, its rows.
            here: by group, its rows.
            risk: its sum of squares.
        """
        cuts = NodeCuts.of(self.features, self.goal, counts, here, (self.smallest, self.fewest), risk)
        while True:
            cut, gain = cuts.best
            if gain <= 0 or self.entities is None:
                return cut, gain
            goes_left = self.features.cells[rows, self.features.feature[cut]] <= cut
            whose = self.entities[rows]
            sides = min(count_different(whose[goes_left]), count_different(whose[~goes_left]))
            sure = gain * len(rows) >= SURE * (risk - gain)
            if sides >= (self.smallest if sure else min(self.fewest, LEAF_ENTITIES)):
                return cut, gain
            cuts = cuts.without(self.features.feature[cut])


def count_different(codes: Ints) -> int:
    """Return how many different codes there are."""
    if int(codes.max(initial=0)) > MANY_TIMES * len(codes):
        return len(np.unique(codes))
    return int(np.count_nonzero(np.bincount(codes)))


def grow(soil: Soil) -> Tree:
    """Return the tree, deeper by PATIENCE than what its cuts pay for."""
    features, goal = soil.features, soil.goal
    groups = len(goal.places)
    cells = features.cells * groups + goal.groups[:, None]
    shape = len(features.edges), groups
    squares = (goal.places**2).sum(1)
    penalty = penalty_of(soil.size)
    nodes: list[tuple[int, float, int, float, float]] = []
    right: list[int] = []
    open_nodes = [
        (-1, np.arange(len(cells)), count_cells(cells, shape), 0)
    ]  # for whom a node is the right child
    while open_nodes:
        parent, rows, counts, unpaid_cuts = open_nodes.pop()
        number = len(nodes)
        right.append(0)
        if parent >= 0:
            right[parent] = number
        here = counts[features.feature == 0].sum(0)
        total = here @ goal.places
        spread = float(here @ squares)
        risk = max(spread - float(total @ total) / len(rows), 0.0)
        clump = soil.clump(rows, total / len(rows), risk)
        cut, gain = soil.cut(rows, counts, here, risk)
        unpaid_cuts = 0 if gain > penalty * (risk - gain) / len(rows) else unpaid_cuts + 1
        if gain <= ALIKE * spread or unpaid_cuts > PATIENCE:
            nodes.append((-1, 0.0, len(rows), risk, clump))
            continue
        nodes.append((int(features.feature[cut]), float(features.edges[cut]), len(rows), risk, clump))
        goes_left = features.cells[rows, features.feature[cut]] <= cut
        low, high = rows[goes_left], rows[~goes_left]
        fewer = count_cells(cells[min(low, high, key=len)], shape)
        both = (fewer, counts - fewer) if len(low) <= len(high) else (counts - fewer, fewer)
        open_nodes += [(number, high, both[1], unpaid_cuts), (-1, low, both[0], unpaid_cuts)]
    feature, threshold, size, risks, clumps = map(np.array, zip(*nodes, strict=True))
    return Tree(feature, threshold, np.array(right), size, risks, clumps)


def count_cells(cells: Ints, shape: tuple[int, int]) -> Ints:
    """Return how many rows are in each bin, by group."""
    return np.bincount(cells.ravel(), minlength=shape[0] * shape[1]).reshape(shape)


@dataclass(frozen=True, slots=True)
class NodeCuts:
    """The cuts of a node that leave enough rows on either side.

    Attributes:
        last: of each the last bin that goes left.
        feature: that it looks at.
        size: how many rows go left.
        gains: what each gains.
    """

    last: Ints
    feature: Ints
    size: Ints
    gains: Floats

    @classmethod
    def of(
        cls,
        features: BinnedFeatures,
        goal: Goal,
        counts: Ints,
        here: Ints,
        limits: tuple[int, int],
        risk: float,
    ) -> NodeCuts:
        """Return the cuts of a node.

        Args:
            features: and their bins.
            goal: of the tree.
            counts: bins × groups, the node's rows.
            here: by group, the node's rows.
            limits: rows on the smaller side, where the gain is SURE and elsewhere.
            risk: the node's sum of squares.
        """
        rows = here.sum()
        smallest, fewest = limits
        nothing = np.zeros(0, np.int64)
        if rows < 2 * fewest:
            return cls(nothing, nothing, nothing, np.zeros(0))
        below = counts.sum(1).cumsum() - features.feature * rows
        smaller = np.minimum(below, rows - below)
        possible = np.flatnonzero(smaller >= min(smallest, fewest))
        before = features.feature[possible]
        left_sums = (counts.cumsum(0)[possible] - before[:, None] * here) @ goal.places
        total = here @ goal.places
        n, own, cross, all_ = (
            below[possible],
            np.einsum("ij,ij->i", left_sums, left_sums),
            left_sums @ total,
            total @ total,
        )
        gains = own / n + (own - 2 * cross + all_) / (rows - n) - all_ / rows
        unsure = (smaller[possible] < fewest) & (gains * rows < SURE * (risk - gains))
        gains[unsure] = 0.0
        return cls(possible, before, n, gains)

    @property
    def best(self) -> tuple[int, float]:
        """The last bin that goes left in the cut that gains most, and what it gains; 0 if there is none."""
        if not len(self.last):
            return 0, 0.0
        most = self.gains.max()
        best = np.flatnonzero(self.gains >= most - ALIKE * abs(most))
        first = best[0]
        # No row of the node lies between the first of the best and those that follow: the middle is best.
        same = best[(self.feature[best] == self.feature[first]) & (self.size[best] == self.size[first])]
        return int(self.last[same[len(same) // 2]]), float(self.gains[first])

    def without(self, feature: int) -> NodeCuts:
        """Return the cuts that look at other features."""
        others = self.feature != feature
        return NodeCuts(self.last[others], self.feature[others], self.size[others], self.gains[others])
