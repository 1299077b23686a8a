"""A model that is calculated from other tagged ones has a twin that is calculated from their twins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.handmade import Handmade
from tests.integration.test_excerpts import SHOP, excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

TALLY = """
with orders as (select * from "{0}".analytics.orders where amount > 6)
select p.age / 10 as decade, o.status, count(*) as orders, sum(o.amount) as total,
    count(distinct p.person_id) as people, sum(case when colour is null then 1 else 0 end) as plain
from orders as o join "{0}".analytics.people as p using (person_id)
group by 1, 2
"""
ACTS = """
select person_id, 'order' as act, order_id::text as act_id from "{0}".analytics.orders
union all
select person_id, 'person', null from "{0}".analytics.people
"""
YEARS = 'select status, sum(total) as total, count(*) as parts from "{0}".analytics.tally group by status'


TALLIES = ("model.hand.tally", "model.hand.acts", "model.hand.years")


@pytest.fixture(name="shop")
def _shop(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(SHOP)
        for name, sql in (("tally", TALLY), ("acts", ACTS), ("years", YEARS)):
            query = sql.format(database.name)
            project.session.execute(f"create table analytics.{name} as {query}")
        yield project


def nodes(shop: Handmade, tally: str = TALLY, **options: Any) -> dict[str, Any]:
    """People, their orders, and what is calculated from these."""
    meta = {"synthesize": True, **({"synth": options} if options else {})}
    config = {"materialized": "table", "meta": meta}
    code = {"tally": tally, "acts": ACTS, "years": YEARS}
    node_by_id = {
        **shop.model("people", config=config),
        **shop.model("orders", config=config, compiled_code="select * from outside.orders"),
        **shop.key("people", "person_id"),
        **shop.key("orders", "order_id"),
        **shop.reference("orders", "person_id", "people", "person_id"),
    }
    for name, sql in code.items():
        node_by_id |= shop.model(name, config=config, compiled_code=sql.format(shop.database.name))
    return node_by_id


def difference(shop: Handmade, name: str, sql: str) -> int:
    """How many rows of a twin are not those of the query over the other twins, and the other way round."""
    query = sql.format(shop.database.name).replace("analytics.", "synthetic.")
    twin = f"select * from synthetic.{name}"
    sides = (f"{twin} except all ({query})", f"({query}) except all {twin}")
    counts = [shop.value(f"select count(*) from ({one}) as rows") for one in sides]
    return sum(map(int, counts))


def test_aggregates_and_unions_are_calculated(shop: Handmade) -> None:
    shop.write(nodes(shop))
    assert excerpt(shop, "tally") == "rows that its SQL makes of orders and people"
    assert excerpt(shop, "acts") == "rows that its SQL makes of orders and people"
    assert excerpt(shop, "years") == "rows that its SQL makes of tally"
    assert "rows that its SQL makes of orders and people: the same of those twins" in shop.synth("ls").text
    assert "the same of those twins" in shop.synth("plan").text


@pytest.mark.slow  # learns two models
def test_what_is_calculated_adds_up_with_the_twins(shop: Handmade) -> None:
    shop.write(nodes(shop))
    answer = shop.synth("run")
    assert answer.code == 0, answer.text
    assert difference(shop, "tally", TALLY) == 0
    assert difference(shop, "acts", ACTS) == 0
    assert difference(shop, "years", YEARS) == 0
    assert shop.value("select count(*) from synthetic.tally") > 0
    keys = "select count(*) from synthetic.acts join analytics.orders on act_id = order_id::text"
    assert shop.value(keys) == 0
    stamp = shop.value("select obj_description('synthetic.tally'::regclass, 'pg_class')")
    assert "rows of a twin, as its SQL chooses them" in stamp
    assert "nothing changed" in shop.synth("run").text


def test_a_guarantee_says_nothing_of_several_twins_together(shop: Handmade) -> None:
    node_by_id = nodes(shop, privacy="guaranteed", epsilon=20, max_rows_per_entity=3)
    shop.write(
        {
            name: one
            for name, one in node_by_id.items()
            if name not in {"model.hand.tally", "model.hand.years"}
        }
    )
    assert excerpt(shop, "acts") == "rows that its SQL makes of orders and people"
    answer = shop.synth("run")
    assert answer.code == 0, answer.text
    spending = {one for (one,) in shop.rows("select unique_id from synthetic._synth_ledger")}
    assert spending == {"model.hand.acts", "model.hand.orders", "model.hand.people"}


@pytest.mark.parametrize(
    "sql",
    [
        TALLY.replace("amount > 6", "amount > 7"),  # the real rows are others
        TALLY.replace("amount > 6", "order_id > 0"),  # new keys say nothing of that
        TALLY.replace("amount > 6", "evil(status) or true"),
        TALLY.replace("using (person_id)", "on o.order_id - 5000 = p.person_id"),
        TALLY.replace("count(*) as orders", "evil(count(*)) as orders"),
    ],
)
def test_what_is_not_so_or_not_safe_is_drawn(shop: Handmade, sql: str) -> None:
    shop.session.execute(
        "create function analytics.evil(anyelement) returns boolean language plpgsql as "
        "$$ begin raise exception 'called'; end $$"
    )
    shop.write(nodes(shop, sql))
    assert excerpt(shop, "tally") is None


def test_counts_for_each_number_of_a_series_are_calculated_also_where_there_is_nothing_to_count(
    shop: Handmade,
) -> None:
    series = "select generate_series(1, 40) as amount"
    counts = """
        select s.amount, count(order_id) as orders, sum(count(order_id)) over (order by s.amount) as so_far
        from "{0}".analytics.series as s
        left join "{0}".analytics.orders as o on o.amount = s.amount group by 1
    """
    shop.session.execute(f"create view analytics.series as {series}")
    shop.session.execute(f"create table analytics.counts as {counts.format(shop.database.name)}")
    config = {"materialized": "table", "meta": {"synthesize": True}}
    node_by_id = shop.model("series", config={"materialized": "view"}, compiled_code=series)
    node_by_id |= shop.model("counts", config=config, compiled_code=counts.format(shop.database.name))
    node_by_id["model.hand.counts"]["depends_on"] = {"nodes": ["model.hand.series", "model.hand.orders"]}
    shop.write(nodes(shop) | node_by_id)
    assert excerpt(shop, "counts") == "rows that its SQL makes of orders"


FACTS_KEPT = (
    'select order_id as id, person_id, status as "State" from "{0}".analytics.orders where colour is not null'
)
WHOLE = 'select order_id, person_id, status, amount, colour, amount * 2 as twice from "{0}".analytics.raw'
HEADS = 'select "State" as state, count(*) as n from "{0}".analytics.kept group by 1'
SUMS = 'select status, sum(amount) as total from "{0}".analytics.raw where amount > 6 group by 1'


def test_what_is_not_tagged_is_led_back_to_what_is(shop: Handmade) -> None:
    shop.session.execute(
        f"""
        create view analytics.kept as {FACTS_KEPT.format(shop.database.name)};
        create table analytics.heads as {HEADS.format(shop.database.name)};
        alter table analytics.orders rename to raw;
        create table analytics.orders as {WHOLE.format(shop.database.name)};
        create or replace view analytics.kept as {FACTS_KEPT.format(shop.database.name)};
        create table analytics.sums as {SUMS.format(shop.database.name)}
        """
    )
    code = {
        "kept": FACTS_KEPT,
        "orders": WHOLE,
        "heads": HEADS,
        "sums": SUMS,
        "raw": "select 1",
    }
    reads = {"kept": "orders", "orders": "raw", "heads": "kept", "sums": "raw"}
    node_by_id: dict[str, Any] = {}
    for name, sql in code.items():
        meta = {} if name in {"raw", "kept"} else {"meta": {"synthesize": True}}
        node_by_id |= shop.model(
            name, config={"materialized": "table", **meta}, compiled_code=sql.format(shop.database.name)
        )
        nodes = [f"model.hand.{reads[name]}"] if name in reads else []
        node_by_id[f"model.hand.{name}"]["depends_on"] = {"nodes": nodes}
    shop.write(node_by_id | shop.key("orders", "order_id"))
    assert excerpt(shop, "heads") == "rows that its SQL makes of orders"  # by a view over it
    assert excerpt(shop, "sums") == "rows that its SQL makes of orders"  # which has all rows of that table
    shop.session.execute("delete from analytics.sums where status = 'lost'")
    assert excerpt(shop, "sums") is None


@pytest.mark.parametrize(
    ("least", "is_seed", "is_whole"), [(0, False, True), (30, False, False), (0, True, True)]
)
def test_a_join_that_loses_no_real_row_leaves_a_model_whole(
    shop: Handmade, least: int, is_seed: bool, is_whole: bool
) -> None:
    database, join = shop.database.name, ' join "{0}".analytics.ages as a using (person_id)'
    join_sql = WHOLE.replace("select", "select a.age,").replace("raw", "raw as r") + join
    shop.session.execute(
        f"""
        create table analytics.ages as select person_id, age from analytics.people where age > {least};
        create table analytics.sums as {SUMS.format(database).replace("raw", "orders")};
        alter table analytics.orders rename to raw;
        create table analytics.orders as {join_sql.format(database)}
        """
    )
    # Nobody states the key of a seed: its rows say it.
    ages = f"{'seed' if is_seed else 'model'}.hand.ages"
    node_by_id: dict[str, Any] = {} if is_seed else dict(shop.key("ages", "person_id"))
    for name, sql in {"orders": join_sql, "sums": SUMS, "raw": "select 1", "ages": "select 1"}.items():
        meta = {"meta": {"synthesize": True} if name in {"orders", "sums"} else {}}
        node_by_id |= shop.model(
            name, config={"materialized": "table", **meta}, compiled_code=sql.format(database)
        )
    ages_node = {
        **node_by_id.pop("model.hand.ages"),
        "unique_id": ages,
        "resource_type": ages[: ages.index(".")],
    }
    node_by_id["model.hand.orders"]["depends_on"] = {"nodes": ["model.hand.raw", ages]}
    node_by_id["model.hand.sums"]["depends_on"] = {"nodes": ["model.hand.raw"]}
    shop.write({**node_by_id, ages: ages_node, **shop.key("orders", "order_id")})
    assert (excerpt(shop, "sums") == "rows that its SQL makes of orders") is is_whole


# Orders that hold the digest of a person alone, and what is calculated of persons by their numbers.
DIGEST = "md5('p' || {}::text)"
STAGE_SQL = 'select order_id, person_id, status, amount from "{0}".analytics.raw'
ORDERS_BY_KEY = f"""
select order_id, {DIGEST.format("person_id")} as person_key, status, amount from "{{0}}".analytics.staged
"""
BY_PERSON = """
select md5('p' || o.person_id::text) as person_key, p.age, lpad(count(*)::text, 4, '0') as orders,
    sum(o.amount) as total
