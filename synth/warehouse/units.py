"""What a run that its user named has made so far, kept in Postgres, because any machine may go on with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import sql
from psycopg.types.json import Jsonb

from synth.warehouse.ownership import UNITS, refuse_foreign_table
from synth.warehouse.session import translate_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.warehouse.session import Connection

RETENTION = 7  # days that a stage waits for its publishing

CREATE: LiteralString = """
create table if not exists {units} (
    run_id text not null,
    unique_id text not null,
    state text not null,
    stage jsonb,
    changed_at timestamptz not null default pg_catalog.now(),
    primary key (run_id, unique_id)
)
"""
NOTE: LiteralString = """
insert into {units} (run_id, unique_id, state, stage) values (%s, %s, %s, %s)
on conflict (run_id, unique_id) do update
set state = excluded.state, stage = coalesce(excluded.stage, {units}.stage), changed_at = pg_catalog.now()
"""
OLD: LiteralString = """
delete from {units}
where changed_at < pg_catalog.now() - pg_catalog.make_interval(days => %s)
returning stage -> 'relation' ->> 'name'
"""


class State(StrEnum):
    """How far a model of a named run has come."""

    ASKED = "asked"  # somebody makes it, or died over it
    STAGED = "staged"  # it waits for publishing
    PUBLISHED = "published"
    UNCHANGED = "unchanged"  # what is published stays
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Unit:
    """One model of a named run, as the table has it."""

    state: State
    stage: Mapping[str, Any] | None = None


def prepare(session: Connection, schema: str) -> None:
    """Create the table, unless it is there."""
    session.execute(sql.SQL(CREATE).format(units=sql.Identifier(schema, UNITS)))


def note(
    session: Connection,
    schema: str,
    run_id: str,
    unique_id: str,
    state: State,
    *,
    stage: Mapping[str, object] | None = None,
) -> None:
    """Record how far a model has come."""
    statement = sql.SQL(NOTE).format(units=sql.Identifier(schema, UNITS))
    session.execute(statement, (run_id, unique_id, state, None if stage is None else Jsonb(stage)))


def read(session: Connection, schema: str, run_id: str) -> dict[str, Unit]:
    """Return every model of a named run, by `unique_id`.

    Raises:
        WarehouseError: Postgres refused.
    """
    with translate_errors(f"read what run {run_id} has staged"):
        if not refuse_foreign_table(session, schema, UNITS):
            return {}
        query = sql.SQL("select unique_id, state, stage from {} where run_id = %s")
        rows: list[tuple[Any, ...]] = session.execute(
            query.format(sql.Identifier(schema, UNITS)), (run_id,)
        ).fetchall()
    return {name: Unit(State(state), stage) for name, state, stage in rows}


def sweep(session: Connection, schema: str) -> None:
    """Drop what nobody published in time."""
    if not refuse_foreign_table(session, schema, UNITS):
        return
    with session.transaction():
        old = session.execute(sql.SQL(OLD).format(units=sql.Identifier(schema, UNITS)), (RETENTION,))
        for (table,) in old.fetchall():
            if table is not None:
                name = sql.Identifier(schema, str(table))
                session.execute(sql.SQL("drop table if exists {}").format(name))
