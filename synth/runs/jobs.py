"""Remote jobs that a run has left at work: `gretel/synth-…` names one, whoever asks and wherever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synth.backends import open_backend
from synth.errors import ConfigError

if TYPE_CHECKING:
    from synth.settings import Settings


def look(job: str, settings: Settings) -> str | None:
    """Return whether the job is queued, running, done, …; None where there is none.

    Raises:
        ConfigError: the name leads nowhere.
        BackendError: the service does not answer.
    """
    backend, name = _find_job(job, settings)
    phase: str | None = backend.look(name)
    return phase


def remove(job: str, settings: Settings) -> str:
    """Cancel the job if it works, and delete everything that is called so.

    Raises:
        ConfigError: the name leads nowhere.
        BackendError: something may be left.
    """
    backend, name = _find_job(job, settings)
    backend.remove(name)
    return "removed"


def _find_job(job: str, settings: Settings) -> tuple[Any, str]:
    kind, _, name = job.partition("/")
    if not name.startswith("synth-"):
        raise ConfigError(f"'{job}' names no job. Next: take what `synth run --no-wait` said")
    backend = open_backend(kind, settings.services)
    if not hasattr(backend, "look"):
        raise ConfigError(f"Backend {kind} has no jobs that go on by themselves.")
    return backend, name
