"""Staged twins become published ones, all of a cluster in one transaction."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, LiteralString

import psycopg
from psycopg import sql

from synth.errors import ModelError, WarehouseError
from synth.warehouse import ledger, units
from synth.warehouse.catalog import STAMP, columns_changed, describe
from synth.warehouse.content import content
from synth.warehouse.ownership import LEDGER
from synth.warehouse.session import identifier, translate_errors
from synth.warehouse.staging import create_schema, lock_schema
from synth.warehouse.units import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.domain import Relation
    from synth.warehouse.session import Connection
    from synth.warehouse.staging import Stage

# The shape of the stage, which is ours.
LIKE: LiteralString = (
    "create table {new} (like {old} including constraints including indexes including comments)"
)
GRANTS: LiteralString = """
select acl.privilege_type, pg_roles.rolname, acl.is_grantable
from pg_class
join pg_namespace on pg_namespace.oid = pg_class.relnamespace
cross join pg_catalog.aclexplode(pg_class.relacl) as acl
left join pg_roles on pg_roles.oid = acl.grantee
where pg_namespace.nspname = %(schema)s
    and pg_class.relname = %(name)s
    and acl.grantee <> pg_class.relowner
"""
TWIN: LiteralString = """
select
    pg_class.relkind = 'r'
    and pg_catalog.starts_with(pg_catalog.obj_description(pg_class.oid, 'pg_class'), %(stamp)s)
from pg_class
join pg_namespace on pg_namespace.oid = pg_class.relnamespace
where pg_namespace.nspname = %(schema)s and pg_class.relname = %(name)s
"""
# Longer than a query, shorter than an analyst's patience; whoever set one for the role knows better.
LOCK_TIMEOUT: LiteralString = """
select pg_catalog.set_config('lock_timeout', '30s', true)
where pg_catalog.current_setting('lock_timeout') = '0'
"""


def publish(
    session: Connection,
    stages: Sequence[Stage],
    *,
    analysts: Sequence[str],
    full_refresh: bool,
) -> None:
    """Replace the rows of every twin by those of its stage, all in one transaction.

    Readers see the old rows until the commit and the new ones after it; grants, views and indexes stay.

    Raises:
        ModelError: the columns of a twin differ from its model's and `full_refresh` is off.
        WarehouseError: Postgres refused; nothing has changed.
    """
    schema = stages[0].target.schema
    names = ", ".join(str(stage.target) for stage in stages)
    with translate_errors(f"publish {names}"), session.transaction():
        # The wait for another run's publishing is no reason to fail; the wait for anybody else's lock is.
        lock_schema(session, schema)
        session.execute(LOCK_TIMEOUT)
        stages = [stage for stage in stages if not _is_published(session, stage)]
        if not stages:
            return
        create_schema(session, schema, private=False)
        ledger.prepare(session, schema)
        for stage in stages:
            _replace(session, stage, full_refresh=full_refresh)
            session.execute(
                sql.SQL("comment on table {} is {}").format(
                    identifier(stage.target), sql.Literal(stage.stamp)
                )
            )
            ledger.record(
                session, schema, stage, content_and_writer=_content_and_writer(session, stage.target)
            )
            if stage.kept:
                units.note(session, stage.relation.schema, stage.run_id, stage.unique_id, State.PUBLISHED)
        _grant(session, schema, [stage.target for stage in stages], analysts)
    _vacuum(session, stages)


def _content_and_writer(session: Connection, target: Relation) -> tuple[str, str]:
    """Return the twin's content and the transaction that wrote it, for a later `synth check`."""
    writer = sql.SQL("select xmin::text from {} limit 1").format(identifier(target))
    row = session.execute(writer).fetchone()
    return content(session, target), str(row[0]) if row else ""


def _is_published(session: Connection, stage: Stage) -> bool:
    """Return whether another `synth publish` of the same run was quicker."""
    if not stage.kept:
        return False
    unit = units.read(session, stage.relation.schema, stage.run_id).get(stage.unique_id)
    return unit is not None and unit.state is State.PUBLISHED


