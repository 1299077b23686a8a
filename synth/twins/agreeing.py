"""Twins by guarantee, and those of other models, made to agree when all of them are made.

Twins by guarantee agree as the project's SQL states it. What SQL states is public, and so are twins; so
nothing of that looks at real rows, and it costs no privacy. A twin by checks may have been drawn to agree
with one in whose place another was made by guarantee. Then it is made to agree with that one.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from synth import log
from synth.errors import SynthError
from synth.sampling.computing import candidates, with_new_columns, without_new_breaks
from synth.sampling.renumbering import copies_of_events
from synth.twins.across import Draft, agreement_steps, make_agree
from synth.twins.admission import loses_labels
from synth.twins.by_guarantee import finish_guaranteed
from synth.twins.outcomes import TaskOutcome, attempt_task
from synth.twins.private import PrivateDraft
from synth.twins.twin import Twin, finish_twin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future, ThreadPoolExecutor

    from synth.domain import Task
    from synth.facts.across import AcrossFacts
    from synth.sampling.context import RunContext

    Ready = TaskOutcome[Twin]


def agree_between(
    pool: ThreadPoolExecutor, tasks: Sequence[Task], context: RunContext, twins: Mapping[str, Future[Ready]]
) -> dict[str, Future[Ready]]:
    """Return the twins to come, those by guarantee as those of other models say they are.

    Whoever waits was handed out after those it waits for, so one of them always advances.
    """
    by_guarantee = _by_groups(pool, tasks, context.sql_facts, twins, partial(_agree_group, context=context))
    work = partial(_agree_with_guaranteed, context=context)
    return _by_groups(pool, tasks, context.facts, by_guarantee, work)


def _by_groups(
    pool: ThreadPoolExecutor,
    tasks: Sequence[Task],
    facts: AcrossFacts,
    twins: Mapping[str, Future[Ready]],
    work: Callable[[Mapping[str, Future[Ready]]], dict[str, Ready]],
) -> dict[str, Future[Ready]]:
    """Return the twins to come when the work was done on each group that facts bind together."""
    futures = dict(twins)
    for group in facts.groups([task.model.unique_id for task in tasks]):
        whole = pool.submit(work, {name: twins[name] for name in sorted(group)})
        for name in group:
            futures[name] = pool.submit(_one_of, whole, name)
    return futures


def _one_of(whole: Future[dict[str, Ready]], name: str) -> Ready:
    return whole.result()[name]


def _agree_group(group_futures: Mapping[str, Future[Ready]], context: RunContext) -> dict[str, Ready]:
    """Return what has become of tasks; twins by guarantee with the columns that others decide."""
    outcomes = {name: future.result() for name, future in group_futures.items()}
    twins = {name: one.outcome for name, one in outcomes.items() if isinstance(one.outcome, Twin)}
    drafts = {name: twin.again for name, twin in twins.items() if isinstance(twin.again, PrivateDraft)}
    facts = [fact for fact in context.sql_facts.of(twins).every if fact.model in drafts]
    steps = agreement_steps(facts, drafts, twins)
    if not steps:
        return outcomes
    tables = {
        name: replace(table, relation=twins[name].stage.relation) if name in twins else table
        for name, table in context.sql_facts.tables.items()
    }
    rows = {name: candidates(draft.case, draft.twin_table.table) for name, draft in drafts.items()}
    try:
        copies = copies_of_events(tables, context)
        columns, _ = context.warehouse.agree({**copies, **rows}, steps, tables)
    except SynthError as error:
        log.warning(f"Twins by guarantee are not made to agree with each other: {error}")
        return outcomes
    for name, new_columns in columns.items():
        draft = drafts[name]
        within_rules, _ = without_new_breaks(draft.case, draft.twin_table.table, new_columns)
        table = with_new_columns(draft.twin_table.table, within_rules)
        if not table.equals(draft.twin_table.table):
            again = replace(draft, twin_table=replace(draft.twin_table, table=table))
            new_outcome = attempt_task(draft.case.task, partial(finish_guaranteed, again))
            outcomes[name] = replace(new_outcome, seconds=new_outcome.seconds + outcomes[name].seconds)
    return outcomes


def that_tell(facts: AcrossFacts, twins: Mapping[str, Twin]) -> AcrossFacts:
    """Return the facts without those from columns of which twins by guarantee could tell nothing."""
    drafts = {name: one.again for name, one in twins.items() if one.again is not None}
    treatments = {name: one.case.treatments for name, one in drafts.items()}
    unclear = {
        name: {*one.private.engine.unclear} for name, one in drafts.items() if isinstance(one, PrivateDraft)
    }
    every = (
        fact
        for fact in facts.every
        if not {fact.source, *fact.order} & unclear.get(fact.other, set())
        and (fact.model not in treatments or not loses_labels(fact, treatments))
    )
    return replace(facts, every=tuple(every))


def _agree_with_guaranteed(
    group_futures: Mapping[str, Future[Ready]], context: RunContext
) -> dict[str, Ready]:
    """Return what has become of tasks; twins by checks with the columns that twins by guarantee decide.

    They passed with others in these columns, and are not judged anew: what stands there now is public, and as
    noisy as the twin that it comes from.
    """
    outcomes = {name: future.result() for name, future in group_futures.items()}
    twins = {name: one.outcome for name, one in outcomes.items() if isinstance(one.outcome, Twin)}
    final = {name: one.stage.relation for name, one in twins.items() if isinstance(one.again, PrivateDraft)}
    drafts = {name: one.again for name, one in twins.items() if isinstance(one.again, Draft)}
    if not final or not drafts:
        return outcomes
    try:
        copies = copies_of_events(context.facts.tables, context)
        facts = that_tell(context.facts, twins)
        new_drafts = make_agree(drafts, facts, context.warehouse, final, copies)
    except SynthError as error:
        log.warning(f"Twins are not made to agree with those by guarantee: {error}")
        return outcomes
    except Exception as error:  # noqa: BLE001 - they are good as they are, as they were judged
        text = log.describe_unexpected(error)
        log.warning(f"Twins are not made to agree with those by guarantee: {text}.")
        return outcomes
    for name, draft in new_drafts.items():
        before, after = (one.twin_table.table for one in (drafts[name], draft))
        columns = [one for one in after.column_names if not after.column(one).equals(before.column(one))]
        if columns:
            text = f"{', '.join(columns)} of {draft.case.task.model.name} follow from twins by guarantee"
            again = replace(draft, warnings=(*draft.warnings, text))
            new_outcome = attempt_task(draft.case.task, partial(finish_twin, again))
            outcomes[name] = replace(new_outcome, seconds=new_outcome.seconds + outcomes[name].seconds)
    return outcomes
