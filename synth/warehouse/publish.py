"""Rows into Postgres: staged where analysts cannot look, then published in one transaction."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, LiteralString, Self

import psycopg
import pyarrow as pa
import pyarrow.csv as pacsv
from psycopg import sql

from synth.domain import Relation
from synth.errors import ModelError, WarehouseError
from synth.warehouse import ledger, units
from synth.warehouse.catalog import STAMP, columns_changed, describe
from synth.warehouse.content import content
from synth.warehouse.copying import create_like, refuse_foreign_types
from synth.warehouse.ownership import LEDGER, refuse_intrusions
from synth.warehouse.session import identifier, reported
from synth.warehouse.units import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from synth.domain import Column
    from synth.warehouse.session import Connection

BATCH = 65_536  # rows turned into CSV text at a time
STAGED = "synth stage of run "  # how the comment of every stage begins that lives as long as its run
KEPT = "synth stage kept for run "

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
STAGES: LiteralString = """
select pg_class.relname::text, coalesce(pg_catalog.obj_description(pg_class.oid, 'pg_class'), '')
from pg_class
join pg_namespace on pg_namespace.oid = pg_class.relnamespace
where pg_namespace.nspname = %(schema)s and pg_class.relkind = 'r' and pg_class.relname like 'stage\\_%%'
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A checked twin waiting in the staging schema, and what is to be said of it once it is published."""

    relation: Relation
    target: Relation
    unique_id: str
    name: str
    rows: int
    backend: str
    verdict: str
    fidelity: float | None
    run_id: str
    version: str
    fingerprint: str = ""  # of the source rows
    request: str = ""  # a name for what was asked of them
    invocation_id: str = ""  # of the command that made it
    inputs: Mapping[str, str] = field(default_factory=dict)  # what it was made from, by `runs.fingerprint`
    artifacts: tuple[str, ...] = ()  # where its files are
    kept: bool = False  # beyond the end of the command
    epsilon: float | None = None  # what it was learned with; None is no differential privacy
    copied: str = ""  # why it is a copy of the real rows, which are about nobody

    @classmethod
    def loaded(cls, saved: Mapping[str, Any]) -> Self:
        """The stage that `saved` was made of."""
        places = {name: Relation(**saved[name]) for name in ("relation", "target")}
        return cls(**{**saved, **places, "artifacts": tuple(saved["artifacts"])})

    @property
    def saved(self) -> dict[str, object]:
        """The stage as JSON holds it."""
        return asdict(self)

    @property
    def owner(self) -> str:
        """Whose it is: of its run if it is kept, else of the command that made it."""
        return self.run_id if self.kept else self.invocation_id

    @property
    def stamp(self) -> str:
        """The comment of the published table."""
        if self.copied:
            return (
                f"{STAMP}{self.name}: copied as reference, so its rows are the real ones ({self.copied}). "
                f"By synth {self.version}, run {self.run_id}."
            )
        fidelity = "" if self.fidelity is None else f"; fidelity {self.fidelity:.1%}"
        epsilon = "" if self.epsilon is None else f"; epsilon {self.epsilon:g}"
        source = f"; source rows {self.fingerprint}" if self.fingerprint else ""
        return (
            f"{STAMP}{self.name}: no row is a real one. Made by synth {self.version}, run {self.run_id}, "
            f"backend {self.backend}, verdict {self.verdict}{fidelity}{epsilon}{source}."
        )


def run_lock(invocation_id: str) -> int:
    """The advisory lock that says a run is alive."""
    return int.from_bytes(sha256(f"synth run {invocation_id}".encode()).digest()[:8], "big", signed=True)


def sweep(session: Connection, schema: str) -> None:
    """Drop what dead runs left in the staging schema, and what nobody has published for a week."""
    with reported(f"clean schema {schema}"):
        units.sweep(session, schema)
        for name, invocation_id in _stages(session, schema):
            lock = run_lock(invocation_id)
            if session.execute("select pg_catalog.pg_try_advisory_lock(%s)", (lock,)).fetchone() == (True,):
                session.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(schema, name)))
                session.execute("select pg_catalog.pg_advisory_unlock(%s)", (lock,))


def release(session: Connection, schema: str, invocation_id: str) -> None:
    """Drop what this run has staged, not published and not been asked to keep."""
    with reported(f"clean schema {schema}"):
        for name, owner in _stages(session, schema):
            if owner == invocation_id:
                session.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(schema, name)))


def _stages(session: Connection, schema: str) -> list[tuple[str, str]]:
    """The name and the run of every stage that lives as long as its run."""
    rows = session.execute(STAGES, {"schema": schema}).fetchall()
    named = [(str(name), str(comment)) for name, comment in rows]
    return [(name, text.removeprefix(STAGED)) for name, text in named if not text.startswith(KEPT)]


def stage_relation(target: Relation, schema: str, owner: str) -> Relation:
    """Where the twin `target` of this run waits; short enough for any name."""
    parts = (sha256(f"{part}".encode()).hexdigest()[:12] for part in (target, owner))
    return Relation(target.database, schema, f"stage_{'_'.join(parts)}")


def stage(
    session: Connection,
    source: Relation,
    stage: Stage,
    *,
    columns: Sequence[Column],
    dropped: Sequence[str],
    table: pa.Table | None,
) -> None:
    """Create `stage` in the shape of `source` and fill it with `table`, whose columns are `columns`.

    Without a table, it gets the rows of `source` as they are.

    One that is kept replaces what its run staged before, and outlives a crash of the server.

    Raises:
        WarehouseError: Postgres refused, for example because a value breaks a constraint of the source.
    """
    place = stage.relation
    create_schema(session, place.schema, private=True)
    with reported(f"stage {source.name}"), session.transaction():
        if stage.kept:
            session.execute(sql.SQL("drop table if exists {}").format(identifier(place)))
        create_like(session, source, place, unlogged=not stage.kept)
        comment = sql.Literal((KEPT if stage.kept else STAGED) + stage.owner)
        session.execute(sql.SQL("comment on table {} is {}").format(identifier(place), comment))
        for name in dropped:
            session.execute(
                sql.SQL("alter table {} drop column {}").format(identifier(place), sql.Identifier(name))
            )
        refuse_foreign_types(session, place, source)
        if table is None:
            names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
            session.execute(
                sql.SQL("insert into {} ({names}) select {names} from {}").format(
                    identifier(place), identifier(source), names=names
                )
            )
        else:
            copy_in(session, place, columns, table)
        if stage.kept:
            units.note(session, place.schema, stage.run_id, stage.unique_id, State.STAGED, stage=stage.saved)


def copy_in(session: Connection, stage: Relation, columns: Sequence[Column], table: pa.Table) -> None:
    """Append `table`, whose columns are `columns`, to a table of ours."""
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(identifier(stage), names)
    options = pacsv.WriteOptions(include_header=False, quoting_style="needed")
    with session.cursor() as cursor, cursor.copy(statement) as copy:
        for batch in table.to_batches(max_chunksize=BATCH):
            text = io.BytesIO()
            pacsv.write_csv(batch, text, options)
            copy.write(text.getbuffer())


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
    with reported(f"publish {names}"), session.transaction():
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
            ledger.record(session, schema, stage, held=_held(session, stage.target))
            if stage.kept:
                units.note(session, stage.relation.schema, stage.run_id, stage.unique_id, State.PUBLISHED)
        _grant(session, schema, [stage.target for stage in stages], analysts)
    _vacuum(session, stages)


def _held(session: Connection, target: Relation) -> tuple[str, str]:
    """What the twin holds now, and which transaction wrote it, so that `synth check` sees later changes."""
    writer = sql.SQL("select xmin::text from {} limit 1").format(identifier(target))
    row = session.execute(writer).fetchone()
    return content(session, target), str(row[0]) if row else ""


def _is_published(session: Connection, stage: Stage) -> bool:
    """Whether another `synth publish` of the same run was quicker."""
    if not stage.kept:
        return False
    found = units.read(session, stage.relation.schema, stage.run_id).get(stage.unique_id)
    return found is not None and found.state is State.PUBLISHED


def reject(session: Connection, stage: Stage, *, analysts: Sequence[str]) -> None:
    """Record a twin that is not published; what is published stays as it is.

    Raises:
        WarehouseError: Postgres refused.
    """
    schema = stage.target.schema
    with reported(f"record the rejection of {stage.target}"), session.transaction():
        lock_schema(session, schema)
        session.execute(LOCK_TIMEOUT)
        create_schema(session, schema, private=False)
        ledger.prepare(session, schema)
        ledger.record(session, schema, stage)
        _grant(session, schema, [], analysts)


def create_schema(session: Connection, schema: str, *, private: bool) -> None:
    """Create `schema` unless it is there; a private one is closed to everybody but its owner.

    Raises:
        WarehouseError: it is there, and somebody else could act through it with the rights of this session.
    """
    name = sql.Identifier(schema)
    with reported(f"create schema {schema}"), session.transaction():
        # `if not exists` alone fails when two sessions create the schema at the same moment.
        lock_schema(session, schema)
        if session.execute("select 1 from pg_namespace where nspname = %s", (schema,)).fetchone():
            refuse_intrusions(session, schema, schema if private else "")
            return
        session.execute(sql.SQL("create schema {}").format(name))
        if private:
            session.execute(sql.SQL("revoke all on schema {} from public").format(name))


def lock_schema(session: Connection, schema: str) -> None:
    """Wait until no other run changes `schema`; held to the end of the transaction."""
    session.execute(
        "select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(%s, 0::bigint))",
        (f"synth {schema}",),
    )


def _replace(session: Connection, stage: Stage, *, full_refresh: bool) -> None:
    """Put the rows of the stage into the twin's place, in the transaction of the caller."""
    target, staged = stage.target, stage.relation
    wanted = describe(session, staged)
    if not wanted:
        raise WarehouseError(f"The stage of {target} has disappeared. Next: synth run --select {stage.name}")
    create = sql.SQL(LIKE).format(new=identifier(target), old=identifier(staged))
    if not is_twin(session, target):
        session.execute(create)
    elif full_refresh:
        _recreate(session, target, create)
    elif changed := columns_changed(wanted, describe(session, target)):
        raise columns_refused(stage.name, target, changed)
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in wanted)
    session.execute(sql.SQL("delete from {}").format(identifier(target)))
    inserted = session.execute(
        sql.SQL("insert into {target} ({names}) select {names} from {staged}").format(
            target=identifier(target), names=names, staged=identifier(staged)
        )
    )
    if inserted.rowcount != stage.rows:  # a server that restarts after a crash empties unlogged tables
        raise WarehouseError(
            f"The stage of {target} lost rows: {inserted.rowcount:,} of {stage.rows:,} are left. "
            f"Next: synth run --select {stage.name}"
        )
    session.execute(sql.SQL("drop table {}").format(identifier(staged)))


def columns_refused(name: str, target: Relation, changed: str) -> ModelError:
    """Why a twin with other columns is not overwritten."""
    return ModelError(
        f"The columns of {name} changed since {target} was published ({changed}). "
        f"Next: synth run --select {name} --full-refresh"
    )


def is_twin(session: Connection, target: Relation) -> bool:
    """Whether there is a twin to replace; refuse when something else has its name."""
    where = {"schema": target.schema, "name": target.name, "stamp": STAMP}
    found = session.execute(TWIN, where).fetchone()
    if found is not None and found[0] is not True:
        raise WarehouseError(
            f"{target} is not a twin made by synth; it stays as it is. Next: drop or rename it, or choose "
            "another schema (vars: synth: schema)."
        )
    return found is not None


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
    """Free the rows just replaced and refresh the planner's statistics; a courtesy, so it may fail."""
    for stage in stages:
        with suppress(psycopg.Error):
            session.execute(sql.SQL("vacuum (analyze, skip_locked) {}").format(identifier(stage.target)))
