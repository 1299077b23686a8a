"""The checks of `synth debug`: every connection that a run needs, without changing anything that stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.backends import open_backend
from synth.declarations import read_models
from synth.errors import SynthError
from synth.manifest import read_manifest
from synth.plan import plan
from synth.stores import open_store
from synth.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from synth.settings import Settings

Outcome = str | SynthError


def checks(settings: Settings) -> Iterator[tuple[str, Outcome]]:
    """Name and outcome of each check, as soon as it is known; an error is an outcome, too."""
    connection = settings.connection
    yield "project", f"{settings.project.name} in {settings.project.directory}"
    yield "profile", f"{connection.profile}, target {connection.target}"
    yield "warehouse", _outcome(lambda: _warehouse(settings))
    yield "manifest", _outcome(lambda: _manifest(settings))
    yield "permissions", _outcome(lambda: _permissions(settings))
    yield "store", _outcome(lambda: _store(settings))
    for name in _backends(settings):
        yield f"{name} backend", _outcome(lambda name=name: _backend(name))


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


def _manifest(settings: Settings) -> str:
    models = read_models(read_manifest(settings.project.manifest_path), settings.connection).models
    return f"{settings.project.manifest_path}, {len(models)} tagged"


def _permissions(settings: Settings) -> str:
    models = read_models(read_manifest(settings.project.manifest_path), settings.connection).models
    tasks = plan(models, settings)
    with _open(settings) as warehouse:
        warehouse.check(tasks, (settings.schema, settings.staging_schema), settings.analyst_role)
    return f"sources are readable, {settings.schema} and {settings.staging_schema} writable"


def _store(settings: Settings) -> str:
    open_store(settings.store).check()
    return f"{settings.store} is writable"


def _backends(settings: Settings) -> list[str]:
    try:
        models = read_models(read_manifest(settings.project.manifest_path), settings.connection).models
        return sorted({task.backend for task in plan(models, settings)})
    except SynthError:
        return []


def _backend(name: str) -> str:
    open_backend(name).check()
    return "ready"
