"""NeMo Safe Synthesizer over plain HTTP, in both families of its protocol.

Its client packages were replaced twice within a year, so none is used:

- `v2`: `/apis/safe-synthesizer/v2/workspaces/{workspace}/jobs`, of NeMo Platform and NeMo Helix; rows are put
  into a fileset of their own, a job is known by the name it is given.
- `v1beta1`: `/v1beta1/safe-synthesizer/jobs`, of NeMo Microservices; rows are put into a repository of their
  own in the data store, which speaks the protocol of the Hugging Face hub; a job is known by an id.
"""

from __future__ import annotations

from functools import cached_property, partial
from itertools import count
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from synth.backends.redaction import redact
from synth.backends.service import GoneError, JobStatus, Phase
from synth.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from synth.backends.nemo_http import Http
    from synth.backends.nemo_store import HubStore
    from synth.backends.service import MoreRows

PHASES = {
    "created": Phase.QUEUED,
    "pending": Phase.QUEUED,
    "paused": Phase.QUEUED,
    "pausing": Phase.QUEUED,
    "resuming": Phase.QUEUED,
    "active": Phase.RUNNING,
    "cancelling": Phase.CANCELLING,
    "completed": Phase.DONE,
    "error": Phase.FAILED,
    "cancelled": Phase.CANCELLED,
}
SCALE = 10.0  # NeMo's scores end at 10, ours at 100
SCORES = (
    "synthetic_data_quality_score",
    "data_privacy_score",
    "column_correlation_stability_score",
    "column_distribution_stability_score",
    "deep_structure_stability_score",
    "membership_inference_protection_score",
    "attribute_inference_protection_score",
)
PAGE = 100  # jobs a page
FILE = "training.csv"


class ApiFamily(Protocol):
    """What the two families of the protocol do differently."""

    jobs: str  # the path of all jobs
    by_model: str | None  # the field of a job that names another one, whose model it takes
    results: Mapping[str, str]  # names of results, by ours

    def put(self, name: str, content: bytes) -> str:
        """Store rows; return what a job's `data_source` is then."""

    def source(self, name: str) -> str:
        """Return what a job's `data_source` is for rows that were put as `name`."""

    def drop(self, name: str) -> None:
        """Delete the rows."""

    def drop_made(self, job: str) -> None:
        """Delete what a job made, where that does not go with the job."""

    def status(self, job: str) -> str:
        """Return the path of a job's status."""

    def config(self, config: Mapping[str, object]) -> dict[str, object]:
        """Return the configuration in the family's words."""

    def job(self, answer: Mapping[str, Any]) -> str:
        """Return how a job is known."""


class Platform:
    """`v2`."""

    by_model: str | None = "pretrained_model_job"
    results: Mapping[str, str] = {"data": "synthetic-data", "summary": "summary"}

    def __init__(self, http: Http, workspace: str) -> None:
        self._http, self._workspace = http, workspace
        self._filesets = f"/apis/files/v2/workspaces/{quote(workspace, safe='')}/filesets"
        self._all_jobs = f"/apis/jobs/v2/workspaces/{quote(workspace, safe='')}/jobs"
        self.jobs = f"/apis/safe-synthesizer/v2/workspaces/{quote(workspace, safe='')}/jobs"

    def put(self, name: str, content: bytes) -> str:
        """Return a fileset of its own, so that nothing of it is left when it is deleted."""
        self._http.json("POST", self._filesets, {"name": name}, allow=(409,))
        self._http.send("PUT", f"{self._filesets}/{name}/-/{FILE}", content)
        return self.source(name)

    def source(self, name: str) -> str:
        """Return by workspace, fileset and file."""
        return f"{self._workspace}/{name}#{FILE}"

    def drop(self, name: str) -> None:
        """Delete the fileset."""
        self._http.send("DELETE", f"{self._filesets}/{name}")

    def drop_made(self, job: str) -> None:
        """Delete the fileset that a job has for its results."""
        self.drop(f"job-fileset-{job}")

    def status(self, job: str) -> str:
        """Return of the service for all kinds of jobs."""
        return f"{self._all_jobs}/{quote(job, safe='')}/status"

    def config(self, config: Mapping[str, object]) -> dict[str, object]:
        """Return as it is; unknown fields are refused, and nothing is reported elsewhere."""
        return {**config, "emit_telemetry": False}

    def job(self, answer: Mapping[str, Any]) -> str:
        """Return by its name."""
        return str(answer["name"])


class Microservices:
    """`v1beta1`."""

    jobs = "/v1beta1/safe-synthesizer/jobs"
    by_model: str | None = None
    results: Mapping[str, str] = {"data": "synthetic_data", "summary": "summary"}

    def __init__(self, store: HubStore) -> None:
        self._store = store

    def put(self, name: str, content: bytes) -> str:
        """Return a repository of its own, because a deleted file stays in a repository's history."""
        self._store.put(name, FILE, content)
        return self.source(name)

    def source(self, name: str) -> str:
        """Return by repository and file."""
        return f"hf://datasets/{self._store.repository(name)}/{FILE}"

    def drop(self, name: str) -> None:
        """Delete the repository."""
        self._store.drop(name)

    def drop_made(self, job: str) -> None:
        """Do nothing: the results go with their job."""

    def status(self, job: str) -> str:
        """Return below the job itself."""
        return f"{self.jobs}/{quote(job, safe='')}/status"

    def config(self, config: Mapping[str, object]) -> dict[str, object]:
        """Return with the switches that this family has."""
        return {**config, "enable_synthesis": True, "enable_replace_pii": False}

    def job(self, answer: Mapping[str, Any]) -> str:
        """Return by its id."""
        return str(answer["id"])


