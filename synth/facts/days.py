"""Moments on the day that the row referred to has: somebody checks in on the day of the lesson."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from synth.domain import Way
from synth.facts.row_links import ways_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from synth.domain import Across
    from synth.facts.row_links import Link
    from synth.warehouse.across import FactTable


def day_facts(
    links: Sequence[Link], tables: Mapping[str, FactTable], earlier_facts: Iterable[Across]
) -> Iterator[Across]:
    """Yield that the moment of a row, which nothing else decides, is on the day of the row referred to.

    Args:
        links: which rows refer to which.
        tables: of the models.
        earlier_facts: what is decided already.
    """
    decided_columns = {(fact.model, fact.column) for fact in earlier_facts}
    for way_up, _ in ways_up(links):
        moments = _columns(tables[way_up.model], "timestamp")
        for column, source in product(moments, _columns(tables[way_up.other], "date")):
            is_open = (way_up.model, column) not in decided_columns and way_up.model != way_up.other
            if is_open and way_up.own != column and way_up.key != source:
                yield replace(way_up, way=Way.DAY, column=column, source=source)


def _columns(table: FactTable, kind: str) -> list[str]:
    return [column for column, one in table.types.items() if one.startswith(kind)]
