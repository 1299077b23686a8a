"""`synth publish ID`: what a named run has staged, whoever staged it, on whatever machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.domain import ModelResult, Status
from synth.errors import ConfigError
from synth.runs.changes import Agenda
from synth.runs.fingerprint import PARENT
from synth.warehouse.units import RETENTION, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.domain import Task
    from synth.runs.changes import TwinInventory
    from synth.warehouse import Stage


def asked_for(inventory: TwinInventory) -> frozenset[str]:
    """Return the models that a named run was asked to make, by `unique_id`.

    Raises:
        ConfigError: it was not asked for any, or too long ago.
    """
    names = {name for name, twin in inventory.published_twins.items() if twin.run_id == inventory.run_id}
    if not inventory.units and not names:
        raise ConfigError(
            f"Run {inventory.run_id} has nothing staged: nothing yet, or more than {RETENTION} days ago. "
            f"Next: synth run --run-id {inventory.run_id} --no-publish"
        )
    return frozenset(inventory.units or names)


def to_publish(tasks: Sequence[Task], inventory: TwinInventory) -> Agenda:
    """Return what of `tasks` is to be published, what is published already, and what cannot be."""
    settled_results, stages_to_publish, block_reasons = {}, {}, {}
    for task in tasks:
        name = task.model.unique_id
        stage = inventory.stage_of(name)
        if stage is not None:
            stages_to_publish[name] = stage
        elif _is_settled(name, inventory):
            note = f"run {inventory.run_id} has nothing more to publish of it"
            twin = inventory.published_twins.get(name)
            rows = twin.rows if twin else 0
            settled_results[name] = ModelResult(task, Status.UNCHANGED, rows=rows, message=note)
        else:
            block_reasons[name] = _why_missing(task, inventory)
    for name, stage in stages_to_publish.items():
        stale = _stale(stage, inventory)
        if stale:
            block_reasons[name] = stale
    todo = tuple(task for task in tasks if task.model.unique_id not in settled_results)
    return Agenda(
        todo,
        stages_to_publish=stages_to_publish,
        block_reasons=block_reasons,
        settled_results=settled_results,
    )


def _is_settled(name: str, inventory: TwinInventory) -> bool:
    unit, twin = inventory.units.get(name), inventory.published_twins.get(name)
    if unit is not None:
        return unit.state in {State.PUBLISHED, State.UNCHANGED}
    return twin is not None and twin.run_id == inventory.run_id


def _why_missing(task: Task, inventory: TwinInventory) -> str:
    unit = inventory.units.get(task.model.unique_id)
    has_failed = unit is not None and unit.state is State.FAILED
    what = "could not make it" if has_failed else "has not made it"
    name, run_id = task.model.name, inventory.run_id
    return f"run {run_id} {what}. Next: synth run --select {name} --run-id {run_id} --no-publish"


def _stale(stage: Stage, inventory: TwinInventory) -> str:
    """Return why a child must not be published: its keys belong to a twin that is not there."""
    for part, digest in sorted(stage.inputs.items()):
        parent = part.removeprefix(PARENT)
        if part.startswith(PARENT) and digest != inventory.maker(parent):
            return (
                f"it was made with the keys of another twin of {parent} than the one that there is now. "
                f"Next: synth run --select {stage.name} --run-id {inventory.run_id} --no-publish"
            )
    return ""
