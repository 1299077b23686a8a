"""The story of a run on one page: check everything, make every twin, publish by clusters, then say so."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from synth import log
from synth.artifacts import RunFolder
from synth.backends import Backends
from synth.domain import ModelResult, RunResult, Status
from synth.errors import SynthError
from synth.gate import RejectedError
from synth.plan import clusters
from synth.preflight import preflight
from synth.progress import shown
from synth.stores import open_store
from synth.twin import Twin, make_twin
from synth.warehouse import Warehouse
from synth.warehouse.publish import columns_refused
from synth.workshop import Workshop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from synth.domain import Evaluation, Model, Relation, Task
    from synth.settings import Settings
    from synth.stores import Store

INTERRUPTED = "the run was interrupted"


@dataclass(frozen=True, slots=True)
class Job:
    """What `run` is asked for.

    Attributes:
        tasks: the twins to make, parents before children.
        twins: where the twin of every tagged model is, selected or not, by `unique_id`.
        args: the flags of the command, without secrets, for the results.
        models: every tagged model.
    """

    tasks: tuple[Task, ...]
    twins: Mapping[str, Relation]
    args: Mapping[str, object]
    models: tuple[Model, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that has ended, and what of its end went wrong, if anything did."""

    result: RunResult
    folder: Path
    failure: str = ""
    interrupted: bool = False

    @property
    def results(self) -> tuple[ModelResult, ...]:
        """The outcome of every task."""
        return self.result.results

    @property
    def exit_code(self) -> int:
        """0 when everything asked for was published and stored, else 1."""
        return 1 if self.failure else self.result.exit_code


