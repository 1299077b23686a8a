"""gretel-client as the life cycle of a job needs it: its projects and models."""

from __future__ import annotations

import copy
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from synth.backends.gretel_session import Access, client, our_errors, within
from synth.backends.gretel_storage import HANDLER, BucketStorage, CloudStorage, Storage
from synth.backends.redaction import redact
from synth.backends.service import BusyError, JobStatus, Phase, RefusedError
from synth.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gretel_client.projects import Project
    from gretel_client.projects.models import Model

    from synth.backends.service import MoreRows

T = TypeVar("T")

LIMIT = 120.0  # seconds of one call, the client's own attempts included
SLOWEST = 100_000  # bytes a second that an upload or download may take
PHASES = {
    "created": Phase.QUEUED,
    "pending": Phase.QUEUED,
    "active": Phase.RUNNING,
    "completed": Phase.DONE,
    "error": Phase.FAILED,
    "cancelled": Phase.CANCELLED,
    "lost": Phase.LOST,
}
SCORES = (
    "synthetic_data_quality_score",
    "field_correlation_stability",
    "principal_component_stability",
    "field_distribution_stability",
    "column_correlation_stability",
    "column_distribution_stability",
    "deep_structure_stability",
    "data_privacy_score",
    "membership_inference_attack_score",
    "attribute_inference_attack_score",
    "privacy_protection_level",
)


