"""What the project's SQL states of a twin by guarantee across tables: columns that are copied from others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from synth.domain import OwnershipStep, Way
from synth.sampling.source import looked_up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from synth.domain import Across, Model
    from synth.facts.across import AcrossFacts

    Columns = Mapping[str, Mapping[str, pa.ChunkedArray]]

AGGREGATES = frozenset({Way.COUNT, Way.SUM, Way.LEAST, Way.MOST, Way.MEAN})


def with_nearest_owner(model: Model, sql_facts: AcrossFacts) -> Model:
    """Return the model with the parent through which its SQL takes whom the rows are about.

    The lines of an order are those of the order's customer: an order has so many lines, then.
    """
    whose = model.ownership
    parents = {key.column: key.parent for key in model.foreign_keys}
    for fact in sql_facts.every:
        same = whose is not None and (fact.model, fact.column) == (model.unique_id, whose.column)
        if whose is not None and same and fact.is_direct_copy and parents.get(fact.own) == fact.other:
            step = OwnershipStep(sql_facts.tables[fact.other].relation, fact.key, fact.source, fact.other)
            return replace(model, ownership=replace(whose, column=fact.own, path=(step, *whose.path)))
    return model


def copies_of(model: Model, sql_facts: AcrossFacts, parents: Columns) -> list[Across]:
    """Return which columns of a model are copied from twins that are made."""
    return [
        fact
        for fact in sql_facts.every
        if fact.model == model.unique_id
        and fact.way is Way.COPY
        and {fact.key, fact.source} <= parents.get(fact.other, {}).keys()
    ]


def counted_elsewhere(model: Model, sql_facts: AcrossFacts) -> frozenset[str]:
    """Return the columns that are the number, the sum or the like of rows of other models, by the SQL."""
    return frozenset(
        fact.column for fact in sql_facts.every if fact.model == model.unique_id and fact.way in AGGREGATES
    )


def numberings_of(model: Model) -> dict[str, str]:
    """Return the columns that number the rows of a key, each with that key."""
    derivations = model.derivations
    keys = {
        place: key.column
        for key in model.foreign_keys
        if key.column in derivations
        for place in (derivations[key.column].root, derivations[key.column].stands_for)
        if place
    }
    return {
        name: keys[one.by] for name, one in derivations.items() if one.way is Way.NUMBER and one.by in keys
    }


def with_numbers(table: pa.Table, numberings: Mapping[str, str]) -> pa.Table:
    """Return the twin with rows numbered from 1 on among those of one key."""
    for name, key in numberings.items():
        if {name, key} <= set(table.column_names):
            owners = table.column(key).to_pandas()
            numbers = owners.groupby(owners, dropna=False).cumcount() + 1
            place = table.column_names.index(name)
            table = table.set_column(
                place, name, pa.array(numbers.to_numpy()).cast(table.schema.field(place).type)
            )
    return table


def with_copies(table: pa.Table, copies: Sequence[Across], parents: Columns) -> pa.Table:
    """Return the twin with what its rows copy from the rows of other twins that they refer to."""
    for fact in copies:
        if not {fact.column, fact.own} <= set(table.column_names):
            continue
        rows = parents[fact.other]
        values = looked_up(table.column(fact.own), rows[fact.key], rows[fact.source])
        place = table.column_names.index(fact.column)
        table = table.set_column(place, fact.column, values.cast(table.schema.field(place).type))
    return table