@dataclass(frozen=True, slots=True)
class Failed:
    """Why there is no twin of a model."""

    status: Status
    message: str
    evaluation: Evaluation | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one task, and how long it took in seconds."""

    outcome: Twin | Failed
    seconds: float


def run(job: Job, settings: Settings, run_id: str) -> Finished:
    """Make, check, store and publish the twin of every task.

    A failed model stops no unrelated one; models that reference each other are published together or not at
    all. An interrupt ends the run early and in order: what is published stays, the rest leaves nothing.

    Raises:
        SynthError: something is missing that every model needs; nothing has been changed.
    """
    started = perf_counter()
    store = open_store(settings.store)
    results: dict[str, ModelResult] = {}
    interrupted = False
    with Warehouse(settings.connection.conninfo(), role=settings.connection.role) as warehouse:
        backends = Backends(settings.services)
        preflight(job, settings, warehouse, backends)
        store.check()
        folder = RunFolder.create(settings.artifact_dir, run_id)
        with log.recorded(folder.log):
            try:
                claim = warehouse.claim(run_id, settings.staging_schema)
                with claim, warehouse.snapshot() as snapshot, shown() as progress:
                    shop = Workshop(
                        run_id, warehouse, snapshot, store, folder, settings, job.twins, backends, progress
                    )
                    _make_and_publish(job.tasks, shop, results)
            except KeyboardInterrupt:
                interrupted = True
            result = RunResult(run_id, tuple(_of(task, results) for task in job.tasks))
            failure = _finish(
                folder, None if interrupted else store, result, job.args, perf_counter() - started
            )
    return Finished(result, folder.path, INTERRUPTED if interrupted else failure, interrupted)


def _make_and_publish(tasks: Sequence[Task], shop: Workshop, results: dict[str, ModelResult]) -> None:
    """Make the twins side by side, and publish each cluster when all of it is made."""
    places = {task.model.unique_id: f"{index} of {len(tasks)}" for index, task in enumerate(tasks, 1)}
    futures: dict[str, Future[Made]] = {}
    pool = ThreadPoolExecutor(shop.settings.threads, thread_name_prefix="synth")
    try:
        for task in tasks:
            # A child waits for its parents, which were handed out before it, so one of them always advances.
            parents = {name: futures[name] for name in _parents(task) if name in futures}
            wanted = _referenced(task, tasks)
            place = places[task.model.unique_id]
            futures[task.model.unique_id] = pool.submit(_make, place, task, shop, parents, wanted)
        for cluster in clusters(tasks):
            made = [futures[task.model.unique_id].result() for task in cluster]
            for result in _publish(cluster, made, shop):
                unique_id = result.task.model.unique_id
                results[unique_id] = result
                log.outcome(places[unique_id], result, shop.folder.report(result.task))
    except BaseException:
        shop.backends.cancel()
        raise
    finally:
        # An engine cannot be stopped from outside; the one who interrupts a run does not want to wait for it.
        pool.shutdown(wait=False, cancel_futures=True)


def _parents(task: Task) -> set[str]:
    return {key.parent for key in task.model.foreign_keys}


def _referenced(task: Task, tasks: Sequence[Task]) -> frozenset[str]:
    """The columns of a task's model that other tasks' foreign keys hold."""
    keys = (key for other in tasks for key in other.model.foreign_keys)
    return frozenset(key.parent_column for key in keys if key.parent == task.model.unique_id)


def _make(
    place: str, task: Task, shop: Workshop, parents: Mapping[str, Future[Made]], wanted: frozenset[str]
) -> Made:
    """The twin, or the reason why there is none; no model stops another."""
    outcomes = {name: future.result().outcome for name, future in parents.items()}
    twins = {name: outcome.keys for name, outcome in outcomes.items() if isinstance(outcome, Twin)}
    failed = ", ".join(sorted(outcomes.keys() - twins.keys()))
    if failed:
        return Made(Failed(Status.SKIPPED, f"it references {failed}, which failed"), 0.0)
    log.start(place, task)
    started = perf_counter()
    outcome: Twin | Failed
    try:
        _refuse_changed_columns(task, shop)
        outcome = make_twin(task, shop, parents=twins, wanted=wanted)
    except RejectedError as error:
        outcome = Failed(Status.REJECTED, str(error), error.evaluation)
    except SynthError as error:
        outcome = Failed(Status.ERROR, str(error))
    except Exception as error:  # noqa: BLE001 - a bug in one model's way must not stop the others
        outcome = Failed(Status.ERROR, f"{task.model.name}: {log.unexpected(error)}.")
    return Made(outcome, perf_counter() - started)


def _refuse_changed_columns(task: Task, shop: Workshop) -> None:
    """Say before hours of training that the columns changed, not after."""
    changed = "" if shop.settings.full_refresh else shop.warehouse.changed(task)
    if changed:
        raise columns_refused(task.model.name, task.target, changed)


def _publish(cluster: Sequence[Task], made: Sequence[Made], shop: Workshop) -> list[ModelResult]:
    """Publish a cluster in one transaction, or nothing of it."""
    stages = [item.outcome.stage for item in made if isinstance(item.outcome, Twin)]
    failed: Failed | None = None
    if len(stages) < len(cluster):
        lost = [
            t.model.name for t, item in zip(cluster, made, strict=True) if isinstance(item.outcome, Failed)
        ]
        failed = Failed(Status.SKIPPED, f"it belongs together with {', '.join(lost)}, which failed")
    else:
        settings = shop.settings
        try:
            shop.warehouse.publish(stages, analysts=settings.analyst_role, full_refresh=settings.full_refresh)
        except SynthError as error:
            failed = Failed(Status.ERROR, str(error))
        except Exception as error:  # noqa: BLE001 - as in `_make`
            failed = Failed(Status.ERROR, f"{log.unexpected(error)}.")
    return [_result(task, item, failed) for task, item in zip(cluster, made, strict=True)]


def _result(task: Task, made: Made, failed: Failed | None) -> ModelResult:
    """How `task` left the run; `failed` says why its cluster was not published."""
    outcome = made.outcome
    if isinstance(outcome, Failed):
        return ModelResult(
            task,
            outcome.status,
            evaluation=outcome.evaluation,
            seconds=made.seconds,
            message=outcome.message,
        )
    return ModelResult(
        task,
        failed.status if failed else Status.PUBLISHED,
        rows=outcome.stage.rows,
        evaluation=outcome.evaluation,
        artifacts=outcome.artifacts,
        seconds=made.seconds,
        scores=outcome.scores,
        message=failed.message if failed else "",
        warnings=outcome.warnings,
    )


def _of(task: Task, results: Mapping[str, ModelResult]) -> ModelResult:
    return results.get(task.model.unique_id) or ModelResult(task, Status.ERROR, message=INTERRUPTED)


def _finish(
    folder: RunFolder, store: Store | None, result: RunResult, args: Mapping[str, object], elapsed: float
) -> str:
    """Write the results; what went wrong with that, because the twins are published by now and stay."""
    try:
        folder.finish(store, result, args, elapsed)
    except (SynthError, OSError) as error:
        reason = str(error) if isinstance(error, SynthError) else f"{error.strerror} ({type(error).__name__})"
        failure = f"What was published stays, but the results of the run could not be stored: {reason}"
        log.error(failure)
        return failure
    return ""
