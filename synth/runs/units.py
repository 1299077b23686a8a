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
    from synth.runs.changes import Known
    from synth.warehouse import Stage


def asked_for(known: Known) -> frozenset[str]:
    """The models that a named run was asked to make, by `unique_id`.

    Raises:
        ConfigError: it was not asked for any, or too long ago.
    """
    names = {name for name, made in known.published.items() if made.run_id == known.run_id}
    if not known.units and not names:
        raise ConfigError(
            f"Run {known.run_id} has nothing staged: nothing yet, or more than {RETENTION} days ago. "
            f"Next: synth run --run-id {known.run_id} --no-publish"
        )
    return frozenset(known.units or names)


def to_publish(tasks: Sequence[Task], known: Known) -> Agenda:
    """What of `tasks` is to be published, what is published already, and what cannot be."""
    settled, waiting, blocked = {}, {}, {}
    for task in tasks:
        name = task.model.unique_id
        stage = known.staged(name)
        if stage is not None:
            waiting[name] = stage
        elif _is_settled(name, known):
            note = f"run {known.run_id} has nothing more to publish of it"
            published = known.published.get(name)
            rows = published.rows if published else 0
            settled[name] = ModelResult(task, Status.UNCHANGED, rows=rows, message=note)
        else:
            blocked[name] = _missing(task, known)
    for name, stage in waiting.items():
        stale = _stale(stage, known)
        if stale:
            blocked[name] = stale
    todo = tuple(task for task in tasks if task.model.unique_id not in settled)
    return Agenda(todo, waiting=waiting, blocked=blocked, settled=settled)


def _is_settled(name: str, known: Known) -> bool:
    unit, published = known.units.get(name), known.published.get(name)
    if unit is not None:
        return unit.state in {State.PUBLISHED, State.UNCHANGED}
    return published is not None and published.run_id == known.run_id


def _missing(task: Task, known: Known) -> str:
    unit = known.units.get(task.model.unique_id)
    failed = unit is not None and unit.state is State.FAILED
    what = "could not make it" if failed else "has not made it"
    name = task.model.name
    return f"run {known.run_id} {what}. Next: synth run --select {name} --run-id {known.run_id} --no-publish"


def _stale(stage: Stage, known: Known) -> str:
    """Why a child must not be published: its keys are those of a twin that is not, or no longer, there."""
    for part, made in sorted(stage.inputs.items()):
        parent = part.removeprefix(PARENT)
        if part.startswith(PARENT) and made != known.maker(parent):
            return (
                f"it was made with the keys of another twin of {parent} than the one that there is now. "
                f"Next: synth run --select {stage.name} --run-id {known.run_id} --no-publish"
            )
    return ""
