"""Twins of tables that a test makes by hand: the real pipeline on a warehouse without dbt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from synth.domain import Model, ModelResult, Options, Policy, Relation, Rows, Task
from synth.evaluate import LIMITS
from synth.pipeline import run
from synth.runs.artifacts import file_name
from synth.runs.invocation import Invocation
from synth.settings import Flags, Settings, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psycopg
    import pyarrow as pa

    from tests.services import Database

SCHEMA = "marts"  # where the tables of a test are
TWINS = "synthetic"

PROFILES = """
test:
  target: dev
  outputs:
    dev:
      type: postgres
      host: "{{ env_var('PGHOST') }}"
      port: "{{ env_var('PGPORT') | int }}"
      user: "{{ env_var('PGUSER') }}"
      password: "{{ env_var('PGPASSWORD') }}"
      dbname: "{{ env_var('PGDATABASE') }}"
      schema: dbt
      threads: 2
"""


@dataclass
class Studio:
    """A project without models beside an empty warehouse, in which `run` makes twins of tables."""

    database: Database
    folder: Path
    session: psycopg.Connection
    runs: int = 0

    @classmethod
    def open(cls, database: Database, folder: Path) -> Iterator[Studio]:
        (folder / "dbt_project.yml").write_text("name: test\nprofile: test\nversion: 1.0.0\n")
        (folder / "profiles.yml").write_text(PROFILES)
        with database.connect() as session:
            studio = cls(database, folder, session)
            studio.sql(f"create schema {SCHEMA}")
            studio.sql(f"set search_path = {SCHEMA}, public")
            studio.sql("set timezone = 'UTC'")
            yield studio

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def settings(self) -> Settings:
        flags = Flags(project_dir=self.folder, profiles_dir=self.folder, options={"store": str(self.store)})
        return resolve(flags, self.database.environment)

    def model(self, name: str, **facts: object) -> Model:
        """The model behind the table `name`, with whatever else its manifest would say."""
        relation = Relation(self.database.name, SCHEMA, name)
        model = Model(f"model.test.{name}", name, relation, "models/test.yml", "table")
        return replace(model, **facts)  # type: ignore[arg-type] # the caller names fields of Model

    def run(
        self,
        *models: Model,
        seed: int = 0,
        rows: Rows = Rows(),  # noqa: B008 - frozen
        strict: bool = False,
    ) -> tuple[ModelResult, ...]:
        """Run the pipeline for these models, parents first.

        The tables of most tests are too small, and too strange, for the gate to find nothing: unless
        `strict`, its limits are as wide as they can be.
        """
        self.runs += 1
        targets = {m.unique_id: Relation(self.database.name, TWINS, m.relation.name) for m in models}
        options = Options(rows=rows, seed=seed, on_inconclusive=Policy.BLOCK)
        if not strict:
            options = replace(options, on_inconclusive=Policy.WARN, limits=dict.fromkeys(LIMITS, 1e9))
        tasks = tuple(Task(m, targets[m.unique_id], options) for m in models)
        return run(Invocation(tasks, targets, {}, force=True), self.settings(), self.run_id).results

    @property
    def run_id(self) -> str:
        """The id of the last run."""
        return f"20240101-{self.runs:08x}"

    def artifact(self, name: str, file: str) -> Path:
        """A file that the last run stored for analysts."""
        return self.store / "twins" / self.run_id / file_name(name) / file

    def parquet(self, name: str) -> pa.Table:
        """The twin as the last run stored it."""
        return pq.read_table(self.artifact(name, "data.parquet"))

    def sql(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows that `query` gives, if it gives any."""
        cursor = self.session.execute(query.encode(), values or None)
        return cursor.fetchall() if cursor.description else []
