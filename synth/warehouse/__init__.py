"""The warehouse: every SQL statement of a run, behind one class."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from psycopg import sql

from synth.domain import Role
from synth.errors import WarehouseError
from synth.warehouse import (
    across,
    catalog,
    comparing,
    constraints,
    content,
    copying,
    extract,
    guard,
    layout,
    ledger,
    mentions,
    ownership,
    paths,
    publish,
    rules,
    spending,
    staging,
    understanding,
    uniqueness,
    units,
    values,
)
from synth.warehouse.session import identifier, open_session, translate_errors
from synth.warehouse.snapshot import Snapshot
from synth.warehouse.staging import Stage
from synth.warehouse.trust import Attachment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from synth.domain import Across, Column, Model, Relation, Rule, Task, Uniqueness
    from synth.warehouse.across import Assignment, FactTable
    from synth.warehouse.comparing import Measurements
    from synth.warehouse.guard import Inspection
    from synth.warehouse.layout import RelationLayout
    from synth.warehouse.ledger import PublishedTwin
    from synth.warehouse.parts import PartOfTwin
    from synth.warehouse.rules import Candidates, Equation, Judgement, RuleOutcome
    from synth.warehouse.session import Connection
    from synth.warehouse.spending import Cost, Spending
    from synth.warehouse.understanding import ParsedRule
    from synth.warehouse.units import State, Unit
    from synth.warehouse.values import Inclusion, Spread, ValueCounts

__all__ = ["Snapshot", "Stage", "Warehouse"]


class Warehouse:
    """A Postgres database as seen by one run.

    Every method opens the sessions that it needs, so that models can be worked on side by side; the run
    itself holds one more, whose lock tells other runs that this one is alive.
    """

    def __init__(self, conninfo: Mapping[str, str | int], *, role: str | None = None) -> None:
        self._conninfo = conninfo
        self._role = role
        self._resources = ExitStack()
        self._is_stopped = False

    def __enter__(self) -> Self:
        """Connect once, so that an unreachable server is known before anything else happens."""
        self._main = self._resources.enter_context(self._open())
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the session of the run; its lock goes with it."""
        self._resources.close()

    @contextmanager
    def _open(self) -> Iterator[Connection]:
        if self._is_stopped:
            raise WarehouseError("The run was stopped.")
        session = open_session(self._conninfo, self._role)
        try:
            yield session
        finally:
            session.close()

    def version(self) -> str:
        """Return what the server calls itself."""
        return str(next(iter(self._main.execute("show server_version").fetchone() or ("",))))

    def refuse_intrusions(self, schemas: tuple[str, str], sources: Mapping[str, Relation]) -> None:
        """Refuse schemas that are not ours alone; see `synth.warehouse.ownership.refuse_intrusions`."""
        ownership.refuse_intrusions(self._main, *schemas, sources)

    def check(self, schemas: tuple[str, str], analysts: Sequence[str]) -> None:
        """Refuse unless twins can be written, and analysts see no more than these; see `catalog`."""
        catalog.check_schemas(self._main, schemas, analysts)

    def check_task(self, task: Task) -> None:
        """Refuse unless a model is built and readable, and its twin would overwrite nothing but a twin.

        Raises:
            ManifestError: the model is not built.
            WarehouseError: a permission is missing, or something would be overwritten that is no twin.
        """
        catalog.check_source(self._main, task)
        dropped_columns = [name for name, role in task.model.roles.items() if role is Role.DROP]
        copying.refuse_foreign_code(self._main, task.model.relation, dropped_columns)
        uniqueness.refuse_exclusions(self._main, task.model.relation, task.model.name)
        self._probe(task)
        catalog.check_target(self._main, task)

    def foreign_on_path(self) -> str:
        """Return whose code bare names in the user's SQL may call; empty if nobody else's."""
        with self._open() as session:
            return paths.foreign_on_path(session)

    def count_to(self, relation: Relation, most: int) -> int:
        """Return how many rows the relation has, or `most` if it has more."""
        few = sql.SQL("select pg_catalog.count(*) from (select from {} limit {}) as few")
        copying.refuse_foreign_query(self._main, relation)
        with translate_errors(f"count the rows of {relation}"):
            row = self._main.execute(few.format(identifier(relation), most)).fetchone()
        return int(str(row[0])) if row else 0

    def describe(self, relation: Relation) -> tuple[Column, ...]:
        """Return the columns of `relation`; none when it does not exist."""
        with self._open() as session:
            return catalog.describe(session, relation)

    def layout(self, relations: Iterable[Relation]) -> RelationLayout:
        """Return the columns and unique keys of many relations; those that do not exist have none."""
        with self._open() as session:
            return layout.layout(session, relations)

    def twins(self, schema: str) -> dict[str, str]:
        """Return the stamp of every published twin, by its name."""
        with self._open() as session:
            return catalog.twins(session, schema)

    def column_changes(self, task: Task) -> str:
        """Return how the columns of the published twin differ from what it must have."""
        existing = self.describe(task.target)
        dropped_columns = {name for name, role in task.model.roles.items() if role is Role.DROP}
        columns = [
            column for column in self._twin_columns(task.model.relation) if column.name not in dropped_columns
        ]
        return catalog.columns_changed(columns, existing) if existing else ""

    def _twin_columns(self, relation: Relation) -> tuple[Column, ...]:
        """Return the columns of a twin of `relation`, without the domains that it does not take over."""
        with self._open() as session:
            columns = catalog.describe(session, relation)
            lost = {name for kind, name in copying.left_out(session, relation) if kind is Attachment.COLUMN}
            kinds = copying.base_types(session, relation) if lost else {}
        kinds = {name: kind for name, kind in kinds.items() if name in lost}
        return tuple(replace(one, data_type=kinds.get(one.name, one.data_type)) for one in columns)

    def uniqueness(self, relation: Relation) -> tuple[Uniqueness, ...]:
        """Return what keys and unique indexes say; see `synth.warehouse.uniqueness.uniqueness`."""
        with self._open() as session:
            return uniqueness.uniqueness(session, relation)

    def repeated_rows(self, rows: Candidates, unique: Sequence[Uniqueness]) -> tuple[frozenset[int], ...]:
        """Return which rows repeat a key; see `synth.warehouse.uniqueness.repeated_rows`."""
        with self._open() as session:
            return uniqueness.repeated_rows(session, rows, unique)

    def left_out(self, model: Model, *, looks: bool) -> tuple[str, ...]:
        """Return what its twin goes without; see `synth.warehouse.copying.in_words`."""
        with self._open() as session:
            return copying.in_words(session, model, looks=looks)

    def telling_texts(self, relation: Relation, texts: Collection[str]) -> frozenset[str]:
        """Return which texts hold a real value; see `synth.warehouse.mentions.telling_texts`."""
        with self._open() as session:
            return mentions.telling_texts(session, relation, texts)

    def _probe(self, task: Task) -> None:
        """Read no row, which fails for every reason that reading them would."""
        relation = task.model.relation
        hint = f"let this role read all of its rows, or exclude {task.model.name}"
        with translate_errors(f"read {relation} ({task.model.name})", hint):
            self._main.execute(sql.SQL("select from {} limit 0").format(identifier(relation)))

    @contextmanager
    def claim(self, invocation_id: str, staging_schema: str) -> Iterator[None]:
        """Tell other runs that this one is alive; clear away what dead ones left, and in the end its own."""
        with translate_errors("take the lock of this run"):
            self._main.execute("select pg_catalog.pg_advisory_lock(%s)", (staging.run_lock(invocation_id),))
        staging.sweep(self._main, staging_schema)
        try:
            yield
        except BaseException:
            self._is_stopped = True  # whoever still works on a model comes no further than its next query
            raise
        finally:
            with suppress(WarehouseError):  # the next run sweeps what cannot be dropped now
                session = open_session(self._conninfo, self._role)
                with session:
                    staging.release(session, staging_schema, invocation_id)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Open one moment of the database at which all models are read."""
        with self._open() as session, extract.exported_snapshot(session) as name:
            yield Snapshot(self._open, name)

    def stage(
        self,
        task: Task,
        stage: Stage,
        *,
        columns: Sequence[Column],
        compared_columns: Sequence[str] = (),
        table: pa.Table | PartOfTwin | None,
    ) -> Stage:
        """Put `table` where the twin of `task` waits; else a part of another, or the rows of its model."""
        names = {column.name for column in columns}
        with self._open() as session:
            source = catalog.describe(session, task.model.relation)
            return staging.stage(
                session,
                task.model,
                stage,
                columns=columns,
                dropped_columns=[column.name for column in source if column.name not in names],
                compared_columns=compared_columns,
                table=table,
            )

    def publish(self, stages: Sequence[Stage], *, analysts: Sequence[str], full_refresh: bool) -> None:
        """Publish the stages together or not at all; see `synth.warehouse.publish.publish`."""
        with self._open() as session:
            publish.publish(session, stages, analysts=analysts, full_refresh=full_refresh)

    def reject(self, stage: Stage, *, analysts: Sequence[str]) -> None:
        """Record a twin that is not published; see `synth.warehouse.publish.reject`."""
        with self._open() as session:
            publish.reject(session, stage, analysts=analysts)

    def spend(self, schema: str, cost: Cost, budget: float | None) -> Spending:
        """Record what a twin is about to cost; see `synth.warehouse.spending.spend`."""
        with self._open() as session:
            return spending.spend(session, schema, cost, budget)

    def explain_cost(self, schema: str, cost: Cost, releases: Sequence[Mapping[str, object]]) -> None:
        """Record what a twin was paid for; see `synth.warehouse.spending.explain`."""
        with self._open() as session:
            spending.explain(session, schema, cost, releases)

    def spending_by_domain(self, schema: str) -> Mapping[str, Spending]:
        """Return what twins by guarantee have cost so far, by whom they are about."""
        with self._open() as session, translate_errors(f"read the ledger of {schema}"):
            return spending.read_spending(session, schema)

    def enums(self, relation: Relation) -> Mapping[str, tuple[str, ...]]:
        """Return the labels of columns whose type lists them."""
        with self._open() as session:
            return catalog.enums(session, relation)

    def undecided_requests(self, schema: str, unique_id: str, fingerprint: str) -> frozenset[str]:
        """Return what was asked about these source rows before and not answered by a pass, by its name."""
        with self._open() as session, translate_errors(f"read the ledger of {schema}"):
            return ledger.undecided_requests(session, schema, unique_id, fingerprint)

    def published_twins(self, schema: str) -> Mapping[str, PublishedTwin]:
        """Return what the ledger of `schema` says is published of each model, by `unique_id`."""
        with self._open() as session, translate_errors(f"read the ledger of {schema}"):
            twins, digests = ledger.latest(session, schema), spending.sources(session, schema)
        return {
            name: replace(one, inputs={**one.inputs, ledger.ROWS: digests[name, one.invocation_id]})
            if (name, one.invocation_id) in digests
            else one
            for name, one in twins.items()
        }

    def content(self, relation: Relation) -> str:
        """Return a name for the rows of a twin; see `synth.warehouse.content.content`."""
        with self._open() as session:
            return content.content(session, relation)

    def note(self, schema: str, run_id: str, unique_ids: Sequence[str], state: State) -> None:
        """Record how far models of a named run are in the staging schema, which is made if it is missing."""
        if not unique_ids:
            return
        with self._open() as session, translate_errors(f"record run {run_id}"):
            staging.create_schema(session, schema, private=True)
            with session.transaction():
                staging.lock_schema(session, schema)
                units.prepare(session, schema)
                for unique_id in unique_ids:
                    units.note(session, schema, run_id, unique_id, state)

    def inspect(
        self, schema: str, *, staging: str, sources: Mapping[str, Relation], thorough: bool = False
    ) -> Inspection:
        """Return what is in `schema`, and what of it must not be; see `synth.warehouse.guard.inspect`."""
        with self._open() as session:
            return guard.inspect(session, schema, staging=staging, sources=sources, thorough=thorough)

    def units(self, schema: str, run_id: str) -> Mapping[str, Unit]:
        """Return what a named run has made so far, by `unique_id`."""
        with self._open() as session:
            return units.read(session, schema, run_id)

    def is_alive(self, invocation_id: str) -> bool:
        """Return whether the command of that id still works."""
        with translate_errors("look for other runs"):
            lock = (staging.run_lock(invocation_id),)
            if self._main.execute("select pg_catalog.pg_try_advisory_lock(%s)", lock).fetchone() != (True,):
                return True
            self._main.execute("select pg_catalog.pg_advisory_unlock(%s)", lock)
            return False

    def measure(
        self, model: str, real: Sequence[tuple[str, str]], twin: Sequence[tuple[str, str]]
    ) -> Measurements:
        """Return one query on both sides, in aggregates; see `synth.warehouse.comparing.measure`."""
        with self._open() as session:
            return comparing.measure(session, model, real, twin)

    def read_keys(self, relation: Relation, column: str, *, from_stage: bool = False) -> pa.Array | None:
        """Return the keys of a twin published or staged before; None when there is no such twin or column.

        Raises:
            WarehouseError: there is something else of that name, whose keys may be real.
        """
        with self._open() as session:
            if not from_stage and not publish.is_twin(session, relation):
                return None
            columns = [item for item in catalog.describe(session, relation) if item.name == column]
            if not columns:
                return None
            with extract.exported_snapshot(session) as name, self._open() as reader:
                table = extract.extract(reader, relation, columns, snapshot=name)
            return table.column(0).combine_chunks().drop_null().unique()

    def counts(self, relation: Relation, columns: Sequence[Column]) -> dict[str, ValueCounts] | None:
        """Return how the values of columns repeat; see `synth.warehouse.values.profile`."""
        return values.profile(self._main, relation, columns)

    def count_missing(
        self, child: Relation, column: Column, parent: Relation, parent_column: Column
    ) -> Inclusion | None:
        """Return which values of a column another one lacks; see `synth.warehouse.values.count_missing`."""
        return values.count_missing(self._main, child, column, parent, parent_column)

    def count_spread(self, relation: Relation, key: str, value: str, most: int = 1) -> Spread | None:
        """Return how many keys have several values; see `synth.warehouse.values.count_spread`."""
        return values.count_spread(self._main, relation, key, value, most)

    def sample(self, relation: Relation, columns: Sequence[Column], rows: int) -> pa.Table:
        """Return the first rows of a relation as Arrow."""
        with translate_errors(f"read {relation}"), self._main.transaction():
            return extract.read(self._main, relation, columns, most=rows)

    def head(self, relation: Relation, rows: int) -> tuple[list[str], list[tuple[object, ...]]]:
        """Return the names and the first rows of a published twin, to show."""
        with self._open() as session:
            return extract.head(session, relation, rows)

    def constraints(self, relation: Relation) -> tuple[Rule, ...]:
        """Return what CHECKs and domains demand of each row; see `synth.warehouse.constraints`."""
        with self._open() as session:
            return constraints.constraints(session, relation, copying.left_out(session, relation))

    def understand(
        self, relation: Relation, stated_rules: Sequence[Rule], staging_schema: str
    ) -> tuple[ParsedRule, ...]:
        """Return the columns that rules mention; see `synth.warehouse.understanding.understand`."""
        with self._open() as session:
            return understanding.understand(session, relation, stated_rules, staging_schema)

    def judge_rows(
        self, rows: Candidates, stated_rules: Sequence[Rule], equations: Sequence[Equation] = ()
    ) -> Judgement:
        """Return which rows break a rule about single rows; see `synth.warehouse.rules.judge_rows`."""
        with self._open() as session:
            return rules.judge_rows(session, rows, stated_rules, equations)

    def agree(
        self, rows: Mapping[str, Candidates], steps: Sequence[Assignment], tables: Mapping[str, FactTable]
    ) -> tuple[dict[str, pa.Table], dict[Across, int]]:
        """Return columns of twins as facts across them say; see `synth.warehouse.across.agree`."""
        with self._open() as session, translate_errors("make twins agree"):
            return across.agree(session, rows, steps, tables)

    def broken_together(self, rows: Candidates, stated_rules: Sequence[Rule]) -> tuple[RuleOutcome, ...]:
        """Return how often a twin breaks each rule; see `synth.warehouse.rules.broken_together`."""
        with self._open() as session:
            return rules.broken_together(session, rows, stated_rules)
