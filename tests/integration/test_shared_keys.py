"""Keys of what no tagged model owns: twins that hold them can still be joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Database

# Orders and tickets of 400 customers, whose own table is tagged by nobody. Tickets are also of a premise,
# which visits have as well, and of which there is no table at all.
SHOP = """
create table analytics.customers as
select 'C-' || (70000 + 7 * n) as customer_ref from generate_series(1, 400) n;
create table analytics.orders as
select
    n as order_id, 'C-' || (70000 + 7 * (1 + (hashint4(n) & 65535) % 400)) as customer_ref,
    date '2024-01-01' + (hashint4(n + 9) & 511) as ordered_on, 10 + (hashint4(n + 1000) & 63) as amount
from generate_series(1, 2400) n;
create table analytics.tickets as
select
    n as ticket_id, 'C-' || (70000 + 7 * (1 + (hashint4(n + 5) & 65535) % 400)) as customer_ref,
    'P' || (1 + (hashint4(n + 7) & 65535) % 300) * 31 as premise_no,
    (array['phone', 'mail', 'web'])[1 + (hashint4(n + 2000) & 65535) % 3] as channel
from generate_series(1, 1800) n;
create table analytics.visits as
select
    n as visit_id, 'P' || (1 + (hashint4(n + 11) & 65535) % 300) * 31 as premise_no,
    20 + (hashint4(n + 3000) & 63) as minutes
from generate_series(1, 1500) n;
"""
JOIN = "select count(distinct {key}) from synthetic.{one} join synthetic.{other} using ({key})"
REAL = "select count(*) from synthetic.{one} where {key} in (select {key} from analytics.{one})"


def write(project: Handmade, *, tests: bool) -> None:
    nodes: dict[str, Any] = {}
    for name, key in (("orders", "order_id"), ("tickets", "ticket_id"), ("visits", "visit_id")):
        meta = {"synthesize": True, "synth": {"on_inconclusive": "warn"}}
        nodes |= project.model(name, config={"materialized": "table", "meta": meta}) | project.key(name, key)
    nodes |= project.model("customers", config={"materialized": "table"})
    if tests:
        nodes |= project.reference("orders", "customer_ref", "customers", "customer_ref")
        nodes |= project.reference("tickets", "customer_ref", "customers", "customer_ref")
    project.write(nodes)


@pytest.mark.parametrize("tests", [True, False])
def test_twins_that_hold_the_same_keys_can_be_joined(
    database: Database, tmp_path: Path, *, tests: bool
) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(SHOP.encode())
        write(project, tests=tests)

        answer = project.synth("run")

        assert answer.code == 0, answer.text
        assert "PUBLISHED=3" in answer.text
        assert project.value(JOIN.format(key="customer_ref", one="orders", other="tickets")) > 300
        assert project.value(JOIN.format(key="premise_no", one="tickets", other="visits")) > 200
        for one, key in (("orders", "customer_ref"), ("tickets", "customer_ref"), ("visits", "premise_no")):
            assert project.value(REAL.format(one=one, key=key)) == 0


@pytest.mark.parametrize("name", ["visits", "tickets", "orders"])
def test_a_twin_with_shared_keys_is_made_without_the_other(
    database: Database, tmp_path: Path, name: str
) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(SHOP.encode())
        write(project, tests=True)
        (project.folder / "models").mkdir()
        for each in ("visits", "tickets", "orders"):
            (project.folder / "models" / f"{each}.sql").write_text("select 1 as id")

        answer = project.synth("run", "--select", name)

        assert answer.code == 0, answer.text
        assert "PUBLISHED=1" in answer.text


def test_the_plan_says_which_keys_are_shared(database: Database, tmp_path: Path) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(SHOP.encode())
        write(project, tests=True)

        plan = project.synth("plan").text

        assert "premise_no ~ tickets" in plan or "premise_no ~ visits" in plan
