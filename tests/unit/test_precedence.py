"""Dates that are never before a date of the owner are not so in rows that were drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd

from synth.twins.precedence import Precedence, find_precedence, move_behind

OWNERS, ROWS = 60, 300


def orders(least: int) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Return orders of customers, the first at least so many days after the day they signed up."""
    rng = np.random.default_rng(0)
    signed = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9_000_000, OWNERS), "s")
    owner = rng.integers(0, OWNERS, ROWS)
    placed = signed[owner].normalize() + pd.to_timedelta(rng.integers(0, 90, ROWS) + least, "D")
    rows = pd.DataFrame({"placed": placed, "paid": placed + pd.to_timedelta(rng.integers(0, 9, ROWS), "D")})
    owners = pd.DataFrame(
        {"signed": signed, "born": pd.Timestamp("1980-05-05"), "until": pd.Timestamp("2025-01-01")}
    )
    return rows.assign(seen=placed - pd.Timedelta(days=400)), owner, owners


def test_the_dates_of_owners_that_come_first_are_found() -> None:
    rows, owner, owners = orders(0)
    assert find_precedence(rows, owner, owners) == (
        Precedence("placed", "signed", by_day=True),
        Precedence("placed", "born", by_day=True),
        Precedence("paid", "signed", by_day=True),
        Precedence("paid", "born", by_day=True),
        Precedence("seen", "born", by_day=True),
    )
    assert not find_precedence(rows, np.full(ROWS, -1), owners)


def test_what_is_too_early_moves_to_the_day_of_its_owner_and_lasts_as_long() -> None:
    rows, owner, owners = orders(0)
    pairs = find_precedence(rows, owner, owners)
    drawn, _, _ = orders(-20)
    kept = move_behind(drawn, owner, owners, pairs)
    signed = owners["signed"].dt.normalize().iloc[owner].reset_index(drop=True)
    early = drawn["placed"] < signed
    assert early.any()
    assert (kept["placed"] >= signed).all()
    assert (kept["placed"] == signed)[early].all()
    assert ((kept["paid"] - kept["placed"]) == (drawn["paid"] - drawn["placed"])).all()
    assert kept[~early].equals(drawn[~early])


def test_what_moves_skips_days_of_the_week_that_no_date_falls_on() -> None:
    rows, owner, owners = orders(0)
    day = rows["placed"].dt.day_of_week
    weekdays = rows.assign(placed=rows["placed"] + pd.to_timedelta((7 - day).where(day > 4, 0), "D"))
    pairs = find_precedence(weekdays, owner, owners)
    assert {pair.weekdays for pair in pairs if pair.column == "placed"} == {(True,) * 5 + (False,) * 2}
    drawn, _, _ = orders(-20)
    kept = move_behind(drawn.assign(placed=weekdays["placed"] - pd.Timedelta(days=21)), owner, owners, pairs)
    assert (kept["placed"].dt.day_of_week < 5).all()
    assert (kept["placed"] >= owners["signed"].dt.normalize().iloc[owner].reset_index(drop=True)).all()


def test_few_dates_do_not_tell_that_a_day_of_the_week_is_free() -> None:
    rows, owner, owners = orders(0)
    some = rows.index[rows["placed"].dt.day_of_week < 5][:60]
    pairs = find_precedence(rows.loc[some].reset_index(drop=True), owner[some], owners)
    assert {pair.weekdays for pair in pairs} == {(True,) * 7}
