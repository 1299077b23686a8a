"""Every type, name and value that Postgres allows comes back in a table of the same shape, or is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pytest

from synth.domain import Role, Status
from tests.twins import SCHEMA, TWINS, Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

ROWS = 500
TYPES = """
create extension citext schema public;
create extension hstore schema public;
create type mood as enum ('glum', 'fine', 'Ha''ppy, "very"');
create domain percentage as numeric(5, 2) check (value between 0 and 100);
create domain word as text;
create domain short_word as word check (length(value) < 9);
create type pair as (left_part int, right_part text);
"""
# Name, type, value of row g; rows are NULL by turns unless the table is NOT NULL.
COLUMNS = {
    "small": ("smallint", "(hashint4(g) & 127) - 60"),
    "whole": ("integer", "(g * 7919) % 100000"),
    "big": ("bigint", "9007199254740993 + g % 7"),
    "longest": ("numeric(18,0)", "900719925474099301 + g % 7"),
    "price": ("numeric(4,2)", "(g % 83) / 10.0"),
    "fine": ("numeric(38,18)", "(g % 40) + 0.1"),
    "free": ("numeric", "(g % 120) / 8.0"),
    "rounded": ("numeric(5,-2)", "g % 90 * 1000"),
    "unsure": ("numeric(6,2)", "case when g % 10 = 0 then 'NaN' else (g % 30) / 4.0 end"),
    "cash": ("money", "((g % 100) * 1.25)::numeric"),
    "single": ("real", "(g % 97) / 10.0"),
    "double": ("double precision", "case g % 20 when 0 then 'NaN' when 1 then 'Infinity' else sqrt(g) end"),
    "flag": ("boolean", "g % 3 = 0"),
    "words": ("text", "'word ' || g % 5"),
    "limited": ("character varying(6)", "'abcdef'"),
    "padded": ("character(5)", "'ab' || g % 3"),
    "folded": ("public.citext", "case g % 2 when 0 then 'Yes' else 'yes' end"),
    "code": ("uuid", "md5(g::text)::uuid"),
    "day": ("date", "date '2020-02-28' + g % 400"),
    "moment": (
        "timestamp without time zone",
        "timestamp '2020-01-01 12:00' + (g * g) % 9973 * interval '1 hour 1.5 s'",
    ),
    "second": ("timestamp(0) without time zone", "timestamp '2020-01-01' + (g * g) % 5000 * interval '1 s'"),
    "zoned": ("timestamp with time zone", "timestamptz '2020-03-29 00:30+00' + g % 100 * interval '10 min'"),
    "clock": (
        "time without time zone",
        "case when g % 20 = 0 then time '24:00' else time '0:00' + g % 100 * interval '1 min' end",
    ),
    "zoned_clock": ("time with time zone", "timetz '12:00+02'"),
    "span": ("interval", "(g - 250) * interval '1 day 2 hours 0.25 s'"),
    "months": ("interval", "make_interval(months => g % 5)"),
    "endless": ("interval", "case g % 20 when 0 then 'infinity' else interval '1 day' end"),
    "document": ("json", """('{"a": ' || g % 2 || ', "a": null}')::json"""),
    "object": ("jsonb", "jsonb_build_object('k', g % 4)"),
    "numbers": ("integer[]", "array[g % 2, null, 3]"),
    "texts": ("text[]", "array['a,b', '\"', '']"),
    "feeling": ("mood", "(enum_range(null::mood))[1 + g % 3]"),
    "share": ("percentage", "(g % 1001) / 10.0"),
    "nested": ("short_word", "'w' || g % 3"),
    "both": ("pair", "row(g % 2, 'x')::pair"),
    "extent": ("int4range", "int4range(g % 2, 10)"),
    "bytes": ("bytea", "case g % 2 when 0 then '\\xdeadbeef'::bytea else ''::bytea end"),
    "address": ("inet", "('10.1.' || g % 250 || '.7/24')::inet"),
    "network": ("cidr", "('10.' || g % 250 || '.0.0/16')::cidr"),
    "card": ("macaddr", "macaddr '08:00:2b:01:02:03'"),
    "bits": ("bit(8)", "(g % 4)::bit(8)"),
    "lexemes": ("tsvector", "to_tsvector('english', 'the quick fox')"),
    "mapping": ("public.hstore", "public.hstore('k', (g % 2)::text)"),
    "place": ("point", "point(g % 2, 1)"),
    "object_id": ("oid", "4294967290 + g % 3"),
    "label": ("name", "'n' || g % 3"),
    "prose": ("text", "md5(g::text) || chr(10) || md5((-g)::text)"),
    "nothing": ("text", "null"),
    "constant": ("integer", "7"),
    "far": ("date", "(array['infinity', '-infinity', '0044-03-15 BC', '10000-01-01']::date[])[1 + g % 4]"),
    "far_moment": (
        "timestamp with time zone",
        "case g % 20 when 0 then 'infinity' else timestamptz '12020-01-01 00:00+00' end",
    ),
}
# What holds of every value of the twin.
SANE = {
    "small": "between -150 and 149",
    "whole": "between 0 and 99999",
    "big": "between 9007199254740993 and 9007199254740999",
    "longest": "between 900719925474099301 and 900719925474099307",
    "price": "between 0 and 8.2",
    "fine": "between 0.1 and 39.1",
    "free": "between 0 and 15",
    "rounded": "between 0 and 89000",
    "single": "between 0 and 9.6",
    "words": "~ '^word [0-4]$'",
    "limited": "= 'abcdef'",
    "folded": "= 'yes'",
    "day": "between '2020-02-28' and '2021-04-03'",
    "moment": "between '2020-01-01' and '2021-03-01'",
    "second": "between '2020-01-01' and '2020-01-02'",
    "zoned": "between '2020-03-29 00:30+00' and '2020-04-02'",
    "clock": "between '0:00' and '24:00'",
    "span": "between '-271 days' and '271 days'",
    "months": "between '0' and '4 months'",
    "nested": "~ '^w[0-2]$'",
    "share": "between 0 and 50",
    "address": "<<= any ('{192.0.2.0/24,198.51.100.0/24,203.0.113.0/24}'::inet[])",
    "object_id": "between 4294967290 and 4294967292",
    "constant": "= 7",
    "far": "between '0001-01-01' and '9999-12-31'",
}
UNLEARNABLE = {"prose", "nothing"}  # text that rows do not share is NULL in the twin
NOT_A_NUMBER = {"double", "unsure"}  # NaN is NULL in the twin where it may be
SHAPE = """
select attname, format_type(atttypid, atttypmod), attnotnull
from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum
"""
CHECKS = """
select conname, pg_get_constraintdef(oid)
from pg_constraint where conrelid = %s::regclass and contype = 'c' order by conname
"""


@pytest.fixture
def studio(database: Database, tmp_path: Path) -> Iterator[Studio]:
    yield from Studio.open(database, tmp_path)


def create(studio: Studio, name: str, columns: dict[str, tuple[str, str]], *, not_null: bool = False) -> None:
    """A table of ROWS rows; unless `not_null`, an eleventh of each column is NULL."""
    word = "not null" if not_null else ""
    ddl = [f"{quote(column)} {kind} {word}" for column, (kind, _) in columns.items()]
    values = [value for _, value in columns.values()]
    if not not_null:
        values = [
            f"case when (g * {i % 10 + 1}) % 11 <> 0 then {value} end" for i, value in enumerate(values)
        ]
    studio.sql(f"create table {quote(name)} ({', '.join(ddl)})")
    studio.sql(f"insert into {quote(name)} select {', '.join(values)} from generate_series(1, {ROWS}) as g")


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def shape(studio: Studio, schema: str, name: str) -> tuple[Any, Any]:
    """The columns and the check constraints of a table."""
    path = f"{schema}.{quote(name)}"
    return studio.sql(SHAPE, path), studio.sql(CHECKS, path)


def null_shares(studio: Studio, schema: str, name: str, columns: dict[str, Any]) -> pd.Series[float]:
    shares = ", ".join(f"avg(({quote(column)}::text is null)::int)::float" for column in columns)
    return pd.Series(studio.sql(f"select {shares} from {schema}.{quote(name)}")[0], index=list(columns))


def only(studio: Studio, query: str) -> Any:
    return studio.sql(query)[0][0]


def insane(studio: Studio, name: str) -> list[str]:
    """The columns of which the twin holds a value that the source could not."""
    return [
        column
        for column, rule in SANE.items()
        if not only(studio, f"select coalesce(bool_and({column} {rule}), false) from {TWINS}.{name}")
    ]


def test_every_common_type_comes_back(studio: Studio) -> None:
    studio.sql(TYPES)
    create(studio, "things", COLUMNS)
    studio.sql("alter table things add constraint sane check (price < 100 and whole >= 0)")
    (result,) = studio.run(studio.model("things"))
    assert result.status is Status.PUBLISHED, result.message
    assert shape(studio, TWINS, "things") == shape(studio, SCHEMA, "things")
    assert only(studio, f"select count(*) from {TWINS}.things") == ROWS
    assert insane(studio, "things") == []
    assert (null_shares(studio, TWINS, "things", COLUMNS)[sorted(UNLEARNABLE)] == 1).all()


@pytest.mark.slow
def test_as_many_values_are_null_as_in_the_source(studio: Studio) -> None:
    studio.sql(TYPES)
    create(studio, "things", COLUMNS)
    (result,) = studio.run(studio.model("things"))
    assert result.status is Status.PUBLISHED, result.message
    real, twin = (null_shares(studio, schema, "things", COLUMNS) for schema in (SCHEMA, TWINS))
    learned_columns = twin.drop([*UNLEARNABLE, *NOT_A_NUMBER])
    assert (learned_columns - real[learned_columns.index]).abs().max() < 0.06


def test_numbers_and_dates_look_like_the_source(studio: Studio) -> None:
    studio.sql(TYPES)
    create(
        studio,
        "things",
        {name: COLUMNS[name] for name in ("whole", "price", "fine", "moment", "span", "second")},
    )
    create(studio, "floats", {"single": COLUMNS["single"]})
    studio.run(studio.model("things"), studio.model("floats"))
    for column in ("whole", "price", "fine", "extract(epoch from moment)", "extract(epoch from span)"):
        figures = f"select avg({column})::float, stddev({column})::float from"
        (mean, spread), (twin_mean, twin_spread) = (
            studio.sql(f"{figures} {schema}.things")[0] for schema in (SCHEMA, TWINS)
        )
        assert abs(twin_mean - mean) < 0.2 * spread, column
        assert 0.8 < twin_spread / spread < 1.2, column
    # No noise behind the last digit that the source has.
    assert only(studio, f"select max(scale(trim_scale(fine))) from {TWINS}.things") == 1
    assert only(studio, f"select bool_and(single::text ~ '^\\d\\.?\\d?$') from {TWINS}.floats")
    assert only(studio, f"select bool_and(second = date_trunc('second', second)) from {TWINS}.things")


def test_columns_that_may_not_be_null_are_never_null(studio: Studio) -> None:
    studio.sql(TYPES)
    learnable = {name: column for name, column in COLUMNS.items() if name not in UNLEARNABLE}
    create(studio, "things", learnable, not_null=True)
    (result,) = studio.run(studio.model("things"))
    assert result.status is Status.PUBLISHED, result.message
    assert shape(studio, TWINS, "things") == shape(studio, SCHEMA, "things")
    assert insane(studio, "things") == []
    assert 0 < only(studio, f"select count(*) from {TWINS}.things where unsure = 'NaN'") < ROWS / 5


def test_what_rows_do_not_share_and_may_not_be_null_gets_placeholders_where_there_are_some(
    studio: Studio,
) -> None:
    texts = {
        "prose": ("text", "'said ' || md5(g::text) || ' to us all'"),
        "nested": ("json", "to_json(g)"),
        "bytes": ("bytea", "decode(md5(g::text), 'hex')"),
    }
    device = ("jsonpath", "('$.part' || g)::jsonpath")
    create(studio, "things", {**texts, "device": device, "n": ("int", "g % 9")}, not_null=True)
    (result,) = studio.run(studio.model("things"))
    assert result.status is Status.ERROR
    assert (
        "things.device (jsonpath) holds values that rows do not share, it may not be NULL" in result.message
    )
    assert "prose" not in result.message
    assert "Next: in models/test.yml give it config" in result.message
    assert studio.sql("select to_regclass('synthetic.things')") == [(None,)]
    (result,) = studio.run(studio.model("things", roles={"device": Role.DROP}))
    assert result.status is Status.PUBLISHED, result.message
    wrong = "prose like '%said%' or prose !~ '^[A-Z][a-z ]+$' or nested::text <> '{}' or bytes <> ''"
    assert only(studio, f"select count(*) from {TWINS}.things where {wrong}") == 0


def test_every_name_that_postgres_allows_comes_back(studio: Studio) -> None:
    names = [
        "Mixed Case",
        "select",
        "order",
        'quo"te',
        "1st",
        "a",
        "A",
        "å",
        "🦆",
        "a,b",
        "100%",
        "%s",
        "{}",
        "$1",
    ]
    names += [
        "x" * 63,
        "x" * 62 + "y",
        "new\nline",
        "tab\t",
        "back\\slash",
        "semi;colon",
        "c0",
        "source",
        "synth",
    ]
    columns = {name: ("integer", f"g % {i + 2}") for i, name in enumerate(names)}
    table = 'Weird "Table" %s {} 🦆 ' + "x" * 37
    create(studio, table, columns)
    (result,) = studio.run(studio.model(table))
    assert result.status is Status.PUBLISHED, result.message
    assert shape(studio, TWINS, table) == shape(studio, SCHEMA, table)
    assert studio.parquet(table).column_names == names


def test_every_text_comes_back_as_it_was(studio: Studio) -> None:
    texts = [
        "",
        " ",
        "\\N",
        "\\.",
        "NULL",
        "null",
        "NaN",
        "NA",
        "None",
        'say "so"',
        "it''s",
        "a,b;c",
        "tab\there",
        "x\ny",
    ]
    texts += [
        "x\r\ny",
        "\r",
        "back\\slash",
        "=cmd()",
        "007",
        "1e3",
        "שלום",
        "🦆",
        "e\u0301",
        "x" * 3000,
        '"',
        "'",
        "t",
        "f",
    ]
    studio.sql("create table texts (t text, v varchar, n int)")
    for text in [*texts, None]:
        studio.session.execute(
            "insert into texts select %s, %s, g from generate_series(1, 40) g", (text, text)
        )
    (result,) = studio.run(studio.model("texts"))
    assert result.status is Status.PUBLISHED, result.message
    for column in ("t", "v"):
        assert {row[0] for row in studio.sql(f"select distinct {column} from {TWINS}.texts")} == {
            *texts,
            None,
        }
    assert set(studio.parquet("texts")["t"].to_pylist()) == {*texts, None}
    # pandas cannot tell '' from NULL in CSV; DuckDB can.
    path = studio.artifact("texts", "data.csv.gz")
    query = f"select t from read_csv('{path}', all_varchar = true, allow_quoted_nulls = false)"
    assert {row[0] for row in duckdb.execute(query).fetchall()} == {*texts, None}


@pytest.mark.slow
def test_files_hold_the_types_of_the_table(studio: Studio) -> None:
    studio.sql(TYPES)
    create(studio, "things", COLUMNS)
    studio.run(studio.model("things"))
    types = {field.name: str(field.type) for field in studio.parquet("things").schema}
    assert [types[name] for name in ("small", "whole", "big", "single", "double", "fine", "cash")] == [
        "int16",
        "int32",
        "int64",
        "float",
        "double",
        "decimal128(38, 18)",
        "decimal128(18, 2)",
    ]
    assert [types[name] for name in ("flag", "day", "moment", "zoned", "clock", "span", "object")] == [
        "bool",
        "date32[day]",
        "timestamp[us]",
        "timestamp[us, tz=UTC]",
        "time64[us]",
        "string",
        "string",
    ]
    parquet = pd.read_parquet(studio.artifact("things", "data.parquet"))
    csv = pd.read_csv(studio.artifact("things", "data.csv.gz"))
    assert len(parquet) == len(csv) == ROWS
    assert list(parquet) == list(csv) == list(COLUMNS)


@pytest.mark.parametrize("kind", ["view", "materialized view"])
def test_a_view_is_as_good_as_a_table(studio: Studio, kind: str) -> None:
    studio.sql("create table base as select g % 9 as n, 'x' || g % 3 as t from generate_series(1, 500) as g")
    studio.sql(f"create {kind} seen as select t, n, n * 0.5 as half from base")
    (result,) = studio.run(studio.model("seen"))
    assert result.status is Status.PUBLISHED, result.message
    assert shape(studio, TWINS, "seen") == shape(studio, SCHEMA, "seen")


def test_rows_that_repeat_what_an_index_says_are_left_out_without_a_word_of_their_values(
    studio: Studio,
) -> None:
    """The parts of a row are learned well, but not what an index that dbt does not know says of them."""
    studio.sql("create table odd (a int, b text)")
    studio.sql("insert into odd select g / 3, 'secret ' || g % 3 from generate_series(424242, 424741) as g")
    studio.sql("create unique index odd_once on odd (a, b)")
    (result,) = studio.run(studio.model("odd"))
    assert result.status is Status.PUBLISHED, result.message
    repeats = f"select count(*) - count(distinct (a, b)), count(*) from {TWINS}.odd"
    assert studio.sql(repeats) == [(0, result.rows)]
    missing_rows = ROWS - result.rows
    assert f"{missing_rows} rows of odd left out, because they repeated a composite key" in result.warnings
    assert not any(value in " ".join(result.warnings) for value in ("secret", "1414"))
