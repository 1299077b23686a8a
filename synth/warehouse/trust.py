"""Whose code runs with the rights of a session: what expressions, triggers and types call, and who owns that.

A session trusts superusers, its own role and every role whose rights it has; of what belongs to a model, the
owner of the model's relation, too. Nothing here runs an expression: the catalog knows what each calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from synth.domain import Relation
    from synth.warehouse.session import Connection

# A superuser has the rights of every role, and would trust whoever there is.
TRUSTED_ROLES: LiteralString = """
select pg_roles.oid
from pg_catalog.pg_roles
where pg_roles.rolsuper
    or pg_roles.rolname = current_user
    or (
        pg_catalog.pg_has_role(pg_roles.oid, 'usage')
        and not (select me.rolsuper from pg_catalog.pg_roles as me where me.rolname = current_user)
    )
"""
# Everything attached to a relation that can call something: kind, name, and where its dependencies stand.
ATTACHMENTS: LiteralString = """
select
    case pg_constraint.contype when 'c' then 'check' else 'exclusion' end as kind,
    pg_constraint.conname::text as name,
    class.constraints as class,
    pg_constraint.oid as object
from pg_catalog.pg_constraint
where pg_constraint.conrelid = {oid} and pg_constraint.contype in ('c', 'x')

union all

select 'index', pg_class.relname::text, class.relations, pg_class.oid
from pg_catalog.pg_index
join pg_catalog.pg_class on pg_class.oid = pg_index.indexrelid
where pg_index.indrelid = {oid}

union all

select
    'column',
    pg_attribute.attname::text,
    class.types,
    pg_attribute.atttypid
from pg_catalog.pg_attribute
where pg_attribute.attrelid = {oid} and pg_attribute.attnum > 0 and not pg_attribute.attisdropped

union all

select
    case pg_attribute.attgenerated when '' then 'default' else 'generated' end,
    pg_attribute.attname::text,
    class.defaults,
    pg_attrdef.oid
from pg_catalog.pg_attrdef
join pg_catalog.pg_attribute
    on pg_attribute.attrelid = pg_attrdef.adrelid and pg_attribute.attnum = pg_attrdef.adnum
where pg_attrdef.adrelid = {oid}

union all

select
    'policy',
    pg_policy.polname::text,
    class.policies,
    pg_policy.oid
from pg_catalog.pg_policy
where pg_policy.polrelid = {oid}

union all

select
    'trigger',
    pg_trigger.tgname::text,
    class.triggers,
    pg_trigger.oid
from pg_catalog.pg_trigger
where pg_trigger.tgrelid = {oid} and not pg_trigger.tgisinternal

union all

select
    'query',
    pg_rewrite.rulename::text,
    class.rewrites,
    pg_rewrite.oid
from pg_catalog.pg_rewrite
join pg_catalog.pg_class on pg_class.oid = pg_rewrite.ev_class
where pg_rewrite.ev_class = {oid} and pg_class.relkind = 'v'

union all

select 'cast', pg_attribute.attname::text, class.routines, pg_cast.castfunc
from pg_catalog.pg_attribute
join pg_catalog.pg_type on pg_type.oid = pg_attribute.atttypid
join pg_catalog.pg_type as made
    on made.oid in (pg_type.oid, pg_type.typelem, pg_type.typbasetype)
    and made.typowner not in (select trusted.oid from trusted)
join pg_catalog.pg_cast on made.oid in (pg_cast.castsource, pg_cast.casttarget) and pg_cast.castfunc <> 0
where pg_attribute.attrelid = {oid} and pg_attribute.attnum > 0 and not pg_attribute.attisdropped

union all

select 'statistics', pg_statistic_ext.stxname::text, class.statistics, pg_statistic_ext.oid
from pg_catalog.pg_statistic_ext
where pg_statistic_ext.stxrelid = {oid}
"""
# Followed are functions, operators, types with all they are made of, the checks of domains, and views in
# views. What a function calls is its owner's affair; what a table is made of concerns nobody who reads it.
CALLS: LiteralString = """
with recursive

trusted as ({trusted}),

class as (
    select
        'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid as routines,
        'pg_catalog.pg_operator'::pg_catalog.regclass::pg_catalog.oid as operators,
        'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid as types,
        'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid as relations,
        'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid as constraints,
        'pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid as rewrites,
        'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid as defaults,
        'pg_catalog.pg_policy'::pg_catalog.regclass::pg_catalog.oid as policies,
        'pg_catalog.pg_trigger'::pg_catalog.regclass::pg_catalog.oid as triggers,
        'pg_catalog.pg_statistic_ext'::pg_catalog.regclass::pg_catalog.oid as statistics
),

roots as (
    select relation.oid as relation, attached.kind, attached.name, attached.class, attached.object
    from pg_catalog.unnest(%(relations)s::pg_catalog.oid[]) as relation (oid)
    cross join class
    cross join lateral ({attached}) as attached
),

