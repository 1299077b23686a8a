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
from synth.twins.agreeing import agree_between
from synth.twins.by_guarantee import make_guaranteed
from synth.twins.dbt_tests import TwinTests
from synth.twins.excerpts import take_excerpt, with_wholes, without_whole
from synth.twins.figures import figures_between
from synth.twins.finishing import finish_twins, late_models, parents_of, with_facts, with_protection
from synth.twins.outcomes import Failure, TaskOutcome, attempt_task, own_keys, rejected_parents, without
from synth.twins.reference import copy_reference
from synth.twins.together import held_back
from synth.twins.twin import Twin, draw_twin, finish_twin
from synth.warehouse.publish import columns_refused
from synth.warehouse.units import State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from synth.domain import Task
    from synth.runs.changes import Agenda
    from synth.sampling.context import RunContext
    from synth.twins.dbt_tests import TwinTestVerdict
    from synth.warehouse import Stage

    TwinOutcome: TypeAlias = TaskOutcome[Twin]
    DraftOutcome: TypeAlias = TaskOutcome[Twin | Draft]


def earlier_outcomes(todo: Agenda) -> dict[str, TwinOutcome]:
    """Return what has become of tasks before this command: twins that wait, and those that cannot be made."""
    ready: dict[str, TwinOutcome] = {
        name: TaskOutcome(Twin(stage, None, stage.artifacts, (), {}, {}, parents=_makers(stage)), 0.0)
        for name, stage in todo.stages_to_publish.items()
    }
    failures: dict[str, TwinOutcome] = {
        name: TaskOutcome(Failure(Status.SKIPPED, reason), 0.0) for name, reason in todo.block_reasons.items()
    }
    return ready | failures


def _makers(stage: Stage) -> frozenset[str]:
    """Return whose keys a twin holds that was staged before."""
    return frozenset(part.removeprefix(PARENT) for part in stage.inputs if part.startswith(PARENT))


def make_and_publish(
    tasks: Sequence[Task],
    context: RunContext,
    results: dict[str, ModelResult],
    *,
    places: Mapping[str, str],
    ready: Mapping[str, TwinOutcome],
) -> None:
    """Make the twins side by side, and publish each cluster when all of it is made.

    Args:
        tasks: what to make, parents before children.
        context: of the run.
        results: takes the outcome of each task, by `unique_id`.
        places: such as `1 of 2`, by `unique_id`.
        ready: what has become of a task before, by `unique_id`.
    """
    tasks, context = with_facts(with_wholes(tasks, context), context, ready=ready)
    pool = ThreadPoolExecutor(context.settings.threads, thread_name_prefix="synth")
    try:
        futures = _handed_out(pool, tasks, context, places, ready)
        trials, groups = TwinTests(() if context.keep else tasks, context), clusters(tasks)
        before = frozenset(published_twins(context.twins, context.warehouse))
        for index, cluster in enumerate(groups):
            outcomes = [futures[task.model.unique_id].result() for task in cluster]
            verdicts = trials.of(*_publishable_stages(groups[index:], futures, before))
            outcomes = [
                _with_verdict(item, verdicts.get(task.model.unique_id), context)
                for task, item in zip(cluster, outcomes, strict=True)
            ]
            for result in (
                _keep_for_later(cluster, outcomes, context)
                if context.keep
                else _publish(cluster, outcomes, context, before)
            ):
                unique_id = result.task.model.unique_id
                results[unique_id] = result
                log.outcome(places[unique_id], result, context.folder.report(result.task))
    except BaseException:
        context.backends.cancel()
        raise
    finally:
        # An engine cannot be stopped from outside; the one who interrupts a run does not want to wait for it.
        pool.shutdown(wait=False, cancel_futures=True)


def _handed_out(
    pool: ThreadPoolExecutor,
    tasks: Sequence[Task],
    context: RunContext,
    places: Mapping[str, str],
    ready: Mapping[str, TwinOutcome],
) -> dict[str, Future[TwinOutcome]]:
    """Return the twins to come. A child waits for its parents, which were handed out before it."""
    parts = [task for task in tasks if task.model.excerpt and task.model.unique_id not in ready]
    tasks = [task for task in tasks if task not in parts]
    late, drafts = (
        late_models(tasks, context.facts),
        {name: _past(outcome) for name, outcome in ready.items()},
    )
    for task in tasks:
        name = task.model.unique_id
        if name in ready:
            continue
        parents = {one: drafts[one] for one in parents_of(task) if one in drafts}
        referenced_columns = (
            _columns_for_children(task, tasks)
            | context.facts.referenced_columns(name)
            | context.sql_facts.referenced_columns(name)
        )
        drafts[name] = pool.submit(
            _make, places[name], task, context, parents, referenced_columns, whole=name not in late
        )
    twins = agree_between(pool, tasks, context, finish_twins(pool, tasks, context, drafts, late))
    twins = figures_between(pool, tasks, context, twins)
    for task in parts:  # those that others are calculated from come before them
        names = task.model.excerpt.parents if task.model.excerpt else ()
        wholes = {name: twins[name] for name in names if name in twins}
        twins[task.model.unique_id] = pool.submit(_take, places[task.model.unique_id], task, context, wholes)
    return twins


