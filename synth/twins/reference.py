"""Tables about nobody: copied as they are, which is said wherever the twin is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from synth._version import __version__
from synth.columns.conform import as_plain
from synth.columns.encoding import encode
from synth.domain import Role
from synth.twins.twin import Twin
from synth.warehouse import Stage
from synth.warehouse.staging import stage_relation

if TYPE_CHECKING:
    from collections.abc import Collection

    from synth.domain import Task
    from synth.twins.context import RunContext

COPY_VERDICT = "copied"  # in place of a verdict: nothing was checked, because nothing is anybody's


def copy_reference(task: Task, context: RunContext, *, referenced_columns: Collection[str]) -> Twin:
    """Copy a table that is about nobody, store it and stage it.

    Args:
        task: whose model is reference data.
        context: of the run.
        referenced_columns: columns of the twin that its children will reference.

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
    real = context.snapshot.extract(model.relation, columns).rename_columns(names)
    table = pa.table({one.name: encode(as_plain(real.column(one.name)), one) for one in columns})
    warnings = (f"{model.name} is copied as reference: {model.reference}",)
    artifacts = context.folder.store_twin(context.store, task, table, None, warnings=warnings)
    stage = Stage(
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
    context.warehouse.stage(task, stage, columns=columns, table=None)
    keys = {name: table.column(name) for name in sorted(set(referenced_columns) & set(names))}
    return Twin(stage, None, artifacts, (), keys, {})
