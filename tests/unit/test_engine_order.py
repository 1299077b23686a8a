"""The second order of drawing: another one, that keeps what must come before what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.engine import Synthesizer
from synth.engine.crowd import Crowd
from synth.engine.order import MANY, another_order, coarse_first
from synth.engine.synthesizer import open_column

if TYPE_CHECKING:
    from synth.engine.columns import ColumnCodes


def numbers(count: int) -> list[ColumnCodes]:
    return [open_column(pd.Series(np.arange(40) % (3 + i)), Crowd(1, 40), label=False) for i in range(count)]


@given(st.data())
def test_every_order_keeps_the_first_and_what_is_needed(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 12))
    draw_order = data.draw(st.permutations(range(size)))
    first = data.draw(st.integers(0, size))
    lists = st.lists(st.integers(0, max(size - 1, 0)), max_size=3, unique=True)
    needs = data.draw(st.dictionaries(st.integers(0, max(size - 1, 0)), lists)) if size else {}
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    order = another_order(numbers(size), draw_order, needs, first=first, rng=rng)
    assert sorted(order) == list(range(size))
    assert order[:first] == list(draw_order[:first])
    for index, before in needs.items():
        for need in before:
            if draw_order.index(need) < draw_order.index(index):
                assert order.index(need) < order.index(index)


def test_orders_differ_by_chance_alone() -> None:
    columns, draw_order = numbers(9), list(range(9))
    orders = [
        another_order(columns, draw_order, {}, first=2, rng=np.random.default_rng(s)) for s in (0, 0, 1)
    ]
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != draw_order


def test_columns_of_many_labels_stay_last_but_for_those_that_need_them() -> None:
    labels = pd.Series([f"l{i}" for i in range(MANY + 1)] * 2)
    columns = [open_column(labels, Crowd(1, len(labels)), label=True), *numbers(5)]
    draw_order = [1, 2, 3, 4, 0, 5]
    for seed in range(20):
        order = another_order(columns, draw_order, {}, first=0, rng=np.random.default_rng(seed))
        assert order[-1] == 0
        order = another_order(columns, draw_order, {5: (0,)}, first=0, rng=np.random.default_rng(seed))
        assert order.index(0) == order.index(5) - 1


def test_any_number_of_rows_is_drawn_from_both_orders() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"c{i}": rng.integers(0, 5, 400) for i in range(4)})
    frame["twice"] = frame["c0"] * 2
    engine = Synthesizer(seed=3).fit(frame)
    twin = engine.sample(1001)
    assert (twin["twice"] == twin["c0"] * 2).all()
    assert len(engine.sample(1)) == 1
    assert len(engine.sample(0)) == 0


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_labels_that_decide_a_third_agree_on_it(seed: int) -> None:
    chance = np.random.default_rng(seed)
    rows = 500  # too few for raking to put pairs right
    country = chance.choice(["DE", "FR"], rows, p=[0.6, 0.4])
    towns, plans = chance.integers(0, 6, rows), chance.integers(0, 4, rows)
    frame = pd.DataFrame(
        {
            "town": [f"{one} town {number}" for one, number in zip(country, towns, strict=True)],
            "plan": [f"{one} plan {number}" for one, number in zip(country, plans, strict=True)],
            "country": country,
        }
    )
    twin = Synthesizer(seed=seed).fit(frame).sample(rows)
    for name in ("town", "plan"):
        assert (twin[name].str[:2] == twin["country"]).all()


def test_what_labels_decide_comes_before_them_where_others_do_too() -> None:
    town = np.arange(400) % 12
    labels = {"town": town, "region": town // 2, "country": town // 4, "shop": town // 4 * 10 + town % 3}
    columns = [open_column(pd.Series(one).astype(str), Crowd(1, 400), label=True) for one in labels.values()]
    assert coarse_first(columns, range(4), ()) == ([2, 0, 1, 3], {0: (2,), 1: (2,), 3: (2,)})
    assert coarse_first(columns[:3], range(3), ()) == ([0, 1, 2], {})  # a town decides both, one by one
