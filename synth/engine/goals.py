"""What the tree of a column learns, and what it sees of others: codes as groups, labels as places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from synth.engine.order import MANY, coarse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from synth.engine.columns import ColumnCodes, Ints

CUTS = 16  # thresholds at which the distribution of a number is learned
NULL_WEIGHT = 2.0  # of being NULL, against one cut
AXES = 8  # of the embedding of many labels,
MOST_GROUPS = 64  # into which they are gathered by their places there
PRIOR_ROWS = 10.0  # with which a label's mean is drawn towards the mean of all


@dataclass(frozen=True, slots=True)
class Goal:
    """What a tree tells apart: the distribution of rows over groups.

    Attributes:
        groups: for each row its group.
        places: for each group where it stands, a column an axis: rows differ as the squared distance says.
    """

    groups: Ints
    places: NDArray[np.float64]

    def rows(self, part: Ints) -> Goal:
        """Return the same of some rows."""
        return Goal(self.groups[part], self.places)


def goal_of(column: ColumnCodes, codes: Ints, conditioning: Sequence[tuple[ColumnCodes, Ints]]) -> Goal:
    """Return what the tree learns of a column with these codes, beside those of `conditioning`."""
    if column.is_ordered:
        return number_goal(codes)
    if column.size > MANY:
        return label_goal(codes, column.size, conditioning)
    return Goal(np.where(codes < 0, column.size, codes), np.eye(column.size + 1))


def number_goal(codes: Ints) -> Goal:
    """Return above which of at most CUTS quantiles a value is; NULL stands in the middle, but apart."""
    value = codes >= 0
    cuts = np.unique(np.quantile(codes[value], np.arange(1, CUTS + 1) / (CUTS + 1), method="lower"))
    groups = np.where(value, np.searchsorted(cuts, codes), len(cuts) + 1)
    above = np.tri(len(cuts) + 1, len(cuts), -1)
    shares = np.bincount(groups[value], minlength=len(above)) / max(value.sum(), 1)
    places = np.zeros((len(cuts) + 2, len(cuts) + 1))
    places[:-1, :-1] = above
    places[-1] = [*(shares @ above), NULL_WEIGHT]
    return Goal(groups, places)


def label_goal(codes: Ints, size: int, conditioning: Sequence[tuple[ColumnCodes, Ints]]) -> Goal:
    """Return where a label stands, seen from the columns before it: AXES axes of its profile over groups."""
    counts = level_counts(codes, size)
    views = [
        Goal(row_groups, np.eye(groups))
        for row_groups, groups in (coarse(column, other_codes) for column, other_codes in conditioning)
    ]
    places = principal(np.hstack([level_means(codes, size, view) for view in views]), counts)[:, :AXES]
    places = np.round(places, 6)  # beyond, libraries differ
    group = group_places(places, counts)
    weight = np.bincount(group, counts)[:, None]
    sums = np.array([np.bincount(group, counts * axis) for axis in places.T]).T
    return Goal(group[codes], sums / weight)


def group_places(places: NDArray[np.float64], counts: Ints) -> Ints:
    """Return for each row of `places` one of at most MOST_GROUPS groups of what is near.

    The group that varies most along one of the axes is cut at its mean, again and again, as colours are put
    into a palette.
    """
    parts = [np.flatnonzero(counts)]
    spread = [variation(places, counts, parts[0])]
    while len(parts) < MOST_GROUPS:
        widest = max(range(len(parts)), key=lambda index: spread[index].max())
        part, axis = parts[widest], int(spread[widest].argmax())
        if spread[widest][axis] <= 0:
            break
        above = places[part, axis] > np.average(places[part, axis], weights=counts[part])
        parts[widest : widest + 1] = part[~above], part[above]
        spread[widest : widest + 1] = [variation(places, counts, part) for part in parts[widest : widest + 2]]
    group = np.zeros(len(places), dtype=np.int64)
    for number, part in enumerate(parts):
        group[part] = number
    return group


def variation(places: NDArray[np.float64], counts: Ints, part: Ints) -> NDArray[np.float64]:
    """Return the sum of squares of a part along each axis; none where all stand at one place."""
    inside, weight = places[part], counts[part][:, None]
    squares: NDArray[np.float64] = (weight * (inside - (weight * inside).sum(0) / weight.sum()) ** 2).sum(0)
    return np.where((inside == inside[0]).all(0), 0, squares)


def feature_table(column: ColumnCodes, codes: Ints, goal: Goal) -> NDArray[np.float32]:
    """Return for each code what the tree sees: itself if codes have an order, else its place on an axis."""
    if column.is_ordered:
        return np.append(np.arange(column.size), -1).astype(np.float32)
    means = level_means(codes, column.size, goal)
    place = principal(means, level_counts(codes, column.size))[:, 0]
    # Places instead of distances: they do not depend on the last bits of a decomposition.
    return np.unique(np.round(place, 7), return_inverse=True)[1].astype(np.float32)


def level_counts(codes: Ints, size: int) -> Ints:
    """Return how many rows have each code; NULL last."""
    return np.bincount(np.where(codes < 0, size, codes), minlength=size + 1)


def level_means(codes: Ints, size: int, goal: Goal) -> NDArray[np.float64]:
    """Return where rows of each code stand (NULL last), less the mean of all; drawn there by PRIOR_ROWS."""
    groups = len(goal.places)
    level = np.where(codes < 0, size, codes)
    joint = np.bincount(level * groups + goal.groups, minlength=(size + 1) * groups).reshape(size + 1, groups)
    counts = joint.sum(1, keepdims=True)
    centre = joint.sum(0) @ goal.places / max(len(codes), 1)
    means: NDArray[np.float64] = (joint @ goal.places - counts * centre) / (counts + PRIOR_ROWS)
    return means


def principal(means: NDArray[np.float64], counts: Ints) -> NDArray[np.float64]:
    """Return the rows of `means` on their principal axes, weighted by `counts`, with a fixed sign."""
    axes = np.linalg.svd(means * np.sqrt(counts)[:, None], full_matrices=False)[2]
    projections: NDArray[np.float64] = means @ axes.T
    sign = np.sign(projections[np.abs(projections).argmax(0), np.arange(projections.shape[1])])
    projections *= np.where(sign == 0, 1, sign)
    return projections
