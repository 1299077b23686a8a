"""Processes that outlive their caller: started apart from it, recognised again later, and stopped for good.

A process is recognised by its id and its start time, so that an id which the system has given to another
program is never taken for ours, and never killed.
"""

from __future__ import annotations

import json
import os
import pwd
import random
import signal
import socket
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synth.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# The shell leaves its background job to init: no zombie of ours, and nothing of the caller's is held open.
_DETACH = '"$@" </dev/null >&2 & echo $!'
# Below the range from which systems draw outgoing ports, so that a kept port is seldom taken meanwhile.
_PORTS = range(20_000, 32_000)


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this machine, since its last boot."""

    pid: int
    start_time: str

    def alive(self) -> bool:
        """Return whether it still runs; a zombie does not."""
        status = _look_up(self.pid)
        return status is not None and status == ("running", self.start_time)


def find(pid: int) -> Process | None:
    """Return the living process with that id."""
    status = _look_up(pid)
    return Process(pid, status[1]) if status and status[0] == "running" else None


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    cwd: Path,
    environment: Mapping[str, str],
    user: str | None = None,
) -> Process:
    """Start `command` in a session of its own, with `environment` and nothing of the caller's.

    What it prints, and why it could not run, goes to `log`.
    """
    with log.open("ab") as errors:  # opened here: another user may not reach it by its path
        result = subprocess.run(
            ["/bin/sh", "-c", _DETACH, "sh", *command],
            check=True,
            cwd=cwd,
            env=dict(environment),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            user=user,
            group=primary_group(user),
            extra_groups=None if user is None else [],
        )
    pid = int(result.stdout)
    return find(pid) or Process(pid, "ended already")


def primary_group(user: str | None) -> int | None:
    """Return the group that `user` belongs to first."""
    return None if user is None else pwd.getpwnam(user).pw_gid


def stop(process: Process, first: signal.Signals, *, seconds: float) -> None:
    """Stop it with the signal `first`; kill it when `seconds` were not enough.

    Raises:
        ServiceError: it outlives even SIGKILL, or belongs to another user.
    """
    for number, patience in ((first, seconds), (signal.SIGKILL, 10.0)):
        if not process.alive():
            return
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise ServiceError(
                f"Process {process.pid} belongs to another user; run `synth down` as the one who started it."
            ) from error
        if wait_until(lambda: not process.alive(), seconds=patience):
            return
    raise ServiceError(f"Process {process.pid} does not end; stop it with `kill -9 {process.pid}`.")


def remember(process: Process, path: Path) -> None:
    """Write the process down, for `recall`."""
    path.write_text(json.dumps(asdict(process)), encoding="utf-8")


def recall(path: Path) -> Process | None:
    """Return the process written down at `path`, if it still runs."""
    try:
        process = Process(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return process if process.alive() else None


def wait_until(condition: Callable[[], bool], *, seconds: float, pause: float = 0.02) -> bool:
    """Return whether `condition` came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def port_is_free(port: int) -> bool:
    """Return whether a server could listen on the loopback port right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections that a predecessor has just closed do not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(*, avoid: int = 0) -> int:
    """Return a loopback port that nothing listens on."""
    for port in random.SystemRandom().sample(_PORTS, 200):
        if port != avoid and port_is_free(port):
            return port
    raise ServiceError(f"No free port on 127.0.0.1 between {_PORTS.start} and {_PORTS.stop}.")


def _look_up(pid: int) -> tuple[str, str] | None:
    """Return a process' state and start time, which no later process repeats."""
    if not Path("/proc/self/stat").exists():
        return _look_up_by_ps(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in parentheses, may hold anything; the state is the first field after it, the start the 20th.
    fields = stat.rpartition(b")")[2].split()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return "zombie" if fields[0] in {b"Z", b"X"} else "running", f"{boot}:{int(fields[19])}"


def _look_up_by_ps(pid: int) -> tuple[str, str] | None:
    command = ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)]
    answer = subprocess.run(command, check=False, capture_output=True, text=True, env={"LC_ALL": "C"})
    state, _, start_time = answer.stdout.strip().partition(" ")
    if not state:
        return None
    return "zombie" if state.startswith("Z") else "running", start_time.strip()
