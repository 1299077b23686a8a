"""Whether the schemas of synth are ours alone: who owns them and their tables, who may plant code in them.

Whoever owns a table, or may put a trigger on it, runs code with the rights of the run that writes to it, and
that run reads real rows. So nothing of these schemas is read or written before the catalog was asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

from synth.domain import Relation
from synth.errors import WarehouseError
from synth.warehouse.catalog import STAMP
from synth.warehouse.session import translate_errors
from synth.warehouse.trust import TRUSTED_ROLES, Attachment, calls, owner_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from synth.warehouse.session import Connection
    from synth.warehouse.trust import Call

LEDGER = "_synth_runs"
UNITS = "_synth_units"
SPENDING = "_synth_ledger"

SCHEMAS: LiteralString = """
select
    pg_namespace.nspname::text,
    pg_catalog.format('%%I', pg_namespace.nspname),
    pg_catalog.pg_get_userbyid(pg_namespace.nspowner)::text,
    current_user::text
from pg_catalog.pg_namespace
where pg_namespace.nspname = any(%(schemas)s::text[]) and pg_namespace.nspowner not in ({trusted})
order by 1
"""
# Analysts use the schema of the twins; nobody else has business in the staging schema.
GRANTS: LiteralString = """
select
    pg_namespace.nspname::text,
    pg_catalog.format('%%I', pg_namespace.nspname),
    pg_catalog.pg_get_userbyid(pg_namespace.nspowner)::text,
    coalesce(pg_roles.rolname::text, 'public'),
    coalesce(pg_catalog.quote_ident(pg_roles.rolname), 'public'),
    pg_catalog.string_agg(pg_catalog.lower(acl.privilege_type), ', ' order by acl.privilege_type)
from pg_catalog.pg_namespace
cross join pg_catalog.aclexplode(pg_namespace.nspacl) as acl
left join pg_catalog.pg_roles on pg_roles.oid = acl.grantee
where pg_namespace.nspname = any(%(schemas)s::text[])
    and (acl.privilege_type = 'CREATE' or pg_namespace.nspname = %(staging)s)
    and acl.grantee not in ({trusted})
group by 1, 2, 3, 4, 5
order by 1, 4
"""
# Ours are the ledgers, the units, whatever carries the stamp, and all there is in the staging schema.
OURS: LiteralString = """
select
    pg_class.oid::pg_catalog.int8,
    pg_namespace.nspname::text,
    pg_class.relname::text,
    pg_catalog.format('%%I.%%I', pg_namespace.nspname, pg_class.relname),
    pg_class.relkind::text,
    pg_catalog.pg_get_userbyid(pg_class.relowner)::text,
    current_user::text,
    pg_class.relowner in ({trusted}),
    (
        select pg_catalog.array_agg(pg_catalog.quote_ident(pg_rewrite.rulename))
        from pg_catalog.pg_rewrite
        where pg_rewrite.ev_class = pg_class.oid
    ),
    (
        select pg_catalog.array_agg(
            distinct pg_catalog.lower(acl.privilege_type)
                || ' from '
                || coalesce(pg_catalog.quote_ident(pg_roles.rolname), 'public')
        )
        from pg_catalog.aclexplode(pg_class.relacl) as acl
        left join pg_catalog.pg_roles on pg_roles.oid = acl.grantee
        where acl.grantee not in ({trusted})
            and acl.grantee <> pg_class.relowner
            and (
                acl.privilege_type = 'TRIGGER'
                or (
                    acl.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
                    and (pg_class.relname = any(%(own)s::text[]) or pg_namespace.nspname = %(staging)s)
                )
            )
    )
from pg_catalog.pg_class
join pg_catalog.pg_namespace on pg_namespace.oid = pg_class.relnamespace
where pg_namespace.nspname = any(%(schemas)s::text[])
    and pg_class.relkind in ('r', 'p', 'v', 'm', 'f')
    and (
        pg_namespace.nspname = %(staging)s
        or pg_class.relname = any(%(own)s::text[])
        or (
            pg_class.relkind = 'r'
            and pg_catalog.starts_with(pg_catalog.obj_description(pg_class.oid, 'pg_class'), %(stamp)s)
        )
    )
