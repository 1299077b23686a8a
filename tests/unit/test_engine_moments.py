"""Rows of histories go with their day: what is open, who comes on weekdays, what summer costs."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
import pytest

from synth.histories import Histories

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]

START, DAYS, RECENT = pd.Timestamp("2023-01-02"), 730, 680  # a Monday
SUMMER = (6, 7, 8)


@cache
def orders(owners: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, Ints]:
    """Return customers and their orders: recent ones are open, firms order on weekdays, summers are dear."""
    rng = np.random.default_rng(seed)
    first_day = rng.integers(0, 500, owners)
    days: list[tuple[int, int]] = []
    for owner in range(owners):
        day = int(first_day[owner] + rng.integers(0, 30))
        while day < DAYS and rng.random() < 0.8:
            days.append((owner, day))
            day += 1 + int(rng.exponential(60))
    owner, day = np.array(days).T
    at = START + pd.to_timedelta(day, "D")
    is_summer = np.isin(at.month, SUMMER)
    rows = pd.DataFrame(
        {
            "day": pd.Series(at).astype("datetime64[us]"),
            "by": np.where((day % 7 < 4) & (rng.random(len(day)) < 0.6), "firm", "person"),
            "state": np.where(day > RECENT, "open", np.where(rng.random(len(day)) < 0.1, "void", "done")),
            "amount": (np.where(is_summer, 150, 100) * np.exp(rng.normal(0, 0.2, len(day)))).round(2),
        }
    )
    since = pd.Series(START + pd.to_timedelta(first_day, "D")).astype("datetime64[us]")
    return pd.DataFrame({"since": since}), rows, owner


@cache
def twin_of(owners: int) -> pd.DataFrame:
    histories = Histories(1, time="day", categories=["by", "state"]).fit(*orders(owners, 1))
    return histories.sample(orders(owners, 2)[0])[0]


@pytest.mark.parametrize("owners", [300, 1_500])
def test_firms_order_on_weekdays_and_summers_are_dear(owners: int) -> None:
    rows = twin_of(owners)
    assert (rows["day"].dt.day_of_week[rows["by"] == "firm"] >= 4).mean() < 0.2  # three days of seven
    is_summer = rows["day"].dt.month.isin(SUMMER)
    assert rows["amount"][is_summer].mean() / rows["amount"][~is_summer].mean() > 1.3


def test_what_is_recent_is_open_and_nothing_else() -> None:
    rows = twin_of(1_500)
    is_recent = (rows["day"] - START).dt.days > RECENT
    assert is_recent.sum() > 100
    assert ((rows["state"] == "open") != is_recent).mean() < 0.02


def test_what_a_row_holds_goes_with_its_other_dates_too() -> None:
    rng = np.random.default_rng(1)
    owners = 900
    booked, rows = rng.integers(0, 500, owners), []
    for owner in range(owners):
        day = int(booked[owner])
        while day < DAYS and rng.random() < 0.7:
            arrival = day + int(rng.gamma(1.5, 20))
            is_firm = arrival % 7 < 4 and rng.random() < 0.6
            state = "open" if arrival > DAYS else "gone"
            rows.append((owner, day, arrival, "firm" if is_firm else "person", state))
            day += 1 + int(rng.exponential(90))
    frame = pd.DataFrame(rows, columns=["owner", "booked", "arrival", "by", "state"])
    for name in ("booked", "arrival"):
        frame[name] = (START + pd.to_timedelta(frame[name], "D")).astype("datetime64[us]")
    since = pd.DataFrame({"since": (START + pd.to_timedelta(booked, "D")).astype("datetime64[us]")})
    histories = Histories(1, time="booked", categories=["by", "state"])
    twin, _ = histories.fit(since, frame.drop(columns="owner"), frame["owner"].to_numpy()).sample(since)
    is_ahead = (twin["arrival"] - START).dt.days > DAYS
    assert ((twin["state"] == "open") != is_ahead).mean() < 0.01
    assert (twin["arrival"].dt.day_of_week[twin["by"] == "firm"] >= 4).mean() < 0.15
