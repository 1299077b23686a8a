"""Columns that the SQL of a project computes of a row and of the row that it refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Database

SALES = """
create schema staged;
create table staged.plans as
select 'P' || n as plan, 'Plan ' || n as title, 10 * n + 0.9 as base, n * 1.25 as seat
from generate_series(1, 5) n;
create table staged.contracts as
select
    n as contract, n * 7 as customer, 'P' || 1 + (hashint4(n) & 65535) % 5 as plan,
    1 + (hashint4(-n) & 65535) % 30 as seats
from generate_series(1, 900) n;
create table analytics.plans as select * from staged.plans;
create table staged.bills as
select n as bill, 1 + (hashint4(n) & 65535) % 900 as contract, 1 + (hashint4(-n) & 65535) % 20 as hours
from generate_series(1, 1500) n;
create table analytics.bills as
select b.*, b.hours * p.seat + p.base as amount
from staged.bills as b join staged.contracts as c using (contract) join staged.plans as p using (plan);
create table analytics.calls as
select n as call, 7 * (1 + (hashint4(n) & 65535) % 900) as customer, (hashint4(-n) & 65535) % 60 as minutes
from generate_series(1, 2000) n;
create table analytics.customers as
select c.customer, coalesce(t.long_calls, 0)::integer as long_calls, t.mean
from staged.contracts as c
left join (
    select customer, count(*) filter (where minutes > 20) as long_calls, round(avg(minutes), 1) as mean
    from analytics.calls group by customer
) as t using (customer);
create table analytics.contracts as
select c.*, round(p.base + p.seat * greatest(c.seats - 5, 0), 1) as price
from staged.contracts as c join staged.plans as p using (plan);
"""
CONTRACTS = (
    "select c.contract, c.customer, c.plan, c.seats, round(p.base + p.seat * greatest(c.seats - 5, 0), 1)"
    " as price from {0}.staged.contracts as c join {0}.analytics.plans as p using (plan)"
)
BILLS = (
    "select b.bill, b.contract, b.hours, b.hours * p.seat + p.base as amount from {0}.staged.bills as b"
    " join {0}.analytics.contracts as c using (contract) join {0}.analytics.plans as p using (plan)"
)
WRONG_BILLS = """
select count(*)
from synthetic.bills as b
join synthetic.contracts as c using (contract)
join synthetic.plans as p using (plan)
where b.amount is distinct from b.hours * p.seat + p.base
"""
WRONG = """
select count(*) from synthetic.contracts as c join synthetic.plans as p using (plan)
where c.price is distinct from round(p.base + p.seat * greatest(c.seats - 5, 0), 1)
"""


def test_a_price_is_computed_with_that_of_the_list(database: Database, tmp_path: Path) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(SALES.encode())
        place = f'"{database.name}"'
        options: dict[str, Any] = {"materialized": "table", "meta": {"synthesize": True}}
        plans = f"select plan, title, base, seat from {place}.staged.plans"
        project.write(
            {
                **project.model("plans", config=options, compiled_code=plans),
                **project.model("contracts", config=options, compiled_code=CONTRACTS.format(place)),
                **project.key("plans", "plan"),
                **project.key("contracts", "contract"),
                **project.reference("contracts", "plan", "plans", "plan"),
                **project.model("bills", config=options, compiled_code=BILLS.format(place)),
                **project.key("bills", "bill"),
                **project.reference("bills", "contract", "contracts", "contract"),
            }
        )

        answer = project.synth("run")

        assert answer.code == 0, answer.text
        assert "contracts.price is computed with base and seat of plans" in answer.text
        assert "bills.amount is computed with base and seat of plans" in answer.text
        assert project.value(WRONG_BILLS) == 0
        assert project.value("select count(distinct price) from synthetic.contracts") > 20
        assert project.value(WRONG) == 0


LATEST = """
create table analytics.states as
select
    n as state, 7 * (1 + (hashint4(n) & 65535) % 900) as customer, date '2024-01-01' + n % 500 as began_on,
    (array['new', 'warm', 'cold', 'gone'])[1 + (hashint4(-n) & 65535) % 4] as label, n % 90 as points
