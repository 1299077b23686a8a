"""Any frame of the supported dtypes can be learned and sampled; what comes back has its shape."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synth.engine import Synthesizer, regressions

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"]
TIMES = ["datetime64[s]", "datetime64[ms]", "datetime64[us]", "datetime64[ns]"]
KINDS = [
    "bool",
    "boolean",
    *INTEGERS,
    "Int64",
    "Int8",
    "float32",
    "float64",
    "Float64",
    *TIMES,
    "datetime64[us, Europe/Berlin]",
    "datetime64[ns, UTC]",
    "timedelta64[s]",
    "timedelta64[ns]",
    "object",
    "str",
    "string",
    "category",
    "mixed",
    "unhashable",
]
NULLABLE = {
    "boolean",
    "Int64",
    "Int8",
    "float32",
    "float64",
    "Float64",
    "object",
    "str",
    "string",
    "category",
    "mixed",
}


def integers(rng: np.random.Generator, rows: int, kind: str) -> np.ndarray[Any, Any]:
    info = np.iinfo(kind.lower())
    low, high = [(0, 3), (0, 100), (int(info.min), int(info.max))][rng.integers(3)]
    return rng.integers(low, high, rows, dtype=kind.lower(), endpoint=True)


def floats(rng: np.random.Generator, rows: int) -> np.ndarray[Any, Any]:
    values = rng.choice(
        [rng.normal(size=rows), rng.integers(0, 9, rows) / 4, 10.0 ** rng.integers(-300, 300, rows)]
    )
    odd = rng.choice([np.inf, -np.inf, -0.0, 1e308, 5e-324], rows)
    return np.where(rng.random(rows) < rng.choice([0, 0.3]), odd, values)


def labels(rng: np.random.Generator, rows: int) -> np.ndarray[Any, Any]:
    few = rng.choice(np.array(["a", "b", "", "ü\n'\"", "x" * 40], dtype=object), rows)
    many = np.array([f"v{n}" for n in range(rows)], dtype=object)
    return few if rng.random() < 0.6 else many


def column(rng: np.random.Generator, rows: int, kind: str) -> pd.Series[Any]:
    series = make(rng, rows, kind)
    if kind in NULLABLE or kind.startswith(("datetime", "timedelta")):
        share = rng.choice([0, 0, 0.1, 0.5, 1])
        series = series.mask(pd.Series(rng.random(rows) < share, dtype=bool))
    return series


def make(rng: np.random.Generator, rows: int, kind: Any) -> pd.Series[Any]:
    series: pd.Series[Any]
    if kind in {"bool", "boolean"}:
        series = pd.Series(rng.random(rows) < rng.choice([0, 0.05, 0.5]))
    elif kind in {*INTEGERS, "Int64", "Int8"}:
        series = pd.Series(integers(rng, rows, kind))
    elif kind in {"float32", "float64", "Float64"}:
        series = pd.Series(floats(rng, rows))
    elif kind.startswith("datetime"):
        grain = rng.choice(["D", "h", "s"])
        series = pd.Series(rng.integers(0, 4000, rows).astype(f"datetime64[{grain}]").astype("datetime64[s]"))
        series = series.dt.tz_localize("UTC") if "," in kind else series
    elif kind.startswith("timedelta"):
        series = pd.Series(rng.integers(-5000, 5000, rows).astype("timedelta64[s]"))
    elif kind == "mixed":
        return pd.Series(rng.choice(np.array([1, "1", 2.5, True], dtype=object), rows), dtype=object)
    elif kind == "unhashable":
        return pd.Series([[int(n)] for n in rng.integers(0, 3, rows)], dtype=object)
    else:
        series = pd.Series(labels(rng, rows), dtype=object)
    with np.errstate(over="ignore", under="ignore"):
        return series.astype(kind)


def build(kinds: list[str], rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = (
        pd.concat([column(rng, rows, kind) for kind in kinds], axis=1)
        if kinds
        else pd.DataFrame(index=range(rows))
    )
    frame.columns = pd.Index([f"c{n}" for n in range(len(kinds))])
    return frame


def texts(series: pd.Series[Any]) -> set[str]:
    return {repr(value) for value in series.dropna()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [0, 1, 7, 25, 300])
def test_every_dtype_comes_back_as_it_was(kind: str, rows: int) -> None:
    check(build([kind, kind], rows, seed=rows), 40)


@given(
    kinds=st.lists(st.sampled_from(KINDS), max_size=5),
    rows=st.integers(0, 300),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_any_frame_can_be_learned_and_sampled(kinds: list[str], rows: int, seed: int) -> None:
    check(build(kinds, rows, seed), 50)


@given(
    kinds=st.lists(
        st.sampled_from([*INTEGERS, "Int64", "float32", "float64", "Float64", "bool", "str"]), max_size=5
    ),
    rows=st.integers(30, 300),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_any_frame_can_be_learned_although_columns_are_taken_for_sums_of_others(
    kinds: list[str], rows: int, seed: int
) -> None:
    eager: dict[str, Any] = {
        "FEWEST_ROWS": 20,
        "FEW_VALUES": 3,
        "LEAST_INFORMATION": -1.0,
        "CLOSE": 10.0,
        "BETTER": 100.0,
        "LOSS_OF_COMMON": 1.0,
    }
    with patch.multiple(regressions, **eager):
        check(build(kinds, rows, seed), 50)


def check(frame: pd.DataFrame, rows: int) -> None:
    before = frame.copy(deep=True)
    twin = Synthesizer(seed=3, categories={"c1"}).fit(frame).sample(rows)
    pd.testing.assert_frame_equal(frame, before)
    assert list(twin.columns) == list(frame.columns)
    assert twin.dtypes.to_dict() == frame.dtypes.to_dict()
    assert len(twin) == (rows if len(frame) else 0)
    for name in frame.columns:
        if not frame[name].isna().any():
            assert not twin[name].isna().any()
        if (
            frame[name].dtype.kind in "Ob"
            or name == "c1"
            or isinstance(frame[name].dtype, pd.CategoricalDtype)
        ):
            assert texts(twin[name]) <= texts(frame[name])
        elif len(twin) and frame[name].notna().any() and twin[name].notna().any():
            assert frame[name].min() <= twin[name].min()
            assert twin[name].max() <= frame[name].max()
    seed_columns_hold(frame)
    again = Synthesizer(seed=3, categories={"c1"}).fit(frame).sample(rows)
    pd.testing.assert_frame_equal(twin, again)


def seed_columns_hold(frame: pd.DataFrame) -> None:
    rows = frame[[name for name in ("c1", "c0") if name in frame]]
    twin = Synthesizer(seed=3, categories={"c1"}).fit(frame, given=list(rows)).sample(len(rows), given=rows)
    pd.testing.assert_frame_equal(twin[rows.columns], rows)
    assert twin.dtypes.to_dict() == frame.dtypes.to_dict()


SPANS = [
    "int8",
    "int64",
    "Int64",
    "float32",
    "float64",
    *TIMES,
    "datetime64[us, Europe/Berlin]",
    "timedelta64[s]",
]


@given(
    kind=st.sampled_from(SPANS),
    rows=st.integers(1, 300),
    width=st.sampled_from([1, 10, 100]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=40, derandomize=True)
def test_what_never_ends_before_it_starts_never_does(kind: str, rows: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    start = rng.integers(-60, 60, rows)
    end = start + rng.integers(0, width, rows) % 60
    frame = pd.DataFrame(
        {"start": spans(start, kind), "end": spans(end, kind), "side": rng.random(rows) < 0.5}
    )
    if kind not in {"int8", "int64"}:
        null = pd.Series(rng.random(rows) < rng.choice([0, 0.2]), dtype=bool)
        frame["start"], frame["end"] = frame["start"].mask(null), frame["end"].mask(null)
    check(frame.rename(columns={"start": "c0", "end": "c2", "side": "c3"}), 200)
    twin = Synthesizer().fit(frame).sample(200).dropna()
    assert (twin["start"] <= twin["end"]).all()


def spans(steps: np.ndarray[Any, Any], kind: Any) -> pd.Series[Any]:
    if kind.startswith("datetime"):
        days = pd.Series(pd.Timestamp("2026-03-29") + pd.to_timedelta(steps * 7, unit="h"))
        return days.dt.tz_localize("UTC").astype(kind) if "," in kind else days.astype(kind)
    if kind.startswith("timedelta"):
        return pd.Series(pd.to_timedelta(steps, unit="min")).astype(kind)
    return pd.Series(steps / 4 if kind.startswith("float") else steps).astype(kind)
