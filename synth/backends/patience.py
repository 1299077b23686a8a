"""How long a remote service is waited for, and how often a call is tried."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from synth.backends.service import GoneError, TransientError
from synth.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

TWICE = 2  # answers that something is not there, one after another, before that is believed


class UnclearAnswerError(BackendError):
    """What became of the job is not known, so it is left for the next run."""


class EndedError(BackendError):
    """The run was interrupted."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds, and how often to try.

    Attributes:
        deadline: of a job, from its submission on.
        first: the pause after the first look; each later one is `factor` times as long, up to `most`.
        tries: how often in a row a call may fail.
        ending: how long a job that was cancelled may take to end.
    """

    deadline: float = 6 * 3600.0
    first: float = 0.5
    factor: float = 1.5
    most: float = 20.0
    tries: int = 6
    ending: float = 60.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep

    def pauses(self) -> Iterator[float]:
        """Yield the pauses between looks, without end."""
        pause = self.first
        while True:
            yield pause
            pause = min(pause * self.factor, self.most)


def retry_call(
    call: Callable[[], T], patience: Patience, rest: Callable[[float], object], *, confirmations: int = TWICE
) -> T:
    """Return the call's result, after a few attempts if need be, with a `rest` between two of them.

    Raises:
        UndecidedError: every attempt failed.
        GoneError: it is not there, by `confirmations` answers one after another.
    """
    absent = 0
    for attempt, pause in enumerate(patience.pauses(), 1):
        try:
            return call()
        except GoneError:
            absent += 1
            if absent == confirmations:
                raise
        except TransientError as error:
            absent = 0
            if attempt >= patience.tries:
                raise UnclearAnswerError(str(error)) from None
        rest(pause)
    raise AssertionError  # pauses have no end
