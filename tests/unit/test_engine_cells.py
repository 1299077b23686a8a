"""Values that few people hold are smoothed with their neighbours, wherever they lie."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.engine.crowd import Crowd
from synth.engine.numbers import NumberColumn

RARE = 10


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([*[1.0] * 300, *[2.37] * 9, *[4.0] * 300], id="alone between two common values"),
        pytest.param([*[1.0] * 300, *[2.37] * 5, *[2.41] * 4, *[4.0] * 300], id="two of them"),
        pytest.param([*[1.0] * 300, *[4.0] * 300, *[5.21] * 9, 9.0], id="at the top"),
        pytest.param(
            [*np.linspace(1, 2, 400), *[7.123457] * 9, *np.linspace(12, 13, 400)], id="between two modes"
        ),
    ],
)
def test_what_fewer_than_ten_hold_comes_back_no_more_often_than_by_chance(values: list[float]) -> None:
    real = pd.Series(values)
    column = NumberColumn(real, Crowd(RARE, len(values)))
    result = column.restore(np.tile(column.codes, 20), np.random.default_rng(0))
    uncommon = real.value_counts().loc[lambda counts: (counts < RARE) & (counts > 1)].index
    assert result.isin(uncommon).mean() <= real.isin(uncommon).mean() / 10


def test_common_values_stay_as_they_are() -> None:
    values = [*[1.0] * 300, *[2.37] * 9, *[4.0] * 300]
    column = NumberColumn(pd.Series(values), Crowd(RARE, len(values)))
    result = column.restore(column.codes, np.random.default_rng(0))
    assert (result == pd.Series(values)).mean() > 0.98


def test_numbers_that_all_stand_in_one_row_stay_as_they_are() -> None:
    values = pd.Series([0] * 300 + [1] * 200 + [2] * 9 + [3] * 50)
    column = NumberColumn(values, Crowd(RARE, len(values)))
    result = column.restore(column.codes, np.random.default_rng(0))
    assert (result == values).all()