def _take(
    place: str, task: Task, context: RunContext, wholes: Mapping[str, Future[TwinOutcome]]
) -> TwinOutcome:
    """Return the twin of a part of other models, when those of the wholes are final."""
    twins: dict[str, Twin] = {}
    for name, future in wholes.items():
        outcome = future.result().outcome
        if isinstance(outcome, Failure):
            return TaskOutcome(without_whole(task, name, outcome), 0.0)
        twins[name] = outcome
    log.start(place, task)

    def take() -> Twin:
        _refuse_changed_columns(task, context)
        return take_excerpt(task, context, twins)

    return attempt_task(task, take)


def _past(outcome: TwinOutcome) -> Future[DraftOutcome]:
    """Return what has become of a task before, as if it were done now."""
    future: Future[DraftOutcome] = Future()
    future.set_result(TaskOutcome(outcome.outcome, outcome.seconds))
    return future


def _columns_for_children(task: Task, tasks: Sequence[Task]) -> frozenset[str]:
    """Return the columns of a model that foreign keys of others hold, or that lead to their entities."""
    name = task.model.unique_id
    keys = (key for other in tasks for key in other.model.held_keys)
    steps = (step for other in tasks if other.model.ownership for step in other.model.ownership.path)
    ways = (column for step in steps if step.parent == name for column in (step.key, step.column))
    return frozenset((*(key.parent_column for key in keys if key.parent == name), *ways))


def _make(
    place: str,
    task: Task,
    context: RunContext,
    parents: Mapping[str, Future[DraftOutcome]],
    referenced_columns: frozenset[str],
    *,
    whole: bool,
) -> DraftOutcome:
    """Return the twin, or the reason why there is none; no model stops another.

    One that is not made as a `whole` waits for others before it is judged.
    """
    outcomes = {name: future.result().outcome for name, future in parents.items()}
    parent_twins = {name: one for name, one in outcomes.items() if not isinstance(one, Failure)}
    # A twin that was staged by another command has its keys in its stage alone.
    twins = {
        name: twin.keys
        for name, twin in parent_twins.items()
        if context.keep or isinstance(twin, Draft) or not twin.stage.kept
    }
    rejected_models, failure = rejected_parents(outcomes)
    owners = {name: twin.owners for name, twin in parent_twins.items() if twin.owners is not None}
    if failure is not None:
        return TaskOutcome(failure, 0.0)
    log.start(place, task)

    def draw() -> Twin | Draft:
        _refuse_changed_columns(task, context)
        alone = without(rejected_models, context)
        if task.model.reference:
            return copy_reference(task, alone, parents=twins, referenced_columns=referenced_columns)
        if task.by_guarantee:
            return make_guaranteed(task, alone, parents=twins, referenced_columns=referenced_columns)

        def work() -> Twin | Draft:
            draft = draw_twin(
                task, alone, parents=twins, referenced_columns=referenced_columns, owners=owners
            )
            return replace(finish_twin(draft), again=None) if whole else draft

        twin = with_protection(task, alone, work, parents=twins, referenced_columns=referenced_columns)
        return replace(twin, warnings=(*twin.warnings, *own_keys(task, rejected_models)))

    return attempt_task(task, draw)


def _refuse_changed_columns(task: Task, context: RunContext) -> None:
    """Say before hours of training that the columns changed, not after."""
    changes = "" if context.settings.full_refresh else context.warehouse.column_changes(task)
    if changes:
        raise columns_refused(task.model.name, task.target, changes)


def _publishable_stages(
    groups: Sequence[Sequence[Task]], futures: Mapping[str, Future[TwinOutcome]], before: Collection[str]
) -> tuple[dict[str, Stage], set[str]]:
    """Return the stages of clusters that are completely made, and the models that are still being made."""
    stages: dict[str, Stage] = {}
    pending: set[str] = set()
    for group in groups:
        names = [task.model.unique_id for task in group]
        if not all(futures[name].done() for name in names):
            pending.update(names)
            continue
        outcomes = [futures[name].result() for name in names]
        held_back_models = _held_back(group, outcomes, before)
        stages |= {
            name: item.outcome.stage
            for name, item in zip(names, outcomes, strict=True)
            if isinstance(item.outcome, Twin) and name not in held_back_models
        }
    return stages, pending


