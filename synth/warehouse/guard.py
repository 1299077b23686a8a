"""What is in the schema of the twins that does not belong there, or is not as it was published.

Analysts take everything in that schema for synthetic. `dbt run` with the schema as its target, `dbt clone`,
a hand-made table, a view on real rows or an edited twin would break that without a sign of it. Functions are
not looked into: what one reads, the catalog does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

from synth.domain import Relation
from synth.warehouse import ledger, ownership
from synth.warehouse.catalog import STAMP
from synth.warehouse.content import content
from synth.warehouse.lineage import ViewReads
from synth.warehouse.publish import LOCK_TIMEOUT
from synth.warehouse.session import translate_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from synth.warehouse.ledger import LedgerEntry
    from synth.warehouse.ownership import Intrusion
    from synth.warehouse.session import Connection

TABLE, VIEW, MATVIEW = "r", "v", "m"
KINDS = {
    TABLE: "table",
    "p": "partitioned table",
    VIEW: "view",
    MATVIEW: "materialized view",
    "f": "foreign table",
}
RELATIONS: LiteralString = """
select
    pg_class.oid::bigint,
    pg_namespace.nspname::text,
    pg_class.relname::text,
    pg_catalog.format('%%I.%%I', pg_namespace.nspname, pg_class.relname),
    pg_class.relkind::text,
    pg_catalog.pg_get_userbyid(pg_class.relowner)::text,
    coalesce(pg_catalog.obj_description(pg_class.oid, 'pg_class'), '')
