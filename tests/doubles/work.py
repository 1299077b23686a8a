"""What the stand-ins make of the rows they are given."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd

from synth.engine import Synthesizer

SEED = 0  # of a run that names none


def learn(content: bytes, rows: int) -> bytes:
    """Rows of our own engine, which learns from the CSV as any reader would who guesses its types."""
    frame = guess(content)
    return Synthesizer(seed=SEED).fit(frame).sample(rows).to_csv(index=False).encode()


def repeat(content: bytes, rows: int) -> bytes:
    """The training rows themselves, over and over: what no service may get away with."""
    frame = guess(content)
    return frame.iloc[[row % len(frame) for row in range(rows)]].to_csv(index=False).encode()


def guess(content: bytes) -> pd.DataFrame:
    """The table that a reader with defaults makes of a CSV, times included."""
    frame = pd.read_csv(io.BytesIO(content))
    for name in frame.columns:
        column: pd.Series[Any] = frame[name]
        if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
            continue
        moments = pd.to_datetime(column, errors="coerce", format="ISO8601")
        if column.notna().any() and (moments.notna() == column.notna()).all():
            frame[name] = moments
    return frame
