"""Does what the GPU task of a job does: reads the training rows, and registers rows and scores as results.

The server's executor lets each step go from pending to completed by itself, whatever this program does. A
step that is cancelled it leaves as it is, and this program ends it, as the container of a real one would.
"""

from __future__ import annotations

import json
import time
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Self

from tests.doubles.work import learn
from tests.nemo.server import EVERY_JOB, FILESETS, JOBS, OK, WORKSPACE, Server

if TYPE_CHECKING:
    from collections.abc import Callable

STEP = "safe-synthesizer"
SUMMARY = {"synthetic_data_quality_score": 9.1, "data_privacy_score": 8.0, "timing": {"total_time_sec": 1.0}}
PAUSE = 0.2  # seconds between two looks


class Worker:
    """The GPU task of all jobs.

    Attributes:
        make: what becomes of the training CSV.
        ends: whether a job that is cancelled ends.
        ending: seconds that it takes to.
        specs: of the jobs whose work was done, in order.
        given: the training CSV of each.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._over = Event()
        self._thread = Thread(target=self._work, daemon=True)
        self._ready: set[str] = set()
        self._cancelled: dict[str, float] = {}
        self.make: Callable[[bytes, int], bytes] = learn
        self.ends, self.ending = True, 1.0
        self.specs: list[dict[str, Any]] = []
        self.sheets: list[bytes] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(PAUSE):
            for job in self._server.listed(JOBS):
                if job["status"] == "cancelling":
                    self._end(job)
                elif job["status"] in {"pending", "active", "completed"} and job["id"] not in self._ready:
                    self._ready.add(job["id"])
                    self._do(job)

    def _end(self, job: dict[str, Any]) -> None:
        since = self._cancelled.setdefault(job["id"], time.monotonic())
        if self.ends and time.monotonic() - since >= self.ending:
            path = f"{EVERY_JOB}/{job['name']}/steps/{STEP}/status"
            self._server.call("PATCH", path, {"status": "cancelled"})

    def _do(self, job: dict[str, Any]) -> None:
        """The work; a job or its rows may be gone at any moment."""
        name, spec = str(job["name"]), job["spec"]
        fileset, _, file = str(spec["data_source"]).removeprefix(f"{WORKSPACE}/").partition("#")
        status, content = self._server.call("GET", f"{FILESETS}/{fileset}/-/{file}")
        if status >= OK:
            return
        self.specs.append(spec)
        self.sheets.append(content)
        rows = self.make(content, int(spec["config"]["generation"]["num_records"]))
        own = f"job-fileset-{name}"
        if self._server.call("GET", f"{FILESETS}/{own}")[0] >= OK:
            self._server.call("POST", FILESETS, {"name": own})
        results = {
            "adapter": ("adapter.tar", b"weights"),
            "synthetic-data": ("synthetic_data.csv", rows),
            "summary": ("summary.json", json.dumps(SUMMARY).encode()),
        }
        for result, (path, body) in results.items():
            self._server.call("PUT", f"{FILESETS}/{own}/-/results/{path}", body)
            place = {"artifact_url": f"fileset://{WORKSPACE}/{own}#results/{path}"}
            job_fields = {**place, "artifact_storage_type": "fileset"}
            self._server.call("POST", f"{EVERY_JOB}/{name}/results/{result}", job_fields)
