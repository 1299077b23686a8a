"""What rows copy of public tables is so before rows of theirs are drawn."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth.columns.roles import Treatment
from synth.corrections.lists import with_lists
from synth.domain import Across, Column, Kind, Role, Way
from synth.sampling.context import Samples, TwinTable

POLICIES, TARIFFS = "model.insurer.policies", "model.insurer.tariffs"
LIST = {
    "code": pa.chunked_array([["K1", "K2", "H1"]]),
    "line": pa.chunked_array([["motor", "motor", "home"]]),
}
FACT = Across(POLICIES, "line", Way.COPY, TARIFFS, "line", "tariff", "code")


def case_of(*, public: bool, **more: Any) -> Any:
    table = SimpleNamespace(public=public, new_numbers=(), figures=(), **more)
    names = ("tariff", "line")
    return SimpleNamespace(
        task=SimpleNamespace(model=SimpleNamespace(unique_id=POLICIES, foreign_keys=())),
        context=SimpleNamespace(facts=SimpleNamespace(every=(FACT,), tables={TARIFFS: table})),
        treatments=tuple(
            Treatment(Column(name, "text", Kind.TEXT, not_null=False), Role.CATEGORY, "test")
            for name in names
        ),
        enforceable=SimpleNamespace(of_rows=(), mentioned_columns=()),
    )


def drawn() -> tuple[TwinTable, Samples]:
    frame = pd.DataFrame(
        {"tariff": ["K1", "K2", "H1", None, "X9"], "line": ["motor", "home", "motor", "home", "home"]}
    )
    table = pa.Table.from_pandas(frame, preserve_index=False)
    samples = Samples(frame, frame, frame, frozenset({"tariff", "line"}), frozenset(), {})
    return TwinTable(table, None, 0, places=np.arange(len(frame))), samples


def test_a_row_says_what_the_list_says_of_its_code() -> None:
    twin_table, samples = with_lists(case_of(public=True), *drawn(), parents={TARIFFS: LIST})
    lines = ["motor", "motor", "home", "home", "home"]  # without a code of the list they stay
    assert twin_table.table.column("line").to_pylist() == lines
    assert samples.synthetic["line"].tolist() == lines


@pytest.mark.parametrize(("public", "parents"), [(False, {TARIFFS: LIST}), (True, {})])
def test_of_other_tables_nothing_is_copied_yet(public: bool, parents: dict[str, Any]) -> None:
    twin_table, _ = with_lists(case_of(public=public), *drawn(), parents=parents)
    assert twin_table.table.equals(drawn()[0].table)
