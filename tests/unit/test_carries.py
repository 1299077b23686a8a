"""What a row takes over from the row before it: found in real rows, put right in drawn ones."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.columns.forms import NumberForm
from synth.columns.roles import Treatment
from synth.corrections.carries import (
    Carry,
    Ending,
    carry_over,
    end_with_next,
    find_carries,
    find_endings,
    with_carries,
)
from synth.domain import Column, Kind, Role
from synth.sampling.context import Samples, TwinTable

OWNERS, ROWS = 40, 6


def accounts(seed: int = 0) -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    """Return accounts whose balance is the last one and what was paid in, and when each rate held."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(OWNERS), ROWS)
    payments = rng.integers(-50, 200, len(owner)) / 4
    closing = pd.Series(payments).groupby(owner).cumsum() + np.repeat(rng.integers(0, 900, OWNERS), ROWS)
    until = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(owner)) % ROWS * 30 + owner, "D")
    rows = pd.DataFrame(
        {
            "paid": payments,
            "opening": closing - payments,
            "closing": closing,
            "rate_from": until - pd.Timedelta(days=30),
            "rate_until": until,
            "branch": np.repeat(rng.integers(1, 5, OWNERS), ROWS),
            "visits": rng.poisson(3, len(owner)),
        }
    )
    return rows, owner


def versions(seed: int, *, is_open: bool) -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    """Return versions of prices, each until the day before the next."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(OWNERS), ROWS)
    days = pd.Series(rng.integers(20, 300, len(owner))).groupby(owner).cumsum()
    begins = pd.Timestamp("2020-01-01") + pd.to_timedelta(days, "D")
    ends = begins.groupby(owner).shift(-1) - pd.Timedelta(days=1)
    ends = ends if is_open else ends.fillna(begins + pd.Timedelta(days=99))
    return pd.DataFrame({"begins": begins, "ends": ends, "seen": begins + pd.Timedelta(days=3)}), owner


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_ends_the_day_before_the_next_row_begins_does_so_in_the_twin(
    *, seed: int, is_open: bool
) -> None:
    real, owner = versions(seed, is_open=is_open)
    (one,) = endings = find_endings(real, owner, "begins")
    assert one == Ending("ends", pd.Timedelta(days=1), is_open)
    others, _ = versions(seed + 9, is_open=False)
    assert find_endings(others.assign(ends=others["seen"]), owner, "begins") == ()
    rows = others.assign(ends=others["seen"])
    result = end_with_next(rows, owner, "begins", endings)
    last = np.arange(len(owner)) % ROWS == ROWS - 1
    next_begin = rows["begins"].shift(-1) - pd.Timedelta(days=1)
    assert (result["ends"][~last] == next_begin[~last]).all()
    assert (result["ends"][last].isna() if is_open else result["ends"][last] == rows["ends"][last]).all()


def test_sums_and_beginnings_are_found_and_nothing_else() -> None:
    assert set(find_carries(*accounts())) == {
        Carry("closing", "closing", "paid"),
        Carry("opening", "closing"),
        Carry("rate_from", "rate_until"),
    }


@pytest.mark.parametrize("column", ["paid", "closing"])
def test_one_row_that_is_not_so_dismisses_a_sum(column: str) -> None:
    rows, owner = accounts()
    rows[column] = rows[column].where(rows.index != 57, rows[column] + 1)
    assert Carry("closing", "closing", "paid") not in find_carries(rows, owner)


def test_few_rows_or_owners_show_nothing() -> None:
    rows, owner = accounts()
    assert find_carries(rows[: 9 * ROWS], owner[: 9 * ROWS]) == ()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-9, 9)), max_size=40), st.integers(0, 99))
def test_rows_carry_over_what_is_found_and_first_rows_stay(steps: list[tuple[int, int]], seed: int) -> None:
    owner = np.sort(np.array([one for one, _ in steps], np.int64))
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0, 1_000, (3, len(owner)))
    rows = pd.DataFrame(dict(zip(("opening", "closing", "paid"), numbers, strict=True)))
    rows["paid"] = np.array([one for _, one in steps], np.int64)
    carries = (Carry("closing", "closing", "paid"), Carry("opening", "closing"))
    result = carry_over(rows, owner, carries)
    later = pd.Series(owner).duplicated().to_numpy()
    assert result[~later].equals(rows[~later])
    assert result["paid"].equals(rows["paid"])
    before = result["closing"].shift()
    assert (result["closing"][later] == (before + result["paid"])[later]).all()
    assert (result["opening"][later] == before[later]).all()
    assert result.dtypes.equals(rows.dtypes)


@pytest.mark.parametrize("form", [None, NumberForm.DAY])
def test_a_twin_takes_over_what_real_rows_do_in_the_order_of_their_time(form: NumberForm | None) -> None:
    rng = np.random.default_rng(1)
    owner = np.repeat(np.arange(OWNERS), ROWS)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(owner)) % ROWS, "D")
    payments = rng.integers(1, 99, len(owner))
    balance = pd.Series(payments).groupby(owner).cumsum()
    plain = {None: pa.array(days.date), NumberForm.DAY: pa.array(days.strftime("%Y%m%d").astype(int))}
    real = pa.table({"owner": owner, "day": plain[form], "paid": payments, "balance": balance})
    kind = Kind.DATE if form is None else Kind.INTEGER
    treatments = (
        Treatment(Column("day", "x", kind, not_null=True), Role.DATETIME, "test", form=form),
        Treatment(Column("paid", "bigint", Kind.INTEGER, not_null=True), Role.NUMBER, "test"),
        Treatment(Column("balance", "bigint", Kind.INTEGER, not_null=True), Role.NUMBER, "test"),
    )
    case: Any = SimpleNamespace(
        family=SimpleNamespace(key="owner", time="day"),
        source=SimpleNamespace(real=real),
        treatments=treatments,
        task=SimpleNamespace(seed=0, model=SimpleNamespace(unique_id="model.bank.postings", roles={})),
        enforceable=SimpleNamespace(formulas=()),
        context=SimpleNamespace(facts=SimpleNamespace(every=())),
    )
    order = rng.permutation(len(owner))
    twin = real.set_column(3, "balance", pa.array(rng.integers(0, 9_999, len(owner)))).take(pa.array(order))
    places = np.arange(len(owner))
    frame = pd.DataFrame({"balance": twin.column("balance").to_pandas()})
    samples = Samples(frame, frame, frame, frozenset(), frozenset(), {})
    result, samples = with_carries(case, TwinTable(twin, None, 0, places=places), samples)
    rows = result.table.to_pandas().sort_values(["owner", "day"])
    before = rows.groupby("owner")["balance"].shift()
    assert (rows["balance"] == before + rows["paid"])[before.notna()].all()
    assert samples.synthetic["balance"].tolist() == result.table.column("balance").to_pylist()


def test_where_a_step_or_the_row_before_is_null_rows_stay() -> None:
    rows = pd.DataFrame({"closing": [5, 7, 9, 8], "paid": [1.0, np.nan, 2.0, 3.0]})
    result = carry_over(rows, np.array([0, 0, 0, 1]), (Carry("closing", "closing", "paid"),))
    assert result["closing"].dtype == rows["closing"].dtype
    assert result["closing"].tolist()[1] == 7
