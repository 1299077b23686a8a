"""Which of a project's tests can be run on twins."""

from __future__ import annotations

from synth.dbt.tests import DbtTestOutcome, choose
from synth.domain import Model, ProjectTest, Relation, Role

ORDERS, CUSTOMERS = "model.shop.orders", "model.shop.customers"
TWIN = Relation("w", "synthetic", "orders")


def project_test(name: str, *parents: str, column: str | None = None, stores: bool = False) -> ProjectTest:
    return ProjectTest(f"test.shop.{name}", name, ("shop", name), parents, ORDERS, column, stores)


def orders(*tests: ProjectTest, **roles: Role) -> Model:
    return Model(
        ORDERS, "orders", Relation("w", "shop", "orders"), "m.yml", "table", tests=tests, roles=roles
    )


def reason(test: ProjectTest, foreign: str = "", **roles: Role) -> str:
    able, unable = choose([orders(test, **roles)], {ORDERS: TWIN}, foreign)
    assert len(able) + len(unable) == 1
    assert all(item.outcome is DbtTestOutcome.SKIPPED for item in unable)
    return unable[0].message if unable else ""


def test_a_test_that_reads_twins_alone_can_be_run() -> None:
    assert reason(project_test("unique", ORDERS, column="id")) == ""


def test_a_test_that_reads_what_has_no_twin_cannot() -> None:
    assert reason(project_test("related", ORDERS, CUSTOMERS)) == f"it reads {CUSTOMERS}, which has no twin"
    assert reason(project_test("freshness", ORDERS, "source.shop.raw.orders")).endswith(
        "raw.orders, which has no twin"
    )


def test_a_test_of_a_column_that_the_twin_lacks_cannot() -> None:
    assert "no column note" in reason(project_test("not_null", ORDERS, column="note"), note=Role.DROP)


def test_a_test_that_keeps_failures_in_a_table_would_overwrite_those_of_real_rows() -> None:
    assert "stores its failures" in reason(project_test("unique", ORDERS, stores=True))


def test_no_test_is_run_where_names_in_it_may_mean_somebody_elses_code() -> None:
    foreign = "operator public.=(text,text), which belongs to eve"
    assert reason(project_test("unique", ORDERS, column="id"), foreign) == (
        f"names in its SQL may mean the {foreign}. Next: drop that"
    )


def test_a_test_of_two_models_is_run_once() -> None:
    relationship = project_test("related", ORDERS, CUSTOMERS)
    customers = Model(CUSTOMERS, "customers", TWIN, "m.yml", "table", tests=(relationship,))
    able, unable = choose([orders(relationship), customers], {ORDERS: TWIN, CUSTOMERS: TWIN}, "")
    assert (able, unable) == ((relationship,), ())
