"""NeMo Safe Synthesizer, Gretel's successor, as a backend: it learns and samples, our gate decides.

Verified against a server of our own that speaks its protocol. No live service was ever reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from synth.backends import nemo_config
from synth.backends.nemo_http import Http
from synth.backends.nemo_service import NemoService
from synth.backends.nemo_store import HubStore
from synth.backends.patience import Patience
from synth.backends.remote import Remote, RemoteBackend, refuse_budget_of_rows, service_address
from synth.domain import Capabilities
from synth.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from synth.domain import Request, Task


class NemoBackend(RemoteBackend):
    """Trains a language model on the rows in a NeMo deployment and returns what it generates.

    The rows and the job are deleted afterwards, unless `keep_remote` says otherwise. A run that was killed is
    picked up by the next one with the same rows and request.
    """

    capabilities = Capabilities(options=nemo_config.NemoOptions, privacy_budget=True)

    def __init__(self, service: NemoService, patience: Patience | None = None) -> None:
        self._service = service
        self._remote = Remote(service, "nemo", patience or Patience())

    @classmethod
    def connect(cls, environment: Mapping[str, str], patience: Patience | None = None) -> Self:
        """Return the backend that the variables NEMO_… lead to; nothing is reached yet.

        Raises:
            ConfigError: a variable is missing or wrong.
        """
        endpoint, token = _address(environment, "NEMO_ENDPOINT", ""), environment.get("NEMO_TOKEN", "")
        datastore = _address(environment, "NEMO_DATASTORE_ENDPOINT", f"{endpoint}/v1/hf")
        store = HubStore(Http(datastore, token))
        service = NemoService(Http(endpoint, token), store, environment.get("NEMO_WORKSPACE") or "default")
        return cls(service, patience)

    @staticmethod
    def accept(task: Task) -> None:
        """Raise `ConfigError` if the task asks for something that NeMo cannot do."""
        refuse_budget_of_rows(task)
        nemo_config.choose(task.model.backend_options, f"{task.model.path} ({task.model.unique_id})")

    def check(self) -> None:
        """Raise `BackendError` unless endpoint, token and workspace are as needed; nothing is spent."""
        self._remote.retry_call(self._service.check)

    def synthesize(self, training: pd.DataFrame, request: Request, workdir: Path) -> pd.DataFrame:
        """Return `request.rows` rows that NeMo generated.

        Raises:
            BackendError: NeMo could not, or what it returned cannot be used.
        """
        steps = nemo_config.steps(request)
        timeout = nemo_config.choose(request.backend_options, request.model).timeout
        by_entity = request.entities is not None
        return self._remote.synthesize(
            training, request, workdir, steps, timeout=timeout, by_entity=by_entity
        )


def _address(environment: Mapping[str, str], name: str, default: str) -> str:
    address = environment.get(name) or default
    if not address:
        raise ConfigError(f"{name} is not set. Next: export {name}=https://…")
    return service_address(name, address, "https://nemo.example.com")
