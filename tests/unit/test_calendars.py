"""Calendars are known by days of which none is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from synth.columns.roles import assign
from synth.domain import Column, ForeignKey, Kind, Model, Relation, Role
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


def test_days_that_refer_to_a_calendar_are_days_and_no_keys() -> None:
    """As a key, the first day of an absence was any day of the calendar, after its last one, too."""
    key = ForeignKey("came_on", "model.inn.days", "day", "test", public=True)
    model = Model("model.inn.stays", "stays", Relation("db", "inn", "stays"), "stays.yml", "table")
    days = pa.chunked_array([np.random.default_rng(0).choice(DAYS, 300)])
    column = Column("came_on", "date", Kind.DATE, not_null=True)

    def role(key: ForeignKey, model: Model) -> Role:
        (treatment,) = assign(replace(model, foreign_keys=(key,)), [column], pa.table({"came_on": days}))
        return treatment.role

    assert role(key, model) is Role.DATETIME
    assert role(replace(key, public=False), model) is Role.FOREIGN_KEY
    assert role(key, replace(model, unique=(("came_on",),))) is not Role.DATETIME
