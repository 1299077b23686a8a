"""Who does the work: the `Backend` protocol and the registry of backends."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol

from synth.errors import ConfigError

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

    - `connect(environment)`, a class method, makes it from the variables that begin with its name; without
      it, the class is called;
    - `accept(task)`, of the class, raises `ConfigError` for what it cannot do, before anything is done;
      without it, a privacy budget is refused;
    - `cancel()` ends all work under way, because the run was interrupted;
    - `look(name)` and `remove(name)` are for remote jobs that nobody waits for, if `request.wait` is heeded;
    - `epsilon(task)`, of the class, is the privacy budget that it learns the task's rows with, if any;
    - `conditional = True` says that it keeps to `request.given` and `request.balance`.
    """

    def check(self) -> None:
        """Raise `BackendError` unless credentials, reachability and configuration are as needed."""

    def synthesize(self, training: pd.DataFrame, request: Request, workdir: Path) -> pd.DataFrame:
        """Return `request.rows` synthetic rows with the columns, order and dtypes of `training`.

        `training` is left as it is. `workdir` belongs to this model, whatever the run: state that lets the
        next run pick up the work of a killed one goes there, real rows do not.
        """


def known_backends() -> dict[str, str]:
    """Every backend that can be named, with the place it is loaded from."""
    return {**_installed(), **BUILT_IN}


@cache  # looking for them takes its time
def _installed() -> dict[str, str]:
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
        """The backend called `name`, as `open_backend` opens it."""
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
    """The backend called `name`, ready for `check`.

    Raises:
        ConfigError: no backend has that name, or one of its variables is missing or wrong.
    """
    known = _class_of(name)
    connect = getattr(known, "connect", None)
    backend: Backend = connect(_own(name, environment)) if connect else known()
    return backend


def accept(task: Task) -> None:
    """Raise `ConfigError` if the task's backend cannot do what the task asks for."""
    refuse = getattr(_class_of(task.backend), "accept", None)
    if refuse:
        refuse(task)
    elif task.model.wishes.epsilon is not None or task.model.wishes.delta is not None:
        raise ConfigError(
            f"{task.model.path} ({task.model.unique_id}): backend {task.backend} has no differential privacy."
            " Next: take `epsilon` and `delta` out, or choose `backend: gretel` or `nemo`."
        )


def epsilon_of(task: Task) -> float | None:
    """The privacy budget that the task's backend learns with; None is no differential privacy."""
    budget = getattr(_class_of(task.backend), "epsilon", None)
    found: float | None = budget(task) if budget else None
    return found


def variables_of_backends(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of `environment` that belong to some backend."""
    return {name: value for known in known_backends() for name, value in _own(known, environment).items()}


def _own(name: str, environment: Mapping[str, str]) -> dict[str, str]:
    prefix = f"{name.upper().replace('-', '_')}_"
    return {variable: value for variable, value in environment.items() if variable.startswith(prefix)}


def _class_of(name: str) -> Any:
    known = known_backends()
    if name not in known:
        raise ConfigError(f"Unknown backend '{name}'; known: {', '.join(sorted(known))}.")
    module, _, attribute = known[name].partition(":")
    return getattr(import_module(module), attribute)


def is_conditional(backend: Backend) -> bool:
    """Whether columns can be given to the backend, or balanced."""
    return getattr(backend, "conditional", False) is True
