"""Events that many people share, such as races, classes or flights: each tells of none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.domain import RARE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from synth.domain import ForeignKey
    from synth.graph.look import RelationLook
    from synth.warehouse import Warehouse


def sharing_of(
    references: Iterable[tuple[str, ForeignKey]],
    keys: Mapping[str, tuple[ForeignKey, ...]],
    looks: Mapping[str, RelationLook],
    is_about_people: Callable[[RelationLook], bool],
    warehouse: Warehouse,
) -> str:
    """Return who shares each event, in a few words; nothing where fewer than `RARE` people may share one.

    Args:
        references: the tables that refer to the events, with their references.
        keys: the references of each table, by `unique_id`.
        looks: what was seen of each table.
        is_about_people: whether the rows of a table may be people.
        warehouse: where they are.

    Raises:
        WarehouseError: Postgres refused.
    """
    for child, key in references:
        for whom in keys[child]:
            parent = looks.get(whom.parent)
            if parent is None or whom.column == key.column or not is_about_people(parent):
                continue
            spread = warehouse.count_spread(looks[child].relation, key.column, whom.column, RARE - 1)
            if spread is not None and spread.is_all:
                return f"at least {RARE} of {parent.name} in {looks[child].name}"
    return ""
