"""Rows of the twin refer to rows of a higher rank, where all real rows do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from synth.columns.roles import Treatment
from synth.corrections.hierarchy import forest_of
from synth.corrections.superiors import above_of, superiority_of, with_depths, with_superiors
from synth.domain import Column, ForeignKey, Kind, Role

PARENT = ForeignKey("boss", "model.firm.staff", "id", "test")


def _column(name: str, role: Role) -> Treatment:
    return Treatment(Column(name, "integer", Kind.INTEGER, not_null=False), role, "test")


BOSS = Treatment(
    Column("boss", "integer", Kind.INTEGER, not_null=False),
    Role.FOREIGN_KEY,
    "test",
    parent=PARENT,
    to_itself=True,
)
TREATMENTS = (
    Treatment(Column("id", "integer", Kind.INTEGER, not_null=True), Role.KEY, "unique", unique=True),
    BOSS,
    _column("grade", Role.NUMBER),
    _column("wing", Role.CATEGORY),
    _column("depth", Role.NUMBER),
)


def firm(rows: int, *, seed: int = 0) -> pa.Table:
    """Return one head, a boss for each of twelve wings, and everybody else below these, of a lower grade."""
    rng = np.random.default_rng(seed)
    wing = np.array([0, *range(12), *rng.integers(0, 12, rows - 13)])
    above = np.array([-1, *[0] * 12, *(1 + wing[13:])])
    grade = np.array([9, *[7] * 12, *rng.integers(1, 6, rows - 13)])
    depth = np.array([1, *[2] * 12, *[3] * (rows - 13)])
    boss = pa.array(above + 100, pa.int64(), mask=above < 0)
    return pa.table({"id": np.arange(rows) + 100, "boss": boss, "grade": grade, "wing": wing, "depth": depth})


def in_no_order(rows: int, seed: int) -> pa.Table:
    """Return rows of which each refers to any other of as many as there are bosses, one to nobody."""
    rng = np.random.default_rng(seed)
    table = firm(rows, seed=seed + 50)
    above = rng.choice(rng.permutation(rows)[:13], rows) + 100
    above = np.where(above == np.arange(rows) + 100, (above - 99) % rows + 100, above)
    boss = pa.array(above, pa.int64(), mask=np.arange(rows) == rows // 2)
    return table.set_column(1, "boss", boss).set_column(4, "depth", pa.array(rng.integers(1, 4, rows)))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_boss_has_a_higher_grade_and_is_mostly_of_the_same_wing(seed: int) -> None:
    real, rng = firm(400), np.random.default_rng(seed)
    one = superiority_of(real, BOSS, TREATMENTS)
    assert one is not None
    assert (one.rank, one.sign, one.label) == ("grade", 1, "wing")
    twin = with_superiors(in_no_order(400, seed), real, one, rng)
    forest = forest_of(twin, "boss", "id")
    assert forest is not None
    assert forest.is_whole
    assert forest.tops == 1
    grade, wing = twin["grade"].to_numpy(), twin["wing"].to_numpy()
    rows = np.flatnonzero(forest.above >= 0)
    assert (grade[rows] >= grade[forest.above[rows]]).sum() <= 1
    assert (wing[rows] == wing[forest.above[rows]]).mean() > 0.85
    assert 8 <= len(np.unique(forest.above[rows])) <= 16
    assert with_superiors(twin, real, one, rng) is twin


def test_the_number_of_rows_above_is_counted() -> None:
    real = firm(400)
    for seed in range(3):
        twin = in_no_order(400, seed)
        one = superiority_of(real, BOSS, TREATMENTS)
        assert one is not None
        twin = with_superiors(twin, real, one, np.random.default_rng(seed))
        forest = forest_of(twin, "boss", "id")
        assert forest is not None
        depths = with_depths(twin, real, TREATMENTS)["depth"].to_numpy()
        assert (depths == forest.level + 1).all()
    others = real.set_column(4, "depth", pa.array([3, *[3] * 12, *[2] * 387]))
    assert with_depths(twin, others, TREATMENTS).equals(twin)


def test_a_depth_with_decimals_is_left_as_it_was_drawn() -> None:
    real, short = firm(400), pa.decimal128(3, 1)
    number = replace(TREATMENTS[4], column=replace(TREATMENTS[4].column, kind=Kind.DECIMAL))
    real = real.set_column(4, "depth", pa.array([float(n) for n in real["depth"].to_pylist()]))
    twin = real.set_column(4, "depth", pa.array([1] * 400, pa.int64()).cast(pa.float64()).cast(short))
    assert with_depths(twin, real, (*TREATMENTS[:4], number)).equals(twin)


def test_what_chance_or_few_bosses_would_have_so_is_no_rank() -> None:
    real = firm(400)
    few = real.filter(pa.array((above_of(real, "boss", "id") <= 5) & (real["wing"].to_numpy() < 5)))
    assert superiority_of(few, BOSS, TREATMENTS) is None
    alone = (*TREATMENTS[:2], TREATMENTS[3])  # the wing is no rank
    assert superiority_of(real, BOSS, alone) is None
    grades = real["grade"].to_numpy().copy()
    grades[200] = 8  # one who has a higher grade than the boss
    other = real.set_column(2, "grade", pa.array(grades))
    by_depth = superiority_of(other, BOSS, TREATMENTS)
    assert by_depth is not None
    assert (by_depth.rank, by_depth.sign) == ("depth", -1)
