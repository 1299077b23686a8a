"""Histories: ordered rows of many owners, drawn for other owners."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
import pytest

from synth.histories import Histories, Panel
from synth.histories.pasts import FIRST, GAP, Schema, later_targets
from synth.histories.spans import comes_soon

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]

OWNERS = 400
END = pd.Timestamp("2025-12-31")


@cache
def visits() -> tuple[pd.DataFrame, pd.DataFrame, Ints]:
    """Return owners with a first day, and their visits: gold owners come often, places rarely change."""
    rng = np.random.default_rng(0)
    start = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 200, OWNERS), "D")
    gold = rng.random(OWNERS) < 0.3
    counts = np.where(gold, rng.integers(4, 9, OWNERS), rng.integers(0, 4, OWNERS))
    owner = np.repeat(np.arange(OWNERS), counts)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    days = np.where(place == 0, 0, rng.integers(1, 20, len(owner)))
    days_before = pd.Series(days).groupby(owner).cumsum().to_numpy()
    home = np.repeat(rng.choice(["north", "south", "east"], OWNERS), counts)
    away = rng.random(len(owner)) < 0.1
    rows = pd.DataFrame(
        {
            "at": start[owner] + pd.to_timedelta(days_before, "D"),
            "spent": rng.integers(1, 50, len(owner)).astype(float),
            "place": np.where(away, "west", home),
        }
    )
    plan = np.where(gold, "gold", "plain")
    return pd.DataFrame({"since": start, "plan": plan}), rows[rows["at"] <= END], owner[rows["at"] <= END]


@cache
def twins() -> tuple[pd.DataFrame, pd.DataFrame, Ints]:
    owners, rows, owner = visits()
    histories = Histories(1, time="at", categories=["plan", "place"]).fit(owners, rows, owner)
    others = owners.sample(frac=1, random_state=1).reset_index(drop=True)
    return others, *histories.sample(others)


def test_rows_have_the_columns_and_types_that_were_learned_and_each_has_an_owner() -> None:
    _, real, _ = visits()
    owners, rows, owner = twins()
    assert rows.dtypes.to_dict() == real.dtypes.to_dict()
    assert len(rows) == len(owner)
    assert owner.min() >= 0
    assert owner.max() < len(owners)


def test_rows_of_an_owner_stand_together_and_in_order() -> None:
    _, rows, owner = twins()
    assert (np.diff(owner) >= 0).all()
    assert (rows["at"].diff()[np.diff(owner, prepend=-1) == 0] >= pd.Timedelta(0)).all()


def test_the_number_of_rows_follows_the_owner() -> None:
    owners, _, owner = twins()
    counts = pd.Series(np.bincount(owner, minlength=len(owners)))
    means = counts.groupby(owners["plan"]).mean()
    assert means["gold"] > 2.5 * means["plain"]


def test_rows_that_few_owners_have_most_of_are_not_lost_and_no_owner_has_as_many() -> None:
    rng = np.random.default_rng(1)
    counts = rng.poisson(3, OWNERS)
    counts[:5] = 170, 60, 50, 30, 25
    owner = np.repeat(np.arange(OWNERS), counts)
    owners, rows = (
        pd.DataFrame({"size": rng.normal(size=OWNERS)}),
        pd.DataFrame({"at": rng.random(len(owner))}),
    )
    histories = Histories(seed=0, time="at").fit(owners, rows, owner)
    totals = [len(histories.sample(owners, draw=draw)[1]) for draw in range(8)]
    assert 0.85 < np.mean(totals) / len(rows) < 1.15
    assert np.bincount(histories.sample(owners)[1]).max() < 50


def test_no_row_lies_before_its_owner_begins_or_behind_the_end() -> None:
    owners, rows, owner = twins()
    since = owners["since"].iloc[owner].reset_index(drop=True)
    assert (rows["at"] >= since).all()
    first = np.diff(owner, prepend=-1) > 0
    assert (rows["at"] == since)[first].mean() > 0.95
    assert (rows["at"] <= END).all()


def test_values_stay_as_often_as_they_really_do() -> None:
    def share_that_stays(rows: pd.DataFrame, owner: Ints) -> float:
        later = np.diff(owner, prepend=-1) == 0
        return float(
            (rows["place"].reset_index(drop=True) == rows["place"].reset_index(drop=True).shift())[
                later
            ].mean()
        )

    _, real, owner = visits()
    assert abs(share_that_stays(real, owner) - share_that_stays(*twins()[1:])) < 0.08


def test_the_same_seed_draws_the_same_rows() -> None:
    owners, rows, owner = visits()
    owners, rows, owner = owners[:150], rows[:150], owner[:150]
    is_known = owner < len(owners)
    one, two = (
        Histories(3, time="at").fit(owners, rows[is_known], owner[is_known]).sample(owners) for _ in range(2)
    )
    pd.testing.assert_frame_equal(one[0], two[0])
    assert (one[1] == two[1]).all()


def test_long_histories_are_drawn_in_stretches_and_keep_their_length_and_order() -> None:
    rng = np.random.default_rng(5)
    owners = pd.DataFrame({"kind": ["a", "b"] * 6})
    owner = np.repeat(np.arange(12), 150)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.tile(np.arange(150), 12), "D")
    rows = pd.DataFrame({"at": at, "level": np.round(rng.normal(size=1800).cumsum(), 1)})
    twin, whose = Histories(0, time="at").fit(owners, rows, owner).sample(owners)
    assert (np.bincount(whose, minlength=12) == 150).all()
    assert (twin["at"].diff()[np.diff(whose, prepend=-1) == 0] >= pd.Timedelta(0)).all()
    assert twin["at"].max() <= at.max()


def test_owners_without_rows_and_rows_without_a_time_are_learned() -> None:
    owners = pd.DataFrame({"size": np.arange(60) % 7})
    none = pd.DataFrame({"item": pd.Series([], dtype=object)})
    rows, owner = Histories().fit(owners, none, np.zeros(0, np.int64)).sample(owners)
    assert len(rows) == len(owner) == 0
    items = pd.DataFrame(
        {
            "item": [f"i{n % 3}" for n in range(120)],
            "n": pd.array([None, 1] * 60, dtype="Int64"),
            "size": np.arange(120) % 5,
        }
    )
    rows, owner = Histories().fit(owners, items, np.repeat(np.arange(60), 2)).sample(owners)
    assert (np.bincount(owner, minlength=60) == 2).all()
    assert rows.dtypes.to_dict() == items.dtypes.to_dict()
    assert rows["item"].notna().all()
    assert rows["n"].isna().mean() == pytest.approx(0.5, abs=0.1)


def test_of_rows_without_columns_their_number_is_learned() -> None:
    owners, visits_of_owners, owner = visits()
    rows = visits_of_owners[[]]
    histories = Histories(1, categories=["plan"]).fit(owners, rows, owner, beside=Panel(owners, rows, owner))
    drawn, whose = histories.sample(owners)
    assert drawn.shape == (len(whose), 0)
    means = pd.Series(np.bincount(whose, minlength=len(owners))).groupby(owners["plan"]).mean()
    assert means["gold"] > 2.5 * means["plain"]


def test_rows_without_an_owner_and_times_that_are_none_are_refused() -> None:
    owners, rows, owner = visits()
    with pytest.raises(ValueError, match="position of its owner"):
        Histories(time="at").fit(owners, rows, owner[1:])
    with pytest.raises(ValueError, match="cannot be ordered"):
        Histories(time="place").fit(owners, rows, owner)


def test_rows_fall_on_the_days_of_the_week_that_real_ones_fall_on() -> None:
    rng = np.random.default_rng(5)
    owner = np.repeat(np.arange(OWNERS), 4)
    gaps = pd.to_timedelta(rng.integers(3, 120, len(owner)), "D").to_series().groupby(owner).cumsum()
    at = pd.Series(pd.Timestamp("2024-01-01") + gaps.to_numpy())
    at += pd.to_timedelta(at.dt.day_of_week.map({5: 2, 6: 1}).fillna(0), "D")  # weekends wait for Monday
    owners = pd.DataFrame({"since": at[::4].to_numpy() - pd.to_timedelta(rng.integers(0, 5, OWNERS), "D")})
    rows, whose = Histories(0, time="at").fit(owners, pd.DataFrame({"at": at}), owner).sample(owners)
    real, twin = (times.dt.day_of_week.value_counts(normalize=True) for times in (at, rows["at"]))
    assert set(twin.index) == set(real.index)
    assert (twin - real).abs().max() < 0.08
    assert (rows["at"] >= owners["since"].iloc[whose].reset_index(drop=True)).all()


def test_first_rows_and_others_teach_each_other_what_their_columns_do_together() -> None:
    shares = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        owner = np.repeat(np.arange(600), rng.integers(1, 3, 600))
        kind = rng.choice(["low", "normal", "high", "urgent"], len(owner))
        usual = pd.Series(kind).map({"low": 3.6, "normal": 2.9, "high": 2.2, "urgent": 1.0}).to_numpy()
        days = pd.to_timedelta(rng.integers(0, 300, len(owner)), "D")
        hours = np.exp(usual + rng.normal(0, 0.8, len(owner))).round(1)
        rows = pd.DataFrame({"at": pd.Timestamp("2025-01-01") + days, "kind": kind, "hours": hours})
        owners = pd.DataFrame({"size": rng.integers(1, 9, 600)})
        twin, _ = Histories(seed, time="at", categories=["kind"]).fit(owners, rows, owner).sample(owners)
        assert twin["at"].between(rows["at"].min(), rows["at"].max()).all()
        shares.append(explained_share(twin) / explained_share(rows))
    assert np.mean(shares) > 0.85  # of six seeds .92 is the mean; first rows and others apart keep .78


def explained_share(rows: pd.DataFrame) -> float:
    """Return the share of the variance of the ranks of hours that the kind explains."""
    ranks = rows["hours"].rank(pct=True)
    return float(ranks.groupby(rows["kind"]).transform("mean").var() / ranks.var())


@pytest.mark.filterwarnings("error")
def test_numbers_that_are_infinite_do_not_spoil_what_rows_are_drawn_given() -> None:
    owners, rows, owner = visits()
    rows = rows.assign(titre=np.where(np.arange(len(rows)) % 5 == 0, -np.inf, rows["spent"]))
    twin = Histories(1, time="at", categories=["plan", "place"]).fit(owners, rows, owner)
    titres = twin.sample(owners)[0]["titre"]
    assert np.isneginf(titres).mean() == pytest.approx(0.2, abs=0.06)


@pytest.mark.parametrize("seed", range(2))
def test_rows_of_long_histories_do_not_pile_up_at_the_end(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(20, 60, 200)
    owner = np.repeat(np.arange(200), counts)
    days = rng.uniform(0, 365, len(owner)).round(2)
    order = np.lexsort((days, owner))
    rows = pd.DataFrame({"at": END - pd.to_timedelta(days[order][::-1] * 24, "h").round("min")})
    rows["owner"] = owner
    rows = rows.sort_values(["owner", "at"]).reset_index(drop=True)
    histories = Histories(seed, time="at").fit(
        pd.DataFrame(index=range(200)), rows[["at"]], rows["owner"].to_numpy()
    )
    twin, whose = histories.sample(pd.DataFrame(index=range(200)))
    gaps = twin["at"].diff()[np.diff(whose, prepend=-1) == 0]
    assert (gaps == pd.Timedelta(0)).mean() < 0.01


def test_ends_lie_hardly_ever_behind_the_last_end() -> None:
    """What is over at the end of the data began early enough, or was short."""
    rng = np.random.default_rng(5)
    owner = np.sort(rng.integers(0, 500, 1_500))
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 330, 1_500), "D")
    end = start + pd.to_timedelta(rng.integers(20, 60, 1_500), "D")
    last = pd.Timestamp("2024-12-01")
    rows = pd.DataFrame({"start": start, "end": end.where(end <= last)})
    owners = pd.DataFrame({"size": rng.integers(1, 5, 500)})
    twin, _ = Histories(0, time="start").fit(owners, rows, owner).sample(owners)
    assert (twin["end"] > rows["end"].max()).mean() < 0.002
    assert abs(twin["end"].isna().mean() - rows["end"].isna().mean()) < 0.03


def test_times_until_the_first_row_are_learned_beside_the_gaps_to_the_next() -> None:
    days = pd.to_datetime(["2024-01-01", "2024-03-01", "2024-02-01", "2024-05-01"])
    rows, later = pd.DataFrame({"at": days}), np.array([False, True, False, True])
    starts = pd.Series(pd.to_datetime(["2023-12-31", "2023-12-31", "2024-01-30", "2024-01-30"]))
    schema = Schema("at", (), (), (), whole=True, first_apart=True)
    targets = later_targets(rows, later, schema, starts)
    assert targets[FIRST].dt.days.dropna().tolist() == [1, 2]
    assert targets[FIRST].isna().tolist() == [False, True, False, True]
    assert targets[GAP].dt.days.dropna().tolist() == [60, 90]
    assert targets[GAP].isna().tolist() == [True, False, True, False]


def test_few_rows_come_as_soon_and_as_far_apart_as_real_ones() -> None:
    """The first on the day itself, others two months after the one before."""
    rng = np.random.default_rng(3)
    counts = rng.integers(1, 5, 300)
    owner = np.repeat(np.arange(300), counts)
    signup = pd.Series(pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 300, 300), "D"))
    gaps = np.where(pd.Series(owner).duplicated(), rng.integers(40, 90, len(owner)), 0)
    days = pd.Series(gaps).groupby(owner).cumsum()
    rows = pd.DataFrame({"at": signup.iloc[owner].reset_index(drop=True) + pd.to_timedelta(days, "D")})
    owners = pd.DataFrame({"signup": signup})
    twin, whose = Histories(0, time="at").fit(owners, rows, owner).sample(owners)
    first = ~pd.Series(whose).duplicated()
    apart = twin["at"].diff()[~first].dt.days
    until = twin["at"][first].array - signup.iloc[whose[first]].array
    assert (until.days == 0).mean() > 0.95
    assert 58 < apart.mean() < 72


@pytest.mark.parametrize("is_date", [True, False])
def test_first_rows_come_soon_after_a_date_and_not_after_a_number(is_date: bool) -> None:
    rows, owners = pd.DataFrame({"at": [0, 50, 120, 7, 90, 100]}), pd.DataFrame({"begin": [0, 7]})
    if is_date:
        rows, owners = (frame.apply(pd.to_datetime, unit="D") for frame in (rows, owners))
    panel = Panel(owners, rows, np.array([0, 0, 0, 1, 1, 1]), None)
    panel = panel.in_order("at", lambda owner: np.arange(len(owner)))
    assert comes_soon(panel, str(panel.owners.columns[0]), "at") is is_date
