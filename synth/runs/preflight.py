"""What is refused before a run writes anything: some for all models, some for one, which stops no other."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from synth import log
from synth.backends import capabilities_of
from synth.columns.conditions import check_conditions
from synth.columns.roles import check_declarations
from synth.domain import RARE, Policy
from synth.errors import ConfigError, ManifestError, ModelError, SynthError
from synth.evaluate import LIMITS
from synth.facts.enforceable import check_row_counts
from synth.plan import refused_result
from synth.validation import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from synth.backends import Backends
    from synth.domain import ModelResult, Task
    from synth.runs.invocation import Invocation
    from synth.settings import Settings
    from synth.warehouse import Warehouse

FEWEST = 2 * RARE  # rows; of fewer there are no two values of which each is that of enough people


def preflight(
    invocation: Invocation, settings: Settings, warehouse: Warehouse, backends: Backends
) -> Invocation:
    """Return the request without the models that cannot succeed, which it lists as refused.

    A model whose parent is refused and has no twin of before gets keys of its own.

    Raises:
        SynthError: what is wrong for all of them, where, and what to do.
    """
    check_limits(settings.overrides.get("limits", {}), "--limits or SYNTH_LIMITS")
    check_limits(settings.defaults.get("limits", {}), f"{settings.project.file}: `vars.synth.limits`")
    tasks = {task.model.unique_id: task for task in (*invocation.context, *invocation.tasks)}
    reasons = _reasons(tasks.values(), warehouse, publish=invocation.publish)
    tasks_left = [task for name, task in tasks.items() if name not in reasons]
    if tasks_left:
        warehouse.check((settings.schema, settings.staging_schema), settings.options.analyst_role)
    count_reasons, warnings = check_row_counts(tasks_left, warehouse)
    reasons |= count_reasons
    if not invocation.publish:
        reasons |= _without_backend(tasks_left, backends)
    for text in warnings:
        log.warning(text)
    results = (refused_result(task, reasons[name]) for name, task in tasks.items() if name in reasons)
    task_names = {task.model.unique_id for task in invocation.tasks}
    every = (
        *invocation.refused_results,
        *(result for result in results if result.task.model.unique_id in task_names),
    )
    missing_models = {result.task.model.unique_id for result in every} | set(reasons)
    there = _there(invocation, settings, warehouse)
    invocation = replace(
        invocation,
        tasks=tuple(task for task in invocation.tasks if task.model.unique_id not in missing_models),
        context=tuple(task for task in invocation.context if task.model.unique_id not in missing_models),
        refused_results=every,
        block_reasons=_left_behind(every, missing_models, there),
        twins={
            name: place
            for name, place in invocation.twins.items()
            if name not in missing_models or name in there
        },
    )
    _warn_of_orphans(invocation, there)
    _warn_of_own_keys(invocation, missing_models - there)
    return invocation


def by_guarantee(task: Task) -> bool:
    """Return whether the private engine makes what no check can decide."""
    return task.by_guarantee or task.on_inconclusive is Policy.PROTECT


def few_rows(task: Task, rows: int) -> str:
    """Return why so few rows cannot become a twin; empty if they can, or if there are none to repeat."""
    if rows == 0 or rows >= FEWEST:
        return ""
    return (
        f"{task.model.name} has {rows} row{'s' if rows > 1 else ''}; fewer than {FEWEST} cannot be learned "
        "without repeating somebody. Next: build it with more rows, or leave it out: "
        f"synth run --exclude {task.model.name}"
    )


def _reasons(tasks: Iterable[Task], warehouse: Warehouse, *, publish: bool) -> dict[str, str]:
    """Return why tasks cannot be done, by `unique_id`, from their warehouse and their declarations."""
    reasons = {}
    for task in tasks:
        try:
            _check(task, warehouse, publish=publish)
        except SynthError as error:
            reasons[task.model.unique_id] = str(error)
    return reasons


def _check(task: Task, warehouse: Warehouse, *, publish: bool) -> None:
    check_limits(
        task.model.options.get("limits", {}), f"{task.model.path} ({task.model.unique_id}): `limits`"
    )
    warehouse.check_task(task)
    columns = warehouse.describe(task.model.relation)
    if not columns:
        raise ManifestError(f"{task.model.relation} has no columns. Next: {task.model.build}")
    check_declarations(task.model, columns)
    check_conditions(task.model, columns)
    few = (
        ""
        if publish or task.model.reference or task.model.excerpt or by_guarantee(task)
        else few_rows(task, warehouse.count_to(task.model.relation, FEWEST))
    )
    if few:
        raise ModelError(few)


def check_limits(limits: Iterable[str], place: str) -> None:
    """Refuse limits of checks that do not exist.

    Raises:
        ConfigError: names the `place` where they stand, the check and the nearest one.
    """
    for name in limits:
        if name not in LIMITS:
            raise ConfigError(f"{place} names the unknown check '{name}'; {nearest(name, LIMITS)}")


def _without_backend(tasks: Sequence[Task], backends: Backends) -> dict[str, str]:
    """Return why backends cannot do what they are asked for, by `unique_id`.

    Raises:
        SynthError: no model can be made, because none of the backends is usable.
    """
    reasons: dict[str, str] = {}
    failures = []
    for name in sorted({task.backend for task in tasks}):
        able = capabilities_of(name).conditions
        ours = [task for task in tasks if task.backend == name]
        beyond = [task for task in ours if not able and (task.model.seed_columns or task.model.balance)]
        reasons |= {task.model.unique_id: _unconditional(task) for task in beyond}
        if len(beyond) == len(ours):
            continue  # nobody is asked for what would be refused anyway
        try:
            backends[name].check()
        except SynthError as error:
            failures.append(error)
            reasons |= {task.model.unique_id: str(error) for task in ours if task not in beyond}
    if failures and len(failures) == len({task.backend for task in tasks}):
        raise failures[0]
    return reasons


def _unconditional(task: Task) -> str:
    return (
        f"{task.model.path}: {task.model.name} has `seed_columns` or `balance`, which backend "
        f"{task.backend} cannot keep to. Next: take them out, or choose `backend: local`."
    )


def _there(invocation: Invocation, settings: Settings, warehouse: Warehouse) -> frozenset[str]:
    """Return the models that have a twin, by `unique_id`."""
    names = warehouse.twins(settings.schema)
    return frozenset(name for name, place in invocation.twins.items() if place.name in names)


def _left_behind(
    refused_results: Iterable[ModelResult], missing_models: Collection[str], there: Collection[str]
) -> dict[str, str]:
    """Return the parents that a refused child keeps in place because its twin has their keys; reasons."""
    models = [result.task.model for result in refused_results if result.task.model.unique_id in there]
    return {
        name: (
            f"{model.name}, which references it, cannot be made, and its twin of before holds the keys that "
            f"this one has now. Next: see {model.name}"
        )
        for model in models
        for name in model.needed_models
        if name not in missing_models
    }


def _warn_of_own_keys(invocation: Invocation, missing_models: Collection[str]) -> None:
    """Say once which children of models without a twin lead nowhere, where their keys are made anew.

    Codes that many rows share stay the labels they are.
    """
    columns: dict[str, list[str]] = defaultdict(list)
    for task in invocation.tasks:
        for key in task.model.foreign_keys:
            if key.parent in missing_models:
                columns[key.parent].append(f"{task.model.name}.{key.column}")
    for parent, children in columns.items():
        log.warning(f"{parent} gets no twin: where {', '.join(children)} get new keys, these lead nowhere")


def _warn_of_orphans(invocation: Invocation, there: Collection[str]) -> None:
    """Warn where a parent gets new keys while its published children keep the old ones."""
    models = {task.model.unique_id: task.model for task in invocation.tasks}
    others = {result.task.model.unique_id for result in invocation.refused_results}
    for child in invocation.models:
        parents = [name for name in child.mentioned_models if name in models]
        if parents and child.unique_id in there and child.unique_id not in {*models, *others}:
            parent = models[parents[0]].name
            log.warning(
                f"{child.name} references {parent} and is not selected, so the keys of its twin may become "
                f"stale; instead: synth run --select {parent}+"
            )
