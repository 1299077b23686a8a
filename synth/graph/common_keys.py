"""Keys that several tables hold and none owns: their twins take them from the twin of one of the tables."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from synth.domain import ForeignKey, is_identifier, is_numbering
from synth.graph.lineage import root
from synth.graph.links import SOME_ORPHANS
from synth.graph.look import KEY_KINDS, OF_NOBODY
from synth.graph.origins import ColumnRef
from synth.graph.words import stem

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from synth.domain import Model
    from synth.graph.look import RelationLook
    from synth.graph.origins import NodeLineage
    from synth.warehouse import Warehouse

FEWEST = 20  # different values that say something
BY_SHARING = "the same keys, which no tagged model owns"


@dataclass(frozen=True)
class KeyShares:
    """Finds the columns of tagged models that hold the same keys, where no tagged model is their owner.

    Attributes:
        models: with their references, by `unique_id`; `looks` is what was seen of them.
        lineages: where their columns come from.
    """

    models: Mapping[str, Model]
    looks: Mapping[str, RelationLook]
    lineages: Mapping[str, NodeLineage]
    warehouse: Warehouse

    def with_keys(self) -> dict[str, Model]:
        """Return the models, each with the columns whose keys come from the twin of another one.

        That is one that needs none of the others, and of these the one with most different keys.
        """
        models = dict(self.models)
        for places in self._domains():
            needs = {place.node: _needs(place.node, models) for place in places}
            free = [place for place in places if not needs[place.node] & needs.keys()]
            first = max(free, key=lambda place: (self._different(place), place), default=None)
            for place in places if first else ():
                if first and place.node != first.node and self._agree(place, first):
                    key = ForeignKey(place.column, first.node, first.column, BY_SHARING)
                    model = models[place.node]
                    models[place.node] = replace(model, shared_keys=(*model.shared_keys, key))
        return models

    def _domains(self) -> list[list[ColumnRef]]:
        """Return columns of several models that say, by tests, SQL or names, that they hold the same keys."""
        domains: defaultdict[Hashable, list[ColumnRef]] = defaultdict(list)
        for name, model in self.models.items():
            look = self.looks.get(name)
            if look is None or model.reference or model.excerpt:
                continue
            for column in look.counts:
                place = ColumnRef(name, column)
                if self._may_share(place):
                    domains[self._domain(place)].append(place)
        return [places for places in domains.values() if len({place.node for place in places}) > 1]

    def _may_share(self, place: ColumnRef) -> bool:
        """Return whether a column holds keys, in several rows each, of what no tagged or public table has."""
        model, look = self.models[place.node], self.looks[place.node]
        if look.columns[place.column].kind not in KEY_KINDS or model.roles.get(place.column) in OF_NOBODY:
            return False
        if look.counts[place.column].different < FEWEST or look.counts[place.column].unique:
            return False
        keys = [key for key in model.foreign_keys if key.column == place.column]
        return all(self._is_lost(key) for key in keys) and (bool(keys) or self._leads(place))

    def _leads(self, place: ColumnRef) -> bool:
        """Return whether a column says what it is the key of, or holds what leads to somebody."""
        words = self.models[place.node].vocabulary
        is_key = is_identifier(place.column, words) or is_numbering(place.column, words)
        return place.column in self.looks[place.node].leading or (is_key and bool(stem(place.column, words)))

    def _is_lost(self, key: ForeignKey) -> bool:
        return key.parent not in self.models and not key.public and not key.parent.startswith("seed.")

    def _domain(self, place: ColumnRef) -> Hashable:
        """Return what columns with the same keys have in common: the column that tests name, else a name."""
        model = self.models[place.node]
        for key in model.foreign_keys:
            if key.column == place.column:
                return root(self.lineages, ColumnRef(key.parent, key.parent_column))
        kind = self.looks[place.node].columns[place.column].kind
        return stem(place.column, model.vocabulary), kind

    def _different(self, place: ColumnRef) -> int:
        return self.looks[place.node].counts[place.column].different

    def _agree(self, place: ColumnRef, owner: ColumnRef) -> bool:
        """Return whether most values of a column are among those of the owner."""
        ours, theirs = self.looks[place.node], self.looks[owner.node]
        column, other = ours.columns[place.column], theirs.columns[owner.column]
        if column.kind is not other.kind:
            return False
        inclusion = self.warehouse.count_missing(ours.relation, column, theirs.relation, other)
        return inclusion is not None and bool(inclusion.rows) and inclusion.share <= SOME_ORPHANS


def _needs(name: str, models: Mapping[str, Model]) -> set[str]:
    """Return the models whose twins come before that of one, at whatever distance."""
    needed_names: set[str] = set()
    queue = [name]
    while queue:
        model = models.get(queue.pop())
        new_names = set(model.needed_models) - needed_names - {name} if model else set()
        needed_names |= new_names
        queue += new_names
    return needed_names
