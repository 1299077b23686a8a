"""Twins that facts across tables bind together are judged when all of them are drawn and agree."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

import numpy as np

from synth import log
from synth.corrections.windows import with_windows
from synth.domain import Policy
from synth.errors import SynthError, UndecidableError
from synth.facts.across import AcrossFacts, find_across, stated_across, told_by_others
from synth.sampling.rejection import RejectedError
from synth.sampling.renumbering import copies_of_events
from synth.twins.across import Draft, make_agree, with_copied_keys, with_other_keys
from synth.twins.by_guarantee import make_guaranteed
from synth.twins.excerpts import drawn_apart
from synth.twins.outcomes import TaskOutcome, attempt_task, own_keys, rejected_parents, without
from synth.twins.pools import pool_of
from synth.twins.reference import copy_reference, learned_parents
from synth.twins.twin import Twin, finish_twin
from synth.twins.uniqueness import distinct

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from concurrent.futures import Future, ThreadPoolExecutor

    import pyarrow as pa

    from synth.domain import Task
    from synth.sampling.context import RunContext

    TwinOutcome: TypeAlias = TaskOutcome[Twin]
    DraftOutcome: TypeAlias = TaskOutcome[Twin | Draft]

Work = TypeVar("Work")


def with_facts(
    tasks: Sequence[Task], context: RunContext, *, ready: Collection[str]
) -> tuple[list[Task], RunContext]:
    """Return the tasks and the context with what is true across their tables, and say that.

    Whose rows decide columns of others is drawn with them, though it were a part of another model. What is
    true of other parts follows from the twins that they are parts of.

    Args:
        tasks: of the run.
        context: of the run.
        ready: the models whose twins are made already, by `unique_id`.
    """
    late = [task for task in tasks if task.model.unique_id not in ready]
    facts, sql_facts = across(late, context), facts_of_sql(late, context)
    tasks = drawn_apart(tasks, told_by_others([task.model for task in late], facts, sql_facts))
    parts = {task.model.unique_id for task in tasks if task.model.excerpt}
    facts, sql_facts = facts.without(parts), sql_facts.without(parts)
    if facts.every or facts.after:
        # Facts about rows of different labels read alike.
        every = dict.fromkeys(map(str, (*facts.every, *facts.after)))
        log.info(f"True across tables: {'; '.join(every)}")
    return tasks, replace(context, facts=facts, sql_facts=sql_facts)


def across(tasks: Sequence[Task], context: RunContext) -> AcrossFacts:
    """Return what all real rows of these tasks' models keep across tables."""
    try:
        models = [task.model for task in tasks if not task.by_guarantee]  # their twins tell nothing more
        return find_across(models, context.warehouse, context.snapshot)
    except SynthError as error:
        log.warning(f"Twins are not made to agree with each other: {error}")
        return AcrossFacts()


def facts_of_sql(tasks: Sequence[Task], context: RunContext) -> AcrossFacts:
    """Return what the project's SQL states across these tasks' models; twins by guarantee keep it."""
    models = [task.model for task in tasks]
    try:
        return stated_across(models, context.warehouse)
    except SynthError as error:
        log.warning(f"Twins by guarantee are not made to agree with each other: {error}")
        return AcrossFacts()


def parents_of(task: Task) -> set[str]:
    """Return the models whose twins are needed for that of the task, by `unique_id`."""
    path = task.model.ownership.path if task.model.ownership else ()
    return {key.parent for key in task.model.held_keys} | {step.parent for step in path}


def late_models(tasks: Sequence[Task], facts: AcrossFacts) -> frozenset[str]:
    """Return the models whose twins wait for others to be drawn, or hold keys of such; by `unique_id`.

    Args:
        tasks: parents before children.
        facts: across their tables.
    """
    names = [task.model.unique_id for task in tasks]
    late = set().union(*facts.groups(names))
    for task in tasks:
        waits = {key.parent for key in learned_parents(task)} if task.model.reference else parents_of(task)
        if waits & late:
            late.add(task.model.unique_id)
    return frozenset(late)


