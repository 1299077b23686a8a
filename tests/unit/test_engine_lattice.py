"""Amounts that go in quarters, and what follows from columns that were fixed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.engine import Synthesizer

ROWS = 1500


@pytest.mark.parametrize(("step", "offset"), [(0.25, 0.0), (0.05, 0.0), (0.5, 0.19), (2.5, 0.0)])
def test_amounts_keep_to_the_steps_in_which_they_go(step: float, offset: float) -> None:
    rng = np.random.default_rng(1)
    amounts = np.round(rng.integers(4, 4000, ROWS) * step + offset, 2)
    twin = Synthesizer().fit(pd.DataFrame({"amount": amounts})).sample(ROWS)["amount"].to_numpy()
    steps = (twin - offset) / step
    assert np.abs(steps - np.rint(steps)).max() < 1e-6
    assert len(np.unique(twin)) > 200  # and there are as many different ones as before, about


def test_a_sum_beside_given_columns_stays_where_sums_are() -> None:
    rng = np.random.default_rng(2)
    parts = np.round(rng.gamma(4.0, 20.0, (3 * ROWS, 4)) + 5, 2) * (rng.random((3 * ROWS, 4)) < 0.4)
    parts = parts[parts.sum(axis=1) > 0][:ROWS]  # nobody pays nothing
    rows = pd.DataFrame({"shop": rng.choice(["x", "y"], ROWS), **dict(zip("abcd", parts.T, strict=True))})
    rows["sum"] = np.round(parts.sum(axis=1), 2)
    engine = Synthesizer(categories=["shop"]).fit(rows, given=["shop"])
    twin = engine.sample(ROWS, given=rows[["shop"]])
    assert (twin["shop"] == rows["shop"]).all()
    assert np.allclose(twin["sum"], twin[[*"abcd"]].sum(axis=1))
    assert (twin["sum"] < 5).mean() < 0.002
