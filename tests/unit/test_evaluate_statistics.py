"""The statistics behind the checks agree with slow counts, simulations and published examples."""

from __future__ import annotations

import numpy as np
import pytest

from synth.evaluate.exposure import Tally, advantage, most_telling
from synth.evaluate.intervals import area, effective
from synth.evaluate.nearness import nearest
from synth.evaluate.points import distances, isolation


def points(rows: int, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(seed).normal(size=(rows, 4)).astype(np.float32)


def test_the_nearest_agrees_with_every_distance() -> None:
    real, twin = points(60, 0), points(90, 1)
    apart = np.linalg.norm(real[:, None] - twin[None, :], axis=2)
    assert nearest(real, twin) == pytest.approx(apart.min(axis=1), abs=1e-3)
    assert distances(real, twin) == pytest.approx(apart, abs=1e-3)


def test_isolation_is_the_distance_to_the_seventh_other_point() -> None:
    real = points(80, 0)
    apart = np.sort(np.linalg.norm(real[:, None] - real[None, :], axis=2), axis=1)
    assert isolation(real, np.random.default_rng(0)) == pytest.approx(apart[:, 7], abs=1e-3)


def test_the_area_and_its_error_agree_with_a_count_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 6, 30).astype(float), rng.integers(1, 7, 40).astype(float)
    wins = (first[:, None] > second[None, :]) + 0.5 * (first[:, None] == second[None, :])
    result = area(first, second)
    assert result.value == pytest.approx(wins.mean())
    # As DeLong, DeLong and Clarke-Pearson have it in 1988:
    variance = wins.mean(axis=1).var(ddof=1) / 30 + wins.mean(axis=0).var(ddof=1) / 40
    assert result.error(np.arange(30), np.arange(30, 70)) == pytest.approx(np.sqrt(variance))


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


def test_a_tally_of_coins_is_as_unlikely_as_it_says_and_allows_for_a_small_leaning() -> None:
    assert Tally(10, 0).probability == pytest.approx(0.55**10)
    assert Tally(0, 10).probability == 1
    assert Tally(0, 0).probability == 1
    assert Tally(16, 2, 0.8).excess == pytest.approx(8)
    assert Tally(30, 10).most == pytest.approx(40 * (2 * 0.8573 - 1), abs=0.1)  # Clopper and Pearson, 95 %


def test_an_advantage_has_the_error_of_its_coins_and_several_draws_shrink_it() -> None:
    rng = np.random.default_rng(0)
    coins = rng.choice([-1.0, 1.0], (2_000, 8))
    assert advantage(coins[:, 0]).error == pytest.approx(1 / (2 * np.sqrt(2_000)), rel=0.01)
    assert advantage(coins.mean(axis=1)).error == pytest.approx(1 / (2 * np.sqrt(16_000)), rel=0.05)
    bounds = [advantage(rng.choice([-1.0, 1.0], 400)).upper_bound(0.05) for _ in range(2_000)]
    assert np.mean(np.array(bounds) >= 0) == pytest.approx(0.95, abs=0.02)


def test_the_most_telling_of_coins_seldom_look_like_memory() -> None:
    rng = np.random.default_rng(0)
    lows = [most_telling(rng.random(4_000), rng.random(4_000) < 0.5, 0.5)[1] for _ in range(500)]
    assert np.mean(np.array(lows) < 0.05) <= 0.06
    strength, own = rng.random(4_000), rng.random(4_000) < 0.5
    own[np.argsort(-strength)[:20]] = True
    assert most_telling(strength, own, 0.5)[1] < 1e-4
