"""Every kind of test that a twin can be held to: arguments that 60 rows keep, and a change that breaks it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synth.facts import facts
from synth.project.manifest import DataTest, Manifest, Node

if TYPE_CHECKING:
    from synth.domain import Rule

# Rows 1 to 60; `word` is an, bn, cn or dn, `part` 0 to 4, `since` and `until` are weeks without gaps.
THINGS = """
select
    n,
    n + 1 as m,
    n as same,
    n % 5 as part,
    substr('abcd', 1 + n % 4, 1) || 'n' as word,
    null::integer as empty,
    date '2024-01-01' + 7 * n as since,
    date '2024-01-01' + 7 * n + 7 as until
from generate_series(1, 60) n
"""
MORE = "insert into {} (n, m, same, part, word, since, until) values "
STRANGE = f"{MORE} (900, 1, 2, 9, 'XX ', '2030-01-01', '2029-01-01')"
NOTHING = "insert into {} default values"
EMPTY_TEXT = "update {} set word = ' ' where n = 7"


@dataclass(frozen=True)
class Case:
    """Arguments of a test, and SQL that makes the rows break it; `{}` is the table."""

    arguments: dict[str, Any]
    breaking: str = STRANGE


def of(column: str, breaking: str = STRANGE, **arguments: Any) -> Case:
    return Case({"column_name": column, **arguments}, breaking)


WORDS = ["an", "bn", "cn", "dn"]
CASES: dict[tuple[str, str], Case] = {
    ("dbt", "accepted_values"): of("word", values=WORDS),
    ("dbt_utils", "accepted_range"): of("n", min_value=1, max_value="30 + 30"),
    ("dbt_utils", "expression_is_true"): Case({"expression": "m > n"}),
    ("dbt_utils", "not_accepted_values"): of("word", values=["XX "]),
    ("dbt_utils", "not_empty_string"): of("word", EMPTY_TEXT),
    ("dbt_utils", "at_least_one"): of("word", "update {} set word = null"),
    ("dbt_utils", "not_constant"): of("word", "update {} set word = 'an'"),
    ("dbt_utils", "not_null_proportion"): of("word", "update {} set word = null where n < 9", at_least=0.95),
    ("dbt_utils", "mutually_exclusive_ranges"): Case(
        {"lower_bound_column": "since", "upper_bound_column": "until", "gaps": "not_allowed"},
        "update {} set until = until + 1 where n = 7",
    ),
    ("dbt_utils", "sequential_values"): of("since", "delete from {} where n = 7", interval=7, datepart="day"),
    ("dbt_expectations", "expect_column_values_to_be_null"): of(
        "empty", "update {} set empty = 1 where n = 7"
    ),
    ("dbt_expectations", "expect_column_values_to_be_between"): of(
        "n", min_value=0, max_value=61, strictly=True
    ),
    ("dbt_expectations", "expect_column_values_to_be_in_set"): of("word", NOTHING, value_set=WORDS),
    ("dbt_expectations", "expect_column_distinct_values_to_be_in_set"): of("word", value_set=WORDS),
    ("dbt_expectations", "expect_column_values_to_not_be_in_set"): of("word", value_set=["XX "]),
    ("dbt_expectations", "expect_column_value_lengths_to_be_between"): of("word", min_value=1, max_value=2),
    ("dbt_expectations", "expect_column_value_lengths_to_equal"): of("word", value=2),
    ("dbt_expectations", "expect_column_values_to_match_like_pattern"): of("word", like_pattern="_n"),
    ("dbt_expectations", "expect_column_values_to_match_like_pattern_list"): of(
        "word", like_pattern_list=["_n", "zz%"]
    ),
    ("dbt_expectations", "expect_column_values_to_not_match_like_pattern"): of("word", like_pattern="X%"),
    ("dbt_expectations", "expect_column_values_to_not_match_like_pattern_list"): of(
        "word", like_pattern_list=["X%", "zz%"], match_on="all"
    ),
    ("dbt_expectations", "expect_column_values_to_match_regex"): of(
        "word", NOTHING, regex="^[A-D]n$", flags="i"
    ),
    ("dbt_expectations", "expect_column_values_to_match_regex_list"): of("word", regex_list=["^a", "n$"]),
    ("dbt_expectations", "expect_column_values_to_not_match_regex"): of("word", regex="[A-Z]"),
    ("dbt_expectations", "expect_column_values_to_not_match_regex_list"): of(
        "word", regex_list=["[A-Z]", r"\d"], match_on="all"
    ),
    ("dbt_expectations", "expression_is_true"): Case({"expression": "m - n", "test_condition": "= 1"}),
    ("dbt_expectations", "expect_column_pair_values_A_to_be_greater_than_B"): Case(
        {"column_A": "m", "column_B": "n"}
    ),
    ("dbt_expectations", "expect_column_pair_values_to_be_equal"): Case(
        {"column_A": "n", "column_B": "same"}
    ),
    ("dbt_expectations", "expect_column_pair_values_to_be_in_set"): Case(
        {
            "column_A": "n % 2",
            "column_B": "same % 2",
            "value_pairs_set": [[0, 0], [1, 1]],
        },
        "update {} set same = 8 where n = 7",
    ),
    ("dbt_expectations", "expect_column_values_to_be_increasing"): of("m", sort_column="n"),
    ("dbt_expectations", "expect_column_values_to_be_decreasing"): of(
        "-m", sort_column="n", group_by=["part"], breaking="update {} set m = 900 where n = 7"
    ),
    ("dbt_expectations", "expect_column_values_to_have_consistent_casing"): of(
        "word", "update {} set word = 'AN' where n = 4"
    ),
    ("dbt_expectations", "expect_column_mean_to_be_between"): of("n", min_value=30, max_value=31),
    ("dbt_expectations", "expect_column_median_to_be_between"): of(
        "n", "delete from {} where n > 50", min_value=30, max_value=31
    ),
    ("dbt_expectations", "expect_column_min_to_be_between"): of(
        "n", "delete from {} where n < 9", max_value=1
    ),
    ("dbt_expectations", "expect_column_max_to_be_between"): of("n", max_value=60),
    ("dbt_expectations", "expect_column_sum_to_be_between"): of("n", max_value=2000),
    ("dbt_expectations", "expect_column_stdev_to_be_between"): of("n", min_value=10, max_value=20),
    ("dbt_expectations", "expect_column_quantile_values_to_be_between"): of(
        "n", "delete from {} where n > 50", quantile=0.9, min_value=54, max_value=55
    ),
    ("dbt_expectations", "expect_column_unique_value_count_to_be_between"): of("word", max_value=4),
    ("dbt_expectations", "expect_column_proportion_of_unique_values_to_be_between"): of(
        "n", "update {} set n = 1 where n < 30", min_value=0.9
    ),
    ("dbt_expectations", "expect_column_distinct_count_to_equal"): of("word", value=4),
    ("dbt_expectations", "expect_column_distinct_count_to_be_greater_than"): of(
        "n", "update {} set n = 1", value=3
    ),
    ("dbt_expectations", "expect_column_distinct_count_to_be_less_than"): of("word", value=5),
    ("dbt_expectations", "expect_column_distinct_values_to_contain_set"): of(
        "word", "delete from {} where word = 'an'", value_set=["an", "bn"]
    ),
    ("dbt_expectations", "expect_column_distinct_values_to_equal_set"): of("word", value_set=WORDS),
    ("dbt_expectations", "expect_table_row_count_to_be_between"): Case({"min_value": 50, "max_value": 60}),
    ("dbt_expectations", "expect_table_row_count_to_equal"): Case({"value": 60}),
}


def rule_of(package: str, kind: str, **more: object) -> Rule:
    """What a test of this kind states."""
    arguments = {**CASES[package, kind].arguments, **more}
    column = arguments.get("column_name")
    model = "model.shop.things"
    test = DataTest("test.t", "t", kind, package, model, column, arguments, (), {})
    node = Node(model, "things", "model", "shop", "models/x.sql", "models/x.yml")
    manifest = Manifest(Path("m"), "shop", "", "", {model: node}, tests=(test,))
    (rule,) = facts(manifest)(model).rules
    return rule
