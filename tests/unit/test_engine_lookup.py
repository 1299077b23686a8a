"""Lookups find what a search finds, in any dtype, however values are spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from synth.engine.lookup import FEW_VALUES, Lookup

if TYPE_CHECKING:
    from numpy.typing import NDArray

RNG = np.random.default_rng(0)
EVEN = np.arange(5 * FEW_VALUES)
ELEMENTS = {
    "i8": st.integers(-(2**63), 2**63 - 1),
    "u8": st.integers(0, 2**64 - 1),
    "f8": st.floats(allow_nan=False),
    "M8[us]": st.integers(-(2**62), 2**62).map(lambda each: np.datetime64(each, "us")),
    "m8[ns]": st.integers(-(2**62), 2**62).map(lambda each: np.timedelta64(each, "ns")),
}


def check(own_values: NDArray[Any], values: NDArray[Any]) -> None:
    own_values = np.unique(own_values)
    assert np.array_equal(
        Lookup(own_values).find(values), np.searchsorted(own_values, values, side="right") - 1
    )


@pytest.mark.parametrize("dtype", ELEMENTS)
@settings(max_examples=30)
@given(data=st.data())
def test_any_values_are_found_among_evenly_spread_and_any_others(dtype: str, data: st.DataObject) -> None:
    values = data.draw(arrays(dtype, st.integers(0, 40), elements=ELEMENTS[dtype]))
    check(np.concatenate([EVEN.astype("i8").astype(dtype), values]), values)
    check(EVEN.astype("i8").astype(dtype), values)


@pytest.mark.parametrize(
    "values",
    [
        RNG.lognormal(3, 2, 20_000).round(2),
        RNG.integers(-(2**63), 2**63 - 1, 20_000),
        2**62 + RNG.integers(0, 30_000, 20_000),  # as floats, many of them are one
        np.append(RNG.normal(size=20_000), [np.inf, -np.inf, 1e308, -1e308]),
        np.append(RNG.random(20_000), 1e300),  # all but one are in one stretch
    ],
    ids=["crowded", "everywhere", "alike", "infinite", "far"],
)
def test_values_are_found_among_any(values: NDArray[Any]) -> None:
    check(values[::2], values)


def test_what_is_no_number_is_anywhere() -> None:
    places = Lookup(EVEN.astype(float)).find(np.array([np.nan, 7.5]))
    assert places[1] == 7
