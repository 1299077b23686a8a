"""The ledger `_synth_runs` beside the twins: one row a model a run, for those that were rejected, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

if TYPE_CHECKING:
    from synth.warehouse.publish import Stage
    from synth.warehouse.session import Connection

LEDGER = "_synth_runs"

CREATE: LiteralString = """
create table if not exists {ledger} (
    run_id text not null,
    published_at timestamptz default now(),
    unique_id text not null,
    relation text not null,
    rows bigint not null,
    backend text not null,
    verdict text not null,
    fidelity double precision,
    synth_version text not null,
    primary key (run_id, unique_id)
)
"""
# Ledgers of version 0.1.0 had none of these, and knew only what was published.
MIGRATE: LiteralString = """
alter table {ledger}
    alter column published_at drop not null,
    add column if not exists recorded_at timestamptz not null default now(),
    add column if not exists epsilon double precision,
    add column if not exists source_fingerprint text,
    add column if not exists request text
"""
IS_CURRENT: LiteralString = """
select exists (
    select from pg_attribute where attrelid = to_regclass({name}) and attname = 'request' and not attisdropped
)
"""
INSERT: LiteralString = """
insert into {ledger} (
    run_id, published_at, unique_id, relation, rows, backend, verdict, fidelity, synth_version,
    source_fingerprint, request
)
values (%s, case when %s then now() end, %s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (run_id, unique_id) do nothing
"""
UNDECIDED: LiteralString = """
select distinct request from {ledger}
where unique_id = %s and source_fingerprint = %s and verdict <> 'pass' and request is not null
"""


def prepare(session: Connection, schema: str) -> None:
    """Create the ledger, or add what an older one lacks."""
    ledger = sql.Identifier(schema, LEDGER)
    session.execute(sql.SQL(CREATE).format(ledger=ledger))
    if not _is_current(session, schema):  # only then, because it waits for every reader
        session.execute(sql.SQL(MIGRATE).format(ledger=ledger))


def record(session: Connection, schema: str, stage: Stage, *, published: bool) -> None:
    """Add the row of one model; of a twin that was rejected it says no more than that."""
    session.execute(
        sql.SQL(INSERT).format(ledger=sql.Identifier(schema, LEDGER)),
        (
            stage.run_id,
            published,
            stage.unique_id,
            str(stage.target),
            stage.rows,
            stage.backend,
            stage.verdict,
            stage.fidelity if published else None,
            stage.version,
            stage.fingerprint or None,
            stage.request or None,
        ),
    )


def undecided(session: Connection, schema: str, unique_id: str, fingerprint: str) -> frozenset[str]:
    """What was asked about these source rows of a model, and was not answered by a pass."""
    if not _is_current(session, schema):
        return frozenset()
    query = sql.SQL(UNDECIDED).format(ledger=sql.Identifier(schema, LEDGER))
    return frozenset(str(row[0]) for row in session.execute(query, (unique_id, fingerprint)))


def _is_current(session: Connection, schema: str) -> bool:
    name = sql.Literal(sql.Identifier(schema, LEDGER).as_string(session))
    row = session.execute(sql.SQL(IS_CURRENT).format(name=name)).fetchone()
    return row == (True,)
