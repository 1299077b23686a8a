"""The story of a run on one page: check everything, make every twin, publish cluster by cluster, then say so."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from synth.artifacts import RunFolder
from synth.backends import open_backend
from synth.domain import ModelResult, RunResult, Status, Verdict
from synth.errors import ManifestError, ModelError, SynthError
from synth.log import event
from synth.plan import clusters
from synth.roles import check_declarations
from synth.stores import open_store
from synth.twin import RejectedError, Twin, Workshop, make_twin
from synth.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from synth.domain import Relation, Task
    from synth.settings import Settings

log = logging.getLogger(__name__)

Outcome = Twin | SynthError
OK = frozenset({Status.PUBLISHED, Status.SYNTHESIZED})


@dataclass(frozen=True, slots=True)
class Job:
    """What `run` is asked for: the tasks, and every model that has a twin or asks for one, by `unique_id`."""

    tasks: tuple[Task, ...]
    twins: Mapping[str, Relation]
    args: Mapping[str, object]


def run(job: Job, settings: Settings, run_id: str) -> RunResult:
    """Make, check, store and publish the twin of every task.

    A failed model stops no unrelated one; models that reference each other are published together or not at all.

    Raises:
        SynthError: something is missing that every model needs; nothing has been changed.
    """
    started = perf_counter()
    store = open_store(settings.store)
    with Warehouse(settings.connection.conninfo(), role=settings.connection.role) as warehouse:
        preflight(job.tasks, settings, warehouse)
        store.check()
        folder = RunFolder.create(settings.artifact_dir, run_id)
        warehouse.claim(run_id, settings.staging_schema)
        with warehouse.snapshot() as snapshot:
            shop = Workshop(run_id, warehouse, snapshot, store, folder, settings.staging_schema, job.twins)
            outcomes, seconds = _make_all(job.tasks, shop, settings.threads)
        results = _publish_all(job.tasks, outcomes, seconds, settings, warehouse)
    result = RunResult(run_id, tuple(results))
    folder.finish(store, result, job.args, perf_counter() - started)
    return result


def preflight(tasks: Sequence[Task], settings: Settings, warehouse: Warehouse) -> None:
    """Refuse, before anything is read or written, what could not end well.

    Raises:
        SynthError: what is wrong, where, and what to do.
    """
    warehouse.check(tasks, (settings.schema, settings.staging_schema), settings.analyst_role)
    for task in tasks:
        columns = warehouse.describe(task.model.relation)
        if not columns:
            raise ManifestError(
                f"{task.model.relation} has no columns. Next: dbt run --select {task.model.name}"
            )
        check_declarations(task.model, columns)
        _check_shape(task, warehouse, full_refresh=settings.full_refresh)
    for backend in sorted({task.backend for task in tasks}):
        open_backend(backend).check()


def _make_all(
    tasks: Sequence[Task], shop: Workshop, threads: int
) -> tuple[dict[str, Outcome], dict[str, float]]:
    """Make the twins side by side. A child waits for its parents, which were handed out before it."""
    futures: dict[str, Future[Outcome]] = {}
    seconds: dict[str, float] = {}

    def work(index: int, task: Task) -> Outcome:
        parents = {
            key.parent: futures[key.parent].result()
            for key in task.model.foreign_keys
            if key.parent in futures
        }
        started = perf_counter()
        _say(index, len(tasks), "START", task, f"synthesize with backend {task.backend}", {})
        try:
            return _make_one(task, shop, parents, _referenced(task, tasks))
        finally:
            seconds[task.model.unique_id] = perf_counter() - started

    with ThreadPoolExecutor(threads) as pool:
        try:
            for index, task in enumerate(tasks, 1):
                futures[task.model.unique_id] = pool.submit(work, index, task)
            outcomes = {unique_id: future.result() for unique_id, future in futures.items()}
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            done = [future for future in futures.values() if future.done() and not future.cancelled()]
            made = [future.result() for future in done if future.exception() is None]
            shop.warehouse.discard([twin.stage for twin in made if isinstance(twin, Twin)])
            raise
    return outcomes, seconds


def _make_one(task: Task, shop: Workshop, parents: Mapping[str, Outcome], wanted: Sequence[str]) -> Outcome:
    """The twin, or the reason why there is none; no model stops another."""
    failed = [name for name, outcome in parents.items() if not isinstance(outcome, Twin)]
    if failed:
        return SkippedError(f"{', '.join(failed)} failed")
    keys: dict[str, Mapping[str, pa.ChunkedArray]] = {
        name: outcome.keys for name, outcome in parents.items() if isinstance(outcome, Twin)
    }
    try:
        return make_twin(task, shop, parents=keys, wanted=wanted)
    except SynthError as error:
        return error
    except Exception as error:
        log.debug("unexpected error in %s", task.model.name, exc_info=True)
        return ModelError(
            f"Unexpected {type(error).__name__} while synthesizing {task.model.name}; this is a bug."
        )


def _referenced(task: Task, tasks: Sequence[Task]) -> list[str]:
    return sorted(
        {
            key.parent_column
            for other in tasks
            for key in other.model.foreign_keys
            if key.parent == task.model.unique_id
        }
    )


def _publish_all(
    tasks: Sequence[Task],
    outcomes: Mapping[str, Outcome],
    seconds: Mapping[str, float],
    settings: Settings,
    warehouse: Warehouse,
) -> list[ModelResult]:
    """Publish each cluster in one transaction, or nothing of it."""
    places = {task.model.unique_id: index for index, task in enumerate(tasks, 1)}
    results: dict[str, ModelResult] = {}
    for cluster in clusters(tasks):
        made = [outcomes[task.model.unique_id] for task in cluster]
        results |= _publish(cluster, made, settings, warehouse)
        for task in cluster:
            unique_id = task.model.unique_id
            results[unique_id] = replace(results[unique_id], seconds=seconds.get(unique_id, 0.0))
            _report(places[unique_id], len(tasks), results[unique_id])
    return [results[task.model.unique_id] for task in tasks]


def _publish(
    cluster: Sequence[Task], made: Sequence[Outcome], settings: Settings, warehouse: Warehouse
) -> dict[str, ModelResult]:
    twins = [outcome for outcome in made if isinstance(outcome, Twin)]
    stages = [twin.stage for twin in twins]
    reason: str | SynthError = ""
    if len(twins) < len(cluster):
        reason = "a model that it belongs together with by a foreign key failed"
    else:
        try:
            warehouse.publish(stages, analysts=settings.analyst_role, full_refresh=settings.full_refresh)
        except SynthError as error:
            reason = error
    if reason:
        warehouse.discard(stages)
    return {
        task.model.unique_id: _result(task, outcome, reason)
        for task, outcome in zip(cluster, made, strict=True)
    }


def _result(task: Task, outcome: Outcome, reason: str | SynthError) -> ModelResult:
    match outcome:
        case Twin() if not reason:
            status, message = Status.PUBLISHED, ""
        case Twin():
            status = Status.ERROR if isinstance(reason, SynthError) else Status.SKIPPED
            message = str(reason)
        case SkippedError():
            return ModelResult(task, Status.SKIPPED, message=str(outcome))
        case RejectedError():
            return ModelResult(task, Status.REJECTED, evaluation=outcome.evaluation, message=str(outcome))
        case _:
            return ModelResult(task, Status.ERROR, message=str(outcome))
    return ModelResult(
        task,
        status,
        rows=outcome.stage.rows,
        evaluation=outcome.evaluation,
        artifacts=outcome.artifacts,
        message=message,
        warnings=outcome.warnings,
    )


class SkippedError(ModelError):
    """A model was not tried, because one it references failed."""


def _say(
    index: int,
    total: int,
    word: str,
    task: Task,
    text: str,
    data: Mapping[str, object],
    level: int = logging.INFO,
) -> None:
    event(log, level, f"{index} of {total} {word} {text} {task.target}".replace("  ", " "), data)


def _report(index: int, total: int, result: ModelResult) -> None:
    task, evaluation = result.task, result.evaluation
    data = {"unique_id": task.model.unique_id, "status": result.status, "rows": result.rows}
    for warning in result.warnings:
        event(log, logging.WARNING, f"Warning: {warning}", data)
    head = f"{index} of {total}"
    if result.status in OK:
        parts = [f"{result.rows:,} rows"]
        if evaluation and evaluation.fidelity is not None:
            parts.append(f"fidelity {evaluation.fidelity:.1%}")
        if evaluation and evaluation.checks:
            parts.append(f"checks {evaluation.verdict}")
        line = f"{head} OK {result.status} {task.target}  [{', '.join(parts)}]  in {result.seconds:.1f}s"
        event(log, logging.INFO, line, data)
        for check in evaluation.checks if evaluation else ():
            if check.verdict is Verdict.INCONCLUSIVE:
                event(log, logging.WARNING, f"Warning: {task.model.name}: {check.explain}", data)
        return
    word = {Status.REJECTED: "REJECTED", Status.SKIPPED: "SKIP"}.get(result.status, "ERROR")
    level = logging.WARNING if result.status is Status.SKIPPED else logging.ERROR
    event(log, level, f"{head} {word} {task.target}  [{result.message}]", data)


def _check_shape(task: Task, warehouse: Warehouse, *, full_refresh: bool) -> None:
    """Say before hours of training that the columns changed, not after."""
    changed = "" if full_refresh else warehouse.changed(task)
    if changed:
        raise ModelError(
            f"The columns of {task.model.name} changed since {task.target} was published ({changed}). "
            f"Next: synth run --select {task.model.name} --full-refresh"
        )
