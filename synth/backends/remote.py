"""What every remote backend does around its jobs: send, pick up, read, and leave nothing behind."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Condition, Event
from typing import TYPE_CHECKING, TypeVar

from synth.backends.jobs import Patience, UndecidedError, Work, tried
from synth.backends.ledger import Ledger, held, left_behind, locked
from synth.backends.service import DeniedError, Sight
from synth.backends.sheet import Sheet
from synth.errors import BackendError, ConfigError, PendingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd

    from synth.backends.service import Phase, Service
    from synth.domain import Request, Task

T = TypeVar("T")

LOG = logging.getLogger("synth.backends")
UNTIL_PUT_AWAY = 30.0  # seconds that an interrupted run waits for its jobs to be cancelled


@dataclass(frozen=True, slots=True)
class Step:
    """One job: what it is called, and its configuration."""

    name: str
    config: Mapping[str, object]


def spare(rows: int) -> int:
    """How many rows to ask for, so that some may be unusable."""
    return rows + 10 + rows // 50


def refuse_budget_of_rows(task: Task) -> None:
    """Raise `ConfigError` where a privacy budget would protect single rows, and entities have several."""
    model = task.model
    units = [model.entity] if model.entity else [key.column for key in model.foreign_keys]
    alone = {names[0] for names in (*model.unique, model.primary_key) if len(names) == 1}
    repeated = [unit for unit in units if unit not in alone]
    if model.wishes.epsilon is not None and repeated:
        raise ConfigError(
            f"{model.path} ({model.unique_id}): `epsilon` would protect single rows, but {repeated[0]} may "
            f"have several. Next: leave `epsilon` out, or tag a model with one row for each {repeated[0]}."
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
        steps: Sequence[Step],
        *,
        timeout: float | None,
        grouped: bool = False,
    ) -> pd.DataFrame:
        """Send the rows through `steps`, each within `timeout` seconds, and read what the last one returns.

        `grouped` rows leave with a number of their entity.

        Raises:
            BackendError: there is no usable result. Nothing is left remotely, unless the message says so.
        """
        sheet = Sheet.of(training, request, grouped=grouped)
        place, names = self._service.place, [step.name for step in steps]
        digest = _digest(sheet, steps, place)
        path = workdir / f"{self._kind}-{digest}.json"
        with self._counted():
            self._sweep(workdir, path)
            with held(path, name=_name(request, digest), place=place, steps=names) as ledger:
                tell = _teller(self._service.title, request)
                patience = replace(self._patience, deadline=timeout) if timeout else self._patience
                work = Work(self._service, ledger, self._stop, tell, patience, wait=request.wait)
                return self._carried_out(work, sheet, request, steps)

    def tried(self, call: Callable[[], T]) -> T:
        """The call's result, after a few attempts if need be."""
        return tried(call, self._patience, self._stop)

    def look(self, name: str) -> Phase | None:
        """How far the job called `name` is; None where there is none."""
        found = self.tried(partial(self._service.find, name))
        return self.tried(partial(self._service.look, found[0])).phase if found else None

    def remove(self, name: str) -> None:
        """Cancel what works under `name`, and delete its jobs and data.

        Raises:
            BackendError: something is left.
        """
        nothing = Ledger(Path(os.devnull), name, self._service.place, {})
        Work(self._service, nothing, self._stop, lambda *_: None, self._patience).clear(name)

    def cancel(self) -> None:
        """End all work under way and wait until it is put away; for when the run is interrupted."""
        self._stop.set()
        with self._idle:
            self._idle.wait_for(lambda: self._under_way == 0, UNTIL_PUT_AWAY)

    def _carried_out(self, work: Work, sheet: Sheet, request: Request, steps: Sequence[Step]) -> pd.DataFrame:
        try:
            content = _through(work, steps, sheet.content)
            twin = sheet.read(content, request.rows, self._service.title)
            scores = work.scores(steps[-1].name)
        except (UndecidedError, DeniedError) as error:
            raise BackendError(f"{error} {self._left(work.ledger)}") from None
        except PendingError:
            raise
        except BaseException:
            self._put_away(work)
            raise
        if request.wishes.keep_remote:
            work.ledger.forget()
        else:
            self._put_away(work)
        if scores and request.scored:
            request.scored(scores)
        return twin

    def _put_away(self, work: Work) -> None:
        """What cannot be removed is no reason to lose a twin, but the user must know."""
        try:
            work.put_away()
        except BackendError as error:
            LOG.warning("Warning: %s %s", error, self._left(work.ledger))

    def _left(self, ledger: Ledger) -> str:
        return (
            f"Data and jobs called {ledger.name}-… may be left at {self._service.place}; the next run "
            "of synth picks them up or removes them."
        )

    def _sweep(self, workdir: Path, ours: Path) -> None:
        """Remove what killed runs of this model have left, where their rows or request were others."""
        for path in left_behind(workdir, self._kind, but=ours):
            with locked(path) as free:
                ledger = Ledger.read(path) if free else None
                if ledger is None:
                    continue
                if ledger.place == self._service.place:
                    self._put_away(Work(self._service, ledger, self._stop, lambda *_: None, self._patience))
                else:
                    LOG.warning(
                        "Warning: data and jobs of an earlier run, called %s-…, may be left at %s. Next: run "
                        "synth there once more, or remove them and %s",
                        *(ledger.name, ledger.place, path),
                    )

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._idle:
            self._under_way += 1
        try:
            yield
        finally:
            with self._idle:
                self._under_way -= 1
                self._idle.notify_all()


def _through(work: Work, steps: Sequence[Step], content: bytes) -> bytes:
    """What the last step makes of `content`; steps before one that is already submitted are not needed."""

    def before(index: int) -> bytes:
        return content if index == 0 else made(index - 1)

    def made(index: int) -> bytes:
        step = steps[index]
        return work.carry_out(step.name, step.config, lambda: before(index))

    return made(len(steps) - 1)


def _digest(sheet: Sheet, steps: Sequence[Step], place: str) -> str:
    """A name for this work: other rows, another request or another place have another."""
    about = json.dumps([place, [[step.name, step.config] for step in steps]], sort_keys=True)
    return hashlib.sha256(about.encode() + sheet.content).hexdigest()[:16]


def _name(request: Request, digest: str) -> str:
    """What the work is called remotely, in at most 45 letters that every service takes.

    The same run, model, rows and request give the same name, so that a job whose ledger is lost, or lies on
    another machine, is found again; two runs never meet each other's.
    """
    run, model = (
        re.sub(r"[^a-z0-9]+", "-", text.lower())[:most].strip("-")
        for text, most in ((request.run_id, 25), (request.model.rpartition(".")[2], 6))
    )
    own = hashlib.sha256(f"{request.run_id} {request.model} {digest}".encode()).hexdigest()[:6]
    return "-".join(part for part in ("synth", run, model, own) if part)


def _teller(title: str, request: Request) -> Callable[[str, Sight], None]:
    """Says how far a job is: `Gretel train running, epoch 3, 12 s`."""
    started = time.monotonic()

    def tell(step: str, sight: Sight) -> None:
        if request.progress:
            epoch = f", epoch {sight.step}" if sight.step else ""
            elapsed = f", {time.monotonic() - started:.0f} s"
            request.progress(f"{title} {step} {sight.phase}{epoch}{elapsed}", sight.step, sight.steps)

    return tell
