"""A remote service as the life of a job needs it, and what may go wrong with a call.

    BackendError
    ├── TransientError   worth another attempt
    │   ├── BusyError        the service has no room now
    │   └── ConflictError    the job is in no state for it now
    ├── RefusedError     the request is wrong in the service's eyes
    ├── GoneError        what was asked for is not there
    ├── UnreadableError  what the service returned is no table of the rows that were asked for
    └── DeniedError      the credentials are refused, so nothing can be removed either

Any other BackendError is final.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from synth.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class TransientError(BackendError):
    """The same call may succeed a moment later."""


class BusyError(TransientError):
    """The service accepts no more jobs until others have ended."""


class ConflictError(TransientError):
    """The job, or what the service holds of it, is in no state for the call."""


class RefusedError(BackendError):
    """The service does not want the request as it is."""


class GoneError(BackendError):
    """The job or the data are not there."""


class UnreadableError(BackendError):
    """What the service returned is no table of the rows that were asked for."""


class DeniedError(BackendError):
    """The service refuses the credentials."""


class Phase(StrEnum):
    """How far a job is, in our words."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


WORKING = frozenset({Phase.QUEUED, Phase.RUNNING})
OVER = frozenset({Phase.CANCELLING, Phase.FAILED, Phase.CANCELLED, Phase.LOST})  # no rows will come of it


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A look at a job.

    Attributes:
        detail: the reason of a failure; free of values.
        step: of `steps` epochs; 0 when not known.
    """

    phase: Phase
    detail: str = ""
    step: int = 0
    steps: int = 0


@dataclass(frozen=True, slots=True)
class MoreRows:
    """What a trained model is asked for, when too few of its rows could be used.

    Attributes:
        name: of the new job.
        rows: how many.
        turn: counts such requests, from 1 on.
        config: of the training.
        data: the name that its rows were uploaded as.
    """

    name: str
    rows: int
    turn: int
    config: Mapping[str, object]
    data: str


class Service(Protocol):
    """A remote service. Each method is one attempt; what goes wrong is one of the errors above."""

    title: str
    place: str  # where it is, and in which of its projects; no secret

    @property
    def generates(self) -> bool:
        """Whether a trained model can be asked for more rows."""

    def upload(self, name: str, content: bytes) -> str:
        """Store training rows as `name`; return what a job calls them."""

    def submit(self, name: str, config: Mapping[str, object], data: str) -> str:
        """Start a job called `name`; return its id."""

    def find(self, name: str) -> Sequence[str]:
        """Return the ids of all jobs called `name`."""

    def look(self, job: str) -> JobStatus:
        """Return how far the job is."""

    def result(self, job: str) -> bytes:
        """Return the rows that a finished job made, as CSV."""

    def scores(self, job: str) -> Mapping[str, float]:
        """Return what the service thinks of its rows, from 0 to 100 each."""

    def cancel(self, job: str) -> None:
        """End the job."""

    def generate(self, job: str, request: MoreRows) -> str:
        """Start a job in which the model that `job` has trained makes more rows; return its id."""

    def remove_job(self, job: str) -> None:
        """Delete a job that has ended."""

    def remove_made(self, job: str) -> None:
        """Delete everything that the job made, as far as it does not go with the job."""

    def remove_data(self, name: str) -> None:
        """Delete everything that was uploaded as `name`."""
