"""Keys of a parent that is made again change alike in all twins that hold them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from synth.columns.conform import without_duplicates
from synth.domain import Across, Role, Way
from synth.twins.across import with_copied_keys, with_copies_of
from synth.twins.pools import former_places


def test_a_key_has_one_place_whatever_other_keys_stand_beside_it() -> None:
    parents = pa.chunked_array([["d", "a", "c"], ["b"]])
    one, other = pa.array(["a", "b", "x"]), pa.array(["b", "d", "a"])
    assert former_places(one, parents).tolist() == [1, 3, 4]
    assert former_places(other, parents).tolist() == [3, 0, 1]
    assert former_places(other, None).tolist() == [0, 1, 2]


def test_rows_that_refer_to_nothing_keep_the_key_that_others_copy() -> None:
    own, column, copies = (
        pa.chunked_array([one]) for one in ([1, None, 3], ["a", "b", "c"], ["x", None, None])
    )
    assert with_copies_of(column, copies, own).to_pylist() == ["x", "b", None]


def test_a_key_that_every_real_row_has_is_not_lost_to_a_copy_of_nothing() -> None:
    """The head of a firm has no boss, and the twin may have a review of theirs all the same."""
    fact = Across("reviews", "reviewer", Way.COPY, "staff", "boss", "who", "id")
    real = pa.table({"who": [1, 2], "reviewer": [7, 8]})
    parents = {"staff": {"id": pa.chunked_array([[1, 2]]), "boss": pa.chunked_array([[9, None]])}}
    for source, expected in (
        (real, [9, 6]),
        (real.set_column(1, "reviewer", pa.array([7, None])), [9, None]),
    ):
        case: Any = SimpleNamespace(
            task=SimpleNamespace(model=SimpleNamespace(unique_id="reviews")),
            treatments=[SimpleNamespace(column=SimpleNamespace(name="reviewer"), role=Role.FOREIGN_KEY)],
            source=SimpleNamespace(real=source),
        )
        table = with_copied_keys(pa.table({"who": [1, 2], "reviewer": [5, 6]}), case, [fact], parents)
        assert table["reviewer"].to_pylist() == expected


def test_a_key_that_is_a_copy_or_nothing_stays_nothing_where_it_is() -> None:
    fact = Across("sheets", "approver", Way.OWN, "staff", "boss", "who", "id")
    parents = {"staff": {"id": pa.chunked_array([[1, 2]]), "boss": pa.chunked_array([[9, 8]])}}
    case: Any = SimpleNamespace(
        task=SimpleNamespace(model=SimpleNamespace(unique_id="sheets")),
        treatments=[SimpleNamespace(column=SimpleNamespace(name="approver"), role=Role.FOREIGN_KEY)],
        source=SimpleNamespace(real=pa.table({"who": [1], "approver": pa.array([None], pa.int64())})),
    )
    table = pa.table({"who": [1, 2, 2], "approver": [5, None, 6]})
    assert with_copied_keys(table, case, [fact], parents)["approver"].to_pylist() == [9, None, 8]


def test_rows_that_repeat_a_key_of_one_column_are_left_out_and_null_repeats_nothing() -> None:
    twin = pa.table({"customer": [1, 2, 1, None, None], "channel": ["a", "b", "c", "d", "e"]})
    table, is_left = without_duplicates(twin, [("customer",)], {"customer": True}, np.random.default_rng(0))
    assert table["channel"].to_pylist() == ["a", "b", "d", "e"]
    assert is_left.tolist() == [True, True, False, True, True]