def reject(session: Connection, stage: Stage, *, analysts: Sequence[str]) -> None:
    """Record a twin that is not published; what is published stays as it is.

    Raises:
        WarehouseError: Postgres refused.
    """
    schema = stage.target.schema
    with translate_errors(f"record the rejection of {stage.target}"), session.transaction():
        lock_schema(session, schema)
        session.execute(LOCK_TIMEOUT)
        create_schema(session, schema, private=False)
        ledger.prepare(session, schema)
        ledger.record(session, schema, stage)
        _grant(session, schema, [], analysts)


def _replace(session: Connection, stage: Stage, *, full_refresh: bool) -> None:
    """Put the rows of the stage into the twin's place, in the transaction of the caller."""
    target, stage_relation = stage.target, stage.relation
    columns = describe(session, stage_relation)
    if not columns:
        raise WarehouseError(f"The stage of {target} has disappeared. Next: synth run --select {stage.name}")
    create = sql.SQL(LIKE).format(new=identifier(target), old=identifier(stage_relation))
    if not is_twin(session, target):
        session.execute(create)
    elif full_refresh:
        _recreate(session, target, create)
    elif changes := columns_changed(columns, describe(session, target)):
        raise columns_refused(stage.name, target, changes)
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    session.execute(sql.SQL("delete from {}").format(identifier(target)))
    cursor = session.execute(
        sql.SQL("insert into {target} ({names}) select {names} from {staged}").format(
            target=identifier(target), names=names, staged=identifier(stage_relation)
        )
    )
    if cursor.rowcount != stage.rows:  # a server that restarts after a crash empties unlogged tables
        raise WarehouseError(
            f"The stage of {target} lost rows: {cursor.rowcount:,} of {stage.rows:,} are left. "
            f"Next: synth run --select {stage.name}"
        )
    session.execute(sql.SQL("drop table {}").format(identifier(stage_relation)))


def columns_refused(name: str, target: Relation, changes: str) -> ModelError:
    """Return why a twin with other columns is not overwritten."""
    return ModelError(
        f"The columns of {name} changed since {target} was published ({changes}). "
        f"Next: synth run --select {name} --full-refresh"
    )


def is_twin(session: Connection, target: Relation) -> bool:
    """Return whether there is a twin to replace; refuse when something else has its name."""
    where = {"schema": target.schema, "name": target.name, "stamp": STAMP}
    row = session.execute(TWIN, where).fetchone()
    if row is not None and row[0] is not True:
        raise WarehouseError(
            f"{target} is not a twin made by synth; it stays as it is. Next: drop or rename it, or choose "
            "another schema (vars: synth: schema)."
        )
    return row is not None


def _recreate(session: Connection, target: Relation, create: sql.Composed) -> None:
    """Drop and create with the same grants, never cascading: a view of somebody else is a reason to stop."""
    grants = session.execute(GRANTS, {"schema": target.schema, "name": target.name}).fetchall()
    session.execute(sql.SQL("drop table {}").format(identifier(target)))
    session.execute(create)
    for privilege, role, grantable in grants:
        session.execute(
            sql.SQL("grant {privilege} on {target} to {role} {option}").format(
                privilege=sql.SQL(str(privilege)),  # a word of the catalog, not of a user
                target=identifier(target),
                role=sql.SQL("public") if role is None else sql.Identifier(str(role)),
                option=sql.SQL("with grant option" if grantable else ""),
            )
        )


def _grant(session: Connection, schema: str, targets: Sequence[Relation], analysts: Sequence[str]) -> None:
    ours = sql.Identifier(schema, LEDGER)
    tables = sql.SQL(", ").join([*(identifier(target) for target in targets), ours])
    for role in analysts:
        grantee = sql.Identifier(role)
        session.execute(sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(schema), grantee))
        session.execute(sql.SQL("grant select on {} to {}").format(tables, grantee))


def _vacuum(session: Connection, stages: Sequence[Stage]) -> None:
    """Free the rows just replaced and refresh the planner's statistics; ignore a failure."""
    for stage in stages:
        with suppress(psycopg.Error):
            session.execute(sql.SQL("vacuum (analyze, skip_locked) {}").format(identifier(stage.target)))