def finish_twins(
    pool: ThreadPoolExecutor,
    tasks: Sequence[Task],
    context: RunContext,
    drafts: Mapping[str, Future[DraftOutcome]],
    late: Collection[str],
) -> dict[str, Future[TwinOutcome]]:
    """Return the twins to come of all tasks; those that are `late` are judged after they were made to agree.

    Whoever waits was handed out after those it waits for, so one of them always advances.
    """
    groups = {
        group: pool.submit(_agree_group, {name: drafts[name] for name in sorted(group)}, context)
        for group in context.facts.groups([task.model.unique_id for task in tasks])
    }
    group_of = {name: future for group, future in groups.items() for name in group}
    twins = cast("dict[str, Future[TwinOutcome]]", dict(drafts))  # those that are not late are no drafts
    for task in tasks:
        name = task.model.unique_id
        if name in late:
            parents = {
                one: (drafts[one], twins[one]) for one in parents_of(task) if one in twins and one != name
            }
            twins[name] = pool.submit(_finish_draft, task, context, drafts[name], group_of.get(name), parents)
    return twins


def _agree_group(futures: Mapping[str, Future[DraftOutcome]], context: RunContext) -> dict[str, Draft]:
    """Return the drafts that there are, made to agree; as they are drawn where that cannot be done."""
    outcomes = {name: future.result().outcome for name, future in futures.items()}
    drafts = {name: one for name, one in outcomes.items() if isinstance(one, Draft)}
    try:
        copies = copies_of_events(context.facts.tables, context)
        return make_agree(drafts, context.facts, context.warehouse, copies=copies)
    except SynthError as error:
        log.warning(f"Twins are not made to agree with each other: {error}")
    except Exception as error:  # noqa: BLE001 - their tests say whether they are good as they are
        log.warning(f"Twins are not made to agree with each other: {log.describe_unexpected(error)}.")
    return drafts


def with_protection(
    task: Task,
    context: RunContext,
    work: Callable[[], Work],
    *,
    parents: Mapping[str, Mapping[str, pa.ChunkedArray]],
    referenced_columns: Collection[str],
) -> Work | Twin:
    """Return what the work makes; a twin by guarantee where no check can decide, if the user wants that."""
    try:
        return work()
    except UndecidableError as error:
        if task.on_inconclusive is not Policy.PROTECT:
            raise
        because = str(error).partition(" Next: ")[0].rstrip(".")
        return make_guaranteed(
            task, context, parents=parents, referenced_columns=referenced_columns, because=because
        )


def _finish_draft(
    task: Task,
    context: RunContext,
    draft_outcome: Future[DraftOutcome],
    group: Future[dict[str, Draft]] | None,
    parents: Mapping[str, tuple[Future[DraftOutcome], Future[TwinOutcome]]],
) -> TwinOutcome:
    """Return the twin of a draft; in place of keys of a parent that is not published so, it gets others."""
    outcome = draft_outcome.result()
    if isinstance(outcome.outcome, Twin) and task.model.reference:
        return _copy_again(task, context, outcome.outcome, outcome.seconds, parents)
    if not isinstance(outcome.outcome, Draft):
        return TaskOutcome(outcome.outcome, outcome.seconds)
    first_draft = outcome.outcome
    draft = first_draft if group is None else group.result()[task.model.unique_id]
    outcomes = {name: twin.result().outcome for name, (_, twin) in parents.items()}
    rejected_models, failure = rejected_parents(outcomes)
    rejected_models &= draft.parents
    if failure is not None:
        return TaskOutcome(failure, outcome.seconds)
    keys = {name: twin.keys for name, twin in outcomes.items() if isinstance(twin, Twin)}
    first_outcomes = {name: first.result().outcome for name, (first, _) in parents.items()}
    others = {
        name: keys[name]
        for name, one in first_outcomes.items()
        if isinstance(one, Draft) and name in keys and keys[name] is not one.keys
    }
    former = {name: one.keys for name, one in first_outcomes.items() if isinstance(one, Draft)}
    alone = without(rejected_models, context)

    def finish(version: Draft) -> Twin:
        has_others = rejected_models or others
        ready = _with_keys(version, rejected_models, others, alone, former) if has_others else version
        return finish_twin(ready)

    def make() -> Twin:
        work = partial(_finish_a_version, finish, draft, first_draft)
        return with_protection(task, alone, work, parents=keys, referenced_columns=frozenset(draft.keys))

    twin = attempt_task(task, make)
    return replace(twin, seconds=twin.seconds + outcome.seconds)


