"""Numbers have the signs that go with their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from synth.engine import Synthesizer
from synth.engine.crowd import Crowd
from synth.engine.labels import LabelColumn
from synth.engine.numbers import NumberColumn
from synth.engine.signs import Signs

if TYPE_CHECKING:
    from synth.engine.columns import ColumnCodes


def payments(rows: int = 1200) -> pd.DataFrame:
    """Return payments and refunds, none of these in cash, and tips of what was delivered."""
    rng = np.random.default_rng(1)
    refund = rng.random(rows) < 0.13
    method = np.where(
        refund, rng.choice(["card", "wallet"], rows), rng.choice(["card", "wallet", "cash"], rows)
    )
    amount = np.round(rng.lognormal(3, 0.5, rows), 2) * np.where(refund, -1, 1)
    state = rng.choice(["delivered", "late", "lost"], rows, p=[0.8, 0.1, 0.1])
    tip = np.where((state == "delivered") & (rng.random(rows) < 0.4), rng.integers(1, 4, rows), 0)
    kind = np.where(refund, "refund", "payment")
    return pd.DataFrame({"method": method, "amount": amount, "kind": kind, "state": state, "tip": tip})


@pytest.mark.parametrize("seed", range(3))
def test_no_number_has_a_sign_that_its_label_never_has(seed: int) -> None:
    twin = Synthesizer(seed=seed).fit(payments()).sample(1200)
    assert ((twin["kind"] == "refund") == (twin["amount"] < 0)).all()
    assert not ((twin["method"] == "cash") & (twin["amount"] < 0)).any()
    assert not ((twin["state"] != "delivered") & (twin["tip"] > 0)).any()
    assert 0.09 < (twin["kind"] == "refund").mean() < 0.18
    assert 0.22 < (twin["method"] == "cash").mean() < 0.36


def columns_of(frame: pd.DataFrame) -> list[ColumnCodes]:
    crowd = Crowd.of(10, len(frame), None)
    return [LabelColumn(frame["label"], crowd), NumberColumn(frame["number"], crowd)]


def test_a_sign_that_a_label_lacks_by_chance_is_no_rule() -> None:
    label = pd.Series(["a"] * 400 + ["b"] * 15)
    number = pd.Series(np.r_[np.tile([1.0, 2.0, 3.0, 4.0, -1.0, -2.0], 67)[:400], np.ones(15)])
    frame = pd.DataFrame({"label": label, "number": number})
    assert not Signs.of(columns_of(frame), ()).every  # of 15 numbers none is below zero once in 400 times
    frame["label"] = np.where((number.to_numpy() > 0) & (np.arange(len(number)) % 2 == 1), "b", "a")
    rules = Signs.of(columns_of(frame), ()).every
    assert [(one.label, one.number) for one in rules] == [(0, 1)]
    assert not Signs.of(columns_of(frame), (0, 1)).every  # nobody draws them


def test_rows_of_few_entities_prove_no_sign() -> None:
    number = pd.Series(np.tile([1.0, 1.0, -1.0, -1.0], 100))
    frame = pd.DataFrame({"label": np.tile(["a", "a", "b", "b"], 100), "number": number})
    assert Signs.of(columns_of(frame), ()).every
    whom = np.tile([0, 1, 2, 3], 100)
    assert not Signs.of(columns_of(frame), (), whom).every
