"""Twins made side by side, and published by clusters as soon as all of a cluster is made."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING

from synth import log
from synth.dbt.tests import published_twins
from synth.domain import ModelResult, Policy, Status
from synth.errors import PendingError, SynthError, UndecidableError
from synth.plan import clusters
from synth.runs.fingerprint import PARENT
from synth.twins.gate import RejectedError
from synth.twins.guaranteed import make_guaranteed
from synth.twins.reference import copy_reference
from synth.twins.together import held_back
from synth.twins.trials import Trials
from synth.twins.twin import Twin, make_twin
from synth.warehouse.publish import columns_refused
from synth.warehouse.units import State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pyarrow as pa

    from synth.domain import Evaluation, Task
    from synth.runs.changes import Agenda
    from synth.twins.families import Owners
    from synth.twins.trials import Trial
    from synth.twins.workshop import Workshop
    from synth.warehouse import Stage


@dataclass(frozen=True, slots=True)
class Failed:
    """Why there is no twin of a model."""

    status: Status
    message: str
    evaluation: Evaluation | None = None
    tests: Mapping[str, str] = field(default_factory=dict)
    jobs: tuple[str, ...] = ()

    @property
    def judged(self) -> bool:
        """Whether the gate did not let the twin pass: its children can have keys of their own."""
        return self.status is Status.REJECTED and self.evaluation is not None


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """What became of one task, and how long it took in seconds."""

    outcome: Twin | Failed
    seconds: float


def prepared(todo: Agenda) -> dict[str, TaskOutcome]:
    """What has become of tasks before this command: twins that wait, and those that cannot be made."""
    ready: dict[str, TaskOutcome] = {
        name: TaskOutcome(Twin(stage, None, stage.artifacts, (), {}, {}, parents=_makers(stage)), 0.0)
        for name, stage in todo.stages_to_publish.items()
    }
    blocked = {
        name: TaskOutcome(Failed(Status.SKIPPED, reason), 0.0) for name, reason in todo.block_reasons.items()
    }
    return ready | blocked


def _makers(stage: Stage) -> frozenset[str]:
    """Whose keys a twin holds that was staged before."""
    return frozenset(part.removeprefix(PARENT) for part in stage.inputs if part.startswith(PARENT))


def make_and_publish(
    tasks: Sequence[Task],
    shop: Workshop,
    results: dict[str, ModelResult],
    *,
    places: Mapping[str, str],
    ready: Mapping[str, TaskOutcome],
) -> None:
    """Make the twins side by side, and publish each cluster when all of it is made.

    Args:
        tasks: what to make, parents before children.
        shop: where.
        results: takes the outcome of each task, by `unique_id`.
        places: such as `1 of 2`, by `unique_id`.
        ready: what has become of a task before, by `unique_id`.
    """
    futures: dict[str, Future[TaskOutcome]] = {}
    pool = ThreadPoolExecutor(shop.settings.threads, thread_name_prefix="synth")
    try:
        for task in tasks:
            if task.model.unique_id in ready:
                done: Future[TaskOutcome] = Future()
                done.set_result(ready[task.model.unique_id])
                futures[task.model.unique_id] = done
                continue
            # A child waits for its parents, which were handed out before it, so one of them always advances.
            parents = {name: futures[name] for name in _parents(task) if name in futures}
            wanted = _referenced(task, tasks)
            place = places[task.model.unique_id]
            futures[task.model.unique_id] = pool.submit(_make, place, task, shop, parents, wanted)
        trials, groups = Trials(() if shop.keep else tasks, shop), clusters(tasks)
        before = frozenset(published_twins(shop.twins, shop.warehouse))
        for index, cluster in enumerate(groups):
            made = [futures[task.model.unique_id].result() for task in cluster]
            found = trials.of(*_waiting(groups[index:], futures, before))
            made = [
                _tried(item, found.get(task.model.unique_id), shop)
                for task, item in zip(cluster, made, strict=True)
            ]
            for result in _kept(cluster, made, shop) if shop.keep else _publish(cluster, made, shop, before):
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
    path = task.model.ownership.path if task.model.ownership else ()
    return {key.parent for key in task.model.foreign_keys} | {step.parent for step in path}


def _referenced(task: Task, tasks: Sequence[Task]) -> frozenset[str]:
    """The columns of a task's model that other tasks' foreign keys hold, or that lead to their entities."""
    name = task.model.unique_id
    keys = (key for other in tasks for key in other.model.foreign_keys)
    steps = (step for other in tasks if other.model.ownership for step in other.model.ownership.path)
    ways = (column for step in steps if step.parent == name for column in (step.key, step.column))
    return frozenset((*(key.parent_column for key in keys if key.parent == name), *ways))


def _make(
    place: str, task: Task, shop: Workshop, parents: Mapping[str, Future[TaskOutcome]], wanted: frozenset[str]
) -> TaskOutcome:
    """The twin, or the reason why there is none; no model stops another."""
    outcomes = {name: future.result().outcome for name, future in parents.items()}
    made = {name: one for name, one in outcomes.items() if isinstance(one, Twin)}
    # A twin that was staged by another command has its keys in its stage alone.
    twins = {name: twin.keys for name, twin in made.items() if shop.keep or not twin.stage.kept}
    failed = {name: one for name, one in outcomes.items() if isinstance(one, Failed)}
    rejected = {name for name, one in failed.items() if one.judged}
    lost = {name: one.status for name, one in failed.items() if name not in rejected}
    owners = {name: twin.owners for name, twin in made.items() if twin.owners is not None}
    if lost:
        names = ", ".join(sorted(lost))
        if set(lost.values()) == {Status.PENDING}:
            return TaskOutcome(Failed(Status.PENDING, f"it waits for {names}"), 0.0)
        return TaskOutcome(Failed(Status.SKIPPED, f"it references {names}, which failed"), 0.0)
    log.start(place, task)
    started = perf_counter()
    outcome: Twin | Failed
    try:
        _refuse_changed_columns(task, shop)
        twin = (
            copy_reference(task, shop, wanted=wanted)
            if task.model.reference
            else _twin(task, _without(rejected, shop), twins, wanted, owners)
        )
        outcome = replace(twin, warnings=(*twin.warnings, *_own_keys(task, rejected)))
    except RejectedError as error:
        outcome = Failed(Status.REJECTED, str(error), error.evaluation)
    except PendingError as error:
        jobs = tuple(f"{task.backend}/{name}" for name in error.jobs)
        outcome = Failed(Status.PENDING, f"{error}. Next: the same command again", jobs=jobs)
    except SynthError as error:
        outcome = Failed(Status.ERROR, str(error))
    except Exception as error:  # noqa: BLE001 - a bug in one model's way must not stop the others
        outcome = Failed(Status.ERROR, f"{task.model.name}: {log.describe_unexpected(error)}.")
    return TaskOutcome(outcome, perf_counter() - started)


def _twin(
    task: Task,
    shop: Workshop,
    parents: Mapping[str, Mapping[str, pa.ChunkedArray]],
    wanted: frozenset[str],
    owners: Mapping[str, Owners],
) -> Twin:
    """The twin by checks; by guarantee where no check can decide, or where none is to be asked."""
    if task.guaranteed:
        return make_guaranteed(task, shop, parents=parents, wanted=wanted)
    try:
        return make_twin(task, shop, parents=parents, wanted=wanted, owners=owners)
    except UndecidableError as error:
        if task.on_inconclusive is not Policy.PROTECT:
            raise
        return make_guaranteed(task, shop, parents=parents, wanted=wanted, because=_because(error))


def _because(error: UndecidableError) -> str:
    """Why there is no twin by checks, without what its owner could do about that."""
    return str(error).partition(" Next: ")[0].rstrip(".")


def _without(rejected: Collection[str], shop: Workshop) -> Workshop:
    """The shop where a parent whose twin was rejected is as one that never asked for a twin.

    One that has a twin of before keeps it, and its children get the keys of that.
    """
    if not rejected:
        return shop
    names = set(rejected) - set(published_twins(shop.twins, shop.warehouse))
    return replace(shop, twins={name: place for name, place in shop.twins.items() if name not in names})


def _own_keys(task: Task, rejected: Collection[str]) -> tuple[str, ...]:
    """What to tell of a child of such a parent."""
    return tuple(
        f"{task.model.name}.{key.column} holds no keys of a new twin of {key.parent}, which is not published"
        for key in task.model.foreign_keys
        if key.parent in rejected
    )


def _refuse_changed_columns(task: Task, shop: Workshop) -> None:
    """Say before hours of training that the columns changed, not after."""
    changed = "" if shop.settings.full_refresh else shop.warehouse.column_changes(task)
    if changed:
        raise columns_refused(task.model.name, task.target, changed)


def _waiting(
    groups: Sequence[Sequence[Task]], futures: Mapping[str, Future[TaskOutcome]], before: Collection[str]
) -> tuple[dict[str, Stage], set[str]]:
    """The stages that may be published of clusters that are completely made, and what is still being made."""
    staged: dict[str, Stage] = {}
    pending: set[str] = set()
    for group in groups:
        names = [task.model.unique_id for task in group]
        if not all(futures[name].done() for name in names):
            pending.update(names)
            continue
        made = [futures[name].result() for name in names]
        lost = _held_back(group, made, before)
        staged |= {
            name: item.outcome.stage
            for name, item in zip(names, made, strict=True)
            if isinstance(item.outcome, Twin) and name not in lost
        }
    return staged, pending


def _held_back(
    cluster: Sequence[Task], made: Sequence[TaskOutcome], before: Collection[str]
) -> dict[str, str]:
    """The good twins of a cluster that must not be published, and why."""
    outcomes = {task.model.unique_id: item.outcome for task, item in zip(cluster, made, strict=True)}
    holds = {name: one.parents for name, one in outcomes.items() if isinstance(one, Twin)}
    failed = [name for name in outcomes if name not in holds]
    return held_back([task.model for task in cluster], holds, failed, before)


def _tried(made: TaskOutcome, trial: Trial | None, shop: Workshop) -> TaskOutcome:
    """The outcome of a task when dbt's tests have had their say."""
    twin = made.outcome
    if trial is None or isinstance(twin, Failed):
        return made
    if trial.refused is None:
        warnings = (*twin.warnings, *trial.warnings)
        return replace(made, outcome=replace(twin, warnings=warnings, tests=trial.outcomes))
    failed = Failed(trial.refused, trial.message, twin.evaluation, trial.outcomes)
    if trial.refused is Status.REJECTED:
        try:
            if twin.stage.kept:
                shop.warehouse.note(
                    shop.settings.staging_schema, shop.run_id, [twin.stage.unique_id], State.FAILED
                )
            shop.warehouse.reject(twin.stage, analysts=shop.settings.analyst_role)
        except SynthError as error:
            failed = replace(failed, message=f"{trial.message} {error}")
    return replace(made, outcome=failed)


