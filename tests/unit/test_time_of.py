"""The column that orders the rows of an owner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth.columns.forms import NumberForm
from synth.columns.roles import Treatment
from synth.columns.textforms import TextForm, TextKind
from synth.domain import Column, Formula, Kind, Model, Relation, Role, Scope
from synth.sampling.ordering import time_of, time_of_windows, times_of_rows
from synth.sampling.source import SourceRows

MODEL = Model("model.clinic.visits", "visits", Relation("d", "s", "visits"), "models.yml", "table")
OWNER = np.repeat(np.arange(20), 3)


def source(**columns: list[int]) -> SourceRows:
    table = pa.table({name: pa.array(values, pa.int64()) for name, values in columns.items()})
    units = OWNER.astype(np.uint64)
    return SourceRows((), table, len(OWNER), units, None, np.zeros(len(OWNER), bool))


def number(name: str, form: NumberForm | None = None) -> Treatment:
    column = Column(name, "integer", Kind.INTEGER, not_null=True)
    return Treatment(column, Role.NUMBER if form is None else Role.DATETIME, "test", form=form)


DAYS = [20240101 + place for place in range(28)] * 2 + [20240201, 20240202, 20240203, 20240204]
MINUTES = [900 + place % 60 for place in range(60)]


def test_a_date_written_as_a_number_orders_rows_and_a_time_of_the_day_does_not() -> None:
    rows = source(day=DAYS, minute=MINUTES, pages=MINUTES)
    treatments = [number("minute", NumberForm.MINUTE), number("day", NumberForm.DAY), number("pages")]
    assert time_of(rows, OWNER, treatments) == "day"
    assert time_of(rows, OWNER, treatments[::2]) is None


@pytest.mark.parametrize("first", [1, 2])
def test_a_number_that_counts_the_rows_of_each_owner_from_one_comes_before_dates(first: int) -> None:
    places = np.tile(np.arange(3) + first, 20).tolist()
    rows = source(line=places, day=DAYS)
    column = time_of(rows, OWNER, [number("day", NumberForm.DAY), number("line")])
    assert column == ("line" if first == 1 else "day")


def test_a_date_that_rises_with_the_number_from_row_to_row_comes_before_it() -> None:
    places = np.tile(np.arange(3) + 1, 20).tolist()
    rising, shifted = (np.arange(60) + 20240000).tolist(), np.roll(np.arange(60) + 20240000, 1).tolist()
    ties = [day - day % 2 for day in rising]
    treatments = [number("line"), number("shift", NumberForm.DAY), number("day", NumberForm.DAY)]
    assert time_of(source(line=places, day=rising, shift=shifted), OWNER, treatments) == "day"
    assert time_of(source(line=places, day=ties, shift=shifted), OWNER, treatments) == "line"


def test_a_few_rows_of_one_time_are_no_reason_to_forget_it() -> None:
    places = np.tile(np.arange(3) + 1, 20).tolist()
    moments = (np.arange(60) + 20240000).tolist()
    days = [moment - moment % 3 % 2 for moment in moments]  # a third of the rows as late as the one before
    moments[1] = moments[0]
    treatments = [number("line"), number("day", NumberForm.DAY), number("moment", NumberForm.DAY)]
    assert time_of(source(line=places, day=days, moment=moments), OWNER, treatments) == "moment"
    moments[4] = moments[3] - 1
    assert time_of(source(line=places, moment=moments), OWNER, treatments[::2]) == "line"


def test_a_date_written_as_text_orders_rows_by_its_day_and_not_by_its_letters() -> None:
    days = pd.Timestamp("2023-12-30") + pd.to_timedelta(np.tile(np.arange(3), 20), "D")
    texts = pa.array([f"{day:%d.%m.%Y}" for day in days])
    rows = SourceRows(
        (),
        pa.table({"line": np.tile(np.arange(3) + 1, 20), "day": texts}),
        len(OWNER),
        OWNER.astype(np.uint64),
        None,
        np.zeros(len(OWNER), bool),
    )
    form = TextForm(TextKind.MOMENT, "DD.MM.YYYY")
    day = Treatment(Column("day", "text", Kind.TEXT, not_null=True), Role.DATETIME, "test", form=form)
    assert time_of(rows, OWNER, [number("line"), day]) == "day"
    assert (times_of_rows(rows.real, "day", [day]) == days.to_numpy()).all()


@pytest.mark.parametrize(
    ("sql", "column"),
    [
        ('ROW_NUMBER() OVER (PARTITION BY "patient" ORDER BY "begins", "id")', "begins"),
        ('CAST(LAG("begins") OVER (PARTITION BY "patient" ORDER BY "begins") AS DATE)', "begins"),
        ('ROW_NUMBER() OVER (PARTITION BY "doctor" ORDER BY "begins")', "booking"),
        (
            'ROW_NUMBER() OVER (PARTITION BY "patient" ORDER BY "month")',
            "booking",
        ),  # as what tells more apart
        ('ROW_NUMBER() OVER (PARTITION BY "patient" ORDER BY "pages")', "booking"),
    ],
)
def test_rows_stand_in_the_order_of_the_windows_of_their_sql(sql: str, column: str) -> None:
    bookings = [20240101 + place for place in range(20)] * 3
    begins = np.roll(bookings, 1).tolist()
    month = [day - day % 100 + 1 for day in bookings]
    rows = source(booking=bookings, begins=begins, month=month, pages=MINUTES)
    treatments = [*(number(name, NumberForm.DAY) for name in ("booking", "begins", "month")), number("pages")]
    formula = Formula("number", sql, Scope.WINDOW)
    model = replace(MODEL, formulas=(formula, Formula("twice", '"pages" * 2')))
    assert time_of_windows(model, rows, OWNER, treatments, "patient", "booking") == column
    assert time_of_windows(MODEL, rows, OWNER, treatments, "patient", "booking") == "booking"
    assert time_of_windows(model, rows, OWNER, treatments, "patient", None) is None
