"""Calendars are known by days of which none is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from synth.columns.roles import assign
from synth.domain import Column, ForeignKey, Kind, Model, Relation, Role
from synth.graph.calendars import are_days_in_a_row
from synth.twins.pools import moved_to_days, nearest_days

DAYS = np.arange("2024-01-01", "2025-03-01", dtype="datetime64[D]")


@pytest.mark.parametrize("unit", ["D", "us"])
def test_days_in_any_order_are_in_a_row(unit: str) -> None:
    for seed in range(3):
        days = np.random.default_rng(seed).permutation(DAYS).astype(f"datetime64[{unit}]")
        assert are_days_in_a_row(pa.chunked_array([days]))


@pytest.mark.parametrize("rows", [np.delete(DAYS, 40), np.append(DAYS, DAYS[:1]), DAYS[::7], DAYS[:20]])
def test_days_with_gaps_twice_or_by_weeks_and_few_days_are_none(rows: np.ndarray) -> None:
    assert not are_days_in_a_row(pa.chunked_array([rows]))


@pytest.mark.parametrize("others", [[None], ["1900-01-01", "9999-12-31"], [None, "1800-01-01"]])
def test_a_row_for_no_day_stands_beside_the_days(others: list[str | None]) -> None:
    more = np.array([np.datetime64(one or "NaT") for one in others], "datetime64[D]")
    rows = pa.array(np.append(DAYS, more), pa.date32())
    assert are_days_in_a_row(pa.chunked_array([rows]))
    assert not are_days_in_a_row(pa.chunked_array([rows, rows.slice(len(DAYS)), rows.slice(len(DAYS))] * 2))
    few = pa.array(np.append(DAYS[:20], more), pa.date32())
    assert not are_days_in_a_row(pa.chunked_array([few]))


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


def test_other_moments_of_a_row_move_along_with_its_day() -> None:
    """An absence that begins before the calendar does is as long as it was."""
    for seed in range(3):
        begins = np.random.default_rng(seed).choice(np.arange("2023-12-01", "2024-03-01", dtype="M8[D]"), 50)
        ends = np.where(np.arange(50) % 7 == 0, np.datetime64("NaT"), begins + np.arange(50) % 9)
        table = pa.table({"begins": begins, "ends": ends})
        result = moved_to_days(table, "begins", ["ends"], pa.array(DAYS))
        assert result.schema == table.schema
        days, last = (result[name].to_numpy() for name in ("begins", "ends"))
        assert (days >= DAYS[0]).all()
        assert ((last - days) == (ends - begins))[~np.isnat(ends)].all()
        assert np.isnat(last)[np.isnat(ends)].all()


def test_a_day_that_a_list_of_months_lacks_becomes_the_nearest_that_it_has() -> None:
    for seed in range(3):
        some_days = pa.chunked_array([np.random.default_rng(seed).choice(DAYS, 200)])
        assert nearest_days(some_days, pa.array(DAYS)).equals(some_days)
    firsts = pa.array(["2024-03-01", "2024-01-01", "2024-02-01"]).cast(pa.date32())
    days = pa.chunked_array([pa.array(["2023-05-05", "2024-01-11", "2024-01-20", None, "2025-01-01"])])
    nearest = nearest_days(days.cast(pa.date32()), firsts).cast(pa.string()).to_pylist()
    assert nearest == ["2024-01-01", "2024-01-01", "2024-02-01", None, "2024-03-01"]
