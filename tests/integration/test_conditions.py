"""Columns kept as they are in the source, and columns drawn with the shares that somebody wants."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from synth.domain import Role, Rows, Status
from tests.twins import TWINS, Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

# As good as drawn at random, and the same every time. Spending depends on the city; four people live alone in
# theirs, and everybody's card is another. Amounts are many enough that rows hardly ever recur by chance.
PEOPLE = """
create table people as
select
    g as id,
    case
        when g <= 4 then 'Village ' || g else (array['Oslo', 'Rome', 'Bern'])[1 + (hashint4(g) & 65535) % 3]
    end as city,
    20 + 10 * (hashint4(g + 7000) & 3) as age,
    (hashint4(g + 9000) & 65535) % 10 = 0 as ill,
    1000 * ((hashint4(g) & 65535) % 3) + (hashint4(g + 1000) & 2047) / 4.0 as spent,
    'C' || md5(g::text) as card
from generate_series(1, 2000) g
"""
SEEDS = "select city, age, count(*) from {}.people group by 1, 2"


@pytest.fixture
def studio(database: Database, tmp_path: Path) -> Iterator[Studio]:
    for studio_of_test in Studio.open(database, tmp_path):
        studio_of_test.sql(PEOPLE)
        yield studio_of_test


def counts(studio: Studio, schema: str) -> Counter[tuple[str, int]]:
    return Counter({(city, age): count for city, age, count in studio.sql(SEEDS.format(schema))})


FACTS = {"primary_key": ("id",), "unique": (("id",),), "roles": {"card": Role.NATURAL_KEY}}


def test_seed_columns_are_those_of_the_source_and_the_rest_goes_with_them(studio: Studio) -> None:
    (result,) = studio.run(studio.model("people", seed_columns=("city", "age"), **FACTS))
    assert result.status is Status.PUBLISHED, result.message
    real, twin = counts(studio, "marts"), counts(studio, TWINS)
    common_counts = {seeds: count for seeds, count in real.items() if count >= 10}
    assert sum(twin.values()) == 2000
    assert set(twin) == set(common_counts)
    assert all(
        abs(twin[seeds] - count) <= 4 for seeds, count in common_counts.items()
    )  # halves make equally many
    wrong = (
        f"select count(*) from {TWINS}.people where spent / 1000 <> 0 and (spent >= 1000) <> (city <> 'Oslo')"
    )
    assert studio.sql(wrong)[0][0] < 60


def test_seeds_that_few_people_share_become_those_of_others(studio: Studio) -> None:
    (result,) = studio.run(studio.model("people", seed_columns=("city",), **FACTS))
    assert {city for city, _ in counts(studio, TWINS)} == {"Oslo", "Rome", "Bern"}
    assert "4 of 2,000 rows of people have seed columns that fewer than 10 share" in " ".join(result.warnings)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [Rows(count=300), Rows(factor=2.0)])
def test_fewer_or_more_rows_are_a_sample_of_the_seeds(studio: Studio, rows: Rows) -> None:
    (result,) = studio.run(studio.model("people", seed_columns=("city", "age"), **FACTS), rows=rows)
    assert (result.status, result.rows) == (Status.PUBLISHED, rows.of(2000)), result.message
    assert set(counts(studio, TWINS)) <= set(counts(studio, "marts"))


def test_seeds_that_tell_who_is_who_are_refused(studio: Studio) -> None:
    (result,) = studio.run(studio.model("people", seed_columns=("city", "spent"), **FACTS))
    assert result.status is Status.ERROR
    assert "% of the rows of people have values of city, spent that fewer than 10 share" in result.message


def test_a_column_is_balanced_as_it_is_asked_for(studio: Studio) -> None:
    balance = {"ill": {"true": 0.5, "false": 0.5}, "city": {"Rome": 1.0}}
    (result,) = studio.run(studio.model("people", balance=balance, **FACTS))
    assert result.status is Status.PUBLISHED, result.message
    ((ill, cities),) = studio.sql(f"select avg(ill::int)::float, count(distinct city) from {TWINS}.people")
    assert 0.45 < ill < 0.55
    assert cities == 1


@pytest.mark.slow
def test_a_uniform_balance_gives_every_common_value_as_often(studio: Studio) -> None:
    (result,) = studio.run(studio.model("people", balance={"ill": "uniform"}, **FACTS))
    assert result.status is Status.PUBLISHED, result.message
    ((ill,),) = studio.sql(f"select avg(ill::int)::float from {TWINS}.people")
    assert 0.45 < ill < 0.55


@pytest.mark.parametrize(
    ("balance", "message"),
    [
        (
            {"city": {"Village 1": 0.5}},
            "shares of column 'city' name values that were not learned, or too rarely",
        ),
        ({"age": {"old": 0.5}}, "shares of column 'age' name values that were not learned"),
        ({"spent": "uniform"}, "column 'spent' cannot be balanced: its values are not labels"),
    ],
)
def test_a_balance_that_cannot_be_kept_is_refused_by_its_reason(
    studio: Studio, balance: dict[str, object], message: str
) -> None:
    (result,) = studio.run(studio.model("people", balance=balance, **FACTS))
    assert result.status is Status.ERROR
    assert message in result.message


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("cty", "marts.people has no such column; it has age, card, city, id, ill, spent"),
        ("id", "it is a key, and every key of a twin is new"),
        ("card", "its role is natural_key, so its values are replaced and never learned"),
    ],
)
def test_columns_that_cannot_be_kept_are_refused_before_anything_is_read(
    studio: Studio, column: str, reason: str
) -> None:
    settings: dict[str, object] = {"seed_columns": ("city", column), "balance": {column: "uniform"}}
    for setting, value in settings.items():
        (result,) = studio.run(studio.model("people", **{setting: value}, **FACTS))
        assert (result.status, result.seconds) == (Status.ERROR, 0)
        assert f"people names {column} in `{setting}`, but {reason}" in result.message
