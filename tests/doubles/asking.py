"""What the tests of remote backends ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from synth.domain import Request
from synth.errors import BackendError
from tests.doubles.gretel import KEY
from tests.doubles.nemo import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.doubles.fixtures import Rental

ROWS = 60
CANARY = "canary-7f3a"
RUN = "20261123t002547z-039694e2"


def training(rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "plan": pd.Categorical(rng.choice(["free", "plus"], rows), categories=["free", "plus", "team"]),
            "amount": rng.gamma(2.0, 30.0, rows).round(2),
            "visits": pd.Series(rng.poisson(4, rows)).astype("Int64").mask(pd.Series(rng.random(rows) < 0.1)),
            "active": rng.random(rows) < 0.5,
            "seen_at": pd.Timestamp("2026-01-01", tz="UTC")
            + pd.to_timedelta(rng.integers(0, 9000, rows), unit="min"),
            "code": rng.integers(1, 4, rows).astype("int16"),
            "note": pd.Series([CANARY if n == 3 else "common" for n in range(rows)], dtype=object),
        }
    )


def request_for(**changes: Any) -> Request:
    request = Request(
        rows=ROWS,
        seed=11,
        categories=frozenset({"code"}),
        public=frozenset(),
        run_id=RUN,
        model="model.shop.orders",
    )
    return replace(request, **changes)


def twin_of(remote: Rental, folder: Path, **changes: Any) -> pd.DataFrame:
    return remote.backend.synthesize(training(), request_for(**changes), folder)


def refusal_of(remote: Rental, folder: Path, **changes: Any) -> str:
    """The error that a run ends with; neither it nor anything on the disk holds a secret or a value."""
    with pytest.raises(BackendError) as failure:
        twin_of(remote, folder, **changes)
    left = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()).decode()
    for text in (str(failure.value), left):
        assert not any(secret in text for secret in (KEY, TOKEN, CANARY, "X-Signature"))
    return str(failure.value)
