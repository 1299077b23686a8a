"""What nearly every entity keeps to is asked with noise, and kept by all rows of the twin."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.guarantee import ColumnDomain, PrivateSynthesizer
from synth.guarantee.regularities import Regularity, with_regularity

# Noise hides a rule in one case of six, so more than half of these show it in all but 1 of 100,000 runs.
SEEDS = range(32)
LOW, HIGH = pd.Timestamp("2023-01-01"), pd.Timestamp("2025-12-31")
DOMAINS = {
    "ordered": ColumnDomain("datetime", low=LOW, high=HIGH, unit="D", nullable=False),
    "until": ColumnDomain("number", decimals=0, nullable=False, steps=(7, 14)),
    "paid": ColumnDomain("number", decimals=0),
    "weight": ColumnDomain("number", decimals=2, low=0, high=90, nullable=False),
}


def orders(seed: int, days: tuple[int, ...], owners: int, each: int) -> pd.DataFrame:
    """Return orders on some days of the week, due after whole fortnights, paid in steps of 50."""
    random, rows = np.random.default_rng(seed), owners * each
    calendar = pd.date_range(LOW, HIGH)
    return pd.DataFrame(
        {
            "ordered": random.choice(calendar[calendar.day_of_week.isin(days)], rows),
            "until": random.choice([14, 28, 42], rows, p=[0.1, 0.8, 0.1]),
            "paid": pd.Series(random.integers(1, 90, rows) * 50).mask(random.random(rows) < 0.2),
            "weight": np.round(random.gamma(2, 9, rows), 2),
        }
    )


def fit(seed: int, days: tuple[int, ...], owners: int = 150, each: int = 5) -> PrivateSynthesizer:
    frame = orders(seed, days, owners, each)
    engine = PrivateSynthesizer(DOMAINS, rows_per_entity=each, seed=seed)
    return engine.fit(frame, entities=np.arange(owners * each) // each, keys=b"secret")


def rules(engine: PrivateSynthesizer) -> dict[str, tuple[tuple[int, ...], int]]:
    return {rule.column: (rule.days, rule.step) for rule in engine.regularities}


def test_rows_keep_what_nearly_every_owner_keeps_to() -> None:
    counts = {"ordered": 0, "until": 0, "paid": 0}
    for seed in SEEDS:
        engine = fit(seed, (0, 1, 2, 3, 4))
        twin, known = engine.sample(400), rules(engine)
        assert "weight" not in known
        if "ordered" in known:
            assert known["ordered"] == ((0, 1, 2, 3, 4), 0)
            assert (twin["ordered"].dt.day_of_week < 5).all()
            assert twin["ordered"].between(LOW, HIGH).all()
        if "until" in known:
            assert known["until"][1] in {7, 14}
            assert (twin["until"] % known["until"][1] == 0).all()
        if "paid" in known:
            assert known["paid"][1] in {5, 10, 50}
            assert (twin["paid"].dropna() % known["paid"][1] == 0).all()
        for name in counts:
            counts[name] += name in known
    assert min(counts.values()) > len(SEEDS) / 2


def test_what_is_on_all_days_of_the_week_stays_so() -> None:
    known = ["ordered" in rules(fit(seed, tuple(range(7)))) for seed in SEEDS]
    assert sum(known) <= 1


@pytest.mark.parametrize("each", [1, 5])
def test_one_day_of_the_week_is_told(each: int) -> None:
    """Weekly sheets begin on one day, however many of somebody there are."""
    engines = [fit(seed, (6,), owners=500, each=each) for seed in SEEDS]
    sundays = [engine for engine in engines if rules(engine).get("ordered") == ((6,), 0)]
    assert len(sundays) > len(SEEDS) / 2
    assert all((engine.sample(300)["ordered"].dt.day_of_week == 6).all() for engine in sundays)


@pytest.mark.parametrize("owners", [4, 12])
def test_of_few_owners_nothing_is_asked_and_nothing_paid(owners: int) -> None:
    engine = fit(0, (0, 1), owners=owners)
    assert not engine.regularities
    assert not [one for one in engine.releases if "regularities" in one.what]


def test_an_owner_more_or_less_costs_one_count_whatever_rows_it_has() -> None:
    asked = [one for one in fit(0, (0, 1)).releases if "regularities" in one.what]
    assert len(asked) == len(DOMAINS)
    assert {one.contribution for one in asked} == {1}


@pytest.mark.parametrize(("each", "ahead"), [(1, 0), (12, 0), (1, 1), (12, 1)])
def test_days_that_are_firsts_or_lasts_of_months_stay_so_within_their_bounds(each: int, ahead: int) -> None:
    day = pd.Timedelta(days=ahead)
    months = pd.date_range("2023-02-01", "2025-12-01", freq="MS") - day
    domain = ColumnDomain("datetime", low=pd.Timestamp("2023-01-10"), high=HIGH, unit="D", nullable=True)
    null_shares = []
    for seed in SEEDS:
        random = np.random.default_rng(seed)
        days = pd.Series(random.choice(months, 150 * each)).mask(random.random(150 * each) < 0.1)
        engine = PrivateSynthesizer({"month": domain}, rows_per_entity=each, seed=seed)
        twin = engine.fit(pd.DataFrame({"month": days}), np.arange(150 * each) // each).sample(400)["month"]
        if any(rule.lasts if ahead else rule.firsts for rule in engine.regularities):
            assert ((twin.dropna() + day).dt.day == 1).all()
            assert twin.dropna().between(domain.low, HIGH).all()
            null_shares.append(twin.isna().mean())
    assert 0.03 < np.mean(null_shares) < 0.2  # of some, noise hides all
    assert len(null_shares) > len(SEEDS) / 2


def test_days_with_a_zone_become_firsts_of_months_or_working_days_within_their_bounds() -> None:
    """Bounds that are found in the rows have a zone, and so have the days."""
    low, high = (pd.Timestamp(day, tz="UTC") for day in ("2023-01-10", "2025-12-20"))
    domain = ColumnDomain("datetime", low=low, high=high, unit="D")
    days = pd.Series(pd.date_range(low, high, freq="D")).mask(lambda each: each.dt.day == 3)
    rules = (Regularity("month", firsts=True), Regularity("month", lasts=True))
    for rule in (*rules, Regularity("month", days=(0, 1, 2, 3, 4))):
        result = with_regularity(days, rule, domain, np.random.default_rng(0))
        assert result.dtype == days.dtype
        assert result.isna().equals(days.isna())
        assert result.dropna().between(low, high).all()
        present = result.dropna()
        fits = present.dt.day_of_week < 5 if rule.days else present.dt.is_month_start == rule.firsts
        assert (fits & (present.dt.is_month_end | ~np.bool_(rule.lasts))).all()
