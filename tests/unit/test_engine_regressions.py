"""Columns that others nearly determine keep doing so in a twin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from synth.engine import Synthesizer
from synth.engine.additive import MOST_ROWS, Nearest, fit_additive
from synth.engine.crowd import Crowd
from synth.engine.labels import LabelColumn
from synth.engine.numbers import NumberColumn
from synth.engine.order import mutual_information
from synth.engine.regressions import Regressions
from synth.engine.rules import find_orders
from synth.engine.synthesizer import open_column

if TYPE_CHECKING:
    from synth.engine.columns import ColumnCodes

ROWS = 6000
NOISE = 0.05
GRADES = dict(zip("ABCDEFGH", np.linspace(0, 0.7, 8), strict=True))


def stones(seed: int = 0) -> pd.DataFrame:
    """Weights, grades, and prices that follow from both and are NULL at times."""
    rng = np.random.default_rng(seed)
    weight = np.round(rng.lognormal(0, 0.5, ROWS), 2).clip(0.2)
    grade = rng.choice(list(GRADES), ROWS)
    length = np.round(6 * weight ** (1 / 3) * rng.lognormal(0, 0.01, ROWS), 2)
    price = 3000 * weight**1.6 * np.exp(pd.Series(grade).map(GRADES) + rng.normal(0, NOISE, ROWS))
    is_sold = rng.random(ROWS) < 0.9
    return pd.DataFrame(
        {
            "price": price.round().astype("Int64").where(is_sold),
            "weight": weight,
            "grade": grade,
            "length": length,
            "seen": rng.integers(0, 50, ROWS),
        }
    )


def unexplained_share(frame: pd.DataFrame) -> float:
    """How widely prices are spread around what weight and grade make of them, in logs."""
    stones_sold = frame.dropna()
    model = 1.6 * np.log(stones_sold["weight"]) + stones_sold["grade"].map(GRADES)
    apart = np.log(stones_sold["price"].astype(float)) - model
    return float((apart - apart.median()).abs().mean())


@pytest.fixture(scope="module")
def twin() -> pd.DataFrame:
    return Synthesizer(seed=1).fit(stones()).sample(ROWS)


def test_a_price_follows_from_what_makes_it(twin: pd.DataFrame) -> None:
    assert unexplained_share(twin) < 1.4 * unexplained_share(stones())  # trees alone: 2.5 times


def test_what_is_a_sum_keeps_its_dtype_its_nulls_and_its_distribution(twin: pd.DataFrame) -> None:
    real = stones()
    assert twin.dtypes.to_dict() == real.dtypes.to_dict()
    assert abs(twin["price"].isna().mean() - real["price"].isna().mean()) < 0.02
    shares = np.linspace(0.05, 0.95, 10)
    prices = [np.log(np.quantile(frame["price"].dropna().astype(float), shares)) for frame in (real, twin)]
    assert np.abs(prices[0] - prices[1]).max() < 0.06


def test_a_row_of_its_own_is_not_repeated(twin: pd.DataFrame) -> None:
    real, fresh = stones(), stones(seed=2)
    real_rows = set(real.dropna().itertuples(index=False))
    shares = [
        np.mean([row in real_rows for row in frame.dropna().itertuples(index=False)])
        for frame in (fresh, twin)
    ]
    assert shares[1] <= shares[0] + 0.002


def test_an_inequality_that_rows_reach_is_not_given_up_for_a_sum() -> None:
    real = stones().dropna()
    rng = np.random.default_rng(4)
    whole = rng.random(len(real)) < 0.3
    amounts = np.where(
        whole, real["price"], np.round(real["price"].astype(float) * rng.uniform(0.9, 1, len(real)))
    )
    real = real.assign(paid=amounts.astype(int), price=real["price"].astype(int)).reset_index(drop=True)
    twin = Synthesizer(seed=1).fit(real).sample(ROWS)
    assert (twin["paid"] <= twin["price"]).all()
    assert abs((twin["paid"] == twin["price"]).mean() - whole.mean()) < 0.04


def test_given_columns_determine_the_others() -> None:
    real = stones()
    rows = real[["grade", "weight"]]
    twin = Synthesizer(seed=1).fit(real, given=["grade", "weight"]).sample(ROWS, given=rows)
    pd.testing.assert_frame_equal(twin[["grade", "weight"]], rows)
    assert unexplained_share(twin) < 1.4 * unexplained_share(real)


def taken_for_sums(frame: pd.DataFrame, *, with_orders: bool = True) -> set[str]:
    """The columns that are, if columns are drawn as they stand."""
    columns = list(open_columns(frame).values())
    orders = find_orders(columns) if with_orders else []
    crowd, information = Crowd(10, len(frame)), mutual_information(columns)
    sums = Regressions(columns, information, orders=orders, crowd=crowd, fixed_columns=()).find(
        columns, draw_order=range(len(columns)), number=len(columns), fixed_columns=()
    )
    return {str(frame.columns[index]) for index in sums}


def test_an_inequality_that_a_sum_would_break_rules_it_out() -> None:
    rng = np.random.default_rng(0)
    limit, grade = rng.lognormal(5, 1, ROWS).round(2), rng.choice(list(GRADES), ROWS)
    share = np.exp(pd.Series(grade).map(GRADES) * 1.5 - 1.05 + rng.normal(0, 0.1, ROWS)).clip(upper=1)
    frame = pd.DataFrame({"limit": limit, "grade": grade, "used": (limit * share).round(2)})
    assert taken_for_sums(frame, with_orders=False) == {"used"}
    assert taken_for_sums(frame) == set()


def test_a_common_value_that_a_sum_would_blur_rules_it_out() -> None:
    rng = np.random.default_rng(0)
    base = pd.Series(rng.normal(0, 10, ROWS).round(2))
    balance = (3 * base + rng.normal(0, 1, ROWS)).round(2)
    frame = pd.DataFrame({"base": base, "balance": balance})
    assert taken_for_sums(frame) == {"balance"}
    frame["balance"] = balance.mask(rng.random(ROWS) < 0.04, 0.0)
    assert taken_for_sums(frame) == set()


def test_what_does_not_vary_where_it_is_looked_at_is_no_sum() -> None:
    rng = np.random.default_rng(0)
    rows = 2 * MOST_ROWS
    base = pd.Series(rng.random(rows))
    frame = pd.DataFrame({"base": base, "odd": base.where(np.arange(rows) % 2 == 1, 0.5)})
    assert taken_for_sums(frame) == set()


def open_columns(frame: pd.DataFrame) -> dict[str, ColumnCodes]:
    return {
        str(name): open_column(values, Crowd(10, len(values)), label=False) for name, values in frame.items()
    }


def test_a_sum_is_of_the_logarithm_where_less_is_left_beside_that() -> None:
    columns = open_columns(stones().dropna().reset_index(drop=True))
    price, weight, grade = (columns[name] for name in ("price", "weight", "grade"))
    assert isinstance(price, NumberColumn)
    assert isinstance(grade, LabelColumn)
    terms = {1: weight, 2: grade}
    model = fit_additive(price, terms, np.arange(len(price.codes)))
    assert model is not None
    assert model.in_logs
    total = model.total({index: column.codes for index, column in terms.items()})
    rest = model.rest(price, total)
    assert rest.std() < 1.2 * NOISE
    assert (Nearest(price, in_logs=True).codes(total + rest) == price.codes).all()
    heights = model.tables[2][:-1]
    log_grades = (
        grade.restore(np.arange(grade.size), np.random.default_rng(0)).map(GRADES).to_numpy(dtype=float)
    )
    assert np.abs((heights - heights[0]) - (log_grades - log_grades[0])).max() < 0.02


def test_null_has_a_height_of_its_own() -> None:
    rng = np.random.default_rng(0)
    bonus = pd.Series(rng.random(ROWS)).round(3)
    base = pd.Series(rng.normal(50, 9, ROWS)).round(2).where(rng.random(ROWS) < 0.7)
    pay = base.fillna(200) + bonus
    columns = open_columns(pd.DataFrame({"pay": pay.round(2), "base": base, "bonus": bonus}))
    pay_column = columns["pay"]
    assert isinstance(pay_column, NumberColumn)
    terms = {1: columns["base"], 2: columns["bonus"]}
    model = fit_additive(pay_column, terms, np.arange(ROWS))
    assert model is not None
    rest = model.rest(pay_column, model.total({index: column.codes for index, column in terms.items()}))
    assert np.abs(rest).mean() < 0.3


def test_a_ratio_that_is_computed_keeps_its_spread_within_each_group() -> None:
    """The cost of a click is one of its channel, give or take a tenth; costs and clicks vary a lot more."""
    rng = np.random.default_rng(4)
    channel = rng.choice(["search", "social", "mail"], 1100)
    usual = pd.Series(channel).map({"search": 0.6, "social": 0.4, "mail": 0.1})
    cost = (usual * 300 * rng.lognormal(0, 0.7, 1100)).round(2)
    clicks = (cost / usual * rng.uniform(0.9, 1.1, 1100)).astype(int)
    real = pd.DataFrame(
        {"channel": channel, "cost": cost, "clicks": clicks, "each": (cost / clicks).round(4)}
    )
    rows = Synthesizer(seed=0).fit(real).sample(4000)
    assert ((rows["cost"] / rows["clicks"]).round(4) - rows["each"]).abs().max() < 0.0002
    for frame in (real, rows):
        apart = np.log(frame["each"] / frame["channel"].map({"search": 0.6, "social": 0.4, "mail": 0.1}))
        assert apart.std() < 0.13
