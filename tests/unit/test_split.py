"""Who is held out depends on nothing but who it is; the order of rows on nothing but their content."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.domain import Column, Kind, Model, Ownership, OwnershipStep, Relation
from synth.errors import ModelError
from synth.sampling.source import codes_of_owners, read_parents, read_source
from synth.sampling.split import (
    canonical_order,
    fingerprint,
    hash_rows,
    hash_units,
    hash_values,
    holdout_mask,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.sampling.source import SourceRows


def table(columns: Mapping[str, Any]) -> pa.Table:
    return pa.table({name: pa.chunked_array([pa.array(values)]) for name, values in columns.items()})


def held_out(
    rows: pa.Table, unit: str | None, *, key: tuple[str, ...] = (), owner: str = "model.a", secret: str = ""
) -> list[bool]:
    units = hash_units(rows, unit, hash_rows(rows, key), entity=unit)
    return [bool(is_held) for is_held in holdout_mask(units, owner, secret)]


def values_held(rows: pa.Table, unit: str, **options: Any) -> set[Any]:
    """The values of `unit` in the holdout, none of which is in the training rows, too."""
    mask = np.array(held_out(rows, unit, **options))
    held_units, kept_units = (set(rows.filter(pa.array(side))[unit].to_pylist()) for side in (mask, ~mask))
    assert not held_units & kept_units
    return held_units


@pytest.mark.parametrize("owner", ["model.a", "model.b", "größer"])
def test_about_a_fifth_of_the_entities_is_held_out_with_all_of_its_rows(owner: str) -> None:
    rows = table({"user": np.arange(20_000) % 4000, "n": np.arange(20_000)})
    assert 0.18 < len(values_held(rows, "user", owner=owner)) / 4000 < 0.22


def test_another_model_and_another_secret_hold_out_others() -> None:
    rows = table({"id": np.arange(1000)})
    held_values = values_held(rows, "id")
    assert held_values == values_held(rows, "id")
    assert held_values != values_held(rows, "id", owner="model.b")
    assert held_values != values_held(rows, "id", secret="hush")


def test_rows_have_one_fingerprint_in_any_order_and_others_have_another() -> None:
    rows = table({"id": np.arange(50), "t": [str(i % 7) for i in range(50)]})
    shuffled_rows = rows.take(pa.array(np.arange(50)[::-1]))
    assert fingerprint(rows) == fingerprint(shuffled_rows)
    others = (rows.slice(1), rows.rename_columns(["id", "u"]), table({"id": np.arange(50), "t": ["1"] * 50}))
    assert len({fingerprint(rows), *map(fingerprint, others)}) == 4


@pytest.mark.parametrize(
    "child",
    [
        pa.array(range(500), pa.int32()),
        pa.array([float(i) for i in range(500)]),
        pa.array([str(i) for i in range(500)]),
        pa.array([Decimal(i) for i in range(500)], pa.decimal128(18, 0)),
    ],
)
def test_children_are_held_out_with_their_parents_whatever_the_types(child: pa.Array) -> None:
    parents = values_held(table({"id": np.arange(500)}), "id", key=("id",))
    children = values_held(pa.table({"parent": child.take(pa.array(np.arange(2000) % 500))}), "parent")
    assert {int(value) for value in children} == parents


def test_rows_without_an_entity_are_each_on_their_own() -> None:
    users = [None if i % 2 else i for i in range(4000)]
    mask = np.array(held_out(table({"user": users, "n": np.arange(4000)}), "user"))
    assert 0.17 < mask[1::2].mean() < 0.23


CHILDREN, VISITS = "model.a.children", "model.a.visits"
SPONSORS = [None if n % 3 == 0 else f"s{n % 100}" for n in range(600)]


def read(model: str) -> tuple[SourceRows, Any, Any]:
    """Read children, of whom a third has no sponsor, or their visits, which are about that sponsor, too."""
    rows = {
        CHILDREN: {"child_id": [*range(600)], "sponsor": SPONSORS},
        VISITS: {"visit_id": [*range(2400)], "child_id": [n % 600 for n in range(2400)]},
    }
    tables = {name: table(columns) for name, columns in rows.items()}
    relations = {name: Relation("w", "dev", name) for name in rows}
    step = OwnershipStep(relations[CHILDREN], "child_id", "sponsor", CHILDREN)
    is_visit = model == VISITS
    key = "visit_id" if is_visit else "child_id"
    whose = Ownership(CHILDREN, "child_id", (step,)) if is_visit else Ownership(CHILDREN, "sponsor")
    one = Model(model, model, relations[model], "m.yml", "table", primary_key=(key,), ownership=whose)

    def describe(relation: Relation) -> list[Column]:
        return [Column(name, "text", Kind.TEXT, not_null=False) for name in rows[relation.name]]

    def extract(relation: Relation, columns: list[Column], **_: Any) -> pa.Table:
        return tables[relation.name].select([column.name for column in columns])

    warehouse: Any = SimpleNamespace(describe=describe)
    snapshot: Any = SimpleNamespace(extract=extract, count=lambda relation: tables[relation.name].num_rows)
    source = read_source(one, warehouse, snapshot, twins=(), salt="", halves=True)
    return source, codes_of_owners(one, source.real, warehouse, snapshot), (whose, warehouse, snapshot)


def test_rows_of_a_parent_that_names_no_entity_are_on_their_own_together_with_it() -> None:
    (children, _, _), (visits, owners, place) = read(CHILDREN), read(VISITS)
    halves = dict(zip(children.real["child_id"].to_pylist(), children.held_out, strict=True))
    assert [halves[child] for child in visits.real["child_id"].to_pylist()] == visits.held_out.tolist()
    assert visits.entities == children.entities == len({*SPONSORS} - {None}) + 200
    assert len(np.unique(owners)) == visits.entities
    whose, warehouse, snapshot = place
    keys, numbers = read_parents(whose, warehouse, snapshot)
    assert len(keys) == 600
    assert len(np.unique(numbers)) == visits.entities


def test_too_few_entities_are_refused_and_too_few_parents_part_no_rows() -> None:
    rows = table({"shop": np.arange(1000) % 19, "n": np.arange(1000)})
    hashes = hash_rows(rows, ())
    with pytest.raises(ModelError, match="The entity shop has 19 values"):
        hash_units(rows, "shop", hashes, entity="shop")
    assert (hash_units(rows, "shop", hashes, entity=None) == hashes).all()
    enough = table({"shop": np.arange(1000) % 20})
    assert len(np.unique(hash_units(enough, "shop", hashes, entity="shop"))) == 20


def test_equal_rows_without_a_key_are_different_people() -> None:
    hashes = hash_rows(table({"a": [1] * 1000, "b": ["x"] * 1000}), ())
    assert len(set(hashes)) == 1000
    assert 0.15 < holdout_mask(hashes, "model.a").mean() < 0.25


def test_a_composite_key_tells_rows_apart() -> None:
    rows = table({"a": np.arange(900) // 30, "b": np.arange(900) % 30})
    assert len(set(hash_rows(rows, ("a", "b")))) == 900


def test_a_key_that_repeats_in_spite_of_its_test_does_not_decide_the_order() -> None:
    rows = table({"id": [7] * 50, "n": np.arange(50)})
    first, second = (in_order(part, ("id",)) for part in (rows, rows.take(pa.array(np.arange(50)[::-1]))))
    assert first == second


def test_null_is_no_text() -> None:
    hashes = hash_values(table({"t": ["", None, "None", "null", "0"]}), ("t",))
    assert len(set(hashes)) == 5


def in_order(rows: pa.Table, key: tuple[str, ...]) -> list[Any]:
    content: list[Any] = rows.take(pa.array(canonical_order(hash_rows(rows, key)))).to_pylist()
    return content


CELLS = st.one_of(st.none(), st.integers(-3, 3))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(CELLS, st.sampled_from(["", "a", "b", None])), max_size=30),
    st.randoms(use_true_random=False),
)
def test_the_order_of_rows_is_that_of_their_content(rows: list[tuple[Any, Any]], chance: Any) -> None:
    def of(some: list[tuple[Any, Any]]) -> pa.Table:
        kinds = (("a", pa.int64()), ("b", pa.string()))
        return pa.table(
            {name: pa.array([row[i] for row in some], kind) for i, (name, kind) in enumerate(kinds)}
        )

    shuffled_rows = rows.copy()
    chance.shuffle(shuffled_rows)
    assert in_order(of(rows), ()) == in_order(of(shuffled_rows), ())
    assert held_out(of(rows), None) == held_out(of(rows), None)
