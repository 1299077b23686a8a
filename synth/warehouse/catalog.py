"""What the catalog says: the columns of a relation, and whether a run may do what it is about to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from synth.domain import Column, Kind
from synth.errors import ManifestError, WarehouseError
from synth.warehouse.session import translate_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.domain import Relation, Task
    from synth.warehouse.session import Connection

STAMP = "Synthetic twin of "  # how the comment of every relation that we own begins

# A domain is read as the type it stands on, however many domains lie between.
COLUMNS: LiteralString = """
with recursive

relation as (
    select pg_class.oid
    from pg_class
    join pg_namespace on pg_namespace.oid = pg_class.relnamespace
    where pg_namespace.nspname = %(schema)s and pg_class.relname = %(name)s
),

resolved as (
    select
        pg_attribute.attnum,
        pg_attribute.atttypid as type_id,
        pg_attribute.atttypmod as modifier,
        pg_attribute.attnotnull as not_null
    from pg_attribute
    join relation on relation.oid = pg_attribute.attrelid
    where pg_attribute.attnum > 0 and not pg_attribute.attisdropped

    union all

    select
        resolved.attnum,
        pg_type.typbasetype,
        pg_type.typtypmod,
        resolved.not_null or pg_type.typnotnull
    from resolved
    join pg_type on pg_type.oid = resolved.type_id
    where pg_type.typtype = 'd'
)

select
    pg_attribute.attname::text,
    pg_catalog.format_type(pg_attribute.atttypid, pg_attribute.atttypmod),
    pg_type.typname::text,
    pg_type.typtype::text,
    resolved.modifier,
    resolved.not_null,
    pg_catalog.format_type(resolved.type_id, resolved.modifier)
from resolved
join relation on true
join pg_type on pg_type.oid = resolved.type_id and pg_type.typtype <> 'd'
join pg_attribute
    on pg_attribute.attrelid = relation.oid and pg_attribute.attnum = resolved.attnum
order by pg_attribute.attnum
"""

RELATION: LiteralString = """
select
    pg_class.relkind::text,
    pg_catalog.pg_get_userbyid(pg_class.relowner)::text,
    pg_catalog.has_table_privilege(pg_class.oid, 'select'),
    pg_catalog.has_table_privilege(pg_class.oid, 'insert')
    and pg_catalog.has_table_privilege(pg_class.oid, 'delete'),
    pg_catalog.pg_has_role(pg_class.relowner, 'usage'),
    coalesce(pg_catalog.obj_description(pg_class.oid, 'pg_class'), '')
from pg_class
join pg_namespace on pg_namespace.oid = pg_class.relnamespace
where pg_namespace.nspname = %(schema)s and pg_class.relname = %(name)s
"""

TWINS: LiteralString = """
select pg_class.relname::text, pg_catalog.obj_description(pg_class.oid, 'pg_class')
from pg_class
join pg_namespace on pg_namespace.oid = pg_class.relnamespace
where pg_namespace.nspname = %(schema)s
    and pg_class.relkind = 'r'
    and pg_catalog.starts_with(pg_catalog.obj_description(pg_class.oid, 'pg_class'), %(stamp)s)
"""

SCHEMA: LiteralString = """
select pg_catalog.has_schema_privilege(oid, 'usage') and pg_catalog.has_schema_privilege(oid, 'create')
from pg_namespace
where nspname = %(schema)s
"""

ENUMS: LiteralString = """
select
    pg_attribute.attname::text,
    pg_catalog.array_agg(pg_enum.enumlabel::text order by pg_enum.enumsortorder)
from pg_attribute
join pg_class on pg_class.oid = pg_attribute.attrelid
join pg_namespace on pg_namespace.oid = pg_class.relnamespace
join pg_type on pg_type.oid = pg_attribute.atttypid
join pg_enum
    on pg_enum.enumtypid = case pg_type.typtype when 'd' then pg_type.typbasetype else pg_type.oid end
