"""No row of a history begins behind a date of its owner where no real one does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.histories.histories import Histories
from synth.histories.limits import Limits
from synth.histories.panels import Panel


def members(number: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Return members, of whom half have left, and courses that begin while they are there."""
    random = np.random.default_rng(seed)
    entry = pd.Timestamp("2010-01-01") + pd.to_timedelta(random.integers(0, 4000, number), "D")
    leave = entry + pd.to_timedelta(random.integers(30, 1200, number), "D")
    owners = pd.DataFrame({"entry": entry, "leave": pd.Series(leave).where(random.random(number) < 0.5)})
    owner = np.repeat(np.arange(number), random.integers(1, 5, number))
    until = owners["leave"].fillna(pd.Timestamp("2025-12-31")).iloc[owner].reset_index(drop=True)
    since = owners["entry"].iloc[owner].reset_index(drop=True)
    begins = (since + (until - since) * random.random(len(owner))).dt.normalize()
    return owners, pd.DataFrame({"begins": begins, "level": random.choice(list("abc"), len(owner))}), owner


@pytest.mark.parametrize("number", [300, 1500])  # of fewer rows, first ones are learned with the others
def test_no_row_begins_behind_the_end_of_its_owner(number: int) -> None:
    owners, rows, owner = members(number, 0)
    twin, whose = Histories(0, time="begins").fit(owners, rows, owner).sample(owners)
    leave = owners["leave"].iloc[whose].reset_index(drop=True)
    assert (twin["begins"] > leave).mean() < 0.002
    assert abs(len(twin) / len(rows) - 1) < 0.1


def test_limits_are_dates_that_hold_whole_days() -> None:
    day, noon = pd.Timestamp("2024-05-05"), pd.Timestamp("2024-05-05 12:00")
    owners = pd.DataFrame({"leave": [day] * 30, "entry": [pd.Timestamp("2024-05-04")] * 30, "age": range(30)})
    rows = pd.DataFrame({"begins": [noon] * 30})
    limits = Limits.of(Panel(owners, rows, np.arange(30), None), "begins", 10)
    assert limits == Limits(("leave",), (("leave", 0), ("entry", 0)))
    ends = limits.latest(owners, pd.Timestamp("2025-01-01"), owners["leave"].dtype)
    assert (ends == pd.Timestamp("2024-05-05 23:59:59.999999")).all()
    assert Limits.of(Panel(owners, rows.assign(begins=1), np.arange(30), None), "begins", 10) == Limits()


def drivers(number: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Return people of all ages from 18 on, and races of 25 years that each of them drives for some time."""
    random = np.random.default_rng(seed)
    season = random.integers(0, 9_000, number)
    days = 365 * (18 + random.gamma(3, 2, number)) + 5
    first = pd.Timestamp("2000-01-01") + pd.to_timedelta(season, "D")
    owners = pd.DataFrame({"born": (first - pd.to_timedelta(days, "D")).normalize()})
    owner = np.repeat(np.arange(number), random.integers(1, 20, number))
    later = random.exponential(200, len(owner))
    begins = (
        first.to_series().iloc[owner].reset_index(drop=True) + pd.to_timedelta(later, "D")
    ).dt.normalize()
    inside = (begins < pd.Timestamp("2025-01-01")).to_numpy()
    rows = pd.DataFrame({"begins": begins, "place": random.integers(1, 20, len(owner))})
    return owners, rows[inside].reset_index(drop=True), owner[inside]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("number", [120, 400])
def test_nobody_drives_before_an_age(number: int, seed: int) -> None:
    owners, rows, owner = drivers(number, seed)
    twin, whose = Histories(seed, time="begins").fit(owners, rows, owner).sample(owners)
    age = twin["begins"] - owners["born"].iloc[whose].reset_index(drop=True)
    assert (age < pd.Timedelta(days=365 * 18)).mean() < 0.02  # `synth.sampling.precedence` moves the others


@pytest.mark.parametrize("seed", range(3))
def test_what_says_when_rows_are_says_nothing_else(seed: int) -> None:
    """A day of birth bounds when somebody signs; prices by age would tell who somebody is."""
    random = np.random.default_rng(seed)
    owners = pd.DataFrame(
        {"born": pd.Timestamp("1950-01-01") + pd.to_timedelta(random.integers(0, 18_000, 500), "D")}
    )
    owner = np.repeat(np.arange(500), 3)
    age = (pd.Timestamp("2024-01-01") - owners["born"].iloc[owner]).dt.days.to_numpy()
    begins = pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 700, 1500), "D")
    rows = pd.DataFrame({"begins": begins, "fee": age // 100 + random.integers(0, 20, 1500)})
    for births, least, most in (((), 0.8, 1.0), (("born",), -0.25, 0.25)):
        twin, whose = Histories(seed, time="begins", births=births).fit(owners, rows, owner).sample(owners)
        twin_age = (pd.Timestamp("2024-01-01") - owners["born"].iloc[whose]).dt.days.to_numpy()
        assert least < np.corrcoef(twin["fee"], twin_age)[0, 1] < most
