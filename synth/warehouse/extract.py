"""Rows out of Postgres: one snapshot for all models of a run, COPY, Arrow."""

from __future__ import annotations

import io
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, LiteralString

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from psycopg import sql

from synth.domain import Kind
from synth.errors import WarehouseError
from synth.warehouse.parts import selection_of
from synth.warehouse.session import identifier, translate_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from synth.domain import Column, Relation
    from synth.warehouse.parts import PartOfTwin
    from synth.warehouse.session import Connection

    Message = bytes | bytearray | memoryview  # one row, as psycopg hands it out

BLOCK = 8 << 20  # bytes of COPY text parsed at a time; at most four blocks are in memory
GATHER = 4096  # rows between two looks at the size of a block, where rows are small
WARY = 32  # rows before the first look: a row may be a gigabyte

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
# Wider than any value in use, and narrower than what overflows; infinity ends up here, too.
FARTHEST = 9_000_000_000_000  # seconds
MICROSECONDS: LiteralString = """
case
    when {name} is not null
        then (least(greatest(extract(epoch from {name}), -{far}), {far}) * 1000000)::bigint
end
"""
ROW = sql.Identifier("synth row")  # the whole row as one value; not the name of anybody's column
YEARS = ("0001-01-01 00:00:00", "9999-12-31 00:00:00")  # what dates beyond Arrow's calendar become


@contextmanager
def exported_snapshot(session: Connection) -> Iterator[str]:
    """Hold a snapshot that other sessions can read from, so that all models show one moment."""
    with translate_errors("open a snapshot"), session.transaction():
        session.execute("set transaction isolation level repeatable read, read only")
        row = session.execute("select pg_catalog.pg_export_snapshot()").fetchone()
        yield str(row[0]) if row else ""


