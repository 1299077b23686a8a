"""Times of the day, days of the week and lapses of time in a twin, and how round its numbers are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.engine import Synthesizer

ROWS = 4000
WEEKEND = (5, 6)


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    days = pd.date_range("2021-01-01", periods=1200)
    busy = np.where(days.day_of_week.isin(WEEKEND), 1.0, 3.0)
    device = rng.choice(["phone", "desktop"], ROWS)
    hour = np.where(device == "phone", rng.normal(20, 2, ROWS), rng.normal(11, 2, ROWS)).clip(0, 23.9)
    day = pd.Series(rng.choice(days, ROWS, p=busy / busy.sum()))
    start = day + pd.to_timedelta((hour * 3600).astype(int), unit="s")
    end = start + pd.to_timedelta(rng.exponential(3600, ROWS).astype(int), unit="s")
    return pd.DataFrame(
        {
            "device": device,
            "born": rng.choice(days, ROWS, p=busy / busy.sum()),
            "ended": end.where(rng.random(ROWS) < 0.8),
            "begun": start,
            "amount": np.where(
                rng.random(ROWS) < 0.5, rng.integers(1, 900, ROWS) * 1000, rng.integers(1, 900_000, ROWS)
            ),
            "code": rng.integers(0, 10**6, ROWS),
        }
    )


@pytest.fixture(scope="module")
def twin(visits: pd.DataFrame) -> pd.DataFrame:
    return Synthesizer(seed=5).fit(visits).sample(ROWS)


def test_each_group_keeps_its_time_of_the_day(visits: pd.DataFrame, twin: pd.DataFrame) -> None:
    hours = [
        frame.groupby("device")["begun"].apply(lambda each: each.dt.hour.mean()) for frame in (visits, twin)
    ]
    assert (hours[0] - hours[1]).abs().max() < 0.5


@pytest.mark.parametrize("column", ["born", "begun"])
def test_weekends_stay_quiet_although_no_date_is_common(
    visits: pd.DataFrame, twin: pd.DataFrame, column: str
) -> None:
    shares = [frame[column].dt.day_of_week.isin(WEEKEND).mean() for frame in (visits, twin)]
    assert abs(shares[0] - shares[1]) < 0.04
    assert shares[0] < 0.15  # where seven equal days would have .29


def test_an_end_that_is_missing_at_times_keeps_its_distance_to_the_start(
    visits: pd.DataFrame, twin: pd.DataFrame
) -> None:
    real, lengths = (
        (frame["ended"] - frame["begun"]).dt.total_seconds().dropna() for frame in (visits, twin)
    )
    assert (lengths >= 0).all()
    assert abs(twin["ended"].isna().mean() - 0.2) < 0.04
    assert lengths.median() == pytest.approx(real.median(), rel=0.2)


def test_an_inequality_is_found_although_extremes_are_cut() -> None:
    rng = np.random.default_rng(0)
    low = rng.gamma(2.0, 50.0, 1500)
    frame = pd.DataFrame({"low": low, "high": np.where(rng.random(1500) < 0.5, low + 0.5, np.nan)})
    twin = Synthesizer().fit(frame).sample(1500)
    both = twin.dropna()
    assert (both["low"] <= both["high"]).all()


def test_round_numbers_stay_as_common_as_they_are(visits: pd.DataFrame) -> None:
    # Numbers that are drawn end with a zero by chance, too: those of training that do are no habit.
    twins = [Synthesizer(seed).fit(visits).sample(ROWS) for seed in range(3)]
    for unit in (10, 1000):
        real, *twin_shares = ((frame["amount"] % unit == 0).mean() for frame in (visits, *twins))
        assert abs(real - np.mean(twin_shares)) < 0.025


def test_numbers_that_are_round_by_chance_are_not_made_rounder(twin: pd.DataFrame) -> None:
    assert abs((twin["code"] % 10 == 0).mean() - 0.1) < 0.02
    assert (twin["code"] % 1000 == 0).mean() < 0.005


def test_what_an_inequality_moves_stays_on_the_columns_own_steps() -> None:
    rng = np.random.default_rng(0)
    amounts = rng.integers(0, 300_000, 3000)
    limit = (amounts // 10_000 + rng.integers(1, 9, 3000)) * 10_000
    day = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 3000), unit="D"))
    moments = day + pd.to_timedelta(rng.integers(1, 40 * 86_400, 3000), unit="s")
    twin = (
        Synthesizer(seed=1)
        .fit(pd.DataFrame({"used": amounts, "limit": limit, "day": day, "seen": moments}))
        .sample(3000)
    )
    assert (twin["limit"] % 10_000 == 0).all()
    assert (twin["used"] <= twin["limit"]).all()
    assert (twin["day"] == twin["day"].dt.normalize()).all()
    assert (twin["day"] <= twin["seen"]).all()


def test_equal_stays_equal_where_it_is_so_in_part_of_the_rows() -> None:
    rng = np.random.default_rng(2)
    most, one = rng.gamma(2.0, 500.0, 3000).round(1), rng.random(3000) < 0.3
    share = rng.uniform(0.1, 0.9, (2, 3000))
    frame = pd.DataFrame(
        {
            "rows": np.where(one, 1, rng.integers(2, 40, 3000)),
            "least": np.where(one, most, (most * share.min(0)).round(1)),
            "mean": np.where(one, most, (most * share.max(0)).round(1)),
            "most": np.where(rng.random(3000) < 0.1, np.nan, most),
        }
    )
    frame.loc[frame["most"].isna(), "least"] = np.nan
    twin = Synthesizer(seed=4).fit(frame).sample(3000)
    for name, other in (("least", "mean"), ("mean", "most"), ("least", "most")):
        shares = [(each[name] == each[other]).mean() for each in (frame, twin)]
        assert abs(shares[0] - shares[1]) < 0.06, (name, other)
    alone = twin[twin["rows"] == 1]
    assert (alone["least"] == alone["mean"]).mean() > 0.6  # a tenth have no least
    assert abs(twin["most"].isna().mean() - 0.1) < 0.03


def test_visits_that_start_at_round_times_last_as_long_as_they_do_and_never_end_at_once() -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        start = rng.choice([8, 8, 9, 9, 10, 14, 16], 600) * 60 + rng.choice([0, 10, 15, 20, 30, 40, 45], 600)
        end = start + 5 * np.maximum(1, np.rint(rng.lognormal(1.3, 0.5, 600)).astype(int))
        real = pd.DataFrame({"start": start, "end": end})
        rows = Synthesizer(seed=1).fit(real).sample(ROWS)
        durations, really = rows["end"] - rows["start"], pd.Series(end - start)
        assert (durations > 0).all()
        assert abs((durations == 5).mean() - (really == 5).mean()) < 0.04
        assert durations.mean() == pytest.approx(really.mean(), rel=0.1)


def test_equal_values_stay_possible_where_there_are_such_and_only_there() -> None:
    rng = np.random.default_rng(2)
    low = rng.normal(50, 20, ROWS).round(1)
    gap = rng.exponential(4, ROWS).round(1)
    for least in (0.0, 0.1):
        frame = pd.DataFrame({"low": low, "high": (low + np.maximum(gap, least)).round(1)})
        rows = Synthesizer(seed=3).fit(frame).sample(ROWS)
        assert (rows["low"] <= rows["high"]).all()
        assert (rows["low"] == rows["high"]).any() == (least == 0)


def test_a_day_is_never_before_the_day_of_a_time_that_it_follows() -> None:
    rng = np.random.default_rng(6)
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 600 * 86_400, ROWS), "s")
    first = start.normalize() + pd.to_timedelta(rng.exponential(120, ROWS).astype(int), "D")
    frame = pd.DataFrame({"start": start, "first": pd.Series(first).where(rng.random(ROWS) < 0.7)})
    rows = Synthesizer(seed=0).fit(frame).sample(ROWS).dropna()
    assert (rows["start"].dt.normalize() <= rows["first"]).all()
    assert (rows["start"].dt.normalize() == rows["first"]).any()
