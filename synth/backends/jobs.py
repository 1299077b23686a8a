"""One remote job from its data to its result: submitted once, watched, fetched, and removed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from synth.backends.service import OVER, BusyError, GoneError, Phase, TransientError
from synth.errors import BackendError, PendingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from threading import Event

    from synth.backends.ledger import Ledger
    from synth.backends.service import Service, Sight

T = TypeVar("T")


class UndecidedError(BackendError):
    """What became of the job is not known."""


class EndedError(BackendError):
    """The run was interrupted."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds, and how often to try.

    Attributes:
        deadline: of a job, from its submission on.
        first: the pause after the first look; each later one is `factor` times as long, up to `most`.
        tries: how often in a row a call may fail.
    """

    deadline: float = 6 * 3600.0
    first: float = 0.5
    factor: float = 1.5
    most: float = 20.0
    tries: int = 6
    clock: Callable[[], float] = time.monotonic

    def pauses(self) -> Iterator[float]:
        """The pauses between looks, without end."""
        pause = self.first
        while True:
            yield pause
            pause = min(pause * self.factor, self.most)


@dataclass(frozen=True)
class Work:
    """The remote work of one model.

    Attributes:
        stop: set when the run is interrupted; pauses end with it.
        tell: called with the step and each look at its job.
        wait: until a job is done; otherwise one look is enough.
    """

    service: Service
    ledger: Ledger
    stop: Event
    tell: Callable[[str, Sight], None]
    patience: Patience = field(default_factory=Patience)
    wait: bool = True

    def carry_out(self, step: str, config: Mapping[str, object], content: Callable[[], bytes]) -> bytes:
        """The rows that the step's job makes of `content`; a job of an earlier run is picked up.

        Raises:
            BackendError: the job failed, or one of its subclasses above.
        """
        job = self.adopted(step)
        if job is None:
            job = self._submitted(step, config, content())
        self._await(step, job)
        return self._tried(partial(self.service.result, job))

    def adopted(self, step: str) -> str | None:
        """The id of the step's job, if it was submitted before and has not failed.

        It is looked for by its name, too: another attempt of this run, on whatever machine, has the same.
        """
        known = self.ledger.jobs[step] or self._found(step)
        if not known:
            return None
        try:
            over = self._tried(partial(self.service.look, known)).phase in OVER
        except GoneError:
            return None
        if over:
            self._remove_job(known)
            return None
        self.ledger.note(step, known)
        return known

    def scores(self, step: str) -> Mapping[str, float]:
        """What the service says of the step's rows; nothing if it says nothing that can be read."""
        try:
            return self._tried(partial(self.service.scores, self.ledger.jobs[step]))
        except BackendError:
            return {}

    def put_away(self) -> None:
        """Cancel what still works and delete all jobs and data of the ledger, then the ledger.

        Raises:
            BackendError: something is left; the ledger stays, too, so that the next run tries again.
        """
        for step, known in self.ledger.jobs.items():
            self.clear(self.ledger.called(step), known)
        self.ledger.forget()

    def clear(self, name: str, known: str = "") -> None:
        """Cancel what still works and delete all jobs and data called `name`, and the job `known`.

        Raises:
            BackendError: something is left.
        """
        found = self._tried(partial(self.service.find, name))
        for job in dict.fromkeys([*found, *([known] if known else [])]):
            self._remove_job(job)
        self._tried(partial(self.service.remove_data, name))

    def _found(self, step: str) -> str:
        return next(iter(self._tried(partial(self.service.find, self.ledger.called(step)))), "")

    def _submitted(self, step: str, config: Mapping[str, object], content: bytes) -> str:
        """Submit the job; however often an answer is lost on the way, exactly one is left."""
        name = self.ledger.called(step)
        data = self._tried(partial(self.service.upload, name, content))
        job = self._until_accepted(step, config, data)
        for other in self._tried(partial(self.service.find, name)):
            if other != job:
                self._remove_job(other)
        self.ledger.note(step, job)
        return job

    def _until_accepted(self, step: str, config: Mapping[str, object], data: str) -> str:
        """Submit until the service has room; one whose answer was lost is found by its name."""
        name, failures = self.ledger.called(step), 0
        until = self.patience.clock() + self.patience.deadline
        for pause in self.patience.pauses():
            try:
                return self.service.submit(name, config, data)
            except TransientError as error:
                if lost := self._found(step):
                    return lost
                failures += not isinstance(error, BusyError)
                if failures >= self.patience.tries or self.patience.clock() > until:
                    raise UndecidedError(str(error)) from None
            self._pause(pause)
        raise AssertionError  # pauses have no end

    def _await(self, step: str, job: str) -> None:
        """Look at the job until it is done."""
        failures, until = 0, self.patience.clock() + self.patience.deadline
        for pause in self.patience.pauses():
            try:
                sight = self.service.look(job)
            except TransientError as error:
                failures += 1
                if failures >= self.patience.tries:
                    raise UndecidedError(str(error)) from None
            else:
                failures = 0
                self.tell(step, sight)
                if sight.phase is Phase.DONE:
                    return
                if sight.phase in OVER:
                    raise self._failed(sight)
                if not self.wait:
                    names = tuple(self.ledger.called(step) for step in self.ledger.jobs)
                    raise PendingError(f"{self.service.title}: {names[-1]} is {sight.phase}", names)
            if self.patience.clock() > until:
                raise BackendError(
                    f"{self.service.title} had not finished after {self.patience.deadline:,.0f} seconds, so "
                    "the job was cancelled. Next: raise `timeout` (seconds) beside the model's other options."
                )
            self._pause(pause)

    def _failed(self, sight: Sight) -> BackendError:
        reason = f": {sight.detail}" if sight.detail else ""
        return BackendError(
            f"The job at {self.service.title} ended as {sight.phase}{reason}. Next: synth run"
        )

    def _remove_job(self, job: str) -> None:
        try:
            if self._tried(partial(self.service.look, job)).phase in {Phase.QUEUED, Phase.RUNNING}:
                self._tried(partial(self.service.cancel, job))
            self._tried(partial(self.service.remove_job, job))
        except GoneError:
            return

    def _tried(self, call: Callable[[], T]) -> T:
        return tried(call, self.patience, self.stop)

    def _pause(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise EndedError(f"{self.service.title}: the run was interrupted.")


def tried(call: Callable[[], T], patience: Patience, stop: Event) -> T:
    """The call's result, after a few attempts if need be; once `stop` is set, without pauses.

    Raises:
        UndecidedError: every attempt failed.
    """
    for attempt, pause in enumerate(patience.pauses(), 1):
        try:
            return call()
        except TransientError as error:
            if attempt >= patience.tries:
                raise UndecidedError(str(error)) from None
        stop.wait(pause)
    raise AssertionError  # pauses have no end
