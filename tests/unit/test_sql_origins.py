"""What the SQL of a project states of columns of two models."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from synth.domain import Across, Column, Derivation, ForeignKey, Kind, Model, Ownership, Relation, Way
from synth.facts.across import stated_across
from synth.facts.sql_origins import is_stated

RAW, ACCOUNTS, MONTHS = "seed.bank.raw_accounts", "model.bank.accounts", "model.bank.months"


def model(name: str, *sources: str) -> Model:
    derivations = {column: Derivation(f"{RAW}.{column}") for column in ("account", "product")}
    return Model(
        name,
        name.rpartition(".")[2],
        Relation("w", "dev", name),
        "m.yml",
        "table",
        derivations=derivations,
        row_sources=frozenset(sources),
    )


@pytest.mark.parametrize(("sources", "is_copy"), [((RAW, "model.bank.stg_accounts"), True), ((), False)])
def test_what_arises_with_a_key_is_a_copy_if_the_other_model_has_the_rows_of_that_relation(
    sources: tuple[str, ...], is_copy: bool
) -> None:
    fact = Across(MONTHS, "product", Way.COPY, ACCOUNTS, "product", "account", "account")
    models = {ACCOUNTS: model(ACCOUNTS, *sources), MONTHS: model(MONTHS)}
    assert is_stated(fact, models) is is_copy


STAFF, SHEETS = "model.firm.staff", "model.firm.sheets"
PEOPLE, RAW_SHEETS = "seed.firm.people", "seed.firm.raw_sheets"


def firm(column: str, *, owner: str) -> tuple[list[Model], Any]:
    """Return people with their bosses, and sheets with two of them; `column` is the wing of one of these."""
    staff = Model(
        STAFF,
        "staff",
        Relation("w", "dev", "staff"),
        "m.yml",
        "table",
        primary_key=("id",),
        derivations={
            "id": Derivation(f"{PEOPLE}.id"),
            "boss": Derivation(f"{PEOPLE}.boss"),
            "wing": Derivation(f"{PEOPLE}.wing"),
            "reports": Derivation("", Way.COUNT, f"{PEOPLE}.boss"),
        },
        foreign_keys=(ForeignKey("boss", STAFF, "id", "test"),),
    )
    names = ("whose", "approved_by")
    sheets = Model(
        SHEETS,
        "sheets",
        Relation("w", "dev", "sheets"),
        "m.yml",
        "table",
        derivations={
            **{name: Derivation(f"{RAW_SHEETS}.{name}") for name in names},
            column: Derivation(f"{PEOPLE}.wing"),
        },
        foreign_keys=tuple(ForeignKey(name, STAFF, "id", "test") for name in names),
        ownership=Ownership(STAFF, owner) if owner else None,
    )
    columns = {"staff": ("id", "boss", "wing", "reports"), "sheets": (*names, column)}

    def describe(relation: Relation) -> list[Column]:
        return [Column(name, "integer", Kind.INTEGER, not_null=False) for name in columns[relation.name]]

    return [staff, sheets], SimpleNamespace(describe=describe)


@pytest.mark.parametrize(
    ("column", "owner", "source"),
    [("wing", "whose", "whose"), ("approver_wing", "whose", None), ("wing", "", None)],
)
def test_of_two_rows_that_a_row_refers_to_the_one_that_it_is_about_is_copied(
    column: str, owner: str, source: str | None
) -> None:
    models, warehouse = firm(column, owner=owner)
    facts = stated_across(models, warehouse).every
    copies = {fact.column: fact.own for fact in facts if fact.way is Way.COPY}
    assert copies.get(column) == source
    (count,) = (fact for fact in facts if fact.way is Way.COUNT)
    assert (count.model, count.column, count.other, count.key) == (STAFF, "reports", STAFF, "boss")
