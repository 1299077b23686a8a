"""Twins that facts across tables bind together are judged when all of them are drawn and agree."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

import numpy as np

from synth import log
from synth.domain import Policy
from synth.errors import SynthError, UndecidableError
from synth.facts.across import AcrossFacts, find_across, stated_across
from synth.twins.across import Draft, agreed, with_copied_keys, with_other_keys
from synth.twins.guaranteed import make_guaranteed
from synth.twins.outcomes import TaskOutcome, attempted, judged, own_keys, without
from synth.twins.pools import pool_of
from synth.twins.twin import Twin, distinct, finish_twin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from concurrent.futures import Future, ThreadPoolExecutor

    import pyarrow as pa

    from synth.domain import Task
    from synth.twins.workshop import Workshop

    Made: TypeAlias = TaskOutcome[Twin]
    Begun: TypeAlias = TaskOutcome[Twin | Draft]

Work = TypeVar("Work")


def across(tasks: Sequence[Task], shop: Workshop) -> AcrossFacts:
    """Return what all real rows of these tasks' models keep across tables, and say so."""
    try:
        models = [task.model for task in tasks if not task.by_guarantee]  # their twins tell nothing more
        facts = find_across(models, shop.warehouse, shop.snapshot)
    except SynthError as error:
        log.warning(f"Twins are not made to agree with each other: {error}")
        return AcrossFacts()
    if facts.every:
        log.info(f"True across tables: {'; '.join(map(str, facts.every))}")
    return facts


def stated(tasks: Sequence[Task], shop: Workshop) -> AcrossFacts:
    """Return what the project's SQL states across these tasks' models; twins by guarantee keep it."""
    models = [task.model for task in tasks]
    try:
        return stated_across(models, shop.warehouse)
    except SynthError as error:
        log.warning(f"Twins by guarantee are not made to agree with each other: {error}")
        return AcrossFacts()


def parents_of(task: Task) -> set[str]:
    """Return the models whose twins are needed for that of the task, by `unique_id`."""
    path = task.model.ownership.path if task.model.ownership else ()
    return {key.parent for key in task.model.foreign_keys} | {step.parent for step in path}


def waiting(tasks: Sequence[Task], facts: AcrossFacts) -> frozenset[str]:
    """Return the models whose twins wait for others to be drawn, or hold keys of such; by `unique_id`.

    Args:
        tasks: parents before children.
        facts: across their tables.
    """
    names = [task.model.unique_id for task in tasks]
    late = set().union(*facts.groups(names))
    for task in tasks:
        if not task.model.reference and parents_of(task) & late:
            late.add(task.model.unique_id)
    return frozenset(late)


def finished(
    pool: ThreadPoolExecutor,
    tasks: Sequence[Task],
    shop: Workshop,
    drafts: Mapping[str, Future[Begun]],
    late: Collection[str],
) -> dict[str, Future[Made]]:
    """Return the twins to come of all tasks; those that are `late` are judged after they were made to agree.

    Whoever waits was handed out after those it waits for, so one of them always advances.
    """
    groups = {
        group: pool.submit(_agreed, {name: drafts[name] for name in sorted(group)}, shop)
        for group in shop.facts.groups([task.model.unique_id for task in tasks])
    }
    group_of = {name: future for group, future in groups.items() for name in group}
    twins = cast("dict[str, Future[Made]]", dict(drafts))  # those that are not late are no drafts
    for task in tasks:
        name = task.model.unique_id
        if name in late:
            parents = {
                one: (drafts[one], twins[one]) for one in parents_of(task) if one in twins and one != name
            }
            twins[name] = pool.submit(_finished, task, shop, drafts[name], group_of.get(name), parents)
    return twins


