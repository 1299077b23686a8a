"""The ledger `_synth_runs` beside the twins: a row for every answer of the gate, for those rejected, too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import sql
from psycopg.types.json import Jsonb

from synth.warehouse.ownership import LEDGER, refuse_foreign_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.warehouse.session import Connection
    from synth.warehouse.staging import Stage

ROWS = "rows"  # the name of the digest of the source's rows among the inputs of a twin
CREATE: LiteralString = """
create table if not exists {ledger} (
    run_id text not null,
    published_at timestamptz default pg_catalog.now(),
    unique_id text not null,
    relation text not null,
    rows bigint not null,
    backend text not null,
    verdict text not null,
    fidelity double precision,
    synth_version text not null
)
"""
# Ledgers of version 0.1.0 had none of these, and knew only what was published. Their key allowed one row a
# model a run; a run may be asked again, and no answer is forgotten.
MIGRATE: LiteralString = """
alter table {ledger}
    alter column published_at drop not null,
    add column if not exists recorded_at timestamptz not null default pg_catalog.now(),
    add column if not exists epsilon double precision,
    add column if not exists source_fingerprint text,
    add column if not exists request text,
    add column if not exists invocation_id text,
    add column if not exists inputs jsonb,
    add column if not exists content text,
    add column if not exists written_by text,
    add column if not exists policy text,
    add column if not exists limits jsonb,
    add column if not exists attempt integer,
    add column if not exists retry_reason text,
    add column if not exists equal_rows bigint,
    drop constraint if exists {key}
"""
HAS: LiteralString = """
select exists (
    select from pg_attribute
    where attrelid = pg_catalog.to_regclass(%(path)s) and attname = %(column)s and not attisdropped
)
"""
READABLE = "content"  # the newest column that is read; `NEWEST` is the newest of all
NEWEST = "equal_rows"
INSERT: LiteralString = """
insert into {ledger} (
    run_id, published_at, unique_id, relation, rows, backend, verdict, fidelity, synth_version,
    source_fingerprint, request, invocation_id, epsilon, policy, limits, attempt, retry_reason, equal_rows,
    inputs, content, written_by, recorded_at
)
values (
    %s, case when %s then pg_catalog.now() end, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
    %s, %s, %s, %s, %s, pg_catalog.clock_timestamp()
)
"""
# Transactions wait for each other, so the start of one does not say which came last.
LATEST: LiteralString = """
select distinct on (unique_id) unique_id, run_id, rows, verdict, invocation_id, inputs
from {ledger}
where published_at is not null
order by unique_id asc, recorded_at desc
"""
# Of whatever version the ledger is; what it lacks is NULL.
ENTRIES: LiteralString = """
select distinct on (entry ->> 'relation')
    entry ->> 'relation',
    entry ->> 'unique_id',
    entry ->> 'run_id',
    entry ->> 'content',
    entry ->> 'written_by'
from {ledger} as row
cross join lateral pg_catalog.to_jsonb(row) as entry
where published_at is not null
order by entry ->> 'relation', coalesce((entry ->> 'recorded_at')::timestamptz, published_at) desc
"""
UNDECIDED_REQUESTS: LiteralString = """
select distinct request from {ledger}
where unique_id = %s and source_fingerprint = %s and verdict <> 'pass' and request is not null
"""


@dataclass(frozen=True, slots=True)
class PublishedTwin:
    """What the ledger says of the twin that is there.

    Attributes:
        invocation_id: of the command that made it, which no other twin of the model has.
        inputs: what it was made from, by `synth.runs.fingerprint`.
    """

    run_id: str
    rows: int
    verdict: str
    invocation_id: str
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What the ledger says of a relation that is, or was, a twin.

    Attributes:
        content: of its rows when they were published, by `synth.warehouse.content`; `written_by` is the
            transaction that wrote them. Both are empty where an older synth published.
    """

    unique_id: str
    run_id: str
    content: str = ""
    written_by: str = ""

    @property
    def again(self) -> str:
        """What to type to publish it anew."""
        return f"synth run --select {self.unique_id.split('.', 2)[-1]}"


def prepare(session: Connection, schema: str) -> None:
    """Create the ledger, or add what an older one lacks."""
    ledger = sql.Identifier(schema, LEDGER)
    session.execute(sql.SQL(CREATE).format(ledger=ledger))
    if not _has(session, schema, NEWEST):  # only then, because it waits for every reader
        key = sql.Identifier(f"{LEDGER}_pkey")
        session.execute(sql.SQL(MIGRATE).format(ledger=ledger, key=key))


def record(
    session: Connection, schema: str, stage: Stage, *, content_and_writer: tuple[str, str] | None = None
) -> None:
    """Add the row of one model; of a twin that was rejected it says no more than that.

    Args:
        session: the one that publishes.
        schema: of the twins.
        stage: what was made.
        content_and_writer: of the published twin, and of its transaction; None where it was rejected.
    """
    is_published = content_and_writer is not None
    session.execute(
        sql.SQL(INSERT).format(ledger=sql.Identifier(schema, LEDGER)),
        (
            stage.run_id,
            is_published,
            stage.unique_id,
            str(stage.target),
            stage.rows,
            stage.backend,
            stage.verdict,
            stage.fidelity if is_published else None,
            stage.version,
            stage.fingerprint or None,
            stage.request or None,
            stage.invocation_id or None,
            stage.epsilon,
            stage.policy or None,
            Jsonb(stage.limits),
            stage.attempt,
            stage.retry_reason or None,
            stage.equal,
            Jsonb(stage.inputs) if is_published else None,
            *(content_and_writer or (None, None)),
        ),
    )


def latest(session: Connection, schema: str) -> dict[str, PublishedTwin]:
    """Return what is published of every model, by `unique_id`; nothing of what an older synth published."""
    if not _has(session, schema, READABLE):
        return {}
    query = sql.SQL(LATEST).format(ledger=sql.Identifier(schema, LEDGER))
    records: list[tuple[Any, ...]] = session.execute(query).fetchall()
    return {
        name: PublishedTwin(run, rows, verdict, invocation_id or "", inputs or {})
        for name, run, rows, verdict, invocation_id, inputs in records
    }


def entries(session: Connection, schema: str) -> dict[str, LedgerEntry]:
    """Return the newest entry of everything that was ever published in `schema`, by relation."""
    if not refuse_foreign_table(session, schema, LEDGER):
        return {}
    rows = session.execute(sql.SQL(ENTRIES).format(ledger=sql.Identifier(schema, LEDGER))).fetchall()
    return {str(relation): LedgerEntry(*(str(value or "") for value in rest)) for relation, *rest in rows}


def undecided_requests(session: Connection, schema: str, unique_id: str, fingerprint: str) -> frozenset[str]:
    """Return what was asked about these source rows of a model, and was not answered by a pass."""
    if not _has(session, schema, READABLE):
        return frozenset()
    query = sql.SQL(UNDECIDED_REQUESTS).format(ledger=sql.Identifier(schema, LEDGER))
    return frozenset(str(row[0]) for row in session.execute(query, (unique_id, fingerprint)))


def _has(session: Connection, schema: str, column: str) -> bool:
    """Return whether there is a ledger with that column."""
    if not refuse_foreign_table(session, schema, LEDGER):
        return False
    where = {"path": sql.Identifier(schema, LEDGER).as_string(session), "column": column}
    return session.execute(HAS, where).fetchone() == (True,)
