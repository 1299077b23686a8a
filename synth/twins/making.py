"""Twins made side by side, and published by clusters as soon as all of a cluster is made."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from synth import log
from synth.dbt.tests import published_twins
from synth.domain import ModelResult, Status
from synth.errors import SynthError
from synth.plan import clusters
from synth.runs.fingerprint import PARENT
from synth.twins.across import Draft
from synth.twins.agreeing import agreeing
from synth.twins.finishing import across, finished, parents_of, protected, stated, waiting
from synth.twins.guaranteed import make_guaranteed
from synth.twins.outcomes import Failed, TaskOutcome, attempted, judged, own_keys, without
from synth.twins.reference import copy_reference
from synth.twins.together import held_back
from synth.twins.trials import Trials
from synth.twins.twin import Twin, draw_twin, finish_twin
from synth.warehouse.publish import columns_refused
from synth.warehouse.units import State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from synth.domain import Task
    from synth.runs.changes import Agenda
    from synth.twins.trials import Trial
    from synth.twins.workshop import Workshop
    from synth.warehouse import Stage

    Made: TypeAlias = TaskOutcome[Twin]
    Begun: TypeAlias = TaskOutcome[Twin | Draft]


def prepared(todo: Agenda) -> dict[str, Made]:
    """What has become of tasks before this command: twins that wait, and those that cannot be made."""
    ready: dict[str, Made] = {
        name: TaskOutcome(Twin(stage, None, stage.artifacts, (), {}, {}, parents=_makers(stage)), 0.0)
        for name, stage in todo.stages_to_publish.items()
    }
    blocked: dict[str, Made] = {
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
    ready: Mapping[str, Made],
) -> None:
    """Make the twins side by side, and publish each cluster when all of it is made.

    Args:
        tasks: what to make, parents before children.
        shop: where.
        results: takes the outcome of each task, by `unique_id`.
        places: such as `1 of 2`, by `unique_id`.
        ready: what has become of a task before, by `unique_id`.
    """
    late = [task for task in tasks if task.model.unique_id not in ready]
    shop = replace(shop, facts=across(late, shop), stated=stated(late, shop))
    pool = ThreadPoolExecutor(shop.settings.threads, thread_name_prefix="synth")
    try:
        futures = _handed_out(pool, tasks, shop, places, ready)
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


def _handed_out(
    pool: ThreadPoolExecutor,
    tasks: Sequence[Task],
    shop: Workshop,
    places: Mapping[str, str],
    ready: Mapping[str, Made],
) -> dict[str, Future[Made]]:
    """The twins to come. A child waits for its parents, which were handed out before it, so one advances."""
    late, begun = waiting(tasks, shop.facts), {name: _past(made) for name, made in ready.items()}
    for task in tasks:
        name = task.model.unique_id
        if name in ready:
            continue
        parents = {one: begun[one] for one in parents_of(task) if one in begun}
        wanted = (
            _referenced(task, tasks)
            | shop.facts.referenced_columns(name)
            | shop.stated.referenced_columns(name)
        )
        begun[name] = pool.submit(_make, places[name], task, shop, parents, wanted, whole=name not in late)
    return agreeing(pool, tasks, shop, finished(pool, tasks, shop, begun, late))


def _past(made: Made) -> Future[Begun]:
    """What has become of a task before, as if it were done now."""
    done: Future[Begun] = Future()
    done.set_result(TaskOutcome(made.outcome, made.seconds))
    return done


def _referenced(task: Task, tasks: Sequence[Task]) -> frozenset[str]:
    """The columns of a task's model that other tasks' foreign keys hold, or that lead to their entities."""
    name = task.model.unique_id
    keys = (key for other in tasks for key in other.model.foreign_keys)
    steps = (step for other in tasks if other.model.ownership for step in other.model.ownership.path)
    ways = (column for step in steps if step.parent == name for column in (step.key, step.column))
    return frozenset((*(key.parent_column for key in keys if key.parent == name), *ways))


def _make(
    place: str,
    task: Task,
    shop: Workshop,
    parents: Mapping[str, Future[Begun]],
    wanted: frozenset[str],
    *,
    whole: bool,
) -> Begun:
    """The twin, or the reason why there is none; no model stops another.

    One that is not made as a `whole` waits for others before it is judged.
    """
    outcomes = {name: future.result().outcome for name, future in parents.items()}
    made = {name: one for name, one in outcomes.items() if not isinstance(one, Failed)}
    # A twin that was staged by another command has its keys in its stage alone.
    twins = {
        name: twin.keys
        for name, twin in made.items()
        if shop.keep or isinstance(twin, Draft) or not twin.stage.kept
    }
    rejected, lost = judged(outcomes)
    owners = {name: twin.owners for name, twin in made.items() if twin.owners is not None}
    if lost is not None:
        return TaskOutcome(lost, 0.0)
    log.start(place, task)

    def draw() -> Twin | Draft:
        _refuse_changed_columns(task, shop)
        if task.model.reference:
            return copy_reference(task, shop, wanted=wanted)
        alone = without(rejected, shop)
        if task.by_guarantee:
            return make_guaranteed(task, alone, parents=twins, wanted=wanted)

        def work() -> Twin | Draft:
            draft = draw_twin(task, alone, parents=twins, wanted=wanted, owners=owners)
            return finish_twin(draft) if whole else draft

        twin = protected(task, alone, work, parents=twins, wanted=wanted)
        return replace(twin, warnings=(*twin.warnings, *own_keys(task, rejected)))

    return attempted(task, draw)


def _refuse_changed_columns(task: Task, shop: Workshop) -> None:
    """Say before hours of training that the columns changed, not after."""
    changed = "" if shop.settings.full_refresh else shop.warehouse.column_changes(task)
    if changed:
        raise columns_refused(task.model.name, task.target, changed)


def _waiting(
    groups: Sequence[Sequence[Task]], futures: Mapping[str, Future[Made]], before: Collection[str]
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


def _held_back(cluster: Sequence[Task], made: Sequence[Made], before: Collection[str]) -> dict[str, str]:
    """The good twins of a cluster that must not be published, and why."""
    outcomes = {task.model.unique_id: item.outcome for task, item in zip(cluster, made, strict=True)}
    holds = {name: one.parents for name, one in outcomes.items() if isinstance(one, Twin)}
    failed = [name for name in outcomes if name not in holds]
    return held_back([task.model for task in cluster], holds, failed, before)


def _tried(made: Made, trial: Trial | None, shop: Workshop) -> Made:
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


def _kept(cluster: Sequence[Task], made: Sequence[Made], shop: Workshop) -> list[ModelResult]:
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
    cluster: Sequence[Task], made: Sequence[Made], shop: Workshop, before: Collection[str]
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


def _published(made: Sequence[Made], shop: Workshop) -> Failed | None:
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


def _result(task: Task, made: Made, failed: Failed | None, *, good: Status = Status.PUBLISHED) -> ModelResult:
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
