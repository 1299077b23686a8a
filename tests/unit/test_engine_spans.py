"""Histories whose rows last: ends behind their beginnings, and states that follow each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.engine import Histories

OWNERS = 400


@pytest.fixture(scope="module")
def states() -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Contracts that follow each other, a fortnight to a year long; some owners' last is open."""
    rng = np.random.default_rng(1)
    rows, owner = [], []
    for place in range(OWNERS):
        begin = pd.Timestamp("2020-01-01") + pd.Timedelta(days=int(rng.integers(0, 900)))
        number = int(rng.integers(1, 4))
        for index in range(number):
            end = begin + pd.Timedelta(days=int(rng.integers(14, 365)))
            is_open = index == number - 1 and rng.random() < 0.33
            rows.append((begin, pd.NaT if is_open else end, "open" if is_open else "over"))
            owner.append(place)
            begin = end + pd.Timedelta(days=int(rng.integers(0, 60)))
    frame = pd.DataFrame(rows, columns=["begin", "end", "state"])
    return pd.DataFrame(index=range(OWNERS)), frame, np.array(owner)


@pytest.fixture(scope="module")
def drawn(states: tuple[pd.DataFrame, pd.DataFrame, np.ndarray]) -> tuple[pd.DataFrame, np.ndarray]:
    owners, rows, owner = states
    engine = Histories(0, time="begin", categories=["state"]).fit(owners, rows, owner)
    return engine.sample(owners)


def test_dates_keep_their_distance_from_the_time_of_their_row(
    states: tuple[pd.DataFrame, pd.DataFrame, np.ndarray], drawn: tuple[pd.DataFrame, np.ndarray]
) -> None:
    real, twin = states[1], drawn[0]
    lasting, real_lasting = (frame["end"] - frame["begin"] for frame in (twin, real))

    assert twin.dtypes.equals(real.dtypes)
    assert lasting.min() >= pd.Timedelta(days=14)
    assert abs(lasting.dt.days.mean() - real_lasting.dt.days.mean()) < 20


def test_no_row_of_an_owner_begins_before_the_one_before_it_has_ended(
    drawn: tuple[pd.DataFrame, np.ndarray],
) -> None:
    rows, owner = drawn
    again = np.r_[False, owner[1:] == owner[:-1]]
    ends = rows["end"].shift()

    assert again.sum() > OWNERS / 2
    assert ends[again].notna().all()
    assert (rows["begin"][again] >= ends[again]).all()
