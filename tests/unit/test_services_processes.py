from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from synth.services import processes
from synth.services.processes import Process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENVIRONMENT = {"PATH": os.defpath}


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    process = processes.spawn(["sleep", "60"], log=tmp_path / "log", cwd=tmp_path, environment=ENVIRONMENT)
    yield process
    processes.stop(process, signal.SIGKILL, seconds=5)


def test_a_started_process_is_found_alive(sleeper: Process) -> None:
    assert sleeper.alive()
    assert processes.find(sleeper.pid) == sleeper


def test_a_started_process_shares_no_session_with_its_caller(sleeper: Process) -> None:
    assert os.getsid(sleeper.pid) != os.getsid(0)


def test_a_started_process_sees_only_the_given_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_CALLER", "1")
    log = tmp_path / "log"
    processes.spawn(["sh", "-c", "env; sleep 5"], log=log, cwd=tmp_path, environment={"PATH": os.defpath})
    assert processes.wait_until(lambda: "PATH=" in log.read_text(), seconds=5)
    assert "OF_THE_CALLER" not in log.read_text()


def test_a_stopped_process_is_dead(sleeper: Process) -> None:
    processes.stop(sleeper, signal.SIGTERM, seconds=5)
    assert not sleeper.alive()


def test_stopping_a_dead_process_does_nothing(sleeper: Process) -> None:
    processes.stop(sleeper, signal.SIGTERM, seconds=5)
    processes.stop(sleeper, signal.SIGTERM, seconds=5)


def test_a_process_that_ignores_the_first_signal_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = ["sh", "-c", "trap '' TERM; echo deaf; sleep 60"]
    process = processes.spawn(command, log=log, cwd=tmp_path, environment=ENVIRONMENT)
    assert processes.wait_until(lambda: "deaf" in log.read_text(), seconds=5)
    processes.stop(process, signal.SIGTERM, seconds=0.2)
    assert not process.alive()


def test_a_zombie_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        process = processes.find(child.pid)
        while processes.find(child.pid):
            time.sleep(0.01)
        assert os.path.exists(f"/proc/{child.pid}") or not sys.platform.startswith("linux")  # noqa: PTH110 - a zombie
        assert process is None or not process.alive()


def test_a_recycled_id_is_never_taken_for_ours_and_never_killed(sleeper: Process) -> None:
    predecessor = Process(sleeper.pid, "another boot:1")
    assert not predecessor.alive()
    processes.stop(predecessor, signal.SIGKILL, seconds=1)
    assert sleeper.alive()


def test_a_written_down_process_is_recalled_while_it_runs(sleeper: Process, tmp_path: Path) -> None:
    path = tmp_path / "process.json"
    processes.remember(sleeper, path)
    assert processes.recall(path) == sleeper
    processes.stop(sleeper, signal.SIGTERM, seconds=5)
    assert processes.recall(path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"pid": 1, "started": "x", "more": 1}'])
def test_a_damaged_note_recalls_nothing(content: str, tmp_path: Path) -> None:
    path = tmp_path / "process.json"
    path.write_text(content)
    assert processes.recall(path) is None


def test_nothing_is_recalled_before_anything_was_started(tmp_path: Path) -> None:
    assert processes.recall(tmp_path / "process.json") is None


def test_a_command_that_cannot_run_is_dead_and_says_why_in_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = processes.spawn(["/nonexistent"], log=log, cwd=tmp_path, environment=ENVIRONMENT)
    assert processes.wait_until(lambda: not process.alive(), seconds=5)
    assert "/nonexistent" in log.read_text()


def test_waiting_gives_up_in_time() -> None:
    before = time.monotonic()
    assert not processes.wait_until(lambda: False, seconds=0.1)
    assert time.monotonic() - before < 2
