"""Runs with a name: made in parts, by whichever worker, and published once."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.handmade import COMMENT, GATE, STAGES, TWIN, Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

pytestmark = pytest.mark.slow  # each test makes several runs

ORPHANS = "select count(*) from synthetic.orders where person_id not in (select id from synthetic.people)"
LEDGER = "select run_id, unique_id, published_at is not null from synthetic._synth_runs order by recorded_at"
STATES = "select unique_id, state from synthetic__staging._synth_units order by 1"
PEOPLE, ORDERS = "model.hand.people", "model.hand.orders"


@pytest.fixture
def project(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    """People and their orders, selectable one by one."""
    with Handmade.made(database, tmp_path) as handmade:
        handmade.people()
        handmade.with_orders()
        (tmp_path / "models").mkdir()
        for name in ("people", "orders"):
            (tmp_path / "models" / f"{name}.sql").write_text("select 1 as id")
        yield handmade


def make(project: Handmade, *arguments: str, run_id: str = "monday") -> dict[str, str]:
    """The statuses of the models of one command for the run."""
    answer = project.synth("run", "--run-id", run_id, "--no-publish", *arguments)
    assert answer.code == 0, answer.text
    return statuses(project)


def only_people(project: Handmade) -> None:
    """A worker that knows of no orders; to select them would cost a start of dbt."""
    project.write(project.model("people") | project.key("people", "id"))


def with_orders(project: Handmade) -> None:
    """A worker that knows of both."""
    facts = project.key("people", "id") | project.key("orders", "order_id")
    reference = project.reference("orders", "person_id", "people", "id")
    project.write(project.model("people") | project.model("orders") | facts | reference)


def statuses(project: Handmade) -> dict[str, str]:
    return {item["unique_id"].rpartition(".")[2]: item["status"] for item in project.results()["results"]}


def elsewhere(project: Handmade) -> None:
    """The next command is another machine's: nothing of the last one is left on this."""
    shutil.rmtree(project.folder / "target" / "synth")


def test_parts_made_by_several_workers_are_published_together_by_another(project: Handmade) -> None:
    only_people(project)
    assert make(project) == {"people": "synthesized"}
    assert project.value("select to_regclass('synthetic.people') is null")
    elsewhere(project)
    with_orders(project)
    assert make(project) == {"people": "unchanged", "orders": "synthesized"}
    assert len(project.rows(STAGES)) == 3  # two twins, and what is known of them
    elsewhere(project)
    answer = project.synth("publish", "monday")
    assert answer.code == 0, answer.text
    assert statuses(project) == {"people": "published", "orders": "published"}
    assert project.value(ORPHANS) == 0
    assert project.value("select count(distinct published_at) from synthetic._synth_runs") == 1
    assert "run monday, backend local" in project.value(COMMENT)
    assert project.rows("select relname from pg_class where relname like 'stage%'") == []


def test_repeated_commands_make_nothing_and_publish_nothing_twice(project: Handmade) -> None:
    assert make(project) == {"people": "synthesized", "orders": "synthesized"}
    stages = project.rows(STAGES)
    for _ in range(2):
        answer = project.synth("run", "--run-id", "monday", "--no-publish")
        assert answer.code == 0
        assert answer.text.count("run monday has staged it already") == 2
    assert project.rows(STAGES) == stages
    assert project.synth("publish", "monday").code == 0
    before = project.rows(TWIN), project.rows(LEDGER)
    for command in (
        ("publish", "monday"),
        ("run", "--run-id", "monday", "--no-publish"),
        ("publish", "monday"),
    ):
        answer = project.synth(*command)
        assert answer.code == 0, answer.text
        assert set(statuses(project).values()) == {"unchanged"}
    assert (project.rows(TWIN), project.rows(LEDGER)) == before
    project.session.execute("update analytics.people set age = 20 where id = 7")
    assert set(make(project).values()) == {"unchanged"}  # the name says which run it is
    assert set(make(project, run_id="tuesday").values()) == {"synthesized"}


def test_a_run_that_publishes_can_be_repeated_by_its_name_too(project: Handmade) -> None:
    answer = project.synth("run", "--run-id", "monday")
    assert answer.code == 0
    again = project.synth("run", "--run-id", "monday")
    assert again.text.count("run monday has published it already") == 2
    assert len(project.rows(LEDGER)) == 2
    answer = project.synth("publish", "monday")
    assert answer.code == 0
    assert set(statuses(project).values()) == {"unchanged"}


def test_what_was_refused_holds_nothing_back_and_is_made_by_repeating(project: Handmade) -> None:
    project.session.execute("create table kept as select * from analytics.orders")
    project.session.execute("delete from analytics.orders where order_id > 5")
    assert project.synth("run", "--run-id", "monday", "--no-publish").code == 1
    assert project.rows(STATES) == [(ORDERS, "failed"), (PEOPLE, "staged")]
    answer = project.synth("publish", "monday")
    assert answer.code == 1
    assert statuses(project) == {"people": "published", "orders": "skipped"}
    assert "run monday could not make it. Next: synth run --select orders --run-id monday" in answer.text
    project.session.execute("insert into analytics.orders select * from kept where order_id > 5")
    assert make(project) == {"people": "unchanged", "orders": "synthesized"}
    assert project.synth("publish", "monday").code == 0
    assert project.value("select count(*) from synthetic.orders") > 0
    assert project.value(ORPHANS) == 0


def test_what_is_selected_is_published_alone(project: Handmade) -> None:
    make(project)
    answer = project.synth("publish", "monday", "--select", "people")
    assert answer.code == 0
    assert statuses(project) == {"people": "published"}
    assert project.synth("publish", "monday").code == 0
    assert statuses(project) == {"orders": "published", "people": "unchanged"}
    assert project.value(ORPHANS) == 0


