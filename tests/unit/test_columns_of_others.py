"""Rows that a twin is judged by hold what other tables say of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth.columns.roles import Treatment
from synth.domain import Column, Kind, Role
from synth.sampling.computing import with_columns
from synth.sampling.context import Samples, TwinTable


@pytest.mark.parametrize(("kind", "value"), [(Kind.INTEGER, 3), (Kind.BOOLEAN, True)])
def test_what_others_say_may_be_null_in_a_column_that_was_drawn_without(kind: Kind, value: object) -> None:
    number = Column("n", "bigint" if kind is Kind.INTEGER else "boolean", kind, not_null=False)
    table = pa.table({"n": [value, value]})
    rows = pd.DataFrame({"n": [value, value, value]})
    samples = Samples(rows, rows, rows, frozenset(), frozenset(), {})
    twin_table = TwinTable(table, None, 0, places=np.array([0, 2]))
    treatment = Treatment(number, Role.NUMBER if kind is Kind.INTEGER else Role.BOOLEAN, "type")
    others = pa.table({"n": pa.array([None, value], table.schema.field("n").type)})

    twin, judged = with_columns(twin_table, samples, [treatment], others)

    assert twin.table["n"].to_pylist() == [None, value]
    assert judged.synthetic["n"].isna().tolist() == [True, False, False]
    assert judged.has_agreed
