"""What a relation holds, in one short name that Postgres computes, in whatever order the rows come."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

from synth.warehouse.session import identifier, translate_errors

if TYPE_CHECKING:
    from synth.domain import Relation
    from synth.warehouse.session import Connection

ROW = sql.Identifier("synth row")  # the whole row as one value; not the name of anybody's column
# A sum does not depend on the order, and unlike an exclusive or, it does not forget rows that come in pairs.
CONTENT: LiteralString = """
select
    pg_catalog.count(*),
    coalesce(pg_catalog.sum(pg_catalog.hashtextextended({row}::text, 0::bigint)), 0)
from {relation} as {row}
"""


def content(session: Connection, relation: Relation) -> str:
    """Return a name for the rows of `relation`; other rows have another one.

    The count and a sum of 64-bit hashes tell changes that happen, and are no proof against ones that somebody
    contrives.

    Raises:
        WarehouseError: Postgres refused.
    """
    query = sql.SQL(CONTENT).format(row=ROW, relation=identifier(relation))
    with translate_errors(f"read {relation}"):
        row = session.execute(query).fetchone() or (0, 0)
    return f"{row[0]}:{row[1]}"
