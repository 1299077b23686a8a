"""`synth retry` does what the newest run has not done, and after a kill all that was not published."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.handmade import BLOCK_LOCK, GATE, STAGES, TWIN, Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

ORPHANS = "select count(*) from synthetic.orders where person_id not in (select id from synthetic.people)"
ABSENCE = """
select where not exists (
    select from pg_stat_activity where application_name = 'synth' and datname = current_database()
)
"""


@pytest.fixture
def project(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    """People, their orders, and a zoo that has nothing to do with them."""
    with Handmade.made(database, tmp_path) as handmade:
        handmade.people()
        handmade.session.execute("create table analytics.zoo as select * from analytics.people")
        handmade.with_orders()
        relate(handmade)
        yield handmade


def relate(project: Handmade, backend: str = "local") -> None:
    """The models; those of people and orders are made by `backend`."""
    config = {"materialized": "table", "meta": {"synthesize": True, "synth": {"backend": backend}}}
    models = project.model("people", config=config) | project.model("orders", config=config)
    facts = project.key("people", "id") | project.key("orders", "order_id") | project.key("zoo", "id")
    reference = project.reference("orders", "person_id", "people", "id")
    project.write(models | project.model("zoo") | facts | reference)


def statuses(project: Handmade) -> dict[str, str]:
    return {item["unique_id"].rpartition(".")[2]: item["status"] for item in project.results()["results"]}


def test_what_failed_is_run_again_with_the_same_flags(project: Handmade) -> None:
    project.session.execute("create table kept as select * from analytics.orders")
    project.session.execute("delete from analytics.orders where order_id > 5")
    assert project.synth("run", "--seed", "3", "--rows", "90").code == 1
    assert statuses(project) == {"people": "published", "orders": "error", "zoo": "published"}
    project.session.execute("insert into analytics.orders select * from kept where order_id > 5")
    answer = project.synth("retry")
    assert answer.code == 0, answer.text
    assert "Retrying what failed in run " in answer.text
    assert statuses(project) == {"orders": "published"}
    assert project.value(ORPHANS) == 0
    assert {item["seed"] for item in project.results()["results"]} == {3}
    assert project.value("select count(*) from synthetic.orders") == 90
    answer = project.synth("retry")
    assert answer.code == 0
    assert "Nothing to retry: nothing failed in run " in answer.text
    assert len(project.rows("select from synthetic._synth_runs")) == 3


def test_a_retry_that_fails_can_be_retried(project: Handmade) -> None:
    project.session.execute("create table kept as select * from analytics.zoo")
    project.session.execute("delete from analytics.zoo where id > 5")
    assert project.synth("run").code == 1
    assert project.synth("retry").code == 1
    assert statuses(project) == {"zoo": "error"}
    project.session.execute("insert into analytics.zoo select * from kept where id > 5")
    assert project.synth("retry").code == 0
    assert statuses(project) == {"zoo": "published"}


def test_without_a_run_there_is_nothing_to_retry(project: Handmade) -> None:
    answer = project.synth("retry")
    assert answer.code == 2
    assert "No run to retry in " in answer.text
    assert "Next: synth run" in answer.text


def test_variables_are_not_kept_and_must_be_given_again(project: Handmade) -> None:
    project.session.execute("delete from analytics.zoo where id > 5")
    assert project.synth("run", "--vars", "{token: geheim}").code == 1
    answer = project.synth("retry")
    assert answer.code == 2
    assert "had --vars, which are not kept" in answer.text
    contents = [path.read_text() for path in (project.folder / "target").rglob("*.json")]
    assert not [text for text in contents if "geheim" in text]
    assert project.synth("retry", "--vars", "{token: geheim}").code == 1
    assert statuses(project) == {"zoo": "error"}


@pytest.mark.parametrize("where", [pytest.param("learning", marks=pytest.mark.slow), "publishing"])
def test_after_a_kill_a_retry_comes_to_the_same_end(project: Handmade, where: str) -> None:
    assert project.synth("run", "--seed", "7").code == 0
    twins_before = project.rows(TWIN), project.rows("select * from synthetic.orders order by 1")
    project.session.execute("drop schema synthetic, synthetic__staging cascade")
    if where == "learning":
        kill_while_learning(project)
    else:
        kill_while_publishing(project)
    project.await_(ABSENCE)  # the server learns of the kill when it next speaks
    answer = project.synth("retry")
    assert answer.code == 0, answer.text
    assert set(statuses(project).values()) == {"published"}
    assert (project.rows(TWIN), project.rows("select * from synthetic.orders order by 1")) == twins_before
    assert project.value(ORPHANS) == 0
    assert project.rows(STAGES) == []
    assert "Nothing to retry" in project.synth("retry").text


def kill_while_learning(project: Handmade) -> None:
    project.backend("gate", GATE)
    relate(project, backend="gate")
    process = project.start("run", "--seed", "7", GATE=str(project.folder / "open"))
    project.await_gate()
    answer = project.synth("retry")
    assert answer.code == 2
    assert " still works. Next: wait for it, or end it." in answer.text
    process.kill()
    process.communicate()
    relate(project)


def kill_while_publishing(project: Handmade) -> None:
    """The zoo is published by then, or not: that is nobody's plan."""
    project.session.execute("create schema synthetic")
    project.synth("run", "--seed", "1")
    with project.locked("orders"):
        process = project.start("run", "--seed", "7")
        project.await_(BLOCK_LOCK)
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_whenever_a_run_is_killed_a_retry_comes_to_the_same_end(project: Handmade) -> None:
    orders = "select * from synthetic.orders order by 1"
    start = time.monotonic()
    assert project.call("run", "--seed", "7").code == 0
    whole = time.monotonic() - start
    twins_before = project.rows(TWIN), project.rows(orders)
    for part in range(1, 9):
        project.session.execute("drop schema synthetic, synthetic__staging cascade")
        process = project.start("run", "--seed", "7")
        time.sleep(whole * part / 9)
        process.kill()
        process.communicate()
        project.await_(ABSENCE)
        answer = project.synth("retry")
        if answer.code == 2 or "Nothing to retry" in answer.text:  # it had not begun, or was done
            assert project.synth("run", "--seed", "7").code == 0
        else:
            assert answer.code == 0, answer.text
        assert (project.rows(TWIN), project.rows(orders)) == twins_before
        assert project.rows(STAGES) == []
