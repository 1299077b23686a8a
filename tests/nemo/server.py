"""NeMo's own API server (package nemo-helix) for the length of a test session, and what it holds."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
ENVIRONMENT = Path(os.environ.get("SYNTH_TEST_NEMO") or ROOT / ".venv-nemo")
PROGRAM = ENVIRONMENT / "bin" / "nemo"
SERVICES = "entities,auth,jobs,secrets,files,safe-synthesizer"
WORKSPACE = "default"
JOBS = f"/apis/safe-synthesizer/v2/workspaces/{WORKSPACE}/jobs"
EVERY_JOB = f"/apis/jobs/v2/workspaces/{WORKSPACE}/jobs"
FILESETS = f"/apis/files/v2/workspaces/{WORKSPACE}/filesets"
START = 300.0  # seconds that it may take to start
OK = 300


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    pool: urllib3.PoolManager

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """The status of the answer, and what it says."""
        address = self.url + path
        if isinstance(body, bytes):
            answer = self.pool.request(
                method, address, body=body, headers={"Content-Type": "application/octet-stream"}
            )
        elif body is None:
            answer = self.pool.request(method, address)
        else:
            answer = self.pool.request(method, address, json=body)
        kind = answer.headers.get("Content-Type", "")
        return answer.status, answer.json() if "json" in kind and answer.data else answer.data

    def listed(self, path: str) -> list[dict[str, Any]]:
        """All entries of a list."""
        status, answer = self.call("GET", f"{path}?page_size=100")
        assert status < OK, answer
        entries: list[dict[str, Any]] = answer["data"]
        return entries

    @property
    def left(self) -> list[str]:
        """The jobs and filesets that are there."""
        return [str(entry["name"]) for path in (JOBS, FILESETS) for entry in self.listed(path)]


@contextmanager
def serve(folder: Path) -> Iterator[Server]:
    """Start the server in `folder`, and end it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "config.yaml"
    text = (Path(__file__).parent / "config.yaml").read_text()
    config.write_text(text.replace("PORT", str(port)))
    command = [str(PROGRAM), "services", "run", "--services", SERVICES, "--controllers", "jobs"]
    command += ["--port", str(port), "--instance", f"test-{port}", "--config", str(config)]
    (folder / "home").mkdir()
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(folder),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            server = Server(f"http://127.0.0.1:{port}", urllib3.PoolManager(maxsize=16, retries=False))
            _await_start(server, process, folder / "server.log")
            yield server
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _environment(folder: Path) -> Mapping[str, str]:
    environment = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**environment, "HOME": str(folder / "home"), "NEMO_TELEMETRY_ENABLED": "false"}


def _await_start(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            if server.call("GET", JOBS)[0] < OK and server.call("GET", FILESETS)[0] < OK:
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.5)
    raise AssertionError(log.read_text()[-3000:])
