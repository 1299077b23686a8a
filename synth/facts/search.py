"""Which facts across tables all real rows keep, and no chance explains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synth.domain import RARE, Across, Way

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from synth.warehouse import Snapshot
    from synth.warehouse.across import FactTable


@dataclass(frozen=True, slots=True)
class FactSearch:
    """Asks Postgres which facts real rows keep.

    Attributes:
        tables: where the rows are, by `unique_id`.
        snapshot: when.
    """

    tables: Mapping[str, FactTable]
    snapshot: Snapshot

    def certain_facts(self, candidates: Iterable[Across]) -> list[Across]:
        """Return of each column the first candidate that all rows keep, if it is no chance.

        Beside one that is none, a copy of the same name is none either. A sum of the rows of another model
        stays beside it: what was ordered is what was paid.
        """
        every = [*candidates]
        true_facts = self.snapshot.holding(every, self.tables) if every else []
        first: dict[tuple[str, ...], Across] = {}
        for fact in true_facts:
            place = fact.model, fact.column
            best = first.setdefault(place, fact)
            if best.other != fact.other and best.way is fact.way is Way.SUM:
                first.setdefault((*place, fact.other), fact)
        certain = {fact for fact in first.values() if self.snapshot.telling(fact, self.tables) >= RARE}
        pairs = {(fact.model, fact.other) for fact in certain if fact.way is Way.COPY}
        alike = {fact for fact in first.values() if fact.way is Way.COPY and fact.column == fact.source}
        certain |= {fact for fact in alike if (fact.model, fact.other) in pairs}
        return [fact for fact in first.values() if fact in certain]
