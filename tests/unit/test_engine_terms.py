"""Dates that are whole months apart: contracts, policies, guarantees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from synth.engine import Synthesizer
from synth.engine.anniversaries import AFTER, BEFORE, LAST, SAME, Months, are_whole, months_later
from synth.histories import Histories

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEEDS = (3, 4)
MONTHS = np.array([1, 6, 12, 24, 36])


def later(days: NDArray[Any], months: Any) -> NDArray[Any]:
    return months_later(days.astype("M8[us]"), np.broadcast_to(months, len(days)), SAME).astype("M8[ns]")


def contracts(rows: int, seed: int, *, part: float = 1.0) -> pd.DataFrame:
    """Contracts of some kinds; those of a `part` end a day before an anniversary, others on any day."""
    rng = np.random.default_rng(seed)
    start = (np.datetime64("2016-01-01") + rng.integers(0, 3_000, rows)).astype("M8[ns]")
    kind = rng.integers(0, 5, rows)
    end = later(start, MONTHS[kind]) - np.timedelta64(1, "D")
    end = np.where(rng.random(rows) < part, end, start + rng.integers(5, 900, rows).astype("m8[D]"))
    frame = pd.DataFrame({"start": start, "kind": np.array(list("abcde"))[kind], "end": end})
    return frame.assign(fee=np.round(10 * MONTHS[kind] * rng.uniform(0.9, 1.1, rows), 2))


def share(rows: pd.DataFrame, start: str = "start", end: str = "end", days: int = 1) -> float:
    """Return in which share of the rows that have both the second date is an anniversary, so many days on."""
    there = rows.dropna(subset=[start, end])
    first = there[start].to_numpy("M8[us]")
    second = there[end].to_numpy("M8[us]") + np.timedelta64(days, "D")
    spans = Months.between(first, second, (SAME,))
    return float((spans.whole & (spans.number != 0)).mean())


def test_months_are_added_as_postgres_adds_them() -> None:
    cases = [
        ("2023-01-31", 1, SAME, "2023-02-28"),
        ("2024-01-31", 1, SAME, "2024-02-29"),
        ("2024-02-29", 12, SAME, "2025-02-28"),
        ("2024-03-31T10:30", -1, SAME, "2024-02-29T10:30"),
        ("2024-01-01", 12, BEFORE, "2024-12-31"),
        ("2024-12-31", 12, AFTER, "2026-01-01"),
        ("2024-02-29", 6, LAST, "2024-08-31"),
    ]
    for start, months, form, end in cases:
        first, last = np.array([start], "M8[us]"), np.array([end], "M8[us]")
        assert months_later(first, np.array([months]), form) == last
        assert Months.between(first, last, (form,)).number == months


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rows", [300, 1_000])
def test_contracts_end_the_day_before_an_anniversary(rows: int, seed: int) -> None:
    real = contracts(rows, seed)
    twin = Synthesizer(seed).fit(real).sample(rows)
    assert share(real) == 1
    assert share(twin) > 0.99
    assert abs((twin["kind"] == "c").mean() - (real["kind"] == "c").mean()) < 0.1


@pytest.mark.parametrize("seed", SEEDS)
def test_where_some_contracts_end_on_any_day_as_many_do(seed: int) -> None:
    real = contracts(1_000, seed, part=0.5)
    twin = Synthesizer(seed).fit(real).sample(1_000)
    assert share(twin) == pytest.approx(share(real), abs=0.08)
    assert (twin["end"] >= twin["start"]).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_an_anniversary_is_missing_where_the_state_has_none_and_lies_in_the_future(seed: int) -> None:
    rng = np.random.default_rng(seed)
    start = (np.datetime64("2016-01-01") + rng.integers(0, 3_650, 600)).astype("M8[ns]")
    start = np.where(rng.random(600) < 0.6, start.astype("M8[M]").astype("M8[ns]"), start)
    today, years = np.datetime64("2026-01-01"), np.ones(600, int)
    for _ in range(12):
        years += later(start, 12 * years) <= today
    renewal = pd.Series(later(start, 12 * years))
    state = rng.choice(["active", "expired"], 600)
    real = pd.DataFrame({"state": state, "start": start, "renewal": renewal.mask(state == "expired")})
    twin = Synthesizer(seed).fit(real).sample(600)
    assert share(twin, "start", "renewal", 0) > 0.99
    assert (twin["renewal"].isna() == (twin["state"] == "expired")).all()
    assert twin["renewal"].min() > today


@pytest.mark.parametrize("seed", SEEDS)
def test_a_number_of_months_that_few_have_becomes_a_common_one(seed: int) -> None:
    real = contracts(600, seed)
    few = real.index[:6]
    real.loc[few, "end"] = later(real.loc[few, "start"].to_numpy(), 17) - np.timedelta64(1, "D")
    twin = Synthesizer(seed).fit(real).sample(600)
    first, last = (twin[name].to_numpy("M8[us]") for name in ("start", "end"))
    numbers = Months.between(first, last, (BEFORE,)).number
    assert np.isin(numbers, MONTHS).all()


@pytest.mark.parametrize("time", ["23:59:59", "00:00:00"])
def test_a_term_that_begins_at_any_hour_ends_at_the_end_of_a_day(time: str) -> None:
    real = contracts(500, 3)
    rng = np.random.default_rng(3)
    real["end"] += pd.Timedelta(time)
    real["start"] += pd.to_timedelta(rng.integers(8 * 60, 18 * 60, 500), "min")
    twin = Synthesizer(3).fit(real).sample(500)
    days = twin.assign(start=twin["start"].dt.normalize(), end=twin["end"].dt.normalize())
    assert share(days) > 0.99
    assert (twin["end"] - twin["end"].dt.normalize() == pd.Timedelta(time)).all()


def test_terms_have_time_zones() -> None:
    real = contracts(500, 3)
    for name in ("start", "end"):
        real[name] = real[name].dt.tz_localize("Europe/Berlin")
    twin = Synthesizer(3).fit(real).sample(500)
    assert share(twin.assign(**{name: twin[name].dt.tz_localize(None) for name in ("start", "end")})) > 0.99


@pytest.mark.parametrize("seed", SEEDS)
def test_dates_that_have_the_same_day_by_chance_are_no_terms(seed: int) -> None:
    rng = np.random.default_rng(seed)
    start, end = (np.datetime64("2016-01-01") + rng.integers(0, 3_000, (2, 2_000))).astype("M8[us]")
    assert are_whole(start, end, 2_000) == 0
    first, last = (days.astype("M8[M]").astype("M8[us]") for days in (start, end))
    assert are_whole(first, last, 2_000) == 0
    assert are_whole(start, start, 2_000) == 0  # none of a month


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("follow", [True, False])
def test_terms_of_histories_are_whole_months(seed: int, *, follow: bool) -> None:
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(200), 3)
    real = contracts(600, seed)
    if follow:  # each begins when the last one ended
        months = rng.choice([6, 12, 24], 600)
        start = (np.datetime64("2016-01-01") + rng.integers(0, 1_500, 200)).astype("M8[ns]")
        before = np.concatenate([[0], np.cumsum(months)[:-1]]) - np.repeat(
            np.r_[0, np.cumsum(months)[2:-1:3]], 3
        )
        real = pd.DataFrame({"start": later(start[owner], before)})
        real["end"] = later(real["start"].to_numpy(), months) - np.timedelta64(1, "D")
    owners = pd.DataFrame({"region": rng.choice(["north", "south"], 200)})
    rows, whose = Histories(seed, time="start").fit(owners, real, owner).sample(owners)
    assert share(rows) > 0.98
    later_rows = whose[1:] == whose[:-1]
    if follow:
        assert (rows["start"].to_numpy()[1:] > rows["end"].to_numpy()[:-1])[later_rows].mean() > 0.98
