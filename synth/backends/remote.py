"""What every remote backend does around its jobs: send, pick up, read, and leave nothing behind."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from math import ceil
from threading import Condition, Event
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from synth.backends.jobs import RemoteWork
from synth.backends.ledger import Ledger, left_behind, lock_file, open_ledger
from synth.backends.patience import Patience, UnclearAnswerError, retry_call
from synth.backends.removal import EndlessError, Removal
from synth.backends.service import DeniedError
from synth.backends.sheet import Sheet
from synth.errors import BackendError, ConfigError, PendingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from synth.backends.service import JobStatus, Phase, Service
    from synth.domain import Request, Task

T = TypeVar("T")
R = TypeVar("R")

LOG = logging.getLogger("synth.backends")
UNTIL_PUT_AWAY = 30.0  # seconds that an interrupted run waits for the rest, when its jobs have ended
SWEEP = 15.0  # seconds that work of earlier runs may take to end before this run goes on without it
TURNS = 2  # times that a trained model is asked for more rows
MARGIN = 1.3  # of the rows that are missing, beside those that will be as unusable as others were


@dataclass(frozen=True, slots=True)
class JobStep:
    """One job: what it is called, and its configuration."""

    name: str
    config: Mapping[str, object]


def spare(rows: int) -> int:
    """Return how many rows to ask for, so that some may be unusable."""
    return rows + 10 + rows // 50


def refuse_budget_of_rows(task: Task) -> None:
    """Raise `ConfigError` where a privacy budget would protect single rows, and entities have several."""
    model = task.model
    units = [model.entity] if model.entity else [key.column for key in model.foreign_keys]
    alone = {names[0] for names in (*model.unique, model.primary_key) if len(names) == 1}
    unit = next((name for name in units if name not in alone), None)
    if model.backend_options.epsilon is not None and unit:
        raise ConfigError(
            f"{model.path} ({model.unique_id}): `epsilon` would protect single rows, but {unit} may "
            f"have several. Next: leave `epsilon` out, or tag a model with one row for each {unit}."
        )


class Remote:
    """The remote work of a run, for all models that share a service.

    Args:
        service: what does the work.
        kind: of the backend, such as `gretel`; names its ledgers.
        patience: how long to wait.
    """

    def __init__(self, service: Service, kind: str, patience: Patience) -> None:
        self._service, self._kind, self._patience = service, kind, patience
        self._stop, self._idle, self._under_way = Event(), Condition(), 0

    def synthesize(
        self,
        training: pd.DataFrame,
        request: Request,
        workdir: Path,
        steps: Sequence[JobStep],
        *,
        timeout: float | None,
        by_entity: bool = False,
    ) -> pd.DataFrame:
        """Send the rows through `steps`, each within `timeout` seconds, and read what the last one returns.

        `by_entity` rows leave with a number of their entity.

        Raises:
            BackendError: there is no usable result. Nothing is left remotely, unless the message says so.
        """
        sheet = Sheet.of(training, request, by_entity=by_entity)
        place, names = self._service.place, [step.name for step in steps]
        digest = _digest(sheet, steps, place)
        path = workdir / f"{self._kind}-{digest}.json"
        patience = replace(self._patience, deadline=timeout) if timeout else self._patience
        tell = _teller(self._service.title, request)
        with self._count_session():
            self._sweep(workdir, path)
            for turn in count():  # a job that was cancelled and does not end must not stop others for ever
                name = _name(request, f"{digest}{turn or ''}")
                with open_ledger(path, name=name, place=place, steps=names) as ledger:
                    work = RemoteWork(self._service, ledger, self._stop, tell, patience, wait=request.wait)
                    try:
                        if ledger.is_abandoned:
                            work.begin_anew()
                        return self._carried_out(work, sheet, request, steps)
                    except EndlessError as error:
                        LOG.warning("Warning: %s %s", error, self._leftovers_note(ledger))
                        ledger.set_aside()
        raise AssertionError  # turns have no end

    def retry_call(self, call: Callable[[], T]) -> T:
        """Return the call's result, after a few attempts if need be."""
        return retry_call(call, self._patience, self._stop.wait)

    def look(self, name: str) -> Phase | None:
        """Return how far the job called `name` is; None where there is none."""
        jobs = self.retry_call(partial(self._service.find, name))
        return self.retry_call(partial(self._service.look, jobs[0])).phase if jobs else None

    def remove(self, name: str) -> None:
        """Cancel what works under `name`, and delete its jobs and data.

        Raises:
            BackendError: something is left.
        """
        Removal(self._service, self._patience).clear(name)

    def cancel(self) -> None:
        """End all work under way and wait until it is put away; for when the run is interrupted."""
        self._stop.set()
        with self._idle:
            self._idle.wait_for(lambda: self._under_way == 0, self._patience.ending + UNTIL_PUT_AWAY)

    def _carried_out(
        self, work: RemoteWork, sheet: Sheet, request: Request, steps: Sequence[JobStep]
    ) -> pd.DataFrame:
        try:
            twin = self._usable(work, sheet, request, steps)
            scores = work.scores(steps[-1].name)
        except (UnclearAnswerError, DeniedError) as error:
            raise BackendError(f"{error} {self._leftovers_note(work.ledger)}") from None
        except (PendingError, EndlessError):
            raise
        except BaseException:
            self._put_away(work)
            raise
        if request.backend_options.keep_remote:
            work.ledger.forget()
        else:
            self._put_away(work)
        if scores and request.on_scores:
            request.on_scores(scores)
        return twin

    def _usable(
        self, work: RemoteWork, sheet: Sheet, request: Request, steps: Sequence[JobStep]
    ) -> pd.DataFrame:
        """Return as many usable rows as requested; ask the trained model again while there are too few."""
        title, last = self._service.title, steps[-1]
        read = partial(sheet.read, service=title)
        reading, requested_rows = _through(work, steps, sheet.content, read), spare(request.rows)
        for turn in range(1, TURNS + 1):
            missing_rows = request.rows - len(reading.rows)
            if missing_rows <= 0 or reading.rows.empty or not self._service.generates:
                break
            more_rows = spare(ceil(missing_rows * MARGIN * requested_rows / len(reading.rows)))
            reading = reading.join(work.more(last.name, last.config, more_rows, turn, read))
            requested_rows += more_rows
        return reading.first(request.rows, title)

    def _put_away(self, work: RemoteWork) -> None:
        """Remove the remote data; warn where that fails, since the twin is not lost by it."""
        try:
            work.put_away()
        except BackendError as error:
            LOG.warning("Warning: %s %s", error, self._leftovers_note(work.ledger))

    def _leftovers_note(self, ledger: Ledger) -> str:
        return (
            f"Data and jobs called {ledger.name}-… may be left at {self._service.place}; the next run "
            "of synth picks them up or removes them."
        )

    def _sweep(self, workdir: Path, ours: Path) -> None:
        """Remove what killed runs of this model have left, where their rows or request were others."""
        for path in left_behind(workdir, self._kind, but=ours):
            with lock_file(path) as free:
                ledger = Ledger.read(path) if free else None
                if ledger is None:
                    continue
                if ledger.place == self._service.place:
                    short = replace(self._patience, ending=min(self._patience.ending, SWEEP))
                    self._put_away(RemoteWork(self._service, ledger, self._stop, lambda *_: None, short))
                else:
                    LOG.warning(
                        "Warning: data and jobs of an earlier run, called %s-…, may be left at %s. Next: run "
                        "synth there once more, or remove them and %s",
                        *(ledger.name, ledger.place, path),
                    )

    @contextmanager
    def _count_session(self) -> Iterator[None]:
        with self._idle:
            self._under_way += 1
        try:
            yield
        finally:
            with self._idle:
                self._under_way -= 1
                self._idle.notify_all()


