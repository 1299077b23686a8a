"""What is refused before a run writes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth import log
from synth.backends import capabilities_of
from synth.columns.conditions import check_conditions
from synth.columns.roles import check_declarations
from synth.errors import ConfigError, ManifestError
from synth.evaluate import LIMITS
from synth.facts.standing import refuse_row_counts
from synth.validation import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from synth.backends import Backends
    from synth.domain import Task
    from synth.runs.invocation import Invocation
    from synth.settings import Settings
    from synth.warehouse import Warehouse


def preflight(asked: Invocation, settings: Settings, warehouse: Warehouse, backends: Backends) -> None:
    """Refuse, before anything is written, what could not end well.

    Raises:
        SynthError: what is wrong, where, and what to do.
    """
    warehouse.check(asked.tasks, (settings.schema, settings.staging_schema), settings.analyst_role)
    for task in asked.tasks:
        columns = warehouse.describe(task.model.relation)
        if not columns:
            raise ManifestError(
                f"{task.model.relation} has no columns. Next: dbt run --select {task.model.name}"
            )
        check_declarations(task.model, columns)
        check_conditions(task.model, columns)
    check_limits(asked.tasks)
    for said in refuse_row_counts(asked.tasks, warehouse):
        log.warning(said)
    _check_backends(() if asked.publish else asked.tasks, backends)
    _warn_of_orphans(asked, warehouse)


def check_limits(tasks: Iterable[Task]) -> None:
    """Refuse limits of checks that do not exist.

    Raises:
        ConfigError: names the check and the nearest one.
    """
    for task in tasks:
        for name in task.limits:
            if name not in LIMITS:
                raise ConfigError(
                    f"{task.model.path} ({task.model.unique_id}): `limits` names the unknown check '{name}'; "
                    f"{nearest(name, LIMITS)}"
                )


def _check_backends(tasks: Sequence[Task], backends: Backends) -> None:
    for name in sorted({task.backend for task in tasks}):
        backend = backends[name]
        for task in tasks:
            if task.backend == name and (task.model.seed_columns or task.model.balance):
                _refuse_conditions(task, able=capabilities_of(name).conditions)
        backend.check()


def _refuse_conditions(task: Task, *, able: bool) -> None:
    if not able:
        raise ConfigError(
            f"{task.model.path}: {task.model.name} has `seed_columns` or `balance`, which backend "
            f"{task.backend} cannot keep to. Next: take them out, or choose `backend: local`."
        )


def _warn_of_orphans(asked: Invocation, warehouse: Warehouse) -> None:
    """A parent that gets new keys leaves its published children behind, unless they are made anew, too."""
    selected = {task.model.unique_id: task.model for task in asked.tasks}
    for child in asked.models:
        parents = [key.parent for key in child.foreign_keys if key.parent in selected]
        if parents and child.unique_id not in selected and warehouse.describe(asked.twins[child.unique_id]):
            parent = selected[parents[0]].name
            log.warning(
                f"{child.name} references {parent} and is not selected, so the keys of its twin may become "
                f"stale; instead: synth run --select {parent}+"
            )
