"""Tables of a size or shape that leaves little to learn, published or refused by a stated rule."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from synth.domain import ForeignKey, Role, Rows, Status
from tests.twins import SCHEMA, TWINS, Studio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.services import Database

SHOPPERS = Path(__file__).parent.parent / "projects" / "shoppers" / "seeds" / "raw_online_shoppers.csv"


@pytest.fixture
def studio(database: Database, tmp_path: Path) -> Iterator[Studio]:
    yield from Studio.open(database, tmp_path)


def fill(studio: Studio, name: str, select: str, rows: int = 500) -> None:
    """A table of these columns and one that is as good as drawn at random."""
    columns = f"{select}, (hashint4(g) & 65535) / 8.0 as measure"
    studio.sql(f"create table {name} as select {columns} from generate_series(1, {rows}) as g")


def twin(studio: Studio, name: str) -> list[tuple[object, ...]]:
    return studio.sql(f"select * from {TWINS}.{name} order by 1")


# --- few rows


def test_no_rows_make_an_empty_twin(studio: Studio) -> None:
    studio.sql("create table empty (id bigint primary key, name text not null, price numeric(4,2), day date)")
    (result,) = studio.run(studio.model("empty", primary_key=("id",), unique=(("id",),)))
    assert (result.status, result.rows, result.message) == (Status.PUBLISHED, 0, "")
    assert twin(studio, "empty") == []
    assert studio.parquet("empty").column_names == ["id", "name", "price", "day"]


@pytest.mark.parametrize("rows", [1, 2, 19])
def test_a_handful_of_rows_is_refused_and_the_old_twin_stays(studio: Studio, rows: int) -> None:
    fill(studio, "few", "g % 3 as n, 'x' as t")
    studio.run(studio.model("few"))
    before = twin(studio, "few")
    studio.sql(f"delete from few where ctid not in (select ctid from few limit {rows})")
    (result,) = studio.run(studio.model("few"))
    assert result.status is Status.ERROR
    assert f"few has {rows} row" in result.message
    assert "fewer than 20 cannot be learned" in result.message
    assert twin(studio, "few") == before


def test_twenty_rows_are_enough(studio: Studio) -> None:
    studio.sql(
        "create table few as select g as id, 1.5 * (g % 2) as n, 'x' as t from generate_series(1, 20) g"
    )
    (result,) = studio.run(studio.model("few"))
    assert (result.status, result.rows) == (Status.PUBLISHED, 20)


def test_twenty_rows_that_are_alike_make_twenty_more(studio: Studio) -> None:
    studio.sql("create table flat as select 7 as n, 'x' as t, true as b from generate_series(1, 20) g")
    (result,) = studio.run(studio.model("flat"))
    assert result.status is Status.PUBLISHED, result.message
    assert twin(studio, "flat") == [(7, "x", True)] * 20


def test_rows_that_belong_to_one_entity_are_refused(studio: Studio) -> None:
    fill(studio, "events", "7 as user_id, g % 5 as n")
    (result,) = studio.run(studio.model("events", entity="user_id"))
    assert result.status is Status.ERROR
    assert "The entity user_id has 1 values; rows about fewer than 20 cannot be learned" in result.message


# --- few columns, or many


def test_a_single_column_is_enough(studio: Studio) -> None:
    for name, value in (
        ("single", "sqrt(g + 0.5)"),
        ("roots", "sqrt(g)"),  # of which some are whole numbers
        ("words", "case when g % 3 > 0 then 'w' || g % 3 end as t"),
    ):
        studio.sql(f"create table {name} as select {value} from generate_series(1, 500) as g")
    results = studio.run(*(studio.model(name) for name in ("single", "roots", "words")))
    assert [result.status for result in results] == [Status.PUBLISHED] * 3, [r.message for r in results]
    assert studio.sql(f"select min(sqrt) >= 1, max(sqrt) <= sqrt(501) from {TWINS}.single") == [(True, True)]
    assert studio.sql(f"select min(sqrt) >= 1, max(sqrt) <= sqrt(500) from {TWINS}.roots") == [(True, True)]
    assert {row[0] for row in twin(studio, "words")} == {"w1", "w2", None}


def test_times_and_intervals_are_pictured_as_such(studio: Studio) -> None:
    span = "make_interval(mins => 7 * g % 400)"
    fill(studio, "shifts", f"time '08:00' + {span} as since, case when g % 9 > 0 then {span} end as lasted")
    (result,) = studio.run(studio.model("shifts"))
    assert result.status is Status.PUBLISHED, result.message
    stored_file = studio.store / "audit" / studio.run_id / "shifts" / "evaluation.json"
    distributions = json.loads(stored_file.read_text())["portrait"]["distributions"][:2]
    ranges = [[cell["label"] for cell in one["cells"] if cell["label"] != "NULL"] for one in distributions]
    assert [all(label.endswith((" h", " min")) for label in labels) for labels in ranges] == [True, True]


def test_empty_and_constant_columns_stay_empty_and_constant(studio: Studio) -> None:
    kinds = (
        "int",
        "text",
        "date",
        "boolean",
        "numeric(4,2)",
        "uuid",
        "interval",
        "time",
        "timestamptz",
        "json",
    )
    nulls = ", ".join(f"null::{kind} as null_{i}" for i, kind in enumerate(kinds))
    fill(studio, "flat", f"{nulls}, 7 as seven, 'x' as x, date '2020-02-29' as day, true as yes, g % 2 as n")
    (result,) = studio.run(studio.model("flat"))
    assert result.status is Status.PUBLISHED, result.message
    count, *rest = studio.sql(
        "select count(*), min(seven), max(seven), min(x), max(x), min(day)::text, max(day)::text,"
        f" bool_and(yes), {', '.join(f'count(null_{i})' for i in range(len(kinds)))} from {TWINS}.flat"
    )[0]
    assert count == 500
    assert rest == [7, 7, "x", "x", "2020-02-29", "2020-02-29", True, *[0] * len(kinds)]


def test_a_table_of_nothing_but_keys_gets_other_keys(studio: Studio) -> None:
    fill(studio, "bridge", "g as id, gen_random_uuid() as code")
    studio.sql("alter table bridge drop measure")
    (result,) = studio.run(studio.model("bridge", primary_key=("id",), unique=(("id",), ("code",))))
    assert result.status is Status.PUBLISHED
    assert result.evaluation is not None
    assert [check.name for check in result.evaluation.checks] == ["pii_replay"]
    assert studio.sql(
        "select count(distinct twin.id), count(distinct twin.code), count(real.id), count(code.id)"
        f" from {TWINS}.bridge twin"
        " left join bridge real using (id) left join bridge code on code.code = twin.code"
    ) == [(500, 500, 0, 0)]


def test_text_that_nobody_shares_is_empty_in_the_twin(studio: Studio) -> None:
    fill(studio, "notes", "'said ' || md5(g::text) || ' to us' as note, g % 3 as n")
    (result,) = studio.run(studio.model("notes"))
    assert result.status is Status.PUBLISHED
    assert studio.sql(f"select count(note) from {TWINS}.notes") == [(0,)]


@pytest.mark.slow
@pytest.mark.parametrize("width", [300, 1599])
def test_as_many_columns_as_postgres_allows_are_learned(studio: Studio, width: int) -> None:
    fill(studio, "wide", ", ".join(f"(g * {i + 3}) % {i % 11 + 2} as c{i}" for i in range(width)), 200)
    (result,) = studio.run(studio.model("wide"))
    assert result.status is Status.PUBLISHED, result.message
    assert len(studio.parquet("wide").column_names) == width + 1


# --- keys


def test_numbers_of_people_are_never_real_ones_whatever_dbt_knows(studio: Studio) -> None:
    fill(
        studio,
        "visits",
        "1000 + g as visit, g % 60 + 7 as user_id, 'U' || g % 70 as \"accountId\"",
    )
    (result,) = studio.run(studio.model("visits"))
    assert result.status is Status.PUBLISHED, result.message
    for column in ("visit", "user_id", '"accountId"'):
        query = (
            f"select count(*) from {TWINS}.visits where {column} in (select {column} from {SCHEMA}.visits)"
        )
        assert studio.sql(query) == [(0,)], column


def test_children_belong_to_the_new_parents(studio: Studio) -> None:
    fill(studio, "users", "g::bigint as id, g % 4 as kind", 300)
    fill(studio, "orders", "g as id, 1 + g * g % 299 as user_id, g % 3 as n", 900)
    fill(studio, "staff", "g as id, case when g > 9 then 1 + g / 10 end as boss, g % 3 as n", 200)
    users, orders, staff = (
        studio.model(n, primary_key=("id",), unique=(("id",),)) for n in ("users", "orders", "staff")
    )
    owner = ForeignKey("user_id", users.unique_id, "id", "relationships")
    boss = ForeignKey("boss", staff.unique_id, "id", "relationships")
    orders = studio.model("orders", primary_key=("id",), unique=(("id",),), foreign_keys=(owner,))
    staff = studio.model("staff", primary_key=("id",), unique=(("id",),), foreign_keys=(boss,))
    results = studio.run(users, orders, staff)
    assert [result.status for result in results] == [Status.PUBLISHED] * 3, [r.message for r in results]
    orphans = f"select count(*) from {TWINS}.orders where user_id not in (select id from {TWINS}.users)"
    strangers = f"select count(boss) from {TWINS}.staff where boss not in (select id from {TWINS}.staff)"
    assert studio.sql(orphans) == studio.sql(strangers) == [(0,)]


def test_composite_keys_stay_unique(studio: Studio) -> None:
    fill(studio, "lines", "g / 5 as order_id, (g % 5)::smallint as line, (g % 9) * 1.5 as price", 999)
    studio.sql("create unique index on lines (order_id, line)")
    key = ("order_id", "line")
    (result,) = studio.run(studio.model("lines", primary_key=key, unique=(key,)))
    assert result.status is Status.PUBLISHED, result.message
    assert result.rows > 950
    assert studio.sql(f"select count(*) - count(distinct (order_id, line)) from {TWINS}.lines") == [(0,)]


# --- the order of rows


@pytest.mark.slow
def test_the_order_in_which_postgres_keeps_rows_does_not_matter(studio: Studio) -> None:
    select = "g as id, g % 7 as n, case when g % 3 > 0 then 'x' || g % 5 end as t, (g * g) % 97 / 10.0 as f"
    fill(studio, "sorted", select)
    fill(
        studio,
        "keyless",
        f"{select.removeprefix('g as id, ')}, timestamptz '2020-01-01' + g % 50 * interval '1 day' as at",
    )
    models = (studio.model("sorted", primary_key=("id",), unique=(("id",),)), studio.model("keyless"))
    studio.run(*models)
    before = [studio.artifact(model.name, "data.parquet").read_bytes() for model in models]
    for model in models:
        studio.sql(f"create table other as select * from {model.name} order by random()")
        studio.sql(f"truncate {model.name}")
        studio.sql(f"insert into {model.name} select * from other")
        studio.sql("drop table other")
    studio.run(*models)
    after = [studio.artifact(model.name, "data.parquet").read_bytes() for model in models]
    assert before == after


def test_twice_as_many_rows_can_be_asked_for(studio: Studio) -> None:
    fill(studio, "small", "g as id, g % 3 as n")
    (result,) = studio.run(
        studio.model("small", primary_key=("id",), unique=(("id",),)), rows=Rows(factor=2.0)
    )
    assert (result.status, result.rows) == (Status.PUBLISHED, 1000)


# --- somebody else's table


@pytest.mark.slow
def test_a_public_table_needs_nothing_but_its_tag(studio: Studio) -> None:
    with SHOPPERS.open(newline="") as file:
        names = next(csv.reader(file))
        kinds = ["text" if name in {"Month", "VisitorType"} else "double precision" for name in names]
        kinds = [
            "boolean" if name in {"Weekend", "Revenue"} else kind
            for name, kind in zip(names, kinds, strict=True)
        ]
        ddl = ", ".join(f'"{name}" {kind}' for name, kind in zip(names, kinds, strict=True))
        studio.sql(f"create table online_shoppers ({ddl})")
        with studio.session.cursor().copy("copy online_shoppers from stdin (format csv)") as copy:
            copy.write(file.read())
    (result,) = studio.run(studio.model("online_shoppers"), strict=True)
    assert (result.status, result.rows) == (Status.PUBLISHED, 12_330), result.message
    assert studio.parquet("online_shoppers").column_names == names
    assert studio.sql(
        f'select count(distinct "Month"), max("Weekend"::int) from {TWINS}.online_shoppers'
    ) == [(10, 1)]


def test_a_declared_role_decides(studio: Studio) -> None:
    fill(
        studio,
        "people",
        "'p' || g as name, 'p' || g || '@corp.test' as email, date '1980-01-01' + g * 20 as born, g % 3 as n",
    )
    roles = {"name": Role.NAME, "email": Role.EMAIL, "born": Role.DATE_OF_BIRTH, "n": Role.CATEGORY}
    studio.sql("alter table people alter name set not null, alter email set not null")
    (result,) = studio.run(studio.model("people", roles=roles, unique=(("email",),)))
    assert result.status is Status.PUBLISHED, result.message
    assert studio.sql(
        "select count(*) filter (where email like '%@example.___'), count(distinct email), count(name)"
        f" from {TWINS}.people"
    ) == [(500, 500, 500)]


def test_public_reference_data_keep_their_rare_labels(studio: Studio) -> None:
    fill(
        studio, "countries", "case when g % 100 = 0 then 'rare' || g / 100 else 'common' end as country", 900
    )
    (result,) = studio.run(studio.model("countries", roles={"country": Role.KEEP}))
    assert result.status is Status.PUBLISHED
    labels = {label for _, label in studio.sql(f"select measure, country from {TWINS}.countries")}
    assert labels > {"common"}
    (result,) = studio.run(studio.model("countries", roles={"country": Role.CATEGORY}))
    labels = {label for _, label in studio.sql(f"select measure, country from {TWINS}.countries")}
    assert labels == {"common"}
