"""Tables about nobody: copied as they are, which is said wherever the twin is named.

What their rows refer to may be about somebody: such keys become those of the parent's twin. Who works at a
place is somebody, too: columns that say who, or how to reach them, are made up. So are numbers that sum up
people, until the twins of these say what they are; see `synth.twins.figures`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth._version import __version__
from synth.columns.conform import as_plain, others_for
from synth.columns.encoding import encode
from synth.columns.keys import new_keys
from synth.columns.roles import REPLACED_ROLES, classify
from synth.domain import Role
from synth.sampling.computing import with_new_columns
from synth.sampling.renumbering import with_new_numbers
from synth.twins.pools import keys_in_turn, pool_of
from synth.twins.twin import Twin
from synth.warehouse import Stage
from synth.warehouse.staging import stage_relation

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import TypeAlias

    from synth.domain import Column, ForeignKey, Task
    from synth.sampling.context import RunContext

    Figures: TypeAlias = Callable[[pa.Table, Sequence[Column]], pa.Table]

MADE_UP_ROLES = REPLACED_ROLES | {Role.FREE_TEXT}
MOST_DECIMALS = 6  # of a figure
COPY_VERDICT = "copied"  # in place of a verdict: nothing was checked, because nothing is anybody's


def copy_reference(
    task: Task,
    context: RunContext,
    *,
    parents: Mapping[str, Mapping[str, pa.ChunkedArray]],
    referenced_columns: Collection[str],
    figures: Figures | None = None,
) -> Twin:
    """Copy a table that is about nobody, store it and stage it.

    Args:
        task: whose model is reference data.
        context: of the run.
        parents: the keys of the twins already made in this run, by `unique_id`.
        referenced_columns: columns of the twin that its children will reference.
        figures: what makes numbers that follow from other twins; else they are made up.

    Raises:
        SynthError: a service failed.
    """
    model = task.model
    columns = [
        column
        for column in context.warehouse.describe(model.relation)
        if model.roles.get(column.name) is not Role.DROP
    ]
    names = [column.name for column in columns]
    learned_keys = [key for key in learned_parents(task) if key.column in names]
    table = _rows(task, context, columns, {key.column: key for key in learned_keys}, parents)
    other_columns = figures(table, columns) if figures else pa.table({})
    table = with_new_columns(table, other_columns)
    stage = _stage_of(task, context, table)
    made_up = any(role in MADE_UP_ROLES for role in model.roles.values())
    has_new = bool(model.new_numbers) or any(key.real_keys for key in model.foreign_keys)
    others = {*model.unlinked_columns, *model.figures} & {*names}
    is_changed = bool(learned_keys or made_up or has_new or others)
    # Postgres copies the rows itself where none of them changed.
    context.warehouse.stage(task, stage, columns=columns, table=table if is_changed else None)
    keys = {name: table.column(name) for name in sorted(set(referenced_columns) & set(names))}
    holds = frozenset(key.parent for key in learned_keys if key.parent in context.twins)
    made_up_figures = sorted({*model.figures} & {*names} - {*other_columns.column_names})
    warnings = tuple(
        f"{name} of {model.name} is made up: no twin says what it is" for name in made_up_figures
    )
    return Twin(stage, None, stage.artifacts, warnings, keys, {}, parents=holds)


def _stage_of(task: Task, context: RunContext, table: pa.Table) -> Stage:
    """Store a copy, and return where and as what it is staged."""
    model = task.model
    warnings = (f"{model.name} is copied as reference: {model.reference}",)
    artifacts = context.folder.store_twin(context.store, task, table, None, warnings=warnings)
    return Stage(
        relation=stage_relation(
            task.target,
            context.settings.staging_schema,
            context.run_id if context.keep else context.invocation_id,
        ),
        target=task.target,
        unique_id=model.unique_id,
        name=model.name,
        rows=table.num_rows,
        backend="reference",
        verdict=COPY_VERDICT,
        fidelity=None,
        run_id=context.run_id,
        version=__version__,
        invocation_id=context.invocation_id,
        inputs=context.inputs.get(model.unique_id, {}),
        kept=context.keep,
        artifacts=artifacts,
        copied=model.reference,
    )


def _rows(
    task: Task,
    context: RunContext,
    columns: Sequence[Column],
    learned_keys: Mapping[str, ForeignKey],
    parents: Mapping[str, Mapping[str, pa.ChunkedArray]],
) -> pa.Table:
    """Return the real rows with other people, other keys of learned parents, NULL for those of later ones."""
    names = [column.name for column in columns]
    real = context.snapshot.extract(task.model.relation, columns).rename_columns(names)
    real = with_new_numbers(real, task.model, context.warehouse, context.snapshot)
    treatments = classify(task.model, columns, real)
    rows = {}
    for treatment in treatments:
        column = treatment.column
        values = real.column(column.name)
        if column.name in learned_keys:
            values = _other_keys(task, learned_keys[column.name], column, values, context, parents)
        elif column.name in task.model.figures:
            values = other_figures(values, np.random.default_rng([task.seed, *column.name.encode()]))
        elif treatment.role in MADE_UP_ROLES and column.name in task.model.roles:
            values = others_for(treatment, values, np.random.default_rng([task.seed, *column.name.encode()]))
        if column.name in task.model.unlinked_columns:
            values = pa.chunked_array([pa.nulls(len(values), values.type)])
        rows[column.name] = encode(as_plain(values), column)
    return pa.table(rows)


def other_figures(values: pa.ChunkedArray, rng: np.random.Generator) -> pa.ChunkedArray:
    """Return numbers of their mean, spread and decimals, NULL as often, and not below 0 where none is.

    Args:
        values: the real ones, of at least `RARE` rows.
        rng: of the column.
    """
    real = pc.cast(values.drop_null(), pa.float64()).to_numpy()
    if not len(real):
        return values
    numbers = rng.normal(real.mean(), real.std(), len(values))
    if real.min() >= 0:
        numbers = np.abs(numbers)
    decimals = next((one for one in range(MOST_DECIMALS) if (real == real.round(one)).all()), MOST_DECIMALS)
    numbers = numbers.round(decimals)
    is_null = rng.random(len(values)) < values.null_count / len(values)
    return pa.chunked_array([pa.array(numbers, mask=is_null)]).cast(values.type, safe=False)


def learned_parents(task: Task) -> list[ForeignKey]:
    """Return the references to models whose twins are learned, so that their keys are new ones."""
    model = task.model
    return [key for key in model.foreign_keys if not key.public and key.parent != model.unique_id]


def _other_keys(
    task: Task,
    key: ForeignKey,
    column: Column,
    values: pa.ChunkedArray,
    context: RunContext,
    parents: Mapping[str, Mapping[str, pa.ChunkedArray]],
) -> pa.ChunkedArray:
    """Return a key of the parent's twin for each real one: the same for the same, at random."""
    codes = values.combine_chunks().dictionary_encode()
    rng = np.random.default_rng([task.seed, *key.parent.encode(), 3])
    pool = pool_of(task, key, context, parents)
    number = len(codes.dictionary)
    if pool is None or not len(pool):
        pool = new_keys(values, column, number, rng, existing=values)
    keys = keys_in_turn(pool, np.arange(number), number, rng)
    return pa.chunked_array([keys.take(codes.indices).cast(values.type)])
