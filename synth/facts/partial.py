"""Columns that are NULL or a copy of what the row that is referred to has: who approved it is the manager."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from synth.domain import Across, Way

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from synth.warehouse.across import FactTable

INEXACT = frozenset({"real", "double precision"})


def partial_copies(
    copies: Iterable[Across], decided_facts: Iterable[Across], tables: Mapping[str, FactTable]
) -> Iterator[Across]:
    """Yield what may be a copy in the rows that have a value at all.

    Args:
        copies: what may be a copy in all rows.
        decided_facts: what is known of columns already.
        tables: of the models.
    """
    decided_columns = {(fact.model, fact.column) for fact in decided_facts}
    for fact in copies:
        table = tables[fact.model]
        is_open = (fact.model, fact.column) not in decided_columns and fact.column not in table.not_null
        if is_open and fact.through is None and table.types[fact.column] not in INEXACT:
            yield replace(fact, way=Way.OWN)
