"""Rows come out of Postgres exactly, from one moment and in bounded memory; errors say no value."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pytest

from synth.domain import Kind, Relation
from synth.errors import WarehouseError
from synth.warehouse import Warehouse
from synth.warehouse.extract import arrow_buffer
from tests.services import drop_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synth.domain import Column
    from tests.services import Database


class Source:
    """One table in an otherwise empty database, and the warehouse it is read through."""

    def __init__(self, database: Database, session: psycopg.Connection) -> None:
        self.relation = Relation(database.name, "public", "t")
        self.warehouse = Warehouse(database.conninfo)
        self.session = session

    def sql(self, query: str) -> None:
        self.session.execute(query.encode())

    def columns(self) -> tuple[Column, ...]:
        return self.warehouse.describe(self.relation)

    def read(self, **options: Any) -> pa.Table:
        with self.warehouse.snapshot() as snapshot:
            return snapshot.extract(self.relation, self.columns(), **options)

    def column(self, **options: Any) -> list[Any]:
        values: list[Any] = self.read(**options).column(0).to_pylist()
        return values


@pytest.fixture
def source(database: Database) -> Iterator[Source]:
    with database.connect() as session:
        yield Source(database, session)


def test_a_table_that_was_rebuilt_after_the_snapshot_is_refused_and_not_read_as_empty(source: Source) -> None:
    source.sql("create table t as select 1 as a")
    columns = source.columns()
    with source.warehouse.snapshot() as snapshot:
        source.sql("create table other as select * from t; drop table t; alter table other rename to t")
        with pytest.raises(WarehouseError, match="t was rebuilt while the run read it"):
            snapshot.extract(source.relation, columns)


def test_columns_are_described_as_the_catalog_has_them(source: Source) -> None:
    source.sql("create domain euro as numeric(7,2) not null")
    source.sql("create domain long_euro as euro")
    source.sql("create type mood as enum ('a', 'b')")
    source.sql(
        "create table t (a smallint not null, b numeric(18,0), c numeric(19,0), d numeric, e numeric(4,-2),"
        " f money, g varchar(7), h char(3), i long_euro, j mood, k mood[], l real, m oid, gone int,"
        " n int generated always as (a * 2) stored)"
    )
    source.sql("alter table t drop column gone")
    columns = {column.name: column for column in source.columns()}
    assert list(columns) == list("abcdefghijklmn")
    assert [columns[name].kind for name in "abcdjkm"] == [
        Kind.INTEGER,
        Kind.INTEGER,
        Kind.DECIMAL,
        Kind.DECIMAL,
        Kind.TEXT,
        Kind.OPAQUE,
        Kind.INTEGER,
    ]
    assert [(columns[name].precision, columns[name].scale) for name in "bcdefi"] == [
        (18, 0),
        (19, 0),
        (None, None),
        (4, -2),
        (None, 2),
        (7, 2),
    ]
    assert (columns["g"].length, columns["h"].length, columns["l"].bits, columns["a"].bits) == (7, 3, 32, 16)
    assert [name for name, column in columns.items() if column.not_null] == ["a", "i"]
    assert columns["i"].data_type == "public.long_euro"
    assert source.warehouse.describe(Relation("x", "public", "nothing")) == ()


def test_null_and_the_empty_text_are_told_apart(source: Source) -> None:
    source.sql("create table t (v text)")
    texts = [None, "", None, '"', "\\N", "\\.", "a\nb", "a\r\nb", "\r", ",", "NULL", "🦆", "x" * 100_000]
    for text in texts:
        source.session.execute("insert into t values (%s)", (text,))
    assert source.column() == texts


def test_empty_tables_keep_their_types(source: Source) -> None:
    source.sql("create table t (a int, b date, c timestamptz, d text, e interval)")
    table = source.read()
    assert table.num_rows == 0
    assert [str(kind) for kind in table.schema.types] == [
        "int64",
        "date32[day]",
        "timestamp[us, tz=UTC]",
        "string",
        "int64",
    ]


def test_integers_are_exact_and_floats_are_as_printed(source: Source) -> None:
    source.sql("create table t (a bigint, b numeric(18,0), c real, d double precision)")
    source.sql(
        "insert into t values (9223372036854775807, 999999999999999999, 0.1, 'NaN'),"
        " (-9223372036854775808, 'NaN', '-Infinity', 1e308)"
    )
    (a, b, c, d) = (column.to_pylist() for column in source.read().columns)
    assert a == [2**63 - 1, -(2**63)]
    assert b == [999999999999999999, None]
    assert c == [0.1, float("-inf")]
    assert str(d) == "[nan, 1e+308]"


@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [
        ("date", "0001-01-01", "9999-12-31"),
        ("timestamp", "0001-01-01 00:00:00", "9999-12-31 00:00:00"),
        ("timestamptz", "0001-01-01 00:00:00+00:00", "9999-12-31 00:00:00+00:00"),
    ],
)
def test_dates_beyond_the_calendar_become_its_ends(source: Source, kind: str, first: str, last: str) -> None:
    source.sql(f"create table t (v {kind})")
    source.sql(
        "insert into t values ('infinity'), ('-infinity'), ('0044-03-15 BC'), ('12020-01-01'), (null),"
        " ('2020-02-29')"
    )
    *ends, null, day = source.column()
    assert [str(value) for value in ends] == [last, first, first, last]
    assert null is None
    assert str(day).startswith("2020-02-29")
    source.sql("delete from t where v is null or isfinite(v)")
    assert [str(value) for value in source.column()] == [last, first]


def test_times_and_intervals_are_microseconds(source: Source) -> None:
    source.sql("create table t (a time, b interval)")
    source.sql(
        "insert into t values ('24:00', '1 mon -1 day 0.5 s'), ('0:00', 'infinity'), (null, null),"
        " ('12:00', '300000000 days')"
    )
    a, b = (column.to_pylist() for column in source.read().columns)
    assert a == [86_400_000_000, 0, None, 43_200_000_000]
    assert b == [29 * 86_400_000_000 + 500_000, 9 * 10**18, None, 9 * 10**18]


def test_a_share_takes_all_rows_of_an_entity_or_none(source: Source) -> None:
    source.sql("create table t as select g % 1000 as user_id, g from generate_series(1, 5000) as g")
    source.sql("insert into t select null, g from generate_series(1, 1000) as g")
    rows = source.read(share=0.3, unit="user_id").to_pandas().iloc[:, 0]
    counts = rows.value_counts()
    assert set(counts) == {5}
    assert 240 < len(counts) < 360
    assert 240 < rows.isna().sum() < 360  # rows without an entity are each on their own
    assert source.read(share=0.3, unit="user_id").num_rows == len(rows)


def test_a_share_of_a_table_without_entities_is_one_of_rows(source: Source) -> None:
    source.sql("create table t as select 1 as t, g as source from generate_series(1, 5000) as g")
    assert 1300 < source.read(share=0.3).num_rows < 1700


def test_all_models_are_read_at_one_moment(source: Source) -> None:
    source.sql("create table t as select g from generate_series(1, 100) as g")
    with source.warehouse.snapshot() as snapshot:
        source.sql("insert into t select 7 from generate_series(1, 50)")
        assert snapshot.count(source.relation) == 100
        assert snapshot.extract(source.relation, source.columns()).num_rows == 100


def test_large_values_are_read_whole(source: Source) -> None:
    text = "repeat(chr(96 + g) || chr(10) || chr(34), 5000000)"
    source.sql(f"create table t as select {text} as v from generate_series(1, 3) as g")
    assert [len(value) for value in source.column()] == [15_000_000] * 3


def test_what_is_no_text_is_refused_without_showing_it(source: Source, database: Database) -> None:
    name = f"{database.name}_ascii"
    source.sql(f"create database {name} template template0 encoding 'SQL_ASCII' locale 'C'")
    try:
        with psycopg.connect(**{**database.conninfo, "dbname": name}, autocommit=True) as session:
            session.execute("create table t as select E'secret \\xff'::text as v")
        warehouse = Warehouse({**database.conninfo, "dbname": name})
        relation = Relation(name, "public", "t")
        with warehouse.snapshot() as snapshot, pytest.raises(WarehouseError) as error:
            snapshot.extract(relation, warehouse.describe(relation))
        assert str(error.value).startswith("Could not read public.t: a value was refused")
        assert "secret" not in str(error.value)
        assert error.value.__suppress_context__
    finally:
        drop_database(source.session, name)


def test_rows_are_parsed_in_the_memory_of_arrow() -> None:
    """With memory of Python's, a process that ended while a thread of Arrow held it was aborted."""
    block = io.BytesIO()
    block.writelines([b"7,seven\n"] * 100_000)
    before = pa.total_allocated_bytes()
    buffer = arrow_buffer(block)
    assert pa.total_allocated_bytes() - before >= block.tell()
    assert buffer.to_pybytes() == block.getvalue()


MEASURE = """
import resource, sys
from synth.domain import Relation
from synth.warehouse import Warehouse
host, port, user, password, name = sys.argv[1:]
warehouse = Warehouse({"host": host, "port": int(port), "user": user, "password": password, "dbname": name})
relation = Relation(name, "public", "t")
columns = warehouse.describe(relation)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with warehouse.snapshot() as snapshot:
    table = snapshot.extract(relation, columns)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(table.num_rows, table.nbytes >> 20, (after - before) >> 10)
"""


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ("g, g * 2 as b, random() as c, random() as d, 'w' || g % 9 as e, md5(g::text) as f", 300_000),
        ("repeat('x', 1000000) as v", 200),
    ],
)
def test_memory_is_bounded_by_what_is_read(
    source: Source, database: Database, columns: str, rows: int
) -> None:
    source.sql(f"create table t as select {columns} from generate_series(1, {rows}) as g")
    arguments = [str(database.conninfo[name]) for name in ("host", "port", "user", "password", "dbname")]
    process = subprocess.run(
        [sys.executable, "-c", MEASURE, *arguments], capture_output=True, text=True, check=True
    )
    row_count, size, peak = map(int, process.stdout.split())
    assert row_count == rows
    assert peak < 2 * size + 120  # megabytes