class NemoService:
    """A NeMo deployment, or another server of its protocol."""

    title = "NeMo"

    def __init__(self, http: Http, store: HubStore, workspace: str) -> None:
        self._http, self._store, self._workspace = http, store, workspace
        self.place = f"{http.endpoint}, workspace {workspace}"

    @cached_property
    def _family(self) -> ApiFamily:
        """The family that the deployment speaks: the one whose list of jobs is there."""
        families: tuple[ApiFamily, ...] = (Platform(self._http, self._workspace), Microservices(self._store))
        for family in families:
            try:
                self._http.json("GET", f"{family.jobs}?page_size=1")
            except GoneError:
                continue
            return family
        raise GoneError(
            f"{self._http.endpoint} has no NeMo Safe Synthesizer, or no workspace {self._workspace}. Next: "
            "check NEMO_ENDPOINT and NEMO_WORKSPACE"
        )

    def check(self) -> None:
        """See that the jobs can be listed, in the shape that we know.

        Raises:
            BackendError: they cannot.
        """
        self.find("")

    def upload(self, name: str, content: bytes) -> str:
        """Store training rows as `name`."""
        return self._family.put(name, content)

    def submit(self, name: str, config: Mapping[str, object], data: str) -> str:
        """Start a job called `name`."""
        spec: dict[str, object] = {"data_source": data, "config": self._family.config(config)}
        return self._submit(name, spec)

    @property
    def generates(self) -> bool:
        """Whether a job can take the model of another, which only one family has."""
        return self._family.by_model is not None

    def generate(self, job: str, request: MoreRows) -> str:
        """Start a job without training; another seed than the first, which would repeat its rows."""
        config = self._family.config(request.config)
        data, generation = _mapping(config["data"]), _mapping(config["generation"])
        more = {
            **config,
            "data": {**data, "random_state": _number(data.get("random_state")) + request.turn},
            "generation": {**generation, "num_records": request.rows},
        }
        spec = {"data_source": self._family.source(request.data), "config": more}
        return self._submit(request.name, {**spec, str(self._family.by_model): job})

    def _submit(self, name: str, spec: Mapping[str, object]) -> str:
        answer = self._http.json("POST", self._family.jobs, {"name": name, "spec": spec}) or {}
        return self._http.read(lambda: self._family.job(answer))

    def find(self, name: str) -> Sequence[str]:
        """Return the ids of all jobs called `name`."""
        job_names: list[str] = []
        for page in count(1):
            answer = self._http.json("GET", f"{self._family.jobs}?page={page}&page_size={PAGE}") or {}
            jobs = self._http.read(partial(_jobs_in_page, answer))
            job_names += [self._family.job(job) for job in jobs if job["name"] == name]
            if len(jobs) < PAGE:
                break
        return job_names

    def look(self, job: str) -> JobStatus:
        """Return how far the job is; a status that nobody knows is a failure, never a success."""
        answer = self._http.json("GET", self._family.status(job)) or {}
        phase = PHASES.get(str(answer.get("status")))
        if phase is None:
            return JobStatus(Phase.FAILED, "with a status that this version does not know")
        if phase is Phase.FAILED:
            details = answer.get("error_details") or {}
            return JobStatus(phase, redact(details.get("message") or self._last_words(job)))
        step = answer.get("status_details") or {}
        return JobStatus(phase, step=_number(step.get("epoch")), steps=_number(step.get("epochs")))

    def result(self, job: str) -> bytes:
        """Return the rows that the job generated, as CSV."""
        return self._http.send("GET", self._result(job, "data"))

    def scores(self, job: str) -> Mapping[str, float]:
        """Return the scores of the service's summary, on our scale."""
        summary = self._http.json("GET", self._result(job, "summary")) or {}
        scores = {name: summary.get(name) for name in SCORES}
        return {name: value * SCALE for name, value in scores.items() if isinstance(value, int | float)}

    def cancel(self, job: str) -> None:
        """End the job."""
        self._http.json("POST", f"{self._family.jobs}/{quote(job, safe='')}/cancel")

    def remove_job(self, job: str) -> None:
        """Delete the job."""
        self._http.send("DELETE", f"{self._family.jobs}/{quote(job, safe='')}")

    def remove_made(self, job: str) -> None:
        """Delete what the job made."""
        self._family.drop_made(job)

    def remove_data(self, name: str) -> None:
        """Delete the rows that were uploaded as `name`."""
        self._family.drop(name)

    def _result(self, job: str, name: str) -> str:
        return f"{self._family.jobs}/{quote(job, safe='')}/results/{self._family.results[name]}/download"

    def _last_words(self, job: str) -> str:
        """Return the last line of the job's log."""
        try:
            answer = self._http.json("GET", self._family.status(job).removesuffix("status") + "logs") or {}
            return str(answer["data"][-1]["message"])
        except (BackendError, LookupError, TypeError):
            return ""


def _jobs_in_page(answer: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"name": str(job["name"]), "id": str(job.get("id") or job["name"])} for job in answer["data"]]


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
