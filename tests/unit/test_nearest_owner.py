"""Rows of a parent that says whom they are about are drawn as its rows, if all of them name it."""

from __future__ import annotations

import pytest

from synth.domain import Across, ForeignKey, Model, Ownership, Relation, Way
from synth.twins.across import nearest_owner

ENTRIES, CARDS, ACCOUNTS = "model.bank.entries", "model.bank.cards", "model.bank.accounts"


@pytest.mark.parametrize(
    ("complete", "whose"), [(("account", "card"), "card"), (("account",), "account"), ((), "account")]
)
def test_entries_of_an_account_are_rows_of_their_card_if_each_has_one(
    complete: tuple[str, ...], whose: str
) -> None:
    model = Model(
        ENTRIES,
        "entries",
        Relation("bank", "public", "entries"),
        "m.yml",
        "table",
        foreign_keys=(
            ForeignKey("account", ACCOUNTS, "id", "test"),
            ForeignKey("card", CARDS, "id", "test"),
        ),
        ownership=Ownership(ACCOUNTS, "account"),
    )
    copy = Across(ENTRIES, "account", Way.COPY, CARDS, "account", "card", "id")
    nearest = nearest_owner(model, [copy], complete)
    assert nearest.ownership is not None
    assert nearest.ownership.column == whose
