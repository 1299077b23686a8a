"""Tests that no value can pass together are refused before anything is read; all others are left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synth.errors import ConfigError
from synth.facts import facts
from synth.project.manifest import DataTest, Manifest, Node

MODEL = "model.shop.orders"
IN, RANGE, BETWEEN = "accepted_values", "accepted_range", "expect_column_values_to_be_between"
NOT_IN, LENGTHS, LENGTH = (
    "not_accepted_values",
    "expect_column_value_lengths_to_be_between",
    "expect_column_value_lengths_to_equal",
)
NULL, NOT_NULL = "expect_column_values_to_be_null", "not_null"
ROWS, EXACTLY = "expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"
PACKAGES = {IN: None, NOT_NULL: None, RANGE: "dbt_utils", NOT_IN: "dbt_utils"}

TestOfColumn = tuple[str, dict[str, Any]]


def read(one: TestOfColumn, other: TestOfColumn, *, column: str = "n") -> None:
    """Read the facts of a model with two tests, the second of them about `column`."""
    tests = []
    for name, (kind, arguments), about in (("first", one, "n"), ("second", other, column)):
        of = None if kind in {ROWS, EXACTLY} else about
        package = PACKAGES.get(kind, "dbt_expectations")
        tests.append(DataTest(f"test.{name}", name, kind, package, MODEL, of, arguments, (), {}))
    node = Node(MODEL, "orders", "model", "shop", "models/x.sql", "models/x.yml")
    facts(Manifest(Path("m"), "shop", "", "", {MODEL: node}, tests=tuple(tests)))(MODEL)


CONTRADICTORY = [
    ((IN, {"values": ["a", "b"]}), (IN, {"values": ["c"]})),
    ((IN, {"values": ["a"]}), (NOT_IN, {"values": ["a", "b"]})),
    ((IN, {"values": [1, 2], "quote": False}), (RANGE, {"min_value": 3})),
    ((IN, {"values": [1]}), (IN, {"values": [2.0]})),
    ((IN, {"values": ["2024-01-01"]}), (RANGE, {"max_value": "'2023-12-31'"})),
    ((IN, {"values": ["long"]}), (LENGTH, {"value": 2})),
    ((RANGE, {"max_value": 5}), (BETWEEN, {"min_value": 6})),
    ((RANGE, {"max_value": 5, "inclusive": False}), (BETWEEN, {"min_value": "5"})),
    ((RANGE, {"max_value": "'2024-01-01'"}), (RANGE, {"min_value": "'2024-01-01 00:00:01'"})),
    ((LENGTHS, {"max_value": 5}), (LENGTH, {"value": 6})),
    ((NULL, {}), (NOT_NULL, {})),
    ((ROWS, {"max_value": 5}), (EXACTLY, {"value": 6})),
]
COMPATIBLE = [
    ((IN, {"values": ["a", "b"]}), (IN, {"values": ["b", "c"]})),
    ((IN, {"values": ["a", "b"]}), (NOT_IN, {"values": ["a"]})),
    ((IN, {"values": [1]}), (IN, {"values": [1.0]})),
    ((IN, {"values": [1, 9]}), (RANGE, {"min_value": 3})),
    ((IN, {"values": ["a"]}), (RANGE, {"min_value": 3})),  # how text compares is for Postgres to say
    ((RANGE, {"max_value": 5}), (BETWEEN, {"min_value": 5})),
    ((RANGE, {"max_value": "m"}), (RANGE, {"min_value": 6})),  # m is another column
    ((RANGE, {"max_value": 5}), (RANGE, {"min_value": "'2024-01-01'"})),
    ((RANGE, {"max_value": 5}), (BETWEEN, {"min_value": 6, "row_condition": "m"})),
    ((LENGTHS, {"max_value": 5}), (RANGE, {"min_value": 6})),
    ((NULL, {"row_condition": "m > 1"}), (NOT_NULL, {})),
    ((ROWS, {"max_value": 5}), (RANGE, {"min_value": 6})),
]


@pytest.mark.parametrize(("one", "other"), CONTRADICTORY)
def test_two_tests_that_no_value_passes_are_refused_by_name(one: TestOfColumn, other: TestOfColumn) -> None:
    for pair in ((one, other), (other, one)):
        with pytest.raises(
            ConfigError, match=r"x\.yml \(model\.shop\.orders\): the tests first and second contradict"
        ):
            read(*pair)


@pytest.mark.parametrize(("one", "other"), COMPATIBLE)
def test_tests_that_some_value_passes_are_left_alone(one: TestOfColumn, other: TestOfColumn) -> None:
    read(one, other)
    read(other, one)


@pytest.mark.parametrize(("one", "other"), [pair for pair in CONTRADICTORY if pair[0][0] != ROWS])
def test_tests_of_different_columns_never_contradict_each_other(
    one: TestOfColumn, other: TestOfColumn
) -> None:
    read(one, other, column="m")
