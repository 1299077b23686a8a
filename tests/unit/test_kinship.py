"""Rows have in common with the row of their table that they refer to what real ones have."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from synth.columns.roles import Treatment
from synth.corrections.hierarchy import forest_of
from synth.domain import Column, ForeignKey, Kind, Role
from synth.twins.kinship import (
    Kinship,
    kinships_of,
    led_to_kin,
    like_those_above,
    partly_like_those_above,
    with_keys_of_before,
)

GUARDIAN = ForeignKey("guardian", "model.clinic.patients", "id", "test")
INTEGER = ("integer", Kind.INTEGER)
TREATMENTS = (
    Treatment(Column("id", *INTEGER, not_null=True), Role.KEY, "unique", unique=True),
    Treatment(
        Column("guardian", *INTEGER, not_null=False),
        Role.FOREIGN_KEY,
        "references patients",
        parent=GUARDIAN,
        to_itself=True,
    ),
    Treatment(Column("home", *INTEGER, not_null=True), Role.FOREIGN_KEY, "references homes"),
    Treatment(Column("phone", "text", Kind.TEXT, not_null=False), Role.PHONE, "name"),
    Treatment(Column("language", "text", Kind.TEXT, not_null=False), Role.CATEGORY, "shared values"),
)
NAMES = ("home", "phone", "language")


def patients(homes: int = 60) -> pa.Table:
    """Return two adults and a child a home; the child has the phone of its guardian, the first of them."""
    rows = np.arange(3 * homes)
    is_child = rows % 3 == 2
    phones = [f"+34 600 {row - 2 * child:03d}" for row, child in zip(rows, is_child, strict=True)]
    return pa.table(
        {
            "id": rows,
            "guardian": pa.array(rows - 2, mask=~is_child),
            "home": rows // 3 + 900,
            "phone": pa.array([None if row % 9 in {0, 2} else one for row, one in enumerate(phones)]),
            "language": ["es"] * len(rows),
        }
    )


def with_other_rows(table: pa.Table, *names: str) -> pa.Table:
    rng = np.random.default_rng(4)
    for name in names:
        column = table[name].combine_chunks()
        present = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
        places = np.arange(len(column))
        places[present] = rng.permutation(present)
        table = table.set_column(table.column_names.index(name), name, column.take(pa.array(places)))
    return table


def test_what_chance_does_not_explain_is_in_common() -> None:
    assert kinships_of(patients(), TREATMENTS, NAMES) == [Kinship("guardian", "id", ("home", "phone"))]
    assert kinships_of(patients(9), TREATMENTS, NAMES) == []  # of too few guardians
    assert kinships_of(with_other_rows(patients(), "guardian"), TREATMENTS, NAMES) == []
    assert kinships_of(patients(), TREATMENTS, ["language"]) == []


def test_one_row_that_differs_from_the_one_above_dismisses_a_column() -> None:
    table = patients()
    homes = table["home"].to_pylist()
    homes[2] += 1
    table = table.set_column(2, "home", pa.array(homes))
    assert kinships_of(table, TREATMENTS, NAMES) == [Kinship("guardian", "id", ("phone",))]


def test_as_many_rows_have_a_name_of_the_one_above_as_in_reality() -> None:
    rng = np.random.default_rng(8)
    table = patients(400).select(["id", "guardian"])
    above = np.where(np.arange(1200) % 3 == 2, np.arange(1200) - 2, np.arange(1200))
    names = rng.choice(["Abel", "Bauer", "Cohen", "Egger", "Fuchs", "Gross", "Haas"], 1200)
    family = np.where(rng.random(1200) < 0.8, names[above], names)
    surname = Treatment(Column("family", "text", Kind.TEXT, not_null=False), Role.NAME, "name")
    (one,) = kinships_of(table.append_column("family", pa.array(family)), [*TREATMENTS, surname], ["family"])
    ((name, share),) = one.partly
    assert (name, one.alike) == ("family", ())
    assert abs(share - 0.8) < 0.06
    twin = table.append_column("family", pa.array(rng.permutation(names)))
    result = np.array(partly_like_those_above(twin, one, rng)["family"].to_pylist())
    is_child = np.arange(1200) % 3 == 2
    assert abs((result == result[above])[is_child].mean() - 0.82) < 0.06
    assert (result == np.array(twin["family"].to_pylist()))[~is_child].all()
    few = kinships_of(table.append_column("family", pa.array(names)), [*TREATMENTS, surname], ["family"])
    assert few == []


def test_rows_refer_to_those_who_have_their_key() -> None:
    twin = with_other_rows(patients(), "guardian")
    one = Kinship("guardian", "id", ("home", "phone"))
    result = led_to_kin(twin, one, ["home"], None, np.random.default_rng(0))
    assert result.drop_columns(["guardian"]) == twin.drop_columns(["guardian"])
    assert result["guardian"].is_null() == twin["guardian"].is_null()
    (other,) = kinships_of(like_those_above(result, one), TREATMENTS, NAMES)
    assert other == one
    assert like_those_above(result, one)["home"] == twin["home"]


@pytest.mark.parametrize("seed", range(3))
def test_who_finds_nobody_takes_the_key_of_the_one_above(seed: int) -> None:
    twin = with_other_rows(patients(), "guardian", "home")
    one = Kinship("guardian", "id", ("home", "phone"))
    result = like_those_above(led_to_kin(twin, one, ["home"], None, np.random.default_rng(seed)), one)
    forest = forest_of(result, "guardian", "id")
    assert forest is not None
    below = forest.above >= 0
    for name in one.alike:
        values = np.array(result[name].to_pylist(), object)
        assert (values[below] == values[forest.above[below]]).all()
    assert pc.all(pc.is_in(result["home"], twin["home"].combine_chunks())).as_py()
    result = with_keys_of_before(result, twin, one, ["home"], np.random.default_rng(seed))
    assert {*result["home"].to_pylist()} == {*twin["home"].to_pylist()}
    values = np.array(result["home"].to_pylist(), object)
    assert (values[below] == values[forest.above[below]]).all()
    assert result["phone"].filter(pa.array(~below)) == twin["phone"].filter(pa.array(~below))


def test_what_is_above_several_levels_goes_down() -> None:
    table = pa.table({"id": [1, 2, 3, 4], "guardian": [None, 1, 2, 3], "home": [7, 8, 9, 10]})
    result = like_those_above(table, Kinship("guardian", "id", ("home",)))
    assert result["home"].to_pylist() == [7, 7, 7, 7]
