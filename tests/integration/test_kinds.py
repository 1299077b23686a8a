"""Each kind of test is read as its macro means it: Postgres tells rows that keep it from rows that do not."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from synth.domain import Relation, Rule, Scope
from synth.facts.kinds import KINDS
from synth.warehouse import Warehouse
from tests.kinds import CASES, NOTHING, THINGS, rule_of
from tests.services import database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synth.services import Endpoints
    from tests.services import Database

fresh_database = contextmanager(database.__wrapped__)  # type: ignore[attr-defined] # pytest keeps the function
# These say something about keys, references, types and other models; see test_facts and test_rules.
OTHERWISE = {
    ("dbt", "unique"),
    ("dbt", "not_null"),
    ("dbt", "relationships"),
    ("dbt_utils", "relationships_where"),
    ("dbt_utils", "unique_combination_of_columns"),
    ("dbt_utils", "equal_rowcount"),
    ("dbt_utils", "fewer_rows_than"),
    ("dbt_expectations", "expect_column_values_to_be_unique"),
    ("dbt_expectations", "expect_compound_columns_to_be_unique"),
    ("dbt_expectations", "expect_column_values_to_not_be_null"),
    ("dbt_expectations", "expect_table_row_count_to_equal_other_table"),
    ("dbt_expectations", "expect_table_row_count_to_equal_other_table_times_factor"),
}
SHAPES = {kind for kind in KINDS if kind[1].startswith(("expect_table_column", "expect_column_to_exist"))} | {
    ("dbt_expectations", "expect_column_values_to_be_of_type"),
    ("dbt_expectations", "expect_column_values_to_be_in_type_list"),
}


@pytest.fixture(scope="module")
def things(services: Endpoints) -> Iterator[Database]:
    with fresh_database(services) as fresh:
        with fresh.connect() as session:
            session.execute(b"create table things as " + THINGS.encode())
        yield fresh


def violations(things: Database, name: str, rules: tuple[Rule, ...]) -> list[int]:
    """How many rows of a table break each rule."""
    with Warehouse(things.conninfo) as warehouse, warehouse.snapshot() as snapshot:
        outcomes = snapshot.count_violations(Relation(things.name, "public", name), rules)
    assert [outcome.failure for outcome in outcomes] == [""] * len(rules)
    return [outcome.violations for outcome in outcomes]


@contextmanager
def with_changes(things: Database, *statements: str) -> Iterator[str]:
    """The name of a copy of the table after these changes."""
    with things.connect() as session:
        session.execute("create table changed as table things")
        for statement in statements:
            session.execute(sql.SQL(statement).format(sql.Identifier("changed")))
        try:
            yield "changed"
        finally:
            session.execute("drop table changed")


def test_every_kind_that_states_a_condition_has_a_case() -> None:
    assert set(CASES) == set(KINDS) - OTHERWISE - SHAPES
    assert set(KINDS) > OTHERWISE | SHAPES


@pytest.mark.parametrize(("package", "kind"), CASES)
def test_rows_that_keep_a_test_and_rows_that_do_not_are_told_apart(
    things: Database, package: str, kind: str
) -> None:
    rules = (rule_of(package, kind),)
    assert violations(things, "things", rules) == [0]
    with with_changes(things, CASES[package, kind].breaking) as table:
        assert violations(things, table, rules)[0] > 0


def test_a_condition_of_a_test_is_never_lost(things: Database) -> None:
    nobody = "n is distinct from n -- nobody"
    rules = tuple(rule_of(*kind, row_condition=nobody) for kind in CASES)
    assert all(nobody in (rule.where or rule.holds) for rule in rules)
    with with_changes(things, *(case.breaking for case in CASES.values())) as table:
        about_rows = tuple(rule for rule in rules if rule.scope is not Scope.TABLE)
        assert set(violations(things, table, about_rows)) == {0}


NULL_BREAKS = {
    "expect_column_values_to_be_in_set",
    "expect_column_distinct_values_to_be_in_set",
    "expect_column_values_to_match_regex",
    "expect_column_values_to_match_regex_list",
}


def test_null_passes_except_where_the_macro_lets_it_fail(things: Database) -> None:
    rules = {kind: rule for kind in CASES if (rule := rule_of(*kind)).scope is Scope.ROW}
    with with_changes(things, NOTHING) as table:
        violation_counts = violations(things, table, tuple(rules.values()))
    assert {kind[1] for kind, count in zip(rules, violation_counts, strict=True) if count} == NULL_BREAKS


def test_postgres_says_which_columns_a_rule_mentions_and_refuses_what_is_none(things: Database) -> None:
    relation = Relation(things.name, "public", "things")
    rules = tuple(rule for kind in CASES if (rule := rule_of(*kind)).scope is Scope.ROW)
    wrong = ("count(*) > 1", "n in (select 1)", "lag(n) over () > 1", "missing > 1", "n > 1); select (1")
    with Warehouse(things.conninfo) as warehouse:
        for understanding in warehouse.understand(relation, rules, "staging"):
            assert understanding.failure == ""
            assert understanding.columns
            assert understanding.columns <= {"n", "m", "same", "word", "empty"}
        refusals = warehouse.understand(relation, [Rule("t", holds) for holds in wrong], "staging")
        assert all(understanding.failure and not understanding.columns for understanding in refusals)
        assert warehouse.understand(relation, [Rule("t", "things is not null")], "staging")[0].failure
    with things.connect() as session:
        assert session.execute("select from pg_class where relname ~ 'candidates'").fetchall() == []


def test_a_rule_that_cannot_be_evaluated_spoils_no_other(things: Database) -> None:
    rules = [Rule("good", "n < 60"), Rule("bad", "1 / (n - 7) < 60"), Rule("worse", "nobody > 1")]
    with Warehouse(things.conninfo) as warehouse, warehouse.snapshot() as snapshot:
        good, bad, worse = snapshot.count_violations(Relation(things.name, "public", "things"), rules)
    assert (good.violations, good.failure) == (1, "")
    assert "DivisionByZero" in bad.failure
    assert "does not exist" in worse.failure
