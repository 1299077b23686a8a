"""Rows as points: near rows have near points, also where half of the rows hold one value."""

import numpy as np
import pandas as pd
import pytest

from synth.evaluate.points import distances, encode
from synth.evaluate.tables import read


def people(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    gain = np.where(rng.random(rows) < 0.1, rng.lognormal(8, 1, rows), 0).round()
    return pd.DataFrame({"gain": gain, "age": rng.integers(18, 80, rows), "pay": rng.lognormal(7, 0.5, rows)})


@pytest.mark.parametrize("seed", range(8))
def test_a_copy_with_a_little_noise_lies_nearer_than_nearly_all_other_rows(seed: int) -> None:
    real, rng = people(2_000, seed), np.random.default_rng(seed)
    twin = real + rng.normal(0, 0.01, real.shape) * real.std().to_numpy()
    points = encode(read(real[:1_000], real[1_000:], twin, categories=()))
    apart = distances(points[:2_000], points[2_000:])
    of_copy = np.diag(apart)
    assert (apart < of_copy[:, None]).mean() < 0.01


def test_points_of_numbers_keep_their_order_and_reach_from_end_to_end() -> None:
    real = people(2_000, 1)[["pay"]]
    points = encode(read(real[:1_000], real[1_000:], real, categories=()))[:2_000, 0]
    order = np.argsort(real["pay"].to_numpy())
    assert (np.diff(points[order]) >= 0).all()
    assert points.min() < -0.45
    assert points.max() > 0.49


@pytest.mark.parametrize("values", [[0, 1], [7, 7], [np.inf, 1.0, 2.0, 3.0], [-(2.0**62), 0, 1, 2.0**62]])
def test_columns_without_a_spread_have_ranks(values: list[float]) -> None:
    real = pd.DataFrame({"x": np.resize(np.array(values, dtype=float), 200)})
    points = encode(read(real[:100], real[100:], real, categories=()))
    assert np.isfinite(points).all()
    assert (points[:200] == points[200:]).all()
