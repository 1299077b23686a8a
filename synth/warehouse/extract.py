"""Rows out of Postgres: one snapshot for all models of a run, COPY, Arrow."""

from __future__ import annotations

import io
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, LiteralString

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from psycopg import sql

from synth.domain import Kind
from synth.errors import WarehouseError
from synth.warehouse.session import identifier, reported

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from synth.domain import Column, Relation
    from synth.warehouse.session import Connection

BLOCK = 8 << 20  # bytes of COPY text parsed at a time; at most four blocks are in memory
GATHER = 4096  # rows between two looks at the size of a block

ARROW = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.INTEGER: pa.int64(),
    Kind.DECIMAL: pa.float64(),
    Kind.FLOAT: pa.float64(),
    Kind.TIME: pa.int64(),
    Kind.INTERVAL: pa.int64(),
}
DATES = {
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.TIMESTAMPTZ: pa.timestamp("us", "UTC"),
}
MICROSECONDS: LiteralString = "(extract(epoch from {}) * 1000000)::bigint"


@contextmanager
def exported_snapshot(session: Connection) -> Iterator[str]:
    """Hold a snapshot that other sessions can read from, so that all models show one moment."""
    with reported("open a snapshot"), session.transaction():
        session.execute("set transaction isolation level repeatable read, read only")
        row = session.execute("select pg_export_snapshot()").fetchone()
        yield str(row[0]) if row else ""


def count(session: Connection, relation: Relation, snapshot: str) -> int:
    """How many rows `relation` has in the snapshot."""
    with reported(f"count the rows of {relation}"), session.transaction():
        _enter(session, snapshot)
        row = session.execute(sql.SQL("select count(*) from {}").format(identifier(relation))).fetchone()
    return int(str(row[0])) if row else 0


def extract(
    session: Connection,
    relation: Relation,
    columns: Sequence[Column],
    *,
    snapshot: str,
    share: float = 1.0,
    unit: str | None = None,
) -> pa.Table:
    """The rows of `relation` as Arrow, in no particular order.

    Integers come as int64, numbers as float64, dates and timestamps as such, times and intervals as int64
    microseconds, everything else as its text.

    Args:
        session: one of its own; a COPY occupies it.
        relation: what to read.
        columns: which columns, in which order.
        snapshot: from `exported_snapshot`.
        share: of the rows, decided by a hash of `unit`, or of the row where there is no unit.
        unit: the column whose values stay together when `share` is below 1.
    """
    query = _query(relation, columns, share, unit)
    try:
        with reported(f"read {relation}"), session.transaction():
            _enter(session, snapshot)
            with session.cursor() as cursor, cursor.copy(query) as copy:
                table = _parse(iter(copy), columns)
    except pa.ArrowInvalid:
        # Arrow quotes the value it stumbled over, so not even the cause may be shown.
        raise WarehouseError(f"Could not read {relation}: a value is not what its type promises.") from None
    return pa.table([_typed(table.column(i), column) for i, column in enumerate(columns)], table.column_names)


def _enter(session: Connection, snapshot: str) -> None:
    session.execute("set transaction isolation level repeatable read, read only")
    session.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(snapshot)))


def _query(relation: Relation, columns: Sequence[Column], share: float, unit: str | None) -> sql.Composed:
    selected = sql.SQL(", ").join(_expression(column) for column in columns)
    query = sql.SQL("select {} from {} as source").format(selected, identifier(relation))
    if share < 1:
        hashed = sql.Identifier("source", unit) if unit else sql.SQL("source")
        query += sql.SQL(" where hashtextextended({}::text, 0) & 1048575 < {}").format(
            hashed, sql.Literal(round(share * 1048576))
        )
    return sql.SQL("copy ({}) to stdout (format csv)").format(query)


def _expression(column: Column) -> sql.Composable:
    name = sql.Identifier(column.name)
    if column.kind in {Kind.TIME, Kind.INTERVAL}:
        return sql.SQL(MICROSECONDS).format(name)
    if column.kind is Kind.OPAQUE:
        return sql.SQL("{}::text").format(name)
    if column.data_type == "money":
        return sql.SQL("{}::numeric").format(name)
    return name


def _parse(messages: Iterator[bytes], columns: Sequence[Column]) -> pa.Table:
    names = [f"c{i}" for i in range(len(columns))]
    types = {name: ARROW.get(column.kind, pa.string()) for name, column in zip(names, columns, strict=True)}
    read = pacsv.ReadOptions(column_names=names, block_size=2 * BLOCK)
    parse = pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
    convert = pacsv.ConvertOptions(
        column_types=types,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,  # COPY quotes the empty string and leaves NULL bare
        true_values=["t"],
        false_values=["f"],
    )

    def table(block: io.BytesIO) -> pa.Table:
        return pacsv.read_csv(pa.BufferReader(block.getbuffer()), read, parse, convert)

    tables = []
    waiting: deque[Future[pa.Table]] = deque()
    with ThreadPoolExecutor(1) as parser:
        for block in _blocks(messages):
            waiting.append(parser.submit(table, block))
            if len(waiting) > 1:
                tables.append(waiting.popleft().result())
        tables += [future.result() for future in waiting]
    return pa.concat_tables(tables or [pa.schema(types).empty_table()])


def _blocks(messages: Iterator[bytes]) -> Iterator[io.BytesIO]:
    """Whole rows, about `BLOCK` bytes at a time: Postgres sends one message a row.

    The rows are gathered inside `writelines`, because a Python statement for each would cost more than the
    parsing.
    """
    while True:
        block = io.BytesIO()
        while block.tell() < BLOCK:
            before = block.tell()
            block.writelines(islice(messages, GATHER))
            if block.tell() == before:
                if before:
                    yield block
                return
        yield block


def _typed(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    wanted = DATES.get(column.kind)
    if wanted is None:
        return values
    try:
        return values.cast(wanted)
    except pa.ArrowInvalid:
        return _within_calendar(values).cast(wanted)


def _within_calendar(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Dates outside the years 1 to 9999, infinity included, as the nearest date inside."""
    text = pc.fill_null(values, "").to_numpy(zero_copy_only=False).astype(object)
    early = np.array([item.endswith("BC") or item == "-infinity" for item in text], bool)
    late = np.array([item == "infinity" or item.find("-") > 4 for item in text], bool)  # noqa: PLR2004 - yyyy
    text[early], text[late] = "0001-01-01", "9999-12-31"
    present = values.is_valid().to_numpy(zero_copy_only=False)
    clock = " 00:00:00+00" if any(item.endswith("+00") for item in text) else ""
    if clock:
        text[early | late] = text[early | late] + clock
    return pa.chunked_array([pa.array(text, pa.string(), mask=~present)])


def head(session: Connection, relation: Relation, rows: int) -> tuple[list[str], list[tuple[object, ...]]]:
    """The names and the first rows of a twin, as text."""
    with reported(f"read {relation}"):
        cursor = session.execute(
            sql.SQL("select * from {} limit {}").format(identifier(relation), sql.Literal(rows))
        )
        return [column.name for column in cursor.description or ()], cursor.fetchall()
