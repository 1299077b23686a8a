"""What every built-in backend owes the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from synth.backends import BUILT_IN, Backend, open_backend
from synth.backends.local import LocalBackend
from synth.domain import HistoryRequest, Request
from synth.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 400
CANARY = "canary-7f3a"
OFFLINE = ["local"]  # the others answer from a service, which their own tests provide


@pytest.fixture(params=sorted(set(BUILT_IN) & set(OFFLINE)))
def backend(request: pytest.FixtureRequest) -> Backend:
    backend_of_test = open_backend(request.param, {})
    backend_of_test.check()
    return backend_of_test


@pytest.fixture
def training() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    amount = rng.gamma(2.0, 30.0, ROWS).round(2)
    frame = pd.DataFrame(
        {
            "plan": pd.Categorical(rng.choice(["free", "plus"], ROWS), categories=["free", "plus", "team"]),
            "amount": amount,
            "visits": pd.Series(rng.poisson(4, ROWS)).astype("Int64").mask(pd.Series(rng.random(ROWS) < 0.1)),
            "active": rng.random(ROWS) < 0.5,
            "seen_at": pd.Timestamp("2026-01-01", tz="UTC")
            + pd.to_timedelta(rng.integers(0, 9000, ROWS), unit="min"),
            "code": rng.integers(1, 4, ROWS).astype("int16"),
            "note": pd.Series([CANARY if n == 3 else "common" for n in range(ROWS)], dtype=object),
        }
    )
    return frame.set_index(pd.Index(range(10, 10 + ROWS)))


def request_of(rows: int = 250, seed: int = 11) -> Request:
    return Request(
        rows=rows,
        seed=seed,
        categories=frozenset({"code"}),
        public=frozenset(),
        run_id="run",
        model="model.shop.orders",
    )


def test_twin_has_the_columns_order_dtypes_and_rows_asked_for(
    backend: Backend, training: pd.DataFrame, tmp_path: Path
) -> None:
    twin = backend.synthesize(training, request_of(rows=777), tmp_path)
    assert list(twin.columns) == list(training.columns)
    assert twin.dtypes.to_dict() == training.dtypes.to_dict()
    assert len(twin) == 777


def test_categories_keep_to_the_labels_of_training(
    backend: Backend, training: pd.DataFrame, tmp_path: Path
) -> None:
    twin = backend.synthesize(training, request_of(), tmp_path)
    for name in ("plan", "code", "note"):
        assert set(twin[name]) <= set(training[name])


def test_only_columns_with_nulls_get_nulls(backend: Backend, training: pd.DataFrame, tmp_path: Path) -> None:
    twin = backend.synthesize(training, request_of(), tmp_path)
    assert [name for name in twin if twin[name].isna().any()] == ["visits"]


def test_same_seed_gives_the_same_twin_and_another_seed_another(
    backend: Backend, training: pd.DataFrame, tmp_path: Path
) -> None:
    first = backend.synthesize(training, request_of(), tmp_path)
    pd.testing.assert_frame_equal(first, backend.synthesize(training, request_of(), tmp_path))
    assert not first.equals(backend.synthesize(training, request_of(seed=12), tmp_path))


def test_training_rows_are_left_as_they_are(backend: Backend, training: pd.DataFrame, tmp_path: Path) -> None:
    before = training.copy(deep=True)
    backend.synthesize(training, request_of(), tmp_path)
    pd.testing.assert_frame_equal(training, before)


def test_workdir_holds_no_real_value_afterwards(
    backend: Backend, training: pd.DataFrame, tmp_path: Path
) -> None:
    backend.synthesize(training, request_of(), tmp_path)
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert CANARY.encode() not in left
    assert not any(repr(value).encode() in left for value in training["amount"])


def test_a_value_of_one_row_is_not_repeated(backend: Backend, training: pd.DataFrame, tmp_path: Path) -> None:
    twin = backend.synthesize(training, request_of(rows=5000), tmp_path)
    assert CANARY not in set(twin["note"])


def test_an_unknown_backend_is_named_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"'lokal'.*local"):
        open_backend("lokal", {})


@pytest.mark.parametrize("together", [50_000, 0], ids=["together", "apart"])
def test_every_draw_of_histories_is_whole_and_another_one(
    monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    """Each draw has all owners in order, with as many rows as they say, however many are drawn as one."""
    monkeypatch.setattr("synth.backends.local.TOGETHER", together)
    backend = LocalBackend()  # the only one that draws histories
    rng = np.random.default_rng(2)
    owners = pd.DataFrame({"plan": rng.choice(["free", "plus"], 120), "rows": rng.integers(0, 6, 120)})
    owner = np.repeat(np.arange(120), owners["rows"])
    rows = pd.DataFrame({"amount": rng.gamma(2.0, 30.0, len(owner)).round(2)})
    asked = HistoryRequest(owners, owner, owners, None, draws=4, count="rows")
    draws = backend.histories(rows, request_of(rows=len(rows)), asked)
    assert len(draws) == 4
    for frame, whose in draws:
        assert list(frame.columns) == ["amount"]
        assert (np.diff(whose) >= 0).all()
        assert (np.bincount(whose, minlength=120) == owners["rows"]).all()
    assert len({tuple(frame["amount"]) for frame, _ in draws}) == 4
