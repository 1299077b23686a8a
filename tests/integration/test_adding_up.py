"""Rows of two models that add up to one number of their owner: what was ordered is what was paid."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from synth.columns.roles import Treatment
from synth.domain import Across, ForeignKey, Formula, Model, Relation, Role, Way
from synth.facts.across import find_across
from synth.facts.enforceable import EnforceableFacts
from synth.twins.across import agreement_steps
from synth.warehouse.rules import Candidates

if TYPE_CHECKING:
    from synth.warehouse import Warehouse
    from tests.services import Database

ORDERS, ITEMS, PAYMENTS = "model.shop.orders", "model.shop.items", "model.shop.payments"
TABLES = """
create schema shop;
create table shop.orders (id integer, goods numeric(8, 2), tax numeric(8, 2), total numeric(8, 2));
create table shop.items as
select n as id, 1 + n % 90 as order_id, (1 + (hashint4(n) & 255))::numeric(8, 2) as price
from generate_series(1, 200) n;
insert into shop.orders
select order_id, sum(price), round(sum(price) / 5, 2), sum(price) + round(sum(price) / 5, 2)
from shop.items group by order_id;
create table shop.payments as
select id, id as order_id, total - 1 as amount from shop.orders
union all select 500 + id, id, 1 from shop.orders;
"""
GOODS_ALONE = "update shop.payments set amount = goods - 1 from shop.orders o where o.id = payments.id"
MONEY = pa.decimal128(8, 2)


@pytest.fixture
def models(database: Database) -> list[Model]:
    key = ForeignKey("order_id", ORDERS, "id", "test")

    def model(name: str, *keys: ForeignKey) -> Model:
        relation = Relation(database.name, "shop", name.rpartition(".")[2])
        return Model(name, relation.name, relation, "m.yml", "table", primary_key=("id",), foreign_keys=keys)

    return [model(ORDERS), model(ITEMS, key), model(PAYMENTS, key)]


def drafts_of(models: list[Model], warehouse: Warehouse, formula: Formula) -> dict[str, Any]:
    """Return twins that were drawn apart: two orders with an item each, paid in three parts and in two."""
    rows = {
        ORDERS: {"id": [1, 2], "goods": ["10.00"] * 2, "tax": ["2.00", "3.00"], "total": ["1.00"] * 2},
        ITEMS: {"id": [1, 2], "order_id": [1, 2], "price": ["98.00", "27.00"]},
        PAYMENTS: {
            "id": [1, 2, 3, 4, 5],
            "order_id": [1, 1, 1, 2, 2],
            "amount": ["20.00", "50.00", "10.00", "70.00", "200.00"],
        },
    }
    drafts: dict[str, Any] = {}
    for model in models:
        columns = warehouse.describe(model.relation)
        table = pa.table(rows[model.unique_id]).select([column.name for column in columns])
        roles = {"id": Role.KEY, "order_id": Role.FOREIGN_KEY}
        treatments = tuple(Treatment(one, roles.get(one.name, Role.NUMBER), "test") for one in columns)
        formulas = {formula: frozenset({"goods", "tax"})} if model.unique_id == ORDERS else {}
        case = SimpleNamespace(
            task=SimpleNamespace(model=model),
            treatments=treatments,
            enforceable=EnforceableFacts((), (), formulas=formulas),
        )
        drafts[model.unique_id] = SimpleNamespace(case=case, twin_table=SimpleNamespace(table=table))
    return drafts


def test_what_was_parts_adds_up_to_what_the_items_come_to(warehouse: Warehouse, models: list[Model]) -> None:
    """The total follows from the items by a formula, so the payments follow from the total."""
    with warehouse.snapshot() as snapshot:
        facts = find_across(models, warehouse, snapshot)
    drafts = drafts_of(models, warehouse, Formula("total", "goods + tax"))
    steps = agreement_steps(facts.every, drafts, drafts)
    rows = {
        model.unique_id: Candidates(
            model.relation,
            warehouse.describe(model.relation),
            drafts[model.unique_id].twin_table.table,
            "synth_staging",
        )
        for model in models
    }
    columns, violations = warehouse.agree(rows, steps, facts.tables)

    assert not violations
    assert columns[ORDERS].column("total").cast(MONEY).to_pylist() == [100, 30]
    # The largest takes the difference; where it would be less than nothing, all are scaled.
    parts = [Decimal(one) for one in ("20.00", "70.00", "10.00", "7.78", "22.22")]
    assert columns[PAYMENTS].column("amount").cast(MONEY).to_pylist() == parts
    part = next(step for step in steps if isinstance(step, Across) and step.way is Way.PART)
    assert str(part) == "payments.amount adds up to the total of its orders"


def test_a_sum_of_the_rows_of_two_models_is_known_of_both(
    warehouse: Warehouse, models: list[Model], database: Database
) -> None:
    with database.connect() as session:
        session.execute(
            "update shop.payments set amount = goods - 1 from shop.orders o where o.id = payments.id"
        )
    with warehouse.snapshot() as snapshot:
        facts = find_across(models, warehouse, snapshot)

    sums = [fact for fact in facts.every if fact.way is Way.SUM]
    assert {fact.other for fact in sums if fact.column == "goods"} == {ITEMS, PAYMENTS}
    drafts = drafts_of(models, warehouse, Formula("total", "goods + tax"))
    steps = [step for step in agreement_steps(sums, drafts, drafts) if isinstance(step, Across)]
    assert [(step.way, step.column) for step in steps if step.source or step.column == "goods"] == [
        (Way.SUM, "goods"),
        (Way.PART, "amount" if steps[0].other == ITEMS else "price"),
    ]
