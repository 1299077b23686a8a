"""Digests of what a twin is made from: equal for equal things, and in words when they differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synth.domain import ForeignKey
from synth.project.digests import digest, source_digests
from synth.project.manifest import DataTest, Manifest, Node
from synth.runs.fingerprint import CHANGES, PARENT, difference


def node(name: str, *parents: str, **changes: Any) -> Node:
    node_of_test = Node(
        name, name, "model", "shop", f"{name}.sql", "models.yml", parents=parents, checksum=name
    )
    return replace(node_of_test, **changes)


def data_test(name: str, attached_to: str = "", **changes: Any) -> DataTest:
    node_of_test = DataTest(
        name, name, "unique", None, attached_to, "id", {"values": [1, 2]}, (attached_to,), {}
    )
    return replace(node_of_test, **changes)


def manifest(*nodes: Node, tests: tuple[DataTest, ...] = (), singular: tuple[DataTest, ...] = ()) -> Manifest:
    node_by_id = {one.unique_id: one for one in nodes}
    return Manifest(Path("manifest.json"), "shop", "", "", node_by_id, tests=tests, singular=singular)


def test_order_and_empty_entries_make_no_difference() -> None:
    assert digest({"a": 1, "b": frozenset({"x", "y"})}) == digest({"b": frozenset({"y", "x"}), "a": 1})
    assert digest({"a": 1, "b": None, "c": []}) == digest({"a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert digest({"a": 0}) != digest({})
    assert digest([1, 2]) != digest([2, 1])


def test_values_of_ours_count_by_their_fields() -> None:
    key = ForeignKey("user_id", "model.shop.users", "id", "a test")
    assert digest(key) == digest(replace(key))
    assert digest(key) != digest(replace(key, parent_column="uuid"))


def test_a_model_is_what_it_says_all_that_it_is_built_from_and_its_tests() -> None:
    source, staging, mart = node("source"), node("staging", "source"), node("mart", "staging")
    unique = data_test("unique_mart", "mart")
    before = source_digests(manifest(source, staging, mart, tests=(unique,)), [mart])["mart"]

    def after(*nodes: Node, tests: tuple[DataTest, ...] = (unique,), **more: Any) -> set[str]:
        """The parts that are not as before."""
        digests = source_digests(manifest(*nodes, tests=tests, **more), nodes)["mart"]
        return {part for part in before if digests[part] != before[part]}

    edit: dict[str, Any] = {"checksum": "edited"}
    assert after(source, staging, mart) == set()
    assert after(source, staging, mart, node("other")) == set()
    assert after(source, staging, replace(mart, **edit)) == {"model"}
    assert after(replace(source, **edit), staging, mart) == {"upstream"}
    assert after(source, staging, mart, tests=(replace(unique, arguments={"values": [1]}),)) == {"tests"}
    assert after(source, staging, mart, tests=(replace(unique, config={"where": "id > 1"}),)) == {"tests"}
    elsewhere = data_test("unique_staging", "staging")
    assert after(source, staging, mart, tests=(unique, elsewhere)) == set()
    query = data_test("a_query", parents=("mart",), checksum="select 1")
    assert after(source, staging, mart, singular=(query,)) == {"tests"}


@pytest.mark.parametrize("part", CHANGES)
def test_the_first_part_that_changed_is_named(part: str) -> None:
    old = dict.fromkeys(CHANGES, "old")
    assert difference(old, old) == ""
    assert difference(old, {**old, part: "new"}) == CHANGES[part]
    assert difference({}, old) == CHANGES["model"]


def test_another_twin_of_a_parent_is_a_change() -> None:
    parent = f"{PARENT}model.shop.users"
    assert "the twin of model.shop.users" in difference({parent: "monday"}, {parent: "tuesday"})
    assert "the twin of model.shop.users" in difference({}, {parent: "tuesday"})
    assert difference({parent: "monday"}, {parent: "monday"}) == ""
