"""Two references of a row to one table are the same as often as in the real rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from synth.columns.roles import Treatment
from synth.corrections.equals import find_equal_keys, with_equal_keys
from synth.domain import Column, ForeignKey, Kind, Model, Relation, Role

ROWS = 1000
MODEL = Model("model.p.person", "person", Relation("d", "s", "person"), "m.yml", "table")


def reference(name: str, parent: str = "model.p.address") -> Treatment:
    column = Column(name, "integer", Kind.INTEGER, not_null=False, bits=32)
    return Treatment(column, Role.FOREIGN_KEY, "", parent=ForeignKey(name, parent, "address_id", "test"))


def people(share: float, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    home, billing_place = rng.integers(0, 400, (2, ROWS))
    same = rng.random(ROWS) < share
    is_null = pa.array(rng.random(ROWS) < 0.1)
    return pa.table(
        {
            "home": pa.array(home),
            "billing": pa.array(np.where(same, home, billing_place), mask=is_null.to_numpy(False)),
        }
    )


def equal(table: pa.Table) -> float:
    rows = table.to_pandas().dropna()
    return float((rows["home"] == rows["billing"]).mean())


def test_references_are_as_often_the_same_as_they_are() -> None:
    pairs = find_equal_keys(people(0.8), [reference("home"), reference("billing")], MODEL, ())
    assert [(pair.source, pair.target) for pair in pairs] == [("home", "billing")]
    rows = people(0.0, seed=1)
    twin = with_equal_keys(rows, pairs, np.random.default_rng(0))
    assert abs(equal(twin) - 0.8) < 0.05
    assert twin.column("billing").null_count == rows.column("billing").null_count
    assert twin.schema == rows.schema


def test_chance_other_tables_and_decided_columns_say_nothing() -> None:
    both = reference("home"), reference("billing")
    assert not find_equal_keys(people(0.0), both, MODEL, ())
    assert not find_equal_keys(people(0.8), [both[0], reference("billing", "model.p.firm")], MODEL, ())
    assert not find_equal_keys(people(0.8), both, MODEL, {"home", "billing"})
    (pair,) = find_equal_keys(people(0.8), both, MODEL, {"billing"})
    assert (pair.source, pair.target) == ("billing", "home")