from "{0}".analytics.staged as o join "{0}".analytics.people as p using (person_id) group by 1, 2
"""


@pytest.mark.parametrize(("form", "is_calculated"), [(DIGEST, True), ("md5('q' || {}::text)", False)])
def test_an_id_that_rows_hold_the_digest_of_alone_is_calculated_by_what_that_refers_to(
    shop: Handmade, form: str, *, is_calculated: bool
) -> None:
    code = {
        "persons": f"select {form.format('person_id')} as person_key, person_id, age from analytics.people",
        "placed": ORDERS_BY_KEY,
        "by_person": BY_PERSON.replace("analytics.people", "analytics.persons"),
        "staged": STAGE_SQL,
        "people": "select 1",
    }
    database = shop.database.name
    shop.session.execute(
        f"""
        alter table analytics.orders rename to raw;
        create view analytics.staged as {STAGE_SQL.format(database)};
        create table analytics.persons as
            select {DIGEST.format("person_id")} as person_key, person_id, age from analytics.people;
        create table analytics.placed as {code["placed"].format(database)};
        create table analytics.by_person as {code["by_person"].format(database)}
        """
    )
    reads = {"persons": ["people"], "placed": ["staged"], "by_person": ["staged", "persons"]}
    node_by_id: dict[str, Any] = {}
    for name, sql in code.items():
        meta = {"meta": {} if name in {"staged", "people"} else {"synthesize": True}}
        node_by_id |= shop.model(
            name, config={"materialized": "table", **meta}, compiled_code=sql.format(database)
        )
        node_by_id[f"model.hand.{name}"]["depends_on"] = {
            "nodes": [f"model.hand.{one}" for one in reads.get(name, [])]
        }
    keys = {
        **shop.key("persons", "person_key"),
        **shop.key("placed", "order_id"),
        **shop.reference("placed", "person_key", "persons", "person_key"),
    }
    shop.write(node_by_id | keys)
    assert excerpt(shop, "by_person") == (
        "rows that its SQL makes of placed and persons" if is_calculated else None
    )
    if is_calculated:
        answer = shop.synth("run")
        assert answer.code == 0, answer.text
        other_sums = """
            select y.person_key from synthetic.by_person as y left join (
                select person_key, count(*) as orders, sum(amount) as total from synthetic.placed group by 1
            ) as o using (person_key) left join synthetic.persons as p using (person_key)
            where (y.orders::int, y.total, y.age) is distinct from (o.orders, o.total, p.age)
        """
        assert shop.rows(other_sums) == []
        assert shop.value("select count(*) from synthetic.by_person") > 0


# A seed of regions that orders refer to, and a mart that has its rows and what stands in them.
REGIONS = """
create table analytics.regions as select n as region_id, 'Region ' || chr(64 + n) as label{}
from generate_series(1, 6) n;
alter table analytics.orders add column region_id integer;
update analytics.orders set region_id = 1 + (hashtext(amount::text) & 65535) % 5;
"""
BY_REGION = """
select r.label, coalesce(o.orders, 0) as orders, o.total
from "{0}".analytics.regions as r left join (
    select region_id, count(*) as orders, sum(amount) as total from "{0}".analytics.orders group by region_id
) as o using (region_id)
"""


@pytest.mark.parametrize(
    ("kind", "more", "is_public"),
    [
        ("seed", "", True),
        ("model", "", True),
        ("seed", ", 'p' || n || '@example.org' as email", False),
        ("model", ", 'p' || n || '@example.org' as email", False),
    ],
)
def test_a_public_list_may_be_read_beside_the_twins(
    shop: Handmade, kind: str, more: str, is_public: bool
) -> None:
    query = BY_REGION.format(shop.database.name)
    shop.session.execute(REGIONS.format(more).encode())
    shop.session.execute(f"create table analytics.by_region as {query}".encode())
    (node,) = shop.model("regions", config={"materialized": kind, "meta": {}}).values()
    regions = f"{kind}.hand.regions"
    node_by_id = {regions: {**node, "unique_id": regions, "resource_type": kind}}
    node_by_id |= shop.model("by_region", compiled_code=query)
    node_by_id["model.hand.by_region"]["depends_on"] = {"nodes": [regions, "model.hand.orders"]}
    for name, test in shop.reference("orders", "region_id", "regions", "region_id").items():
        parents = test["depends_on"]["nodes"]
        parents[:] = [one.replace("model.hand.regions", regions) for one in parents]
        node_by_id[name] = test
    everything = nodes(shop) | node_by_id
    shop.write({name: one for name, one in everything.items() if name not in {*TALLIES}})
    assert excerpt(shop, "by_region") == ("rows that its SQL makes of orders" if is_public else None)
    if is_public:
        answer = shop.synth("run")
        assert answer.code == 0, answer.text
        own = query.replace("analytics.orders", "synthetic.orders")
        assert (
            shop.value(f"select count(*) from (select * from synthetic.by_region except ({own})) as x") == 0
        )
        assert shop.value("select count(*) from synthetic.by_region") == 6
