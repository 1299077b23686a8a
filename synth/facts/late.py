"""Keys chosen when both twins are drawn: an account names one of its users, who all name their account.

Such references go in a circle, so that no twin could be the first. One that no two rows share is given up for
an order, and its keys are chosen from the rows that refer back, those of a label where only these are named.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from synth.domain import RARE, Across, Way

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from synth.domain import ForeignKey, Model
    from synth.warehouse import Snapshot
    from synth.warehouse.across import FactTable

LABELS = frozenset({"text", "character varying", "character", "boolean"})
MOST_LABELS = 20  # of a column that says which of the rows is named


def late_facts(
    models: Mapping[str, Model], tables: Mapping[str, FactTable], snapshot: Snapshot
) -> list[Across]:
    """Return from which rows late keys are chosen, as all real rows have it, the narrowest choice first."""
    return [
        fact
        for name, key in _late_keys(models)
        for fact in (*_true_facts(_own(name, key, models), tables, snapshot), any_row(name, key))
    ]


def stated_late_facts(models: Mapping[str, Model]) -> list[Across]:
    """Return the same where no row may be looked at: rows that refer back are chosen before others."""
    return [
        fact for name, key in _late_keys(models) for fact in (*_own(name, key, models), any_row(name, key))
    ]


def any_row(name: str, key: ForeignKey) -> Across:
    """Return that a late key is one of those that the parent has."""
    return Across(name, key.column, Way.AMONG, key.parent, key.parent_column, "", "")


def _late_keys(models: Mapping[str, Model]) -> Iterator[tuple[str, ForeignKey]]:
    for name, model in models.items():
        yield from ((name, key) for key in model.late_keys if key.parent in models)


def _own(name: str, key: ForeignKey, models: Mapping[str, Model]) -> list[Across]:
    """Return that the row which is named refers back, by each of the columns by which it may."""
    return [
        replace(any_row(name, key), own=back.parent_column, key=back.column)
        for back in models[key.parent].foreign_keys
        if back.parent == name and back.column != key.parent_column
    ]


def _true_facts(
    candidates: list[Across], tables: Mapping[str, FactTable], snapshot: Snapshot
) -> list[Across]:
    """Return the first of the facts that all rows keep, after what else says which row is named."""
    for fact in snapshot.holding(candidates, tables)[:1]:
        return [*_by_label(fact, tables, snapshot), fact]
    return []


def _by_label(fact: Across, tables: Mapping[str, FactTable], snapshot: Snapshot) -> list[Across]:
    """Return that the row which is named is the only one with some label, such as a role, if it is."""
    table = tables[fact.other]
    for column, kind in table.types.items():
        if kind.partition("(")[0].strip() not in LABELS or column in {fact.source, fact.key}:
            continue
        labels = snapshot.labels(table, column, fewest=RARE, most=MOST_LABELS + 1)
        for label in labels if 1 < len(labels) <= MOST_LABELS else ():
            such = replace(fact, such=(column, label))
            named = Across(fact.other, fact.source, Way.AMONG, fact.model, fact.column, fact.key, fact.own)
            named = replace(named, when=(column, label))
            if len(snapshot.holding([such, named], tables)) == 2:  # noqa: PLR2004 - and the other way round
                return [such]
    return []
