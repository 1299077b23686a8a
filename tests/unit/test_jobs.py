"""The life of a remote job, at a service that does as it is told, by a clock that only waiting moves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from threading import Event
from typing import TYPE_CHECKING

import pytest

from synth.backends.jobs import RemoteWork
from synth.backends.ledger import Ledger, lock_file, open_ledger
from synth.backends.patience import EndedError, Patience, UnclearAnswerError
from synth.backends.removal import EndlessError
from synth.backends.service import (
    BusyError,
    ConflictError,
    DeniedError,
    GoneError,
    JobStatus,
    MoreRows,
    Phase,
    TransientError,
)
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
class Conversation:
    """A service whose answers are given beforehand; an error among them is raised."""

    looks: list[JobStatus | Exception] = field(default_factory=lambda: [JobStatus(Phase.DONE)])
    submits: list[str | Exception] = field(default_factory=lambda: ["job-1"])
    jobs: dict[str, str] = field(default_factory=dict)  # name by id
    besides: list[str] = field(default_factory=list)  # jobs that the next submission starts unasked
    data: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)  # what jobs had made
    results: list[bytes | Exception] = field(default_factory=list)
    ends: bool = True  # whether a job that is cancelled ever ends
    title: str = "X"
    place: str = "there"
    generates: bool = True

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
        return [job for job, state in self.jobs.items() if state == name]

    def look(self, job: str) -> JobStatus:
        if job not in self.jobs:
            raise GoneError("gone")
        answer = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def result(self, job: str) -> bytes:
        answer = self.results.pop(0) if self.results else job.encode()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def generate(self, job: str, request: MoreRows) -> str:
        self.jobs[f"{job}-{request.turn}"] = request.name
        return f"{job}-{request.turn}"

    def scores(self, job: str) -> Mapping[str, float]:
        raise BackendError(f"no report of {job}")

    def cancel(self, job: str) -> None:
        self.cancelled.append(job)
        self.looks = [*[JobStatus(Phase.CANCELLING)] * 3, *[JobStatus(Phase.CANCELLED)] * self.ends]

    def remove_job(self, job: str) -> None:
        del self.jobs[job]

    def remove_made(self, job: str) -> None:
        self.removed.append(job)

    def remove_data(self, name: str) -> None:
        self.data = [other for other in self.data if other != name]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def work(service: Conversation, folder: Path, clock: Clock, **patience: float) -> RemoteWork:
    ledger = Ledger(folder / "x.json", "name", "there", {"train": ""})
    settings = Patience(tries=3, clock=lambda: clock.now, sleep=clock.wait, **patience)
    return RemoteWork(service, ledger, clock, lambda *_: None, settings)


def carry_out(one: RemoteWork) -> bytes:
    return one.carry_out("train", {}, lambda: b"rows", bytes)


def test_a_job_is_submitted_once_and_its_rows_are_fetched(tmp_path: Path, clock: Clock) -> None:
    one = work(Conversation(), tmp_path, clock)
    assert carry_out(one) == b"job-1"
    assert Ledger.read(tmp_path / "x.json") == Ledger(
        tmp_path / "x.json", "name", "there", {"train": "job-1"}
    )


def test_pauses_grow_up_to_a_limit(tmp_path: Path, clock: Clock) -> None:
    looks: list[JobStatus | Exception] = [JobStatus(Phase.RUNNING)] * 5
    carry_out(
        work(Conversation([*looks, JobStatus(Phase.DONE)]), tmp_path, clock, first=1.0, factor=2.0, most=5.0)
    )
    assert clock.now == 1 + 2 + 4 + 5 + 5


def test_the_deadline_ends_the_wait(tmp_path: Path, clock: Clock) -> None:
    one = work(Conversation([JobStatus(Phase.RUNNING)]), tmp_path, clock, deadline=100.0)
    with pytest.raises(BackendError, match="had not finished after 100 seconds"):
        carry_out(one)
    assert 100 < clock.now < 125


def test_failed_looks_count_only_in_a_row(tmp_path: Path, clock: Clock) -> None:
    bad, fine = TransientError("bad"), JobStatus(Phase.RUNNING)
    looks: list[JobStatus | Exception] = [bad, bad, fine, bad, bad, fine, JobStatus(Phase.DONE)]
    assert carry_out(work(Conversation(looks), tmp_path, clock)) == b"job-1"
    with pytest.raises(UnclearAnswerError, match="bad"):
        carry_out(work(Conversation([bad]), tmp_path, clock))


def test_a_full_service_is_waited_for_until_the_deadline(tmp_path: Path, clock: Clock) -> None:
    busy = [BusyError("full")] * 9
    assert carry_out(work(Conversation(submits=[*busy, "job-1"]), tmp_path, clock)) == b"job-1"
    with pytest.raises(UnclearAnswerError, match="full"):
        carry_out(work(Conversation(submits=[*busy, *busy, *busy]), tmp_path, clock, deadline=100.0))


def test_a_job_whose_answer_was_lost_is_found_by_its_name(tmp_path: Path, clock: Clock) -> None:
    service = Conversation(submits=[TransientError("lost")], besides=["job-7"])
    assert carry_out(work(service, tmp_path, clock)) == b"job-7"


def test_a_job_that_was_made_twice_is_left_once(tmp_path: Path, clock: Clock) -> None:
    service = Conversation(jobs={"other": "another-train"}, besides=["twin"])
    assert carry_out(work(service, tmp_path, clock)) == b"job-1"
    assert list(service.jobs) == ["other", "job-1"]


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.CANCELLED, Phase.LOST])
def test_a_job_that_failed_in_an_earlier_run_is_not_picked_up(
    tmp_path: Path, clock: Clock, phase: Phase
) -> None:
    service = Conversation(
        [JobStatus(phase), JobStatus(phase), JobStatus(Phase.DONE)], jobs={"old": "name-train"}
    )
    assert carry_out(work(service, tmp_path, clock)) == b"job-1"
    assert list(service.jobs) == ["job-1"]


def test_a_job_of_another_attempt_is_found_by_its_name_and_nothing_is_sent(
    tmp_path: Path, clock: Clock
) -> None:
    service = Conversation(jobs={"job-7": "name-train"})
    assert carry_out(work(service, tmp_path, clock)) == b"job-7"
    assert service.data == []


def test_a_job_that_is_gone_is_submitted_again(tmp_path: Path, clock: Clock) -> None:
    one = work(Conversation(), tmp_path, clock)
    one.ledger.jobs["train"] = "gone"
    assert carry_out(one) == b"job-1"


def test_an_interrupt_ends_the_wait(tmp_path: Path, clock: Clock) -> None:
    clock.set()
    with pytest.raises(EndedError):
        carry_out(work(Conversation([JobStatus(Phase.RUNNING)]), tmp_path, clock))


def test_putting_away_cancels_what_works_and_removes_everything(tmp_path: Path, clock: Clock) -> None:
    service = Conversation(
        [JobStatus(Phase.RUNNING)], jobs={"a": "name-train", "b": "other-train"}, data=["name-train", "x"]
    )
    one = work(service, tmp_path, clock)
    one.ledger.write()
    one.put_away()
    assert (service.cancelled, service.jobs, service.data) == (["a"], {"b": "other-train"}, ["x"])
    assert service.removed == ["a"]
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_removed_stays_in_the_ledger(tmp_path: Path, clock: Clock) -> None:
    service = Conversation([DeniedError("no")], jobs={"a": "name-train"})
    one = work(service, tmp_path, clock)
    one.ledger.write()
    with pytest.raises(DeniedError):
        one.put_away()
    assert (tmp_path / "x.json").exists()


def test_rows_are_deleted_even_if_their_job_does_not_end(tmp_path: Path, clock: Clock) -> None:
    service = Conversation(
        [JobStatus(Phase.RUNNING)], jobs={"a": "name-train"}, data=["name-train"], ends=False
    )
    one = work(service, tmp_path, clock, ending=30.0)
    one.ledger.write()
    with pytest.raises(EndlessError):
        one.put_away()
    assert (service.data, service.removed) == ([], ["a"])
    assert 30 < clock.now < 60
    assert (tmp_path / "x.json").exists()


def test_a_job_that_is_cancelled_is_never_picked_up(tmp_path: Path, clock: Clock) -> None:
    looks: list[JobStatus | Exception] = [JobStatus(Phase.CANCELLING)] * 4
    service = Conversation(
        [*looks, JobStatus(Phase.CANCELLED), JobStatus(Phase.DONE)], jobs={"old": "name-train"}
    )
    assert carry_out(work(service, tmp_path, clock)) == b"job-1"
    assert (list(service.jobs), service.cancelled) == (["job-1"], [])


@pytest.mark.parametrize("error", [GoneError("404"), ConflictError("409"), TransientError("503")])
def test_one_odd_answer_ends_nothing(tmp_path: Path, clock: Clock, error: Exception) -> None:
    service = Conversation([error, JobStatus(Phase.RUNNING), error, JobStatus(Phase.DONE)], results=[error])
    one = work(service, tmp_path, clock)
    assert carry_out(one) == b"job-1"
    service.looks = [error, JobStatus(Phase.DONE)]
    one.put_away()
    assert service.jobs == {}


def test_a_job_whose_rows_cannot_be_had_is_kept(tmp_path: Path, clock: Clock) -> None:
    service = Conversation(results=[GoneError("404")] * 3)
    with pytest.raises(UnclearAnswerError, match="is done, but its rows cannot be had"):
        carry_out(work(service, tmp_path, clock))
    assert carry_out(work(service, tmp_path, clock)) == b"job-1"
    assert list(service.jobs) == ["job-1"]


def test_more_rows_are_a_job_of_the_trained_model_that_is_put_away_with_it(
    tmp_path: Path, clock: Clock
) -> None:
    service = Conversation()
    one = work(service, tmp_path, clock)
    carry_out(one)
    assert one.more("train", {}, 20, 1, bytes) == b"job-1-1"
    assert service.jobs == {"job-1": "name-train", "job-1-1": "name-more1"}
    one.put_away()
    assert (service.jobs, service.removed) == ({}, ["job-1-1", "job-1"])


def test_nothing_is_submitted_once_the_run_is_interrupted(tmp_path: Path, clock: Clock) -> None:
    service = Conversation()
    clock.set()
    with pytest.raises(EndedError):
        carry_out(work(service, tmp_path, clock))
    assert service.jobs == {}


def test_a_full_service_is_told_of_once(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    steps: list[str] = []
    one = work(Conversation(submits=[*[BusyError("full")] * 9, "job-1"]), tmp_path, clock)
    carry_out(replace(one, tell=lambda _, state, __: steps.append(state)))
    assert steps == [*["waits until the service has room"] * 9, "done"]
    assert [record.message for record in caplog.records] == [
        "Warning: X has no room for another job; name-train waits for up to 21,600 seconds"
    ]


def test_a_missing_report_is_no_failure(tmp_path: Path, clock: Clock) -> None:
    one = work(Conversation(), tmp_path, clock)
    carry_out(one)
    assert one.scores("train") == {}


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"name": "n"}', '{"name": "n", "place": "p", "jobs": 3}']
)
def test_a_ledger_that_cannot_be_read_is_begun_anew(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with open_ledger(path, name="new", place="there", steps=["train"]) as ledger:
        assert (ledger.name, ledger.jobs) == ("new", {"train": ""})


def test_a_ledger_of_another_place_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    Ledger(path, "old", "elsewhere", {"train": "1"}).write()
    with open_ledger(path, name="new", place="there", steps=["train"]) as ledger:
        assert ledger.jobs == {"train": ""}


def test_a_ledger_belongs_to_one_run_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with lock_file(path) as first, lock_file(path) as second:
        assert (first, second) == (True, False)
    with lock_file(path) as again:
        assert again