def _held_back(
    cluster: Sequence[Task], cluster_outcomes: Sequence[TwinOutcome], before: Collection[str]
) -> dict[str, str]:
    """Return the good twins of a cluster that must not be published, and why."""
    outcomes = {
        task.model.unique_id: item.outcome for task, item in zip(cluster, cluster_outcomes, strict=True)
    }
    holds = {name: one.parents for name, one in outcomes.items() if isinstance(one, Twin)}
    failed_models = [name for name in outcomes if name not in holds]
    return held_back([task.model for task in cluster], holds, failed_models, before)


def _with_verdict(outcome: TwinOutcome, verdict: TwinTestVerdict | None, context: RunContext) -> TwinOutcome:
    """Return the outcome of a task when dbt's tests have had their say."""
    twin = outcome.outcome
    if verdict is None or isinstance(twin, Failure):
        return outcome
    if verdict.blocking_status is None:
        warnings = (*twin.warnings, *verdict.warnings)
        return replace(outcome, outcome=replace(twin, warnings=warnings, tests=verdict.outcomes))
    failure = Failure(verdict.blocking_status, verdict.message, twin.evaluation, verdict.outcomes)
    if verdict.blocking_status is Status.REJECTED:
        try:
            if twin.stage.kept:
                context.warehouse.note(
                    context.settings.staging_schema, context.run_id, [twin.stage.unique_id], State.FAILED
                )
            context.warehouse.reject(twin.stage, analysts=context.settings.options.analyst_role)
        except SynthError as error:
            failure = replace(failure, message=f"{verdict.message} {error}")
    return replace(outcome, outcome=failure)


def _keep_for_later(
    cluster: Sequence[Task], outcomes: Sequence[TwinOutcome], context: RunContext
) -> list[ModelResult]:
    """Leave what is made for a later `synth publish`, and what is not, on record."""
    failed_models = [
        task.model.unique_id
        for task, item in zip(cluster, outcomes, strict=True)
        if isinstance(item.outcome, Failure) and item.outcome.status is not Status.PENDING
    ]
    context.warehouse.note(context.settings.staging_schema, context.run_id, failed_models, State.FAILED)
    return [
        _result(task, item, None, good=Status.SYNTHESIZED)
        for task, item in zip(cluster, outcomes, strict=True)
    ]


def _publish(
    cluster: Sequence[Task], outcomes: Sequence[TwinOutcome], context: RunContext, before: Collection[str]
) -> list[ModelResult]:
    """Publish what of a cluster is good and may stand alone, all that belongs together in one transaction."""
    held_back_models = _held_back(cluster, outcomes, before)
    failures = {name: Failure(Status.SKIPPED, reason) for name, reason in held_back_models.items()}
    items = {task.model.unique_id: item for task, item in zip(cluster, outcomes, strict=True)}
    good = [
        task
        for task in cluster
        if isinstance(items[task.model.unique_id].outcome, Twin)
        and task.model.unique_id not in held_back_models
    ]
    for part in clusters(good):
        names = [task.model.unique_id for task in part]
        failure = _publish_together([items[name] for name in names], context)
        failures |= {} if failure is None else dict.fromkeys(names, failure)
    return [
        _result(task, items[task.model.unique_id], failures.get(task.model.unique_id)) for task in cluster
    ]


def _publish_together(outcomes: Sequence[TwinOutcome], context: RunContext) -> Failure | None:
    """Publish twins in one transaction; what went wrong, if anything did."""
    stages = [item.outcome.stage for item in outcomes if isinstance(item.outcome, Twin)]
    settings = context.settings
    try:
        context.warehouse.publish(
            stages, analysts=settings.options.analyst_role, full_refresh=settings.full_refresh
        )
    except SynthError as error:
        return Failure(Status.ERROR, str(error))
    except Exception as error:  # noqa: BLE001 - as in `_make`
        return Failure(Status.ERROR, f"{log.describe_unexpected(error)}.")
    return None


def _result(
    task: Task, task_outcome: TwinOutcome, failure: Failure | None, *, good: Status = Status.PUBLISHED
) -> ModelResult:
    """Return how `task` left the run, `good` if well; `failure` says why its cluster was not published."""
    outcome = task_outcome.outcome
    if isinstance(outcome, Failure):
        return ModelResult(
            task,
            outcome.status,
            evaluation=outcome.evaluation,
            seconds=task_outcome.seconds,
            message=outcome.message,
            tests=outcome.tests,
            jobs=outcome.jobs,
        )
    return ModelResult(
        task,
        failure.status if failure else good,
        rows=outcome.stage.rows,
        evaluation=outcome.evaluation,
        artifacts=outcome.artifacts,
        seconds=task_outcome.seconds,
        scores=outcome.scores,
        message=failure.message if failure else "",
        warnings=outcome.warnings,
        tests=outcome.tests,
        guarantee=outcome.stage.guarantee,
        inherited=outcome.stage.verdict if task.model.excerpt else "",
    )
