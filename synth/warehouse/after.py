"""Times that are never before those of rows they refer to, in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

from synth.warehouse.session import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.domain import Across
    from synth.warehouse.across import FactTable
    from synth.warehouse.session import Connection

# Of some rows and some of what they may refer to: how likely none is before that, whichever it were.
CHANCE: LiteralString = """
select coalesce(pg_catalog.sum(pg_catalog.ln(greatest(share, 1e-9))), 0)::double precision
from (
    select (
        select pg_catalog.avg(({is_before})::int::numeric * -1 + 1)
        from (select {source} from {other} where {source} is not null limit 1000) as other
    ) as share
    from (select {column} from {model} where {column} is not null and {own} is not null limit 300) as one
) as shares
"""


def is_before(fact: Across, kind: str) -> sql.Composed:
    """Return the condition that a row breaks the fact; a date of type `kind` may be the day of a time."""
    source = sql.SQL("other.{}").format(sql.Identifier(fact.source))
    if kind == "date":
        source = sql.SQL("({})::date").format(source)
    return sql.SQL("one.{} < {}").format(sql.Identifier(fact.column), source)


def chance_of_order(session: Connection, fact: Across, tables: Mapping[str, FactTable]) -> float:
    """Return the logarithm of how likely no row would break the fact, if rows referred to any other row."""
    query = sql.SQL(CHANCE).format(
        is_before=is_before(fact, tables[fact.model].types[fact.column]),
        source=sql.Identifier(fact.source),
        other=identifier(tables[fact.other].relation),
        column=sql.Identifier(fact.column),
        model=identifier(tables[fact.model].relation),
        own=sql.Identifier(fact.own),
    )
    row = session.execute(query).fetchone()
    return float(str(row[0])) if row else 0.0
