"""Rows that are the only ones of a day and a channel stay so, and the days of a panel are all there."""

from __future__ import annotations

import numpy as np
import pandas as pd

from synth.corrections.places import in_room, on_free_places

DAYS = pd.date_range("2024-01-01", periods=364)


def panel() -> pd.DataFrame:
    every = pd.MultiIndex.from_product([DAYS, ["mail", "search", "social"]], names=["day", "channel"])
    return every.to_frame(index=False)


def test_rows_that_repeat_a_place_move_to_the_nearest_free_day_of_the_same_weekday() -> None:
    real = panel()
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"day": rng.choice(DAYS, len(real)), "channel": real["channel"]})
    days = on_free_places(rows, real, "day", ["channel"])
    assert days is not None
    assert days.dtype == rows["day"].dtype
    assert not rows.assign(day=days).duplicated().any()
    assert (days == rows["day"])[~rows.duplicated().to_numpy(bool)].all()
    assert (days.dt.day_of_week == rows["day"].dt.day_of_week).mean() > 0.9
    assert (days - rows["day"]).dt.days.abs().quantile(0.9) < 60


def test_numbers_are_placed_too_and_what_is_no_grid_stays() -> None:
    weeks = pd.DataFrame({"week": np.tile(np.arange(1, 53), 4), "shop": np.repeat([*"abcd"], 52)})
    drawn_rows = weeks.assign(week=np.random.default_rng(1).integers(1, 53, len(weeks)))
    placed_rows = on_free_places(drawn_rows, weeks, "week", ["shop"])
    assert placed_rows is not None
    assert not drawn_rows.assign(week=placed_rows).duplicated().any()
    sparse = weeks.assign(week=weeks["week"] * np.where(weeks["shop"] == "a", 1, 1_000))
    assert on_free_places(drawn_rows, sparse, "week", ["shop"]) is None
    assert on_free_places(weeks, weeks, "week", ["shop"]) is None


def draws(shares: list[float], rows: int) -> pd.DataFrame:
    """Rows of the panel as an engine draws them: each on its own, with a figure that goes with the day."""
    rng = np.random.default_rng(4)
    days = rng.integers(0, len(DAYS), rows)
    channels = rng.choice(["mail", "search", "social"], rows, p=shares)
    return pd.DataFrame({"day": DAYS[days], "channel": channels, "cost": days})


def test_of_the_rows_drawn_those_are_taken_that_have_places_of_their_own() -> None:
    real, rows = panel(), draws([0.3, 0.4, 0.3], 7_000)
    number = len(real)
    order = in_room(rows, real, "day", ["channel"], number)
    assert order is not None
    assert sorted(order) == list(range(len(rows)))
    before, now = rows.iloc[:number], rows.iloc[order[:number]]
    assert before["channel"].value_counts().max() > len(DAYS) + 50
    assert now["channel"].value_counts().to_list() == [len(DAYS)] * 3  # no more beside any than it has days
    assert before.duplicated(["day", "channel"]).mean() > 0.3
    assert now.duplicated(["day", "channel"]).mean() < 0.01
    assert (now["cost"] == (now["day"] - DAYS[0]).dt.days).all()  # a row goes with its place


def test_what_is_too_many_beside_one_label_goes_to_those_that_had_too_few() -> None:
    real = panel()
    real = real[(real["channel"] != "mail") | (real["day"].dt.day_of_week < 3)].reset_index(drop=True)
    rows = draws([0.18, 0.41, 0.41], 6_000)
    number = len(real)
    order = in_room(rows, real, "day", ["channel"], number)
    assert order is not None
    counts = [part["channel"].value_counts() for part in (rows.iloc[:number], rows.iloc[order[:number]])]
    excess = counts[0]["social"] - len(DAYS)
    assert excess > 10
    assert counts[1]["social"] == len(DAYS)
    assert counts[1]["search"] == counts[0]["search"] + excess
    assert (
        counts[1]["mail"] == counts[0]["mail"] > (real["channel"] == "mail").sum()
    )  # it has days left, and enough


def test_where_there_is_no_grid_or_nothing_to_spare_the_rows_stay() -> None:
    real, rows = panel(), draws([0.3, 0.4, 0.3], 3_000)
    assert in_room(rows.iloc[: len(real)], real, "day", ["channel"], len(real)) is None
    sparse = real.iloc[::5].reset_index(drop=True)
    assert in_room(rows, sparse, "day", ["channel"], len(sparse)) is None
    assert in_room(rows.assign(day=rows["day"].where(rows.index > 0)), real, "day", ["channel"], 900) is None
