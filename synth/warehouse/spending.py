"""The ledger `_synth_ledger` beside the twins: what each twin by guarantee cost; only owners may read it.

A row is written before the rows of a model are looked at, so that a run that breaks off has paid, too. Costs
add up over models, runs and retries (basic composition), which is never less than what an attacker can gain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import sql
from psycopg.types.json import Jsonb

from synth.errors import ModelError
from synth.warehouse.ownership import SPENDING, refuse_foreign_table
from synth.warehouse.session import translate_errors
from synth.warehouse.staging import create_schema, lock_schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from synth.warehouse.session import Connection

CREATE: LiteralString = """
create table if not exists {ledger} (
    recorded_at timestamptz not null default pg_catalog.clock_timestamp(),
    domain text not null,
    unique_id text not null,
    run_id text not null,
    invocation_id text not null,
    epsilon double precision not null check (epsilon > 0),
    delta double precision not null check (delta > 0),
    rows_per_entity integer not null,
    source_rows text,
    releases jsonb,
    primary key (invocation_id, unique_id, recorded_at)
)
"""
INSERT: LiteralString = """
insert into {ledger} (
    domain, unique_id, run_id, invocation_id, epsilon, delta, rows_per_entity, source_rows
)
values (%s, %s, %s, %s, %s, %s, %s, %s)
"""
RELEASES: LiteralString = """
update {ledger} set releases = %s where invocation_id = %s and unique_id = %s and releases is null
"""
SPENDING_BY_DOMAIN: LiteralString = """
select domain, pg_catalog.sum(epsilon), pg_catalog.sum(delta), pg_catalog.count(*) from {ledger} group by 1
"""
SOURCES: LiteralString = """
select distinct on (unique_id) unique_id, invocation_id, source_rows
from {ledger} order by unique_id asc, recorded_at desc
"""


@dataclass(frozen=True, slots=True)
class Spending:
    """What all twins about one kind of entity have cost together."""

    epsilon: float = 0.0
    delta: float = 0.0
    twins: int = 0

    def plus(self, epsilon: float, delta: float) -> Spending:
        """Return what they have cost after one more twin."""
        return Spending(self.epsilon + epsilon, self.delta + delta, self.twins + 1)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a twin is about to cost.

    Attributes:
        domain: whom it is about, by the name under which costs add up.
        source_rows: a digest of the rows, for the owner alone.
    """

    domain: str
    unique_id: str
    run_id: str
    invocation_id: str
    epsilon: float
    delta: float
    rows_per_entity: int
    source_rows: str = ""


def spend(session: Connection, schema: str, cost: Cost, budget: float | None) -> Spending:
    """Record a cost before it arises, and return what the entities have cost with it.

    Raises:
        ModelError: the budget does not reach; nothing is recorded.
        WarehouseError: Postgres refused.
    """
    ledger = sql.Identifier(schema, SPENDING)
    with translate_errors(f"record what the twin of {cost.unique_id} costs"), session.transaction():
        lock_schema(session, schema)
        create_schema(session, schema, private=False)
        session.execute(sql.SQL(CREATE).format(ledger=ledger))
        before = read_spending(session, schema).get(cost.domain, Spending())
        refuse_beyond(budget, before, cost.epsilon, cost.domain, cost.unique_id)
        session.execute(
            sql.SQL(INSERT).format(ledger=ledger),
            (
                cost.domain,
                cost.unique_id,
                cost.run_id,
                cost.invocation_id,
                cost.epsilon,
                cost.delta,
                cost.rows_per_entity,
                cost.source_rows or None,
            ),
        )
    return before.plus(cost.epsilon, cost.delta)


def refuse_beyond(
    budget: float | None, before: Spending, epsilon: float, domain: str, unique_id: str
) -> None:
    """Refuse a twin that would cost more than is left.

    Raises:
        ModelError: names the budget, what is spent, and what the twin would cost.
    """
    if budget is None or before.epsilon + epsilon <= budget * (1 + 1e-9):
        return
    raise ModelError(
        f"{unique_id} would cost epsilon {epsilon:g}, and the budget of {domain} does not reach: "
        f"{before.epsilon:g} of {budget:g} are spent, by {before.twins} twins. Next: a larger `budget` in "
        "`vars: {synth: …}`, if those it protects agree, or a smaller `epsilon`"
    )


def explain(session: Connection, schema: str, cost: Cost, releases: Sequence[Mapping[str, object]]) -> None:
    """Add to a recorded cost what it was spent for, part by part."""
    with translate_errors(f"record what the twin of {cost.unique_id} cost"):
        session.execute(
            sql.SQL(RELEASES).format(ledger=sql.Identifier(schema, SPENDING)),
            (Jsonb(list(releases)), cost.invocation_id, cost.unique_id),
        )


def read_spending(session: Connection, schema: str) -> dict[str, Spending]:
    """Return what each kind of entity has cost so far, by its domain."""
    if not refuse_foreign_table(session, schema, SPENDING):
        return {}
    query = sql.SQL(SPENDING_BY_DOMAIN).format(ledger=sql.Identifier(schema, SPENDING))
    rows: list[tuple[Any, ...]] = session.execute(query).fetchall()
    return {str(domain): Spending(float(epsilon), float(delta), int(n)) for domain, epsilon, delta, n in rows}


def sources(session: Connection, schema: str) -> dict[tuple[str, str], str]:
    """Return the digest of the rows that the newest twin by guarantee of each model was made from.

    By `unique_id` and the command that made it.
    """
    if not refuse_foreign_table(session, schema, SPENDING):
        return {}
    query = sql.SQL(SOURCES).format(ledger=sql.Identifier(schema, SPENDING))
    rows: list[tuple[Any, ...]] = session.execute(query).fetchall()
    return {(str(name), str(invocation)): str(digest or "") for name, invocation, digest in rows}
