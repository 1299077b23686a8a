"""Halves of keys of two columns, and keys by their kind: looked for in real rows, and put right in others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from synth.domain import Excerpt, ForeignKey, Model, Ownership, Relation, Way
from synth.facts.across import find_across
from synth.warehouse.rules import Candidates

if TYPE_CHECKING:
    from synth.domain import Across
    from synth.facts.across import AcrossFacts
    from synth.warehouse import Warehouse
    from tests.services import Database

ESTATES, FLATS, LEASES, NOTES = (f"model.homes.{name}" for name in ("estates", "flats", "leases", "notes"))
TABLES = """
create schema homes;
create domain homes.code as text check (value ~ '^E[0-9]$');
create table homes.estates as select ('E' || n)::homes.code as estate from generate_series(1, 4) n;
create table homes.flats as
select estate, flat from homes.estates, generate_series(1, 40) flat where flat <= 10 * right(estate, 1)::int;
create table homes.leases as
select
    n as lease, estate, flat, n as sheet_type, n % 7 as sheet_id,
    n % 4 as days_late, n % 9 + 1 as days_open, case when n % 2 = 0 then 'open' else 'shut' end as door_state,
    n % 5 + 1 as door_width
from generate_series(1, 300) n join (select *, row_number() over () as place from homes.flats) f
    on f.place = 1 + n % 100;
create table homes.notes as
select
    n as note, case n % 3 when 0 then 'lease' when 1 then 'estate' else 'other' end as about_type,
    case n % 3 when 0 then (n % 300 + 1)::text when 1 then 'E' || 1 + n % 4 else 'x' || n end as about_id