class RemoteBackend:
    """What the backends of remote services have in common; each sets `_remote`."""

    _remote: Remote

    def look(self, name: str) -> Phase | None:
        """Return how far the remote job called `name` is; None where there is none."""
        return self._remote.look(name)

    def remove(self, name: str) -> None:
        """Cancel the remote job called `name`, and delete what it holds."""
        self._remote.remove(name)

    def cancel(self) -> None:
        """End all work under way, and leave nothing of it behind."""
        self._remote.cancel()


def service_address(variable: str, address: str, example: str) -> str:
    """Return the address of a service, without a slash at its end.

    Raises:
        ConfigError: it is none, or holds a user; names the variable, and an example.
    """
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise ConfigError(f"{variable} must be an address such as {example}, without a user.")
    return address.rstrip("/")


def _through(work: RemoteWork, steps: Sequence[JobStep], content: bytes, read: Callable[[bytes], T]) -> T:
    """Return the result of the last step on `content`; steps before a submitted one are skipped."""

    def before(index: int) -> bytes:
        return content if index == 0 else carry_out(index - 1, bytes)

    def carry_out(index: int, read: Callable[[bytes], R]) -> R:
        step = steps[index]
        return work.carry_out(step.name, step.config, lambda: before(index), read)

    return carry_out(len(steps) - 1, read)


def _digest(sheet: Sheet, steps: Sequence[JobStep], place: str) -> str:
    """Return a name for this work: other rows, another request or another place have another."""
    about = json.dumps([place, [[step.name, step.config] for step in steps]], sort_keys=True)
    return hashlib.sha256(about.encode() + sheet.content).hexdigest()[:16]


def _name(request: Request, digest: str) -> str:
    """Return what the work is called remotely, in at most 45 letters that every service takes.

    The same run, model, rows and request give the same name, so that a job whose ledger is lost, or lies on
    another machine, is found again; two runs never meet each other's.
    """
    run, model = (
        re.sub(r"[^a-z0-9]+", "-", text.lower())[:most].strip("-")
        for text, most in ((request.run_id, 25), (request.model.rpartition(".")[2], 6))
    )
    own = hashlib.sha256(f"{request.run_id} {request.model} {digest}".encode()).hexdigest()[:6]
    return "-".join(part for part in ("synth", run, model, own) if part)


def _teller(title: str, request: Request) -> Callable[[str, str, JobStatus | None], None]:
    """Return says how far a job is: `Gretel train running, epoch 3, 12 s`."""
    start = time.monotonic()

    def tell(step: str, state: str, sight: JobStatus | None) -> None:
        if request.progress:
            position, total = (sight.step, sight.steps) if sight else (0, 0)
            epoch = f", epoch {position}" if position else ""
            duration = f", {time.monotonic() - start:.0f} s"
            request.progress(f"{title} {step} {state}{epoch}{duration}", position, total)

    return tell