from generate_series(1, 3000) n;
create table analytics.customers as
with lively as (select * from analytics.states where label <> 'gone'),
latest as (select distinct on (customer) * from lively order by customer, began_on desc, state desc)
select c.customer, l.label, l.points, c.plan
from staged.contracts as c left join latest as l using (customer);
"""
LATEST_SQL = (
    "with lively as (select * from {0}.analytics.states where label <> 'gone'), latest as"
    " (select distinct on (customer) * from lively order by customer, began_on desc, state desc)"
    " select c.customer, l.label, l.points, c.plan"
    " from {0}.staged.contracts as c left join latest as l using (customer)"
)
WRONG_LATEST = """
with latest as (
    select distinct on (customer) * from synthetic.states
    where label <> 'gone' order by customer, began_on desc, state desc
)
select count(*) from synthetic.customers as c left join latest as l using (customer)
where (c.label, c.points) is distinct from (l.label, l.points)
"""


def test_columns_are_those_of_the_latest_row_that_a_condition_leaves(
    database: Database, tmp_path: Path
) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(SALES.replace("analytics.customers", "staged.callers").encode())
        project.session.execute(LATEST.encode())
        options: dict[str, Any] = {"materialized": "table", "meta": {"synthesize": True}}
        latest = LATEST_SQL.format(f'"{database.name}"')
        project.write(
            {
                **project.model("customers", config=options, compiled_code=latest),
                **project.model("states", config=options),
                **project.key("customers", "customer"),
                **project.key("states", "state"),
                **project.reference("states", "customer", "customers", "customer"),
            }
        )

        answer = project.synth("run", "--no-tests")

        assert answer.code == 0, answer.text
        assert "customers.points is computed of the points and label and began_on and state" in answer.text
        assert project.value("select count(distinct points) from synthetic.customers") > 20
        assert project.value(WRONG_LATEST) == 0


CALLS = (
    "select c.customer, coalesce(t.long_calls, 0)::integer as long_calls, t.mean"
    " from {0}.staged.contracts as c left join"
    " (select customer, count(*) filter (where minutes > 20) as long_calls,"
    " round(avg(minutes), 1) as mean from {0}.analytics.calls group by customer) as t using (customer)"
)
WRONG_COUNTS = """
select count(*)
from synthetic.customers as c
left join (
    select customer, count(*) filter (where minutes > 20) as long_calls, round(avg(minutes), 1) as mean
    from synthetic.calls group by customer
) as t using (customer)
where (c.long_calls, c.mean) is distinct from (coalesce(t.long_calls, 0), t.mean)
"""


# What the rows of a third table add up to by the way.
THIRDS = """
create table analytics.thirds as
select customer, call % 3 as third, (count(*) filter (where minutes > 20))::integer as long_calls
from analytics.calls group by 1, 2
"""


@pytest.mark.parametrize("has_thirds", [False, True])
def test_calls_are_counted_under_a_condition_and_averaged(
    database: Database, tmp_path: Path, has_thirds: bool
) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(SALES.encode())
        thirds: dict[str, Any] = {}
        if has_thirds:
            project.session.execute(THIRDS.encode())
            thirds = project.model("thirds", config={"materialized": "table", "meta": {"synthesize": True}})
            thirds |= project.reference("thirds", "customer", "customers", "customer")
        options: dict[str, Any] = {"materialized": "table", "meta": {"synthesize": True}}
        calls = CALLS.format(f'"{database.name}"')
        project.write(
            {
                **project.model("customers", config=options, compiled_code=calls),
                **project.model("calls", config=options),
                **thirds,
                **project.key("customers", "customer"),
                **project.key("calls", "call"),
                **project.reference("calls", "customer", "customers", "customer"),
            }
        )

        answer = project.synth("run", "--no-tests")

        assert answer.code == 0, answer.text
        assert "customers.long_calls is computed of the minutes of its calls" in answer.text
        assert project.value("select count(distinct mean) from synthetic.customers") > 20
        assert project.value(WRONG_COUNTS) == 0
