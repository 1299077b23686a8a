"""The keys of parents' twins that rows of a twin may hold, and how many rows they allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth.domain import MOMENTS, Role, Rows
from synth.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import ForeignKey, Task
    from synth.sampling.context import Case, RunContext


def most_keys(case: Case, parents: Mapping[str, Mapping[str, pa.ChunkedArray]]) -> int | None:
    """Return how many parents there are for rows of which no two have one; None where nothing limits them.

    A parent's twin may have fewer rows than its source, where some were left out or it was made by guarantee.
    Of a snapshot no two histories have one parent. Who asks for a number of rows gets them, or an error.
    """
    task, history = case.task, case.task.model.history
    if task.rows != Rows():
        return None
    single = [
        one.parent
        for one in case.treatments
        if one.role is Role.FOREIGN_KEY
        and one.parent is not None
        and not one.to_itself
        and not case.source.real.column(one.column.name).null_count
        and (one.unique or (history is not None and history.key == (one.column.name,)))
    ]
    pools = [pool_of(task, key, case.context, parents) for key in single]
    return min((len(pool) for pool in pools if pool is not None), default=None)


def pool_of(
    task: Task, key: ForeignKey, context: RunContext, parents: Mapping[str, Mapping[str, pa.ChunkedArray]]
) -> pa.Array | None:
    """Return the keys of the parent's twin: of this run, else as published; None where it has none."""
    if key.parent not in context.twins:
        return _public_keys(key, context)
    relation = context.stage_relations.get(key.parent, context.twins[key.parent])
    if key.parent not in parents:
        is_staged = key.parent in context.stage_relations
        published_keys = context.warehouse.read_keys(relation, key.parent_column, from_stage=is_staged)
        if published_keys is not None:
            return published_keys
        parent = key.parent.split(".", 2)[-1]
        raise ModelError(
            f"{task.model.name}.{key.column} references {key.parent}, which has no twin {relation} with a "
            f"column {key.parent_column} yet. Next: synth run --select {parent} {task.model.name}"
        )
    parent_keys = parents[key.parent].get(key.parent_column)
    if parent_keys is None:
        raise ModelError(
            f"{task.model.name}.{key.column} references {key.parent}, whose twin has no column "
            f"{key.parent_column}. Next: give {task.model.name}.{key.column} the role drop, too."
        )
    return parent_keys.drop_null().unique()


def pool_for(
    treatment: Treatment,
    task: Task,
    context: RunContext,
    parents: Mapping[str, Mapping[str, pa.ChunkedArray]],
) -> pa.Array | None:
    """Return the keys that a column may hold; None where it gets new ones.

    Keys that no twin owns are those of the twin that shares them, if it is there.
    """
    if treatment.shared is not None and treatment.role in {Role.FOREIGN_KEY, Role.NATURAL_KEY}:
        return _shared_keys(treatment.shared, context, parents)
    key = treatment.parent if treatment.role is Role.FOREIGN_KEY else None
    return None if key is None else pool_of(task, key, context, parents)


def _shared_keys(
    key: ForeignKey, context: RunContext, parents: Mapping[str, Mapping[str, pa.ChunkedArray]]
) -> pa.Array | None:
    keys = parents.get(key.parent, {}).get(key.parent_column)
    if keys is not None:
        return keys.drop_null().unique()
    relation = context.stage_relations.get(key.parent, context.twins.get(key.parent))
    if relation is None:
        return None
    is_staged = key.parent in context.stage_relations
    return context.warehouse.read_keys(relation, key.parent_column, from_stage=is_staged)


def _public_keys(key: ForeignKey, context: RunContext) -> pa.Array | None:
    """Return the keys of a public table that has no twin, as they are; None where there is no such column."""
    if key.relation is None:
        return None
    columns = [one for one in context.warehouse.describe(key.relation) if one.name == key.parent_column]
    if not columns:
        return None
    values = context.snapshot.extract(key.relation, columns).column(0).combine_chunks().drop_null().unique()
    return values.take(pc.array_sort_indices(values))


def with_days_of_parents(
    table: pa.Table, case: Case, parents: Mapping[str, Mapping[str, pa.ChunkedArray]]
) -> pa.Table:
    """Return the twin in which days that refer to a public table are among those of that table.

    One that it lacks, as a list of months lacks most days, becomes the nearest that it has, and the other
    moments of its row move along.

    Args:
        table: the twin.
        case: of the twin.
        parents: columns of the twins already made, by `unique_id`.
    """
    moments = [
        one
        for one in case.treatments
        if one.role is Role.DATETIME and one.column.kind in MOMENTS and one.form is None
        if one.column.name in table.column_names
    ]
    for one in (one for one in moments if one.parent is not None):
        pool = pool_of(case.task, one.parent, case.context, parents) if one.parent else None
        if pool is not None and len(pool):
            others = [two.column.name for two in moments if two.parent is None]
            table = moved_to_days(table, one.column.name, others, pool)
    return table


def moved_to_days(table: pa.Table, name: str, others: Sequence[str], pool: pa.Array) -> pa.Table:
    """Return the table with days as the nearest of a pool, and other moments as far from them as before."""
    place = table.column_names.index(name)
    values = nearest_days(table.column(place), pool)
    before, after = (
        days.cast(pa.timestamp("us")).cast(pa.int64()).fill_null(0).to_numpy()
        for days in (table.column(place), values)
    )
    table = table.set_column(place, name, values)
    for other in others if (before != after).any() else ():
        place, old = table.column_names.index(other), table.column(other)
        steps = old.cast(pa.timestamp("us")).cast(pa.int64()).to_pandas() + (after - before)
        result = pa.array(steps.astype("Int64"), pa.int64()).cast(pa.timestamp("us"))
        table = table.set_column(place, other, result.cast(old.type))
    return table


def nearest_days(days: pa.ChunkedArray, pool: pa.Array) -> pa.ChunkedArray:
    """Return days, each as the nearest of a pool; NULL stays."""
    moments = days.cast(pa.timestamp("us")).cast(pa.int64()).fill_null(0).to_numpy()
    able = np.sort(pool.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy(zero_copy_only=False))
    after = np.clip(np.searchsorted(able, moments), 0, len(able) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(moments - able[before] < able[after] - moments, able[before], able[after])
    values = pa.array(nearest, pa.timestamp("us"), mask=days.is_null().to_numpy())
    return pa.chunked_array([values.cast(days.type)])


def keys_in_turn(
    pool: pa.Array, places: NDArray[np.int64], number: int, rng: np.random.Generator
) -> pa.Array:
    """Return a key of the pool for each of the places, which are below `number`; of few, some twice."""
    return pool.take(pa.array(np.resize(rng.permutation(len(pool)), number)[places]))


def former_places(keys: pa.Array, former: pa.ChunkedArray | None) -> NDArray[np.int64]:
    """Return the place of each key among those of the parent; of each other one a place of its own."""
    if former is None:
        return np.arange(len(keys))
    parents = former.combine_chunks().cast(keys.type).unique()
    places = np.asarray(pc.index_in(keys, parents).fill_null(-1).to_numpy(zero_copy_only=False), np.int64)
    orphans = places < 0
    places[orphans] = len(parents) + np.arange(int(orphans.sum()))
    return places
