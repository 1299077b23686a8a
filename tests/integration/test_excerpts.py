"""A model that is a part of another tagged one has the same part of its twin."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

SHOP = """
create table analytics.people as select n as person_id, 20 + n % 40 as age from generate_series(1, 200) n;
create table analytics.orders as
select
    n + 5000 as order_id, 1 + (hashint4(n) & 65535) % 200 as person_id,
    (array['placed', 'paid', 'lost'])[1 + (hashint4(n + 3) & 65535) % 3] as status,
    (5 + (hashint4(n + 7) & 31))::numeric(8, 2) as amount,
    nullif((array['red', 'blue', 'none'])[1 + n % 3], 'none') as colour
from generate_series(1, 600) n;
create view analytics.lost as
select person_id, order_id as id, amount as price from analytics.orders where status = 'lost';
"""
LOST_ORDERS = """
with orders as (select * from "{0}".analytics.orders), lost as (select * from orders where status = 'lost')
select person_id, order_id as id, amount as price from lost
"""
SAME = """
select count(*) from (
    (select * from synthetic.lost
        except all select person_id, order_id, amount from synthetic.orders where status = 'lost')
    union all
    (select person_id, order_id, amount from synthetic.orders where status = 'lost'
        except all select * from synthetic.lost)
) as different
"""


@pytest.fixture(name="shop")
def _shop(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(SHOP)
        yield project


def nodes(shop: Handmade, sql: str = LOST_ORDERS, **options: Any) -> dict[str, Any]:
    """People, their orders, and those that were lost; `options` are those of `meta.synth` of all three."""
    meta = {"synthesize": True, **({"synth": options} if options else {})}
    config = {"materialized": "table", "meta": meta}
    return {
        **shop.model("people", config=config),
        **shop.model("orders", config=config, compiled_code="select * from outside.orders"),
        **shop.model("lost", config=config, compiled_code=sql.format(shop.database.name)),
        **shop.key("people", "person_id"),
        **shop.key("orders", "order_id"),
        **shop.key("lost", "id"),
        **shop.reference("orders", "person_id", "people", "person_id"),
    }


def excerpt(shop: Handmade, name: str = "lost") -> str | None:
    """What `synth ls` says that the model is a part of."""
    answer = shop.synth("ls", "--output", "json")
    assert answer.code == 0, answer.text
    listing = {one["name"]: one for one in map(json.loads, answer.out.splitlines())}
    text: str | None = listing[name]["excerpt"]
    return text


@pytest.mark.slow  # learns two models
def test_the_twin_of_a_part_is_the_same_part_of_the_twin(shop: Handmade) -> None:
    shop.write(nodes(shop))
    answer = shop.synth("run")
    assert answer.code == 0, answer.text
    rows = shop.value("select count(*) from synthetic.lost")
    assert rows > 0
    assert (
        f"OK published synthetic.lost  [{rows} rows of orders where status = 'lost', checks " in answer.text
    )
    assert shop.value(SAME) == 0
    assert shop.value("select count(*) from synthetic.lost join analytics.orders on order_id = id") == 0
    assert shop.value("select pg_typeof(price)::text from synthetic.lost limit 1") == "numeric"
    stamp = shop.value("select obj_description('synthetic.lost'::regclass, 'pg_class')")
    assert "rows of a twin, as its SQL chooses them; that one is orders: " in stamp
    assert "'lost'" not in stamp  # what a condition says is the owner's affair
    assert "lost.price is" not in answer.text  # what is true of it follows
    answer = shop.synth("run", "--force", "--select", "lost")  # of the twin that is there
    assert answer.code == 0, answer.text
    assert shop.value(SAME) == 0
    assert "nothing changed" in shop.synth("run").text


def test_a_part_of_a_twin_by_guarantee_costs_nothing(shop: Handmade) -> None:
    shop.write(nodes(shop, privacy="guaranteed", epsilon=20, max_rows_per_entity=3))
    answer = shop.synth("run")
    assert answer.code == 0, answer.text
    assert "lost costs epsilon" not in answer.text
    ledger = shop.rows("select unique_id from synthetic._synth_ledger order by 1")
    assert ledger == [("model.hand.orders",), ("model.hand.people",)]
    assert shop.value(SAME) == 0
    assert "rows of orders where status = 'lost', by guarantee, epsilon 20" in answer.text


@pytest.mark.slow  # as above
def test_another_worker_takes_the_part_of_a_twin_that_waits(shop: Handmade) -> None:
    node_by_id = nodes(shop)
    arguments = ("run", "--run-id", "monday", "--no-publish")
    shop.write({name: node for name, node in node_by_id.items() if "lost" not in name})
    assert shop.synth(*arguments).code == 0
    shop.write(node_by_id)
    answer = shop.synth(*arguments)
    assert answer.code == 0, answer.text
    assert {one["unique_id"].rpartition(".")[2]: one["status"] for one in shop.results()["results"]} == {
        "people": "unchanged",
        "orders": "unchanged",
        "lost": "synthesized",
    }
    answer = shop.synth("publish", "monday")
    assert answer.code == 0, answer.text
    assert shop.value("select count(*) from synthetic.lost") > 0
    assert shop.value(SAME) == 0


@pytest.mark.slow  # as above
def test_without_the_whole_there_is_no_part(shop: Handmade) -> None:
    shop.write(nodes(shop, limits={"membership": 0.505}))  # so few people cannot show that
    answer = shop.synth("run", SYNTH_ON_INCONCLUSIVE="block")
    results = {one["unique_id"].rpartition(".")[2]: one for one in shop.results()["results"]}
    assert answer.code == 1
    assert results["orders"]["status"] == "rejected"
    assert results["lost"]["status"] == "skipped"
    assert results["lost"]["message"] == (
        "it has the rows of orders where status = 'lost', and the twin of model.hand.orders is rejected"
    )


def test_the_same_relation_without_a_condition_makes_a_whole(shop: Handmade) -> None:
    sql = 'select order_id, status from "{0}".outside.orders where "status" <> \'lost\''
    shop.session.execute(
        "create view analytics.kept as select order_id, status from analytics.orders where status <> 'lost'"
    )
    model = shop.model("kept", compiled_code=sql.format(shop.database.name))
    whole = f'select * from "{shop.database.name}".outside.orders'
    source = {
        "source.hand.outside.orders": {
            **shop.model("orders")["model.hand.orders"],
            "unique_id": "source.hand.outside.orders",
            "resource_type": "source",
            "schema": "outside",
            "identifier": "orders",
            "source_name": "outside",
            "relation_name": f'"{shop.database.name}"."outside"."orders"',
        }
    }
    shop.session.execute(
        "create schema outside; create view outside.orders as select * from analytics.orders"
    )
    below = {"depends_on": {"nodes": [*source]}}
    orders = shop.model("orders", compiled_code=whole, **below)
    model["model.hand.kept"] |= below
    shop.write({**orders, **model, **shop.key("orders", "order_id")}, sources=source)
    assert excerpt(shop, "kept") == "rows of orders where status <> 'lost'"
    assert excerpt(shop, "orders") is None


DECLARATIONS: dict[str, dict[str, Any]] = {
    "another role": {
        "columns": {"price": {"name": "price", "config": {"meta": {"synth": {"role": "category"}}}}}
    },
    "a label": {"columns": {"price": {"name": "price", "tags": ["pii"], "config": {}}}},
    "a secret": {"columns": {"price": {"name": "price", "config": {"meta": {"synth": {"sensitive": True}}}}}},
    "a number of rows": {
        "config": {"materialized": "view", "meta": {"synthesize": True, "synth": {"rows": 50}}}
    },
    "a guarantee": {
        "config": {"materialized": "view", "meta": {"synthesize": True, "synth": {"privacy": "guaranteed"}}}
    },
    "another entity": {
        "config": {"materialized": "view", "meta": {"synthesize": True, "synth": {"entity": "none"}}}
    },
}


@pytest.mark.parametrize("what", DECLARATIONS)
def test_what_is_declared_of_the_part_alone_makes_it_a_model_of_its_own(shop: Handmade, what: str) -> None:
    node_by_id = nodes(shop)
    node_by_id["model.hand.lost"] |= DECLARATIONS[what]
    shop.write(node_by_id)
    assert excerpt(shop) is None


@pytest.mark.parametrize(
    "where",
    [
        "status = 'paid'",  # the real rows are others
        "order_id > 5000",  # new keys say nothing of that
        "evil(status)",
        "status = 'lost' and evil(status)",
    ],
)
def test_what_is_not_so_or_not_safe_is_drawn(shop: Handmade, where: str) -> None:
    shop.session.execute(
        "create function analytics.evil(text) returns boolean language plpgsql as "
        "$$ begin raise exception 'called'; end $$"
    )
    sql = f'select person_id, order_id as id, amount as price from "{{0}}".analytics.orders where {where}'
    shop.write(nodes(shop, sql))
    assert excerpt(shop) is None


def test_what_others_refer_to_is_drawn(shop: Handmade) -> None:
    shop.session.execute(
        # Half of the numbers are those of no order, so nothing but a test says what they are.
        "create table analytics.claims as select n as claim, id + 5000 * (n - 1) as id "
        "from analytics.lost, generate_series(1, 2) n"
    )
    node_by_id = nodes(shop) | shop.model("claims")
    assert excerpt_of(shop, node_by_id) == "rows of orders where status = 'lost'"
    assert excerpt_of(shop, node_by_id | shop.reference("claims", "id", "lost", "id")) is None


def excerpt_of(shop: Handmade, node_by_id: dict[str, Any]) -> str | None:
    shop.write(node_by_id)
    return excerpt(shop)
