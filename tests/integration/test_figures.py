"""Dimensions with figures of people are copied; their figures are those of the twins of these people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.handmade import Handmade
from tests.integration.test_graph import listing_by_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

RAW = """
create table analytics.raw_branches as
select n as id, 'House ' || n as label, (array['North', 'South'])[1 + n % 2] as region
from generate_series(1, 20) n;
create table analytics.raw_staff as
select 9 * n as id, 'a' || md5(n::text) || '@example.org' as email,
    1 + (hashint4(n) & 65535) % (1 + n % 20) as branch_id, hashint4(n * 7) & 3 as grade,
    (2000 + (hashint4(n + 7) & 1023))::numeric(10, 2) as pay, hashint4(n + 3) & 1 = 1 as is_gone
from generate_series(1, 400) n;
"""
BRANCHES = """
with team as (
    select branch_id, count(*) filter (where not is_gone) as n_staff, sum(pay) as payroll
    from "{0}".analytics.raw_staff group by branch_id
)
select b.id as branch_id, b.label, b.region, coalesce(t.n_staff, 0) as n_staff, t.payroll
from "{0}".analytics.raw_branches as b left join team as t on t.branch_id = b.id
"""
STAFF = """select id as staff_id, email, branch_id, grade, is_gone from "{0}".analytics.raw_staff"""


@pytest.fixture
def handmade(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as project:
        yield project


def _write(handmade: Handmade, branches: str = BRANCHES, name: str = "dim_branches") -> None:
    handmade.session.execute(RAW.encode())
    nodes, sources = {}, ["seed.hand.raw_branches", "seed.hand.raw_staff"]
    for source in sources:
        table = source.rpartition(".")[2]
        (seed,) = handmade.model(table, config={"materialized": "seed", "meta": {}}).values()
        nodes[source] = {**seed, "unique_id": source, "resource_type": "seed"}
    for table, query in {name: branches, "dim_staff": STAFF}.items():
        text = query.format(handmade.database.name)
        handmade.session.execute(f"create table analytics.{table} as {text}".encode())
        nodes |= handmade.model(table, compiled_code=text, depends_on={"nodes": sources})
    facts = handmade.key(name, "branch_id") | handmade.key("dim_staff", "staff_id")
    facts |= handmade.reference("dim_staff", "branch_id", name, "branch_id")
    handmade.write(nodes | facts)


@pytest.mark.parametrize("name", ["dim_branches", "dim_routes"])
def test_a_dimension_is_copied_and_its_figures_are_those_of_the_twins(handmade: Handmade, name: str) -> None:
    _write(handmade, name=name)
    actions = {one["name"]: one["action"] for one in listing_by_name(handmade)[name]["columns"]}
    assert actions["n_staff"] == "made of other twins, as the SQL says"
    assert actions["region"] == "copied as it is"
    answer = handmade.synth("run")
    assert answer.code == 0, answer.text
    assert "n_staff and payroll follows from other twins" in answer.text
    assert f"payroll of {name} is made up: no twin says what it is" in answer.text
    rows = f"select branch_id, label, region from {{0}}.{name}"
    both = f"{rows.format('analytics')} except {rows.format('synthetic')}"
    assert handmade.value(f"select count(*) from ({both}) as differing") == 0
    here = "select count(*) from synthetic.dim_staff s where s.branch_id = b.branch_id and not is_gone"
    assert handmade.value(f"select count(*) from synthetic.{name} b where n_staff <> ({here})") == 0
    pays = f"select count(*) from synthetic.{name} join analytics.{name} using (payroll)"
    assert handmade.value(pays) == 0
    assert handmade.value(f"select avg(payroll) > 0 and min(payroll) >= 0 from synthetic.{name}")


def test_where_people_decide_more_than_figures_nothing_is_copied(handmade: Handmade) -> None:
    boss = (
        'b.region, (select min(email) from "{0}".analytics.raw_staff as s where s.branch_id = b.id) as boss'
    )
    _write(handmade, BRANCHES.replace("b.region", boss))
    assert listing_by_name(handmade)["dim_branches"]["reference"] is None
