"""Times of rows that are never before a time of what they refer to: no sale of a product not yet launched."""

from __future__ import annotations

from itertools import product
from math import log
from typing import TYPE_CHECKING

from synth.domain import Across, Way

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from synth.domain import Model
    from synth.facts.row_links import Link
    from synth.warehouse import Snapshot
    from synth.warehouse.across import FactTable

CHANCE = log(1e-6)  # of no row before what it refers to, if that were any row of the other table


def after_facts(
    links: Iterable[Link], models: Mapping[str, Model], tables: Mapping[str, FactTable], snapshot: Snapshot
) -> tuple[Across, ...]:
    """Return which times are never before which of the row referred to, as all real rows have it."""
    true_facts = snapshot.holding([*_candidates(links, models, tables)], tables)
    return tuple(fact for fact in true_facts if snapshot.chance_of_order(fact, tables) < CHANCE)


def _candidates(
    links: Iterable[Link], models: Mapping[str, Model], tables: Mapping[str, FactTable]
) -> Iterator[Across]:
    """Yield the pairs of times of rows and of those that they refer to."""
    for link in links:
        references = [key.column for key in models[link.many].foreign_keys if key.parent == link.one]
        if link.one not in models or link.public or link.single or link.column not in references:
            continue
        for column, source in product(_times(tables[link.many]), _times(tables[link.one])):
            yield Across(link.many, column, Way.AFTER, link.one, source, link.column, link.key)


def _times(table: FactTable) -> list[str]:
    return [column for column, kind in table.types.items() if kind.startswith(("date", "timestamp"))]