from generate_series(1, 200) n;
"""


@pytest.fixture
def models(database: Database) -> list[Model]:
    def model(name: str, *key: str, of_estate: bool = False) -> Model:
        keys = (ForeignKey("estate", ESTATES, "estate", "test"),) if of_estate else ()
        relation = Relation(database.name, "homes", name.rpartition(".")[2])
        return Model(name, relation.name, relation, "m.yml", "table", primary_key=key, foreign_keys=keys)

    return [
        model(ESTATES, "estate"),
        model(FLATS, "estate", "flat", of_estate=True),
        model(LEASES, "lease", of_estate=True),
        model(NOTES, "note"),
    ]


def facts_of(warehouse: Warehouse, models: list[Model]) -> AcrossFacts:
    with warehouse.snapshot() as snapshot:
        return find_across(models, warehouse, snapshot)


def members(facts: AcrossFacts) -> list[Across]:
    return [fact for fact in facts.every if fact.way is Way.AMONG]


def test_halves_of_keys_and_keys_by_their_kind_are_told_by_all_real_rows(
    warehouse: Warehouse, models: list[Model]
) -> None:
    assert sorted(map(str, members(facts_of(warehouse, models)))) == [
        "leases.flat is one of the flat of flats with its estate",
        "notes.about_id is one of the estate of estates in rows of one about_type",
        "notes.about_id is one of the lease of leases in rows of one about_type",
    ]


def test_rows_that_are_made_of_a_tables_own_decide_nothing_of_it(
    warehouse: Warehouse, models: list[Model]
) -> None:
    excerpt = Excerpt(LEASES, {}, condition="", words="the flats that leases name")
    others = [replace(one, excerpt=excerpt) if one.unique_id == FLATS else one for one in models]
    assert "leases.flat" not in " ".join(map(str, members(facts_of(warehouse, others))))


def test_a_handful_of_values_is_no_evidence_unless_the_kind_names_the_owner(
    warehouse: Warehouse, models: list[Model], database: Database
) -> None:
    with database.connect() as session:
        session.execute("update homes.notes set about_type = 'plot' where about_type = 'estate'")
    assert {fact.other for fact in members(facts_of(warehouse, models))} == {FLATS, LEASES}


def test_what_one_row_breaks_is_no_such_fact(
    warehouse: Warehouse, models: list[Model], database: Database
) -> None:
    with database.connect() as session:
        one = "select lease from homes.leases where estate = 'E1' limit 1"
        session.execute(f"update homes.leases set flat = 11 where lease = ({one})")
        session.execute("update homes.notes set about_id = '301' where note = 3")
    assert {fact.other for fact in members(facts_of(warehouse, models))} == {ESTATES}


def test_a_key_of_two_labels_is_kept_without_a_table_of_the_first(
    warehouse: Warehouse, models: list[Model]
) -> None:
    alone = [replace(one, foreign_keys=()) for one in models[1:3]]
    assert list(map(str, members(facts_of(warehouse, alone)))) == [
        "leases.flat is one of the flat of flats with its estate"
    ]


def test_rows_that_were_drawn_apart_are_made_to_agree(
    warehouse: Warehouse, models: list[Model], database: Database
) -> None:
    facts = facts_of(warehouse, models)
    estates = [f"E{place}" for place in range(1, 5)]
    drawn_rows: dict[str, dict[str, Any]] = {
        ESTATES: {"estate": estates},
        FLATS: {"estate": ["E1", "E1", "E2"], "flat": [70, 71, 72]},
        LEASES: {"lease": [901, 902, 903, 904], "estate": ["E1", "E1", "E2", "E3"], "flat": [70, 5, None, 7]},
        NOTES: {
            "note": range(6),
            "about_type": ["lease", "estate", "lease", "estate", "other", "lease"],
            "about_id": ["901", "901", "x", "E4", "y", None],
        },
    }
    rows = {
        one.unique_id: Candidates(
            one.relation,
            [c for c in warehouse.describe(one.relation) if c.name in drawn_rows[one.unique_id]],
            pa.table(
                {
                    name: pa.array(
                        list(values), pa.int32() if name in {"flat", "lease", "note"} else pa.string()
                    )
                    for name, values in drawn_rows[one.unique_id].items()
                }
            ),
            "homes_staging",
        )
        for one in models
    }
    columns, violations = warehouse.agree(rows, members(facts), facts.tables)
    assert columns[LEASES].column("flat").to_pylist()[:1] == [70]  # it is one already
    assert columns[LEASES].column("flat").to_pylist()[1] in {70, 71}
    assert columns[LEASES].column("flat").to_pylist()[2:] == [None, 7]  # there is none for the last
    about = columns[NOTES].column("about_id").to_pylist()
    assert about[0] == "901"
    assert about[1] in estates
    assert about[2] in {"901", "902", "903", "904"}
    assert about[3:] == ["E4", "y", None]
    assert {str(fact): count for fact, count in violations.items()} == {
        "leases.flat is one of the flat of flats with its estate": 1
    }


@pytest.mark.parametrize(("whose", "stays"), [("estate", "estate"), ("tenant", "tenant")])
def test_rows_stay_whose_they_are_where_two_references_are_a_pair_of_another_table(
    warehouse: Warehouse, models: list[Model], database: Database, whose: str, stays: str
) -> None:
    """A card is of an account and of one of those who hold it: a bridge says who, by a digest of both."""
    tenants = "model.homes.tenants"
    with database.connect() as session:
        session.execute("create table homes.tenants as select n as tenant from generate_series(1, 60) n")
        session.execute(
            "create table homes.holders as "
            "select distinct estate, 1 + 7 * lease % 60 as tenant from homes.leases"
        )
        session.execute(
            "create table homes.cards as "
            "select n as card, estate, tenant from generate_series(1, 4) n, homes.holders"
        )

    def model(name: str, *key: str) -> Model:
        keys = (
            ForeignKey("estate", ESTATES, "estate", "test"),
            ForeignKey("tenant", tenants, "tenant", "test"),
        )
        relation = Relation(database.name, "homes", name)
        place = (f"model.homes.{name}", name, relation, "m.yml", "table")
        return Model(*place, primary_key=key, foreign_keys=keys if name != "tenants" else ())

    bridge = replace(model("holders"), derived_keys=(("estate", "tenant"),))
    cards = replace(model("cards", "card"), ownership=Ownership("", whose))
    facts = facts_of(warehouse, [*models, model("tenants", "tenant"), bridge, cards])
    (fact,) = (fact for fact in members(facts) if fact.model == cards.unique_id)
    assert fact.own == stays
