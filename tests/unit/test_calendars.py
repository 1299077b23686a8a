"""Calendars are known by days of which none is left out."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from synth.graph.calendars import are_days_in_a_row

DAYS = np.arange("2024-01-01", "2025-03-01", dtype="datetime64[D]")


@pytest.mark.parametrize("unit", ["D", "us"])
def test_days_in_any_order_are_in_a_row(unit: str) -> None:
    for seed in range(3):
        days = np.random.default_rng(seed).permutation(DAYS).astype(f"datetime64[{unit}]")
        assert are_days_in_a_row(pa.chunked_array([days]))


@pytest.mark.parametrize("rows", [np.delete(DAYS, 40), np.append(DAYS, DAYS[:1]), DAYS[::7], DAYS[:20]])
def test_days_with_gaps_twice_or_by_weeks_and_few_days_are_none(rows: np.ndarray) -> None:
    assert not are_days_in_a_row(pa.chunked_array([rows]))