def _finish_a_version(finish: Callable[[Draft], Twin], draft: Draft, first_draft: Draft) -> Twin:
    """Return the twin of a draft; of the rows as they were drawn where agreeing with others makes it useless.

    A row that is right in itself is of more use than none. Keys of other tables have to be theirs.
    """
    try:
        return finish(draft)
    except RejectedError as error:
        is_changed = not first_draft.twin_table.table.equals(draft.twin_table.table)
        if not (
            is_changed and first_draft.parents == draft.parents and error.evaluation.fails_only_in_quality
        ):
            raise
        name = draft.case.task.model.name
        text = f"{name} does not follow rows of other tables, because that would make it too unlike real rows"
        twin = finish(replace(first_draft, warnings=(*first_draft.warnings, text)))
        return replace(twin, again=None)  # twins by guarantee decide nothing of it either


def _copy_again(
    task: Task,
    context: RunContext,
    copy: Twin,
    seconds: float,
    parents: Mapping[str, tuple[Future[DraftOutcome], Future[TwinOutcome]]],
) -> TwinOutcome:
    """Return the copy of reference data with the keys of parents whose twins are others by now."""
    outcomes = {
        name: (first.result().outcome, twin.result().outcome) for name, (first, twin) in parents.items()
    }
    rejected_models, failure = rejected_parents({name: twin for name, (_, twin) in outcomes.items()})
    if failure is not None:
        return TaskOutcome(failure, seconds)
    keys = {name: twin.keys for name, (_, twin) in outcomes.items() if isinstance(twin, Twin)}
    is_final = all(
        isinstance(first, Twin | Draft) and name in keys and keys[name] is first.keys
        for name, (first, _) in outcomes.items()
    )
    if is_final:
        return TaskOutcome(copy, seconds)
    alone = without(rejected_models, context)
    return attempt_task(task, lambda: copy_reference(task, alone, parents=keys, referenced_columns=copy.keys))


def _with_keys(
    draft: Draft,
    rejected_models: Collection[str],
    others: Mapping[str, Mapping[str, pa.ChunkedArray]],
    context: RunContext,
    former: Mapping[str, Mapping[str, pa.ChunkedArray]],
) -> Draft:
    """Return the draft without keys of twins that are not published.

    Args:
        draft: of a child.
        rejected_models: the parents that have no new twin.
        others: the keys of parents whose twins were made again, by guarantee.
        context: in which the rejected have no twin.
        former: the keys of parents when this twin was drawn.
    """
    task = draft.case.task
    pools = {
        key.column: pool_of(task, key, context, others)
        for key in task.model.held_keys
        if (key.parent in rejected_models and key.parent in context.twins) or key.parent in others
    }
    result = _distinct(with_other_keys(draft, {*rejected_models, *others}, pools, former))
    table = with_copied_keys(result.twin_table.table, result.case, context.facts.every, others)
    twin_table, samples, warnings = with_windows(
        result.case, replace(result.twin_table, table=table), result.samples
    )
    return replace(
        result,
        twin_table=twin_table,
        samples=samples,
        parents=draft.parents - frozenset(rejected_models),
        warnings=(*result.warnings, *warnings, *own_keys(task, rejected_models)),
    )


def _distinct(draft: Draft) -> Draft:
    """Return the draft without rows that repeat a key, because there are fewer parents than before."""
    case, twin_table = draft.case, draft.twin_table
    rng = np.random.default_rng([case.task.seed, *case.task.model.unique_id.encode(), 5])
    alone = distinct(case, twin_table.table, twin_table.places, case.treatments, twin_table.entities, rng)
    keys = {name: alone.table.column(name) for name in draft.keys} if alone.duplicate_rows else draft.keys
    alone = replace(
        alone,
        duplicate_rows=twin_table.duplicate_rows + alone.duplicate_rows,
        broken_rules=twin_table.broken_rules,
    )
    return replace(draft, twin_table=alone, keys=keys)
