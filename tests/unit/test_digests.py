"""Keys that are digests of ids tell these, by the tables that they refer to."""

from __future__ import annotations

import pytest

from synth.domain import Across, Derivation, ForeignKey, Model, Relation, Way
from synth.facts.sql_origins import holds_values_of, is_stated
from synth.graph.digests import ToldColumn, are_of_one_form, digest_of, told_by_key
from synth.graph.lineage import root
from synth.graph.origins import ColumnRef, NodeLineage
from synth.twins.stated import numberings_of
from tests.unit.test_column_lineage import KEEPERS, VISITS, lineages

SURROGATE = "md5(cast(coalesce(cast({} as text), '_null_') as text))"
STAFF, STAYS, STG = "model.zoo.staff", "model.zoo.stays", "model.zoo.stg"
ID = "source.zoo.visits.keeper"


def zoo(theirs: str = SURROGATE, ours: str = SURROGATE) -> dict[str, NodeLineage]:
    """Keepers by a digest of their number, and visits which have that alone."""
    return lineages(
        staff=f"select {theirs.format('keeper')} as staff_key, keeper, name from zoo.keepers",
        stg="select visit, keeper, fee from zoo.visits",
        stays=f"select visit, {ours.format('keeper')} as staff_key, fee from zoo.stg",
    )


def stays(key: str = "staff_key") -> Model:
    return Model(
        STAYS,
        "stays",
        Relation("w", "dev", "stays"),
        "m.yml",
        "table",
        foreign_keys=(ForeignKey(key, STAFF, "staff_key", "test"),),
        derivations={
            key: Derivation(f"{STAYS}.{key}", stands_for=ID),
            "fee": Derivation("source.zoo.visits.fee"),
            "visit_no": Derivation("", Way.NUMBER, ID),
        },
    )


def test_a_digest_stands_for_the_column_that_it_is_made_of() -> None:
    nodes = zoo()
    ours, theirs = (digest_of(nodes, ColumnRef(node, "staff_key")) for node in (STAYS, STAFF))
    assert ours is not None
    assert theirs is not None
    assert ours.source == ColumnRef(VISITS, "keeper")
    assert theirs.source == root(nodes, ColumnRef(KEEPERS, "keeper"))
    assert ours.form == theirs.form


@pytest.mark.parametrize("sql", ["upper(name)", "md5(name || wing)", "keeper", "md5('x')"])
def test_what_says_less_is_no_digest_of_one_column(sql: str) -> None:
    nodes = lineages(x=f"select {sql} as a from zoo.keepers")
    assert digest_of(nodes, ColumnRef("model.zoo.x", "a")) is None


def test_a_key_tells_the_id_that_it_is_the_digest_of() -> None:
    model = stays()
    lookup = ToldColumn(model.foreign_keys[0], "keeper")
    assert told_by_key(model, ColumnRef(STG, "keeper"), zoo()) == lookup
    assert told_by_key(model, ColumnRef(VISITS, "keeper"), zoo()) == lookup
    assert told_by_key(model, ColumnRef(STG, "fee"), zoo()) is None


def test_a_key_of_another_form_tells_nothing() -> None:
    nodes = zoo(theirs="md5('s' || keeper::text)".replace("keeper", "{}"))
    assert told_by_key(stays(), ColumnRef(STG, "keeper"), nodes) is None


def test_rows_are_counted_by_a_digest_where_the_sql_counts_them_by_the_id() -> None:
    staff = Model(
        STAFF,
        "staff",
        Relation("w", "dev", "staff"),
        "m.yml",
        "table",
        derivations={"stays": Derivation("", Way.COUNT, ID, empty=True)},
    )
    models = {STAFF: staff, STAYS: stays()}
    fact = Across(STAFF, "stays", Way.COUNT, STAYS, "", "staff_key", "staff_key", empty="0")
    assert is_stated(fact, models)
    assert holds_values_of("staff_key", ID, STAYS, models)
    assert not holds_values_of("fee", ID, STAYS, models)
    assert numberings_of(models[STAYS]) == {"visit_no": "staff_key"}


@pytest.mark.parametrize(
    ("theirs", "ours", "is_one_form"),
    [
        ("md5('keeper-' || {}::text)", "md5('keeper-' || {}::text)", True),
        ("md5('keeper-' || {}::text)", "md5('cage-' || {}::text)", False),
        (SURROGATE, SURROGATE, False),  # which all keys have, whatever they are of
        ("{}::text", "{}::text", False),
    ],
)
def test_a_form_that_names_what_a_key_is_of_is_that_of_these_keys_alone(
    theirs: str, ours: str, *, is_one_form: bool
) -> None:
    nodes = zoo(theirs, ours)
    columns = ColumnRef(STAYS, "staff_key"), ColumnRef(STAFF, "staff_key")
    assert are_of_one_form(nodes, *columns) is is_one_form