order by 2, 3
"""
# What repairs each kind of thing that is attached to a table and calls somebody else's code.
REPAIRS = {
    Attachment.CHECK: "alter table {path} drop constraint {name}",
    Attachment.EXCLUSION: "alter table {path} drop constraint {name}",
    Attachment.INDEX: "drop index {schema}.{name}",
    Attachment.COLUMN: "drop table {path}, and run again",
    Attachment.DEFAULT: "alter table {path} alter column {name} drop default",
    Attachment.GENERATED: "alter table {path} alter column {name} drop expression",
    Attachment.POLICY: "drop policy {name} on {path}",
    Attachment.TRIGGER: "drop trigger {name} on {path}",
}


@dataclass(frozen=True, slots=True)
class Intrusion:
    """What lets somebody else act with the rights of a run: where, whose, and the line that repairs it."""

    relation: str
    kind: str
    owner: str
    text: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.relation}, a {self.kind} of {self.owner}, {self.text}. Next: {self.way_out}"


@dataclass(frozen=True, slots=True)
class _Table:
    oid: int
    schema: str
    name: str
    path: str
    kind: str
    owner: str
    user: str
    is_trusted: bool
    rules: list[str] | None
    grants: list[str] | None

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    def wrong(self, text: str, way_out: str) -> Intrusion:
        return Intrusion(str(self), "table" if self.kind == "r" else "relation", self.owner, text, way_out)


def intrusions(
    session: Connection, schema: str, staging: str, sources: Mapping[str, Relation] | None
) -> tuple[Intrusion, ...]:
    """Return everything in the two schemas by which somebody else could act with the rights of this session.

    Args:
        session: of the run.
        schema: of the twins.
        staging: where they wait.
        sources: the real relation of each twin, by the twin's schema and name, whose owner's code is trusted;
            without them, what tables call is not looked at.

    Raises:
        WarehouseError: Postgres refused.
    """
    where = {
        "schemas": [schema, staging],
        "staging": staging,
        "own": [LEDGER, UNITS, SPENDING],
        "stamp": STAMP,
    }
    trusted_roles = sql.SQL(TRUSTED_ROLES)
    with translate_errors(f"look up who owns {schema} and {staging}"), session.transaction():
        wrong = [
            Intrusion(name, "schema", owner, *_foreign_schema(path, user))
            for name, path, owner, user in _texts(
                session, sql.SQL(SCHEMAS).format(trusted=trusted_roles), where
            )
        ]
        wrong += [
            Intrusion(
                name,
                "schema",
                owner,
                f"grants {rights} to {role}",
                f"revoke {rights} on schema {path} from {grantee_name}",
            )
            for name, path, owner, role, grantee_name, rights in _texts(
                session, sql.SQL(GRANTS).format(trusted=trusted_roles), where
            )
        ]
        rows = session.execute(sql.SQL(OURS).format(trusted=trusted_roles), where).fetchall()
        tables = [_Table(*row) for row in rows]  # type: ignore[arg-type] # the query fixes the types
        wrong += [one for table in tables for one in _wrong_table(table)]
        wrong += [] if sources is None else _wrong_code(session, tables, sources)
    return tuple(wrong)


def refuse_intrusions(
    session: Connection, schema: str, staging: str, sources: Mapping[str, Relation] | None = None
) -> None:
    """Refuse to go on where somebody else could act with the rights of this session.

    Raises:
        WarehouseError: names all of it, whose it is, and the lines that repair it.
    """
    wrong = intrusions(session, schema, staging, sources)
    if wrong:
        raise WarehouseError(as_text(wrong))


def as_text(wrong: Sequence[Intrusion]) -> str:
    """Return all of it in one line."""
    items = [f"{one}" if len(wrong) == 1 else f"({place}) {one}" for place, one in enumerate(wrong, 1)]
    return f"Somebody else could act with the rights of this run: {'; '.join(items)}"


def refuse_foreign_table(session: Connection, schema: str, name: str) -> bool:
    """Return whether there is a table of that name in `schema`; one that is not ours is not even read.

    Raises:
        WarehouseError: it is no table, or belongs to somebody whom this session does not trust.
    """
    owner = owner_of(session, Relation("", schema, name))
    if owner is None:
        return False
    query = sql.SQL(
        "select pg_class.relkind = 'r' and pg_class.relowner in ({trusted})"
        " from pg_catalog.pg_class where pg_class.oid = %s"
    )
    row = session.execute(query.format(trusted=sql.SQL(TRUSTED_ROLES)), (owner[0],)).fetchone()
    if row != (True,):
        raise WarehouseError(
            f"{schema}.{name} belongs to {owner[1]} or is no table, so it is not read. Next: synth check"
        )
    return True


def _texts(session: Connection, query: sql.Composed, where: Mapping[str, object]) -> list[tuple[str, ...]]:
    return [tuple(map(str, row)) for row in session.execute(query, where).fetchall()]


def _foreign_schema(path: str, user: str) -> tuple[str, str]:
    way_out = (
        f"let a superuser look at what is in it, and: drop schema {path} cascade; or, to keep it: "
        f"alter schema {path} owner to {user}"
    )
    return "does not belong to the role of this run, and its owner can put code into it", way_out


def _wrong_table(table: _Table) -> list[Intrusion]:
    """Return what of a table's owner, kind, rules and grants lets others act."""
    if not table.is_trusted or table.kind != "r":
        text = (
            "is no table" if table.is_trusted else "does not belong to the role of this run"
        ) + ", though it stands where synth reads and writes"
        word = {"v": "view", "m": "materialized view", "f": "foreign table"}.get(table.kind, "table")
        return [table.wrong(text, f"drop {word} {table.path}")]
    wrong = [
        table.wrong(
            f"has the rule {rule}, which rewrites what is written", f"drop rule {rule} on {table.path}"
        )
        for rule in table.rules or ()
    ]
    for grant in table.grants or ():
        privilege, _, role = grant.partition(" from ")
        text = f"grants {privilege} to {role}"
        wrong.append(table.wrong(text, f"revoke {privilege} on {table.path} from {role}"))
    return wrong


def _wrong_code(
    session: Connection, tables: Sequence[_Table], sources: Mapping[str, Relation]
) -> list[Intrusion]:
    """Return triggers, defaults, checks and the like of our tables that call what others own."""
    ours = {table.oid: table for table in tables if table.is_trusted and table.kind == "r"}
    owners = {str(table): owner_of(session, sources[str(table)]) for table in tables if str(table) in sources}
    wrong = []
    for call in calls(session, list(ours)):
        table = ours[call.relation]
        owner = owners.get(str(table))
        if owner is None or call.owner != owner[1] or call.kind is Attachment.TRIGGER:
            wrong.append(table.wrong(f"has the {_call_text(call)}", _repair(session, table, call)))
    return wrong


def _call_text(call: Call) -> str:
    words = {
        Attachment.GENERATED: "generated column",
        Attachment.DEFAULT: "default of",
    }
    return f"{words.get(call.kind, call.kind)} {call.name}, which uses the {call}"


def _repair(session: Connection, table: _Table, call: Call) -> str:
    parts = {
        "path": table.path,
        "schema": sql.Identifier(table.schema).as_string(session),
        "name": sql.Identifier(call.name).as_string(session),
    }
    return REPAIRS[call.kind].format(**parts)
