"""Only what changed is made anew: one changed test, model, row or setting each, and what follows from it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.handmade import TWIN, Handmade
from tests.services import new_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from synth.services import Endpoints

ALL = {"people", "orders", "zoo"}
ORPHANS = "select count(*) from synthetic.orders where person_id not in (select id from synthetic.people)"


@pytest.fixture(scope="module")
def published_project(services: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handmade]:
    """People, their orders, and a zoo that has nothing to do with them; all published."""
    folder = tmp_path_factory.mktemp("changes")
    with new_database(services) as database, Handmade.made(database, folder) as handmade:
        handmade.people()
        handmade.session.execute("create table analytics.zoo as select * from analytics.people")
        handmade.with_orders()
        nodes = json.loads(handmade.manifest.read_text())["nodes"]
        above = {"depends_on": {"nodes": ["model.hand.stg_people"]}}
        nodes |= handmade.model("zoo") | handmade.key("zoo", "id")
        nodes |= handmade.model("stg_people", config={"materialized": "view", "meta": {}})
        nodes["model.hand.people"] |= above
        for node in nodes.values():
            if node["resource_type"] == "model":
                node["checksum"] = {"name": "sha256", "checksum": node["name"]}
        handmade.write(nodes)
        yield handmade


@pytest.fixture
def project(published_project: Handmade) -> Handmade:
    """The same, of which nothing is to be made: each test leaves it so, or the next one has to wait."""
    assert published_project.synth("run").code == 0
    return published_project


def edit(project: Handmade, unique_id: str, **changes: Any) -> None:
    nodes = json.loads(project.manifest.read_text())["nodes"]
    nodes[unique_id] |= changes
    project.write(nodes)


def made_anew(project: Handmade, *arguments: str) -> set[str]:
    """The models that a run makes."""
    answer = project.synth("run", *arguments)
    assert answer.code == 0, answer.text
    results = project.results()["results"]
    assert {item["status"] for item in results} <= {"published", "unchanged"}
    return {item["unique_id"].rpartition(".")[2] for item in results if item["status"] == "published"}


def test_a_run_of_which_nothing_changed_makes_nothing_and_is_quick(project: Handmade) -> None:
    project.synth("run", "--force")
    before = project.rows(TWIN), project.rows("select * from synthetic._synth_runs")
    run_id = project.results()["metadata"]["invocation_id"]
    start = time.process_time()
    answer = project.synth("run")
    assert time.process_time() - start < 1.5
    assert answer.code == 0
    skips = [line for line in answer.lines if " SKIP " in line]
    assert len(skips) == 3
    assert all(line.endswith(f": nothing changed since run {run_id}") for line in skips)
    assert "Done. PUBLISHED=0 REJECTED=0 ERROR=0 SKIPPED=0 UNCHANGED=3 TOTAL=3" in answer.text
    assert [item["status"] for item in project.results()["results"]] == ["unchanged"] * 3
    assert (project.rows(TWIN), project.rows("select * from synthetic._synth_runs")) == before


def change_a_test(project: Handmade) -> None:
    """One argument of a test that says nothing of zoo alone."""
    nodes = json.loads(project.manifest.read_text())["nodes"]
    test = project.test("accepted_values", "zoo", "city", values="Oslo Rome Bern Bonn")
    project.write(nodes | test)


CHANGES: dict[str, tuple[Callable[[Handmade], object], set[str]]] = {
    "a test": (change_a_test, {"zoo"}),
    "an upstream model": (
        lambda project: edit(project, "model.hand.stg_people", checksum={"checksum": "new"}),
        {"people", "orders"},
    ),
    "the model": (
        lambda project: edit(project, "model.hand.orders", checksum={"checksum": "new"}),
        {"orders"},
    ),
    "a row of a parent": (
        lambda project: project.session.execute("update analytics.people set age = age + 1 where id = 7"),
        {"people", "orders"},
    ),
    "a row of a child": (
        lambda project: project.session.execute(
            "update analytics.orders set amount = amount + 1 where order_id = 7"
        ),
        {"orders"},
    ),
    "a row like another": (
        lambda project: project.session.execute(
            "update analytics.zoo set (city, age) = ('Oslo', 20) where id in (7, 8)"
        ),
        {"zoo"},
    ),
    "a setting": (
        lambda project: edit(
            project,
            "model.hand.zoo",
            config={"materialized": "table", "meta": {"synthesize": True, "synth": {"seed": 4}}},
        ),
        {"zoo"},
    ),
    "a twin that is gone": (lambda project: project.session.execute("drop table synthetic.zoo"), {"zoo"}),
    "the order of rows": (
        lambda project: project.session.execute("update analytics.people set age = age where id < 20"),
        set(),
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_concerns_the_models_that_it_is_about(project: Handmade, what: str) -> None:
    change, names = CHANGES[what]
    change(project)
    assert made_anew(project) == names
    assert made_anew(project) == set()
    # A child that is made alone holds the keys of its published parent.
    assert project.value(ORPHANS) == 0


@pytest.mark.slow
def test_a_parent_made_alone_leaves_its_children_to_the_next_run(project: Handmade) -> None:
    (project.folder / "models").mkdir()
    for name in (*ALL, "stg_people"):
        (project.folder / "models" / f"{name}.sql").write_text("select 1 as id")
    assert made_anew(project, "--select", "people", "--force") == {"people"}
    answer = project.synth("ls", "--output", "json")
    reasons = {line["name"]: line["reason"] for line in map(json.loads, answer.out.splitlines())}
    assert reasons == {
        "people": None,
        "orders": "the twin of model.hand.people, which it references, is another one",
        "zoo": None,
    }
    assert made_anew(project) == {"orders"}


def test_force_makes_all_of_it_anew_with_the_same_rows(project: Handmade) -> None:
    before = project.rows(TWIN)
    assert made_anew(project, "--force") == ALL
    assert project.rows(TWIN) == before


def test_a_rejected_twin_is_tried_again_and_its_predecessor_stays_known(project: Handmade) -> None:
    project.session.execute("delete from analytics.zoo where id > 10")
    answer = project.synth("run")
    assert answer.code == 1
    assert "ERROR synthetic.zoo: zoo has 10 rows" in answer.text
    assert project.synth("run").code == 1
    project.session.execute("insert into analytics.zoo select * from analytics.people where id > 10")
    assert made_anew(project) == set()


@pytest.mark.slow
def test_flags_that_change_a_twin_count_as_changes(project: Handmade) -> None:
    assert made_anew(project, "--seed", "9") == ALL
    assert made_anew(project, "--seed", "9") == set()
    assert made_anew(project) == ALL


def test_ls_names_the_fingerprint_and_the_reason_to_run(project: Handmade) -> None:
    project.session.execute("update analytics.people set age = age + 1 where id = 7")
    answer = project.synth("ls")
    assert answer.code == 0
    assert "would be made: its rows changed" in answer.out
    assert "would be skipped: nothing changed since run " in answer.out
    description = {
        line["name"]: line
        for line in map(json.loads, project.synth("ls", "--output", "json").out.splitlines())
    }
    assert description["people"]["reason"] == "its rows changed"
    assert description["zoo"]["reason"] is None
    assert len({line["fingerprint"] for line in description.values()}) == 3
