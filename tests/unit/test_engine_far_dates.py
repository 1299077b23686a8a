"""Dates that stand for no date: 9999-12-31 for an open end."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.engine import Synthesizer
from synth.histories import Histories

SEEDS = (3, 4)


def versions(
    owners: int, seed: int, far: str
) -> tuple[pd.DataFrame, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Rows of owners, each valid until the next one begins, and the last one for good."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(owners), rng.integers(1, 4, owners))
    is_last = np.r_[owner[1:] != owner[:-1], True]
    start = np.datetime64("2018-01-01") + rng.integers(0, 1_200, len(owner))
    for place in np.flatnonzero(~is_last):
        start[place + 1] = start[place] + rng.integers(20, 600)
    end = np.where(is_last, np.datetime64(far, "us"), np.roll(start, -1).astype("M8[us]"))
    rows = pd.DataFrame({"valid_from": start.astype("M8[us]"), "valid_to": end, "is_current": is_last})
    return rows.assign(town=rng.choice(list("abcdef"), len(owner))), owner


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("far", ["9999-12-31", "9999-12-31T23:59:59", "2999-12-31", "1900-01-01"])
@pytest.mark.parametrize("owners", [150, 600])
def test_nothing_lies_between_dates_and_an_open_end(owners: int, far: str, seed: int) -> None:
    real, owner = versions(owners, seed, far)
    who = pd.DataFrame({"segment": np.random.default_rng(seed).choice(["x", "y"], owners)})
    twins = [
        Synthesizer(seed).fit(real).sample(len(real)),
        Histories(seed, time="valid_from").fit(who, real, owner).sample(who)[0],
    ]
    is_open = real["valid_to"] == np.datetime64(far)
    for twin in twins:
        open_now = twin["valid_to"] == np.datetime64(far)
        assert open_now.mean() == pytest.approx(is_open.mean(), abs=0.08)
        assert (open_now == twin["is_current"]).mean() > 0.99
        ends = twin["valid_to"][~open_now]
        assert ends.between(real["valid_to"][~is_open].min(), real["valid_to"][~is_open].max()).all()
        assert (ends >= twin["valid_from"][~open_now]).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_an_open_end_that_is_given_is_one(seed: int) -> None:
    real, _ = versions(300, seed, "9999-12-31")
    engine = Synthesizer(seed).fit(real, given=["valid_to"])
    given = real[["valid_to"]].sample(200, random_state=seed, ignore_index=True)
    twin = engine.sample(200, given=given)
    assert twin["valid_to"].equals(given["valid_to"])
    assert ((twin["valid_to"] == np.datetime64("9999-12-31")) == twin["is_current"]).mean() > 0.99


def test_a_far_date_of_few_is_none_of_the_twin() -> None:
    real, _ = versions(300, 3, "9999-12-31")
    real.loc[real.index[9:], "valid_to"] = real["valid_from"] + pd.Timedelta(30, "D")
    twin = Synthesizer(3).fit(real).sample(600)
    assert twin["valid_to"].max() < np.datetime64("2030-01-01")
