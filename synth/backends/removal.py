"""The end of remote work: jobs are cancelled and waited for, rows and results deleted.

A service ends no job at once, and deletes none that has not ended. A refusal because of the job's state, or
an answer that it is not there, is a reason to look again.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from synth.backends.patience import TWICE, Patience, UnclearAnswerError, retry_call
from synth.backends.service import WORKING, ConflictError, GoneError, Phase, TransientError
from synth.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from synth.backends.service import Service

T = TypeVar("T")

LOG = logging.getLogger("synth.backends")
SOON = 3.0  # seconds that a job may take to end before the user hears of it


class EndlessError(BackendError):
    """A job was cancelled and does not end."""


@dataclass(frozen=True)
class Removal:
    """Removes what a service holds, with as much patience as there is."""

    service: Service
    patience: Patience

    def clear(self, name: str, job: str = "") -> None:
        """Delete all jobs and rows called `name`, and the job `job`; rows go even if a job does not.

        Raises:
            BackendError: something is left.
        """
        problems: list[BackendError] = []
        jobs = [job] if job else []
        with _collect_problems(problems):
            jobs = list(dict.fromkeys([*self._retry_call(partial(self.service.find, name)), *jobs]))
        for remote_job in jobs:
            with _collect_problems(problems):
                self._cancel(remote_job)
        with _collect_problems(problems):
            self._delete(partial(self.service.remove_data, name))
        for remote_job in jobs:
            with _collect_problems(problems):
                self.end(remote_job)
        if problems:
            raise problems[0]

    def end(self, job: str) -> None:
        """Cancel the job if it works, wait until it has ended, and delete it and what it made.

        Raises:
            EndlessError: it has not ended within `patience.ending` seconds.
            BackendError: the service does not answer, or refuses.
        """
        problems: list[BackendError] = []
        with _collect_problems(problems):
            self._await_end(job)
        with _collect_problems(problems):
            self._delete(partial(self.service.remove_made, job))
        if problems:
            raise problems[0]

    def _await_end(self, job: str) -> None:
        began = self.patience.clock()
        failures, absent, silent = 0, 0, True
        for pause in self.patience.pauses():
            try:
                if self._advance_to_end(job):
                    return
                failures, absent = 0, 0
            except GoneError:
                absent += 1
                if absent == TWICE:
                    return
            except ConflictError:
                absent = 0  # its state is another one by now
            except TransientError as error:
                failures += 1
                if failures >= self.patience.tries:
                    raise UnclearAnswerError(str(error)) from None
            seconds = self.patience.clock() - began
            if seconds > self.patience.ending:
                raise EndlessError(f"{self.service.title}: a job was cancelled and has not ended.")
            if silent and seconds > SOON:
                silent = False
                LOG.info("%s: waiting for a cancelled job to end", self.service.title)
            self.patience.sleep(pause)

    def _advance_to_end(self, job: str) -> bool:
        """Take the next step to the job's end; True when it is deleted."""
        phase = self.service.look(job).phase
        if phase in WORKING:
            self.service.cancel(job)
        elif phase is not Phase.CANCELLING:
            self.service.remove_job(job)
            return True
        return False

    def _cancel(self, job: str) -> None:
        """Cancel the job if it works; whether that was taken is seen when its end is waited for."""
        try:
            if self._retry_call(partial(self.service.look, job)).phase in WORKING:
                self._retry_call(partial(self.service.cancel, job))
        except (GoneError, UnclearAnswerError):
            return

    def _delete(self, call: Callable[[], object]) -> None:
        """Delete something; it is well if it is gone."""
        try:
            self._retry_call(call)
        except GoneError:
            return

    def _retry_call(self, call: Callable[[], T]) -> T:
        return retry_call(call, self.patience, self.patience.sleep)


@contextmanager
def _collect_problems(problems: list[BackendError]) -> Iterator[None]:
    try:
        yield
    except BackendError as error:
        problems.append(error)
