"""Twins are replaced in one moment, or stay as they were: readers, rights, dependents, kills and races."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from synth.warehouse.session import open_session
from synth.warehouse.staging import create_schema
from tests.handmade import BLOCK_LOCK, COMMENT, GATE, SOON, STAGES, TWIN, Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database


@pytest.fixture
def project(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as handmade:
        handmade.people()
        yield handmade


@pytest.fixture
def role(project: Handmade) -> Iterator[str]:
    """A role that may log in and nothing else."""
    name = f"role_{uuid4().hex[:12]}"
    identifier = sql.Identifier(name)
    project.session.execute(sql.SQL("create role {} login password 'secret'").format(identifier))
    yield name
    project.session.execute(sql.SQL("drop owned by {}").format(identifier))
    project.session.execute(sql.SQL("drop role {}").format(identifier))


def connect_as(project: Handmade, role: str) -> psycopg.Connection:
    return psycopg.connect(
        **{**project.database.conninfo, "user": role, "password": "secret"}, autocommit=True
    )


# --- what readers see


@pytest.mark.slow
def test_a_reader_sees_whole_twins_only_while_four_are_published(project: Handmade) -> None:
    query = "select count(*), min(batch), max(batch) from synthetic.people"
    assert project.synth("run", "--rows", "100").code == 0
    row_sets: set[tuple[int, ...]] = set()
    stop = threading.Event()

    def read() -> int:
        reads = 0
        with project.database.connect() as session:
            while not stop.is_set():
                row_sets.update(session.execute(query).fetchall())
                reads += 1
        return reads

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        try:
            for batch in range(1, 5):
                project.session.execute("update analytics.people set batch = %s", (batch,))
                assert project.synth("run", "--rows", str(100 + batch)).code == 0
        finally:
            stop.set()
        assert reader.result() > 100
    assert row_sets <= {(100 + batch, batch, batch) for batch in range(5)}
    assert len(row_sets) > 2


def test_views_grants_and_indexes_on_a_twin_survive_a_run(project: Handmade, role: str) -> None:
    project.synth("run", "--rows", "50")
    project.session.execute("create view public.young as select * from synthetic.people where age < 40")
    project.session.execute(sql.SQL("grant select on synthetic.people to {}").format(sql.Identifier(role)))
    project.session.execute("create index by_city on synthetic.people (city)")
    assert project.synth("run", "--rows", "60").code == 0
    assert project.value("select count(*) from public.young") > 0
    assert project.value(f"select has_table_privilege('{role}', 'synthetic.people', 'select')")
    assert project.value("select to_regclass('synthetic.by_city') is not null")
    assert project.value("select count(*) from synthetic.people") == 60


def test_the_comment_names_the_run_and_the_ledger_has_a_row_a_model_and_run(project: Handmade) -> None:
    project.with_orders()
    runs = []
    for _ in range(2):
        assert project.synth("run", "--force").code == 0
        runs.append(project.results()["metadata"]["invocation_id"])
    assert f"run {runs[1]}, backend local, verdict inconclusive" in project.value(COMMENT)
    ledger = project.rows("select run_id, unique_id, rows, verdict from synthetic._synth_runs order by 1, 2")
    assert [row[:2] for row in ledger] == [
        (run, name) for run in sorted(runs) for name in ("model.hand.orders", "model.hand.people")
    ]
    twins = [project.value(f"select count(*) from synthetic.{name}") for name in ("orders", "people")]
    assert [rows for *_, rows, _ in ledger[2:]] == twins
    assert {(name, verdict) for _, name, _, verdict in ledger} == {
        ("model.hand.orders", "pass"),
        ("model.hand.people", "inconclusive"),
    }


def test_a_twin_says_what_was_counted_and_what_was_let_through(project: Handmade) -> None:
    project.with_orders(limits={"tstr": 0.9})
    assert project.synth("run").code == 0
    equal = project.value(
        "select count(*) from synthetic.people where (city, age, batch) in"
        " (select city, age, batch from analytics.people)"
    )
    assert equal > 0
    comment = project.value(COMMENT)
    assert (
        f": {equal} of 120 rows equal a real one in all columns but keys and identifiers; judged by "
        in comment
    )
    assert "; undecided, let through: " in comment
    assert "limits moved" not in comment
    orders = project.value("select obj_description('synthetic.orders'::regclass, 'pg_class')")
    assert "; limits moved: tstr 0.9." in orders
    columns = "limits, policy, attempt, retry_reason"
    ledger = project.rows(f"select {columns}, equal_rows from synthetic._synth_runs order by relation")
    assert ledger[0][:4] == ({"tstr": 0.9}, "warn", 1, None)
    assert ledger[1] == ({}, "warn", 1, None, equal)


# --- rights


def test_analysts_read_twins_and_the_ledger_and_nothing_else(project: Handmade, role: str) -> None:
    project.configure(analyst_role=role)
    project.backend("gate", GATE)
    project.with_orders(backend="gate")
    running = project.start("run", GATE=str(project.folder / "open"))
    project.await_(STAGES)
    stage = project.value(STAGES)
    with connect_as(project, role) as analyst:
        for table in ("analytics.people", f"synthetic__staging.{stage}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                analyst.execute(f"select * from {table}")
        (project.folder / "open").touch()
        assert running.wait(60) == 0
        for table in ("people", "orders", "_synth_runs"):
            assert analyst.execute(f"select count(*) from synthetic.{table}").fetchone() != (0,)
        for statement in (
            "delete from synthetic.people",
            "insert into synthetic.people select * from synthetic.people",
            "create table synthetic.mine (id integer)",
            "update synthetic._synth_runs set verdict = 'pass'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                analyst.execute(statement)
    running.communicate()


# --- changed columns


def test_changed_columns_are_refused_before_anything_is_learned(project: Handmade) -> None:
    project.synth("run")
    before = project.rows(TWIN), project.value(COMMENT)
    project.session.execute("alter table analytics.people add column shoe integer default 40")
    answer = project.synth("run")
    assert answer.code == 1
    assert "ERROR synthetic.people: The columns of people changed" in answer.text
    assert "(new shoe). Next: synth run --select people --full-refresh" in answer.text
    assert (project.rows(TWIN), project.value(COMMENT)) == before
    assert project.rows(STAGES) == []


def test_a_full_refresh_recreates_a_twin_with_its_grants(project: Handmade, role: str) -> None:
    project.synth("run")
    who = sql.Identifier(role)
    project.session.execute(sql.SQL("grant select on synthetic.people to public, {}").format(who))
    project.session.execute(sql.SQL("grant delete on synthetic.people to {} with grant option").format(who))
    project.session.execute("alter table analytics.people add column shoe integer default 40")
    assert project.synth("run", "--full-refresh").code == 0
    assert project.value("select count(shoe) from synthetic.people") == 120
    has = f"select has_table_privilege('{role}', 'synthetic.people', '{{}}')"
    assert project.value(has.format("select"))
    assert project.value(has.format("delete with grant option"))
    assert not project.value(has.format("insert"))


def test_a_full_refresh_drops_nobody_elses_view(project: Handmade) -> None:
    project.synth("run")
    project.session.execute("create view public.young as select id from synthetic.people")
    before = project.rows(TWIN), project.value(COMMENT)
    answer = project.synth("run", "--full-refresh")
    assert answer.code == 1
    assert "view public.young depends on table synthetic.people" in answer.text
    assert "without --full-refresh" in answer.text
    assert (project.rows(TWIN), project.value(COMMENT)) == before
    assert project.value("select count(*) from public.young") == 120


# --- what is not ours


@pytest.mark.parametrize("kind", ["table", "view", "materialized view"])
def test_a_relation_that_is_no_twin_is_never_touched(project: Handmade, kind: str) -> None:
    project.session.execute(f"create schema synthetic; create {kind} synthetic.people as select 1 as mine")
    for flag in ((), ("--full-refresh",)):
        answer = project.synth("run", *flag)
        assert answer.code in {1, 2}
        assert "is not a twin made by synth; it stays as it is" in answer.text
    assert project.rows("select * from synthetic.people") == [(1,)]


def test_a_table_that_appears_during_the_run_is_not_touched_either(project: Handmade) -> None:
    project.backend("gate", GATE)
    running = project.start("run", "--backend", "gate", GATE=str(project.folder / "open"))
    project.await_gate()
    project.session.execute("create schema synthetic; create table synthetic.people as select 1 as mine")
    (project.folder / "open").touch()
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "is not a twin made by synth" in out
    assert project.rows("select * from synthetic.people") == [(1,)]
    assert project.rows(STAGES) == []


# --- all or nothing


def test_a_failure_in_the_middle_of_a_cluster_leaves_all_of_it_as_it_was(project: Handmade) -> None:
    project.with_orders()
    assert project.synth("run").code == 0
    before = project.rows(TWIN), project.value(COMMENT), project.rows("select * from synthetic._synth_runs")
    with project.locked("orders"):  # people come first in the transaction
        answer = project.synth("run", "--seed", "7", **SOON)
    assert answer.code == 1
    assert answer.text.count("ERROR synthetic.") == 2
    after = project.rows(TWIN), project.value(COMMENT), project.rows("select * from synthetic._synth_runs")
    assert after == before
    assert project.rows(STAGES) == []
    assert project.synth("run", "--seed", "7").code == 0
    assert project.rows(TWIN) != before[0]


def test_a_lock_on_the_twin_ends_in_a_clear_error(project: Handmade) -> None:
    project.synth("run")
    with project.locked("people"):
        answer = project.synth("run", "--force", **SOON)
    assert answer.code == 1
    assert "ERROR synthetic.people: Could not publish synthetic.people: canceling statement" in answer.text
    assert "Next: somebody else holds a lock on it; when that has ended, run again." in answer.text
    assert [item["status"] for item in project.results()["results"]] == ["error"]


@pytest.mark.slow
def test_a_stage_that_lost_rows_is_not_published(project: Handmade) -> None:
    project.synth("run")
    before = project.rows(TWIN)
    with project.locked("people"):
        running = project.start("run", "--seed", "7")
        project.await_(BLOCK_LOCK)
        project.session.execute(f"delete from synthetic__staging.{project.value(STAGES)} where age < 40")
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "The stage of synthetic.people lost rows" in out
    assert project.rows(TWIN) == before


def test_a_source_that_is_rebuilt_during_the_run_is_no_empty_twin(project: Handmade) -> None:
    """The rows of all models are read before the first twin is made, as of one moment."""
    project.backend("gate", GATE)
    project.session.execute("create table analytics.zoo as select * from analytics.people")
    gate_config = {
        "config": {"materialized": "table", "meta": {"synthesize": True, "synth": {"backend": "gate"}}}
    }
    project.write(
        {**project.model("people", **gate_config), **project.key("people", "id"), **project.model("zoo")}
    )
    running = project.start("run", "--threads", "1", GATE=str(project.folder / "open"))
    project.await_gate()
    project.session.execute("create table analytics.zoo__new as select * from analytics.zoo limit 30")
    project.session.execute("drop table analytics.zoo; alter table analytics.zoo__new rename to zoo")
    (project.folder / "open").touch()
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 0, out
    assert project.rows("select (select count(*) from synthetic.zoo), count(*) from synthetic.people") == [
        (120, 120)
    ]


# --- two at once


@pytest.mark.slow
def test_two_runs_at_once_both_end_well(project: Handmade) -> None:
    project.with_orders()
    running = [project.start("run", "--seed", str(seed)) for seed in (1, 2)]
    answers = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], answers
    orphans = "select count(*) from synthetic.orders where person_id not in (select id from synthetic.people)"
    assert project.value(orphans) == 0
    assert project.value("select count(*) from synthetic._synth_runs") == 4
    assert project.rows(STAGES) == []


@pytest.mark.slow
def test_a_run_leaves_the_stages_of_another_one_alone(project: Handmade) -> None:
    project.backend("gate", GATE)
    project.with_orders(backend="gate")
    running = project.start("run", GATE=str(project.folder / "open"))
    project.await_(STAGES)
    project.write({**project.model("people"), **project.key("people", "id")})
    assert project.synth("run").code == 0
    assert len(project.rows(STAGES)) == 1
    (project.folder / "open").touch()
    running.communicate(timeout=60)
    assert running.returncode == 0


def test_a_schema_is_created_once_however_many_ask_for_it(project: Handmade) -> None:
    start = threading.Barrier(6)

    def create(_: int) -> None:
        session = open_session(project.database.conninfo, None)
        with session:
            start.wait()
            create_schema(session, "synthetic", private=True)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(create, range(6)))
    assert project.value("select count(*) from pg_namespace where nspname = 'synthetic'") == 1
