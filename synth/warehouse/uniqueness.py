"""What only Postgres knows to be unique: keys and indexes of a relation, and which rows break them."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

from synth.domain import Uniqueness
from synth.errors import WarehouseError
from synth.warehouse.copying import left_out
from synth.warehouse.rules import PLACE, temporary_copy
from synth.warehouse.session import identifier, translate_errors
from synth.warehouse.trust import Attachment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.domain import Relation
    from synth.warehouse.rules import Candidates
    from synth.warehouse.session import Connection

# Of an expression, the catalog knows the columns by what the index depends on.
UNIQUE: LiteralString = """
select
    pg_class.relname::text,
    pg_index.indisprimary,
    pg_index.indexprs is not null,
    array(
        select pg_attribute.attname::text
        from pg_catalog.unnest(pg_index.indkey::int2[]) with ordinality as part (number, place)
        join pg_catalog.pg_attribute
            on pg_attribute.attrelid = pg_index.indrelid and pg_attribute.attnum = part.number
        where part.place <= pg_index.indnkeyatts
        order by part.place
    ),
    array(
        select distinct pg_attribute.attname::text
        from pg_catalog.pg_depend
        join pg_catalog.pg_attribute
            on pg_attribute.attrelid = pg_depend.refobjid and pg_attribute.attnum = pg_depend.refobjsubid
        where pg_depend.objid = pg_index.indexrelid
            and pg_depend.classid = 'pg_catalog.pg_class'::regclass
            and pg_depend.refclassid = 'pg_catalog.pg_class'::regclass
            and pg_depend.refobjid = pg_index.indrelid
            and pg_index.indexprs is not null
    ),
    array(
        select pg_catalog.pg_get_indexdef(pg_index.indexrelid, part.place, false)
        from pg_catalog.generate_series(1, pg_index.indnkeyatts::integer) as part (place)
        order by part.place
    ),
    coalesce(pg_catalog.pg_get_expr(pg_index.indpred, pg_index.indrelid), ''),
    coalesce((pg_catalog.to_jsonb(pg_index) ->> 'indnullsnotdistinct')::boolean, false)
from pg_catalog.pg_index
join pg_catalog.pg_class on pg_class.oid = pg_index.indexrelid
where pg_index.indrelid = pg_catalog.to_regclass(%(path)s)
    and pg_index.indisunique
    and not pg_index.indisexclusion
    and pg_index.indisvalid
order by not pg_index.indisprimary, 1
"""
EXCLUSIONS: LiteralString = """
select pg_constraint.conname::text
from pg_catalog.pg_constraint
where pg_constraint.conrelid = pg_catalog.to_regclass(%(path)s) and pg_constraint.contype = 'x'
order by 1
"""
# All but the first of the rows that have the same key.
REPEATED_ROWS: LiteralString = """
select numbered.place
from (
    select {place} as place, pg_catalog.row_number() over (partition by {keys} order by {place}) as turn
    from {table}
    where {where}
) as numbered
where numbered.turn > 1
"""


def uniqueness(session: Connection, relation: Relation) -> tuple[Uniqueness, ...]:
    """Return what keys and unique indexes of the relation say, as far as its twin takes them over.

    Raises:
        WarehouseError: Postgres refused.
    """
    path = {"path": identifier(relation).as_string(session)}
    with translate_errors(f"read the indexes of {relation}"):
        rows = session.execute(UNIQUE, path).fetchall()
    omissions = left_out(session, relation) if rows else {}
    return tuple(
        Uniqueness(
            str(name),
            columns=tuple(dict.fromkeys([*columns, *mentioned_columns])),  # type: ignore[misc] # arrays of text
            keys=tuple(keys),  # type: ignore[arg-type] # as above
            where=str(where),
            nulls_equal=nulls_equal is True,
            is_primary=is_primary is True,
            is_computed=is_computed is True,
        )
        for name, is_primary, is_computed, columns, mentioned_columns, keys, where, nulls_equal in rows
        if (Attachment.INDEX, str(name)) not in omissions
    )


def refuse_exclusions(session: Connection, relation: Relation, name: str) -> None:
    """Refuse a relation of which rows must not overlap: no backend draws rows that keep to that.

    Raises:
        WarehouseError: names the constraint and the ways out.
    """
    path = {"path": identifier(relation).as_string(session)}
    with translate_errors(f"read the constraints of {relation}"):
        rows = session.execute(EXCLUSIONS, path).fetchall()
    if rows:
        names = ", ".join(str(row[0]) for row in rows)
        raise WarehouseError(
            f"{relation} has the exclusion constraint {names}, which drawn rows cannot be held to. "
            f"Next: leave {name} out: synth run --exclude {name}; or build it without the constraint."
        )


def repeated_rows(
    session: Connection, rows: Candidates, unique: Sequence[Uniqueness]
) -> tuple[frozenset[int], ...]:
    """Return for each of `unique`, the numbers of the rows that repeat the key of a row before them."""
    with temporary_copy(session, rows) as table:
        session.execute("set transaction read only")
        return tuple(
            frozenset(int(str(place)) for (place,) in session.execute(_query(table, one)).fetchall())
            for one in unique
        )


def _query(table: Relation, one: Uniqueness) -> sql.Composed:
    """Return NULL is like nothing unless the index says otherwise."""
    conditions = [sql.SQL("({}\n)").format(sql.SQL(one.where))] if one.where else []
    if not one.nulls_equal:
        conditions += [sql.SQL("({}) is not null").format(sql.SQL(key)) for key in one.keys]
    return sql.SQL(REPEATED_ROWS).format(
        place=sql.Identifier(PLACE),
        keys=sql.SQL(", ").join(sql.SQL("({})").format(sql.SQL(key)) for key in one.keys),
        table=identifier(table),
        where=sql.SQL(" and ").join(conditions) if conditions else sql.SQL("true"),
    )
