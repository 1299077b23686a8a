"""Rows that are the only ones of a day and a channel stay so, and the days of a panel are all there."""

from __future__ import annotations

import numpy as np
import pandas as pd

from synth.twins.places import on_free_places

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
    drawn = weeks.assign(week=np.random.default_rng(1).integers(1, 53, len(weeks)))
    placed = on_free_places(drawn, weeks, "week", ["shop"])
    assert placed is not None
    assert not drawn.assign(week=placed).duplicated().any()
    sparse = weeks.assign(week=weeks["week"] * np.where(weeks["shop"] == "a", 1, 1_000))
    assert on_free_places(drawn, sparse, "week", ["shop"]) is None
    assert on_free_places(weeks, weeks, "week", ["shop"]) is None
