"""What rows show surely holds in the twin, however few they are; what they do not show does not."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from synth.engine import Synthesizer
from synth.engine.evidence import log_arrangement, log_tail, surely_more


def hours(later: pd.Series[pd.Timestamp], earlier: pd.Series[pd.Timestamp]) -> pd.Series[float]:
    return (later - earlier).dt.total_seconds() / 3600


def repairs(rows: int, seed: int, null_share: float = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 10**8, rows), unit="s")
    length = pd.to_timedelta(rng.gamma(1.2, 40_000, rows).round(), unit="s")
    end = pd.Series(start + length).where(rng.random(rows) >= null_share)
    return pd.DataFrame({"begun": start, "ended": end, "shop": rng.choice(["east", "west"], rows)})


def test_chances_are_exact() -> None:
    assert math.exp(log_tail(10, 10, 0.5)) == pytest.approx(2**-10)
    assert math.exp(log_tail(2, 3, 0.1)) == pytest.approx(3 * 0.1**2 * 0.9 + 0.1**3)
    assert math.exp(log_tail(1, 10**6, 1e-6)) == pytest.approx(1 - math.exp(-1), rel=1e-5)
    assert math.exp(log_arrangement(np.array([7, 0, 0, 0]))) == pytest.approx(1 / 4)
    assert [surely_more(count, 100, 0.01) for count in (1, 5, 8)] == [False, False, True]


@pytest.mark.parametrize("null_share", [0, 0.03, 0.3])
@pytest.mark.parametrize("rows", [110, 500])
def test_an_end_follows_its_start_as_closely_in_a_small_table(rows: int, null_share: float) -> None:
    real = repairs(rows, seed=rows, null_share=null_share)
    twin = Synthesizer(seed=1).fit(real).sample(2000)
    length = hours(twin["ended"], twin["begun"]).dropna()
    lengths = hours(real["ended"], real["begun"]).dropna()
    assert (length > lengths.quantile(0.99)).mean() < 0.04
    assert (length < 0).sum() == 0
    assert abs(length.median() / lengths.median() - 1) < 0.4


@pytest.mark.parametrize("rows", [120, 700])
def test_a_usual_term_stays_usual_in_a_small_table(rows: int) -> None:
    rng = np.random.default_rng(rows)
    loans = pd.Series(pd.Timestamp("2022-05-02") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D"))
    real = pd.DataFrame(
        {"lent": loans, "due": loans + pd.to_timedelta(rng.choice([21, 7], rows, p=[0.8, 0.2]), "D")}
    )
    twin = Synthesizer(seed=1).fit(real).sample(2000)
    usual = [((each["due"] - each["lent"]).dt.days == 21).mean() for each in (real, twin)]
    assert abs(usual[0] - usual[1]) < 0.08


@pytest.mark.parametrize("seed", range(3))
def test_a_rule_of_rows_that_differ_decides_nothing_about_the_others(seed: int) -> None:
    """The spread of a person's readings is NULL where there is one reading, of which least is most."""
    rng = np.random.default_rng(seed)
    count = rng.choice([0, 1, 2, 3, 4], 1500, p=[0.4, 0.33, 0.09, 0.09, 0.09])
    readings = [np.maximum(rng.lognormal(2, 1, each).round(1), 3.0) for each in count]
    real = pd.DataFrame(
        {
            "least": [each.min() if len(each) else np.nan for each in readings],
            "most": [each.max() if len(each) else np.nan for each in readings],
            "spread": [round(each.std(ddof=1), 3) if len(each) > 1 else np.nan for each in readings],
        }
    )
    twin = Synthesizer(seed=seed).fit(real).sample(3000)
    assert (twin.isna().mean() - real.isna().mean()).abs().max() < 0.04


def test_labels_that_are_redrawn_make_no_column_null_more_often() -> None:
    rng = np.random.default_rng(4)
    part = rng.choice(["none", "common", "rare"], 2000, p=[0.4, 0.2, 0.4])
    voucher = np.where(part == "rare", [f"v{each}" for each in range(2000)], "spring")
    real = pd.DataFrame({"part": part, "voucher": voucher}).drop(columns="part")
    real["voucher"] = real["voucher"].where(part != "none")
    real["cause"] = pd.Series(rng.choice(["gift", "excuse"], 2000)).where(part == "common")
    twin = Synthesizer(seed=2).fit(real).sample(4000)
    assert set(twin["voucher"].dropna()) == {"spring"}
    assert (twin.isna().mean() - real.isna().mean()).abs().max() < 0.03


def test_a_column_is_null_only_beside_labels_that_say_so() -> None:
    """The neighbours of the smallest value of a leaf are values, too, however many rows are NULL."""
    real = repairs(3000, seed=3)
    real["state"] = np.where(np.random.default_rng(3).random(3000) < 0.8, "open", "shut")
    real["shut_at"] = real["ended"].where(real["state"] == "shut")
    twin = Synthesizer(seed=2).fit(real.drop(columns="ended")).sample(6000)
    assert ((twin["state"] == "shut") == twin["shut_at"].notna()).all()


