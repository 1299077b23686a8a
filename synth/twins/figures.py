"""Figures of copies: what a table about nobody says of people follows from the twins of these.

A branch has as many advisers as its twin has. Where nothing says how a figure follows from other twins, it is
made up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from synth import log
from synth.errors import SynthError
from synth.sampling.renumbering import copies_of_events
from synth.twins.outcomes import TaskOutcome, attempt_task
from synth.twins.reference import copy_reference
from synth.twins.twin import Twin
from synth.warehouse.rules import Candidates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future, ThreadPoolExecutor

    from synth.domain import Across, Column, Relation, Task
    from synth.sampling.context import RunContext

    Ready = TaskOutcome[Twin]


def figures_between(
    pool: ThreadPoolExecutor, tasks: Sequence[Task], context: RunContext, twins: Mapping[str, Future[Ready]]
) -> dict[str, Future[Ready]]:
    """Return the twins to come, those of copies with the figures that others decide.

    Whoever waits was handed out after those it waits for, so one of them always advances.
    """
    futures = dict(twins)
    for task in tasks:
        name = task.model.unique_id
        every = context.facts.of(twins).every if task.model.figures else ()
        facts = [one for one in every if one.model == name and one.column in task.model.figures]
        if facts and name in twins:
            needs = {*(key.parent for key in task.model.foreign_keys), *(one.other for one in facts)}
            others = {one: twins[one] for one in sorted(needs) if one in twins and one != name}
            futures[name] = pool.submit(_with_figures, task, context, facts, twins[name], others)
    return futures


def _with_figures(
    task: Task,
    context: RunContext,
    facts: Sequence[Across],
    copy_outcome: Future[Ready],
    others: Mapping[str, Future[Ready]],
) -> Ready:
    """Return the copy with its figures, as far as the twins that decide them were made."""
    outcome = copy_outcome.result()
    outcomes = {name: future.result().outcome for name, future in others.items()}
    ready = {name: one for name, one in outcomes.items() if isinstance(one, Twin)}
    public = {name for name, table in context.facts.tables.items() if table.public}
    facts = [fact for fact in facts if fact.parties - {task.model.unique_id} <= ready.keys() | public]
    if not isinstance(outcome.outcome, Twin) or not facts:
        return outcome
    copy = outcome.outcome
    relations = {name: one.stage.relation for name, one in ready.items()}

    def work() -> Twin:
        return copy_reference(
            task,
            context,
            parents={name: one.keys for name, one in ready.items()},
            referenced_columns=copy.keys,
            figures=lambda rows, columns: agreed_figures(task, context, facts, (rows, columns), relations),
        )

    result = attempt_task(task, work)
    return replace(result, seconds=result.seconds + outcome.seconds)


def agreed_figures(
    task: Task,
    context: RunContext,
    facts: Sequence[Across],
    copy: tuple[pa.Table, Sequence[Column]],
    relations: Mapping[str, Relation],
) -> pa.Table:
    """Return figures as facts across tables say; those that Postgres cannot make stay out.

    Args:
        task: of the copy.
        context: of the run.
        facts: about its figures.
        copy: its rows and columns.
        relations: where the twins of others are, by `unique_id`.
    """
    name = task.model.unique_id
    tables = {
        other: replace(table, relation=relations.get(other, table.relation))
        for other, table in context.facts.tables.items()
        if any(other in fact.parties for fact in facts)
    }
    rows, columns = copy
    places = Candidates(task.model.relation, columns, rows, context.settings.staging_schema)
    # A figure may follow from others of its row.
    steps = sorted(facts, key=lambda fact: len({*fact.beside} & {*task.model.figures}))
    try:
        copies = copies_of_events({one: tables[one] for one in tables if one not in relations}, context)
        return context.warehouse.agree({**copies, name: places}, steps, tables)[0].get(name, pa.table({}))
    except SynthError as error:
        log.warning(f"The figures of {task.model.name} are made up: {error}")
        return pa.table({})
