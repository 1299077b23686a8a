"""The plan as a tree: it fits the terminal, and leaves nothing out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from synth.domain import ForeignKey, Model, Relation, Role, Task
from synth.listing import ColumnListing, ModelListing
from synth.outline import as_tree

MODEL = Model(
    "model.shop.visits", "monthly_visits_of_members", Relation("w", "dev", "visits"), "m.yml", "table"
)
ROLES = (Role.KEY, Role.EMAIL, Role.NUMBER, Role.FREE_TEXT, Role.DROP)


@pytest.mark.parametrize("width", [60, 80, 160])
def test_what_becomes_of_columns_is_said_in_full_at_every_width(width: int) -> None:
    columns = tuple(ColumnListing(f"c{i}", "text", role, "declared", "") for i, role in enumerate(ROLES))
    text = as_tree([ModelListing(Task(MODEL, MODEL.relation), columns, rows=1_234_567)], width)
    assert max(map(len, text.splitlines())) <= width
    words = " ".join(text.split())
    assert f"{MODEL.name} 1,234,567 rows 1 key, 1 replaced, 1 learned, 1 emptied, 1 left out" in words


def test_accounts_are_not_offered_to_be_copied_as_tariffs_are() -> None:
    names = ("dim_accounts", "dim_tariffs")
    parents = [replace(MODEL, unique_id=f"model.shop.{name}", name=name) for name in names]
    keys = tuple(ForeignKey(f"c{place}", one.unique_id, "id", "test") for place, one in enumerate(parents))
    models = [*parents, replace(MODEL, foreign_keys=keys)]
    columns = (ColumnListing("id", "text", Role.KEY, "declared", ""),)
    text = as_tree([ModelListing(Task(one, one.relation), columns, rows=30) for one in models], 160)
    assert "`reference: true` copies what is about nobody: dim_tariffs (30 rows)?" in text
