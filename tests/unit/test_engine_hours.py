"""Rows of histories have busy hours where real ones do, and follow each other within a visit."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.histories import Histories
from synth.histories.hours import Hours

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]
    Moments: TypeAlias = NDArray[np.datetime64]
    Times: TypeAlias = pd.Series[pd.Timestamp]

DAY = pd.Timedelta("1D")
ONE_HOUR = pd.Timedelta("1h")
END = pd.Timestamp("2024-12-31 18:00")
BEGIN = np.datetime64("2022-01-01", "s")
MOMENTS = st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2060-01-01"))
STEPS = ("reported", "checked", "settled")


def at_office(days: Ints, rng: np.random.Generator) -> Moments:
    """Return a moment between eight and six of those days, or of the Monday behind them."""
    weekday = (BEGIN.astype("M8[D]").astype(int) + 3 + days) % 7
    seconds = 8 * 3600 + rng.beta(1.6, 1.9, len(days)) * 36_000
    days = days + np.where(weekday > 4, 7 - weekday, 0)
    times: Moments = (BEGIN + days.astype("m8[D]") + seconds.astype(int).astype("m8[s]")).astype("M8[us]")
    return times


def days_of(times: Moments) -> Ints:
    """Return the number of the day of each time."""
    days: Ints = (times.astype("M8[D]") - BEGIN.astype("M8[D]")).astype(np.int64)
    return days


@cache
def claims(owners: int, seed: int = 3, same_day: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame, Ints]:
    """Return claims, each with three steps while the office is open, some of them on the same day."""
    rng = np.random.default_rng(seed)
    day = rng.integers(0, 900, owners)
    first = at_office(day, rng)
    second = at_office(days_of(first) + rng.integers(1, 7, owners), rng)
    soon = second + rng.integers(60, 3600, owners).astype("m8[s]")  # of the same day, while it is open
    is_soon = (rng.random(owners) < same_day) & (soon < soon.astype("M8[D]") + np.timedelta64(18, "h"))
    last = np.where(is_soon, soon, at_office(days_of(second) + rng.geometric(0.06, owners), rng))
    times = np.stack([first, second, last], axis=1).ravel()
    owner = np.repeat(np.arange(owners), 3)
    rows = pd.DataFrame({"at": pd.Series(times), "step": np.tile(STEPS, owners)})
    is_past = (rows["at"] <= END).to_numpy()
    day_before = BEGIN.astype("M8[D]") + (day - rng.integers(0, 9, owners)).astype("m8[D]")
    return pd.DataFrame({"happened": day_before.astype("M8[us]")}), rows[is_past], owner[is_past]


@cache
def visits(owners: int, seed: int = 3) -> tuple[pd.DataFrame, pd.DataFrame, Ints]:
    """Return users, who come on some evenings and click every few minutes."""
    rng = np.random.default_rng(seed)
    since = rng.integers(0, 300, owners)
    visit = np.repeat(np.arange(owners), rng.integers(1, 5, owners))
    days = since[visit] + pd.Series(rng.geometric(0.1, len(visit))).groupby(visit).cumsum().to_numpy()
    hour = rng.normal(19.5, 1.2, len(visit)).clip(12, 22.5)
    click = np.repeat(np.arange(len(visit)), 1 + rng.poisson(3, len(visit)))
    seconds = pd.Series(rng.exponential(240, len(click)) + 1).groupby(click).cumsum().to_numpy()
    whole = (days * 86_400 + hour * 3600)[click] + seconds
    rows = pd.DataFrame({"at": BEGIN.astype("M8[us]") + (whole * 1e6).astype("m8[us]")})
    came = BEGIN.astype("M8[D]") + since.astype("m8[D]")
    return pd.DataFrame({"came": came.astype("M8[us]")}), rows, visit[click]


def twin_of(
    real: tuple[pd.DataFrame, pd.DataFrame, Ints], seed: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame, Ints]:
    owners, rows, owner = real
    others = owners.sample(frac=1, random_state=1).reset_index(drop=True)
    return others, *Histories(seed, time="at", categories=["step"]).fit(owners, rows, owner).sample(others)


def shares(times: Times) -> NDArray[np.float64]:
    """Return the share of times in each hour of the day."""
    return np.bincount(times.dt.hour, minlength=24) / len(times)


def apart(times: Times, others: Times) -> float:
    """Return the total variation distance of their hours."""
    return float(np.abs(shares(times) - shares(others)).sum() / 2)


def gaps(rows: pd.DataFrame, owner: Ints) -> pd.Series[pd.Timedelta]:
    times: Times = rows["at"].reset_index(drop=True)
    later = np.flatnonzero(np.diff(owner, prepend=-1) == 0)
    return times.iloc[later].reset_index(drop=True) - times.iloc[later - 1].reset_index(drop=True)


@pytest.mark.parametrize(("owners", "same_day"), [(60, 0.0), (300, 0.0), (800, 0.0), (300, 0.4), (800, 0.4)])
def test_offices_are_closed_at_night_and_steps_stay_in_order(owners: int, same_day: float) -> None:
    real = claims(owners, same_day=same_day)
    twin = twin_of(real)
    hour = twin[1]["at"].dt.hour
    assert ((hour < 8) | (hour > 17)).mean() < 0.02
    assert apart(twin[1]["at"], real[1]["at"]) < 4 / np.sqrt(len(real[1]))
    assert (gaps(*twin[1:]) >= pd.Timedelta(0)).all()
    assert (twin[1]["at"] <= real[1]["at"].max()).all()
    assert (twin[1]["at"].to_numpy() >= twin[0]["happened"].to_numpy()[twin[2]]).all()
    near = [float((gaps(rows, owner) < DAY / 2).mean()) for _, rows, owner in (real, twin)]
    assert abs(near[0] - near[1]) < 0.05


@pytest.mark.parametrize("owners", [300, 1000])
def test_visits_begin_in_the_evening_and_their_clicks_follow_soon(owners: int) -> None:
    real, twin = visits(owners), twin_of(visits(owners))
    assert apart(twin[1]["at"], real[1]["at"]) < 0.12
    soon = [float((gaps(rows, owner) < ONE_HOUR).mean()) for _, rows, owner in (real, twin)]
    assert abs(soon[0] - soon[1]) < 0.03
    assert (gaps(*twin[1:]) >= pd.Timedelta(0)).all()


def test_a_time_of_one_owner_does_not_come_back_and_one_of_many_does() -> None:
    owners, rows, owner = claims(400)
    rows = rows.reset_index(drop=True)
    own, common = np.flatnonzero(owner == owner[0]), np.arange(len(rows)) % 4 == 3
    rows.loc[common, "at"] = rows.loc[common, "at"].dt.normalize() + pd.Timedelta("9h")
    many = np.r_[np.repeat(own[:1], 30), np.arange(len(rows))]
    rows, owner = pd.DataFrame(rows.take(many.tolist()).reset_index(drop=True)), owner[many]
    night = pd.Timedelta("3h") + pd.Timedelta("17min 23s")
    rows.loc[:29, "at"] = rows.loc[:29, "at"].dt.normalize() + pd.to_timedelta(range(30), "D") + night
    twin = twin_of((owners, rows, owner))[1]["at"]
    time = twin - twin.dt.normalize()
    assert (time == night).mean() < 0.002
    assert abs((time == pd.Timedelta("9h")).mean() - 0.25) < 0.1


@given(st.lists(st.tuples(MOMENTS, MOMENTS), min_size=1, max_size=6), st.sampled_from([None, "UTC"]))
def test_a_time_is_its_days_and_its_time_of_the_day(
    pairs: list[tuple[datetime, datetime]], zone: str | None
) -> None:
    frame = pd.DataFrame([sorted(pair) for pair in pairs]).astype("M8[us]")
    since, times = (frame[place].dt.tz_localize(zone) for place in frame)
    hours = Hours(uneven=True)
    again = hours.after(since, hours.between(since, times), hours.of_day(times))
    next_day = times.dt.normalize() != since.dt.normalize()
    same = (next_day & (times - since >= DAY / 2)) | (times - since < DAY / 2)
    midnight = since == since.dt.normalize()
    assert (again[same | midnight] == times[same | midnight]).all()
    assert (again >= since).all()


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_hours_are_those_of_the_clock_on_the_wall(zone: str) -> None:
    owners, rows, owner = claims(300)
    local = rows.assign(at=rows["at"].dt.tz_localize(zone))
    twin = twin_of((owners.assign(happened=owners["happened"].dt.tz_localize(zone)), local, owner))[1]["at"]
    assert twin.dtype == local["at"].dtype
    assert twin.dt.hour.between(8, 17).mean() > 0.98


def test_even_hours_dates_and_rows_of_few_are_left_to_the_gaps() -> None:
    rng = np.random.default_rng(3)
    since = pd.Series(BEGIN.astype("M8[us]") + rng.integers(0, 10**14, 500).astype("m8[us]"))
    even = since + pd.to_timedelta(rng.integers(1, 100, 500), "D")
    busy = even.dt.normalize() + (rng.normal(14, 2, 500).clip(1, 23) * 3.6e9).astype("m8[us]")
    each = np.arange(500)
    assert Hours.of_rows(since, busy, each)
    assert Hours.of_rows(since[:40], busy[:40], each[:40])
    assert not Hours.of_rows(since, even, each)
    assert not Hours.of_rows(since, busy, each % 20)  # of twenty entities
    assert not Hours.of_rows(since, busy.dt.normalize(), each)
    assert not Hours.of_rows(since, since + ONE_HOUR, each)  # they follow by their gaps
    assert not Hours.of_rows(since.dt.year, busy.dt.year, each)
