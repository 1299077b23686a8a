"""The life of a job on NeMo's own API server, with a program of ours in the place of its GPU worker.

`make test-nemo` builds the server's environment; without it these tests are left out.
"""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from synth.backends.nemo import NemoBackend
from synth.backends.patience import Patience
from synth.domain import BackendOptions
from synth.errors import BackendError
from tests.doubles.asking import ROWS, request_for, training
from tests.handmade import TWIN, Handmade
from tests.nemo.proxy import KINDS, between, first_of
from tests.nemo.server import JOBS, PROGRAM, serve
from tests.nemo.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.nemo.server import Server
    from tests.services import Database

pytestmark = [
    pytest.mark.nemo,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not PROGRAM.exists(), reason="NeMo's server is not installed: make test-nemo"),
]

QUICK = Patience(first=0.2, factor=1.2, most=1.0, tries=5, ending=30.0)
AT_ONCE = 5  # runs side by side
CALLS = [kind for kind in KINDS if kind != "cancel"]  # of a run that is not cancelled
ENDING = ["list jobs", "status", "cancel", "delete rows", "delete job", "delete results"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("nemo")) as running:
        yield running


@pytest.fixture
def worker(server: Server) -> Iterator[Worker]:
    with Worker(server) as running_worker:
        yield running_worker
    assert server.left == []


@pytest.fixture
def project(database: Database, tmp_path: Path, server: Server) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as handmade:
        handmade.people()
        handmade.environment |= {"NEMO_ENDPOINT": server.url, "SYNTH_BACKEND": "nemo"}
        yield handmade


def run(url: str, folder: Path, name: str, timeout: float = 300.0) -> str:
    """A run of its own: `ok`, or what it says."""
    backend = NemoBackend.connect({"NEMO_ENDPOINT": url}, QUICK)
    backend_options = BackendOptions(sections={"nemo": {"timeout": timeout}})
    request = request_for(run_id=name, model=f"model.shop.{name}", backend_options=backend_options)
    try:
        twin = backend.synthesize(training(), request, folder / name)
    except BackendError as error:
        return str(error)
    assert len(twin) == ROWS
    return "ok"


def spoilt(server: Server, folder: Path, status: int, *, deadline: bool = False) -> str:
    """How a run ends in which the first call of each kind is answered with `status`; empty if well."""
    name, kinds = (f"ending-{status}", ENDING) if deadline else (f"odd-{status}", CALLS)
    with between(server.url, first_of(kinds, lambda: status)) as proxy:
        outcome = run(proxy.url, folder, name, 0.1 if deadline else 300.0)
        assert set(kinds) <= set(proxy.calls), name
    return (
        "" if outcome == "ok" or (deadline and "had not finished after" in outcome) else f"{name}: {outcome}"
    )


def interrupt(server: Server, folder: Path, kind: str) -> str:
    """How a run ends that is interrupted at its first call of a kind."""
    name = f"interrupt-{kind}".replace(" ", "-")
    ends: list[Thread] = []

    def happens() -> None:
        ends.append(Thread(target=backend.cancel))
        ends[0].start()

    with between(server.url, first_of([kind], happens)) as proxy:
        backend = NemoBackend.connect({"NEMO_ENDPOINT": proxy.url}, QUICK)
        request = request_for(run_id=name, model=f"model.shop.{name}")
        try:
            backend.synthesize(training(), request, folder / name)
            outcome = "ok"
        except BackendError as error:
            outcome = str(error)
        ends[0].join()
    return "" if outcome == "ok" or "interrupted" in outcome else f"{name}: {outcome}"


def test_a_twin_is_made_and_nothing_is_left(project: Handmade, worker: Worker, server: Server) -> None:
    answer = project.synth("run")
    assert answer.code == 0, answer.text
    assert len(project.rows(TWIN)) == 120
    assert "nemo's own score 91" in answer.text
    assert worker.sheets[0].splitlines()[0] == b"batch,city,age"
    assert server.left == []


