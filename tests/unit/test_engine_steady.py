"""Labels that owners keep from row to row, though few owners have each: the town beside every order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.histories import Histories

OWNERS, TOWNS = 600, 40


@pytest.mark.parametrize("seed", range(3))
def test_owners_stay_in_their_town_though_few_owners_live_in_each(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 5, OWNERS)
    owner = np.repeat(np.arange(OWNERS), counts)
    towns = np.array([f"town {number}" for number in range(TOWNS)])
    home, moves = rng.integers(0, TOWNS, OWNERS)[owner], rng.random(len(owner)) < 0.01
    town = np.where(moves, rng.integers(0, TOWNS, len(owner)), home)
    rows = pd.DataFrame({"town": towns[town], "region": [f"region {one % 5}" for one in town]}, dtype=object)
    owners = pd.DataFrame({"orders": counts})
    model = Histories(seed, categories=["town", "region"]).fit(owners, rows, owner)

    drawn_rows, whose = model.sample(owners)

    later = whose == np.roll(whose, 1)
    stays = (drawn_rows["town"] == drawn_rows["town"].shift()).to_numpy()[later]
    assert 0.9 < stays.mean() < 1  # 0.98 of the real ones; without a choice of its own, a tenth
    assert set(drawn_rows["town"]) <= set(towns)
    assert drawn_rows["town"].nunique() > TOWNS / 2
    regions = drawn_rows["town"].str.removeprefix("town ").astype(int) % 5
    assert (drawn_rows["region"] == "region " + regions.astype(str)).mean() > 0.9
    assert drawn_rows.dtypes.to_dict() == rows.dtypes.to_dict()
