"""Times that are starts of months or weeks stay so, in rows of their own and in histories."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.engine import Synthesizer
from synth.engine.clocks import Clock
from synth.histories import Histories

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]

MONTHS = pd.Series(pd.date_range("2023-01-01", periods=30, freq="MS"))
ENDS = pd.Series(pd.date_range("2023-01-31", periods=30, freq="ME"))
MONDAYS = pd.Series(pd.date_range("2023-01-02", periods=60, freq="W-MON"))
DAYS = pd.Series(pd.date_range("2023-01-01", periods=60, freq="D"))
OWNERS = 200
LAST = 35  # the number of the last month


@pytest.mark.parametrize(
    ("times", "days"),
    [
        (MONTHS, 0),
        (MONTHS + pd.Timedelta("14D"), 0),  # the fifteenth
        (MONTHS + pd.Timedelta("9h"), 0),
        (ENDS, 0),
        (MONDAYS, 7),
        (DAYS, None),
        (MONTHS[:3], None),  # too few to show it
        (MONTHS.dt.tz_localize("UTC"), None),
        (pd.Series(range(10)), None),
    ],
)
def test_the_period_of_times_is_seen(times: pd.Series[pd.Timestamp], days: int | None) -> None:
    assert Clock.of(times).days == days


@given(
    st.sampled_from([MONTHS, ENDS, MONDAYS, DAYS]),
    st.lists(st.datetimes(pd.Timestamp("1960-01-01"), pd.Timestamp("2060-01-01")), min_size=1, max_size=5),
    st.integers(-300, 300),
)
def test_what_lies_so_long_after_a_start_comes_back(
    times: pd.Series[pd.Timestamp], moments: list[pd.Timestamp], periods: int
) -> None:
    clock, start = Clock.of(times), pd.Series(moments).astype(times.dtype)
    gaps = clock.between(start, times[: len(start)])
    assert clock.after(start, gaps).tolist() == times[: len(start)].tolist()
    if clock:
        later = clock.after(start, pd.Series([periods] * len(start), dtype="Int64"))
        assert (clock.between(start, later) == periods).all()
        assert Clock.of(pd.concat([times, later])).days == clock.days  # they lie on the same grid
        assert (clock.nearest(later.to_numpy()) == later.to_numpy()).all()


def test_null_has_no_distance() -> None:
    clock = Clock.of(MONTHS)
    gaps = clock.between(pd.Series([pd.NaT, MONTHS[0], MONTHS[0]]), pd.Series([MONTHS[1], pd.NaT, MONTHS[1]]))
    assert gaps.isna().tolist() == [True, True, False]
    assert clock.after(MONTHS[:3], gaps).isna().tolist() == [True, True, False]


@pytest.mark.parametrize("rows", [60, 400])
@pytest.mark.parametrize("times", [MONTHS, ENDS, MONDAYS])
def test_a_column_of_periods_has_no_other_days(times: pd.Series[pd.Timestamp], rows: int) -> None:
    rng = np.random.default_rng(3)
    month = times.sample(rows, replace=True, random_state=1).reset_index(drop=True)
    due = month + pd.to_timedelta(rng.integers(5, 25, rows), "D")
    real = pd.DataFrame({"month": month, "due": due, "paid": rng.normal(size=rows).round(2)})
    twin = Synthesizer(seed=2).fit(real).sample(rows)
    assert set(twin["month"]) <= set(times)


@cache
def readings() -> tuple[pd.DataFrame, pd.DataFrame, Ints]:
    """Return customers with the day they came, and a row for each of their months; most stay to the end."""
    rng = np.random.default_rng(0)
    first = rng.integers(0, 24, OWNERS)
    counts = np.minimum(rng.geometric(0.04, OWNERS), LAST + 1 - first)
    owner = np.repeat(np.arange(OWNERS), counts)
    month = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts) + first[owner]
    level = np.exp(rng.normal(5.5, 0.5, OWNERS))[owner]
    season = 1 + 0.5 * np.cos(2 * np.pi * month / 12)
    start = np.datetime64("2022-01", "M")
    rows = pd.DataFrame(
        {
            "month": (start + month).astype("M8[us]"),
            "bill_month": (start + month + 1 + (month % 3 == 0)).astype("M8[us]"),
            "used": (level * season * np.exp(rng.normal(0, 0.12, len(owner)))).round(),
        }
    )
    came = (start + first).astype("M8[us]") + rng.integers(0, 28, OWNERS).astype("m8[D]")
    return pd.DataFrame({"came": came.astype("M8[us]")}), rows, owner


@cache
def twin_of_readings() -> tuple[pd.DataFrame, pd.DataFrame, Ints]:
    owners, rows, owner = readings()
    others = owners.sample(frac=1, random_state=1).reset_index(drop=True)
    return others, *Histories(1, time="month").fit(owners, rows, owner).sample(others)


def numbers(times: pd.Series[pd.Timestamp]) -> pd.Series[int]:
    """The number of each month."""
    return times.dt.year * 12 + times.dt.month


def test_a_history_has_a_row_for_each_month_from_the_first_on() -> None:
    owners, rows, owner = twin_of_readings()
    assert (rows["month"].dt.day == 1).all()
    assert (rows["bill_month"].dt.day == 1).all()
    gaps = numbers(rows["month"]).groupby(owner).diff().dropna()
    assert (gaps == 1).all()
    first = rows.groupby(owner)["month"].min()
    assert (numbers(first) == numbers(owners["came"].loc[first.index])).mean() > 0.95


def test_as_many_stay_until_the_end_and_have_as_many_rows() -> None:
    shares = []
    for owners, rows, owner in (readings(), twin_of_readings()):
        last = rows.groupby(owner)["month"].max()
        shares.append((float((last == rows["month"].max()).mean()), len(rows) / len(owners)))
    (real_share, real_rows), (twin_share, twin_rows) = shares
    assert abs(real_share - twin_share) < 0.12
    assert abs(real_rows / twin_rows - 1) < 0.15


def test_the_level_of_an_owner_and_the_season_last() -> None:
    correlations, seasons = [], []
    for _, rows, owner in (readings(), twin_of_readings()):
        logs = np.log(rows["used"].clip(lower=1))
        both = pd.DataFrame({"now": logs, "before": logs.groupby(owner).shift()}).dropna()
        correlations.append(float(both["now"].corr(both["before"])))
        beside = logs - logs.groupby(owner).transform("mean")
        seasons.append(beside.groupby(rows["month"].dt.month).mean())
    assert abs(correlations[0] - correlations[1]) < 0.1
    assert abs(seasons[0] - seasons[1]).mean() < 0.12
