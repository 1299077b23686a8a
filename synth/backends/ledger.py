"""What a run leaves behind so that the next one finds remote work again: names and ids, never rows."""

from __future__ import annotations

import fcntl
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from synth.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@dataclass
class Ledger:
    """The remote work of one model, one set of training rows and one request.

    Attributes:
        name: what the work is called remotely; each step adds its own name.
        place: of the service; work elsewhere cannot be found again from here.
        jobs: ids by step, in order; empty where none is known yet.
        is_abandoned: the work is being removed, whatever its jobs still say.
    """

    path: Path
    name: str
    place: str
    jobs: dict[str, str]
    is_abandoned: bool = False

    def job_name(self, step: str) -> str:
        """Return the remote name of a step's job and data."""
        return f"{self.name}-{step}"

    def note(self, step: str, job: str) -> None:
        """Record which job does a step."""
        self.jobs[step] = job
        self.write()

    def abandon(self) -> None:
        """Record that this work is to be removed."""
        self.is_abandoned = True
        self.write()

    def write(self) -> None:
        """Replace the file; a killed run leaves the old one or the new one."""
        temporary = self.path.with_suffix(".tmp")
        content = {
            "name": self.name,
            "place": self.place,
            "jobs": self.jobs,
            "abandoned": self.is_abandoned,
        }
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        temporary.replace(self.path)

    def forget(self) -> None:
        """Delete the ledger: nothing is left remotely, or nothing shall be removed there."""
        self.path.unlink(missing_ok=True)

    def set_aside(self) -> None:
        """Keep what it says for a later run to remove, and make room for other work of the same rows."""
        aside = self.path.with_name(f"{self.path.stem}-{self.name}.json")
        self.path.replace(aside)

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return what an earlier run wrote; None if it wrote nothing that can be read."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            jobs = dict(content["jobs"])
            return cls(path, content["name"], content["place"], jobs, content.get("abandoned") is True)
        except (OSError, ValueError, KeyError, TypeError):
            return None


@contextmanager
def open_ledger(path: Path, *, name: str, place: str, steps: Sequence[str]) -> Iterator[Ledger]:
    """Open the ledger at `path` for one process; start a new one where it is of another `place`.

    Raises:
        BackendError: another run holds it.
    """
    with lock_file(path) as ours:
        if not ours:
            raise BackendError(
                f"Another run waits for the same remote work ({path}). Next: let it end, then: synth run"
            )
        ledger = Ledger.read(path)
        if ledger is None or ledger.place != place or not ledger.jobs.keys() >= set(steps):
            ledger = Ledger(path, name, place, dict.fromkeys(steps, ""))
            ledger.write()
        yield ledger


@contextmanager
def lock_file(path: Path) -> Iterator[bool]:
    """Lock the ledger at `path`, and say whether that worked; the lock ends with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_suffix(".lock")
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        try:
            yield True
        finally:
            if not path.exists():
                lock.unlink(missing_ok=True)


def left_behind(folder: Path, service: str, *, but: Path) -> Iterator[Path]:
    """Return the ledgers of a model's earlier work at `service`, whose rows or request were others."""
    return (path for path in sorted(folder.glob(f"{service}-*.json")) if path != but)
