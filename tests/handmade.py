"""dbt projects made by hand: a manifest without dbt beside tables made with SQL, to run `synth` on."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from synth import backends
from synth.cli import main
from tests.services import clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.services import Database

ROOT = Path(__file__).parents[1]
SCHEMA = "analytics"
PROFILE = """
hand:
  target: dev
  outputs:
    dev:
      type: postgres
      host: "{{ env_var('PGHOST') }}"
      port: "{{ env_var('PGPORT') | int }}"
      user: "{{ env_var('PGUSER') }}"
      password: "{{ env_var('PGPASSWORD') }}"
      dbname: "{{ env_var('PGDATABASE') }}"
      schema: analytics
      threads: 2
    prod: {type: postgres, host: h, port: 5432, user: u, password: p, dbname: prod, schema: marts}
"""
# As good as drawn at random, and the same every time.
PEOPLE = """
create table analytics.people (id integer not null, batch integer not null, city text, age integer);
insert into analytics.people
select
    n, 0, (array['Oslo', 'Rome', 'Bern'])[1 + (hashint4(n) & 65535) % 3], 20 + 10 * (hashint4(n + 1000) & 3)
from generate_series(1, 120) n;
"""
# It draws rows by its own `synthesize` alone, also those that the local engine would draw as histories.
BACKEND = """
import os, time
from dataclasses import replace
from pathlib import Path
from synth.backends.local import LocalBackend

class Backend(LocalBackend):
    capabilities = replace(LocalBackend.capabilities, histories=False)

    def synthesize(self, training, request, workdir):
"""
ORDERS = """
create table analytics.orders (order_id integer not null, person_id integer not null, amount integer);
insert into analytics.orders
select n, 1 + (hashint4(n) & 65535) % 120, 10 + (hashint4(n + 1000) & 3) from generate_series(1, 200) n;
"""
SOON = {"PGOPTIONS": "-c lock_timeout=300ms"}
GATE = """
gate = Path(os.environ["GATE"])
gate.with_name("waiting").touch()
while not gate.exists():
    time.sleep(0.05)
return super().synthesize(training, request, workdir)
"""
TWIN = "select * from synthetic.people order by id"
COMMENT = "select obj_description('synthetic.people'::regclass, 'pg_class')"


BLOCK_LOCK = """
select from pg_stat_activity
where application_name = 'synth' and datname = current_database() and wait_event_type = 'Lock'
"""
STAGES = """
select relname from pg_class where relnamespace = to_regnamespace('synthetic__staging') and relkind = 'r'
"""


@dataclass(frozen=True)
class Answer:
    """What a call of `synth` left behind."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def lines(self) -> list[str]:
        """Every line that says something, without the clock."""
        lines = [re.sub(r"^\d\d:\d\d:\d\d  ", "", line) for line in self.text.splitlines()]
        return [line for line in lines if line.strip()]


