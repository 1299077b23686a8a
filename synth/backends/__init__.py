"""Who does the work: the `Backend` protocol and the registry of backends."""

from __future__ import annotations

from functools import cache, reduce
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol

from synth.domain import Capabilities
from synth.errors import ConfigError
from synth.validation import validate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    import pandas as pd

    from synth.domain import Request, Task

BUILT_IN = {
    "gretel": "synth.backends.gretel:GretelBackend",
    "local": "synth.backends.local:LocalBackend",
    "nemo": "synth.backends.nemo:NemoBackend",
}
GROUP = "synth.backends"


class Backend(Protocol):
    """Learns from training rows and returns synthetic ones. Keys and identifiers never reach it.

    It may have more, each for itself:

    - `capabilities`, of the class, say what it can do and may be shown; without them, the defaults hold;
    - `connect(environment)`, a class method, makes it from the variables that begin with its name; without
      it, the class is called;
    - `accept(task)`, of the class, raises `ConfigError` for what it cannot do, before anything is done;
    - `epsilon(task)`, of the class, is the privacy budget that it learns the task's rows with, where it has
      words of its own for it;
    - `cancel()` ends all work under way, because the run was interrupted;
    - `look(name)` and `remove(name)` are for remote jobs that nobody waits for, if `request.wait` is heeded.
    """

    def check(self) -> None:
        """Raise `BackendError` unless credentials, reachability and configuration are as needed."""

    def synthesize(self, training: pd.DataFrame, request: Request, workdir: Path) -> pd.DataFrame:
        """Return `request.rows` synthetic rows with the columns, order and dtypes of `training`.

        `training` is left as it is. `workdir` belongs to this model, whatever the run: state that lets the
        next run pick up the work of a killed one goes there, real rows do not.
        """


def known_backends() -> dict[str, str]:
    """Return every backend that can be named, with the place it is loaded from."""
    return {**_entry_points(), **BUILT_IN}


@cache  # looking for them takes its time
def _entry_points() -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group=GROUP)}


class Backends:
    """The backends of a run, each opened once.

    Args:
        environment: variables of all backends; each sees its own.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._open: dict[str, Backend] = {}

    def __getitem__(self, name: str) -> Backend:
        """Return the backend called `name`, as `open_backend` opens it."""
        if name not in self._open:
            self._open[name] = open_backend(name, self._environment)
        return self._open[name]

    def cancel(self) -> None:
        """End all work that is under way anywhere, and wait until it is put away."""
        for backend in self._open.values():
            cancel = getattr(backend, "cancel", None)
            if cancel:
                cancel()


def open_backend(name: str, environment: Mapping[str, str]) -> Backend:
    """Return the backend called `name`, ready for `check`.

    Raises:
        ConfigError: no backend has that name, or one of its variables is missing or wrong.
    """
    backend_class = _class_of(name)
    connect = getattr(backend_class, "connect", None)
    backend: Backend = connect(_own(name, environment)) if connect else backend_class()
    return backend


def capabilities_of(name: str) -> Capabilities:
    """Return what the backend called `name` can do and may be shown.

    Raises:
        ConfigError: no backend has that name, or it cannot be loaded.
    """
    capabilities = getattr(_class_of(name), "capabilities", None)
    return capabilities if isinstance(capabilities, Capabilities) else Capabilities()


def accept(task: Task) -> None:
    """Raise `ConfigError` if the task's backend cannot do what the task asks for."""
    where, able = f"{task.model.path} ({task.model.unique_id})", capabilities_of(task.backend)
    backend_options = task.model.backend_options
    private = able.privacy_budget or able.guarantee
    if not private and (backend_options.epsilon is not None or backend_options.delta is not None):
        raise ConfigError(
            f"{where}: backend {task.backend} has no differential privacy."
            " Next: take `epsilon` and `delta` out, or choose `backend: local`, `gretel` or `nemo`."
        )
    if task.by_guarantee and not able.guarantee:
        raise ConfigError(
            f"{where}: backend {task.backend} cannot honour `privacy: guaranteed`; only the private engine"
            " of this machine can. Next: choose `backend: local`, or take `privacy` out."
        )
    key, section = f"meta.synth.{task.backend}", backend_options.section(task.backend)
    if able.options is not None:
        validate(able.options, dict(section), where=where, key=key)
    elif section:
        raise ConfigError(f"{where}: backend {task.backend} has no options. Next: take `{key}` out.")
    refuse = getattr(_class_of(task.backend), "accept", None)
    if refuse:
        refuse(task)


def epsilon_of(task: Task) -> float | None:
    """Return the privacy budget that the task's backend learns with; None is no differential privacy."""
    budget = getattr(_class_of(task.backend), "epsilon", None)
    epsilon: float | None = budget(task) if budget else task.model.backend_options.epsilon
    return epsilon


def variables_of_backends(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of `environment` that belong to some backend."""
    return {name: value for backend in known_backends() for name, value in _own(backend, environment).items()}


def _own(name: str, environment: Mapping[str, str]) -> dict[str, str]:
    prefix = f"{name.upper().replace('-', '_')}_"
    return {variable: value for variable, value in environment.items() if variable.startswith(prefix)}


def _class_of(name: str) -> Any:
    places = known_backends()
    if name not in places:
        raise ConfigError(f"Unknown backend '{name}'; known: {', '.join(sorted(places))}.")
    module, _, attribute = places[name].partition(":")
    try:
        return reduce(getattr, attribute.split("."), import_module(module))
    except Exception as error:
        if name in BUILT_IN:
            raise
        raise ConfigError(
            f"Backend {name} cannot be loaded from {places[name]} ({type(error).__name__}). Next: mend or "
            "remove the package that it was installed with"
        ) from None
