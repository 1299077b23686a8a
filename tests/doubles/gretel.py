"""A stand-in for Gretel: the projects and models of its protocol, as gretel-client 0.30.1 speaks it.

Only that client, unmodified, ever drives it. Its jobs advance by one state of their script each time they are
looked at, so nothing in a test waits for a clock.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.doubles.server import Answer, Call, Double
from tests.doubles.work import learn

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "grtu" + "0123456789abcdef" * 4
PROJECT = "synth-demo"
RETIRED_MODELS = {"synthetics", "amplify", "classify", "transform"}
KNOWN_MODELS = {"actgan", "navigator_ft", "tabular_dp", "transform_v2"}
END_STATES = {"completed", "cancelled", "error", "lost"}
SCORE = {"raw_score": 91.4, "grade": "Excellent", "score": 91}


@dataclass
class Job:
    """A model of Gretel's, from its submission on."""

    uid: str
    config: dict[str, Any]
    script: list[str]
    error: str | None = None
    output: bytes | None = None

    @property
    def kind(self) -> str:
        return str(next(iter(self.config["models"][0])))

    @property
    def body(self) -> dict[str, Any]:
        parameters: dict[str, Any] = self.config["models"][0][self.kind]
        return parameters

    @property
    def status(self) -> str:
        return self.script[0]

    def as_json(self) -> dict[str, Any]:
        return {
            "uid": self.uid,
            "name": self.config.get("name"),
            "status": self.status,
            "runner_mode": "cloud",
            "config": self.config,
            "error_msg": self.error if self.status == "error" else None,
        }


@dataclass
class Handler:
    """A record handler: a trained model makes more rows."""

    uid: str
    model: Job
    rows: int
    script: list[str]

    def as_json(self) -> dict[str, Any]:
        config = {"params": {"num_records": self.rows}}
        return {
            "uid": self.uid,
            "status": self.script[0],
            "runner_mode": "cloud",
            "config": config,
            "error_msg": None,
        }


@dataclass(eq=False)
class Bucket:
    """What a hybrid project needs of the user's bucket."""

    read: Callable[[str], bytes]
    write: Callable[[str, bytes], None]


