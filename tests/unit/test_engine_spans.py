"""Histories whose rows last: ends behind their beginnings, and states that follow each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.histories import Histories

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
def drawn_spans(states: tuple[pd.DataFrame, pd.DataFrame, np.ndarray]) -> tuple[pd.DataFrame, np.ndarray]:
    owners, rows, owner = states
    engine = Histories(0, time="begin", categories=["state"]).fit(owners, rows, owner)
    return engine.sample(owners)


def test_dates_keep_their_distance_from_the_time_of_their_row(
    states: tuple[pd.DataFrame, pd.DataFrame, np.ndarray], drawn_spans: tuple[pd.DataFrame, np.ndarray]
) -> None:
    real, twin = states[1], drawn_spans[0]
    durations, real_lasting = (frame["end"] - frame["begin"] for frame in (twin, real))

    assert twin.dtypes.equals(real.dtypes)
    assert durations.min() >= pd.Timedelta(days=14)
    assert abs(durations.dt.days.mean() - real_lasting.dt.days.mean()) < 20


def test_no_row_of_an_owner_begins_before_the_one_before_it_has_ended(
    drawn_spans: tuple[pd.DataFrame, np.ndarray],
) -> None:
    rows, owner = drawn_spans
    again = np.r_[False, owner[1:] == owner[:-1]]
    ends = rows["end"].shift()

    assert again.sum() > OWNERS / 2
    assert ends[again].notna().all()
    assert (rows["begin"][again] >= ends[again]).all()


def test_owners_have_as_many_rows_although_the_last_must_begin_before_the_observation_ends() -> None:
    real_full, full = 0, 0  # owners with five rows
    for seed in range(3):
        rng = np.random.default_rng(seed)
        counts = rng.integers(1, 6, OWNERS)
        days = np.concatenate([np.sort(rng.choice(700, 2 * number, replace=False)) for number in counts])
        moments = pd.Timestamp("2023-01-01") + pd.to_timedelta(days, "D")
        rows = pd.DataFrame({"begin": moments[::2], "end": moments[1::2]})
        owners, owner = pd.DataFrame(index=range(OWNERS)), np.repeat(np.arange(OWNERS), counts)
        _, whose = Histories(seed, time="begin").fit(owners, rows, owner).sample(owners)
        real_full += int((counts == 5).sum())
        full += int((np.bincount(whose) == 5).sum())
    assert full == pytest.approx(real_full, rel=0.15)
