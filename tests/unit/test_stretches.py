"""A label that a number decides in all rows by where it lies is computed from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth.columns.roles import classify
from synth.corrections.stretches import with_stretches
from synth.domain import Across, Column, Formula, Kind, Model, Relation, Way
from synth.sampling.source import SourceRows

MODEL = Model("model.school.marks", "marks", Relation("db", "marts", "marks"), "models/marks.yml", "table")
AS_READ = pa.float64()  # as decimals of few digits are
COLUMNS = (
    Column("points", "numeric(4,2)", Kind.DECIMAL, not_null=False),
    Column("grade", "text", Kind.TEXT, not_null=False),
    Column("day", "date", Kind.DATE, not_null=True),
    Column("term", "text", Kind.TEXT, not_null=True),
)


def marks(seed: int) -> dict[str, Any]:
    chance = np.random.default_rng(seed)
    points = np.round(chance.uniform(0, 20, 400) * 4) / 4
    days = chance.integers(0, 60, 400) + np.where(chance.random(400) < 0.5, 0, 180)
    is_absent = chance.random(400) < 0.1
    return {
        "points": pd.Series(points).where(~is_absent).tolist(),
        "grade": pd.Series(np.where(points < 10, "it's low", "high"), dtype=object)
        .mask(is_absent, None)
        .tolist(),
        "day": [pd.Timestamp("2024-01-15").date() + pd.Timedelta(int(one), "D") for one in days],
        "term": np.where(days < 100, "spring", "autumn").tolist(),
    }


def formulas(
    rows: dict[str, Any],
    model: Model = MODEL,
    *,
    owners: int = 400,
    points_type: pa.DataType = AS_READ,
    facts: tuple[Across, ...] = (),
) -> dict[str, str]:
    types = (points_type, pa.string(), pa.date32(), pa.string())
    points = pa.array(rows["points"], from_pandas=True).cast(points_type)
    arrays = [
        points,
        *(pa.array(rows[one.name], kind) for one, kind in zip(COLUMNS[1:], types[1:], strict=True)),
    ]
    real = pa.table(dict(zip((one.name for one in COLUMNS), arrays, strict=True)))
    units = (np.arange(400) % owners).astype(np.uint64)
    source = SourceRows(COLUMNS, real, 400, units, None, np.zeros(400, bool))
    result = with_stretches(model, source, classify(model, COLUMNS, real), facts)
    return {one.column: one.sql for one in result.formulas}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_labels_begin_at_the_roundest_number_between_theirs(seed: int) -> None:
    low, high = "WHEN \"points\" < 10 THEN 'it''s low'", "WHEN \"points\" IS NOT NULL THEN 'high'"
    spring, autumn = (
        "WHEN \"day\" < DATE '2024-07-01' THEN 'spring'",
        "WHEN \"day\" IS NOT NULL THEN 'autumn'",
    )
    assert formulas(marks(seed), points_type=pa.decimal128(4, 2)) == formulas(marks(seed))
    assert formulas(marks(seed)) == {
        "grade": f"CASE {low} {high} END",
        "term": f"CASE {spring} {autumn} END",
    }


def test_labels_that_overlap_or_that_few_hold_follow_from_nothing() -> None:
    rows = marks(0)
    assert "grade" not in formulas(rows | {"grade": [*reversed(rows["grade"])]})
    assert formulas(rows, owners=6) == {}
    assert "term" not in formulas(rows, replace(MODEL, unique=(("term", "day"),)))
    by_sql = Formula("grade", 'upper("term")')
    assert formulas(rows, replace(MODEL, formulas=(by_sql,)))["grade"] == by_sql.sql
    copy = Across(MODEL.unique_id, "term", Way.COPY, "model.school.visits", "term", "visit", "visit")
    assert "term" not in formulas(rows, facts=(copy,))  # which is that of the visit, whatever the day
