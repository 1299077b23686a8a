"""One query on two sides: what it gives on real relations and on twins, in aggregates.

Everything is built in temporary tables of one transaction, which is rolled back.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import sql

from synth.domain import RARE, Kind, Relation
from synth.errors import WarehouseError
from synth.warehouse.catalog import describe
from synth.warehouse.session import OWN_PATH, USERS_PATH, translate_errors
from synth.warehouse.trust import Attachment, calls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from synth.domain import Column
    from synth.warehouse.session import Connection

MOST_GROUPS = 100  # of a result that is shown group by group
NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})
COUNT = "bigint"  # the type of count(*)

VIEW: LiteralString = "select pg_catalog.to_regclass(%s)::oid"
READ_OWNERS: LiteralString = """
select distinct pg_catalog.pg_get_userbyid(source.relowner)::text
from pg_catalog.pg_rewrite
join pg_catalog.pg_depend
    on pg_depend.classid = 'pg_catalog.pg_rewrite'::regclass and pg_depend.objid = pg_rewrite.oid
join pg_catalog.pg_class as source
    on pg_depend.refclassid = 'pg_catalog.pg_class'::regclass and source.oid = pg_depend.refobjid
where pg_rewrite.ev_class = %s and source.oid <> pg_rewrite.ev_class
"""

Pair = tuple[float | None, float | None]  # real, twin


@dataclass(frozen=True, slots=True)
class Measurements:
    """Two sides of one model.

    Attributes:
        rows: how many each has; None where a side has few.
        means: of each number and boolean, by column; none where a side has few rows.
        labels: the columns that groups are named by; none where the result is not shown by groups.
        groups: the numbers of each group, by column, with the group's labels.
        hidden_groups: groups that few rows are behind, or that one side lacks.
    """

    rows: Pair
    means: Mapping[str, Pair]
    labels: tuple[str, ...] = ()
    groups: tuple[tuple[tuple[str, ...], Mapping[str, Pair]], ...] = ()
    hidden_groups: int = 0


def temporary(name: str) -> str:
    """Return how a query names the temporary table `name`."""
    return f'"pg_temp"."{name}"'


def measure(
    session: Connection, model: str, real: Sequence[tuple[str, str]], twin: Sequence[tuple[str, str]]
) -> Measurements:
    """Build both sides step by step, each a table's name and its query, and compare the last two tables.

    Raises:
        WarehouseError: a query fails; the message holds no value.
    """
    with session.transaction(force_rollback=True):
        for side, steps in (("the real relations", real), ("twins", twin)):
            with translate_errors(f"build {model} on {side}"):
                for name, query in steps:
                    _build(session, model, name, query)
        return _measure(session, real[-1][0], twin[-1][0])


def _build(session: Connection, model: str, name: str, query: str) -> None:
    """Make a temporary table of a query, whose names are looked up in the user's path.

    Raises:
        WarehouseError: it would run code of somebody who owns nothing of what it reads.
    """
    view = f"{name}_query"
    session.execute(USERS_PATH)
    session.execute(f"create temporary view {temporary(view)} as (\n{query.strip().rstrip(';')}\n)".encode())
    session.execute(OWN_PATH)
    (oid,) = session.execute(VIEW, (temporary(view),)).fetchone() or (None,)
    owners = {owner for (owner,) in session.execute(READ_OWNERS, (oid,)).fetchall()}
    for call in calls(session, [int(str(oid))]):
        if call.kind is Attachment.QUERY and call.owner not in owners:
            raise WarehouseError(
                f"{model} uses the {call}, who owns nothing of what it reads. Next: use another function, or"
                " let an owner of what it reads own this one."
            )
    session.execute(f"create temporary table {temporary(name)} as select * from {temporary(view)}".encode())


def _measure(session: Connection, real: str, twin: str) -> Measurements:
    columns = _columns(session, real)
    there = {column.name for column in _columns(session, twin)}
    shared_columns = [column for column in columns if column.name in there]
    figures = [_figures(session, table, shared_columns) for table in (real, twin)]
    rows = figures[0][0], figures[1][0]
    labels = [column.name for column in shared_columns if column.kind not in NUMBERS]
    counts = [column.name for column in shared_columns if column.data_type == COUNT]
    if labels and counts and max(rows) <= MOST_GROUPS:
        sides = [_query_groups(session, table, shared_columns, labels) for table in (real, twin)]
        if all(len(side) == size for side, size in zip(sides, rows, strict=True)):  # labels name each row
            return _by_group(rows, sides, labels, counts)
    if min(rows) < RARE:
        return Measurements((None, None), {})
    names = [
        column.name for column in shared_columns if column.kind in NUMBERS or column.kind is Kind.BOOLEAN
    ]
    return Measurements(rows, {name: (figures[0][1][name], figures[1][1][name]) for name in names})


def _columns(session: Connection, table: str) -> tuple[Column, ...]:
    row = session.execute(
        "select nspname::text from pg_namespace where oid = pg_catalog.pg_my_temp_schema()"
    ).fetchone()
    return describe(session, Relation("", str(row[0]) if row else "", table))


def _figures(
    session: Connection, table: str, columns: Sequence[Column]
) -> tuple[int, dict[str, float | None]]:
    """Return the rows of a table, and the mean of each number and boolean."""
    means = {
        column.name: sql.SQL(
            "pg_catalog.avg({}::int)" if column.kind is Kind.BOOLEAN else "pg_catalog.avg({})"
        ).format(sql.Identifier(column.name))
        for column in columns
        if column.kind in NUMBERS or column.kind is Kind.BOOLEAN
    }
    select_list = sql.SQL(", ").join([sql.SQL("pg_catalog.count(*)"), *means.values()])
    query = sql.SQL("select {} from {}").format(select_list, sql.Identifier("pg_temp", table))
    with translate_errors("compare the two sides"):
        count, *values = session.execute(query).fetchone() or (0,)
    return int(str(count)), dict(zip(means, map(_number, values), strict=True))


def _query_groups(
    session: Connection, table: str, columns: Sequence[Column], labels: Sequence[str]
) -> dict[tuple[str, ...], dict[str, float | None]]:
    """Return the numbers of each row, by its labels."""
    numbers = [column.name for column in columns if column.kind in NUMBERS]
    select_list = [
        *(sql.SQL("{}::text").format(sql.Identifier(name)) for name in labels),
        *map(sql.Identifier, numbers),
    ]
    query = sql.SQL("select {} from {}").format(
        sql.SQL(", ").join(select_list), sql.Identifier("pg_temp", table)
    )
    with translate_errors("compare the two sides"):
        rows = session.execute(query).fetchall()
    size = len(labels)
    return {
        tuple("NULL" if label is None else str(label) for label in row[:size]): dict(
            zip(numbers, map(_number, row[size:]), strict=True)
        )
        for row in rows
    }


def _by_group(
    rows: tuple[int, int],
    sides: Sequence[Mapping[tuple[str, ...], Mapping[str, float | None]]],
    labels: Sequence[str],
    counts: Sequence[str],
) -> Measurements:
    real, twin = sides
    visible_groups = {
        group: {name: (value, twin[group][name]) for name, value in numbers.items()}
        for group, numbers in sorted(real.items())
        if group in twin and all((numbers[name] or 0) >= RARE for name in counts)
    }
    hidden_groups = len(real.keys() | twin.keys()) - len(visible_groups)
    return Measurements(rows, {}, tuple(labels), tuple(visible_groups.items()), hidden_groups)


def _number(value: Any) -> float | None:
    return None if value is None or not isfinite(value) else float(value)
