"""Owners are described by how many rows they have of what their rows refer to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.domain import Across, Way
from synth.sampling.families import Family
from synth.sampling.owners import Owners, OwnersAgain
from synth.sampling.siblings import with_siblings

OWNERS = pd.DataFrame({"kind": ["firm", "firm", "person", "person"] * 10})
FACT = Across("m.bills", "payer", Way.COPY, "m.mandates", "payer", "mandate", "mandate")
APART = np.zeros(40, bool)


def family() -> Family:
    again = OwnersAgain(APART, OWNERS.iloc[::-1].reset_index(drop=True), None)
    numbers = pa.chunked_array([np.arange(40)])
    return Family(
        "payer", OWNERS, APART, np.arange(40), OWNERS, None, pc_add(numbers, 100), None, frozenset(),
        again=lambda _: again, real_keys=numbers,
    )  # fmt: skip


def pc_add(numbers: pa.ChunkedArray, more: int) -> pa.ChunkedArray:
    return pa.chunked_array([np.asarray(numbers) + more])


def mandates(of_twins: np.ndarray) -> Owners:
    firms = np.flatnonzero(OWNERS["kind"] == "firm")
    keys = {"payer": pa.chunked_array([np.concatenate([firms, firms[:5], firms[:5]])])}
    twin_keys = {"payer": pa.chunked_array([of_twins])}
    return Owners(OWNERS, OWNERS, keys, twin_keys, APART, None, frozenset())


def test_owners_have_none_one_or_several_rows_of_what_their_rows_refer_to() -> None:
    owners = {"m.mandates": mandates(np.array([100, 100, 101]))}
    result = with_siblings(family(), "m.bills", [FACT], owners)
    real = result.owners["mandate: rows"]
    assert real[OWNERS["kind"] == "firm"].value_counts().to_dict() == {1: 15, 2: 5}
    assert set(real[OWNERS["kind"] == "person"]) == {0}
    assert result.twins["mandate: rows"].tolist()[:3] == [2, 1, 0]


def test_owners_of_other_halves_have_as_many_as_those_who_are_alike() -> None:
    firms = np.flatnonzero(OWNERS["kind"] == "firm") + 100
    result = with_siblings(family(), "m.bills", [FACT], {"m.mandates": mandates(firms)})
    assert result.again is not None
    draft = result.again(3)
    assert draft is not None
    assert draft.twins["mandate: rows"].tolist() == (draft.twins["kind"] == "firm").astype(int).tolist()


def test_nothing_is_added_where_rows_refer_to_no_sibling() -> None:
    assert with_siblings(family(), "m.bills", [], {}).owners is OWNERS
    assert with_siblings(family(), "m.visits", [FACT], {}).owners is OWNERS
