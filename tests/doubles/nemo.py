"""A stand-in for NeMo Safe Synthesizer, in either family of its protocol.

`v2`: jobs, filesets and the service for all jobs of NeMo Platform and NeMo Helix. `v1beta1`: the jobs of NeMo
Microservices, and beside them the data store with as much of the hub's protocol as an upload takes.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.doubles.server import Answer, Call, Double
from tests.doubles.work import learn

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "nvapi-0123456789abcdef"
WORKSPACE = "default"
LARGE = 20_000  # bytes from which the data store wants large file storage
LFS = "application/vnd.git-lfs+json"
NAME = re.compile(r"[a-z](?!.*--)[a-z0-9\-@.+_]{1,50}(?<!-)")  # a job has a fileset with a longer name
KNOWN_FIELDS = {"data", "training", "generation", "privacy", "evaluation", "replace_pii"}
SPEC_FIELDS = {"v2": {"data_source", "config", "pretrained_model_job"}, "v1beta1": {"data_source", "config"}}
MORE_FIELDS = {"v2": {"emit_telemetry"}, "v1beta1": {"enable_synthesis", "enable_replace_pii"}}
END_STATES = {"completed", "cancelled", "error"}
SUMMARY = {
    "timing": {},
    "synthetic_data_quality_score": 9.1,
    "data_privacy_score": 8.0,
    "num_valid_records": 50,
}


@dataclass
class Job:
    """A job, from its submission on."""

    uid: str
    name: str
    spec: dict[str, Any]
    script: list[str]

    def as_json(self) -> dict[str, Any]:
        return {"id": self.uid, "name": self.name, "status": self.script[0], "spec": self.spec}


@dataclass
class Repository:
    """A repository of the data store, and the objects it waits for."""

    files: dict[str, bytes] = field(default_factory=dict)


class NemoDouble(Double):
    """The service; see `GretelDouble` for its levers. It is as unkind as a real one.

    A job that works and is cancelled is `cancelling` for `ending` looks; one that works is not deleted; a
    second job of one name is refused; results are there when a job is completed, and not before.
    """

    def __init__(self, family: str) -> None:
        super().__init__()
        self.family = family
        self.tokens = {TOKEN}
        self.jobs: dict[str, Job] = {}
        self.filesets: dict[str, dict[str, bytes]] = {}
        self.repositories: dict[str, Repository] = {}
        self.submissions: list[dict[str, Any]] = []
        self.sheets: list[bytes] = []
        self.script = ["created", "active", "completed"]
        self.error = "CUDA out of memory"
        self.ending = 2  # looks that a job which was cancelled takes to end
        self.make: Callable[[bytes, int], bytes] = learn
        self.mangle: Callable[[bytes], bytes] = bytes
        if family == "v2":
            self._add_platform()
            self.route("GET", "/v1beta1/safe-synthesizer/jobs", "other family", _not_there)
        else:
            self._add_microservices()
            other = f"/apis/safe-synthesizer/v2/workspaces/{WORKSPACE}/jobs"
            self.route("GET", other, "other family", _not_there)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a client here."""
        return {"NEMO_ENDPOINT": self.url, "NEMO_TOKEN": TOKEN}

    @property
    def left(self) -> list[str]:
        """What is still there of jobs and data."""
        return [*self.jobs, *self.filesets, *self.repositories]

    def denial_of(self, call: Call) -> Answer | None:
        if call.headers.get("Authorization") in {f"Bearer {token}" for token in self.tokens}:
            return None
        return Answer({"detail": "Unauthorized"}, 401)

    def _add_platform(self) -> None:
        files = f"/apis/files/v2/workspaces/{WORKSPACE}/filesets"
        self.route("POST", files, "repository", self._on_fileset)
        self.route("PUT", f"{files}/{{}}/-/{{}}", "upload", self._on_file)
        self.route("DELETE", f"{files}/{{}}", "drop", self._on_drop_fileset)
        self._add_jobs(f"/apis/safe-synthesizer/v2/workspaces/{WORKSPACE}/jobs", "synthetic-data")
        every = f"/apis/jobs/v2/workspaces/{WORKSPACE}/jobs"
        self.route("GET", f"{every}/{{}}/status", "look", self._on_status)
        self.route("GET", f"{every}/{{}}/logs", "logs", self._on_logs)

    def _add_microservices(self) -> None:
        hub = "/v1/hf"
        self.route("POST", f"{hub}/api/repos/create", "repository", self._on_repository)
        self.route("DELETE", f"{hub}/api/repos/delete", "drop", self._on_drop_repository)
        self.route("POST", f"{hub}/api/datasets/{{}}/{{}}/preupload/main", "preupload", self._on_preupload)
        self.route("POST", f"{hub}/api/datasets/{{}}/{{}}/commit/main", "upload", self._on_commit)
        self.route("POST", f"{hub}/datasets/{{}}/{{}}.git/info/lfs/objects/batch", "batch", self._on_batch)
        self._add_jobs("/v1beta1/safe-synthesizer/jobs", "synthetic_data")
        self.route("GET", "/v1beta1/safe-synthesizer/jobs/{}/status", "look", self._on_status)
        self.route("GET", "/v1beta1/safe-synthesizer/jobs/{}/logs", "logs", self._on_logs)

    def _add_jobs(self, jobs: str, result: str) -> None:
        self.route("POST", jobs, "submit", self._on_submit)
        self.route("GET", jobs, "search", self._on_search)
        self.route("DELETE", f"{jobs}/{{}}", "delete", self._on_delete)
        self.route("POST", f"{jobs}/{{}}/cancel", "cancel", self._on_cancel)
        self.route("GET", f"{jobs}/{{}}/results/{result}/download", "result", self._on_result)
        self.route("GET", f"{jobs}/{{}}/results/summary/download", "summary", lambda _: Answer(SUMMARY))

    def _on_fileset(self, call: Call) -> Answer:
        name = call.json()["name"]
        if name in self.filesets:
            return Answer({"detail": "exists"}, 409)
        self.filesets[name] = {}
        return Answer({"name": name}, 201)

    def _on_file(self, call: Call) -> Answer:
        name, path = call.parts
        if name not in self.filesets:
            return Answer({"detail": "not found"}, 404)
        self.filesets[name][path] = call.body
        return Answer({"path": path})

    def _on_drop_fileset(self, call: Call) -> Answer:
        fileset = self.filesets.pop(call.parts[0], None)
        return Answer({}) if fileset is not None else Answer({"detail": "not found"}, 404)

    def _on_repository(self, call: Call) -> Answer:
        name = f"{call.json()['organization']}/{call.json()['name']}"
        if name in self.repositories:
            return Answer({"error": "exists"}, 409)
        self.repositories[name] = Repository()
        return Answer({"url": name})

    def _on_drop_repository(self, call: Call) -> Answer:
        name = f"{call.json()['organization']}/{call.json()['name']}"
        repository = self.repositories.pop(name, None)
        return Answer({}) if repository is not None else Answer({"error": "not found"}, 404)

    def _on_preupload(self, call: Call) -> Answer:
        (file,) = call.json()["files"]
        mode = "lfs" if file["size"] >= LARGE else "regular"
        return Answer({"files": [{"path": file["path"], "uploadMode": mode, "shouldIgnore": False}]})

    def _on_batch(self, call: Call) -> Answer:
        if call.headers.get("Accept") != LFS or call.headers.get("Content-Type") != LFS:
            return Answer({"message": "not acceptable"}, 406)
        (item,) = call.json()["objects"]
        link = self.link("PUT", f"/_blob/{item['oid']}")
        return Answer({"objects": [{**item, "actions": {"upload": {"href": link}}}]})

    def _on_commit(self, call: Call) -> Answer:
        repository = self.repositories["/".join(call.parts)]
        header, entry = (json.loads(line) for line in call.body.splitlines())
        assert header["key"] == "header"
        value = entry["value"]
        content = (
            base64.b64decode(value["content"])
            if entry["key"] == "file"
            else self.blob(f"/_blob/{value['oid']}")
        )
        repository.files[value["path"]] = content
        return Answer({"commitOid": "0", "commitUrl": f"{self.url}/datasets/{'/'.join(call.parts)}/commit/0"})

    def _on_submit(self, call: Call) -> Answer:
        body = call.json()
        parent_job = body["spec"].get("pretrained_model_job")
        if body["spec"].keys() - SPEC_FIELDS[self.family] or (parent_job and parent_job not in self.jobs):
            return Answer({"detail": [{"loc": ["body", "spec"], "msg": "extra"}]}, 422)
        unknown_fields = body["spec"]["config"].keys() - KNOWN_FIELDS - MORE_FIELDS[self.family]
        if unknown_fields:
            detail = [
                {"loc": ["body", "spec", "config", name], "msg": "extra"} for name in sorted(unknown_fields)
            ]
            return Answer({"detail": detail}, 422)
        if not NAME.fullmatch(body["name"]):
            return Answer({"detail": [{"loc": ["body", "name"], "msg": "name"}]}, 422)
        if self.family == "v2" and body["name"] in self.jobs:
            return Answer({"detail": "exists"}, 409)
        uid = body["name"] if self.family == "v2" else f"job-{uuid4().hex[:12]}"
        job = Job(uid, body["name"], body["spec"], list(self.script))
        content, group = self._input(job), body["spec"]["config"]["data"].get("group_training_examples_by")
        if group and group not in content.partition(b"\n")[0].decode().split(","):
            return Answer(
                {"detail": [{"loc": ["body", "spec", "config", "data"], "msg": "no such group"}]}, 422
            )
        self.jobs[uid] = job
        self.sheets.append(content)
        self.submissions.append(body)
        return Answer(self.jobs[uid].as_json(), 201)

    def _on_search(self, call: Call) -> Answer:
        size, page = int(call.query.get("page_size", "10")), int(call.query.get("page", "1"))
        jobs = [job.as_json() for job in self.jobs.values()]
        return Answer({"data": jobs[(page - 1) * size : page * size], "pagination": {}})

    def _on_status(self, call: Call) -> Answer:
        job = self.jobs.get(call.parts[0])
        if job is None:
            return Answer({"detail": "not found"}, 404)
        status = job.script[0]
        if len(job.script) > 1:
            job.script.pop(0)
        details = {"message": self.error} if status == "error" else {}
        return Answer(
            {"job_id": job.uid, "status": status, "status_details": {}, "error_details": details, "steps": []}
        )

    def _on_logs(self, _: Call) -> Answer:
        return Answer({"data": [{"message": "training"}], "next_page": "", "prev_page": "", "total": 1})

    def _on_cancel(self, call: Call) -> Answer:
        job = self.jobs.get(call.parts[0])
        if job is None:
            return Answer({"detail": "not found"}, 404)
        if job.script[0] == "created":
            job.script[:] = ["cancelled"]
        elif job.script[0] not in {*END_STATES, "cancelling"}:
            job.script[:] = [*["cancelling"] * self.ending, "cancelled"]
        return Answer(job.as_json())

    def _on_delete(self, call: Call) -> Answer:
        job = self.jobs.get(call.parts[0])
        if job is None:
            return Answer({"detail": "not found"}, 404)
        if job.script[0] not in {*END_STATES, "meditating"}:
            return Answer({"detail": "Job, attempt, or step is not terminal"}, 409)
        del self.jobs[job.uid]
        return Answer(b"", 204)

    def _on_result(self, call: Call) -> Answer:
        job = self.jobs.get(call.parts[0])
        if job is None or job.script[0] != "completed":
            return Answer({"detail": "not found"}, 404)
        rows = job.spec["config"]["generation"]["num_records"]
        if self.family == "v2":
            self.filesets[f"job-fileset-{job.uid}"] = {}  # is not deleted with the job
        return Answer(self.mangle(self.make(self._input(job), rows)))

    def _input(self, job: Job) -> bytes:
        source = job.spec["data_source"]
        if self.family == "v2":
            fileset, _, path = source.removeprefix(f"{WORKSPACE}/").partition("#")
            return self.filesets[fileset][path]
        repository, _, path = source.removeprefix("hf://datasets/").rpartition("/")
        return self.repositories[repository].files[path]


def _not_there(_: Call) -> Answer:
    """How a deployment answers who asks whether it speaks the other family."""
    return Answer({"detail": "not found"}, 404)