def test_a_run_that_publishes_takes_what_was_staged_under_its_name(project: Handmade) -> None:
    only_people(project)
    make(project)
    with_orders(project)
    answer = project.synth("run", "--run-id", "monday")
    assert answer.code == 0, answer.text
    assert "START synthetic.people" not in answer.text
    assert statuses(project) == {"people": "published", "orders": "published"}
    assert project.value(ORPHANS) == 0


def test_a_child_is_not_published_before_its_parent(project: Handmade) -> None:
    assert project.synth("run").code == 0
    make(project, "--force")
    answer = project.synth("run", "--run-id", "monday", "--select", "orders", "--force")
    assert answer.code == 1
    assert "it references model.hand.people, which run monday has staged and not published" in answer.text
    assert "Next: synth publish monday" in answer.text


def test_a_child_is_not_made_before_its_parent(project: Handmade) -> None:
    answer = project.synth("run", "--run-id", "monday", "--no-publish", "--select", "orders")
    assert answer.code == 1
    assert (
        "it references model.hand.people, which run monday has to make first (it has no twin)" in answer.text
    )
    assert "Next: synth run --select people --run-id monday --no-publish" in answer.text
    assert "START" not in answer.text


def test_a_child_of_an_unchanged_parent_takes_its_published_keys(project: Handmade) -> None:
    assert project.synth("run").code == 0
    project.session.execute("update analytics.orders set amount = 13 where order_id = 7")
    assert make(project) == {"people": "unchanged", "orders": "synthesized"}
    assert project.synth("publish", "monday").code == 0
    assert project.value(ORPHANS) == 0


def test_a_child_with_keys_of_a_twin_that_was_replaced_is_not_published(project: Handmade) -> None:
    make(project)
    assert project.synth("publish", "monday", "--select", "people").code == 0
    only_people(project)
    assert project.synth("run", "--force").code == 0
    with_orders(project)
    answer = project.synth("publish", "monday")
    assert answer.code == 1
    assert "it was made with the keys of another twin of model.hand.people" in answer.text
    assert make(project) == {"people": "unchanged", "orders": "synthesized"}
    assert project.synth("publish", "monday").code == 0
    assert project.value(ORPHANS) == 0


def test_workers_of_one_run_do_not_disturb_each_other(project: Handmade) -> None:
    project.backend("gate", GATE)
    only_people(project)
    flags = ("--run-id", "monday", "--no-publish", "--backend", "gate")
    running = project.start("run", *flags, GATE=str(project.folder / "open"))
    project.await_gate()
    project.session.execute("create table analytics.zoo as select * from analytics.people")
    project.write(project.model("zoo") | project.key("zoo", "id"))
    assert make(project) == {"zoo": "synthesized"}
    (project.folder / "open").touch()
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, out + err
    assert [state for _, state in project.rows(STATES)] == ["staged", "staged"]


def test_a_worker_that_is_killed_leaves_what_others_have_staged(project: Handmade) -> None:
    only_people(project)
    make(project)
    with_orders(project)
    project.backend("gate", GATE)
    flags = ("--run-id", "monday", "--no-publish", "--backend", "gate")
    running = project.start("run", *flags, GATE=str(project.folder / "open"))
    project.await_gate()
    running.kill()
    running.communicate()
    assert project.rows(STATES) == [(ORDERS, "asked"), (PEOPLE, "staged")]
    answer = project.synth("publish", "monday")
    assert answer.code == 1
    assert "Done. PUBLISHED=1 REJECTED=0 ERROR=0 SKIPPED=1 TOTAL=2" in answer.text
    assert make(project) == {"people": "unchanged", "orders": "synthesized"}
    assert project.synth("publish", "monday").code == 0


def test_stages_that_nobody_publishes_are_swept_after_a_week(project: Handmade) -> None:
    make(project)
    old = "update synthetic__staging._synth_units set changed_at = now() - interval '{} days'"
    project.session.execute(old.format(6))
    project.session.execute("drop table analytics.orders")
    project.write(project.model("people") | project.key("people", "id"))
    assert project.synth("run").code == 0
    assert len(project.rows(STAGES)) == 3
    project.session.execute(old.format(8))
    assert project.synth("run").code == 0
    assert len(project.rows(STAGES)) == 1
    answer = project.synth("publish", "monday")
    assert answer.code == 2
    assert "Run monday has nothing staged: nothing yet, or more than 7 days ago." in answer.text
    assert "Next: synth run --run-id monday --no-publish" in answer.text


@pytest.mark.parametrize(
    "arguments", [("run", "--no-publish"), ("run", "--run-id", "a/b"), ("publish", "../a")]
)
def test_a_run_is_named_in_letters_that_every_place_takes(
    project: Handmade, arguments: tuple[str, ...]
) -> None:
    assert project.synth(*arguments).code == 2
    assert project.nothing_changed()


def test_results_of_a_run_are_gathered_from_all_its_commands(project: Handmade) -> None:
    only_people(project)
    make(project)
    with_orders(project)
    make(project)
    assert project.synth("publish", "monday").code == 0
    folder = project.folder / "target" / "synth" / "runs" / "monday"
    content = json.loads((folder / "run_results.json").read_text())
    assert {item["status"] for item in content["results"]} == {"published"}
    assert all(item["fidelity"] is not None and item["report"] for item in content["results"])
    assert len(content["metadata"]["invocation_ids"]) == 3
    stored_files = sorted((project.folder / "store" / "runs" / "monday").rglob("run_results.json"))
    assert len(stored_files) == 3
