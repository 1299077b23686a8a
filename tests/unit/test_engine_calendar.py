"""A date says more than how late it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.engine import Synthesizer
from synth.engine.calendar import find_calendar
from synth.engine.crowd import Crowd
from synth.engine.goals import Goal
from synth.engine.numbers import NumberColumn

DAYS = pd.Series(pd.date_range("2024-01-01", periods=400))


def panel(rng: np.random.Generator) -> pd.DataFrame:
    """One row per day and channel: letters go out on Thursdays, and search is busy early in the week."""
    rows = pd.DataFrame({"day": DAYS.repeat(2).reset_index(drop=True), "channel": ["search", "letter"] * 400})
    weekday = rows["day"].dt.day_of_week
    busy = 1 + 0.3 * np.sin(2 * np.pi * weekday / 7)
    usual = np.where(rows["channel"] == "search", 100 * busy, np.where(weekday == 3, 100.0, 5.0))
    return rows.assign(cost=np.round(usual * np.exp(rng.normal(0, 0.2, len(rows))), 2))


@pytest.mark.parametrize("conditions", [["day", "channel"], []])
def test_the_rhythm_of_the_week_is_kept_for_each_label(conditions: list[str]) -> None:
    rows = panel(np.random.default_rng(1))
    engine = Synthesizer(categories=["channel"]).fit(rows, given=conditions)
    twin = engine.sample(len(rows), given=rows[conditions] if conditions else None)

    def share(frame: pd.DataFrame) -> float:
        letters = frame[frame["channel"] == "letter"]
        return float(letters["cost"][letters["day"].dt.day_of_week == 3].sum() / letters["cost"].sum())

    assert share(rows) > 0.7
    assert share(twin) == pytest.approx(share(rows), abs=0.1)


def test_a_part_of_a_date_is_seen_where_it_matters_and_only_there() -> None:
    days = DAYS.repeat(3).reset_index(drop=True)
    thursday = days.dt.day_of_week == 3
    chance = pd.Series(np.random.default_rng(2).integers(0, 2, len(days)))
    calendar, targets = find_calendar([column_of(days), column_of(thursday.astype(int)), column_of(chance)])
    assert targets == {1: [0]}
    ((part,),) = calendar.values()
    feature = part.feature(column_of(days).codes, Goal(thursday.to_numpy().astype(np.int64), np.eye(2)))
    is_thursday = DAYS.dt.day_of_week.to_numpy() == 3
    assert len(feature) == len(DAYS) + 1  # a place for each code, and one for NULL
    assert not set(feature[:-1][is_thursday]) & set(feature[:-1][~is_thursday])


def test_numbers_and_a_few_days_have_no_calendar() -> None:
    for series in (pd.Series(range(1000)), DAYS.iloc[:10].repeat(100).reset_index(drop=True)):
        column = column_of(series)
        other = column_of(pd.Series(column.codes % 7 // 3))
        assert find_calendar([column, other]) == ({}, {})


def column_of(series: pd.Series) -> NumberColumn:
    return NumberColumn(series, Crowd.of(1, len(series), None))


@pytest.mark.parametrize(("rows", "days"), [(1000, 20_000), (1000, 400)])
def test_a_date_of_few_moves_by_whole_weeks_and_never_stays(rows: int, days: int) -> None:
    offsets = pd.to_timedelta(np.random.default_rng(3).integers(0, days, rows), "D")
    column = NumberColumn(pd.Series(pd.Timestamp("1960-01-01") + offsets), Crowd.of(10, rows, None))
    column.keeps_weekdays = True
    rare = ~column.spike[column.codes]
    own, moved_values = (column.native(column.codes, rng)[rare] for rng in (None, np.random.default_rng(4)))
    assert (np.abs(moved_values - own) >= np.timedelta64(7, "D")).mean() > 0.97
    assert ((moved_values - own) % np.timedelta64(7, "D") == np.timedelta64(0, "D")).mean() > 0.97
    assert moved_values.min() >= own.min()
    assert moved_values.max() <= own.max()
