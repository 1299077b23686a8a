"""One remote job from its data to its result: submitted once, watched, fetched, and removed."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from synth.backends.patience import TWICE, EndedError, Patience, UnclearAnswerError, retry_call
from synth.backends.removal import Removal
from synth.backends.service import (
    OVER,
    BusyError,
    DeniedError,
    GoneError,
    MoreRows,
    Phase,
    TransientError,
    UnreadableError,
)
from synth.errors import BackendError, PendingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from threading import Event

    from synth.backends.ledger import Ledger
    from synth.backends.service import JobStatus, Service

T = TypeVar("T")

LOG = logging.getLogger("synth.backends")


@dataclass(frozen=True)
class RemoteWork:
    """The remote work of one model.

    Attributes:
        stop: set when the run is interrupted; pauses end with it.
        tell: called with the step and each look at its job.
        wait: until a job is done; otherwise one look is enough.
    """

    service: Service
    ledger: Ledger
    stop: Event
    tell: Callable[[str, str, JobStatus | None], None]
    patience: Patience = field(default_factory=Patience)
    wait: bool = True

    def carry_out(
        self,
        step: str,
        config: Mapping[str, object],
        content: Callable[[], bytes],
        read: Callable[[bytes], T],
    ) -> T:
        """Return the rows that the step's job makes of `content`; a job of an earlier run is resumed.

        Raises:
            BackendError: the job failed, or one of its subclasses.
        """
        job = self.adopt(step)
        if job is None:
            name = self.ledger.job_name(step)
            upload = partial(self.service.upload, name, content())
            data = retry_call(upload, self.patience, self._pause, confirmations=self.patience.tries)
            job = self._submit(step, partial(self.service.submit, name, config, data))
        self._await(step, job)
        return self._fetch(job, read)

    def more(
        self, model_job: str, config: Mapping[str, object], rows: int, turn: int, read: Callable[[bytes], T]
    ) -> T:
        """Return `rows` more rows of the model that the step `model_job` has trained, by `read`.

        Raises:
            BackendError: as `carry_out`.
        """
        step = f"more{turn}"
        job = self.adopt(step)
        if job is None:
            self.ledger.note(step, "")  # so that a job whose answer is lost is found by its name
            model = self.ledger.jobs[model_job]
            request = MoreRows(
                self.ledger.job_name(step), rows, turn, config, self.ledger.job_name(model_job)
            )
            job = self._submit(step, partial(self.service.generate, model, request))
        self._await(step, job)
        return self._fetch(job, read)

    def adopt(self, step: str) -> str | None:
        """Return the id of the step's job, if it was submitted before and rows may still come of it.

        It is looked for by its name, too: another attempt of this run, on whatever machine, has the same. One
        that will bring none is removed.

        Raises:
            EndlessError: it was cancelled and does not end.
        """
        job = self.ledger.jobs.get(step) or self._find_job(step)
        if not job:
            return None
        try:
            over = self._retry_call(partial(self.service.look, job)).phase in OVER
        except GoneError:
            over = True
        if over:
            self._removal.end(job)
            return None
        self.ledger.note(step, job)
        return job

    def begin_anew(self) -> None:
        """Remove what an earlier run gave up, and begin with an empty ledger.

        Raises:
            EndlessError: a job of it was cancelled and does not end.
        """
        self.put_away()
        self.ledger.jobs, self.ledger.is_abandoned = dict.fromkeys(self.ledger.jobs, ""), False
        self.ledger.write()

    def scores(self, step: str) -> Mapping[str, float]:
        """Return what the service says of the step's rows; nothing if it says nothing that can be read."""
        try:
            return self._retry_call(partial(self.service.scores, self.ledger.jobs[step]))
        except BackendError:
            return {}

    def put_away(self) -> None:
        """Cancel what still works and delete all jobs and data of the ledger, then the ledger.

        Raises:
            BackendError: something is left; the ledger stays, too, so that the next run tries again.
        """
        self.ledger.abandon()
        problems: list[BackendError] = []
        for step, job in reversed(self.ledger.jobs.items()):
            try:
                self._removal.clear(self.ledger.job_name(step), job)
            except BackendError as error:
                problems.append(error)
        if problems:
            raise problems[0]
        self.ledger.forget()

    @property
    def _removal(self) -> Removal:
        return Removal(self.service, self.patience)

    def _find_job(self, step: str) -> str:
        """Return the id of a job with the step's name; empty where there is none."""
        return next(iter(self._retry_call(partial(self.service.find, self.ledger.job_name(step)))), "")

    def _submit(self, step: str, submit: Callable[[], str]) -> str:
        """Submit the job; however often an answer is lost on the way, exactly one is left."""
        job = self._until_accepted(step, submit)
        for other in self._retry_call(partial(self.service.find, self.ledger.job_name(step))):
            if other != job:
                with suppress(BackendError):  # by its name it is found again when all is put away
                    self._removal.end(other)
        self.ledger.note(step, job)
        return job

    def _until_accepted(self, step: str, submit: Callable[[], str]) -> str:
        """Submit until the service has room; one whose answer was lost is found by its name."""
        failures, is_announced = 0, False
        until = self.patience.clock() + self.patience.deadline
        for pause in self.patience.pauses():
            if self.stop.is_set():
                raise self._interruption_error()
            try:
                return submit()
            except (TransientError, GoneError) as error:
                job = self.adopt(step)
                if job:
                    return job
                busy = isinstance(error, BusyError)
                failures += not busy
                if failures >= self.patience.tries or self.patience.clock() > until:
                    raise UnclearAnswerError(str(error)) from None
                if busy:
                    is_announced = self._tell_of_full_service(step, is_announced=is_announced)
            self._pause(pause)
        raise AssertionError  # pauses have no end

    def _tell_of_full_service(self, step: str, *, is_announced: bool) -> bool:
        self.tell(step, "waits until the service has room", None)
        if not is_announced:
            LOG.warning(
                "Warning: %s has no room for another job; %s waits for up to %s seconds",
                *(self.service.title, self.ledger.job_name(step), f"{self.patience.deadline:,.0f}"),
            )
        return True

    def _await(self, step: str, job: str) -> None:
        """Look at the job until it is done."""
        failures, absent = 0, 0
        until = self.patience.clock() + self.patience.deadline
        for pause in self.patience.pauses():
            try:
                sight = self.service.look(job)
            except GoneError:
                absent += 1
                if absent >= TWICE:
                    raise self._gone_error(step, job) from None
            except TransientError as error:
                failures += 1
                if failures >= self.patience.tries:
                    raise UnclearAnswerError(str(error)) from None
            else:
                failures, absent = 0, 0
                if self._is_done(step, sight):
                    return
            if self.patience.clock() > until:
                raise BackendError(
                    f"{self.service.title} had not finished after {self.patience.deadline:,.0f} seconds, so "
                    "the job was cancelled. Next: raise `timeout` (seconds) beside the model's other options."
                )
            self._pause(pause)
        raise AssertionError  # pauses have no end

    def _is_done(self, step: str, sight: JobStatus) -> bool:
        self.tell(step, str(sight.phase), sight)
        if sight.phase is Phase.DONE:
            return True
        if sight.phase in OVER:
            reason = f": {sight.detail}" if sight.detail else ""
            state = "is being cancelled" if sight.phase is Phase.CANCELLING else f"ended as {sight.phase}"
            raise BackendError(f"The job at {self.service.title} {state}{reason}. Next: synth run")
        if not self.wait:
            names = tuple(self.ledger.job_name(step) for step in self.ledger.jobs)
            raise PendingError(f"{self.service.title}: {names[-1]} is {sight.phase}", names)
        return False

    def _fetch(self, job: str, read: Callable[[bytes], T]) -> T:
        """Return the rows of a finished job; one odd answer does not give up what was paid for."""
        for attempt, pause in enumerate(self.patience.pauses(), 1):
            try:
                return read(self.service.result(job))
            except DeniedError:
                raise
            except UnreadableError:
                if attempt >= self.patience.tries:
                    raise
            except BackendError as error:
                if attempt >= self.patience.tries:
                    raise UnclearAnswerError(f"A job is done, but its rows cannot be had: {error}") from None
            self._pause(pause)
        raise AssertionError  # pauses have no end

    def _gone_error(self, step: str, job: str) -> BackendError:
        """Return what to say of a job that is not there, unless the service lists it all the same."""
        if job in self._retry_call(partial(self.service.find, self.ledger.job_name(step))):
            return UnclearAnswerError(
                f"{self.service.title} lists the job {job}, and says that it is not there."
            )
        return BackendError(f"The job at {self.service.title} is not there any more. Next: synth run")

    def _retry_call(self, call: Callable[[], T]) -> T:
        return retry_call(call, self.patience, self._pause)

    def _pause(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise self._interruption_error()

    def _interruption_error(self) -> EndedError:
        return EndedError(f"{self.service.title}: the run was interrupted.")
