"""Days that many dates fall on: firsts of months, 1 January."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.engine import Synthesizer
from synth.engine.marks import LAST, MONTHLY, YEARLY, Marks
from synth.histories import Histories

SEEDS = (3, 4)


def policies(rows: int, seed: int, *, yearly: float = 0.3, monthly: float = 0.4) -> pd.DataFrame:
    """Policies that begin on 1 January, or on the first of a month, or any day."""
    rng = np.random.default_rng(seed)
    day = np.datetime64("2016-01-01") + rng.integers(0, 3_650, rows)
    kind = rng.random(rows)
    day = np.where(kind < yearly + monthly, day.astype("M8[M]").astype("M8[D]"), day)
    day = np.where(kind < yearly, day.astype("M8[Y]").astype("M8[D]"), day)
    price = np.round(rng.lognormal(4, 0.4, rows), 2)
    return pd.DataFrame(
        {"line": rng.choice(list("abc"), rows), "start": day.astype("M8[ns]"), "price": price}
    )


def firsts(rows: pd.DataFrame, name: str = "start") -> tuple[float, float]:
    """Return the shares of dates on 1 January, and on another first of a month."""
    first, january = rows[name].dt.day == 1, rows[name].dt.month == 1
    return float((first & january).mean()), float((first & ~january).mean())


def marks_of(dates: pd.Series[pd.Timestamp], people: int | None = None) -> Marks:
    whom = None if people is None else np.arange(len(dates)) % people
    return Marks.of(dates.to_numpy(), whom, 10)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rows", [300, 1_000])
def test_as_many_policies_begin_on_firsts_of_months_as_do(rows: int, seed: int) -> None:
    real = policies(rows, seed)
    twin = Synthesizer(seed).fit(real).sample(rows)
    assert firsts(twin) == pytest.approx(firsts(real), abs=0.1)
    days = twin["start"].dt.day
    assert (days[days != 1].value_counts(normalize=True) < 0.12).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_no_day_that_few_begin_on_comes_back_more_often_than_among_others(seed: int) -> None:
    real, others = policies(600, seed), policies(600, seed + 100)
    twin = Synthesizer(seed).fit(real).sample(600)
    counts = real["start"].value_counts()
    rare = counts.index[counts < 10]
    assert twin["start"].isin(rare).mean() < others["start"].isin(rare).mean() + 0.08


def test_marks_are_days_that_are_far_too_common() -> None:
    marks = marks_of(policies(300, 3)["start"])
    assert (marks.yearly, marks.monthly) == ((0,), (1,))
    assert not marks_of(policies(3_000, 3, yearly=0, monthly=0)["start"])
    ends = policies(300, 3)["start"] - pd.Timedelta(1, "D")
    assert marks_of(ends).monthly == (LAST,)
    assert not marks_of(policies(300, 3)["start"], people=9)  # of nine people
    assert not marks_of(pd.Series(pd.date_range("2025-03-01", periods=60).repeat(5)))


def test_each_date_of_a_kind_has_a_number() -> None:
    days = np.arange(np.datetime64("2015-01-01"), np.datetime64("2021-01-01"))
    marks = Marks((0, 6 * 31), (1, 15, LAST))
    kinds = marks.kinds(days)
    assert (kinds == YEARLY).sum() == 12
    assert (kinds == MONTHLY).sum() == 72 * 3 - 12
    for kind in (YEARLY, MONTHLY):
        own = days[kinds == kind]
        numbers = marks.numbers(own, kind)
        assert (marks.dates(numbers, kind) == own).all()
        assert (np.diff(numbers) > 0).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_follows_a_first_of_a_month_follows_it_still(seed: int) -> None:
    real = policies(600, seed, yearly=0, monthly=0.7)
    rng = np.random.default_rng(seed)
    real["entered"] = real["start"] - pd.to_timedelta(rng.integers(1, 60 * 24 * 60, 600), "min")
    twin = Synthesizer(seed).fit(real).sample(600)
    assert sum(firsts(twin)) == pytest.approx(sum(firsts(real)), abs=0.1)
    apart = twin["start"] - twin["entered"]
    assert apart.between(pd.Timedelta(0), pd.Timedelta(61, "D")).mean() > 0.98


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_of_histories_begin_on_firsts_of_months(seed: int) -> None:
    real = policies(900, seed, yearly=0, monthly=0.6)
    owners = pd.DataFrame({"region": np.random.default_rng(seed).choice(["north", "south"], 300)})
    owner = np.repeat(np.arange(300), 3)
    rows, _ = Histories(seed, time="start").fit(owners, real, owner).sample(owners)
    assert sum(firsts(rows)) == pytest.approx(sum(firsts(real)), abs=0.1)


def instalments(rows: int, seed: int) -> pd.DataFrame:
    """Agreements of any day, and when their first instalment is due: on a first or fifteenth, soon after."""
    rng = np.random.default_rng(seed)
    start = np.datetime64("2020-01-01") + rng.integers(0, 2_100, rows)
    due = (start.astype("M8[M]") + 1).astype("M8[D]") + np.where(rng.random(rows) < 0.3, 14, 0)
    amount = rng.choice([5, 10, 20, 50], rows)
    return pd.DataFrame({"agreed": start.astype("M8[us]"), "due": due.astype("M8[us]"), "amount": amount})


@pytest.mark.parametrize("seed", [*SEEDS, 5])
@pytest.mark.parametrize("rows", [400, 1_200])
def test_a_date_soon_after_one_that_is_known_stays_on_the_days_that_all_are_on(rows: int, seed: int) -> None:
    real = instalments(rows, seed)
    twin = Synthesizer(seed).fit(real, given=["agreed"]).sample(rows, given=real[["agreed"]])
    apart, real_days = ((one["due"] - one["agreed"]).dt.days for one in (twin, real))
    assert twin["due"].dt.day.isin([1, 15]).mean() > 0.99
    assert (apart > real_days.max()).mean() < 0.01
    assert apart.mean() == pytest.approx(real_days.mean(), abs=2)


@pytest.mark.parametrize("seed", [*SEEDS, 5])
@pytest.mark.parametrize("each", [1, 3])
def test_a_date_soon_after_the_time_of_a_row_stays_on_the_days_that_all_are_on(each: int, seed: int) -> None:
    real = instalments(900, seed)
    owner = np.repeat(np.arange(900 // each), each)
    first = real["agreed"].groupby(owner).min() - pd.Timedelta(30, "D")
    owners = pd.DataFrame({"entered": first.to_numpy()})
    twin, _ = Histories(seed, time="agreed").fit(owners, real, owner).sample(owners)
    apart, real_days = ((one["due"] - one["agreed"]).dt.days for one in (twin, real))
    assert twin["due"].dt.day.isin([1, 15]).mean() > 0.99
    assert apart.between(real_days.min(), real_days.max()).mean() > 0.99
    assert apart.mean() == pytest.approx(real_days.mean(), abs=2)


def test_the_nearest_marked_day_is_one_in_the_room_of_a_date() -> None:
    marks = Marks((0,), (1, 15))
    dates = np.array(["2021-01-10", "2021-12-30", "2021-03-09", "2021-03-09"], "M8[us]")
    start, end = dates - np.timedelta64(20, "D"), dates + np.array([20, 20, 3, 9], "m8[D]")
    start[2:] = dates[2:] - np.timedelta64(2, "D")
    days = marks.nearest(dates, start, end).astype("M8[D]").astype(str)
    assert days.tolist() == ["2021-01-15", "2022-01-01", "2021-03-09", "2021-03-15"]