def _agreed(futures: Mapping[str, Future[Begun]], shop: Workshop) -> dict[str, Draft]:
    """Return the drafts that there are, made to agree; as they are drawn where that cannot be done."""
    outcomes = {name: future.result().outcome for name, future in futures.items()}
    drafts = {name: one for name, one in outcomes.items() if isinstance(one, Draft)}
    try:
        return agreed(drafts, shop.facts, shop.warehouse)
    except SynthError as error:
        log.warning(f"Twins are not made to agree with each other: {error}")
    except Exception as error:  # noqa: BLE001 - their tests say whether they are good as they are
        log.warning(f"Twins are not made to agree with each other: {log.describe_unexpected(error)}.")
    return drafts


def protected(
    task: Task,
    shop: Workshop,
    work: Callable[[], Work],
    *,
    parents: Mapping[str, Mapping[str, pa.ChunkedArray]],
    wanted: Collection[str],
) -> Work | Twin:
    """Return what the work makes; a twin by guarantee where no check can decide, if the user wants that."""
    try:
        return work()
    except UndecidableError as error:
        if task.on_inconclusive is not Policy.PROTECT:
            raise
        because = str(error).partition(" Next: ")[0].rstrip(".")
        return make_guaranteed(task, shop, parents=parents, wanted=wanted, because=because)


def _finished(
    task: Task,
    shop: Workshop,
    drawn: Future[Begun],
    group: Future[dict[str, Draft]] | None,
    parents: Mapping[str, tuple[Future[Begun], Future[Made]]],
) -> Made:
    """Return the twin of a draft; in place of keys of a parent that is not published so, it gets others."""
    made = drawn.result()
    if not isinstance(made.outcome, Draft):
        return TaskOutcome(made.outcome, made.seconds)
    draft = made.outcome if group is None else group.result()[task.model.unique_id]
    outcomes = {name: twin.result().outcome for name, (_, twin) in parents.items()}
    rejected, lost = judged(outcomes)
    rejected &= draft.parents
    if lost is not None:
        return TaskOutcome(lost, made.seconds)
    keys = {name: twin.keys for name, twin in outcomes.items() if isinstance(twin, Twin)}
    begun = {name: first.result().outcome for name, (first, _) in parents.items()}
    others = {
        name: keys[name]
        for name, one in begun.items()
        if isinstance(one, Draft) and name in keys and keys[name] is not one.keys
    }

    def finish() -> Twin:
        alone = without(rejected, shop)
        ready = _with_keys(draft, rejected, others, alone) if rejected or others else draft
        wanted = frozenset(draft.keys)
        return protected(task, alone, lambda: finish_twin(ready), parents=keys, wanted=wanted)

    twin = attempted(task, finish)
    return replace(twin, seconds=twin.seconds + made.seconds)


def _with_keys(
    draft: Draft,
    rejected: Collection[str],
    others: Mapping[str, Mapping[str, pa.ChunkedArray]],
    shop: Workshop,
) -> Draft:
    """Return the draft without keys of twins that are not published.

    Args:
        draft: of a child.
        rejected: the parents that have no new twin.
        others: the keys of parents whose twins were made again, by guarantee.
        shop: where the rejected have none.
    """
    task = draft.case.task
    pools = {
        key.column: pool_of(task, key, shop, others)
        for key in task.model.foreign_keys
        if (key.parent in rejected and key.parent in shop.twins) or key.parent in others
    }
    changed = _distinct(with_other_keys(draft, {*rejected, *others}, pools))
    table = with_copied_keys(changed.made.table, changed.case, shop.facts.every, others)
    changed = replace(
        changed, made=replace(changed.made, table=table), parents=draft.parents - frozenset(rejected)
    )
    return replace(changed, warnings=(*changed.warnings, *own_keys(task, rejected)))


def _distinct(draft: Draft) -> Draft:
    """Return the draft without rows that repeat a key, because there are fewer parents than before."""
    case, made = draft.case, draft.made
    rng = np.random.default_rng([case.task.seed, *case.task.model.unique_id.encode(), 5])
    alone = distinct(case, made.table, made.places, case.treatments, made.entities, rng)
    keys = {name: alone.table.column(name) for name in draft.keys} if alone.dropped else draft.keys
    alone = replace(alone, dropped=made.dropped + alone.dropped, broken=made.broken)
    return replace(draft, made=alone, keys=keys)