def test_a_budget_is_taken_and_on_record(project: Handmade, worker: Worker) -> None:
    config = {"materialized": "table", "meta": {"synthesize": True, "synth": {"epsilon": 4}}}
    project.write(project.model("people", config=config) | project.key("people", "id"))
    answer = project.synth("run")
    assert answer.code == 0, answer.text
    privacy = worker.specs[0]["config"]["privacy"]
    assert (privacy["dp_enabled"], privacy["epsilon"]) == (True, 4.0)
    assert project.rows("select epsilon from synthetic._synth_runs") == [(4.0,)]


def test_too_few_usable_rows_are_made_up_for_by_the_trained_model(
    worker: Worker, server: Server, tmp_path: Path
) -> None:
    make = worker.make
    worker.make = lambda content, rows: make(content, rows // 2)
    assert run(server.url, tmp_path, "more") == "ok"
    assert [bool(spec.get("pretrained_model_job")) for spec in worker.specs] == [False, True]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_job_and_leaves_nothing(
    project: Handmade, worker: Worker, server: Server, number: signal.Signals
) -> None:
    process = project.start("run")
    deadline = time.monotonic() + 120
    while not any(name.startswith("synth-") and not name.startswith("job-") for name in server.left):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (1, "")
    assert "Interrupted" in out
    assert server.left == []


def test_a_deadline_is_an_error_and_leaves_nothing(project: Handmade, worker: Worker, server: Server) -> None:
    options = {"nemo": {"timeout": 0.5}}
    config = {"materialized": "table", "meta": {"synthesize": True, "synth": options}}
    project.write(project.model("people", config=config) | project.key("people", "id"))
    answer = project.synth("run")
    assert answer.code == 1
    assert "NeMo had not finished after 0 seconds, so the job was cancelled" in answer.text
    assert server.left == []


def test_a_killed_run_is_picked_up_and_paid_once(project: Handmade, worker: Worker, server: Server) -> None:
    process = project.start("run")
    deadline = time.monotonic() + 120
    while not worker.specs:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    answer = project.synth("retry")
    assert answer.code == 0, answer.text
    assert len(worker.specs) == 1
    assert server.left == []


def test_a_job_that_does_not_end_keeps_no_rows_and_stops_nobody(
    worker: Worker, server: Server, tmp_path: Path
) -> None:
    impatient = Patience(first=0.2, factor=1.2, most=0.5, tries=5, ending=3.0)
    worker.ends = False
    backend = NemoBackend.connect({"NEMO_ENDPOINT": server.url}, impatient)

    def progress(text: str, *_: int) -> None:
        for job in server.listed(JOBS) if "running" in text else []:
            server.call("POST", f"{JOBS}/{job['name']}/cancel")

    request = request_for(run_id="stuck", model="model.shop.stuck", progress=progress)
    with pytest.raises(BackendError, match="is being cancelled"):
        backend.synthesize(training(), request, tmp_path)
    (job,) = server.left
    backend = NemoBackend.connect({"NEMO_ENDPOINT": server.url}, impatient)
    next_request = replace(request, run_id="next", progress=None)
    assert len(backend.synthesize(training(), next_request, tmp_path)) == ROWS
    assert server.left == [job]
    worker.ends = True
    backend.synthesize(training(), replace(request, run_id="later", progress=None), tmp_path)
    assert server.left == []


@pytest.mark.parametrize("deadline", [False, True])
def test_one_odd_answer_at_each_call_costs_nothing_and_leaves_nothing(
    worker: Worker, server: Server, tmp_path: Path, *, deadline: bool
) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcome = pool.map(partial(spoilt, server, tmp_path, deadline=deadline), (404, 409, 503))
        assert [text for text in outcome if text] == []
    assert server.left == []
    assert list(tmp_path.rglob("*.json")) == []
    assert deadline or len(worker.specs) == 3


def test_an_interrupt_at_any_call_leaves_nothing(worker: Worker, server: Server, tmp_path: Path) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcome = pool.map(partial(interrupt, server, tmp_path), CALLS)
        assert [text for text in outcome if text] == []
    assert server.left == []
    assert list(tmp_path.rglob("*.json")) == []
