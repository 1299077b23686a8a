"""Figures of people in tables about nobody: how many work in a branch, what was sold of a product.

The real ones are of real people. Where all else of a table is copied, its figures are made of the twins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.domain import Kind
from synth.graph.origins import Aggregate, ChoiceOrigin, ColumnRef, Copy, Expression, UnknownOrigin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from synth.graph.look import RelationLook
    from synth.graph.origins import NodeLineage, Origin

NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})


def figures_of(
    look: RelationLook, lineages: Mapping[str, NodeLineage], is_of_people: Callable[[str], bool]
) -> frozenset[str]:
    """Return the numbers of a relation that sum up rows which may be about people.

    Args:
        look: of the relation.
        lineages: where columns come from, by `unique_id`.
        is_of_people: whether the rows of a relation, or of what it is made from, may be about people.
    """

    def is_figure(column: ColumnRef, trail: frozenset[ColumnRef]) -> bool:
        """Return whether a column is one, or nothing but a function of some."""
        lineage = lineages.get(column.node)
        origin: Origin | None = lineage.columns.get(column.column) if lineage else None
        if isinstance(origin, Aggregate):
            return bool(origin.keys) and not origin.is_windowed and any(map(is_of_people, origin.over))
        if not isinstance(origin, Copy | ChoiceOrigin | Expression) or column in trail:
            return False
        return bool(origin.sources) and all(is_figure(one, trail | {column}) for one in origin.sources)

    return frozenset(
        name
        for name, column in look.columns.items()
        if column.kind in NUMBERS and is_figure(ColumnRef(look.unique_id, name), frozenset())
    )


def columns_before(
    lineages: Mapping[str, NodeLineage], name: str, columns: Collection[str]
) -> set[ColumnRef] | None:
    """Return columns of a relation and all that they follow from; None where nobody can say."""
    queue = [ColumnRef(name, column) for column in columns]
    before: set[ColumnRef] = set()
    while queue:
        one = queue.pop()
        if one in before:
            continue
        before.add(one)
        lineage = lineages.get(one.node)
        if lineage is None or not (lineage.is_parsed or lineage.is_stored):
            return None
        origin = lineage.columns.get(one.column)
        if isinstance(origin, UnknownOrigin):
            return None
        queue += () if origin is None else origin.sources
    return before
