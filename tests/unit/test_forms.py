"""Whole numbers that are dates or times are learned as such, and written as they were."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth.columns.conform import assemble, learnable
from synth.columns.forms import NumberForm, as_learned_form, as_written, form_of, may_be_days
from synth.columns.roles import classify
from synth.domain import Column, Kind, Model, Relation, Role

CHANCE = Random(9)
WHOLE = Column("thing", "integer", Kind.INTEGER, not_null=False, bits=32)
MODEL = Model("model.clinic.visits", "visits", Relation("db", "marts", "visits"), "models/v.yml", "table")
DAYS = [int(f"{date(2023, 1, 1) + timedelta(CHANCE.randrange(700)):%Y%m%d}") for _ in range(900)]
MONTHS = [100 * (2000 + CHANCE.randrange(20)) + 1 + CHANCE.randrange(12) for _ in range(900)]
MINUTES = [100 * CHANCE.randrange(7, 19) + CHANCE.randrange(60) for _ in range(900)]
QUARTERS = [100 * CHANCE.randrange(24) + 15 * CHANCE.randrange(4) for _ in range(900)]
SECONDS = [10_000 * h + 100 * m + s for h, m, s in ((i % 24, i * 7 % 60, i * 11 % 60) for i in range(900))]


def column(values: list[Any]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values)])


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (DAYS, NumberForm.DAY),
        (MONTHS, NumberForm.MONTH),
        (MINUTES, NumberForm.MINUTE),
        (QUARTERS, NumberForm.MINUTE),
        (SECONDS, NumberForm.SECOND),
        ([None, *DAYS], NumberForm.DAY),
        ([*DAYS, 20_230_231], None),
        ([*MINUTES, 2_400], None),
        ([*MINUTES, 1_275], None),
        (list(range(60)), None),
        ([50 * i for i in range(48)], None),
        ([100 * i for i in range(24)], None),
        ([CHANCE.randrange(2_400) for _ in range(900)], None),
        ([20_000_000 + CHANCE.randrange(10_000) for _ in range(900)], None),
        ([20240101] * 900, None),
        (list(range(200, 230)) * 9, None),  # numbers of thirty clients
        ([1_100 + n % 60 for n in range(900)], None),
    ],
)
def test_numbers_are_dates_or_times_where_others_would_not_all_look_so(
    values: list[Any], form: NumberForm | None
) -> None:
    assert form_of(WHOLE, column(values)) == form


@pytest.mark.parametrize(
    ("values", "form"),
    [
        ([20240229, 19991231, None], NumberForm.DAY),
        ([202402, 199912], NumberForm.MONTH),
        ([0, 2359, 730, None], NumberForm.MINUTE),
        ([5, 235959, 73001], NumberForm.SECOND),
    ],
)
def test_what_is_learned_is_written_as_it_was(values: list[Any], form: NumberForm) -> None:
    assert as_written(as_learned_form(column(values), form), form).to_list() == [
        pd.NA if value is None else value for value in values
    ]


def test_smoothed_dates_and_times_are_written_as_valid_ones() -> None:
    moments = pd.Series(pd.to_datetime(["2024-02-29 17:40", "2023-12-31 23:59"]))
    assert as_written(moments, NumberForm.DAY).to_list() == [20240229, 20231231]
    assert as_written(pd.Series([-3.2, 1_439.7, 59.6]), NumberForm.MINUTE).to_list() == [0, 2359, 100]


def test_the_twin_has_such_dates_and_of_births_only_the_year() -> None:
    columns = [WHOLE, Column("birth_date", "bigint", Kind.INTEGER, not_null=True, bits=64)]
    table = pa.table({"thing": DAYS, "birth_date": [value - 400_000 for value in DAYS]})
    table = table.filter(pa.array([value % 10_000 != 229 for value in DAYS]))
    first, birth_dates = treatments = classify(MODEL, columns, table)
    assert (first.role, first.origin) == (Role.DATETIME, "written YYYYMMDD")
    assert birth_dates.role is Role.DATE_OF_BIRTH
    rows = learnable(table, treatments)
    assert rows["thing"].dt.year.between(2023, 2024).all()
    assert rows["birth_date"].between(1983, 1984).all()
    twin = assemble(rows, treatments, real=table, parents=lambda _: None, rng=np.random.default_rng(0))
    assert twin.column("thing").to_pylist() == table.column("thing").to_pylist()
    days = pd.to_datetime(twin.column("birth_date").to_pandas().astype(str), format="%Y%m%d")
    assert (days.dt.year == rows["birth_date"]).all()


def test_nobody_joins_before_the_day_of_birth_although_only_its_year_is_learned() -> None:
    birth_dates = pd.Series(pd.date_range("1990-01-01", "1999-12-31", periods=400)).dt.normalize()
    join_dates = birth_dates + pd.to_timedelta(np.arange(400) % 40, "D")
    columns = [WHOLE, Column("birth_date", "date", Kind.DATE, not_null=True)]
    table = pa.table(
        {
            "thing": join_dates.dt.strftime("%Y%m%d").astype("int64").to_list(),
            "birth_date": pa.array(birth_dates.dt.date.to_list(), pa.date32()),
        }
    )
    treatments = classify(MODEL, columns, table)
    assert [one.role for one in treatments] == [Role.DATETIME, Role.DATE_OF_BIRTH]
    rows = learnable(table, treatments)
    rows.loc[:9, "birth_date"] += 1  # what was drawn may not know of the order
    twin = assemble(rows, treatments, real=table, parents=lambda _: None, rng=np.random.default_rng(0))
    days = pd.to_datetime(twin.column("birth_date").to_pandas())
    twin_dates = pd.to_datetime(twin.column("thing").to_pandas().astype(str), format="%Y%m%d")
    assert (days <= twin_dates).all()
    assert (days.dt.year == rows["birth_date"])[10:].all()
    assert days.nunique() > 300


def test_two_ends_tell_whether_numbers_may_be_days_or_months() -> None:
    assert may_be_days(20230101, 20241231)
    assert may_be_days(202301, 202412)
    assert not may_be_days(20230101, 20241299)
    assert not may_be_days(100, 999)
    assert not may_be_days(40_000_037, 40_111_000)
