"""Twins by guarantee made to agree with those of other models, as the project's SQL states it.

What SQL states is public, and so are twins; so nothing here looks at real rows, and it costs no privacy.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from synth import log
from synth.errors import SynthError
from synth.twins.across import agreement_steps
from synth.twins.by_guarantee import finish_guaranteed
from synth.twins.computing import candidates, with_new_columns, without_new_breaks
from synth.twins.outcomes import TaskOutcome, attempt_task
from synth.twins.twin import Twin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future, ThreadPoolExecutor

    from synth.domain import Task
    from synth.twins.context import RunContext

    Ready = TaskOutcome[Twin]


def agree_between(
    pool: ThreadPoolExecutor, tasks: Sequence[Task], context: RunContext, twins: Mapping[str, Future[Ready]]
) -> dict[str, Future[Ready]]:
    """Return the twins to come, those by guarantee as those of other models say they are.

    Whoever waits was handed out after those it waits for, so one of them always advances.
    """
    futures = dict(twins)
    for group in context.sql_facts.groups([task.model.unique_id for task in tasks]):
        group_futures = {name: twins[name] for name in sorted(group)}
        whole = pool.submit(_agree_group, group_futures, context)
        for name in group_futures:
            futures[name] = pool.submit(_one_of, whole, name)
    return futures


def _one_of(whole: Future[dict[str, Ready]], name: str) -> Ready:
    return whole.result()[name]


def _agree_group(group_futures: Mapping[str, Future[Ready]], context: RunContext) -> dict[str, Ready]:
    """Return what has become of tasks; twins by guarantee with the columns that others decide."""
    outcomes = {name: future.result() for name, future in group_futures.items()}
    twins = {name: one.outcome for name, one in outcomes.items() if isinstance(one.outcome, Twin)}
    drafts = {name: twin.again for name, twin in twins.items() if twin.again is not None}
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
        columns, _ = context.warehouse.agree(rows, steps, tables)
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
