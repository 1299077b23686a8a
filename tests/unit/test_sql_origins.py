"""What the SQL of a project states of columns of two models."""

from __future__ import annotations

import pytest

from synth.domain import Across, Derivation, Model, Relation, Way
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
