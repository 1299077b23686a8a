"""Models that are parts of another one: their twins are the same parts of its twin, and judged with it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from synth._version import __version__
from synth.columns.conform import as_plain
from synth.columns.encoding import encode
from synth.dbt.tests import published_twins
from synth.domain import Role, Status
from synth.errors import ModelError
from synth.twins.outcomes import Failure
from synth.twins.twin import Twin
from synth.warehouse import Stage
from synth.warehouse.catalog import STAMP
from synth.warehouse.parts import PartOfTwin
from synth.warehouse.staging import stage_relation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from synth.domain import Excerpt, Task
    from synth.sampling.context import RunContext

ENDS = {Status.REJECTED: "rejected", Status.SKIPPED: "skipped", Status.ERROR: "not made"}
SEVERITY = {"fail": 3, "inconclusive": 2, "pass": 1}  # a part is judged as the worst of its wholes
GUARANTEE = re.compile(r"by guarantee, (.+); no check decided")


def with_wholes(tasks: Sequence[Task], context: RunContext) -> list[Task]:
    """Return the tasks; a part of a model of which there is and will be no twin is drawn on its own."""
    there = {task.model.unique_id for task in tasks} | context.stage_relations.keys()
    if any(not there.issuperset(task.model.excerpt.parents) for task in tasks if task.model.excerpt):
        there |= published_twins(context.twins, context.warehouse).keys()
    alone = {task.model.unique_id for task in tasks if _is_alone(task, there)}
    return drawn_apart(tasks, alone)


def drawn_apart(tasks: Sequence[Task], names: Collection[str]) -> list[Task]:
    """Return the tasks, of which these, by `unique_id`, are no parts of others."""
    return [
        replace(task, model=replace(task.model, excerpt=None)) if task.model.unique_id in names else task
        for task in tasks
    ]


def take_excerpt(task: Task, context: RunContext, wholes: Mapping[str, Twin]) -> Twin:
    """Take the twin of a part from that of the whole, or calculate it from several, store it and stage it.

    Nothing is learned and nothing is judged, so nothing of the real rows is asked and no budget is spent.

    Args:
        task: whose model is an excerpt.
        context: of the run.
        wholes: the twins that it is part of, where this command makes them; others are there from before.

    Raises:
        SynthError: a service failed, or the part breaks what the table of the model demands.
    """
    model, excerpt = task.model, _excerpt_of(task)
    sources = [
        (wholes[name].stage, wholes[name].stage.stamp) if name in wholes else _of_before(name, task, context)
        for name in excerpt.parents
    ]
    source, stamp = max(sources, key=lambda one: (not one[0].copied, SEVERITY.get(one[0].verdict, 0)))
    part = PartOfTwin(tuple(stage.relation for stage, _ in sources), excerpt)
    columns = [
        column
        for column in context.warehouse.describe(model.relation)
        if model.roles.get(column.name) is not Role.DROP
    ]
    with context.warehouse.snapshot() as now:  # that of the run is older than the twin
        rows = now.extract_part(part, columns)
    table = pa.table({one.name: encode(as_plain(rows.column(one.name)), one) for one in columns})
    warnings = () if table.num_rows else (f"no row of the twin of {excerpt.parent} is one of {model.name}",)
    of = "those twins" if excerpt.others else "that twin"
    artifacts = context.folder.store_twin(
        context.store,
        task,
        table,
        None,
        epsilon=source.epsilon,
        guarantee=source.guarantee,
        warnings=(f"{model.name} has the {excerpt}: its twin is taken from {of}", *warnings),
    )
    stage = _stage(task, context, source, rows=table.num_rows, artifacts=artifacts)
    stage = replace(stage, part_of=stamp.removeprefix(STAMP))
    stage = context.warehouse.stage(task, stage, columns=columns, table=part)
    holds = frozenset(excerpt.parents).union(*(one.parents for one in wholes.values()))
    return Twin(stage, None, artifacts, warnings, {}, {}, parents=holds)


def without_whole(task: Task, name: str, failure: Failure) -> Failure:
    """Return what comes of a part when there is no twin of the whole `name`."""
    if failure.status is Status.PENDING:
        return Failure(Status.PENDING, f"it waits for {name}")
    reason = f"it has the {task.model.excerpt}, and the twin of {name} is {ENDS[failure.status]}"
    return Failure(Status.SKIPPED, reason)


def _stage(task: Task, context: RunContext, source: Stage, *, rows: int, artifacts: tuple[str, ...]) -> Stage:
    """Return the stage of a part, of which everything is true that is of the whole."""
    owner = context.run_id if context.keep else context.invocation_id
    return replace(
        source,
        relation=stage_relation(task.target, context.settings.staging_schema, owner),
        target=task.target,
        unique_id=task.model.unique_id,
        name=task.model.name,
        rows=rows,
        run_id=context.run_id,
        version=__version__,
        fingerprint="",
        request="",
        invocation_id=context.invocation_id,
        inputs=context.inputs.get(task.model.unique_id, {}),
        artifacts=artifacts,
        kept=context.keep,
        equal=None,
    )


def _of_before(name: str, task: Task, context: RunContext) -> tuple[Stage, str]:
    """Return what is known of a twin that another command has staged or published, and its stamp.

    Raises:
        ModelError: it is gone.
    """
    if name in context.stage_relations:
        unit = context.warehouse.units(context.settings.staging_schema, context.run_id).get(name)
        if unit is not None and unit.stage is not None:
            stage = Stage.from_dict(unit.stage)
            return stage, stage.stamp
    target = context.twins[name]
    twin = context.warehouse.published_twins(context.settings.schema).get(name)
    stamp = context.warehouse.twins(target.schema).get(target.name, "")
    if twin is None or not stamp:
        raise ModelError(
            f"{task.model.name} has the {task.model.excerpt}, and the twin of {name} is gone. "
            f"Next: synth run --select +{task.model.name}"
        )
    promise = GUARANTEE.search(stamp)
    stage = Stage(
        target,
        target,
        name,
        target.name,
        twin.rows,
        task.backend,
        twin.verdict,
        fidelity=None,
        run_id=twin.run_id,
        version=__version__,
        guarantee=promise[1] if promise else "",
    )
    return stage, stamp


def _is_alone(task: Task, there: Collection[str]) -> bool:
    """Return whether a part must be drawn on its own: a guarantee says nothing of several twins together."""
    excerpt = task.model.excerpt
    return excerpt is not None and (
        not {*excerpt.parents} <= {*there} or (task.by_guarantee and bool(excerpt.others))
    )


def _excerpt_of(task: Task) -> Excerpt:
    if task.model.excerpt is None:
        raise ValueError(f"{task.model.unique_id} is no part of another model")
    return task.model.excerpt
