"""The columns and keys of many relations at once, whether anything else of them is of interest or not."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, LiteralString

from synth.warehouse.session import translate_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from synth.domain import Relation
    from synth.warehouse.session import Connection

COLUMNS: LiteralString = """
select pg_namespace.nspname::pg_catalog.text,
    pg_class.relname::pg_catalog.text,
    pg_attribute.attname::pg_catalog.text,
    pg_catalog.format_type(pg_attribute.atttypid, pg_attribute.atttypmod)
from pg_catalog.pg_class
join pg_catalog.pg_namespace on pg_namespace.oid operator(pg_catalog.=) pg_class.relnamespace
join pg_catalog.pg_attribute on pg_attribute.attrelid operator(pg_catalog.=) pg_class.oid
where pg_namespace.nspname::pg_catalog.text operator(pg_catalog.=) any (%(schemas)s::pg_catalog.text[])
    and pg_class.relkind::pg_catalog.text
        operator(pg_catalog.=) any ('{r,v,m,p,f}'::pg_catalog.text[])
    and pg_attribute.attnum operator(pg_catalog.>) 0::pg_catalog.int2
    and not pg_attribute.attisdropped
order by 1, 2, pg_attribute.attnum
"""
# Only indexes that say it of all rows and of plain columns.
KEYS: LiteralString = """
select pg_namespace.nspname::pg_catalog.text,
    pg_class.relname::pg_catalog.text,
    array(
        select pg_attribute.attname::pg_catalog.text
        from pg_catalog.pg_attribute
        where pg_attribute.attrelid operator(pg_catalog.=) pg_class.oid
            and pg_attribute.attnum operator(pg_catalog.=) any (pg_index.indkey::pg_catalog.int2[])
        order by pg_attribute.attnum
    )
from pg_catalog.pg_index
join pg_catalog.pg_class on pg_class.oid operator(pg_catalog.=) pg_index.indrelid
join pg_catalog.pg_namespace on pg_namespace.oid operator(pg_catalog.=) pg_class.relnamespace
where pg_namespace.nspname::pg_catalog.text operator(pg_catalog.=) any (%(schemas)s::pg_catalog.text[])
    and pg_index.indisunique
    and pg_index.indexprs is null
    and pg_index.indpred is null
order by 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class RelationLayout:
    """What the catalog says of some relations.

    Attributes:
        types: of the columns of each relation, in its order, as Postgres prints them.
        keys: sets of its columns that a unique index is on.
    """

    types: Mapping[Relation, Mapping[str, str]] = field(default_factory=dict)
    keys: Mapping[Relation, tuple[tuple[str, ...], ...]] = field(default_factory=dict)


def layout(session: Connection, relations: Iterable[Relation]) -> RelationLayout:
    """Return the columns and unique keys of those of `relations` that exist, by one query each.

    Raises:
        WarehouseError: Postgres refused.
    """
    relations_by_name = {(one.schema, one.name): one for one in relations}
    where = {"schemas": sorted({schema for schema, _ in relations_by_name})}
    types: dict[Relation, dict[str, str]] = defaultdict(dict)
    keys: dict[Relation, list[tuple[str, ...]]] = defaultdict(list)
    with translate_errors("read the columns of the project's relations"):
        for schema, name, column, kind in session.execute(COLUMNS, where):
            if (relation := relations_by_name.get((str(schema), str(name)))) is not None:
                types[relation][str(column)] = str(kind)
        for schema, name, columns in session.execute(KEYS, where):
            if (relation := relations_by_name.get((str(schema), str(name)))) is not None:
                keys[relation].append(tuple(columns))  # type: ignore[arg-type] # an array of text
    return RelationLayout(dict(types), {relation: tuple(sets) for relation, sets in keys.items()})
