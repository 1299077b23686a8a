"""Dates that are never before a date of the owner are not so in rows that were drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd

from synth.sampling.precedence import Precedence, find_precedence, move_behind

OWNERS, ROWS = 60, 300


def orders(least: int) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Return orders of customers, the first at least so many days after the day they signed up."""
    rng = np.random.default_rng(0)
    sign_up_dates = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9_000_000, OWNERS), "s")
    owner = rng.integers(0, OWNERS, ROWS)
    order_dates = sign_up_dates[owner].normalize() + pd.to_timedelta(rng.integers(0, 90, ROWS) + least, "D")
    rows = pd.DataFrame(
        {"placed": order_dates, "paid": order_dates + pd.to_timedelta(rng.integers(0, 9, ROWS), "D")}
    )
    owners = pd.DataFrame(
        {"signed": sign_up_dates, "born": pd.Timestamp("1980-05-05"), "until": pd.Timestamp("2025-01-01")}
    )
    return rows.assign(seen=order_dates - pd.Timedelta(days=400)), owner, owners


def test_the_dates_of_owners_that_come_first_are_found() -> None:
    rows, owner, owners = orders(0)
    assert find_precedence(rows, owner, owners) == (
        Precedence("placed", "signed", by_day=True),
        Precedence("placed", "born", by_day=True, years=43),
        Precedence("paid", "signed", by_day=True),
        Precedence("paid", "born", by_day=True, years=43),
        Precedence("seen", "born", by_day=True, years=42),
    )
    assert not find_precedence(rows, np.full(ROWS, -1), owners)


def test_what_is_too_early_moves_to_the_day_of_its_owner_and_lasts_as_long() -> None:
    rows, owner, owners = orders(0)
    pairs = find_precedence(rows, owner, owners)
    drawn_orders, _, _ = orders(-20)
    moved_orders = move_behind(drawn_orders, owner, owners, pairs)
    sign_up_dates = owners["signed"].dt.normalize().iloc[owner].reset_index(drop=True)
    early = drawn_orders["placed"] < sign_up_dates
    assert early.any()
    assert (moved_orders["placed"] >= sign_up_dates).all()
    assert (moved_orders["placed"] == sign_up_dates)[early].all()
    assert (
        (moved_orders["paid"] - moved_orders["placed"]) == (drawn_orders["paid"] - drawn_orders["placed"])
    ).all()
    assert moved_orders[~early].equals(drawn_orders[~early])


def test_what_moves_skips_days_of_the_week_that_no_date_falls_on() -> None:
    rows, owner, owners = orders(0)
    day = rows["placed"].dt.day_of_week
    weekdays = rows.assign(placed=rows["placed"] + pd.to_timedelta((7 - day).where(day > 4, 0), "D"))
    pairs = find_precedence(weekdays, owner, owners)
    assert {pair.weekdays for pair in pairs if pair.column == "placed"} == {(True,) * 5 + (False,) * 2}
    drawn_orders, _, _ = orders(-20)
    moved_orders = move_behind(
        drawn_orders.assign(placed=weekdays["placed"] - pd.Timedelta(days=21)), owner, owners, pairs
    )
    assert (moved_orders["placed"].dt.day_of_week < 5).all()
    assert (
        moved_orders["placed"] >= owners["signed"].dt.normalize().iloc[owner].reset_index(drop=True)
    ).all()


def test_few_dates_do_not_tell_that_a_day_of_the_week_is_free() -> None:
    rows, owner, owners = orders(0)
    some = rows.index[rows["placed"].dt.day_of_week < 5][:60]
    pairs = find_precedence(rows.loc[some].reset_index(drop=True), owner[some], owners)
    assert {pair.weekdays for pair in pairs} == {(True,) * 7}


def signings(youngest: int, number: int) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Return one contract for each owner, who is at least so many years old."""
    rng = np.random.default_rng(1)
    born = pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.integers(0, 12_000, number), "D")
    age = np.r_[np.zeros(number // 2), rng.integers(0, 9_000, number - number // 2)]
    signed = born + pd.DateOffset(years=youngest) + pd.to_timedelta(age, "D")
    return pd.DataFrame({"signed": signed}), np.arange(number), pd.DataFrame({"born": born})


def test_nobody_signs_before_the_age_at_which_many_do() -> None:
    pairs = find_precedence(*signings(18, 60))
    assert [pair.years for pair in pairs] == [18]
    rows, owner, owners = signings(11, 60)
    of_age = owners["born"] + pd.DateOffset(years=18)
    assert (move_behind(rows, owner, owners, pairs)["signed"] >= of_age).all()


def test_the_age_of_the_youngest_alone_is_no_rule() -> None:
    rows, owner, owners = signings(40, 60)
    owners["born"] = owners["born"].where(owners.index != 0, rows["signed"] - pd.DateOffset(years=18))
    assert [pair.years for pair in find_precedence(rows, owner, owners)] == [0]
