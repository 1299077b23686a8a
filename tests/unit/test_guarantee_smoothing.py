"""What noise may have made of counts of neighbouring bins does not survive the curve through them."""

from __future__ import annotations

import numpy as np
import pytest

from synth.guarantee.children import ParentCounts, measured_children
from synth.guarantee.noise import Mechanisms
from synth.guarantee.smoothing import smooth

SEEDS = range(16)
PLACES = np.arange(25)


def noisy(counts: np.ndarray, deviation: float, seed: int) -> np.ndarray:
    return counts + np.rint(np.random.default_rng(seed).normal(0, deviation, len(counts)))


def hill(rows: float, centre: float, width: float) -> np.ndarray:
    heights = np.exp(-((PLACES - centre) ** 2) / (2 * width**2))
    return np.asarray(rows * heights / heights.sum())


@pytest.mark.parametrize("width", [1.0, 2.0, 3.5])
def test_a_curve_is_nearer_to_the_truth_than_noisy_counts_are(width: float) -> None:
    truth = hill(90, 7, width)
    errors = []
    for seed in SEEDS:
        counts = noisy(truth, 4, seed)
        errors.append((np.abs(smooth(counts, 4).counts - truth).sum(), np.abs(counts - truth).sum()))
    ours, theirs = np.mean(errors, axis=0)
    assert ours < theirs / 2


def test_where_noise_is_little_the_curve_is_what_was_counted() -> None:
    truth = hill(4_000, 6, 1) + hill(3_000, 15, 2)
    for seed in SEEDS:
        counts = noisy(truth, 4, seed)
        curve = smooth(counts, 4)
        assert np.abs(curve.counts - counts).sum() < 0.03 * counts.sum()
        assert curve.clearness > 100


def test_one_value_that_many_rows_have_does_not_spread_to_its_neighbours() -> None:
    truth = np.zeros(25)
    truth[9] = 400
    shares = [smooth(noisy(truth, 15, seed), 15).counts for seed in SEEDS]
    assert np.median([counts[9] / counts.sum() for counts in shares]) > 0.8


def test_noise_alone_is_not_clear() -> None:
    clear = [smooth(noisy(np.zeros(25), 4, seed), 4).clearness > 3.5 for seed in range(64)]
    assert np.mean(clear) < 0.05


def test_beside_a_peak_noise_makes_no_hill() -> None:
    truth = np.zeros(560)
    truth[324] = 300  # all dates are of one year
    for seed in range(24):
        counts = smooth(noisy(truth, 4, seed), 4, ((-0.05, 0.1),)).counts
        assert counts[324] > 250
        assert counts.sum() == pytest.approx(counts[324])


def test_noise_far_from_the_curve_makes_no_peak() -> None:
    truth = np.append(hill(90, 7, 2), np.zeros(500))
    shares = [smooth(noisy(truth, 4, seed), 4).counts[30:].sum() / 90 for seed in range(32)]
    assert max(shares) < 0.05


@pytest.mark.parametrize("bins", [1, 2, 3, 560])
def test_any_number_of_bins_has_a_curve(bins: int) -> None:
    curve = smooth(np.full(bins, 20.0), 4)
    assert len(curve.counts) == len(curve.variances) == bins
    assert np.isfinite(curve.counts).all()
    assert (curve.counts >= 0).all()
    assert (curve.variances <= 16).all()


@pytest.mark.parametrize("width", [0.6, 1.0, 2.0, 3.5])
def test_a_curve_is_as_narrow_as_the_counts_are(width: float) -> None:
    truth = hill(300, 7, width)
    curves = [smooth(noisy(truth, 4, seed), 4).counts for seed in SEEDS]
    far = np.abs(PLACES - 7) > 2.5 * width
    assert np.mean([counts[far].sum() for counts in curves]) < truth[far].sum() + 0.05 * 300


def test_parents_have_about_as_many_rows_as_real_ones() -> None:
    random, ratios = np.random.default_rng(0), []
    for _ in range(30):  # the noise is the operating system's
        numbers = 1 + random.poisson(8, 150)
        mechanisms = Mechanisms(3.0, 1e-6, contribution=1)
        counts = measured_children(ParentCounts(numbers, all=True), mechanisms, [mechanisms.rho * 0.15])
        assert counts is not None
        ratios.append(counts.draw(1500, random).mean() / numbers.mean())
    assert 0.93 < np.mean(ratios) < 1.1


def test_rows_of_few_parents_are_counted_again_where_they_are_not_clear() -> None:
    random, numbers = np.random.default_rng(0), []
    for _ in range(30):
        mechanisms = Mechanisms(3.0, 1e-6, contribution=1)
        rhos = [mechanisms.rho * share for share in (0.15, 0.25)]
        counts = measured_children(ParentCounts(random.poisson(73, 26), all=True), mechanisms, rhos)
        numbers.append(np.nan if counts is None else counts.draw(260, random).mean())
        assert len(mechanisms.releases) <= 2
    assert np.isnan(numbers).mean() < 0.2
    assert abs(np.nanmean(numbers) / 73 - 1) < 0.25
