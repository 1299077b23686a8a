"""The warehouse: every SQL statement of a run, behind one class."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Self

from synth.domain import Role
from synth.warehouse import catalog, extract, publish
from synth.warehouse.publish import Stage
from synth.warehouse.session import open_session, reported

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    import pyarrow as pa

    from synth.domain import Column, Relation, Task
    from synth.warehouse.session import Connection

__all__ = ["Snapshot", "Stage", "Warehouse"]


class Warehouse:
    """A Postgres database as seen by one run.

    Every method opens the sessions that it needs, so that models can be worked on side by side; the run itself
    holds one more, whose lock tells other runs that this one is alive.
    """

    def __init__(self, conninfo: Mapping[str, str | int], *, role: str | None = None) -> None:
        self._conninfo = conninfo
        self._role = role
        self._held = ExitStack()

    def __enter__(self) -> Self:
        """Connect once, so that an unreachable server is known before anything else happens."""
        self._main = self._held.enter_context(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the sessions; locks go with them."""
        self._held.close()

    @contextmanager
    def _open(self) -> Iterator[Connection]:
        session = open_session(self._conninfo, self._role)
        try:
            yield session
        finally:
            session.close()

    def version(self) -> str:
        """What the server calls itself."""
        row = self._main.execute("show server_version").fetchone()
        return str(row[0]) if row else ""

    def check(self, tasks: Sequence[Task], schemas: tuple[str, str], analysts: Sequence[str]) -> None:
        """Refuse unless sources are readable and targets writable; `schemas` are target and staging.

        Raises:
            ManifestError: a model is not built.
            WarehouseError: a permission is missing, or something would be overwritten that is no twin.
        """
        catalog.check_sources(self._main, tasks)
        catalog.check_targets(self._main, tasks, schemas, analysts)

    def describe(self, relation: Relation) -> tuple[Column, ...]:
        """The columns of `relation`; none when it does not exist."""
        with self._open() as session:
            return catalog.describe(session, relation)

    def changed(self, task: Task) -> str:
        """How the columns of the published twin differ from those it must have; empty when they do not."""
        existing = self.describe(task.target)
        dropped = {name for name, role in task.model.roles.items() if role is Role.DROP}
        wanted = [column for column in self.describe(task.model.relation) if column.name not in dropped]
        return catalog.columns_changed(wanted, existing) if existing else ""

    def claim(self, run_id: str, staging_schema: str) -> None:
        """Tell other runs that this one is alive, and clear away what dead ones left."""
        with reported("take the lock of this run"):
            self._main.execute("select pg_advisory_lock(%s)", (publish.run_lock(run_id),))
        publish.sweep(self._main, staging_schema)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """One moment of the database that all models are read at."""
        with self._open() as session, extract.exported_snapshot(session) as name:
            yield Snapshot(self, name)

    def stage(self, task: Task, stage: Stage, *, columns: Sequence[Column], table: pa.Table) -> None:
        """Put `table` where the twin of `task` waits for publishing."""
        names = {column.name for column in columns}
        with self._open() as session:
            source = catalog.describe(session, task.model.relation)
            publish.stage(
                session,
                task.model.relation,
                stage.relation,
                columns=columns,
                dropped=[column.name for column in source if column.name not in names],
                table=table,
                run_id=stage.run_id,
            )

    def publish(self, stages: Sequence[Stage], *, analysts: Sequence[str], full_refresh: bool) -> None:
        """Publish the stages together or not at all; see `synth.warehouse.publish.publish`."""
        with self._open() as session:
            publish.publish(session, stages, analysts=analysts, full_refresh=full_refresh)

    def discard(self, stages: Sequence[Stage]) -> None:
        """Drop stages that will not be published."""
        with self._open() as session:
            for stage in stages:
                publish.discard(session, stage.relation)

    def read_keys(self, relation: Relation, column: str) -> pa.Array | None:
        """The keys of a twin published before; None when there is no such twin."""
        with self._open() as session:
            found = [item for item in catalog.describe(session, relation) if item.name == column]
            if not found:
                return None
            with extract.exported_snapshot(session) as name, self._open() as reader:
                table = extract.extract(reader, relation, found, snapshot=name)
            return table.column(0).combine_chunks().drop_null().unique()

    def head(self, relation: Relation, rows: int) -> tuple[list[str], list[tuple[object, ...]]]:
        """The names and the first rows of a published twin, to show."""
        with self._open() as session:
            return extract.head(session, relation, rows)


class Snapshot:
    """One moment of the warehouse, readable from several sessions at once."""

    def __init__(self, warehouse: Warehouse, name: str) -> None:
        self._warehouse = warehouse
        self._name = name

    def count(self, relation: Relation) -> int:
        """How many rows the relation has."""
        with self._warehouse._open() as session:  # noqa: SLF001 - two halves of one thing
            return extract.count(session, relation, self._name)

    def extract(
        self, relation: Relation, columns: Sequence[Column], *, share: float = 1.0, unit: str | None = None
    ) -> pa.Table:
        """The rows of the relation as Arrow; see `synth.warehouse.extract.extract`."""
        with self._warehouse._open() as session:  # noqa: SLF001 - as above
            return extract.extract(session, relation, columns, snapshot=self._name, share=share, unit=unit)