class GretelDouble(Double):
    """The service.

    Attributes:
        script: the states that new jobs go through; the last one stays.
        make: what a job makes of the CSV it was given.
        submitted, given: the configuration and the CSV of each job.
        mangle, break_: change the CSV, or the packed bytes, on their way out.
        room: how many jobs may be there at once.
        most: how many jobs were there at once.
    """

    def __init__(self, bucket: Bucket | None = None) -> None:
        super().__init__()
        self.project = {
            "name": PROJECT,
            "_id": "64b0c0ffee64b0c0ffee0001",
            "guid": "proj_" + "2a" * 13,
            "runner_mode": "hybrid" if bucket else "cloud",
        }
        self.keys = {KEY}
        self.bucket = bucket
        self.jobs: dict[str, Job] = {}
        self.handlers: dict[str, Handler] = {}  # go with their model
        self.uploads: dict[str, str] = {}  # key: path of its blob
        self.submissions: list[dict[str, Any]] = []
        self.sheets: list[bytes] = []
        self.script = ["created", "active", "completed"]
        self.error = "out of memory"
        self.ending = 2  # looks that a job which was cancelled takes to end
        self.room = 100
        self.most = 0
        self.make: Callable[[bytes, int], bytes] = learn
        self.mangle: Callable[[bytes], bytes] = bytes
        self.break_: Callable[[bytes], bytes] = bytes
        self._add_routes()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead the client here."""
        return {"GRETEL_API_KEY": KEY, "GRETEL_ENDPOINT": self.url, "GRETEL_PROJECT": PROJECT}

    @property
    def left(self) -> list[str]:
        """What is still there of jobs and data."""
        return [*self.jobs, *self.handlers, *self.uploads]

    def denial_of(self, call: Call) -> Answer | None:
        if call.headers.get("Authorization") in self.keys:
            return None
        return Answer({"message": "Unauthorized"}, 401)

    def _add_routes(self) -> None:
        project, model = "/projects/{}", "/projects/{}/models/{}"
        self.route(
            "GET", "/users/me", "me", lambda _: _data(me={"_id": "64b0" * 6, "email": "a@example.com"})
        )
        self.route("GET", project, "project", self._on_project)
        self.route("POST", f"{project}/artifacts", "upload", self._on_upload)
        self.route("GET", f"{project}/artifacts", "uploads", self._on_uploads)
        self.route("DELETE", f"{project}/artifacts", "drop", self._on_drop)
        self.route("POST", f"{project}/models", "submit", self._on_submit)
        self.route("GET", f"{project}/models", "search", self._on_search)
        self.route("GET", model, "look", self._on_look)
        self.route("PATCH", model, "cancel", self._on_cancel)
        self.route("DELETE", model, "delete", self._on_delete)
        self.route("GET", f"{model}/artifact", "link", self._on_link)
        handler = f"{model}/record_handlers/{{}}"
        self.route("POST", f"{model}/record_handlers", "generate", self._on_generate)
        self.route("GET", handler, "look at handler", self._on_handler)
        self.route("PATCH", handler, "cancel handler", self._on_cancel_handler)
        self.route("DELETE", handler, "delete handler", self._on_delete_handler)
        self.route("GET", f"{handler}/artifact", "link of handler", self._on_handler_link)

    def _on_project(self, call: Call) -> Answer:
        if call.parts[0] not in {self.project["name"], self.project["_id"], self.project["guid"]}:
            return Answer({"message": "not found"}, 404)
        return _data(project=self.project)

    def _on_upload(self, call: Call) -> Answer:
        key = f"gretel_{uuid4().hex}_{call.json()['filename']}"
        self.uploads[key] = f"/_blob/{key}"
        return Answer({"data": {"key": key, "url": self.link("PUT", self.uploads[key])}})

    def _on_uploads(self, _: Call) -> Answer:
        return _data(artifacts=[{"key": key} for key in self.uploads])

    def _on_drop(self, call: Call) -> Answer:
        path = self.uploads.pop(call.query["key"], None)
        if path is None:
            return Answer({"message": "not found"}, 404)
        self.drop(path)
        return _data()

    def _on_submit(self, call: Call) -> Answer:
        job = Job(uuid4().hex[:24], call.json(), list(self.script), self.error)
        if job.kind in RETIRED_MODELS:
            return Answer({"message": f"{job.kind} has been discontinued"}, 400)
        if job.kind not in KNOWN_MODELS or not isinstance(job.body.get("params", {}), dict):
            return Answer({"message": "unknown model"}, 422)
        group = job.body.get("group_training_examples_by")
        if group and group not in self._read(job).partition(b"\n")[0].decode().split(","):
            return Answer({"message": f"no column {group} to group by"}, 422)
        if len(self.jobs) >= self.room:
            return Answer({"message": "Maximum number of running models reached"}, 400)
        if call.query.get("dry_run") != "yes":
            self.sheets.append(self._read(job))
            self.jobs[job.uid] = job
            self.most = max(self.most, len(self.jobs))
            self.submissions.append(job.config)
        return Answer({"data": {"model": job.as_json()}, "worker_key": "w"})

    def _on_search(self, call: Call) -> Answer:
        part = call.query.get("model_name", "")
        projects = [job.as_json() for job in self.jobs.values() if part in str(job.config.get("name"))]
        return _data(models=projects[: int(call.query.get("limit", "100"))])

    def _on_look(self, call: Call) -> Answer:
        job = self.jobs.get(call.parts[1])
        if job is None:
            return Answer({"message": "not found"}, 404)
        description = job.as_json()
        if len(job.script) > 1:
            job.script.pop(0)
        if description["status"] == "completed" and self.bucket:
            self._deliver(job, self.bucket)
        log = [{"ts": "now", "msg": "training", "ctx": {"epoch": 3}, "stage": "train"}]
        return _data(model=description, logs=log if description["status"] == "active" else None)

    def _on_cancel(self, call: Call) -> Answer:
        if call.parts[0] != self.project["_id"]:
            return Answer({"message": "not found"}, 404)
        return self._end(self.jobs.get(call.parts[1]), call)

    def _end(self, job: Job | Handler | None, call: Call) -> Answer:
        if job is None:
            return Answer({"message": "not found"}, 404)
        if job.script[0] not in END_STATES:  # it goes on for a while
            job.script[:] = [*[job.script[0]] * self.ending, str(call.json()["status"])]
        return _data()

    def _on_delete(self, call: Call) -> Answer:
        job = self.jobs.pop(call.parts[1], None)
        if job is None:
            return Answer({"message": "not found"}, 404)
        for artifact in ("data_preview", "report_json"):
            self.drop(_file_name(job, artifact))
        self.handlers = {uid: one for uid, one in self.handlers.items() if one.model is not job}
        return _data()

    def _on_generate(self, call: Call) -> Answer:
        model = self.jobs.get(call.parts[1])
        if model is None or model.status != "completed":
            return Answer({"message": "not found"}, 404)
        rows = int(call.json()["params"]["num_records"])
        handler = Handler(uuid4().hex[:24], model, rows, ["created", "active", "completed"])
        self.handlers[handler.uid] = handler
        return Answer({"data": {"handler": handler.as_json()}, "worker_key": "w"})

    def _on_handler(self, call: Call) -> Answer:
        handler = self.handlers.get(call.parts[2])
        if handler is None:
            return Answer({"message": "not found"}, 404)
        description = handler.as_json()
        if len(handler.script) > 1:
            handler.script.pop(0)
        return _data(handler=description, logs=None)

    def _on_cancel_handler(self, call: Call) -> Answer:
        return self._end(self.handlers.get(call.parts[2]), call)

    def _on_delete_handler(self, call: Call) -> Answer:
        handler = self.handlers.pop(call.parts[2], None)
        return _data() if handler else Answer({"message": "not found"}, 404)

    def _on_handler_link(self, call: Call) -> Answer:
        handler = self.handlers[call.parts[2]]
        path = f"/_blob/{handler.uid}/data.gz"
        rows = self.mangle(self.make(self._read(handler.model), handler.rows))
        self.store(path, self.break_(gzip.compress(rows)))
        return Answer({"data": {"url": self.link("GET", path)}})

    def _on_link(self, call: Call) -> Answer:
        job, artifact = self.jobs[call.parts[1]], call.query["type"]
        if job.status != "completed":
            return Answer({"message": "not ready"}, 404)
        path = _file_name(job, artifact)
        self.store(path, self._archive(job, artifact))
        return Answer({"data": {"url": self.link("GET", path)}})

    def _archive(self, job: Job, artifact: str) -> bytes:
        if artifact == "report_json":
            report = {
                "synthetic_data_quality_score": SCORE,
                "field_correlation_stability": SCORE,
                "summary": [],
            }
            return gzip.compress(json.dumps(report).encode())
        if job.output is None:
            rows = job.body.get("generate", {}).get("num_records", 0)
            content = self._read(job)
            job.output = content if job.kind == "transform_v2" else self.make(content, rows)
        return self.break_(gzip.compress(self.mangle(job.output)))

    def _read(self, job: Job) -> bytes:
        source = str(job.body["data_source"])
        return self.bucket.read(source) if self.bucket else self.blob(self.uploads[source])

    def _deliver(self, job: Job, bucket: Bucket) -> None:
        for artifact, file in (("data_preview", "data_preview.gz"), ("report_json", "report_json.json.gz")):
            bucket.write(f"{self.project['_id']}/model/{job.uid}/{file}", self._archive(job, artifact))


def _file_name(job: Job, artifact: str) -> str:
    return f"/_blob/{job.uid}/{artifact}.gz"


def _data(**content: object) -> Answer:
    return Answer({"data": content})
