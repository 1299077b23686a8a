"""Text that says dates, times and numbers is learned as such, and written as it was; codes are left alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.columns.conform import assemble, learnable
from synth.columns.roles import classify
from synth.columns.textevidence import text_form
from synth.columns.textforms import TextForm, TextKind
from synth.domain import Column, Kind, Model, Relation, Role
from synth.engine import Synthesizer

if TYPE_CHECKING:
    from datetime import datetime

CHANCE = Random(5)
TEXT = Column("thing", "text", Kind.TEXT, not_null=False)
MODEL = Model("model.club.laps", "laps", Relation("db", "marts", "laps"), "models/l.yml", "table")
START = pd.Timestamp("2022-01-03").to_pydatetime()
MOMENTS = [START + timedelta(seconds=CHANCE.randrange(60_000_000)) for _ in range(600)]
DATES = {
    "YYYY-MM-DD": "%Y-%m-%d",
    "DD.MM.YYYY": "%d.%m.%Y",
    "DD/MM/YYYY": "%d/%m/%Y",
    "MM/DD/YYYY": "%m/%d/%Y",
    "YYYY/MM/DD": "%Y/%m/%d",
    "DD-MM-YYYY": "%d-%m-%Y",
    "YYYYMMDD": "%Y%m%d",
}
TIMES = ["YYYY-MM-DD HH:MM", "YYYY-MM-DDTHH:MM:SS", "DD.MM.YYYY HH:MM:SS.fff", "M/D/YYYY H:MM"]
SPANS = ["H:MM", "HH:MM", "HH:MM:SS", "H:MM:SS", "M:SS.fff", "MM:SS,f"]
NUMBERS = ["0.0", "0.00", "0,00", "1,000.00", "1.000,00", "1 000,000"]


def column(texts: list[Any]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(texts, pa.string())])


def spans(front: int, places: int, digits: int = 2) -> list[str]:
    """Texts such as `7:05` whose front is below a number, with so many parts of sixty behind it."""
    parts = [[f"{CHANCE.randrange(front):0{digits}d}", *sixties(places)] for _ in range(600)]
    return [":".join(one) for one in parts]


def sixties(places: int) -> list[str]:
    return [f"{CHANCE.randrange(60):02d}" for _ in range(places)]


def amounts(mark: str = ",.2f") -> list[str]:
    return [f"{CHANCE.lognormvariate(5, 2):{mark}}" for _ in range(600)]


@pytest.mark.parametrize(("layout", "form"), DATES.items())
def test_dates_are_known_by_their_values(layout: str, form: str) -> None:
    texts = [f"{moment:{form}}" for moment in MOMENTS]
    assert str(text_form(TEXT, column([None, *texts]))) == layout
    wrong = texts[0].replace(f"{MOMENTS[0].year}", "2023").replace(f"{MOMENTS[0]:%m}", "13")
    assert text_form(TEXT, column([*texts, wrong])) is None


@pytest.mark.parametrize(
    ("form", "layout"),
    [
        ("%Y-%m-%d %H:%M", "YYYY-MM-DD HH:MM"),
        ("%Y-%m-%d %H:%M:%S", "YYYY-MM-DD HH:MM:SS"),
        ("%Y-%m-%dT%H:%M:%SZ", "YYYY-MM-DDTHH:MM:SSZ"),
        ("%Y-%m-%dT%H:%M:%S.250+02:00", "YYYY-MM-DDTHH:MM:SS.fff+02:00"),
        ("%d.%m.%Y %H:%M", "DD.MM.YYYY HH:MM"),
    ],
)
def test_moments_are_known_by_their_values(form: str, layout: str) -> None:
    assert str(text_form(TEXT, column([f"{moment:{form}}" for moment in MOMENTS]))) == layout


@pytest.mark.parametrize(
    ("texts", "layout", "is_number"),
    [
        (spans(24, 1), "HH:MM", False),
        (spans(24, 1, digits=1), "H:MM", False),
        (spans(24, 2), "HH:MM:SS", False),
        (spans(90, 2, digits=1), "H:MM:SS", True),
        ([f"{one}.{CHANCE.randrange(1000):03d}" for one in spans(4, 1, digits=1)], "M:SS.fff", True),
        ([f"{CHANCE.randrange(24)}:{15 * CHANCE.randrange(4):02d}" for _ in range(600)], "H:MM", False),
        (amounts(".2f"), "0.00", True),
        (amounts(), "1,000.00", True),
        ([f"$ {one}" for one in amounts()], "$ 1,000.00", True),
        ([one.translate(str.maketrans(",.", ".,")) + " €" for one in amounts()], "1.000,00 €", True),
        ([f"{100 * CHANCE.random():.1f}%" for _ in range(600)], "0.0%", True),
        ([f"{CHANCE.gauss(0, 9):.1f}".replace("-0.0", "0.0") for _ in range(600)], "0.0", True),
    ],
)
def test_times_and_numbers_are_known_by_their_values(texts: list[str], layout: str, is_number: bool) -> None:
    form = text_form(TEXT, column([*texts, None]))
    assert form is not None
    assert (str(form), form.is_number) == (layout, is_number)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(
    "texts",
    [
        [f"{CHANCE.randrange(100_000):05d}" for _ in range(600)],  # postcodes
        [f"{CHANCE.randrange(100_000, 999_999)}" for _ in range(600)],
        [f"{CHANCE.randrange(1, 40)}.{CHANCE.randrange(10)}" for _ in range(600)],  # versions
        [f"{CHANCE.randrange(1, 40)}.{CHANCE.randrange(25)}" for _ in range(600)],
        [f"{CHANCE.randrange(9)}.{CHANCE.randrange(20)}.{CHANCE.randrange(30)}" for _ in range(600)],
        [f"{CHANCE.randrange(20)}.{CHANCE.randrange(10, 40)}" for _ in range(600)],
        [".".join(str(CHANCE.randrange(256)) for _ in range(4)) for _ in range(600)],  # IP addresses
        [f"{CHANCE.randrange(10**13):013d}" for _ in range(600)],  # EAN
        [f"+49 30 {CHANCE.randrange(10**7):07d}" for _ in range(600)],  # phone numbers
        [f"{CHANCE.randrange(200, 999)}-{CHANCE.randrange(999):03d}-{k:04d}" for k in range(600)],
        [f"{CHANCE.randrange(1000, 9999)}.{CHANCE.randrange(100):02d}" for _ in range(600)],  # tariffs
        [f"{20_200_000 + k}" for k in range(600)],
        [f"{CHANCE.randrange(7, 20)}.{CHANCE.randrange(60):02d}" for _ in range(600)],  # times with points
        [f"{moment:%d.%m}" for moment in MOMENTS],
        [f"{CHANCE.randrange(60)}:{CHANCE.randrange(100):02d}" for _ in range(600)],
        [f"{k}.0" for k in range(1000, 1600)],  # keys that were floats
        [f"0{CHANCE.randrange(1, 99)}.{CHANCE.randrange(10, 99)}" for _ in range(600)],
        [f"{moment:%d.%m.%Y}" for moment in MOMENTS if moment.day < 13][:4],  # too few
        [f"{day:02d}/{month:02d}/2024" for day in range(1, 13) for month in range(1, 13)],  # of two orders
        [*[f"{moment:%Y-%m-%d}" for moment in MOMENTS], "n/a"],
    ],
)
def test_codes_are_left_alone(texts: list[str], shared: bool) -> None:
    assert text_form(TEXT, column(texts), is_common=shared) is None


def test_what_is_called_a_code_is_one_unless_it_is_a_date() -> None:
    assert text_form(Column("order_id", "text", Kind.TEXT, not_null=True), column(amounts())) is None
    assert text_form(Column("version", "text", Kind.TEXT, not_null=True), column(amounts())) is None
    days = column([f"{moment:%Y-%m-%d}" for moment in MOMENTS])
    assert text_form(Column("date_id", "text", Kind.TEXT, not_null=True), days) is not None


@given(
    st.sampled_from([*DATES, *TIMES]),
    st.sampled_from(["", "Z", "+01:00"]),
    st.lists(st.datetimes() | st.none(), min_size=1),
)
def test_moments_come_back_as_they_were(layout: str, zone: str, moments: list[datetime | None]) -> None:
    form = TextForm(TextKind.MOMENT, layout, behind=zone)
    series = pd.Series(np.array(moments, "datetime64[us]"))
    texts = form.write(series)
    learned_values = form.read(column(texts.to_list()))
    assert form.write(learned_values).to_list() == texts.to_list()
    assert (learned_values.dt.normalize() == series.dt.normalize())[series.notna()].all()
    assert learned_values.isna().equals(series.isna())


@given(st.sampled_from(SPANS), st.lists(st.integers(0, 10**6) | st.none(), min_size=1))
def test_lengths_of_time_come_back_as_they_were(layout: str, units: list[int | None]) -> None:
    form, series = TextForm(TextKind.SPAN, layout), pd.Series(units, dtype="Int64")
    texts = form.write(series)
    most = 10_000 * (3600 if layout.count(":") == 2 else 60) * 10 ** layout.count("f")
    again = form.read(column(texts.to_list())).astype("Int64")
    assert again.equals(series.clip(upper=most - 1))


@given(
    st.sampled_from(NUMBERS),
    st.sampled_from([("", ""), ("$", ""), ("", " €"), ("EUR ", "%")]),
    st.lists(st.integers(-(10**9), 10**9) | st.none(), min_size=1),
)
def test_numbers_come_back_as_they_were(layout: str, signs: tuple[str, str], units: list[int | None]) -> None:
    form = TextForm(TextKind.NUMBER, layout, *signs, has_sign=True)
    decimals = min(len(layout.rpartition(mark)[2]) for mark in ".," if mark in layout)
    series = pd.Series([None if one is None else one / 10**decimals for one in units], dtype="float64")
    texts = form.write(series)
    again = form.read(column(texts.to_list()))
    assert again.equals(series)
    assert form.write(again).to_list() == texts.to_list()


def test_what_a_form_cannot_write_becomes_the_nearest() -> None:
    clock = TextForm(TextKind.SPAN, "HH:MM", most=24)
    assert clock.write(pd.Series([-3.2, 1_500.0, 59.6, None])).to_list() == ["00:00", "23:59", "01:00", None]
    price = TextForm(TextKind.NUMBER, "0,00", behind=" €", most=2)
    assert price.write(pd.Series([-1.0, 100.0, 3.14159])).to_list() == ["0,00 €", "99,99 €", "3,14 €"]
    day = TextForm(TextKind.MOMENT, "DD.MM.YYYY")
    assert day.write(pd.Series(pd.to_datetime(["2024-02-29 23:59"]))).to_list() == ["29.02.2024"]
    assert day.read(column(["29.02.2024", "31.02.2024", "today", None])).isna().tolist() == [0, 1, 1, 1]


def test_the_twin_has_such_text_and_of_births_only_the_year() -> None:
    columns = [TEXT, Column("birth_date", "text", Kind.TEXT, not_null=True)]
    birth_dates = [moment.replace(year=moment.year - 40, day=min(moment.day, 28)) for moment in MOMENTS]
    table = pa.table(
        {
            "thing": [f"{moment:%Y-%m-%d}" for moment in MOMENTS],
            "birth_date": [f"{moment:%d.%m.%Y}" for moment in birth_dates],
        }
    )
    first, second = treatments = classify(MODEL, columns, table)
    assert (first.role, first.origin) == (Role.DATETIME, "written YYYY-MM-DD")
    assert (second.role, second.origin) == (Role.DATE_OF_BIRTH, "written DD.MM.YYYY")
    rows = learnable(table, treatments)
    assert rows["birth_date"].between(1982, 1984).all()
    twin = assemble(rows, treatments, real=table, parents=lambda _: None, rng=np.random.default_rng(0))
    assert twin.column("thing").to_pylist() == table.column("thing").to_pylist()
    days = pd.to_datetime(twin.column("birth_date").to_pandas(), format="%d.%m.%Y")
    assert (days.dt.year == rows["birth_date"]).all()
    assert (twin.column("birth_date").to_pandas() != table.column("birth_date").to_pandas()).mean() > 0.9


def test_labels_keys_and_what_is_balanced_stay_what_they_are() -> None:
    few = [f"2024-01-{1 + place % 28:02d}" for place in range(600)]
    unique = [f"{CHANCE.randrange(10**6)}.{CHANCE.randrange(100):02d}" for place in range(600)]
    columns = [Column(name, "text", Kind.TEXT, not_null=True) for name in ("few", "code")]
    table = pa.table({"few": few, "code": unique})
    model = replace(MODEL, primary_key=("code",), unique=(("code",),))
    assert [one.form for one in classify(model, columns, table)] == [None, None]


@pytest.mark.parametrize("seed", range(4))
def test_the_engine_is_given_the_same_dates_as_of_a_column_of_dates(seed: int) -> None:
    days = [START + timedelta(7 * CHANCE.randrange(100) + CHANCE.randrange(5)) for _ in range(900)]
    table = pa.table({"thing": [f"{day:%d/%m/%Y}" for day in days]})
    dates = pa.table({"thing": pa.array([day.date() for day in days], pa.date32())})
    treatments = classify(MODEL, [TEXT], table)
    others = classify(MODEL, [Column("thing", "date", Kind.DATE, not_null=False)], dates)
    rows = learnable(table, treatments)
    pd.testing.assert_frame_equal(rows, learnable(dates, others))

    twin_rows = Synthesizer(seed=seed).fit(rows).sample(900)
    twin = assemble(twin_rows, treatments, real=table, parents=lambda _: None, rng=np.random.default_rng(0))
    moments = pd.to_datetime(twin.column("thing").to_pandas(), format="%d/%m/%Y")
    assert (moments.dt.day_of_week < 5).mean() > 0.99
    assert moments.between(min(days), max(days)).all()
    months = [one.dt.month.value_counts(normalize=True) for one in (moments, rows["thing"])]
    assert (months[0] - months[1]).abs().max() < 0.04
