"""Gretel as a backend: another service learns and samples, our gate decides.

Verified against a server of our own that speaks Gretel's protocol, by the unmodified gretel-client 0.30.1.
No live service was ever reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from synth.backends import gretel_config
from synth.backends.gretel_service import GretelService
from synth.backends.gretel_session import Access
from synth.backends.gretel_storage import bucket_of
from synth.backends.patience import Patience
from synth.backends.remote import Remote, RemoteBackend, refuse_budget_of_rows, service_address
from synth.domain import Capabilities
from synth.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from synth.domain import Request, Task

ENDPOINT = "https://api.gretel.ai"
RUNNERS = ("cloud", "hybrid")


class GretelBackend(RemoteBackend):
    """Trains one of Gretel's models on the rows and returns what it generates.

    The rows and the job are deleted afterwards, unless `keep_remote` says otherwise. A run that was killed is
    picked up by the next one with the same rows and request.
    """

    capabilities = Capabilities(options=gretel_config.GretelOptions, privacy_budget=True)

    def __init__(self, access: Access, patience: Patience | None = None) -> None:
        self._service = GretelService(access)
        self._remote = Remote(self._service, "gretel", patience or Patience())

    @classmethod
    def connect(cls, environment: Mapping[str, str], patience: Patience | None = None) -> Self:
        """Return the backend that the variables GRETEL_… lead to; nothing is reached yet.

        Raises:
            ConfigError: a variable is missing or wrong.
        """
        key, project = environment.get("GRETEL_API_KEY", ""), environment.get("GRETEL_PROJECT", "")
        if not key.startswith("grt"):
            problem = "does not begin with grt" if key else "is not set"
            raise ConfigError(f"GRETEL_API_KEY {problem}. Next: export GRETEL_API_KEY=grtu…")
        if not project:
            raise ConfigError("GRETEL_PROJECT is not set. Next: export GRETEL_PROJECT=the name of a project")
        runner = environment.get("GRETEL_RUNNER_MODE") or "cloud"
        if runner not in RUNNERS:
            raise ConfigError(f"GRETEL_RUNNER_MODE must be one of {', '.join(RUNNERS)}, not '{runner}'.")
        artifacts = environment.get("GRETEL_ARTIFACT_ENDPOINT") or "cloud"
        if (runner == "hybrid") != (artifacts != "cloud"):
            raise ConfigError("GRETEL_ARTIFACT_ENDPOINT (s3://bucket) belongs to GRETEL_RUNNER_MODE=hybrid.")
        if runner == "hybrid":
            bucket_of(artifacts)
        endpoint = service_address(
            "GRETEL_ENDPOINT", environment.get("GRETEL_ENDPOINT") or ENDPOINT, ENDPOINT
        )
        return cls(Access(key, endpoint, project, runner, artifacts), patience)

    @staticmethod
    def accept(task: Task) -> None:
        """Raise `ConfigError` if the task asks for something that Gretel cannot do."""
        refuse_budget_of_rows(task)
        gretel_config.of_task(task)

    @staticmethod
    def epsilon(task: Task) -> float | None:
        """Return the privacy budget that Gretel is asked for, in whosever words."""
        budget = gretel_config.of_task(task).budget
        return budget.epsilon if budget else None

    def check(self) -> None:
        """Raise `BackendError` unless key, endpoint, project and quota are as needed; nothing is spent."""
        self._remote.retry_call(lambda: self._service.check(gretel_config.probe()))

    def synthesize(self, training: pd.DataFrame, request: Request, workdir: Path) -> pd.DataFrame:
        """Return `request.rows` rows that Gretel generated.

        Raises:
            BackendError: Gretel could not, or what it returned cannot be used.
        """
        steps = gretel_config.steps(request)
        return self._remote.synthesize(
            training,
            request,
            workdir,
            steps,
            timeout=gretel_config.timeout(request),
            by_entity=gretel_config.is_grouped(request),
        )
