"""Whom rows are about is seen from what repeats, where no name says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth.domain import Column, Kind
from synth.graph.repeats import Repetition, choose_repetition, is_dealt_out
from synth.warehouse.values import ValueCounts

if TYPE_CHECKING:
    from collections.abc import Callable

PEOPLE, MONTHS = 200, 12
KINDS = {"i": Kind.INTEGER, "f": Kind.DECIMAL, "O": Kind.TEXT, "M": Kind.DATE}
SEEDS = range(16)


def _choose(frame: pd.DataFrame, data_types: dict[str, str] | None = None) -> Repetition | None:
    """Choose of columns of the kinds that they have here, but for those of `data_types`, which are opaque."""
    opaque = data_types or {}
    columns = {
        str(name): Column(
            str(name),
            opaque.get(str(name), ""),
            Kind.OPAQUE if name in opaque else KINDS[frame[name].dtype.kind],
            not_null=True,
        )
        for name in frame
    }
    counts = {name: ValueCounts(len(frame), len(frame), frame[name].nunique()) for name in columns}
    return choose_repetition(columns, pa.Table.from_pandas(frame, preserve_index=False), counts)


def _people(rng: np.random.Generator, **columns: object) -> pd.DataFrame:
    """Return a row a month of each of the people, who have a salary and a birthday."""
    people = pd.DataFrame(
        {
            "gehalt": np.round(rng.lognormal(8.2, 0.35, PEOPLE), 2),
            "born": np.datetime64("1950-01-01") + rng.integers(0, 18_000, PEOPLE).astype("timedelta64[D]"),
            **columns,
        }
    )
    return people.loc[np.repeat(np.arange(PEOPLE), MONTHS)].assign(
        team=rng.choice(list("ABCDE"), PEOPLE * MONTHS), hours=rng.normal(160, 9, PEOPLE * MONTHS).round(1)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_numbers_of_people_are_known_by_what_stays_the_same_beside_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = rng.permutation(np.arange(1, PEOPLE + 1))
    repetition = _choose(_people(rng, pers=numbers))
    assert repetition is not None
    assert (repetition.column, repetition.entities, repetition.is_key) == ("pers", PEOPLE, True)
    assert {*repetition.companions} == {"gehalt", "born"}


@pytest.mark.parametrize("seed", SEEDS)
def test_salary_and_birthday_tell_people_apart_where_there_is_no_number(seed: int) -> None:
    repetition = _choose(_people(np.random.default_rng(seed)))
    assert repetition is not None
    assert repetition.column in {"gehalt", "born"}
    assert not repetition.is_key


def _codes(rng: np.random.Generator) -> list[str]:
    return [
        f"TR/{number:05d}-{letter}"
        for number, letter in zip(
            rng.choice(100_000, PEOPLE, replace=False),
            rng.choice(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), PEOPLE),
            strict=True,
        )
    ]


def _counted(rng: np.random.Generator) -> list[str]:
    return [f"CUST-{number:06d}" for number in rng.permutation(PEOPLE)]


def _numbers(rng: np.random.Generator) -> list[int]:
    return [int(number) for number in rng.choice(np.arange(100_000, 1_000_000), PEOPLE, replace=False)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("make", [_codes, _counted, _numbers])
def test_codes_that_were_dealt_out_and_repeat_stand_for_somebody(
    seed: int, make: Callable[[np.random.Generator], list[object]]
) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"traeger": np.repeat(np.array(make(rng)), MONTHS)}).assign(
        puls=rng.normal(72, 9, PEOPLE * MONTHS).astype(int)
    )
    repetition = _choose(frame)
    assert repetition is not None
    assert (repetition.column, repetition.is_key) == ("traeger", True)


@pytest.mark.parametrize("seed", SEEDS)
def test_numbers_with_a_decimal_point_are_numbers_of_somebody_too(seed: int) -> None:
    numbers = np.repeat(np.array(_numbers(np.random.default_rng(seed)), float), MONTHS)
    repetition = _choose(pd.DataFrame({"kto": numbers}))
    assert repetition is not None
    assert repetition.is_key
    assert _choose(pd.DataFrame({"lohn": numbers})) is None


@pytest.mark.parametrize("seed", SEEDS)
def test_documents_and_devices_that_repeat_stand_for_somebody_and_stay_what_they_are(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ages, towns = rng.integers(20, 80, PEOPLE), rng.choice(90_000, PEOPLE, replace=False) + 10_000
    frame = pd.DataFrame(
        {
            "profil": [f'{{"age": {age}, "town": "{town}"}}' for age, town in zip(ages, towns, strict=True)],
            "netz": [f"10.1.{number // 200}.{number % 200}" for number in range(PEOPLE)],
            "wert": rng.integers(0, 40, PEOPLE),
        }
    )
    frame = frame.loc[np.repeat(np.arange(PEOPLE), MONTHS)]
    for name, data_type in (("profil", "jsonb"), ("netz", "inet")):
        repetition = _choose(frame[[name, "wert"]], {name: data_type})
        assert repetition is not None
        assert (repetition.column, repetition.is_key) == (name, False)
    plans = pd.DataFrame(
        {"plan": np.array([f'{{"plan": "{kind}"}}' for kind in range(30)])[rng.integers(0, 30, 900)]}
    )
    assert _choose(plans, {"plan": "jsonb"}) is None


@pytest.mark.parametrize("seed", SEEDS)
def test_prices_of_things_weather_of_days_and_rounded_amounts_are_nobody_s(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 60, 3_000)
    things = pd.DataFrame(
        {
            "product": np.array([f"Thing {'x' * (number % 7)} {number}" for number in range(60)])[kinds],
            "price": np.round(rng.uniform(5, 90, 60), 2)[kinds],
            "icd": np.array([f"J{number:02d}.{number % 10}" for number in range(60)])[kinds],
            "pieces": rng.integers(1, 40, 3_000),
        }
    )
    assert _choose(things) is None
    days = rng.integers(0, 365, 3_000)
    weather = pd.DataFrame(
        {
            "day": (np.datetime64("2024-01-01") + np.arange(365).astype("timedelta64[D]"))[days],
            "date_key": [
                int(str(one).replace("-", ""))
                for one in (np.datetime64("2024-01-01") + np.arange(365).astype("timedelta64[D]"))[days]
            ],
            "day_of_year": days + 1,
            "sold": rng.poisson(40, 3_000),
        }
    )
    assert _choose(weather) is None
    rates = weather[["day", "sold"]].assign(dollar=rng.normal(1.1, 0.1, 365).round(4)[days])
    assert _choose(rates) is None  # a day has one rate
    assert _choose(pd.DataFrame({"budget_of": rng.integers(1, 400, 3_000) * 25_000})) is None
    assert _choose(pd.DataFrame({"visitors": rng.integers(10_000, 11_000, 3_000)})) is None


@pytest.mark.parametrize("seed", SEEDS)
def test_short_numbers_that_were_dealt_out_stand_for_somebody_without_anything_beside_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    badges = rng.choice(np.arange(200, 1_000), PEOPLE, replace=False)
    rows = rng.integers(0, PEOPLE, 2_000)
    frame = pd.DataFrame({"zabit": badges[rows], "ceza": rng.choice([235, 469, 1_002], 2_000)})
    repetition = _choose(frame)
    assert repetition is not None
    assert (repetition.column, repetition.is_key) == ("zabit", True)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "make",
    [
        lambda rng: rng.lognormal(7, 0.5, 3_000),
        lambda rng: rng.normal(170, 60, 3_000),
        lambda rng: rng.integers(1, 1_000, 3_000),
        lambda rng: rng.exponential(400, 3_000),
        lambda rng: rng.integers(1, 400, 3_000) * 25,
        lambda rng: rng.lognormal(7, 0.5, 3_000) // 10 * 10 + 9,
        lambda rng: rng.lognormal(6, 1, 150)[rng.integers(0, 150, 3_000)],  # of 150 things
        lambda rng: rng.integers(1_940, 2_010, 3_000),
        lambda rng: rng.negative_binomial(1, 0.004, 3_000),
    ],
)
def test_what_is_measured_was_not_dealt_out(
    seed: int, make: Callable[[np.random.Generator], np.ndarray[tuple[int], np.dtype[np.float64]]]
) -> None:
    assert not is_dealt_out(make(np.random.default_rng(seed)).astype(np.int64))


@pytest.mark.parametrize("seed", SEEDS)
def test_codes_of_things_that_words_name_are_nobody_s(seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes, which = rng.choice(np.arange(1_000, 9_999), 300, replace=False), rng.integers(0, 300, 4_000)
    words = np.array(
        [
            f"Wheat of {'abcdefghij'[n % 10] * 3}{'klmnopqrst'[n // 10 % 10]}{n // 100 * 'x'} kind"
            for n in range(300)
        ]
    )
    surnames = np.array(
        [f"Hub{'abcdefghij'[n % 10] * 3}{'klmnopqrst'[n // 10 % 10]}{n // 100 * 'x'}" for n in range(300)]
    )
    for text in (np.char.add("HS", codes.astype(str)), codes):
        frame = pd.DataFrame({"kod": text[which], "opis": words[which], "wert": rng.integers(0, 40, 4_000)})
        assert _choose(frame) is None
        assert _choose(frame.assign(opis=surnames[which])) is not None
