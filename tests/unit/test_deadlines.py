"""Dates of rows are not after dates of their owners where real ones never are."""

import numpy as np
import pandas as pd
import pytest

from synth.sampling.deadlines import find_deadlines, move_before
from synth.sampling.precedence import find_precedence


def stays(seed: int, *, spill: float) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Return values taken during stays, whose each is, and the stays; a share `spill` is taken afterwards."""
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 200), "D")
    length = rng.integers(1, 40, 200)
    owners = pd.DataFrame({"admitted": start, "left": start + pd.to_timedelta(length, "D")})
    owners.loc[rng.random(200) < 0.2, "left"] = pd.NaT  # still there
    owner = np.repeat(np.arange(200), 4)
    days = (rng.random(800) * length[owner]).astype(int)
    days = np.where(rng.random(800) < spill, days + length[owner] + 3, days)
    taken_on = start[owner] + pd.to_timedelta(days, "D") + pd.to_timedelta(rng.integers(7, 12, 800), "h")
    read = taken_on + pd.to_timedelta(rng.integers(0, 3, 800), "h")
    return pd.DataFrame({"taken": taken_on, "read": read}), owner, owners


@pytest.mark.parametrize("seed", range(8))
def test_what_is_taken_during_a_stay_is_not_taken_afterwards(seed: int) -> None:
    real, whose, owners = stays(seed, spill=0.0)
    drawn, owner, others = stays(seed + 100, spill=0.3)
    deadlines = find_deadlines(real, whose, owners)
    precedence = find_precedence(real, whose, owners)

    rows = move_before(drawn, owner, others, deadlines, precedence, np.random.default_rng(seed))

    assert {(one.column, one.later) for one in deadlines} == {("taken", "left"), ("read", "left")}
    ends = others["left"].to_numpy()[owner] + np.timedelta64(1, "D")
    has_end = ~np.isnat(ends)
    assert (drawn["taken"].to_numpy() > ends)[has_end].mean() > 0.2
    assert not (rows["taken"].to_numpy() >= ends)[has_end].any()
    assert not (rows["taken"].to_numpy() < others["admitted"].to_numpy()[owner]).any()
    assert (rows["read"] >= rows["taken"]).all()
    assert (rows["taken"].dt.hour == drawn["taken"].dt.hour).mean() > 0.95
    in_time = ~has_end | (drawn["read"].to_numpy() < ends)
    assert rows[in_time].equals(drawn[in_time])


def test_dates_that_are_sometimes_later_have_no_deadline() -> None:
    real, whose, owners = stays(1, spill=0.01)

    assert find_deadlines(real, whose, owners) == ()


@pytest.mark.parametrize("seed", range(4))
def test_the_date_of_the_latest_row_is_no_deadline(seed: int) -> None:
    real, whose, owners = stays(seed, spill=0.0)
    owners["last_taken"] = real.groupby(whose)["taken"].max()
    owners["last_day"] = owners["last_taken"].dt.normalize()

    assert {one.later for one in find_deadlines(real[["taken"]], whose, owners)} == {"left"}


@pytest.mark.parametrize("seed", range(8))
def test_months_stay_months(seed: int) -> None:
    real, whose, owners = stays(seed, spill=0.0)
    twin, owner, others = stays(seed + 100, spill=0.3)
    real, twin = (
        pd.DataFrame({"month": rows["taken"].dt.to_period("M").dt.to_timestamp()}) for rows in (real, twin)
    )
    deadlines = find_deadlines(real, whose, owners)
    precedence = find_precedence(real, whose, owners)

    rows = move_before(twin, owner, others, deadlines, precedence, np.random.default_rng(seed))

    assert not rows.equals(twin)
    assert (rows["month"].dt.day == 1).all()
    assert not (rows["month"] > others["left"][owner].to_numpy()).any()
