"""What a view reads at whatever distance, told from a catalog's edges."""

from __future__ import annotations

from synth.warehouse.lineage import ViewReads

NAMES = {1: "synthetic.twin", 2: "marts.people", 3: "marts.adults", 4: "marts.cities", 5: "marts.bills"}


def test_a_table_is_named_once_with_the_nearest_way_to_it() -> None:
    reads = ViewReads(NAMES, {9: [3, 4, 1], 3: [2], 4: [3, 2]}, frozenset({3, 4}))
    assert reads.leading_out(9, {1}) == ["marts.people through marts.adults"]


def test_every_table_that_is_not_harmless_is_named() -> None:
    reads = ViewReads(NAMES, {9: [5, 3], 3: [2, 1]}, frozenset({3}))
    assert reads.leading_out(9, {1}) == ["marts.bills", "marts.people through marts.adults"]
    assert reads.leading_out(9, {1, 2}) == ["marts.bills"]
    assert reads.leading_out(9, {1, 2, 5}) == []


def test_views_that_read_each_other_are_followed_to_an_end() -> None:
    reads = ViewReads(NAMES, {9: [3], 3: [4], 4: [3]}, frozenset({3, 4}))
    assert reads.leading_out(9, set()) == []
