"""Where twins wait for their checks and their publishing: a schema that nobody but the run's role can use."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, LiteralString, Self

import pyarrow as pa
import pyarrow.csv as pacsv
from psycopg import sql

from synth.domain import Relation
from synth.warehouse import units
from synth.warehouse.catalog import STAMP
from synth.warehouse.copying import add_checks, create_like, refuse_foreign_types, telling_parts
from synth.warehouse.ownership import refuse_intrusions
from synth.warehouse.parts import PartOfTwin, selection_of, whole_of
from synth.warehouse.session import identifier, translate_errors
from synth.warehouse.units import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from synth.domain import Column, Model
    from synth.warehouse.session import Connection

BATCH = 65_536  # rows turned into CSV text at a time
STAGE_COMMENT = "synth stage of run "  # how the comment of every stage begins that lives as long as its run
KEPT_STAGE_COMMENT = "synth stage kept for run "

# Rows as text, because not every type has an equality; both sides have the same types.
EQUAL: LiteralString = """
select pg_catalog.count(*)
from {place}
where pg_catalog.hashtextextended(row({names})::text, 0::bigint) in (
    select pg_catalog.hashtextextended(row({names})::text, 0::bigint) from {source}
)
"""
STAGES: LiteralString = """
select pg_class.relname::text, coalesce(pg_catalog.obj_description(pg_class.oid, 'pg_class'), '')
from pg_class
join pg_namespace on pg_namespace.oid = pg_class.relnamespace
where pg_namespace.nspname = %(schema)s and pg_class.relkind = 'r' and pg_class.relname like 'stage\\_%%'
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A checked twin waiting in the staging schema, and what is to be said of it once it is published.

    Attributes:
        fingerprint: of the source rows.
        request: a name for what was asked of them.
        invocation_id: of the command that made it.
        inputs: what it was made from, by `runs.fingerprint`.
        artifacts: where its files are.
        kept: whether it stays beyond the end of the command.
        epsilon: what it was learned with; None is no differential privacy.
        guarantee: what the private engine promises of it, in words; empty where checks decided about it.
        delta: with epsilon.
        copied: why it is a copy of the real rows, which are about nobody.
        part_of: the twin whose rows it has, as that twin's stamp tells of it.
        checked: how many checks decided about it, in words; `undecided` names those that could not,
            `failed` those of quality that it failed.
        limits: of checks, which the user moved.
        policy: what becomes of a twin about which the checks cannot decide.
        attempt: which question about these very source rows this was.
        retry_reason: why there was one more, after too many.
        equal: rows that are those of the source in all columns but keys and identifiers; None is not counted.
        broken_checks: those of the source that it goes without, because some of its rows break them.
    """

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
    fingerprint: str = ""
    request: str = ""
    invocation_id: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    artifacts: tuple[str, ...] = ()
    kept: bool = False
    epsilon: float | None = None
    delta: float | None = None
    guarantee: str = ""
    copied: str = ""
    part_of: str = ""
    checked: str = ""
    undecided: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    policy: str = ""
    attempt: int = 1
    retry_reason: str = ""
    equal: int | None = None
    broken_checks: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the stage that `data` was made of."""
        places = {name: Relation(**data[name]) for name in ("relation", "target")}
        lists = {
            name: tuple(data.get(name, ())) for name in ("artifacts", "undecided", "failed", "broken_checks")
        }
        return cls(**{**data, **places, **lists})

    @property
    def as_dict(self) -> dict[str, object]:
        """The stage as JSON holds it."""
        return asdict(self)

    @property
    def owner(self) -> str:
        """Whose it is: of its run if it is kept, else of the command that made it."""
        return self.run_id if self.kept else self.invocation_id

    @property
    def stamp(self) -> str:
        """The comment of the published table, which states no more than what was counted and checked."""
        if self.copied:
            return (
                f"{STAMP}{self.name}: copied as reference, so its rows are the real ones ({self.copied}). "
                f"By synth {self.version}, run {self.run_id}."
            )
        if self.part_of:
            return f"{STAMP}{self.name}: rows of a twin, as its SQL chooses them; that one is {self.part_of}"
        if self.guarantee:
            return (
                f"{STAMP}{self.name}: by guarantee, {self.guarantee}; no check decided about it, and its "
                f"rows were compared with no real ones. By synth {self.version}, run {self.run_id}."
            )
        fidelity = "" if self.fidelity is None else f"; fidelity {self.fidelity:.1%}"
        epsilon = "" if self.epsilon is None else f"; epsilon {self.epsilon:g}"
        source = f"; source rows {self.fingerprint}" if self.fingerprint else ""
        return (
            f"{STAMP}{self.name}: {self._claim}. Made by synth {self.version}, run {self.run_id}, "
            f"backend {self.backend}, verdict {self.verdict}{fidelity}{epsilon}{source}{self._reservations}."
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the twin goes without, as sentences."""
        return tuple(
            f"the twin of {self.name} goes without check {one}: rows break it" for one in self.broken_checks
        )

    @property
    def _claim(self) -> str:
        checks_note = f"; {self.checked}" if self.checked else ""
        if self.equal is None:
            return f"its rows were not compared with the real ones{checks_note}"
        equal = f"{self.equal:,} of {self.rows:,} rows equal" if self.equal else "no row equals"
        return f"{equal} a real one in all columns but keys and identifiers{checks_note}"

    @property
    def _reservations(self) -> str:
        """What was let through, and by whose limits."""
        limits = ", ".join(f"{name} {limit:g}" for name, limit in sorted(self.limits.items()))
        undecided_note = f"; undecided, let through: {', '.join(self.undecided)}" if self.undecided else ""
        failed_note = f"; below the limit, let through: {', '.join(self.failed)}" if self.failed else ""
        retry = f"; attempt {self.attempt}, because: {self.retry_reason}" if self.retry_reason else ""
        return f"{failed_note}{undecided_note}{f'; limits moved: {limits}' if limits else ''}{retry}"


def run_lock(invocation_id: str) -> int:
    """Return the advisory lock that says a run is alive."""
    return int.from_bytes(sha256(f"synth run {invocation_id}".encode()).digest()[:8], "big", signed=True)


def sweep(session: Connection, schema: str) -> None:
    """Drop what dead runs left in the staging schema, and what nobody has published for a week."""
    with translate_errors(f"clean schema {schema}"):
        units.sweep(session, schema)
        for name, invocation_id in _stages(session, schema):
            lock = run_lock(invocation_id)
            if session.execute("select pg_catalog.pg_try_advisory_lock(%s)", (lock,)).fetchone() == (True,):
                session.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(schema, name)))
                session.execute("select pg_catalog.pg_advisory_unlock(%s)", (lock,))


def release(session: Connection, schema: str, invocation_id: str) -> None:
    """Drop what this run has staged, not published and not been asked to keep."""
    with translate_errors(f"clean schema {schema}"):
        for name, owner in _stages(session, schema):
            if owner == invocation_id:
                session.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(schema, name)))


def _stages(session: Connection, schema: str) -> list[tuple[str, str]]:
    """Return the name and the run of every stage that lives as long as its run."""
    rows = session.execute(STAGES, {"schema": schema}).fetchall()
    comments = [(str(name), str(comment)) for name, comment in rows]
    return [
        (name, text.removeprefix(STAGE_COMMENT))
        for name, text in comments
        if not text.startswith(KEPT_STAGE_COMMENT)
    ]


def stage_relation(target: Relation, schema: str, owner: str) -> Relation:
    """Return where the twin `target` of this run waits; short enough for any name."""
    parts = (sha256(f"{part}".encode()).hexdigest()[:12] for part in (target, owner))
    return Relation(target.database, schema, f"stage_{'_'.join(parts)}")


def stage(
    session: Connection,
    model: Model,
    stage: Stage,
    *,
    columns: Sequence[Column],
    dropped_columns: Sequence[str],
    compared_columns: Sequence[str] = (),
    table: pa.Table | PartOfTwin | None,
) -> Stage:
    """Create `stage` in the shape of the real table and fill it with `table`, whose columns are `columns`.

    Instead of a table, it may get a part of another twin; with neither, the real rows as they are.

    It replaces what its run staged before. One that is kept outlives a crash of the server. What comes back
    knows how many rows equal a real one in the columns `compared_columns`, and which checks some rows break.

    Raises:
        WarehouseError: Postgres refused, for example because a value breaks a constraint of the source.
    """
    source, place = model.relation, stage.relation
    create_schema(session, place.schema, private=True)
    # A guarantee lets nobody look whether the schema holds a value.
    telling = () if stage.copied else telling_parts(session, model, looks=not stage.guarantee)
    with translate_errors(f"stage {source.name}"), session.transaction():
        session.execute(sql.SQL("drop table if exists {}").format(identifier(place)))
        checks = create_like(session, model, place, telling=telling, as_unlogged=not stage.kept)
        comment = sql.Literal((KEPT_STAGE_COMMENT if stage.kept else STAGE_COMMENT) + stage.owner)
        session.execute(sql.SQL("comment on table {} is {}").format(identifier(place), comment))
        for name in dropped_columns:
            session.execute(
                sql.SQL("alter table {} drop column {}").format(identifier(place), sql.Identifier(name))
            )
        refuse_foreign_types(session, place, source)
        if isinstance(table, pa.Table):
            copy_in(session, place, columns, table)
        else:
            names = [column.name for column in columns]
            fill(session, place, names, table or whole_of(source, names))
        broken_checks = add_checks(session, place, checks)
        stage = replace(
            stage, broken_checks=broken_checks, equal=_equal_rows(session, source, place, compared_columns)
        )
        if stage.kept:
            units.note(
                session, place.schema, stage.run_id, stage.unique_id, State.STAGED, stage=stage.as_dict
            )
    return stage


def _equal_rows(session: Connection, source: Relation, place: Relation, columns: Sequence[str]) -> int | None:
    """Return how many rows of the stage equal a row of the source in these columns, if there are any."""
    if not columns:
        return None
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    query = sql.SQL(EQUAL).format(names=names, source=identifier(source), place=identifier(place))
    row = session.execute(query).fetchone()
    return int(str(row[0])) if row else None


def fill(session: Connection, stage: Relation, names: Sequence[str], part: PartOfTwin) -> None:
    """Append these columns of a part of another relation to a table of ours."""
    insert = sql.SQL("insert into {} ({}) {}").format(
        identifier(stage), sql.SQL(", ").join(map(sql.Identifier, names)), selection_of(part, names)
    )
    session.execute(insert, binary=True)


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


def create_schema(session: Connection, schema: str, *, private: bool) -> None:
    """Create `schema` unless it is there; a private one is closed to everybody but its owner.

    Raises:
        WarehouseError: it is there, and somebody else could act through it with the rights of this session.
    """
    name = sql.Identifier(schema)
    with translate_errors(f"create schema {schema}"), session.transaction():
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