where pg_namespace.nspname = %(schema)s and pg_class.relname = %(name)s and not pg_attribute.attisdropped
group by 1
"""

WIDEST_INTEGER = 18  # digits that an int64 always holds
HEADER = 4  # bytes that Postgres adds to the type modifiers of text and numeric (VARHDRSZ)

KINDS = {
    "bool": Kind.BOOLEAN,
    "int2": Kind.INTEGER,
    "int4": Kind.INTEGER,
    "int8": Kind.INTEGER,
    "oid": Kind.INTEGER,
    "numeric": Kind.DECIMAL,
    "money": Kind.DECIMAL,
    "float4": Kind.FLOAT,
    "float8": Kind.FLOAT,
    "date": Kind.DATE,
    "timestamp": Kind.TIMESTAMP,
    "timestamptz": Kind.TIMESTAMPTZ,
    "time": Kind.TIME,
    "interval": Kind.INTERVAL,
    "uuid": Kind.UUID,
    "text": Kind.TEXT,
    "varchar": Kind.TEXT,
    "bpchar": Kind.TEXT,
    "char": Kind.TEXT,
    "citext": Kind.TEXT,
    "name": Kind.TEXT,
}
SCALES = {"money": 2}
LENGTHS = {"name": 63, "char": 1}
BITS = {"int2": 16, "int4": 32, "int8": 64, "oid": 33, "float4": 32, "float8": 64}  # oid has no sign


def describe(session: Connection, relation: Relation) -> tuple[Column, ...]:
    """Return the columns of `relation` in its own order; none when there is no such relation."""
    with translate_errors(f"read the columns of {relation}"):
        rows = session.execute(COLUMNS, {"schema": relation.schema, "name": relation.name}).fetchall()
    return tuple(_column(*row) for row in rows)  # type: ignore[arg-type] # the query fixes the types


def _column(
    name: str, data_type: str, base: str, typtype: str, modifier: int, not_null: bool, plain: str
) -> Column:
    kind = KINDS.get(base, Kind.OPAQUE) if typtype == "b" else Kind.OPAQUE
    if typtype == "e":
        kind = Kind.TEXT
    precision, scale, length = None, SCALES.get(base), LENGTHS.get(base)
    if base == "numeric" and modifier >= HEADER:
        precision = (modifier - HEADER) >> 16 & 0xFFFF
        scale = ((modifier - HEADER) & 0x7FF ^ 1024) - 1024  # eleven bits, signed
        if scale == 0 and precision <= WIDEST_INTEGER:
            kind = Kind.INTEGER  # as a float, keys beyond 2**53 would not be exact
    if base in {"varchar", "bpchar"} and modifier >= HEADER:
        length = modifier - HEADER
    return Column(
        name=name,
        data_type=data_type,
        kind=kind,
        not_null=not_null,
        precision=precision,
        scale=scale,
        length=length,
        bits=BITS.get(base),
        base_type=plain if plain != data_type else "",
        is_enum=typtype == "e",
    )


def enums(session: Connection, relation: Relation) -> dict[str, tuple[str, ...]]:
    """Return the labels of the columns of `relation` whose type is an enum, in their order."""
    with translate_errors(f"read the types of {relation}"):
        rows = session.execute(ENUMS, {"schema": relation.schema, "name": relation.name}).fetchall()
    return {str(name): tuple(map(str, labels)) for name, labels in rows}  # type: ignore[call-overload] # an array


def twins(session: Connection, schema: str) -> dict[str, str]:
    """Return the stamp of every twin in `schema`, by its name."""
    with translate_errors(f"list the twins in {schema}"):
        rows = session.execute(TWINS, {"schema": schema, "stamp": STAMP}).fetchall()
    return {str(name): str(stamp) for name, stamp in rows}


def check_source(session: Connection, task: Task) -> None:
    """Refuse unless a model is built and readable.

    Raises:
        ManifestError: the relation does not exist.
        WarehouseError: the relation may not be read.
    """
    relation, model = task.model.relation, task.model
    row = _relation(session, relation)
    if row is None:
        raise ManifestError(
            f"{model.name} is not built: there is no {relation} in database {relation.database}. "
            f"Next: {model.build}"
        )
    if not row[2]:
        raise WarehouseError(
            f"No permission to read {relation} ({model.name}). "
            f"Next: ask {row[1]} for: grant select on {relation} to {_user(session)};"
        )


def check_schemas(session: Connection, schemas: Sequence[str], analysts: Sequence[str]) -> None:
    """Refuse unless the run may write where it is going to, and analysts see no more than is for them.

    Raises:
        WarehouseError: a schema cannot be written, or an analysts' role is missing or could read what is not
            for analysts.
    """
    for schema in schemas:
        _check_schema(session, schema)
    target, staging = schemas
    for role in analysts:
        _check_analysts(session, role, target, staging)


def columns_changed(required_columns: Sequence[Column], existing: Sequence[Column]) -> str:
    """Return what differs between the columns a twin must have and those it has; empty when nothing does."""
    names = {column.name for column in required_columns}, {column.name for column in existing}
    parts = [f"new {column.name}" for column in required_columns if column.name not in names[1]]
    parts += [f"gone {column.name}" for column in existing if column.name not in names[0]]
    have = {column.name: column for column in existing}
    for column in required_columns:
        other = have.get(column.name)
        if other is not None and (other.data_type, other.not_null) != (column.data_type, column.not_null):
            parts.append(f"{column.name} {_ddl(other)} → {_ddl(column)}")
    if not parts and [c.name for c in required_columns] != [c.name for c in existing]:
        parts.append("another order")
    return ", ".join(parts)


def _ddl(column: Column) -> str:
    return column.data_type + (" not null" if column.not_null else "")


def _relation(session: Connection, relation: Relation) -> tuple[object, ...] | None:
    with translate_errors(f"look up {relation}"):
        return session.execute(RELATION, {"schema": relation.schema, "name": relation.name}).fetchone()


def _user(session: Connection) -> str:
    row = session.execute("select current_user::text").fetchone()
    return str(row[0]) if row else ""


def _check_schema(session: Connection, schema: str) -> None:
    with translate_errors(f"look up schema {schema}"):
        row = session.execute(SCHEMA, {"schema": schema}).fetchone()
        if row is None:
            row = session.execute(
                "select pg_catalog.has_database_privilege(datname, 'create'), datname::text "
                "from pg_catalog.pg_database where datname = pg_catalog.current_database()"
            ).fetchone()
    if row is None or not row[0]:
        user = _user(session)
        raise WarehouseError(
            f"No permission to write schema {schema}. Next: ask an owner of the database for: "
            f"create schema if not exists {schema} authorization {user}; "
            f"or, if it exists: alter schema {schema} owner to {user};"
        )


def check_target(session: Connection, task: Task) -> None:
    """Refuse to overwrite what is no twin.

    Raises:
        WarehouseError: an existing relation is no twin, or belongs to somebody else.
    """
    row = _relation(session, task.target)
    if row is None:
        return
    kind, owner, _, writable, ours, comment = row
    if kind != "r" or not str(comment).startswith(STAMP):
        raise WarehouseError(
            f"{task.target} exists, belongs to {owner}, and is not a twin made by synth; it stays as it is. "
            f"Next: drop or rename it, or choose another schema (vars: synth: schema)."
        )
    if not writable or not ours:
        raise WarehouseError(
            f"No permission to replace the twin {task.target}: it belongs to {owner}. "
            f"Next: run as {owner}, or: grant {owner} to {_user(session)};"
        )


def _check_analysts(session: Connection, role: str, target: str, staging: str) -> None:
    with translate_errors(f"look up role {role}"):
        row = session.execute(
            "select rolsuper from pg_roles where rolname = %(role)s", {"role": role}
        ).fetchone()
        if row is None:
            raise WarehouseError(f"There is no role {role} (analyst_role). Next: create role {role};")
        open_staging = session.execute(
            """
            select 1 from pg_namespace
            where nspname = %(staging)s and pg_catalog.has_schema_privilege(%(role)s, oid, 'usage')
            """,
            {"role": role, "staging": staging},
        ).fetchone()
    if row[0] or open_staging:
        raise WarehouseError(
            f"Role {role} (analyst_role) could read {staging}, where twins wait for their checks. "
            f"Next: revoke its rights there, or name another role; analysts need {target} only."
        )
