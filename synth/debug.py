"""The checks of `synth debug`: every connection that a run needs, without changing anything that stays."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from synth.backends import open_backend
from synth.declarations import read_models
from synth.errors import ManifestError, SynthError, WarehouseError
from synth.plan import Plan, plan
from synth.project.manifest import read_manifest
from synth.runs.watch import TwinPlaces
from synth.stores import open_store
from synth.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from synth.domain import Model, Task
    from synth.settings import Settings

Outcome = str | SynthError


def checks(settings: Settings) -> Iterator[tuple[str, Outcome]]:
    """Name and outcome of each check, as soon as it is known; an error is an outcome, too."""
    connection = settings.connection
    yield "project", f"{settings.project.name} in {settings.project.directory}"
    yield "profile", f"{connection.profile}, target {connection.target}"
    connection_outcome = _outcome(partial(_warehouse, settings))
    yield "warehouse", connection_outcome
    models: tuple[Model, ...] = ()
    try:
        declarations = read_models(read_manifest(settings.project.manifest_path), settings.connection)
        models = declarations.everything
        work = plan(declarations.models, settings, declarations.refusals)
    except SynthError as error:
        work = Plan()
        yield "manifest", error
    else:
        count = len(work.tasks) + len(work.refused_results)
        yield "manifest", f"{settings.project.manifest_path}, {count} tagged"
    tasks = work.tasks
    for result in work.refused_results:
        yield "model", ManifestError(result.message)
    if isinstance(connection_outcome, str):
        yield "ownership", _outcome(partial(_ownership, settings, models))
        yield "permissions", _outcome(partial(_permissions, settings))
        for task in tasks:
            permission_outcome = _outcome(partial(_permission, settings, task))
            if isinstance(permission_outcome, SynthError):
                yield "model", permission_outcome
    yield "store", _outcome(partial(_store, settings))
    for name in sorted({task.backend for task in tasks}):
        yield "backend", _outcome(partial(_backend, name, settings))


def _outcome(check: Callable[[], str]) -> Outcome:
    try:
        return check()
    except SynthError as error:
        return error


def _open(settings: Settings) -> Warehouse:
    return Warehouse(settings.connection.conninfo(), role=settings.connection.role)


def _warehouse(settings: Settings) -> str:
    connection = settings.connection
    with _open(settings) as warehouse:
        return (
            f"PostgreSQL {warehouse.version()} at {connection.host}:{connection.port}/{connection.database}"
        )


def _ownership(settings: Settings, models: tuple[Model, ...]) -> str:
    places = TwinPlaces.of(models, settings)
    with _open(settings) as warehouse:
        warehouse.refuse_intrusions((places.schema, places.staging), places.sources)
        foreign = warehouse.foreign_on_path()
    if foreign:
        raise WarehouseError(
            f"no dbt test is run on twins, because names in its SQL may mean the {foreign}. Next: drop that"
        )
    return f"nobody else can plant code in {places.schema} and {places.staging}"


def _permissions(settings: Settings) -> str:
    with _open(settings) as warehouse:
        warehouse.check((settings.schema, settings.staging_schema), settings.options.analyst_role)
    return f"{settings.schema} and {settings.staging_schema} are writable"


def _permission(settings: Settings, task: Task) -> str:
    with _open(settings) as warehouse:
        warehouse.check_task(task)
    return f"{task.model.relation} is readable"


def _store(settings: Settings) -> str:
    open_store(settings.store).check()
    return f"{settings.store} is writable"


def _backend(name: str, settings: Settings) -> str:
    open_backend(name, settings.services).check()
    return f"{name} is ready"
