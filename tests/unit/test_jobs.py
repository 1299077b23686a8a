"""The life of a remote job, at a service that does as it is told, by a clock that only waiting moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

import pytest

from synth.backends.jobs import EndedError, Patience, UndecidedError, Work
from synth.backends.ledger import Ledger, held, locked
from synth.backends.service import BusyError, DeniedError, GoneError, Phase, Sight, TransientError
from synth.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Clock(Event):
    """Time that passes only while somebody waits."""

    now = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        return self.is_set()


@dataclass
class Told:
    """A service whose answers are given beforehand; an error among them is raised."""

    looks: list[Sight | Exception] = field(default_factory=lambda: [Sight(Phase.DONE)])
    submits: list[str | Exception] = field(default_factory=lambda: ["job-1"])
    jobs: dict[str, str] = field(default_factory=dict)  # name by id
    besides: list[str] = field(default_factory=list)  # jobs that the next submission starts unasked
    data: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    title: str = "X"
    place: str = "there"

    def upload(self, name: str, content: bytes) -> str:
        self.data.append(name)
        return content.decode()

    def submit(self, name: str, config: Mapping[str, object], data: str) -> str:  # noqa: ARG002 - the protocol
        answer = self.submits.pop(0)
        self.jobs |= dict.fromkeys(self.besides, name)
        if isinstance(answer, Exception):
            raise answer
        self.jobs[answer] = name
        return answer

    def find(self, name: str) -> list[str]:
        return [job for job, known in self.jobs.items() if known == name]

    def look(self, job: str) -> Sight:
        if job not in self.jobs:
            raise GoneError("gone")
        answer = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def result(self, job: str) -> bytes:
        return job.encode()

    def scores(self, job: str) -> Mapping[str, float]:
        raise BackendError(f"no report of {job}")

    def cancel(self, job: str) -> None:
        self.cancelled.append(job)

    def remove_job(self, job: str) -> None:
        del self.jobs[job]

    def remove_data(self, name: str) -> None:
        self.data = [known for known in self.data if known != name]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def work(service: Told, folder: Path, clock: Clock, **patience: float) -> Work:
    ledger = Ledger(folder / "x.json", "name", "there", {"train": ""})
    settings = Patience(tries=3, clock=lambda: clock.now, **patience)
    return Work(service, ledger, clock, lambda *_: None, settings)


def carry_out(one: Work) -> bytes:
    return one.carry_out("train", {}, lambda: b"rows")


def test_a_job_is_submitted_once_and_its_rows_are_fetched(tmp_path: Path, clock: Clock) -> None:
    one = work(Told(), tmp_path, clock)
    assert carry_out(one) == b"job-1"
    assert Ledger.read(tmp_path / "x.json") == Ledger(
        tmp_path / "x.json", "name", "there", {"train": "job-1"}
    )


def test_pauses_grow_up_to_a_limit(tmp_path: Path, clock: Clock) -> None:
    looks: list[Sight | Exception] = [Sight(Phase.RUNNING)] * 5
    carry_out(work(Told([*looks, Sight(Phase.DONE)]), tmp_path, clock, first=1.0, factor=2.0, most=5.0))
    assert clock.now == 1 + 2 + 4 + 5 + 5


def test_the_deadline_ends_the_wait(tmp_path: Path, clock: Clock) -> None:
    one = work(Told([Sight(Phase.RUNNING)]), tmp_path, clock, deadline=100.0)
    with pytest.raises(BackendError, match="had not finished after 100 seconds"):
        carry_out(one)
    assert 100 < clock.now < 125


def test_failed_looks_count_only_in_a_row(tmp_path: Path, clock: Clock) -> None:
    bad, fine = TransientError("bad"), Sight(Phase.RUNNING)
    looks: list[Sight | Exception] = [bad, bad, fine, bad, bad, fine, Sight(Phase.DONE)]
    assert carry_out(work(Told(looks), tmp_path, clock)) == b"job-1"
    with pytest.raises(UndecidedError, match="bad"):
        carry_out(work(Told([bad]), tmp_path, clock))


def test_a_full_service_is_waited_for_until_the_deadline(tmp_path: Path, clock: Clock) -> None:
    busy = [BusyError("full")] * 9
    assert carry_out(work(Told(submits=[*busy, "job-1"]), tmp_path, clock)) == b"job-1"
    with pytest.raises(UndecidedError, match="full"):
        carry_out(work(Told(submits=[*busy, *busy, *busy]), tmp_path, clock, deadline=100.0))


def test_a_job_whose_answer_was_lost_is_found_by_its_name(tmp_path: Path, clock: Clock) -> None:
    service = Told(submits=[TransientError("lost")], besides=["job-7"])
    assert carry_out(work(service, tmp_path, clock)) == b"job-7"


def test_a_job_that_was_made_twice_is_left_once(tmp_path: Path, clock: Clock) -> None:
    service = Told(jobs={"other": "another-train"}, besides=["twin"])
    assert carry_out(work(service, tmp_path, clock)) == b"job-1"
    assert list(service.jobs) == ["other", "job-1"]


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.CANCELLED, Phase.LOST])
def test_a_job_that_failed_in_an_earlier_run_is_not_picked_up(
    tmp_path: Path, clock: Clock, phase: Phase
) -> None:
    service = Told([Sight(phase), Sight(phase), Sight(Phase.DONE)], jobs={"old": "name-train"})
    assert carry_out(work(service, tmp_path, clock)) == b"job-1"
    assert list(service.jobs) == ["job-1"]


def test_a_job_of_another_attempt_is_found_by_its_name_and_nothing_is_sent(
    tmp_path: Path, clock: Clock
) -> None:
    service = Told(jobs={"job-7": "name-train"})
    assert carry_out(work(service, tmp_path, clock)) == b"job-7"
    assert service.data == []


def test_a_job_that_is_gone_is_submitted_again(tmp_path: Path, clock: Clock) -> None:
    one = work(Told(), tmp_path, clock)
    one.ledger.jobs["train"] = "gone"
    assert carry_out(one) == b"job-1"


def test_an_interrupt_ends_the_wait(tmp_path: Path, clock: Clock) -> None:
    clock.set()
    with pytest.raises(EndedError):
        carry_out(work(Told([Sight(Phase.RUNNING)]), tmp_path, clock))


def test_putting_away_cancels_what_works_and_removes_everything(tmp_path: Path, clock: Clock) -> None:
    service = Told(
        [Sight(Phase.RUNNING)], jobs={"a": "name-train", "b": "name-train"}, data=["name-train", "x"]
    )
    one = work(service, tmp_path, clock)
    one.ledger.write()
    one.put_away()
    assert (service.cancelled, service.jobs, service.data) == (["a", "b"], {}, ["x"])
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_removed_stays_in_the_ledger(tmp_path: Path, clock: Clock) -> None:
    service = Told([DeniedError("no")], jobs={"a": "name-train"})
    one = work(service, tmp_path, clock)
    one.ledger.write()
    with pytest.raises(DeniedError):
        one.put_away()
    assert (tmp_path / "x.json").exists()


def test_a_missing_report_is_no_failure(tmp_path: Path, clock: Clock) -> None:
    one = work(Told(), tmp_path, clock)
    carry_out(one)
    assert one.scores("train") == {}


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"name": "n"}', '{"name": "n", "place": "p", "jobs": 3}']
)
def test_a_ledger_that_cannot_be_read_is_begun_anew(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with held(path, name="new", place="there", steps=["train"]) as ledger:
        assert (ledger.name, ledger.jobs) == ("new", {"train": ""})


def test_a_ledger_of_another_place_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    Ledger(path, "old", "elsewhere", {"train": "1"}).write()
    with held(path, name="new", place="there", steps=["train"]) as ledger:
        assert ledger.jobs == {"train": ""}


def test_a_ledger_belongs_to_one_run_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with locked(path) as first, locked(path) as second:
        assert (first, second) == (True, False)
    with locked(path) as again:
        assert again
