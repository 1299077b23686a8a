"""Tables whose columns follow from each other, and whether they still do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.engine import Synthesizer
from synth.engine.crowd import Crowd
from synth.engine.formulas import to_amounts
from synth.engine.identities import find_identities
from synth.engine.synthesizer import open_column
from synth.engine.ticks import to_native

if TYPE_CHECKING:
    from synth.engine.formulas import Identity

ROWS = 1000


def arithmetic(
    frame: pd.DataFrame, unchanged_columns: tuple[int, ...] = ()
) -> dict[str, tuple[str, tuple[str, ...]]]:
    columns = [
        open_column(frame.iloc[:, i], Crowd(10, len(frame)), label=False) for i in range(frame.shape[1])
    ]
    return {
        frame.columns[each.target]: (each.rule, tuple(frame.columns[source] for source in each.sources))
        for each in find_identities(frame, columns, fixed_columns=unchanged_columns)
    }


def twin(frame: pd.DataFrame, rows: int = ROWS, **options: Any) -> pd.DataFrame:
    return Synthesizer(seed=4, **options).fit(frame).sample(rows)


def holds(identity: Identity, frame: pd.DataFrame) -> bool:
    target, *sources = (
        to_amounts(*to_native(frame.iloc[:, place])) for place in (identity.target, *identity.sources)
    )
    amounts = identity.amounts(sources)
    close = 1e-6 if "32" in str(frame.dtypes) else max(1e-12, identity.noise)
    return bool(np.allclose(amounts, target, rtol=close, equal_nan=True))


def numbers(seed: int = 0, rows: int = ROWS) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "count": rng.poisson(2, rows) + 1,
        "price": rng.gamma(2, 20, rows).round(2),
        "other": rng.poisson(9, rows),
        "share": rng.random(rows).round(3),
    }


def moments(seed: int = 0, rows: int = ROWS) -> pd.Series[Any]:
    rng = np.random.default_rng(seed)
    day = rng.integers(0, 900, rows)
    hour = np.clip(rng.normal(15, 3, rows), 0, 23.9)
    seconds = (day * 86_400 + hour * 3600).astype("int64")
    return pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(seconds, unit="s")).astype("datetime64[us]")


def order_lines(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Every column after the third follows from others, some from such that do themselves."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(numbers(seed, rows))[["count", "price"]]
    frame["shipping"] = rng.choice([0.0, 4.95, 9.9], rows)
    frame["net"] = (frame["count"] * frame["price"]).round(2)
    frame["off"] = np.where(rng.random(rows) < 0.3, rng.choice([1.0, 2.5, 5.0], rows), 0.0)
    frame["total"] = (frame["net"] + frame["shipping"] - frame["off"]).round(2)
    frame["cents"] = (frame["total"] * 100).round().astype("int64")
    return frame