from pg_class
join pg_namespace on pg_namespace.oid = pg_class.relnamespace
where pg_namespace.nspname = %(schema)s and pg_class.relkind in ('r', 'p', 'v', 'm', 'f')
order by pg_class.relname
"""
# Publishing holds this lock, so what is seen here is never half of it; see `staging.lock_schema`.
LOCK: LiteralString = (
    "select pg_catalog.pg_advisory_xact_lock_shared(pg_catalog.hashtextextended(%s, 0::bigint))"
)
# A row's xmin is the transaction that wrote it, and stays; if all rows are those of the transaction that
# published them, and none is missing, nobody has changed one.
WRITTEN_ROWS: LiteralString = (
    "select pg_catalog.count(*), pg_catalog.count(*) filter (where xmin <> %s::xid) from {relation}"
)


class Problem(StrEnum):
    """Why analysts must not take a relation for a twin."""

    STRANGER = "stranger"  # nobody published it
    REPLACED = "replaced"  # it has a twin's place
    REAL = "real"  # a view of something that is no twin
    CHANGED = "changed"  # a twin with other rows than it was published with
    FOREIGN = "foreign"  # somebody else could act through it with the rights of a run


@dataclass(frozen=True, slots=True)
class Misplacement:
    """One relation that must not be where it is.

    Attributes:
        relation: its schema and name.
        kind: such as `view`.
        text: what is wrong with it; `way_out` is what to type.
        reads: what of a view's sources is no twin.
    """

    relation: str
    kind: str
    owner: str
    problem: Problem
    text: str
    way_out: str
    reads: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.relation}, a {self.kind} of {self.owner}, {self.text}. Next: {self.way_out}"


@dataclass(frozen=True, slots=True)
class Inspection:
    """What there is in the schema of the twins.

    Attributes:
        twins: those that are as they were published: relation and model, by `unique_id`.
        views: how many views read nothing but twins.
    """

    schema: str
    twins: Mapping[str, str]
    views: int
    misplacements: tuple[Misplacement, ...]


@dataclass(frozen=True, slots=True)
class _Relation:
    oid: int
    schema: str
    name: str
    path: str  # as SQL wants it
    kind: str
    owner: str
    comment: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def drop(self) -> str:
        word = "table" if self.kind == "p" else KINDS[self.kind]
        return f"drop {word} {self.path}"

    def misplacement(
        self, problem: Problem, text: str, way_out: str, reads: tuple[str, ...] = ()
    ) -> Misplacement:
        return Misplacement(str(self), KINDS[self.kind], self.owner, problem, text, way_out, reads)


def inspect(
    session: Connection, schema: str, *, staging: str, sources: Mapping[str, Relation], thorough: bool
) -> Inspection:
    """Look at every relation of `schema`; at none of its rows where that is not ours alone.

    Args:
        session: of somebody who may read the twins.
        schema: of the twins.
        staging: where they wait.
        sources: the real relation of each twin, by the twin's schema and name.
        thorough: whether rows are compared with what the ledger says even where nobody has written any since.

    Raises:
        WarehouseError: something cannot be seen, so nothing is known.
    """
    foreign = ownership.intrusions(session, schema, staging, sources)
    if foreign:
        return Inspection(schema, {}, 0, tuple(_foreign(one) for one in foreign))
    with translate_errors(f"inspect schema {schema}"), session.transaction():
        session.execute(LOCK, (f"synth {schema}",))
        session.execute(LOCK_TIMEOUT)
        rows = session.execute(RELATIONS, {"schema": schema}).fetchall()
        relations = [_Relation(*row) for row in rows]  # type: ignore[arg-type] # the query fixes the types
        entries = ledger.entries(session, schema)
        views = [one for one in relations if one.kind in {VIEW, MATVIEW}]
        ledgers = {ownership.LEDGER, ownership.SPENDING}
        own = [one for one in relations if one.kind == TABLE and one.name in ledgers]
        twins = [one for one in relations if _is_twin(one, entries)]
        misplacements = [_stranger(one, entries) for one in relations if one not in (*views, *own, *twins)]
        edits = {twin: _find_edit(session, twin, entries[str(twin)], thorough=thorough) for twin in twins}
        leading_out = _leading_out(session, views, {one.oid for one in (*own, *twins)}, entries)
    misplacements += [*filter(None, edits.values()), *leading_out]
    intact = {str(twin): entries[str(twin)].unique_id for twin in twins if edits[twin] is None}
    return Inspection(schema, intact, len(views) - len(leading_out), tuple(sorted(misplacements, key=str)))


def _foreign(one: Intrusion) -> Misplacement:
    return Misplacement(one.relation, one.kind, one.owner, Problem.FOREIGN, one.text, one.way_out)


def _is_twin(relation: _Relation, entries: Mapping[str, LedgerEntry]) -> bool:
    """Return whether a relation carries the stamp and is in the ledger; a copy may carry it, too."""
    return str(relation) in entries and relation.kind == TABLE and relation.comment.startswith(STAMP)


def _stranger(relation: _Relation, entries: Mapping[str, LedgerEntry]) -> Misplacement:
    entry = entries.get(str(relation))
    if entry is None:
        way_out = f"move it to another schema, or: {relation.drop}"
        text = "is not a twin made by synth; it stays as it is"
        return relation.misplacement(Problem.STRANGER, text, way_out)
    return relation.misplacement(
        Problem.REPLACED, _replacement_text(entry), f"{relation.drop}; then: {entry.again}"
    )


def _replacement_text(entry: LedgerEntry) -> str:
    return (
        f"is not a twin made by synth, but stands where run {entry.run_id} published one: dbt with this "
        "schema as its target put it there, or somebody by hand"
    )


def _find_edit(
    session: Connection, twin: _Relation, entry: LedgerEntry, *, thorough: bool
) -> Misplacement | None:
    """Return how a twin changed since it was published; unknown if an older synth published it."""
    if not entry.content:
        return None
    published_rows = int(entry.content.partition(":")[0])
    if entry.written_by and not thorough:
        query = sql.SQL(WRITTEN_ROWS).format(relation=sql.Identifier(twin.schema, twin.name))
        if session.execute(query, (entry.written_by,)).fetchone() == (published_rows, 0):
            return None
    now = content(session, Relation("", twin.schema, twin.name))
    if now == entry.content:
        return None
    rows = int(now.partition(":")[0])
    text = (
        f"has {rows:,} rows where run {entry.run_id} published {published_rows:,}"
        if rows != published_rows
        else f"has as many rows as run {entry.run_id} published, and other values in some"
    )
    return twin.misplacement(Problem.CHANGED, text, f"{entry.again} --force")


def _leading_out(
    session: Connection,
    views: Sequence[_Relation],
    harmless: Collection[int],
    entries: Mapping[str, LedgerEntry],
) -> list[Misplacement]:
    """Return the views that read something else than twins, at whatever distance."""
    reads = ViewReads.of(session, [view.oid for view in views]) if views else ViewReads({}, {})
    misplacements = []
    for view in views:
        paths, entry = tuple(reads.leading_out(view.oid, harmless)), entries.get(str(view))
        text = f"reads {', '.join(paths)}, which is no twin"
        if paths and entry is None:
            misplacements.append(view.misplacement(Problem.REAL, text, view.drop, paths))
        elif paths and entry is not None:
            way_out = f"{view.drop}; then: {entry.again}"
            misplacements.append(
                view.misplacement(Problem.REPLACED, f"{_replacement_text(entry)}, and {text}", way_out, paths)
            )
    return misplacements
