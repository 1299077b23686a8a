"""What is wrong with one model stops that model, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

SHOPS = """
create table analytics.shops (shop_id integer not null, name_ integer);
insert into analytics.shops select n, n from generate_series(1, 12) n;
alter table analytics.orders add shop_id integer;
update analytics.orders set shop_id = 1 + order_id % 12;
create table analytics.left_ (id integer); insert into analytics.left_ select generate_series(1, 60);
create table analytics.right_ (id integer); insert into analytics.right_ select generate_series(1, 60);
"""


@pytest.fixture
def project(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as handmade:
        handmade.people()
        handmade.with_orders()
        yield handmade


def tagged_config(**synth: Any) -> dict[str, Any]:
    return {"materialized": "table", "meta": {"synthesize": True, "synth": synth}}


def statuses(project: Handmade) -> dict[str, tuple[str, str]]:
    return {
        item["unique_id"].rpartition(".")[2]: (item["status"], item["message"] or "")
        for item in project.results()["results"]
    }


def test_whatever_is_wrong_with_one_model_stops_it_alone(project: Handmade) -> None:
    project.session.execute(SHOPS)
    nodes = project.model("people") | project.model("orders") | project.model("shops")
    nodes |= project.model("unbuilt") | project.model("misspelled", config=tagged_config(row=5))
    nodes |= project.model("left_") | project.model("right_")
    nodes |= project.model("once") | project.model("twice", alias="once", schema="other")
    nodes["model.hand.twice"]["relation_name"] = nodes["model.hand.once"]["relation_name"]
    nodes["model.hand.twice"]["schema"] = "analytics"
    for name, column in (("people", "id"), ("orders", "order_id"), ("shops", "shop_id")):
        nodes |= project.key(name, column)
    nodes |= project.reference("orders", "person_id", "people", "id")
    nodes |= project.reference("orders", "shop_id", "shops", "shop_id")
    nodes |= project.reference("left_", "id", "right_", "id") | project.reference(
        "right_", "id", "left_", "id"
    )
    project.write(nodes)
    answer = project.synth("run", SYNTH_ON_INCONCLUSIVE="")
    status_by_model = statuses(project)
    assert answer.code == 1, answer.text
    names = {name for name, (status, _) in status_by_model.items() if status == "published"}
    assert names == {"people", "orders", "shops"}, answer.text
    assert {status for name, (status, _) in status_by_model.items() if name not in names} == {"error"}
    for name, message in {
        "unbuilt": "Next: dbt run --select unbuilt",
        "misspelled": "did you mean `rows`",
        "left_": "in a circle",
        "right_": "in a circle",
        "once": "would have one twin, 'once'",
        "twice": "would have one twin, 'once'",
    }.items():
        assert message in status_by_model[name][1], status_by_model[name]
    orphans = "select count(*) from synthetic.orders where {} not in (select {} from synthetic.{})"
    assert project.value(orphans.format("person_id", "id", "people")) == 0
    assert project.value(orphans.format("shop_id", "shop_id", "shops")) == 0
    listing = project.synth("ls")
    assert listing.code == 0
    for name in ("misspelled", "left_", "once"):
        assert f"model.hand.{name}" in listing.out


def test_a_parent_that_too_few_rows_decide_about_leaves_its_children_keys_of_their_own(
    project: Handmade,
) -> None:
    nodes = project.model("people", config=tagged_config(on_inconclusive="block"))
    nodes |= project.model("orders", config=tagged_config(on_inconclusive="warn"))
    nodes |= project.key("people", "id") | project.key("orders", "order_id")
    project.write(nodes | project.reference("orders", "person_id", "people", "id"))
    answer = project.synth("run", SYNTH_ON_INCONCLUSIVE="")
    status_by_model = statuses(project)
    assert answer.code == 1, answer.text
    assert (status_by_model["people"][0], status_by_model["orders"][0]) == ("rejected", "published"), (
        answer.text
    )
    assert "orders.person_id holds no keys of a new twin of model.hand.people" in answer.text
    assert project.value("select count(distinct person_id) from synthetic.orders") > 1


@pytest.mark.slow
def test_a_parent_is_published_without_a_child_that_never_had_a_twin_and_not_without_one_that_has(
    project: Handmade,
) -> None:
    few = {"entity": "amount"}  # four values, which nobody finds out before the rows are read
    project.session.execute("drop table analytics.orders")
    project.with_orders(**few)
    assert project.synth("run").code == 1
    assert (statuses(project)["people"][0], statuses(project)["orders"][0]) == ("published", "error")
    project.session.execute("drop table analytics.orders")
    project.with_orders()
    assert project.synth("run").code == 0
    before = project.rows("select * from synthetic.people order by id")
    project.session.execute("drop table analytics.orders")
    project.with_orders(**few)
    assert project.synth("run", "--force", "--seed", "5").code == 1
    assert statuses(project)["people"][0] == "skipped"
    assert "belongs together with orders" in statuses(project)["people"][1]
    assert project.rows("select * from synthetic.people order by id") == before
