"""Whether the rows of a relation are those that it should have of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

import psycopg
from psycopg import sql

from synth.warehouse.parts import condition_of, source_of
from synth.warehouse.rules import raise_unless_alive
from synth.warehouse.session import identifier

if TYPE_CHECKING:
    from collections.abc import Iterable

    from synth.domain import Relation
    from synth.warehouse.parts import PartOfTwin
    from synth.warehouse.session import Connection

PATIENCE = 20_000  # milliseconds that one query may take
# Rows as text, because not every type has an equality; both sides have the same types.
ROWS: LiteralString = (
    "coalesce(pg_catalog.sum(pg_catalog.hashtextextended(row({names})::text, 0)::numeric), 0)"
)
SAME: LiteralString = """
select
    (select row(pg_catalog.count(*), {part_rows}) from {part})
    operator(pg_catalog.=)
    (select row(pg_catalog.count(*), {whole_rows}) from {whole} {where})
"""


def is_excerpt(session: Connection, part: Relation, whole: PartOfTwin) -> bool:
    """Return whether a relation has the rows that it should have of others.

    Where it takes too long to look at all of them, their number is all that is compared.
    """
    for with_values in (True, False):
        answer = _same(session, part, whole, with_values=with_values)
        if answer is not None:
            return answer
    return False


def _same(session: Connection, part: Relation, whole: PartOfTwin, *, with_values: bool) -> bool | None:
    """Return whether the rows are the same; None where that took too long."""
    number, excerpt = sql.SQL("0"), whole.excerpt
    query = sql.SQL(SAME).format(
        part_rows=sql.SQL(ROWS).format(names=_names(excerpt.columns)) if with_values else number,
        whole_rows=sql.SQL(ROWS).format(names=_names(excerpt.columns.values())) if with_values else number,
        part=identifier(part),
        whole=source_of(whole),
        where=condition_of(excerpt),
    )
    try:
        with session.transaction():
            session.execute(sql.SQL("set local statement_timeout = {}").format(sql.Literal(PATIENCE)))
            row = session.execute(query, binary=True).fetchone()
    except psycopg.Error as error:
        raise_unless_alive(session, error)
        return None
    return row is not None and row[0] is True


def _names(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