def _kept(cluster: Sequence[Task], made: Sequence[TaskOutcome], shop: Workshop) -> list[ModelResult]:
    """Leave what is made for a later `synth publish`, and what is not, on record."""
    lost = [
        task.model.unique_id
        for task, item in zip(cluster, made, strict=True)
        if isinstance(item.outcome, Failed) and item.outcome.status is not Status.PENDING
    ]
    shop.warehouse.note(shop.settings.staging_schema, shop.run_id, lost, State.FAILED)
    return [
        _result(task, item, None, good=Status.SYNTHESIZED) for task, item in zip(cluster, made, strict=True)
    ]


def _publish(
    cluster: Sequence[Task], made: Sequence[TaskOutcome], shop: Workshop, before: Collection[str]
) -> list[ModelResult]:
    """Publish what of a cluster is good and may stand alone, all that belongs together in one transaction."""
    lost = _held_back(cluster, made, before)
    failures = {name: Failed(Status.SKIPPED, reason) for name, reason in lost.items()}
    items = {task.model.unique_id: item for task, item in zip(cluster, made, strict=True)}
    good = [
        task
        for task in cluster
        if isinstance(items[task.model.unique_id].outcome, Twin) and task.model.unique_id not in lost
    ]
    for part in clusters(good):
        names = [task.model.unique_id for task in part]
        failed = _published([items[name] for name in names], shop)
        failures |= {} if failed is None else dict.fromkeys(names, failed)
    return [
        _result(task, items[task.model.unique_id], failures.get(task.model.unique_id)) for task in cluster
    ]


