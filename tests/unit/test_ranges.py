"""Ranges are learned as two values, and come back as Postgres writes them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth.columns.conform import assemble, learnable
from synth.columns.ranges import UNTIL, RangeForm, as_ranges, range_form
from synth.columns.roles import classify
from synth.domain import Column, Kind, Model, Relation, Role

MODEL = Model("model.p.cover", "cover", Relation("d", "s", "cover"), "m.yml", "table")
TEXTS: dict[str, list[str | None]] = {
    "daterange": ["[2024-01-05,2024-02-01)", "[2023-05-05,)", "(,2024-01-01)", None],
    "tsrange": ['["2024-01-05 10:30:00","2024-01-05 11:00:00")', '["2023-05-05 00:00:00",)', None],
    "int4range": ["[1,5)", "[3,)", "(,9)", None],
    "numrange": ["[1.5,5)", "[3,4.25)", "(,9)"],
}


def column(kind: str) -> Column:
    return Column("during", kind, Kind.OPAQUE, not_null=False)


@pytest.mark.parametrize("kind", TEXTS)
def test_ranges_come_back_as_they_are(kind: str) -> None:
    rows = pa.table({"during": TEXTS[kind] * 30})
    treatments = classify(MODEL, [column(kind)], rows)
    rows = pa.table({"during": [*dict.fromkeys(TEXTS[kind])]})
    assert range_form(column(kind), rows.column("during")) is not None
    assert treatments[0].role is Role.CATEGORY  # what rows share is a label
    few = tuple(classify(MODEL, [column(kind)], _different(kind)))
    assert few[0].role is (Role.DATETIME if kind in {"daterange", "tsrange"} else Role.NUMBER)
    learned_columns = learnable(rows, few)
    assert [*learned_columns.columns] == ["during", "during until"]
    twin = assemble(learned_columns, few, real=rows, parents=lambda _: None, rng=np.random.default_rng(0))
    assert twin.column("during").to_pylist() == rows.column("during").to_pylist()


def _different(kind: str) -> pa.Table:
    numbers = range(1, 301)
    days = [str(day.date()) for day in pd.date_range("2020-01-01", periods=301)]
    starts = [str(number) for number in numbers] if kind in {"int4range", "numrange"} else days[:300]
    return pa.table({"during": [f"[{start},)" for start in starts]})


def test_a_range_never_ends_before_it_begins() -> None:
    rows = pa.table({"during": ["[2024-01-05,2024-02-01)", "[2024-01-05,)"]})
    (treatment,) = classify(MODEL, [column("daterange")], _different("daterange"))
    learned_columns = learnable(rows, [treatment])
    learned_columns["during until"] = pd.Series([pd.Timestamp("2023-01-01"), pd.NaT])
    twin = assemble(
        learned_columns, [treatment], real=rows, parents=lambda _: None, rng=np.random.default_rng(0)
    )
    assert twin.column("during").to_pylist() == ["[2024-01-05,2024-01-06)", "[2024-01-05,)"]


@pytest.mark.parametrize("text", ["empty", "(,)", "(2024-01-01,2024-02-01]", "[2024-01-01,infinity)"])
def test_ranges_of_other_forms_are_not_learned_so(text: str) -> None:
    rows = pa.chunked_array([["[2024-01-05,2024-02-01)", text]])
    assert range_form(column("daterange"), rows) is None
    assert range_form(column("text"), rows.slice(0, 1)) is None
    assert range_form(column("daterange"), rows.slice(0, 1)) is RangeForm.DAYS


def test_what_was_drawn_beyond_all_dates_is_a_range_at_their_end() -> None:
    far = pd.Series(np.array([2**63 - 1, 0], dtype="int64").view("datetime64[us]"))
    rows = pd.DataFrame({"during": far, "during" + UNTIL: far})
    texts = as_ranges(rows, RangeForm.DAYS, "during", not_null=False)
    assert texts.to_list() == ["[9999-12-30,9999-12-31)", "[1970-01-01,1970-01-02)"]
