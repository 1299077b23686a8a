"""The checks of `synth debug`: every connection that a run needs, without changing anything that stays."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from synth.backends import open_backend
from synth.declarations import read_models
from synth.errors import SynthError
from synth.plan import plan
from synth.project.manifest import read_manifest
from synth.stores import open_store
from synth.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from synth.domain import Task
    from synth.settings import Settings

Outcome = str | SynthError


def checks(settings: Settings) -> Iterator[tuple[str, Outcome]]:
    """Name and outcome of each check, as soon as it is known; an error is an outcome, too."""
    connection = settings.connection
    yield "project", f"{settings.project.name} in {settings.project.directory}"
    yield "profile", f"{connection.profile}, target {connection.target}"
    reached = _outcome(partial(_warehouse, settings))
    yield "warehouse", reached
    try:
        tasks = _tasks(settings)
    except SynthError as error:
        tasks = ()
        yield "manifest", error
    else:
        yield "manifest", f"{settings.project.manifest_path}, {len(tasks)} tagged"
    if isinstance(reached, str):
        yield "permissions", _outcome(partial(_permissions, settings, tasks))
    yield "store", _outcome(partial(_store, settings))
    for name in sorted({task.backend for task in tasks}):
        yield "backend", _outcome(partial(_backend, name, settings))


def _outcome(check: Callable[[], str]) -> Outcome:
    try:
        return check()
    except SynthError as error:
        return error


def _tasks(settings: Settings) -> tuple[Task, ...]:
    manifest = read_manifest(settings.project.manifest_path)
    return plan(read_models(manifest, settings.connection).models, settings)


def _open(settings: Settings) -> Warehouse:
    return Warehouse(settings.connection.conninfo(), role=settings.connection.role)


def _warehouse(settings: Settings) -> str:
    connection = settings.connection
    with _open(settings) as warehouse:
        return (
            f"PostgreSQL {warehouse.version()} at {connection.host}:{connection.port}/{connection.database}"
        )


def _permissions(settings: Settings, tasks: tuple[Task, ...]) -> str:
    with _open(settings) as warehouse:
        warehouse.check(tasks, (settings.schema, settings.staging_schema), settings.analyst_role)
    return f"sources are readable, {settings.schema} and {settings.staging_schema} writable"


def _store(settings: Settings) -> str:
    open_store(settings.store).check()
    return f"{settings.store} is writable"


def _backend(name: str, settings: Settings) -> str:
    open_backend(name, settings.services).check()
    return f"{name} is ready"