class GretelService:
    """One project of a Gretel service, or of another server of its protocol."""

    title = "Gretel"
    generates = True

    def __init__(self, access: Access) -> None:
        self._access = access
        self.place = f"{access.endpoint}, project {access.project}"

    @cached_property
    def _project(self) -> Project:
        """The project, by a session that neither the environment nor a configuration file can change."""
        config, projects = client()
        access = self._access
        session = config.ClientConfig(
            endpoint=access.endpoint,
            api_key=access.key,
            artifact_endpoint=access.artifacts,
            default_runner=access.runner,
            default_project_name=access.project,
        )
        project: Project = self._call(lambda: projects.get_project(name=access.project, session=session))
        mode = project.runner_mode.value if project.runner_mode else access.runner
        if mode != access.runner:
            raise BackendError(
                f"Project {access.project} runs its jobs in {mode} mode, and GRETEL_RUNNER_MODE says "
                f"{access.runner}. Next: export GRETEL_RUNNER_MODE={mode}"
            )
        return project

    @cached_property
    def _storage(self) -> Storage:
        if self._access.runner == "hybrid":
            return BucketStorage(self._access.artifacts, self._project)
        return CloudStorage(self._project)

    def check(self, config: Mapping[str, object]) -> None:
        """Ask who we are, what the project holds, and whether it would take a job, without starting one.

        Raises:
            BackendError: key, endpoint, project or quota are not as needed, or answers have another shape.
        """
        project = self._project
        from gretel_client.rest.api.users_api import UsersApi  # noqa: PLC0415 - importable from here on

        self._call(lambda: project.session.get_api(UsersApi).users_me()["data"]["me"]["_id"])
        self._call(lambda: [model["uid"] for model in project.search_models(factory=dict, limit=1)])
        try:
            self._call(lambda: self._model(config).submit_cloud(dry_run=True))
        except RefusedError:
            return  # a service that refuses a job without data has said all that can be known
        except BusyError:
            raise BackendError(
                f"Gretel takes no more jobs in {self.place} for now. Next: wait for others to end"
            ) from None

    def upload(self, name: str, content: bytes) -> str:
        """Store training rows as `name`."""
        return self._call(lambda: self._storage.put(name, content), LIMIT + len(content) / SLOWEST)

    def submit(self, name: str, config: Mapping[str, object], data: str) -> str:
        """Start a job called `name`."""
        model = self._model({**config, "name": name})
        model.data_source = data
        submit = model.submit_hybrid if self._access.runner == "hybrid" else model.submit_cloud
        return self._call(lambda: str(submit().model_id))

    def find(self, name: str) -> Sequence[str]:
        """Return the ids of all jobs with exactly this `name`; the service's own search is looser."""
        models = self._call(lambda: list(self._project.search_models(factory=dict, model_name=name)))
        names = {str(model["uid"]): _name_of(model) for model in models}
        return [job for job, job_name in names.items() if (job_name or self._name(job)) == name]

    def look(self, job: str) -> JobStatus:
        """Return how far the job is; a status that nobody knows is a failure, never a success."""
        remote_job = self._call(lambda: self._job(job))
        try:
            status = remote_job.status.value
        except ValueError:
            return JobStatus(Phase.FAILED, "with a status that this version does not know")
        phase = PHASES[status]
        if phase is Phase.FAILED:
            return JobStatus(phase, redact(remote_job.errors))
        return JobStatus(phase, step=_epoch(remote_job), steps=0 if HANDLER in job else _epochs(remote_job))

    def result(self, job: str) -> bytes:
        """Return the rows that the job generated, as CSV."""
        artifact = "data" if HANDLER in job else "data_preview"
        return self._call(lambda: self._storage.get(job, artifact), LIMIT * 60)

    def scores(self, job: str) -> Mapping[str, float]:
        """Return the scores of the service's own report."""
        report = json.loads(self._call(lambda: self._storage.get(job, "report_json")))
        scores = {name: report[name].get("score") for name in SCORES if isinstance(report.get(name), dict)}
        return {name: float(score) for name, score in scores.items() if isinstance(score, int | float)}

    def cancel(self, job: str) -> None:
        """End the job."""
        self._call(lambda: self._job(job).cancel())

    def generate(self, job: str, request: MoreRows) -> str:
        """Start a record handler of the model; it has no name, and goes with the model."""

        def submit() -> str:
            handler = self._job(job).create_record_handler_obj(params={"num_records": request.rows})
            start = handler.submit_hybrid if self._access.runner == "hybrid" else handler.submit_cloud
            start()
            return f"{job}{HANDLER}{handler.record_id}"

        return self._call(submit)

    def remove_job(self, job: str) -> None:
        """Delete the job."""
        model, _, handler = job.partition(HANDLER)
        place = {"project_id": self._project.project_guid, "model_id": model}
        api = self._project.projects_api
        if handler:
            self._call(lambda: api.delete_record_handler(**place, record_handler_id=handler))
        else:
            self._call(lambda: api.delete_model(**place))

    def remove_made(self, job: str) -> None:
        """Delete what the job made."""
        self._call(lambda: self._storage.remove_made(job))

    def remove_data(self, name: str) -> None:
        """Delete everything that was uploaded as `name`."""
        self._call(lambda: self._storage.remove(name))

    def _name(self, job: str) -> str:
        return self._call(lambda: str(self._project.get_model(job).name))

    def _job(self, job: str) -> Any:
        """Return the model, or the record handler of a model."""
        from gretel_client.projects.records import RecordHandler  # noqa: PLC0415 - as the client

        model, _, handler = job.partition(HANDLER)
        remote_model = self._project.get_model(model)
        return RecordHandler(remote_model, record_id=handler) if handler else remote_model

    def _model(self, config: Mapping[str, object]) -> Model:
        # The client writes into the configuration it is given.
        return self._project.create_model_obj(copy.deepcopy(dict(config)))

    def _call(self, call: Callable[[], T], limit: float = LIMIT) -> T:
        with our_errors(self._access):
            return within(limit, call)


def _name_of(model: Mapping[str, Any]) -> str | None:
    """Return the name in a search result: of the model, or of its configuration; None if it has neither."""
    name = model.get("name") or model.get("model_name") or (model.get("config") or {}).get("name")
    return None if name is None else str(name)


def _epoch(model: Any) -> int:
    for entry in reversed(model.logs or []):
        epoch = (entry.get("ctx") or {}).get("epoch")
        if isinstance(epoch, int | float):
            return int(epoch)
    return 0


def _epochs(model: Model) -> int:
    body: Any = next(iter(model.model_config["models"][0].values()), {})
    epochs = (body.get("params") or {}).get("epochs")
    return epochs if isinstance(epochs, int) else 0
