"""Tests and constraints become facts only where every row is held to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synth.domain import ForeignKey, Rule, Scope
from synth.facts import Facts, facts
from synth.facts.of_queries import asks_how_fresh
from synth.project.manifest import DataTest, DeclaredColumn, Manifest, Node

ORDERS, USERS = "model.shop.orders", "model.shop.users"


def node(unique_id: str, *columns: str, **other: Any) -> Node:
    parts = unique_id.split(".")
    node_fields: dict[str, Any] = {
        "name": parts[2],
        "resource_type": parts[0],
        "package": parts[1],
        "path": "models/x.sql",
        "declared_in": "models/x.yml",
        "columns": {name: DeclaredColumn(name, {}, {}) for name in columns},
        "config": {"materialized": "table"},
    }
    return Node(unique_id, **{**node_fields, **other})


def check(kind: str, column: str | None = None, *, config: Any = None, **arguments: Any) -> DataTest:
    parents = arguments.pop("parents", (USERS, ORDERS))
    namespace = arguments.pop("namespace", None)
    name = f"{kind}_{column}"
    return DataTest(f"test.{name}", name, kind, namespace, ORDERS, column, arguments, parents, config or {})


def of(*tests: DataTest, orders: Node | None = None, others: tuple[Node, ...] = ()) -> Facts:
    nodes = (orders or node(ORDERS, "id", "code", "user_id"), node(USERS, "id"), *others)
    manifest = Manifest(Path("m"), "shop", "", "", {one.unique_id: one for one in nodes}, tests=tests)
    return facts(manifest)(ORDERS)


def unused_names(facts_found: Facts) -> list[str]:
    """Why the tests of a model that state nothing do so; all others must state nothing, too."""
    assert replace(facts_found, all_facts=()) == Facts()
    assert not any(one.is_used for one in facts_found.all_facts)
    return [one.effect.removeprefix("not used: ") for one in facts_found.all_facts]


def test_a_model_without_tests_has_no_facts() -> None:
    assert of() == Facts()


def test_unique_and_not_null_tests_are_facts_about_folded_columns() -> None:
    facts_found = of(check("unique", "ID"), check("not_null", '"Code"'))
    assert facts_found.unique == (("id",),)
    assert facts_found.not_null == {"Code"}


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"severity": "warn"}, "it only warns"),
        ({"severity": "WARN"}, "it only warns"),
        ({"enabled": False}, "it is disabled"),
        ({"error_if": ">10"}, "it has a threshold"),
        ({"fail_calc": "max(n)"}, "it has a threshold"),
    ],
)
def test_a_test_that_tolerates_some_rows_states_no_fact(config: dict[str, object], reason: str) -> None:
    tests = (check("unique", "id", config=config), check("not_null", "id", config=config))
    assert unused_names(of(*tests)) == [reason, reason]


def test_a_test_under_a_condition_is_a_rule_about_the_rows_concerned() -> None:
    where = {"where": "x > 1 -- or so"}
    facts_found = of(check("unique", "id", config=where), check("not_null", "id", config=where))
    assert (facts_found.unique, facts_found.not_null) == ((), frozenset())
    key, not_null = facts_found.rules
    assert key == Rule("unique_id", "count(id) = count(distinct id)", Scope.TABLE, where="(x > 1 -- or so\n)")
    assert not_null == Rule("not_null_id", "not ((x > 1 -- or so\n)\n) or (id is not null\n)")


def test_the_plain_configuration_that_dbt_writes_is_no_tolerance() -> None:
    config = {
        "severity": "ERROR",
        "where": None,
        "error_if": "!= 0",
        "fail_calc": "count(*)",
        "enabled": True,
    }
    assert of(check("not_null", "id", config=config)).not_null == {"id"}


def test_a_test_of_the_same_name_from_an_unknown_package_states_no_fact() -> None:
    assert unused_names(of(check("unique", "id", namespace="house"))) == ["synth test runs it on the twin"]


def test_singular_tests_are_listed_and_state_nothing() -> None:
    alone = DataTest("test.alone", "alone", "", None, "", None, {}, (ORDERS,), {})
    nodes = {ORDERS: node(ORDERS, "id")}
    facts_found = facts(Manifest(Path("m"), "shop", "", "", nodes, singular=(alone,)))(ORDERS)
    assert unused_names(facts_found) == ["synth test runs it on the twin"]


MODEL = 'from "warehouse"."analytics"."orders"'


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        (f"select * {MODEL} where net > gross", "not (net > gross\n)"),
        (f"select o.id {MODEL} as o where o.net < 0", "not (net < 0\n)"),
        (
            f"select net from (select * {MODEL} where paid) dbt_subquery where not net > 0",
            "not (paid\n) or net > 0",
        ),
        (f"select * {MODEL} where not (net + tax = gross)", "net + tax = gross"),
        (f"select * {MODEL} where net + tax <> gross", "net + tax = gross"),
        (f"select count(*) {MODEL} where net < 0", ""),
        (f"select id {MODEL} where net < 0 group by id", ""),
        (f"select 1 {MODEL} where net > (select avg(net) {MODEL})", ""),
        (f"select * {MODEL} join other using (id) where net < 0", ""),
        ('select * from "warehouse"."analytics"."customers" where net < 0', ""),
        ("no query at all", ""),
    ],
)
def test_a_query_that_lists_rows_of_the_model_is_a_rule_about_each(query: str, holds: str) -> None:
    alone = DataTest("test.alone", "alone", "", None, "", None, {}, (ORDERS,), {}, sql=query)
    orders = replace(node(ORDERS, "id"), schema="analytics", alias="orders")
    facts_found = facts(Manifest(Path("m"), "shop", "", "", {ORDERS: orders}, singular=(alone,)))(ORDERS)
    assert [rule.holds for rule in facts_found.rules] == ([holds] if holds else [])


@pytest.mark.parametrize("condition", ["not (net + tax = gross)", "net + tax != gross"])
def test_a_query_may_say_which_column_others_decide(condition: str) -> None:
    query = f"select * {MODEL} where {condition}"
    alone = DataTest("test.alone", "alone", "", None, "", None, {}, (ORDERS,), {}, sql=query)
    orders = replace(node(ORDERS, "id"), schema="analytics", alias="orders")
    facts_found = facts(Manifest(Path("m"), "shop", "", "", {ORDERS: orders}, singular=(alone,)))(ORDERS)
    assert [rule.sets for rule in facts_found.rules] == [(("gross", "net + tax"),)]


@pytest.mark.parametrize(
    ("query", "key"),
    [
        (f"select day, shop {MODEL} group by 1, 2 having count(*) > 1", ("day", "shop")),
        (
            f'select day, o."Shop", count(*) {MODEL} as o group by day, o."Shop" having 2 <= count(1)',
            ("day", "Shop"),
        ),
        (f"select day {MODEL} group by day having count(*) > 2", ()),
        (f"select day {MODEL} where day > 3 group by day having count(*) > 1", ()),
        (f"select day {MODEL} group by day having sum(net) > 1", ()),
        (f"select date_trunc('day', at) {MODEL} group by 1 having count(*) > 1", ()),
        ('select day from "warehouse"."analytics"."customers" group by 1 having count(*) > 1', ()),
    ],
)
def test_a_query_that_lists_groups_of_several_rows_says_what_is_unique(
    query: str, key: tuple[str, ...]
) -> None:
    alone = DataTest("test.alone", "alone", "", None, "", None, {}, (ORDERS,), {}, sql=query)
    orders = replace(node(ORDERS, "day", "Shop", "net", "at"), schema="analytics", alias="orders")
    facts_found = facts(Manifest(Path("m"), "shop", "", "", {ORDERS: orders}, singular=(alone,)))(ORDERS)
    assert facts_found.unique == ((key,) if key else ())


def test_columns_that_an_expression_makes_unique_are_a_key_and_the_expression_is_counted() -> None:
    facts_found = of(check("unique", "(id || '-' || \"Code\")"))
    assert facts_found.unique == (("id", "Code"),)
    assert [rule.scope for rule in facts_found.rules] == [Scope.TABLE]


@pytest.mark.parametrize(
    ("query", "fresh"),
    [
        ("select 1 from (select max(at) as newest from m) t where newest < now() - interval '1 day'", True),
        ("select * from m where at > current_timestamp", False),
        ("select max(at) from m", False),
    ],
)
def test_a_test_of_the_newest_row_against_the_clock_is_known(query: str, fresh: bool) -> None:
    assert asks_how_fresh(query) is fresh


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("{{ var('least') }}", "an argument holds Jinja"),
        ("(select max(n) from other)", "an argument holds a subquery"),
    ],
)
def test_arguments_that_cannot_be_read_are_not_used(argument: str, reason: str) -> None:
    range_test = check("accepted_range", "id", namespace="dbt_utils", min_value=argument)
    assert unused_names(of(range_test)) == [reason]


@pytest.mark.parametrize(
    ("kind", "argument", "namespace"),
    [
        ("unique_combination_of_columns", "combination_of_columns", "dbt_utils"),
        ("expect_compound_columns_to_be_unique", "column_list", "dbt_expectations"),
    ],
)
def test_a_unique_combination_is_one_set_of_columns(kind: str, argument: str, namespace: str) -> None:
    arguments: dict[str, Any] = {argument: ["id", "Code"]}
    facts_found = of(check(kind, namespace=namespace, **arguments))
    assert facts_found.unique == (("id", "code"),)
    quoted_facts = of(check(kind, namespace=namespace, quote_columns=True, **arguments))
    assert quoted_facts.unique == (("id", "Code"),)


def test_a_combination_of_expressions_or_under_a_condition_states_no_fact() -> None:
    columns = ["id", "date(at)"]
    kind = "unique_combination_of_columns"
    assert of(check(kind, namespace="dbt_utils", combination_of_columns=columns)).unique == ()
    kind = "expect_column_values_to_be_unique"
    conditional = check(kind, "id", namespace="dbt_expectations", row_condition="id > 0")
    assert of(conditional).unique == ()


def test_the_key_is_the_first_single_column_that_is_unique_and_never_null() -> None:
    tests = [check(kind, name) for name in ("code", "id") for kind in ("unique", "not_null")]
    assert of(*tests).primary_key == ("id",)
    assert of(*tests, orders=node(ORDERS, "code", "id")).primary_key == ("code",)
    assert of(*tests, orders=node(ORDERS)).primary_key == ("code",)


def test_without_such_a_column_the_key_is_a_combination_or_nothing() -> None:
    columns = ["user_id", "code"]
    combination = check(
        "unique_combination_of_columns", namespace="dbt_utils", combination_of_columns=columns
    )
    assert of(check("unique", "id"), combination).primary_key == ("user_id", "code")
    assert of(check("unique", "id")).primary_key == ()


def test_partial_references_count_where_a_column_has_one_parent() -> None:
    teams = node("model.shop.teams", "id")
    parents = (USERS, ORDERS, teams.unique_id)
    to_users = check(
        "relationships", "owner", to="ref('users')", field="id", config={"where": "kind = 'user'"}
    )
    to_teams = check(
        "relationships_where",
        "owner",
        namespace="dbt_utils",
        parents=parents,
        to="ref('teams')",
        field="id",
        from_condition="kind = 'team'",
    )
    assert [key.parent for key in of(to_users).foreign_keys] == [USERS]
    assert (
        unused_names(of(to_users, to_teams, others=(teams,)))
        == ["other rows of owner reference another model"] * 2
    )
    part = check(
        "relationships_where",
        "owner",
        namespace="dbt_utils",
        to="ref('users')",
        field="id",
        to_condition="active",
    )
    assert unused_names(of(part)) == ["only some rows of the parent count"]


def contract_node(**other: Any) -> Node:
    columns = {
        "id": DeclaredColumn("id", {}, {}, ({"type": "not_null"}, {"type": "unique"})),
        "Code": DeclaredColumn("Code", {}, {}),
        "user_id": DeclaredColumn("user_id", {}, {}, ({"type": "foreign_key", **other.pop("key", {})},)),
    }
    key = ({"type": "primary_key", "columns": ["Code", "ID"]},)
    return node(
        ORDERS, **{"columns": columns, "constraints": key, "has_contract": True, "parents": (USERS,), **other}
    )


def test_constraints_of_an_enforced_contract_are_facts_and_the_declared_key_wins() -> None:
    facts_found = of(orders=contract_node())
    assert facts_found.primary_key == ("Code", "id")
    assert set(facts_found.unique) == {("Code", "id"), ("id",)}
    assert facts_found.not_null == {"Code", "id"}


@pytest.mark.parametrize("other", [{"has_contract": False}, {"config": {"materialized": "view"}}])
def test_constraints_that_postgres_does_not_enforce_are_no_facts(other: dict[str, Any]) -> None:
    facts_found = of(orders=contract_node(**other))
    assert replace(facts_found, all_facts=()) == Facts()
    assert {one.kind for one in facts_found.all_facts} <= {"data_type"}


@pytest.mark.parametrize("to", ["ref('users')", '"w"."s"."users"'])
def test_a_foreign_key_constraint_is_resolved_by_ref_or_by_relation(to: str) -> None:
    orders = contract_node(key={"to": to, "to_columns": ["id"], "name": "fk"})
    other = node("model.shop.twin", relation_name='"w"."s"."users"')
    facts_found = of(orders=orders, others=(other,)).foreign_keys
    parent = USERS if to.startswith("ref") else "model.shop.twin"
    assert facts_found == (ForeignKey("user_id", parent, "id", "fk"),)


@pytest.mark.parametrize(
    "key",
    [{}, {"to": "ref('users')"}, {"to": "elsewhere", "to_columns": ["id"]}, {"expression": "users (id)"}],
)
def test_a_foreign_key_constraint_that_names_no_known_column_states_no_fact(key: dict[str, Any]) -> None:
    assert of(orders=contract_node(key=key)).foreign_keys == ()


@pytest.mark.parametrize("to", ["ref('users')", 'ref("shop", "users")', "{{ ref('users') }}"])
def test_a_relationship_names_the_parent_that_dbt_resolved(to: str) -> None:
    facts_found = of(check("relationships", "User_Id", to=to, field="ID"))
    assert facts_found.foreign_keys == (ForeignKey("user_id", USERS, "id", "relationships_User_Id"),)


@pytest.mark.parametrize(
    ("to", "version"), [("ref('p', v=1)", "1"), ("ref('p', version='1')", "1"), ("ref('p')", "2")]
)
def test_a_relationship_to_a_version_means_that_version_and_else_the_latest(to: str, version: str) -> None:
    versions = tuple(
        node(f"model.shop.p.v{number}", version=number, is_latest=number == "2") for number in ("1", "2")
    )
    parents = tuple(one.unique_id for one in versions)
    facts_found = of(check("relationships", "p_id", to=to, field="id", parents=parents), others=versions)
    assert facts_found.foreign_keys[0].parent == f"model.shop.p.v{version}"


def test_a_model_may_reference_itself() -> None:
    facts_found = of(check("relationships", "code", to="ref('orders')", field="id", parents=(ORDERS,)))
    assert facts_found.foreign_keys[0].parent == ORDERS


@pytest.mark.parametrize(
    "to",
    ["source('app', 'users')", "ref('gone')", "ref('inner', 'users')", "ref(", "ref(users)", "", "ref()"],
)
def test_a_relationship_to_something_else_states_no_fact(to: str) -> None:
    assert of(check("relationships", "user_id", to=to, field="id")).foreign_keys == ()


def test_the_same_reference_stated_twice_is_one_fact_and_keeps_its_first_name() -> None:
    first = check("relationships", "user_id", to="ref('users')", field="id")
    again = check("relationships", "USER_ID", to="ref('users')", field="id")
    assert [key.test for key in of(first, again).foreign_keys] == [first.name]


@pytest.mark.parametrize(
    ("condition", "columns"),
    [
        ("total = net + tax", ["total"]),
        ("net + tax = Total", ["total"]),
        ('"Total" = other', ["Total", "other"]),
        ("total = round(net, 2)", ["total"]),
        ("total >= net", []),
        ("total = net or free", []),
        ("total = net = free", []),
        ("(total = net) = true", []),
        ("is_paid = true", ["is_paid"]),
        ("total <> net", []),
        ("total = case when free then 0 else net end", []),
        ("total = net -- or so", []),
    ],
)
def test_a_condition_that_is_an_equation_says_which_columns_it_decides(
    condition: str, columns: list[str]
) -> None:
    facts_of_test = of(check("expression_is_true", namespace="dbt_utils", expression=condition))
    assert [name for name, _ in facts_of_test.rules[0].sets] == columns
