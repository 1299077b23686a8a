"""The statistics behind the checks agree with slow counts, simulations and published examples."""

from __future__ import annotations

import numpy as np
import pytest

from synth.evaluate.intervals import area, clopper_pearson, effective
from synth.evaluate.membership import share_excess
from synth.evaluate.points import distances, isolation, nearness


def points(rows: int, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(seed).normal(size=(rows, 4)).astype(np.float32)


def test_nearness_agrees_with_every_distance() -> None:
    real, twin = points(60, 0), points(90, 1)
    weights = np.arange(90, dtype=np.float64)
    found = nearness(real, twin, np.zeros(60, dtype=np.bool_), weights, np.random.default_rng(0))
    apart = np.linalg.norm(real[:, None] - twin[None, :], axis=2)
    assert found.distance == pytest.approx(apart.min(axis=1), abs=1e-3)
    assert found.hits == pytest.approx(np.bincount(apart.argmin(axis=0), weights, minlength=60))
    assert distances(real, twin) == pytest.approx(apart, abs=1e-3)


def test_equal_real_points_share_their_hits_and_a_copy_is_at_no_distance() -> None:
    real = np.concatenate([points(1, 0), points(1, 0), points(1, 0) + 3])
    copied = np.array([True, True, False])
    found = nearness(real, real[:1] + np.float32(1e-4), copied, np.ones(1), np.random.default_rng(0))
    assert found.hits.tolist() == [0.5, 0.5, 0]
    assert found.distance[:2].tolist() == [0, 0]


def test_isolation_is_the_distance_to_the_seventh_other_point() -> None:
    real = points(80, 0)
    apart = np.sort(np.linalg.norm(real[:, None] - real[None, :], axis=2), axis=1)
    assert isolation(real, np.random.default_rng(0)) == pytest.approx(apart[:, 7], abs=1e-3)


def test_the_area_and_its_error_agree_with_a_count_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 6, 30).astype(float), rng.integers(1, 7, 40).astype(float)
    wins = (first[:, None] > second[None, :]) + 0.5 * (first[:, None] == second[None, :])
    found = area(first, second)
    assert found.value == pytest.approx(wins.mean())
    # As DeLong, DeLong and Clarke-Pearson have it in 1988:
    variance = wins.mean(axis=1).var(ddof=1) / 30 + wins.mean(axis=0).var(ddof=1) / 40
    assert found.error(np.arange(30), np.arange(30, 70)) == pytest.approx(np.sqrt(variance))


def test_repeating_every_score_for_its_unit_leaves_the_error_of_the_area() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=200), rng.normal(size=300)
    alone = area(first, second).error(np.arange(200), np.arange(200, 500))
    units = np.arange(200).repeat(4), np.arange(200, 500).repeat(4)
    assert area(first.repeat(4), second.repeat(4)).error(*units) == pytest.approx(alone, rel=0.01)


def test_trials_of_one_unit_count_as_far_as_they_differ() -> None:
    rng = np.random.default_rng(0)
    units = np.arange(500).repeat(6)
    one = np.ones(3_000)
    alike = np.repeat(rng.random(500) < 0.3, 6)
    assert effective(alike, one, units)[1] == pytest.approx(500, rel=0.01)
    assert effective(np.zeros(3_000), one, units) == (0, 500)
    apart = rng.random(3_000) < 0.3
    assert effective(apart, one, units)[1] > 2_500
    hits, trials = effective(alike, one, units)
    assert hits / trials == pytest.approx(alike.mean())
    assert effective(apart, one, np.arange(3_000)) == (apart.sum(), 3_000)
    assert effective(one[:0], one[:0], units[:0]) == (0, 0)


def test_the_interval_of_the_share_of_neighbours_holds_over_all_ways_to_part_the_units() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 6, 300)
    hits = rng.poisson(rng.gamma(1, 1, sizes.sum()) + 0.1).astype(float)
    hits[0] += 40
    whose = np.arange(300).repeat(sizes)
    caught = []
    for _ in range(400):
        order = np.argsort(rng.permutation(300)[whose], kind="stable")
        training = int(np.isin(whose[order], whose[order][: len(order) * 4 // 5]).sum())
        units = np.unique(whose[order], return_inverse=True)[1]
        found = share_excess(hits[order], units, training)
        caught.append(found.low <= 0 <= found.high)
    assert 0.9 <= np.mean(caught) <= 0.99


def test_exact_intervals_agree_with_published_examples() -> None:
    # Newcombe 1998 (two-sided intervals for the single proportion), table I, method 5: 81/263 and 15/148.
    assert clopper_pearson(81, 263) == pytest.approx((0.2527, 0.3676), abs=5e-5)
    assert clopper_pearson(15, 148) == pytest.approx((0.0578, 0.1617), abs=5e-5)
    assert clopper_pearson(0, 20) == pytest.approx((0.0, 0.1684), abs=5e-5)
    assert clopper_pearson(29, 29) == pytest.approx((0.8806, 1.0), abs=5e-5)