def wallets(rows: int, seed: int, second: float) -> pd.DataFrame:
    """Points by where they come from, mostly from one source, and their sum."""
    rng = np.random.default_rng(seed)
    names = ["visit", "friend", "game", "birthday"]
    points = pd.DataFrame(0, index=range(rows), columns=names)
    for share in (1, second):
        source = rng.choice(4, rows, p=[0.45, 0.15, 0.3, 0.1])
        is_used = rng.random(rows) < share
        for place, name in enumerate(names):
            points.loc[is_used & (source == place), name] += rng.integers(1, 26, rows)[
                is_used & (source == place)
            ]
    return points.assign(points=points.sum(axis=1))


@pytest.mark.parametrize("rows", [40, 90, 180])
def test_a_total_is_exact_in_a_small_table(rows: int) -> None:
    twin = Synthesizer(seed=1).fit(wallets(rows, seed=rows, second=0)).sample(300)
    assert (twin.drop(columns="points").sum(axis=1) == twin["points"]).all()


@pytest.mark.parametrize("seed", range(3))
def test_no_part_of_a_total_is_what_is_left(seed: int) -> None:
    real = wallets(600, seed, second=0.1)
    twin = Synthesizer(seed=0).fit(real).sample(2000)
    assert (twin.drop(columns="points").sum(axis=1) == twin["points"]).all()
    assert (twin >= real.min()).all(axis=None)
    assert ((twin == 0).mean() - (real == 0).mean()).abs().max() < 0.06


def test_what_is_earned_is_the_rest_where_it_may_be_a_loss() -> None:
    rng = np.random.default_rng(6)
    cost = rng.gamma(3, 40, 700).round(2)
    real = pd.DataFrame({"sold": (cost * rng.lognormal(0.1, 0.3, 700)).round(2), "cost": cost})
    real["earned"] = (real["sold"] - real["cost"]).round(2)
    twin = Synthesizer(seed=0).fit(real).sample(2000)
    assert np.allclose(twin["sold"] - twin["cost"], twin["earned"], atol=0.006)
    assert (twin[["sold", "cost"]] > 0).all(axis=None)
    assert abs((twin["earned"] < 0).mean() - (real["earned"] < 0).mean()) < 0.08


def test_a_few_rows_prove_no_arithmetic() -> None:
    real = pd.DataFrame({"one": [1, 2, 1, 3, 1, 2] * 8, "other": [1, 1, 2, 1, 1, 1] * 8})
    real["sum"] = real["one"] + real["other"]
    assert Synthesizer().fit(real.iloc[:24])._identities == ()
    assert len(Synthesizer(rare=2).fit(real)._identities) == 1


@pytest.mark.parametrize("rows", [300, 3000])
@pytest.mark.parametrize("unit", ["number", "date"])
def test_nothing_is_drawn_between_two_modes(rows: int, unit: str) -> None:
    rng = np.random.default_rng(rows)
    first = rng.random(rows) < 0.4
    real = pd.DataFrame({"at": np.where(first, rng.integers(0, 80, rows), rng.integers(600, 690, rows))})
    if unit == "date":
        real["at"] = pd.Timestamp("2020-06-01") + pd.to_timedelta(real["at"], "D")
    twin = Synthesizer(seed=2).fit(real).sample(5000)
    between = real["at"].where(~first).min(), real["at"].where(first).max()
    assert (twin["at"].between(between[1], between[0], inclusive="neither")).sum() == 0


@pytest.mark.parametrize("rows", [1000, 8000])
def test_a_rare_class_keeps_its_meaning(rows: int) -> None:
    means = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        rank = rng.permutation(np.where(np.arange(rows) < 21, "chief", rng.choice(["crew", "mate"], rows)))
        wage = np.where(rank == "chief", rng.normal(95, 3, rows), rng.normal(50, 14, rows)).round(1)
        real = pd.DataFrame({"rank": rank, "wage": wage, "age": rng.integers(18, 65, rows)})
        twin = Synthesizer(seed=seed).fit(real).sample(rows)
        means.append(twin.loc[twin["rank"] == "chief", "wage"].mean())
    assert np.mean(means) > 80


@pytest.mark.parametrize("rows", [150, 900])
def test_what_one_number_always_decides_is_always_so(rows: int) -> None:
    """The first and the last visit are one where there was but one, and NULL where there was none."""
    rng = np.random.default_rng(rows)
    visits = rng.choice([0, 1, 2, 3], rows, p=[0.15, 0.4, 0.3, 0.15])
    first = pd.Series(pd.Timestamp("2021-02-01") + pd.to_timedelta(rng.integers(0, 800, rows), "D"))
    last = first + pd.to_timedelta(np.where(visits > 1, rng.integers(1, 250, rows), 0), "D")
    real = pd.DataFrame({"visits": visits, "first": first.where(visits > 0), "last": last.where(visits > 0)})
    twin = Synthesizer(seed=1).fit(real).sample(3000)
    assert ((twin["visits"] == 0) == twin["first"].isna()).all()
    assert (twin["first"] == twin["last"])[twin["visits"] == 1].mean() > 0.99
    assert (twin["first"] < twin["last"])[twin["visits"] > 1].mean() > 0.999  # of 24,000 rows one is not
