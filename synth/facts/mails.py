"""Mail addresses at the domain that another table has: people of a firm write from that of the firm."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from synth.domain import Across, Role, Way

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from synth.domain import Model
    from synth.facts.row_links import Link
    from synth.warehouse.across import FactTable

TEXTS = ("text", "character varying")


def mail_facts(
    links: Iterable[Link],
    models: Mapping[str, Model],
    tables: Mapping[str, FactTable],
    earlier_facts: Iterable[Across],
) -> Iterator[Across]:
    """Yield that the text of a row, which nothing else decides, is an address at the text of its parent."""
    decided_columns = {(fact.model, fact.column) for fact in earlier_facts}
    for link in (one for one in links if not one.public and one.one in models):
        model = models[link.many]
        fixed_columns = {link.column, *model.seed_columns, *model.balance}
        fixed_columns |= {name for name, role in model.roles.items() if role in {Role.DROP, Role.KEEP}}
        for column, source in product(_texts(tables[link.many]), _texts(tables[link.one])):
            if column not in fixed_columns and (link.many, column) not in decided_columns:
                yield Across(link.many, column, Way.DOMAIN, link.one, source, link.column, link.key)


def _texts(table: FactTable) -> list[str]:
    return [column for column, kind in table.types.items() if kind.startswith(TEXTS)]