def _published(made: Sequence[TaskOutcome], shop: Workshop) -> Failed | None:
    """Publish twins in one transaction; what went wrong, if anything did."""
    stages = [item.outcome.stage for item in made if isinstance(item.outcome, Twin)]
    settings = shop.settings
    try:
        shop.warehouse.publish(stages, analysts=settings.analyst_role, full_refresh=settings.full_refresh)
    except SynthError as error:
        return Failed(Status.ERROR, str(error))
    except Exception as error:  # noqa: BLE001 - as in `_make`
        return Failed(Status.ERROR, f"{log.describe_unexpected(error)}.")
    return None


def _result(
    task: Task, made: TaskOutcome, failed: Failed | None, *, good: Status = Status.PUBLISHED
) -> ModelResult:
    """How `task` left the run, `good` if well; `failed` says why its cluster was not published."""
    outcome = made.outcome
    if isinstance(outcome, Failed):
        return ModelResult(
            task,
            outcome.status,
            evaluation=outcome.evaluation,
            seconds=made.seconds,
            message=outcome.message,
            tests=outcome.tests,
            jobs=outcome.jobs,
        )
    return ModelResult(
        task,
        failed.status if failed else good,
        rows=outcome.stage.rows,
        evaluation=outcome.evaluation,
        artifacts=outcome.artifacts,
        seconds=made.seconds,
        scores=outcome.scores,
        message=failed.message if failed else "",
        warnings=outcome.warnings,
        tests=outcome.tests,
        guarantee=outcome.stage.guarantee,
    )
