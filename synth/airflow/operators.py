"""Operators: the plan, and two tasks for each model, all of them calls of `synth` that can be repeated."""

from __future__ import annotations

from datetime import UTC
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from synth.airflow.connections import asset_uri
from synth.airflow.hooks import SynthHook
from synth.airflow.triggers import SynthJobTrigger
from synth.airflow.units import units

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import ClassVar

    from airflow.sdk import Context

    from synth.airflow.process import Output

FAILED_STATES = frozenset(("failed", "upstream_failed"))
PENDING = 3  # the exit code of a run that waits for a remote job
TWINS = "synthetic_twins"  # the alias that every published twin's asset is added to


def run_id_of(dag_run: Any) -> str:
    """Return the run's name for `synth`: the same for each task and try of a DAG run, and no other."""
    own = sha256(f"{dag_run.dag_id}/{dag_run.run_id}".encode()).hexdigest()[:8]
    return f"{dag_run.run_after.astimezone(UTC):%Y%m%dT%H%M%SZ}-{own}"


class SynthOperator(BaseOperator):
    """What all operators share: which project, which `synth`, and which connections.

    A DAG gives these once, as `default_args`.

    Args:
        project_dir, synth_executable, postgres_conn_id, aws_conn_id, gretel_conn_id, env: as of `SynthHook`.
        flags: for `synth`, such as `["--target", "prod"]`; no secrets, because Airflow shows them.
    """

    template_fields: ClassVar[Sequence[str]] = ("project_dir", "synth_executable", "flags")
    ui_color = "#e4f0fb"

    def __init__(
        self,
        *,
        project_dir: str,
        synth_executable: str = "synth",
        postgres_conn_id: str = "postgres_default",
        aws_conn_id: str | None = None,
        gretel_conn_id: str | None = None,
        env: Mapping[str, str] | None = None,
        flags: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.project_dir = project_dir
        self.synth_executable = synth_executable
        self.postgres_conn_id = postgres_conn_id
        self.aws_conn_id = aws_conn_id
        self.gretel_conn_id = gretel_conn_id
        self.env = env
        self.flags = flags

    @cached_property
    def hook(self) -> SynthHook:
        """What calls `synth`."""
        return SynthHook(**self._installation())

    def on_kill(self) -> None:
        """End the program in order: it cancels its remote jobs, and publishes nothing by half."""
        self.hook.stop()

    def _installation(self) -> dict[str, Any]:
        return {
            "project_dir": self.project_dir,
            "synth_executable": self.synth_executable,
            "postgres_conn_id": self.postgres_conn_id,
            "aws_conn_id": self.aws_conn_id,
            "gretel_conn_id": self.gretel_conn_id,
            "env": self.env,
        }


class SynthPlanOperator(SynthOperator):
    """Returns the models to be made, each with those that it belongs together with: `[["users"], …]`.

    Args:
        select: which tagged models, in dbt's selection syntax; default: all.
    """

    template_fields: ClassVar[Sequence[str]] = (*SynthOperator.template_fields, "select")

    def __init__(self, *, select: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.select = select

    def execute(self, context: Context) -> list[list[str]]:
        """Ask `synth ls`."""
        del context
        output = self.hook.run(["ls", "--output", "json", *_selection_flags(self.select), *self.flags])
        _raise_unless_done(output)
        return units(output.listings)


class SynthRunOperator(SynthOperator):
    """Makes, checks, stores and stages twins, and publishes nothing.

    Another try with the same run id trains nothing that is already made. A twin that the checks rejected is
    not tried again: every try asks the private rows another question.

    Args:
        select: names of models that belong together; `SynthPlanOperator` returns them.
        run_id: default: made of the DAG run's, so that each of its tasks has the same.
        deferrable: leave the worker while a remote job works; the triggerer looks after it.
        poll_interval: seconds between two looks at it.
    """

    template_fields: ClassVar[Sequence[str]] = (*SynthOperator.template_fields, "select", "run_id")

    def __init__(
        self,
        *,
        select: Sequence[str],
        run_id: str | None = None,
        deferrable: bool = False,
        poll_interval: float = 30.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.select = select
        self.run_id = run_id
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self._jobs: list[str] = []

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Run `synth run`; returns numbers, names and addresses, and no rows."""
        own = self.run_id or run_id_of(context["dag_run"])
        arguments = ["run", "--run-id", own, "--no-publish", *_selection_flags(self.select), *self.flags]
        output = self.hook.run([*arguments, "--no-wait"] if self.deferrable else arguments)
        if output.code == PENDING:
            jobs = [job for event in output.events for job in event.get("jobs", ())]
            trigger = SynthJobTrigger(jobs=jobs, poll_interval=self.poll_interval, **self._installation())
            self.defer(trigger=trigger, method_name="resume")
        _raise_unless_done(output)
        return _outcomes(output)

    def resume(self, context: Context, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Continue when the remote job is over: fetch and check its result, or wait for its next step."""
        if event["status"] != "over":
            raise AirflowException(event["message"])
        self._jobs = event["jobs"]
        return self.execute(context)

    def on_kill(self) -> None:
        """Cancel the command, and the jobs that `synth` had not come back to."""
        super().on_kill()
        if self._jobs:
            self.hook.run(["jobs", "--cancel", *self._jobs])


class SynthPublishOperator(SynthOperator):
    """Publishes what the run has staged: models that reference each other in one transaction.

    Each twin that became visible is an event of its asset, which is called as Cosmos calls those of dbt's
    models; what was not published is none. After a failed task, with `trigger_rule="all_done"`,
    it publishes what that task has staged: what is missing is the failure of that task, not of this one.

    Args:
        select: names of models; default: all that are staged.
        run_id: as of `SynthRunOperator`.
        outlets: default: the alias `synthetic_twins`, which the assets are added to.
    """

    template_fields: ClassVar[Sequence[str]] = (*SynthOperator.template_fields, "select", "run_id")

    def __init__(self, *, select: Sequence[str] = (), run_id: str | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("outlets", [AssetAlias(TWINS)])
        super().__init__(**kwargs)
        self.select = select
        self.run_id = run_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Run `synth publish`, and tell who waits for the twins."""
        own = self.run_id or run_id_of(context["dag_run"])
        output = self.hook.run(["publish", own, *_selection_flags(self.select), *self.flags])
        outcomes = _outcomes(output)
        if output.code and self._is_after_failure(context):
            _raise_unless_skipped(output, {outcome["status"] for outcome in outcomes})
        else:
            _raise_unless_done(output)
        variables = self.hook.connection_variables()["postgres"]
        for outcome in outcomes:
            if outcome["status"] == "published":
                asset = Asset(asset_uri(variables, outcome["relation"]))
                for alias in (outlet for outlet in self.outlets if isinstance(outlet, AssetAlias)):
                    context["outlet_events"][alias].add(asset, extra={**outcome, "run_id": own})
        return outcomes

    def _is_after_failure(self, context: Context) -> bool:
        """Return whether a task before this one has failed."""
        task = context["ti"]
        states = task.get_task_states(
            dag_id=task.dag_id,
            map_index=task.map_index,
            task_ids=sorted(self.upstream_task_ids),
            run_ids=[task.run_id],
        )
        return any(str(state) in FAILED_STATES for by_task in states.values() for state in by_task.values())


def _selection_flags(names: Sequence[str]) -> list[str]:
    return [word for name in names for word in ("--select", name)]


def _outcomes(output: Output) -> list[dict[str, Any]]:
    """Return what became of each model, by the last that was said of it."""
    keys = ("unique_id", "relation", "status", "rows", "fidelity", "artifacts")
    last = {event["unique_id"]: event for event in output.events if {"unique_id", "status"} <= event.keys()}
    return [{name: event[name] for name in keys if name in event} for event in last.values()]


def _raise_unless_skipped(output: Output, statuses: Collection[str]) -> None:
    """Fail the task for more than models that were never staged; skip it where none was."""
    if "error" in statuses or "rejected" in statuses:
        _raise_unless_done(output)
    if "published" not in statuses and "unchanged" not in statuses:
        raise AirflowSkipException("; ".join(output.errors) or "nothing is staged")


def _raise_unless_done(output: Output) -> None:
    """Fail the task as `synth` failed; for good where another try is of no use."""
    if output.code == 0:
        return
    reasons = "; ".join(output.errors) or f"synth ended with exit code {output.code}"
    statuses = {outcome["status"] for outcome in _outcomes(output)}
    if "rejected" in statuses and "error" not in statuses:
        raise AirflowFailException(reasons)
    raise AirflowException(reasons)
