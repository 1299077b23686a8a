"""References of a table to itself lead to a top, without circles, where nothing is known of the real ones."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from synth.columns.roles import Treatment
from synth.corrections.hierarchy import forest_of, with_hierarchies, with_trees
from synth.domain import Column, ForeignKey, Kind, Role

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


def real_staff(tops: int, rows: int = 3_000) -> pa.Table:
    """Six rows below each of those before, and so many at the top."""
    ids = np.arange(1, rows + 1)
    above = np.maximum(ids // 6, 1)
    return pa.table({"boss": pa.array(above, pa.int64(), mask=ids <= tops), "id": pa.array(ids)})


@pytest.mark.parametrize("tops", [1, 5, 40])
def test_rows_stand_below_each_other_as_the_real_ones_do(tops: int) -> None:
    real = real_staff(tops)
    table = with_trees(staff(0), real, [boss()], np.random.default_rng(0))
    small = forest_of(table, "boss", "id")
    assert small is not None
    assert small.is_whole
    ids = np.arange(3_000) + 10_000
    circles = pa.table({"boss": pa.array(np.roll(ids, -1)), "id": pa.array(ids)})
    forest = forest_of(with_trees(circles, real, [boss()], np.random.default_rng(0)), "boss", "id")
    model = forest_of(real, "boss", "id")
    assert forest is not None
    assert model is not None
    assert forest.tops == tops
    assert forest.level.max() == model.level.max()
    assert np.abs(np.bincount(forest.level) - np.bincount(model.level)).max() <= 1
    parents = [len(np.unique(one.above[one.above >= 0])) for one in (forest, model)]
    assert 0.9 < parents[0] / parents[1] < 1.1


@pytest.mark.parametrize("most", [1, 2])
def test_no_row_is_deeper_than_any_real_one(most: int) -> None:
    ids = np.arange(ROWS)
    above = np.where(ids % 10 > 0, ids - 1, -1)  # ten rows in a line
    table = pa.table({"boss": pa.array(above, pa.int64(), mask=above < 0), "id": pa.array(ids)})
    real_above = np.where(ids % (most + 1) > 0, ids - 1, -1)
    real = pa.table({"boss": pa.array(real_above, pa.int64(), mask=real_above < 0), "id": pa.array(ids)})
    forest = forest_of(with_trees(table, real, [boss()], np.random.default_rng(0)), "boss", "id")
    assert forest is not None
    assert forest.is_whole
    assert forest.level.max() == most
    below = np.flatnonzero(above >= 0)
    assert (forest.above[below] < below).all()  # as earlier ones, if they were
    assert (forest.above[below] // 10 == below // 10).all()
    flat = pa.table({"boss": pa.array([None] * ROWS, pa.int64()), "id": pa.array(ids)})
    assert with_trees(table, flat, [boss()], np.random.default_rng(0)) == table


def test_rows_that_lead_to_themselves_are_the_top() -> None:
    real = real_staff(3)
    above = pc.fill_null(real["boss"], 0).to_numpy().copy()
    above[:3] = [1, 2, 3]
    real = real.set_column(0, "boss", pa.array(above))
    table = with_trees(staff(0), real, [boss(is_required=True)], np.random.default_rng(0))
    forest = forest_of(table, "boss", "id")
    assert forest is not None
    assert forest.is_whole
    assert forest.self_led
    assert table["boss"].null_count == 0


def test_circles_of_the_real_rows_may_be_in_the_twin() -> None:
    table = staff(0)
    assert with_trees(table, table, [boss()], np.random.default_rng(0)).equals(table)