@dataclass
class Handmade:
    """A project folder, the database behind it, and `synth` in this process or in one of its own."""

    database: Database
    folder: Path
    session: psycopg.Connection
    environment: dict[str, str] = field(repr=False)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @classmethod
    @contextlib.contextmanager
    def made(cls, database: Database, folder: Path) -> Iterator[Handmade]:
        (folder / "dbt_project.yml").write_text("name: hand\nprofile: hand\nversion: '1.0'\n")
        (folder / "profiles.yml").write_text(PROFILE)
        environment = {
            **database.environment,
            "SYNTH_STORE": str(folder / "store"),
            "SYNTH_ON_INCONCLUSIVE": "warn",  # the tables are tiny
            "SYNTH_TESTS": "false",  # there are no files for dbt to read
            "OMP_NUM_THREADS": "1",
        }
        with database.connect() as session:
            session.execute("create schema analytics")
            project = cls(database, folder, session, environment)
            project.write({})
            try:
                yield project
            finally:
                for process in project.started:
                    process.kill()  # one that has ended is left alone
                    process.communicate()

    # --- what is there

    @property
    def manifest(self) -> Path:
        return self.folder / "target" / "manifest.json"

    def write(self, nodes: Mapping[str, Any], **other: Any) -> None:
        """A manifest of these nodes."""
        metadata = {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
            "project_name": "hand",
            "adapter_type": "postgres",
        }
        self.manifest.parent.mkdir(exist_ok=True)
        self.manifest.write_text(json.dumps({"metadata": metadata, "nodes": nodes, "disabled": {}, **other}))

    def people(self) -> None:
        """One tagged model `people`, built, with 120 rows and the key `id`."""
        self.session.execute(PEOPLE)
        self.write({**self.model("people"), **self.key("people", "id")})

    def model(self, name: str, **changes: Any) -> dict[str, Any]:
        """A tagged table as the manifest has it."""
        node = {
            "unique_id": f"model.hand.{name}",
            "name": name,
            "resource_type": "model",
            "package_name": "hand",
            "original_file_path": f"models/{name}.sql",
            "patch_path": "hand://models/_models.yml",
            "fqn": ["hand", name],
            "database": self.database.name,
            "schema": SCHEMA,
            "alias": name,
            "relation_name": f'"{self.database.name}"."{SCHEMA}"."{name}"',
            "language": "sql",
            "columns": {},
            "config": {"materialized": "table", "meta": {"synthesize": True}},
        }
        return {f"model.hand.{name}": {**node, **changes}}

    def key(self, name: str, column: str) -> dict[str, Any]:
        """The tests that make `column` the primary key."""
        return {**self.test("unique", name, column), **self.test("not_null", name, column)}

    def reference(self, child: str, column: str, parent: str, parent_column: str) -> dict[str, Any]:
        """The test that makes `column` a foreign key."""
        return self.test("relationships", child, column, to=f"ref('{parent}')", field=parent_column)

    def test(self, kind: str, name: str, column: str, **kwargs: Any) -> dict[str, Any]:
        parents = [
            f"model.hand.{name}",
            *(f"model.hand.{word}" for word in re.findall(r"'(\w+)'", kwargs.get("to", ""))),
        ]
        unique_id = f"test.hand.{kind}_{name}_{column}"
        node = {
            "unique_id": unique_id,
            "name": unique_id.rpartition(".")[2],
            "resource_type": "test",
            "test_metadata": {"name": kind, "kwargs": {"column_name": column, **kwargs}},
            "attached_node": f"model.hand.{name}",
            "depends_on": {"nodes": parents},
            "config": {"severity": "ERROR"},
        }
        return {unique_id: node}

    def configure(self, **options: Any) -> None:
        """`vars: {synth: …}` of the project."""
        project = {"name": "hand", "profile": "hand", "version": "1.0", "vars": {"synth": options}}
        (self.folder / "dbt_project.yml").write_text(json.dumps(project))

    def backend(self, name: str, body: str) -> None:
        """Install a backend whose `synthesize` has this body, for all whose path leads to `plugins`."""
        plugins = self.folder / "plugins"
        metadata = plugins / f"{name}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[synth.backends]\n{name} = {name}:Backend\n")
        (plugins / f"{name}.py").write_text(BACKEND + indent(body, " " * 8))
        self.environment["PYTHONPATH"] = os.pathsep.join((str(ROOT), str(plugins)))
        importlib.invalidate_caches()
        backends._entry_points.cache_clear()

    def await_(self, query: str) -> None:
        """Return when `query` finds a row."""
        deadline = time.monotonic() + 60
        while not self.rows(query):
            assert time.monotonic() < deadline, query
            time.sleep(0.02)

    # --- what is asked

    def synth(self, *arguments: str, **variables: str) -> Answer:
        """`synth` in this process."""
        out, err, code = io.StringIO(), io.StringIO(), 0
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**self.environment, **variables}.items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    main(arguments)
                except SystemExit as end:
                    code = int(end.code or 0)
        return Answer(code, out.getvalue(), err.getvalue())

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """`synth` in a process of its own."""
        process = subprocess.Popen(
            [sys.executable, "-m", "synth", *arguments],
            cwd=self.folder,
            env={**clean_environment(), "PYTHONPATH": str(ROOT), **self.environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def call(self, *arguments: str, **variables: str) -> Answer:
        """`synth` in a process of its own, to its end."""
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=120)
        return Answer(process.returncode, out, err)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query that a test wrote."""
        return self.session.execute(sql.SQL(query)).fetchall()

    def value(self, query: str) -> Any:
        return self.rows(query)[0][0]

    def results(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "target/synth/run_results.json").read_text())
        return content

    def nothing_changed(self) -> bool:
        """Whether there is no schema of ours, no stored object and no folder of a model in a run."""
        schemas = self.value("select count(*) from pg_namespace where nspname like 'synthetic%'")
        left = [path for path in (self.folder / "store").rglob("*") if path.is_file()]
        models = list((self.folder / "target" / "synth" / "runs").glob("*/*/"))
        return schemas == 0 and not left and not models

    # --- what happens meanwhile

    def with_orders(self, **options: object) -> None:
        """People and their orders, which are published together; `options` are `meta.synth` of the orders."""
        self.session.execute(ORDERS)
        config = {"materialized": "table", "meta": {"synthesize": True, "synth": options}}
        nodes = self.model("people") | self.model("orders", config=config)
        facts = self.key("people", "id") | self.key("orders", "order_id")
        self.write(nodes | facts | self.reference("orders", "person_id", "people", "id"))

    @contextlib.contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Somebody else holds a lock on the twin `table`."""
        with psycopg.connect(**self.database.conninfo) as session:
            statement = sql.SQL("lock table {} in share mode")
            session.execute(statement.format(sql.Identifier("synthetic", table)))
            yield
            session.rollback()

    def await_gate(self) -> None:
        """Return when a run has come to the backend `GATE`, where it waits for the file `open`."""
        deadline = time.monotonic() + 60
        while not (self.folder / "waiting").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