def count(session: Connection, relation: Relation, snapshot: str) -> int:
    """Return how many rows `relation` has in the snapshot."""
    with translate_errors(f"count the rows of {relation}"), session.transaction():
        _enter(session, snapshot)
        row = session.execute(
            sql.SQL("select pg_catalog.count(*) from {}").format(identifier(relation))
        ).fetchone()
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
    """Return the rows of `relation` as Arrow, in no particular order.

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
    with translate_errors(f"read {relation}"), session.transaction():
        _enter(session, snapshot)
        return read(session, relation, columns, share=share, unit=unit)


def read(
    session: Connection,
    relation: Relation,
    columns: Sequence[Column],
    *,
    share: float = 1.0,
    unit: str | None = None,
    most: int | None = None,
) -> pa.Table:
    """Return the same in the transaction of the caller, of `most` rows at most."""
    return _copy_out(session, relation, columns, _query(identifier(relation), columns, share, unit, most))


def read_part(session: Connection, part: PartOfTwin, columns: Sequence[Column]) -> pa.Table:
    """Return a part of a twin, whose columns these are, in the transaction of the caller."""
    source = sql.SQL("({})").format(selection_of(part, [column.name for column in columns]))
    return _copy_out(session, part.relations[0], columns, _query(source, columns, 1.0, None, None))


def _copy_out(
    session: Connection, relation: Relation, columns: Sequence[Column], query: sql.Composed
) -> pa.Table:
    try:
        with session.cursor() as cursor, cursor.copy(query) as copy:
            table = _parse(iter(copy), columns)
        values = [_cast(table.column(i), column) for i, column in enumerate(columns)]
    except pa.ArrowInvalid:
        # Arrow quotes the value it stumbled over, so not even the cause may be shown.
        raise WarehouseError(f"Could not read {relation}: a value is not what its type promises.") from None
    return pa.table(values, [column.name for column in columns])


def _enter(session: Connection, snapshot: str) -> None:
    session.execute("set transaction isolation level repeatable read, read only")
    session.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(snapshot)))


def _query(
    source: sql.Composable, columns: Sequence[Column], share: float, unit: str | None, most: int | None
) -> sql.Composed:
    select_list = sql.SQL(", ").join(_expression(column) for column in columns)
    query = sql.SQL("select {} from {} as {}").format(select_list, source, ROW)
    if share < 1:
        # Rows without a unit belong to nobody in particular, so each is on its own.
        row = sql.SQL("pg_catalog.hashtextextended({}::text, 0::bigint)").format(ROW)
        if unit:
            row = sql.SQL("coalesce(pg_catalog.hashtextextended({}::text, 0::bigint), {})").format(
                sql.Identifier(unit), row
            )
        query += sql.SQL(" where {} & 1048575 < {}").format(row, sql.Literal(round(share * 1048576)))
    if most is not None:
        query += sql.SQL(" limit {}").format(sql.Literal(most))
    return sql.SQL("copy ({}) to stdout (format csv)").format(query)


def _expression(column: Column) -> sql.Composable:
    name = sql.Identifier(column.name)
    if column.kind in {Kind.TIME, Kind.INTERVAL}:
        return sql.SQL(MICROSECONDS).format(name=name, far=sql.Literal(FARTHEST))
    if column.kind is Kind.OPAQUE:
        return sql.SQL("{}::text").format(name)
    if column.data_type == "money":
        return sql.SQL("{}::numeric").format(name)
    if column.kind is Kind.INTEGER and column.precision:
        return sql.SQL("nullif({}, 'NaN')").format(name)
    return name


def _parse(messages: Iterator[Message], columns: Sequence[Column]) -> pa.Table:
    names = [f"c{i}" for i in range(len(columns))]
    types = {name: ARROW.get(column.kind, pa.string()) for name, column in zip(names, columns, strict=True)}
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
        # One Arrow block for one of ours, so that no row is cut in two.
        read = pacsv.ReadOptions(column_names=names, block_size=block.tell())
        return pacsv.read_csv(pa.BufferReader(arrow_buffer(block)), read, parse, convert)

    tables = []
    futures: deque[Future[pa.Table]] = deque()
    with ThreadPoolExecutor(1) as parser:
        for block in _blocks(messages):
            futures.append(parser.submit(table, block))
            if len(futures) > 1:
                tables.append(futures.popleft().result())
        tables += [future.result() for future in futures]
    return pa.concat_tables(tables or [pa.schema(types).empty_table()])


def arrow_buffer(block: io.BytesIO) -> pa.Buffer:
    """Return a copy of `block` in Arrow's own memory.

    A thread of Arrow may be the last to hold a buffer. To free memory of Python it needs the interpreter's
    lock, and while the interpreter ends, that aborts the process.
    """
    buffer = pa.allocate_buffer(block.tell())
    memoryview(buffer).cast("B")[:] = block.getbuffer()
    return buffer


def _blocks(messages: Iterator[Message]) -> Iterator[io.BytesIO]:
    """Yield whole rows, about `BLOCK` bytes at a time: Postgres sends one message a row.

    The rows are gathered inside `writelines`, because a Python statement for each would cost more than the
    parsing.
    """
    gather = WARY
    while True:
        block = io.BytesIO()
        while block.tell() < BLOCK:
            before = block.tell()
            block.writelines(islice(messages, gather))
            size = block.tell() - before
            if not size:
                if before:
                    yield block
                return
            gather = max(1, min(GATHER, BLOCK * gather // size))
        yield block


def _cast(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    arrow_type = DATES.get(column.kind)
    if arrow_type is None:
        return values
    try:
        return values.cast(arrow_type)
    except pa.ArrowInvalid:
        return _within_calendar(values, column.kind).cast(arrow_type)


def _within_calendar(values: pa.ChunkedArray, kind: Kind) -> pa.ChunkedArray:
    """Return dates outside the years 1 to 9999, infinity included, as the nearest day inside."""
    size = len("yyyy-mm-dd") if kind is Kind.DATE else None
    zone = "+00" if kind is Kind.TIMESTAMPTZ else ""
    first, last = (moment[:size] + zone for moment in YEARS)
    early = pc.match_substring_regex(values, "BC$|^-infinity$")
    late = pc.match_substring_regex(values, "^infinity$|^[0-9]{5,}-")
    return pc.if_else(early, first, pc.if_else(late, last, values))


def head(session: Connection, relation: Relation, rows: int) -> tuple[list[str], list[tuple[object, ...]]]:
    """Return the names and the first rows of a twin, as text."""
    with translate_errors(f"read {relation}"):
        cursor = session.execute(
            sql.SQL("select * from {} limit {}").format(identifier(relation), sql.Literal(rows))
        )
        return [column.name for column in cursor.description or ()], cursor.fetchall()
