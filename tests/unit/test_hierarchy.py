"""References of a table to itself lead to a top, without circles, where nothing is known of the real ones."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from synth.columns.roles import Treatment
from synth.domain import Column, ForeignKey, Kind, Role
from synth.twins.hierarchy import with_hierarchies

ROWS = 40


def boss(*, is_required: bool = False, unique: bool = False) -> Treatment:
    return Treatment(
        Column("boss", "integer", Kind.INTEGER, not_null=is_required),
        Role.FOREIGN_KEY,
        "test",
        unique=unique,
        parent=ForeignKey("boss", "model.firm.staff", "id", "test"),
        to_itself=True,
        is_required=is_required,
    )


def staff(nulls: int) -> pa.Table:
    """In circles: each row refers to the next, the last to the first."""
    ids = np.arange(ROWS) + 100
    return pa.table(
        {"boss": pa.array(np.roll(ids, -1), pa.int64(), mask=np.arange(ROWS) < nulls), "id": pa.array(ids)}
    )


@pytest.mark.parametrize("nulls", [0, 1, 5, ROWS])
def test_everybody_is_below_somebody_without_a_boss(nulls: int) -> None:
    table = with_hierarchies(staff(nulls), [boss()], np.random.default_rng(0))
    above = dict(zip(table["id"].to_pylist(), table["boss"].to_pylist(), strict=True))
    assert sum(value is None for value in above.values()) == max(nulls, 1)
    for person in above:
        steps, top = 0, person
        while above[top] is not None:
            steps, top = steps + 1, above[top]
            assert steps < ROWS
    assert len(set(above.values())) > 2 or nulls == ROWS


@pytest.mark.parametrize("treatment", [boss(is_required=True), boss(unique=True)])
def test_what_needs_a_value_or_one_of_its_own_is_left_as_it_is(treatment: Treatment) -> None:
    table = staff(0)
    assert with_hierarchies(table, [treatment], np.random.default_rng(0)).equals(table)


def test_an_empty_twin_has_no_top() -> None:
    assert with_hierarchies(staff(0).slice(0, 0), [boss()], np.random.default_rng(0)).num_rows == 0
