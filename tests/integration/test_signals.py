"""A run that is killed or interrupted leaves the twins as they were and nothing behind."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.handmade import BLOCK_LOCK, COMMENT, STAGES, TWIN, Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database


@pytest.fixture
def project(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as handmade:
        handmade.people()
        yield handmade


def test_after_a_kill_the_old_twin_is_intact_and_the_next_run_sweeps(project: Handmade) -> None:
    project.synth("run")
    before = project.rows(TWIN), project.value(COMMENT)
    with project.locked("people"):
        process = project.start("run", "--seed", "7")
        project.await_(BLOCK_LOCK)
        process.kill()
        process.communicate()
    assert (project.rows(TWIN), project.value(COMMENT)) == before
    assert len(project.rows(STAGES)) == 1
    project.await_(
        "select where not exists (select from pg_stat_activity where application_name = 'synth' "
        "and datname = current_database())"
    )  # the server learns of the kill when it next speaks
    assert project.synth("run", "--seed", "7").code == 0
    assert project.rows(STAGES) == []
    assert project.rows(TWIN) != before[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_publishing_changes_nothing(project: Handmade, number: signal.Signals) -> None:
    project.synth("run")
    before = project.rows(TWIN), project.value(COMMENT)
    with project.locked("people"):
        process = project.start("run", "--seed", "7")
        project.await_(BLOCK_LOCK)
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (1, "")
    assert "Interrupted: what is not published was put away. Next: synth retry" in out
    assert (project.rows(TWIN), project.value(COMMENT)) == before
    assert project.rows(STAGES) == []
    assert project.results()["results"][0]["message"] == "the run was interrupted"


def test_a_signal_while_learning_ends_the_run_at_once_and_puts_stages_away(project: Handmade) -> None:
    project.backend("slow", "time.sleep(60)")
    project.with_orders(backend="slow")
    process = project.start("run")
    project.await_(STAGES)  # people wait for their orders
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (1, "")
    assert "Done. PUBLISHED=0 REJECTED=0 ERROR=2 SKIPPED=0 TOTAL=2" in out
    assert project.rows(STAGES) == []
    assert project.value("select to_regclass('synthetic.people') is null")


@pytest.mark.slow
def test_a_second_signal_ends_the_run_without_ado(project: Handmade) -> None:
    """The first one waits here for the lock that it needs to put a stage away."""
    project.backend("slow", "time.sleep(60)")
    project.with_orders(backend="slow")
    process = project.start("run")
    project.await_(STAGES)
    with psycopg.connect(**project.database.conninfo) as session:
        session.execute(f"lock table synthetic__staging.{project.value(STAGES)} in share mode")
        process.send_signal(signal.SIGINT)
        project.await_(BLOCK_LOCK)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    process.communicate()
