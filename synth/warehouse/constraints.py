"""What a relation itself demands of its rows: its CHECKs, and those of the domains of its columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, LiteralString

from synth.domain import Rule
from synth.warehouse.session import translate_errors

if TYPE_CHECKING:
    from collections.abc import Collection

    from synth.domain import Relation
    from synth.warehouse.session import Connection

CHECKS: LiteralString = """
select pg_constraint.conname::text, pg_catalog.pg_get_expr(pg_constraint.conbin, pg_constraint.conrelid)
from pg_constraint
join pg_class on pg_class.oid = pg_constraint.conrelid
join pg_namespace on pg_namespace.oid = pg_class.relnamespace
where pg_namespace.nspname = %(schema)s and pg_class.relname = %(name)s and pg_constraint.contype = 'c'
order by 1
"""
# Of every column of a domain: the checks of it and of the domains it stands on, and the type below them all.
DOMAINS: LiteralString = """
with recursive resolved as (
    select
        pg_attribute.attname,
        pg_attribute.atttypid as type_id,
        pg_attribute.atttypmod as modifier,
        false as resolved
    from pg_attribute
    join pg_class on pg_class.oid = pg_attribute.attrelid
    join pg_namespace on pg_namespace.oid = pg_class.relnamespace
    where pg_namespace.nspname = %(schema)s
        and pg_class.relname = %(name)s
        and pg_attribute.attnum > 0
        and not pg_attribute.attisdropped

    union all

    select resolved.attname, pg_type.typbasetype, pg_type.typtypmod, true
    from resolved
    join pg_type on pg_type.oid = resolved.type_id
    where pg_type.typtype = 'd'
)

select
    resolved.attname::text,
    pg_catalog.format_type(resolved.type_id, resolved.modifier),
    pg_type.typtype = 'd',
    pg_constraint.conname::text,
    pg_catalog.pg_get_expr(pg_constraint.conbin, 0)
from resolved
join pg_type on pg_type.oid = resolved.type_id
left join pg_constraint on pg_constraint.contypid = pg_type.oid and pg_constraint.contype = 'c'
where pg_type.typtype = 'd' or resolved.resolved
order by 1, 4
"""
VALUE = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\bVALUE\b""")  # what a domain's check calls the value


def constraints(
    session: Connection, relation: Relation, omissions: Collection[tuple[str, str]]
) -> tuple[Rule, ...]:
    """Return what the relation's own CHECKs and the domains of its columns demand of each row.

    Args:
        session: of the run.
        relation: whose.
        omissions: checks and columns, by kind and name, that use what must not run.
    """
    where = {"schema": relation.schema, "name": relation.name}
    with translate_errors(f"read the constraints of {relation}"):
        checks = session.execute(CHECKS, where).fetchall()
        domains = session.execute(DOMAINS, where).fetchall()
    own = [Rule(f"check {name}", str(text)) for name, text in checks if ("check", name) not in omissions]
    for column, _, _, name, text in domains:
        if text is not None and ("column", column) not in omissions:
            own.append(Rule(f"domain {name} of {column}", _of_column(str(text), str(column))))
    return tuple(own)


def _of_column(check: str, column: str) -> str:
    name = '"' + column.replace('"', '""') + '"'
    return VALUE.sub(lambda match: name if match[0] == "VALUE" else match[0], check)
