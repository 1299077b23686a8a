"""Numbers that add up in every group of real rows add up in those of the twin."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.corrections.shares import Shares, find_shares, shared_out
from synth.domain import RARE


def works(seed: int, cases: int = 120) -> tuple[pd.DataFrame, np.ndarray]:
    """Who worked on cases, and for how much; one case in a hundred is split as no other."""
    rng = np.random.default_rng(seed)
    ways = [(1.0,), (0.6, 0.4), (0.7, 0.3), (0.5, 0.3, 0.2)]
    split = [ways[one] for one in rng.integers(0, len(ways), cases)] + [(0.91, 0.09), (0.4, 0.3, 0.2, 0.1)]
    rows = [(case, share) for case, one in enumerate(split) for share in rng.permutation(one)]
    frame = pd.DataFrame(rows, columns=["case", "share"]).assign(hours=rng.integers(1, 9, len(rows)))
    return frame, frame["case"].to_numpy(np.uint64)


@pytest.mark.parametrize("seed", range(16))
def test_shares_are_found_and_add_up_in_the_twin(seed: int) -> None:
    real, units = works(seed)
    (shares,) = find_shares(real, ["share", "hours"], ["case"])
    assert shares == Shares("share", "case", 2, 100)
    rng = np.random.default_rng(seed + 100)
    twin = real.assign(case=rng.integers(0, 130, len(real)), share=rng.permutation(real["share"]))
    twin["result"] = shared_out(twin, real, shares, units, rng)
    assert (twin.groupby("case")["result"].sum() == 100).all()
    assert (twin["result"] >= 0).all()
    groups = (twin.loc[twin["case"] == case, "result"].tolist() for case in twin["case"].unique())
    pairs = {tuple(sorted(one)) for one in groups if len(one) == len("ab")}
    assert pairs == {(40, 60), (30, 70)}  # the rare one is left out
    first = twin.loc[twin.groupby("case")["share"].idxmax()]
    assert (first["result"].to_numpy() == twin.groupby("case")["result"].max().to_numpy()).all()


def test_what_does_not_add_up_or_is_told_by_the_number_of_rows_is_none() -> None:
    real, _ = works(0)
    odd_rows = real.assign(share=real["share"].where(real.index != 7, 0.99))
    assert find_shares(odd_rows, ["share"], ["case"]) == ()
    size = real.groupby("case")["share"].transform("size")
    assert find_shares(real.assign(share=6 / size / 6), ["share"], ["case"]) == ()
    assert find_shares(real[real["case"] < RARE], ["share"], ["case"]) == ()


def test_where_no_real_group_has_as_many_rows_what_was_drawn_is_scaled() -> None:
    real, units = works(3)
    twin = pd.DataFrame({"case": [1] * 7 + [2] * 5, "share": [0.2] * 6 + [0.8] + [0.0] * 5})
    result = shared_out(twin, real, Shares("share", "case", 2, 100), units, np.random.default_rng(0))
    assert result.tolist() == [10, 10, 10, 10, 10, 10, 40, 20, 20, 20, 20, 20]
