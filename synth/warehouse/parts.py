"""Parts of a relation: some of its rows and columns, as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from synth.domain import Excerpt
from synth.warehouse.session import identifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from synth.domain import Relation


PARENT = "parent {}"  # what a query calls the twins that it is over
LIST = "list {}"  # what it calls public lists


@dataclass(frozen=True, slots=True)
class PartOfTwin:
    """What an excerpt has of twins.

    Attributes:
        relations: the twins of the excerpt's parents, in their order.
    """

    relations: tuple[Relation, ...]
    excerpt: Excerpt

    @property
    def every(self) -> tuple[Relation, ...]:
        """All relations that are read: the twins and public lists."""
        return (*self.relations, *self.excerpt.lists)


def whole_of(relation: Relation, names: Sequence[str]) -> PartOfTwin:
    """Return all rows of a relation."""
    return PartOfTwin((relation,), Excerpt("", {name: name for name in names}, "", ""))


def selection_of(part: PartOfTwin, names: Iterable[str]) -> sql.Composed:
    """Return the query for a part, with these of its own columns."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} as {}").format(sql.Identifier(part.excerpt.columns[name]), sql.Identifier(name))
        for name in names
    )
    query = sql.SQL("select {} from {} {}")
    return query.format(columns, source_of(part), condition_of(part.excerpt))


def source_of(part: PartOfTwin) -> sql.Composable:
    """Return what stands in FROM: the twin, or the query over twins; `synth.graph.calculated` made that."""
    if not part.excerpt.query:
        return identifier(part.relations[0])
    names = [
        *((PARENT.format(place), one) for place, one in enumerate(part.relations, start=1)),
        *((LIST.format(place), one) for place, one in enumerate(part.excerpt.lists, start=1)),
    ]
    parents = sql.SQL(", ").join(
        sql.SQL("{} as (select * from {})").format(sql.Identifier(name), identifier(relation))
        for name, relation in names
    )
    return sql.SQL("(with {} select * from ({}) as calculated) as whole").format(
        parents, sql.SQL(part.excerpt.query)
    )


def condition_of(excerpt: Excerpt) -> sql.Composable:
    """Return the condition that rows of the whole meet; `synth.graph.predicates` made it."""
    return sql.SQL("where {}").format(sql.SQL(excerpt.condition)) if excerpt.condition else sql.SQL("")
