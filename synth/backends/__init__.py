"""Who does the work: the `Backend` protocol and the registry of backends."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol

from synth.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from synth.domain import Request

BUILT_IN = {"local": "synth.backends.local:LocalBackend"}
GROUP = "synth.backends"


class Backend(Protocol):
    """Learns from training rows and returns synthetic ones. Keys and identifiers never reach it."""

    def check(self) -> None:
        """Raise `BackendError` unless credentials, reachability and configuration are as needed."""

    def synthesize(self, training: pd.DataFrame, request: Request, workdir: Path) -> pd.DataFrame:
        """Return `request.rows` synthetic rows with the columns, order and dtypes of `training`.

        `training` is left as it is. `workdir` belongs to this model and run: state that lets a killed run
        pick its work up again goes there, real rows do not.
        """


def known_backends() -> dict[str, str]:
    """Every backend that can be named, with the place it is loaded from."""
    installed = {point.name: point.value for point in entry_points(group=GROUP)}
    return {**installed, **BUILT_IN}


def open_backend(name: str) -> Backend:
    """The backend called `name`, ready for `check`.

    Raises:
        ConfigError: no backend has that name.
    """
    known = known_backends()
    if name not in known:
        raise ConfigError(f"Unknown backend '{name}'; known: {', '.join(sorted(known))}.")
    module, _, attribute = known[name].partition(":")
    backend: Backend = getattr(import_module(module), attribute)()
    return backend