reached as (
    select roots.class as origin, roots.object as root, roots.class, roots.object from roots

    union

    select reached.origin, reached.root, next.class, next.object
    from reached
    cross join class
    cross join lateral (
        select pg_depend.refclassid as class, pg_depend.refobjid as object
        from pg_catalog.pg_depend
        left join pg_catalog.pg_class on reached.class = class.relations and pg_class.oid = reached.object
        left join pg_catalog.pg_class as source
            on pg_depend.refclassid = class.relations and source.oid = pg_depend.refobjid
        where pg_depend.classid = reached.class
            and pg_depend.objid = reached.object
            and reached.class <> class.routines
            and (
                pg_depend.refclassid in (class.routines, class.operators)
                or (pg_depend.refclassid = class.types and pg_class.relkind is distinct from 'v')
                or (reached.class = class.types and source.relkind is not null)
                or (reached.class = class.rewrites and source.relkind = 'v')
            )

        union all

        select class.constraints, pg_constraint.oid
        from pg_catalog.pg_constraint
        where reached.class = class.types and pg_constraint.contypid = reached.object

        union all

        select class.rewrites, pg_rewrite.oid
        from pg_catalog.pg_rewrite
        where reached.class = class.relations
            and pg_rewrite.ev_class = reached.object
            and pg_rewrite.ev_type = '1'
    ) as next
)

select distinct
    roots.relation::pg_catalog.int8,
    roots.kind,
    roots.name,
    called.name,
    pg_catalog.pg_get_userbyid(called.owner)::text
from reached
join roots on roots.class = reached.origin and roots.object = reached.root
cross join class
cross join lateral (
    select 'function ' || pg_proc.oid::pg_catalog.regprocedure::text as name, pg_proc.proowner as owner
    from pg_catalog.pg_proc
    where reached.class = class.routines and pg_proc.oid = reached.object

    union all

    select 'operator ' || pg_operator.oid::pg_catalog.regoperator::text, pg_operator.oprowner
    from pg_catalog.pg_operator
    where reached.class = class.operators and pg_operator.oid = reached.object

    union all

    select 'type ' || pg_catalog.format_type(pg_type.oid, null), pg_type.typowner
    from pg_catalog.pg_type
    where reached.class = class.types
        and pg_type.oid = reached.object
        and pg_type.typtype in ('d', 'c', 'r', 'm')
) as called
where called.owner not in (select trusted.oid from trusted)
order by 1, 2, 3, 4
"""
OWNER: LiteralString = """
select pg_class.oid::pg_catalog.int8, pg_catalog.pg_get_userbyid(pg_class.relowner)::text
from pg_catalog.pg_class
join pg_catalog.pg_namespace on pg_namespace.oid = pg_class.relnamespace
where pg_namespace.nspname = %(schema)s and pg_class.relname = %(name)s
"""


class Attachment(StrEnum):
    """What of a relation can call something."""

    CHECK = "check"
    EXCLUSION = "exclusion"
    INDEX = "index"
    COLUMN = "column"  # by its type
    DEFAULT = "default"
    GENERATED = "generated"
    POLICY = "policy"
    TRIGGER = "trigger"
    QUERY = "query"  # of a view
    CAST = "cast"  # of a column's type
    STATISTICS = "statistics"


@dataclass(frozen=True, slots=True)
class Call:
    """Something attached to a relation that calls what belongs to nobody whom the session trusts.

    Attributes:
        relation: the catalog's number of it.
        name: of what is attached; `function` is what it calls, and whose that is.
    """

    relation: int
    kind: Attachment
    name: str
    function: str
    owner: str

    def __str__(self) -> str:
        return f"{self.function}, which belongs to {self.owner}"


def calls(session: Connection, relations: Sequence[int]) -> tuple[Call, ...]:
    """Return what is attached to these relations and calls code that the session does not trust."""
    if not relations:
        return ()
    query = sql.SQL(CALLS).format(
        trusted=sql.SQL(TRUSTED_ROLES), attached=sql.SQL(ATTACHMENTS).format(oid=sql.SQL("relation.oid"))
    )
    rows = session.execute(query, {"relations": list(relations)}).fetchall()
    return tuple(
        Call(int(str(oid)), Attachment(str(kind)), str(name), str(function), str(owner))
        for oid, kind, name, function, owner in rows
    )


def foreign_calls(
    session: Connection, relation: Relation, *, of: Relation, kinds: Collection[Attachment]
) -> tuple[Call, ...]:
    """Return the same of one relation, where the owner of the relation `of` is trusted, too."""
    place, owner = owner_of(session, relation), owner_of(session, of)
    if place is None:
        return ()
    owner_name = owner[1] if owner else ""
    return tuple(
        call for call in calls(session, [place[0]]) if call.kind in kinds and call.owner != owner_name
    )


def owner_of(session: Connection, relation: Relation) -> tuple[int, str] | None:
    """Return the catalog's number of a relation and its owner; None when it does not exist."""
    row = session.execute(OWNER, {"schema": relation.schema, "name": relation.name}).fetchone()
    return None if row is None else (int(str(row[0])), str(row[1]))
