"""New codes say of their row what real ones say of theirs: its day, its maker; and none is a real one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth.columns.conform import assemble, learnable
from synth.columns.roles import Treatment
from synth.columns.textforms import TextForm, TextKind
from synth.domain import Column, Kind, Role

ROWS = 1_200
CODE = Treatment(Column("code", "text", Kind.TEXT, not_null=True), Role.KEY, "", unique=True)
DAY = Treatment(Column("day", "date", Kind.DATE, not_null=False), Role.DATETIME, "")
MAKER = Treatment(Column("maker", "text", Kind.TEXT, not_null=True), Role.CATEGORY, "")
TREATMENTS = (CODE, DAY, MAKER)
BEGINNINGS = {"Volvo": "YV1", "Fiat": "ZFA", "Skoda": "TMB"}


def things(seed: int, form: str) -> pa.Table:
    """Rows of a day and a maker, of which the code says both or one."""
    rng = np.random.default_rng(seed)
    makers = rng.choice([*BEGINNINGS], ROWS)
    days = pd.Timestamp("2019-01-01") + pd.to_timedelta(rng.integers(0, 2_000, ROWS), "D")
    numbers = rng.permutation(90_000)[:ROWS] + 10_000
    codes = [
        form.format(BEGINNINGS[maker], number, day=day)
        for maker, number, day in zip(makers, numbers, days, strict=True)
    ]
    return pa.table({"code": codes, "day": pa.array(days.date), "maker": makers})


def assembled_twin(real: pa.Table, treatments: tuple[Treatment, ...]) -> pd.DataFrame:
    rows = learnable(real, treatments)
    rng = np.random.default_rng(1)
    twin: pd.DataFrame = assemble(rows, treatments, real=real, parents=lambda _: None, rng=rng).to_pandas()
    return twin


def twin_of(real: pa.Table) -> pd.DataFrame:
    twin = assembled_twin(real, TREATMENTS)
    assert not set(twin["code"]) & set(real.column("code").to_pylist())
    assert twin["code"].is_unique
    return twin


@pytest.mark.parametrize(
    ("form", "place", "stamp"),
    [("RE{day:%Y%m}{1}", 2, "%Y%m"), ("S{day:%y}/{1}", 1, "%y"), ("{day:%Y-%m}-{1}", 0, "%Y-%m")],
)
def test_codes_hold_the_day_of_their_row(form: str, place: int, stamp: str) -> None:
    twin = twin_of(things(0, form))
    stamps = pd.to_datetime(twin["day"]).dt.strftime(stamp)
    parts = twin["code"].str[place : place + len(stamps[0])]
    assert (parts == stamps).mean() > 0.99


def test_codes_hold_a_day_that_is_text_in_another_form() -> None:
    real = things(0, "RE{day:%Y%m}{1}")
    texts = pd.to_datetime(real.column("day").to_pandas()).dt.strftime("%d/%m/%Y")
    real = real.set_column(1, "day", pa.array(texts, pa.string()))
    form = TextForm(TextKind.MOMENT, "DD/MM/YYYY")
    treatments = (
        CODE,
        Treatment(Column("day", "text", Kind.TEXT, not_null=True), Role.DATETIME, "", form=form),
    )
    twin = assembled_twin(real, treatments)
    assert (twin["code"].str[2:8] == twin["day"].str[6:] + twin["day"].str[3:5]).mean() > 0.99


def test_codes_begin_as_those_of_their_maker() -> None:
    twin = twin_of(things(0, "{0}{1}X7"))
    assert (twin["code"].str[:3] == twin["maker"].map(BEGINNINGS)).mean() > 0.99
    assert twin["code"].str.fullmatch(r"[A-Z]{2}[A-Z1]\d{5}X7").all()


def test_codes_of_which_some_begin_with_more_characters_keep_their_form() -> None:
    """Policies of cars are `KFZ-21-00102`, those of houses `SACH-21-00102`."""
    real = things(0, "{0}-{day:%y}-{1}")
    longer = real.column("code").to_pandas().str.replace("TMB", "SACH")
    twin = twin_of(real.set_column(0, "code", pa.array(longer, pa.string())))
    begin = twin["maker"].map(BEGINNINGS | {"Skoda": "SACH"})
    assert twin["code"].str.fullmatch(r"([A-Z]{2}[A-Z1]|SACH)-\d\d-\d{5}").all()
    pairs = zip(twin["code"], begin, strict=True)
    assert np.mean([code.startswith(start) for code, start in pairs]) > 0.99


def test_codes_that_say_nothing_of_the_row_are_as_they_were() -> None:
    real = things(0, "K{1}")
    codes = twin_of(real)["code"]
    assert codes.str.fullmatch(r"K\d{5}").all()


POLICY = Treatment(Column("policy", "text", Kind.TEXT, not_null=False), Role.NATURAL_KEY, "")


@pytest.mark.parametrize("starts", [BEGINNINGS, {maker: f"{start}-A" for maker, start in BEGINNINGS.items()}])
def test_codes_that_several_rows_have_begin_as_their_label_does(starts: dict[str, str]) -> None:
    rng = np.random.default_rng(3)
    makers = rng.choice([*starts], ROWS // 3)
    numbers = rng.permutation(90_000)[: ROWS // 3] + 10_000
    codes = [f"{starts[maker]}{number}" for maker, number in zip(makers, numbers, strict=True)]
    real = pa.table({"policy": np.repeat(codes, 3), "maker": np.repeat(makers, 3)})
    twin = assembled_twin(real, (POLICY, MAKER))
    begins = [
        code.startswith(starts[maker]) for code, maker in zip(twin["policy"], twin["maker"], strict=True)
    ]
    assert all(begins)
    assert not {*twin["policy"]} & {*codes}
    assert twin["policy"].nunique() < 0.95 * ROWS  # rows still share them
