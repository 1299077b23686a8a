"""The parts that draw: leaves found by masks, donors that are handed on blurred, rows kept by raking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from synth.engine import leaves
from synth.engine.donors import Pool, stretch_ends
from synth.engine.goals import MOST_GROUPS, Goal, group_places, number_goal
from synth.engine.growing import MOST_BINS, BinnedFeatures, Soil, bin_edges, grow
from synth.engine.leaves import LeafMasks, Walk, open_leaves
from synth.engine.rake import BEYOND, CAPS, MAX_ROWS, Raking, lowest_cap, match_places, misfits
from synth.engine.trees import LARGE, MIN_LEAF, PrunedTree

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Labels:
    """A column of labels, as far as raking looks at it."""

    is_ordered = False

    def __init__(self, size: int) -> None:
        self.size = size


class Numbers(Labels):
    """A column of numbers, likewise."""

    is_ordered = True


@pytest.mark.parametrize("word", [64, 8])  # with the shorter, branches need several words
@pytest.mark.parametrize(("rows", "least", "most"), [(600, 2, 64), (4000, 65, 256), (9000, 257, 512)])
@pytest.mark.parametrize("sizes", [(5, 300, 40), (70_000, 3, 200)])  # masks by code, and by interval
def test_masks_find_the_leaf_that_a_walk_through_the_tree_finds(
    word: int, rows: int, least: int, most: int, sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaves, "WORD", word)
    rng = np.random.default_rng(9)
    codes = {index: rng.integers(-1, size, rows) for index, size in enumerate(sizes)}
    features = [
        (0, np.append(np.arange(sizes[0]), -1).astype(np.float32)),
        (1, rng.permutation(sizes[1] + 1).astype(np.float32)),
        (2, np.append(rng.integers(0, 20, sizes[2]), 7).astype(np.float32)),
    ]
    matrix = np.column_stack([table[codes[index]] for index, table in features])
    ranks = [np.argsort(np.argsort(column)) * 9 // rows for column in matrix.T]
    groups = np.ravel_multi_index(tuple(ranks), (9, 9, 9))
    places = np.column_stack([np.eye(9)[axis.ravel()] for axis in np.indices((9, 9, 9))])
    bins = BinnedFeatures.of([(values, codes[index]) for index, values in features])
    tree = PrunedTree(bins, Goal(groups, places), 15)
    assert least <= tree.count <= most
    some = slice(100, 500)
    leaf = LeafMasks(tree, features).find(codes, some)
    assert (leaf == Walk(tree, features).find(codes, some)).all()
    assert len(tree.branches(word)) >= tree.count / word
    assert set(LeafMasks(tree, features).find(codes, slice(0, rows))) == set(range(tree.count))


def test_a_tree_of_more_branches_than_tables_are_made_for_is_walked_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tree, features = staircase(3000), [(0, np.append(np.arange(3000), -1).astype(np.float32))]
    assert isinstance(open_leaves(tree, features), LeafMasks)
    monkeypatch.setattr(leaves, "MOST_BRANCHES", 1)
    assert isinstance(open_leaves(tree, features), Walk)


def staircase(rows: int) -> PrunedTree:
    """A tree for a goal that is all but the feature."""
    codes = np.arange(rows)
    table = np.append(codes, -1).astype(np.float32)
    places = np.linspace(0, 1, 1000)[:, None]
    return PrunedTree(BinnedFeatures.of([(table, codes)]), Goal(codes * 1000 // rows, places), 15)


@pytest.mark.parametrize(("rows", "fewest"), [(1500, MIN_LEAF), (80_000, 80_000 // LARGE)])
def test_leaves_of_large_tables_grow_with_their_rows(rows: int, fewest: int) -> None:
    sizes = np.bincount(staircase(rows).leaves(np.arange(rows, dtype=np.float32)[:, None]))
    assert fewest <= sizes.min()
    assert rows / MOST_BINS / 2 < np.median(sizes) < 4 * max(fewest, rows / MOST_BINS)


def test_a_tree_is_cut_where_least_is_left_of_the_sum_of_squares() -> None:
    rng = np.random.default_rng(2)
    codes = [rng.integers(-1, 12, 900) for _ in range(3)]
    goal = number_goal(codes[1] * 3 + rng.integers(0, 9, 900) + 3)
    table = np.append(np.arange(12), -1).astype(np.float32)
    tree = grow(Soil(BinnedFeatures.of([(table, each) for each in codes]), goal, None, 15, 15))

    def squares_left(feature: int, threshold: float) -> float:
        sides = table[codes[feature]] <= threshold
        places = [goal.places[goal.groups[side]] for side in (sides, ~sides)]
        return sum(float(((part - part.mean(0)) ** 2).sum()) for part in places)

    least_squares = squares_left(int(tree.feature[0]), float(tree.threshold[0]))
    assert tree.risk[1] + tree.risk[tree.right[0]] == pytest.approx(least_squares)
    assert least_squares == pytest.approx(
        min(squares_left(feature, threshold) for feature in range(3) for threshold in np.arange(-1, 11) + 0.5)
    )
    inner = np.flatnonzero(tree.right)
    assert (tree.size[inner] == tree.size[inner + 1] + tree.size[tree.right[inner]]).all()
    assert tree.size[tree.right == 0].min() >= 15


def test_a_goal_without_variance_is_one_leaf() -> None:
    codes = np.arange(400) % 7
    bins = BinnedFeatures.of([(np.append(np.arange(7), -1).astype(np.float32), codes)])
    assert (
        len(grow(Soil(bins, Goal(np.zeros(400, np.int64), np.full((1, 3), 1 / 3)), None, 15, 15)).feature)
        == 1
    )


def test_a_value_that_many_rows_have_leaves_the_bins_to_the_others() -> None:
    codes = np.concatenate([np.zeros(9000, np.int64), np.arange(1, 1001)])
    edges = bin_edges(np.append(np.arange(1001), -1).astype(np.float32), codes)
    assert MOST_BINS * 0.8 < len(edges) <= MOST_BINS
    assert edges[0] == 0.5
    assert edges[-1] == np.inf


def test_labels_at_one_place_are_one_group_and_others_as_many_as_there_may_be() -> None:
    rng = np.random.default_rng(4)
    corners = rng.normal(size=(40, 3))
    few = group_places(np.repeat(corners, 5, axis=0), np.ones(200, dtype=np.int64))
    assert len(np.unique(few)) == 40
    assert (few.reshape(40, 5) == few[::5, None]).all()
    many = group_places(rng.normal(size=(500, 3)), rng.integers(0, 9, 500))
    assert len(np.unique(many)) == MOST_GROUPS


def test_a_value_that_few_rows_of_a_leaf_hold_is_drawn_from_between_its_neighbours() -> None:
    rng = np.random.default_rng(0)
    codes, leaf = np.sort(rng.permutation(5000)), rng.integers(0, 50, 5000)
    exact, smooth_pool = (Pool(codes, leaf, blur=with_blur) for with_blur in (False, True))
    groups = np.zeros(20_000, dtype=np.int64)
    own = np.unique(codes[leaf == 0])
    assert np.isin(exact.draw(groups, rng), own).all()
    codes_drawn = smooth_pool.draw(groups, rng)
    assert np.isin(codes_drawn, own).mean() < 0.05
    # The leaf's distribution stays: no part of it gains or loses more than its neighbours' stretches.
    assert np.abs(np.quantile(codes_drawn, [0.1, 0.5, 0.9]) - np.quantile(own, [0.1, 0.5, 0.9])).max() < 500


def test_what_a_leaf_hands_on_exactly_gains_nothing_from_its_neighbours() -> None:
    rng = np.random.default_rng(1)
    codes = np.sort(np.concatenate([np.arange(1000), np.repeat(np.arange(5, 1000, 10), 9)]))
    codes_drawn = Pool(codes, np.zeros(len(codes), dtype=np.int64), blur=True).draw(
        np.zeros(90_000, np.int64), rng
    )
    is_exact = np.arange(1000) % 10 == 5
    assert abs(is_exact[codes_drawn].mean() - is_exact[codes].mean()) < 0.01
    assert (np.bincount(codes_drawn, minlength=1000) > 0).mean() > 0.99


def test_what_many_rows_of_a_leaf_hold_and_null_are_handed_on_exactly() -> None:
    rng = np.random.default_rng(0)
    codes = np.concatenate([np.full(40, 700), np.full(40, -1), rng.permutation(1000)[:20]])
    codes_drawn = Pool(codes, np.zeros(100, dtype=np.int64), blur=True).draw(np.zeros(9000, np.int64), rng)
    assert abs((codes_drawn == 700).mean() - 0.4) < 0.03
    assert abs((codes_drawn == -1).mean() - 0.4) < 0.03
    assert codes_drawn.min() == -1


def test_a_stretch_reaches_half_way_to_the_second_neighbour() -> None:
    low = np.array([0.0, 10, 20, 60, 100])
    ends = stretch_ends(low, low + 1, np.zeros(5, dtype=np.int64), np.ones(5, dtype=bool))
    assert ends[0][2] == 20 - (20 - 1) / 2
    assert ends[1][2] == 21 + (100 - 21) / 2
    assert ends[1][0] == 1 + (20 - 1) / 2  # at an end the stretch is as long on both sides, inside the column
    assert ends[0][0] == 0


def test_raking_gives_candidates_the_pairs_of_training() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 4, 20_000)
    second = np.where(rng.random(20_000) < 0.5, first, rng.integers(0, 4, 20_000))

    def source(rows: int) -> dict[int, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        return {0: rng.integers(0, 4, rows), 1: rng.integers(0, 4, rows)}

    raker = Raking([Labels(4), Labels(4)], {0: first, 1: second}, source)  # type: ignore[list-item] # all it needs
    result = raker.draw(20_000, source, rng)
    assert len(result[0]) == 20_000
    assert abs((result[0] == result[1]).mean() - (first == second).mean()) < 0.02
    targets = {0: np.repeat([0, 3], [900, 100])}
    result_of_fill = raker.fill(targets, source, rng)
    assert (result_of_fill[0] == targets[0]).all()
    assert abs((result_of_fill[0] == result_of_fill[1]).mean() - (first == second).mean()) < 0.06


def test_raking_gives_candidates_a_slight_slope_that_no_cell_shows() -> None:
    # A cell of 4,000 rows in 32 x 32 groups holds four, which is no evidence of anything: its neighbours are.
    rng = np.random.default_rng(0)
    slope = rng.multivariate_normal([0, 0], [[1, 0.2], [0.2, 1]], 4000)
    real = {index: slope[:, index].argsort().argsort() for index in (0, 1)}

    def source(rows: int) -> dict[int, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        return {0: rng.integers(0, 4000, rows), 1: rng.integers(0, 4000, rows)}

    raker = Raking([Numbers(4000), Numbers(4000)], real, source)  # type: ignore[list-item] # all it needs
    result = raker.draw(40_000, source, rng)
    real_slope, slope_of_result = (np.corrcoef(codes[0], codes[1])[0, 1] for codes in (real, result))
    assert 0.6 * real_slope < slope_of_result < 1.1 * real_slope


def test_raking_keeps_candidates_that_are_right_nearly_alike() -> None:
    rng = np.random.default_rng(0)
    real = {index: rng.permutation(4000) for index in (0, 1)}

    def source(rows: int) -> dict[int, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        return {0: rng.integers(0, 4000, rows), 1: rng.integers(0, 4000, rows)}

    raker = Raking([Numbers(4000), Numbers(4000)], real, source)  # type: ignore[list-item] # all it needs
    assert raker.weights(source(20_000)).std() < 0.25


def test_raking_leaves_pairs_of_a_large_table_alone_that_are_right() -> None:
    # 28 pairs, in none of which there is anything to learn: what each adds to the weights by chance adds up.
    rng = np.random.default_rng(0)
    real = {index: rng.permutation(MAX_ROWS + 1) for index in range(8)}

    def source(rows: int) -> dict[int, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        return {index: rng.integers(0, MAX_ROWS + 1, rows) for index in range(8)}

    raker = Raking([Numbers(MAX_ROWS + 1)] * 8, real, source)  # type: ignore[list-item] # all it needs
    assert raker.weights(source(20_000)).std() < 0.15


def test_misfits_are_what_chance_does_not_explain() -> None:
    rng = np.random.default_rng(0)
    blocks, even = [(np.arange(1024), 100.0)], np.full(1024, 400.0)

    def priors(rates: NDArray[np.float64]) -> list[float]:
        goal, counts = rng.poisson(rates).astype(float), rng.poisson(12 * even) / 12
        return [prior for _, prior in misfits(goal, counts, blocks, chance=1 + 1 / 12)]

    alike = [priors(even) for _ in range(40)]
    assert sum(map(len, alike)) < 30  # by chance half are a little beyond it,
    assert min(prior for priors_found in alike for prior in priors_found) > 500  # and hardly move
    assert priors(even * np.exp(rng.normal(0, 0.1, 1024))) == [100.0]


@pytest.mark.parametrize(("spread", "cap"), [(0.0, CAPS[0]), (0.3, 1.75), (1.5, CAPS[-1])])
def test_a_row_costs_fewer_candidates_where_weights_are_alike(spread: float, cap: float) -> None:
    weights = np.exp(np.random.default_rng(0).normal(0, spread, 20_000))
    weights /= weights.mean()
    assert lowest_cap(weights) == cap
    assert cap == CAPS[-1] or np.minimum(weights, cap).mean() >= 1 - BEYOND


def test_what_no_candidate_has_is_too_rare_to_be_wanted() -> None:
    rng = np.random.default_rng(0)
    codes = {0: rng.integers(0, 4, 2000), 1: rng.integers(0, 4, 2000)}

    def zeros(rows: int) -> dict[int, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        return {0: np.zeros(rows, dtype=np.int64), 1: np.zeros(rows, dtype=np.int64)}

    raker = Raking([Labels(5), Labels(5)], codes, zeros)  # type: ignore[list-item] # all it needs
    with pytest.raises(ValueError, match="too rare"):
        raker.fill({0: np.array([0, 4])}, zeros, rng)


def test_places_are_taken_once_and_by_rows_that_fit() -> None:
    targets = {0: np.array([1, 2, 1, -1]), 3: np.array([0, 5, 0, 0])}
    place, row = match_places(targets, {0: np.array([1, 1, 1, 2, 9, -1]), 3: np.array([0, 0, 0, 0, 0, 0])})
    assert sorted(place) == [0, 2, 3]
    assert set(row) <= {0, 1, 2, 5}
    assert list(match_places(targets, {0: np.array([2, 2]), 3: np.array([5, 5])})[0]) == [1]
