"""Errors a user can act on.

    SynthError
    ├── ConfigError      a flag, a variable, dbt_project.yml, profiles.yml or `meta.synth` is wrong
    ├── ManifestError    dbt's manifest is missing, broken, stale or of another target
    ├── WarehouseError   Postgres refused, or a relation is not what the manifest says
    ├── BackendError     the backend could not synthesize
    ├── PendingError     a remote job works on, and nobody waits for it
    ├── StoreError       the store could not be read or written
    ├── ServiceError     an embedded service could not be started or stopped
    └── ModelError       one model cannot be synthesized; other models go on
        └── UndecidableError  … by checks: its entities are too few to tell; the private engine needs none

Every message says what is wrong, where, and what to type next. None holds a value of a source row.
"""


class SynthError(Exception):
    """Base of everything `synth` raises on purpose; the command line prints it without a traceback."""


class ConfigError(SynthError, ValueError):
    """A setting is missing, unknown or contradictory."""


class ManifestError(SynthError):
    """The manifest cannot be used as it is."""


class WarehouseError(SynthError):
    """Postgres cannot be reached, refuses, or holds something else than the manifest says."""


class BackendError(SynthError):
    """A backend is not usable or failed at its work."""


class PendingError(SynthError):
    """A remote job works on, and nobody waits for it; `jobs` are the names to come back to."""

    def __init__(self, message: str, jobs: tuple[str, ...]) -> None:
        super().__init__(message)
        self.jobs = jobs


class StoreError(SynthError):
    """A store cannot be reached or refuses."""


class ServiceError(SynthError):
    """An embedded service could not be started or stopped."""


class ModelError(SynthError):
    """One model cannot be synthesized or published; it does not stop an unrelated one."""


class UndecidableError(ModelError):
    """No check can show that a twin of these rows is safe, which says nothing against a guarantee."""
