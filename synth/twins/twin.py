"""One model becomes a twin: extract → split → synthesize → conform → evaluate → store → stage."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from synth._version import __version__
from synth.backends import capabilities_of, epsilon_of
from synth.columns.conform import assemble, made_up
from synth.columns.roles import LEARNED_ROLES, assign
from synth.corrections.arrivals import with_keys_of_earlier
from synth.corrections.carries import with_carries
from synth.corrections.compounds import with_compounds, with_parts
from synth.corrections.equals import equal_keys_of, with_equal_keys
from synth.corrections.fits import with_fitting_keys
from synth.corrections.lists import with_lists
from synth.corrections.numbering import numbered_apart, with_numberings
from synth.corrections.places import move_to_free_places, with_places, with_room
from synth.corrections.prefixes import with_prefixes
from synth.corrections.seniority import with_elders
from synth.corrections.shares import with_shares
from synth.corrections.snapshots import in_versions, key_versions
from synth.corrections.stretches import with_stretches
from synth.corrections.turns import with_periods_apart
from synth.corrections.windows import not_by_windows, with_windows
from synth.domain import Verdict
from synth.errors import UndecidableError
from synth.facts.enforceable import keep_true_facts, read_enforceable
from synth.log import relative_path
from synth.runs.attempts import attempt
from synth.runs.preflight import few_rows
from synth.sampling.calendars import with_calendars
from synth.sampling.computing import with_formulas_and_rules
from synth.sampling.context import Case, TwinTable
from synth.sampling.families import family_of, of_one_entity, one_key_each, whose_rows, with_owners
from synth.sampling.forebears import with_forebears
from synth.sampling.owners import owners_of
from synth.sampling.redraw import choose
from synth.sampling.rejection import refuse_broken, sample_valid_rows, without_broken
from synth.sampling.resplit import owners_again
from synth.sampling.siblings import with_siblings
from synth.sampling.source import follow_step
from synth.sampling.traits import with_traits
from synth.twins import gate
from synth.twins.across import Draft, nearest_owner, with_copied_keys, with_count, with_counts
from synth.twins.claims import claims_of, with_patterns
from synth.twins.examination import examine
from synth.twins.kinship import with_kinship
from synth.twins.pools import most_keys, pool_for, with_days_of_parents
from synth.twins.readings import read
from synth.twins.uniqueness import distinct, read_uniqueness, with_implied_keys
from synth.warehouse import Stage
from synth.warehouse.staging import stage_relation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from synth.columns.roles import Treatment
    from synth.corrections.snapshots import Versions
    from synth.domain import Column, Evaluation, Task
    from synth.sampling.context import RunContext, Samples
    from synth.sampling.owners import Owners
    from synth.sampling.redraw import RowSelection
    from synth.sampling.rejection import ValidRows
    from synth.twins.examination import Examination
    from synth.twins.private import PrivateDraft


@dataclass(frozen=True, slots=True)
class Twin:
    """A checked and staged twin, ready to be published."""

    stage: Stage
    evaluation: Evaluation | None
    artifacts: tuple[str, ...]
    warnings: tuple[str, ...]
    keys: Mapping[str, pa.ChunkedArray]
    scores: Mapping[str, float]  # what a remote service thinks of its rows
    tests: Mapping[str, str] = field(default_factory=dict)  # outcomes of dbt's tests, by name
    parents: frozenset[str] = frozenset()  # whose new keys it holds, by `unique_id`
    owners: Owners | None = None  # for the models that reference this one
    again: PrivateDraft | Draft | None = None  # what it would be made of if other twins decided its columns


def draw_twin(
    task: Task,
    context: RunContext,
    *,
    parents: Mapping[str, Mapping[str, pa.ChunkedArray]],
    referenced_columns: Collection[str],
    owners: Mapping[str, Owners] | None = None,
) -> Draft:
    """Draw the twin of one model; `finish_twin` judges it.

    Args:
        task: what to make.
        context: of the run.
        parents: columns of the twins already made in this run, by `unique_id`.
        referenced_columns: columns of this twin that its children will reference.
        owners: models already made in this run whose rows may own rows of this one, by `unique_id`.

    Raises:
        ModelError: the model cannot be synthesized.
        SynthError: a service failed.
    """
    case = _in_family(_open(task, context), owners or {}, parents)
    valid_rows = sample_valid_rows(case)
    samples = valid_rows.samples
    case = case if samples.rows is None else replace(case, rows=samples.rows)
    most = None if case.family else most_keys(case, parents)
    history = task.model.history
    rows = case.rows if most is None or history else min(case.rows, most)
    valid_rows = valid_rows.in_order(with_room(case, samples, rows))
    samples = valid_rows.samples
    selection = choose(samples, case.source, rows)
    samples, versions = in_versions(history, samples, selection.places, case.source, most=most)
    if versions is not None:
        selection = replace(selection, places=selection.places[versions.stays])
    valid_rows = replace(valid_rows, samples=samples)
    exact_table = _conform(case, valid_rows, selection, parents, versions)
    twin_table = exact_table
    lists, periods = (partial(one, parents=parents) for one in (with_lists, with_periods_apart))
    for step in (lists, with_places, periods, with_carries, with_numberings, with_shares, with_kinship):
        twin_table, samples = step(case, twin_table, samples)
    pair = exact_table, twin_table
    twin_table, samples, doubts = with_formulas_and_rules(case, pair, samples, valid_rows.computed_columns)
    twin_table = without_broken(case, valid_rows, twin_table)
    twin_table, samples, warnings = with_windows(case, twin_table, samples)
    keys = _columns_among(twin_table.table, referenced_columns)
    holds = frozenset(parents) & {key.parent for key in task.model.held_keys}
    ours = _owners(case, samples, twin_table, keys) if keys else None
    return Draft(
        case, samples, selection, twin_table, valid_rows.broken_rules, keys, holds, ours, (*doubts, *warnings)
    )


def _columns_among(table: pa.Table, names: Collection[str]) -> dict[str, pa.ChunkedArray]:
    return {name: table.column(name) for name in sorted({*names} & {*table.column_names})}


def _owners(
    case: Case,
    samples: Samples,
    twin_table: TwinTable,
    keys: Mapping[str, pa.ChunkedArray],
) -> Owners:
    """Return the rows as owners of other models' rows."""
    second = None if samples.second is None else samples.second[twin_table.places]
    owners = owners_of(case.source, case.treatments, twin_table.table, second, keys)
    whom = whose_rows(case, samples)
    owners = replace(owners, whom=None if whom is None else whom[twin_table.places])
    if case.family is not None and samples.owner is not None and len(case.family.owners.columns):
        owners = with_forebears(owners, case.family, samples.owner[twin_table.places])
    return replace(owners, again=owners_again(case, owners.real)) if case.source.halves else owners


def finish_twin(draft: Draft) -> Twin:
    """Check, store and stage a twin that was drawn; one that passed before is not checked again.

    Raises:
        ModelError: a check says it must not be published.
        SynthError: a service failed.
    """
    case, samples = draft.case, draft.samples
    rng = np.random.default_rng([case.task.seed, *case.task.model.unique_id.encode(), 7])
    table = with_elders(case, draft.twin_table.table, rng)
    twin_table = replace(draft.twin_table, table=with_compounds(case, table, draft.keys))
    examination = draft.examination or examine(
        case, samples, draft.selection, twin_table, broken_rules=draft.broken_rules
    )
    warnings = _warnings(case, twin_table) + samples.warnings + draft.warnings
    stage = _decide_stage(case, twin_table.table, examination, warnings)
    refuse_broken(case, twin_table, examination.evaluation)
    artifacts = _store(case, twin_table.table, examination, warnings)
    stage = replace(stage, artifacts=artifacts)
    names = twin_table.table.column_names
    columns = [column for column in case.source.columns if column.name in names]
    learned_columns = [one.column.name for one in case.treatments if one.role in LEARNED_ROLES]
    compared_columns = [name for name in learned_columns if name in names]
    stage = case.context.warehouse.stage(
        case.task, stage, columns=columns, compared_columns=compared_columns, table=twin_table.table
    )
    parts = examination.evaluation, artifacts, warnings + stage.warnings, draft.keys, samples.scores
    again = replace(draft, examination=examination)
    return Twin(stage, *parts, parents=draft.parents, owners=draft.owners, again=again)


def _in_family(
    case: Case, owners: Mapping[str, Owners], parents: Mapping[str, Mapping[str, pa.ChunkedArray]]
) -> Case:
    """Return the case with the histories that its rows make, where its backend can draw such."""
    task = case.task
    if not capabilities_of(task.backend).histories or task.model.counts:
        return case
    real, facts = case.source.real, case.context.facts.every
    complete = [name for name in real.column_names if not real.column(name).null_count]
    model = nearest_owner(task.model, facts, complete)

    def pool(treatment: Treatment) -> pa.Array | None:
        return pool_for(treatment, task, case.context, parents)

    treatments = not_by_windows(case)
    family = family_of(model, case.source, treatments, owners, case.rows, case.context.twins, pool)
    if family is None:
        return replace(case, family=None)
    keys = (
        *task.model.unique,
        *(one.columns for one in case.unique if not one.is_computed and not one.where),
    )
    family = replace(with_count(family, model, facts), unique=tuple(dict.fromkeys(keys)))
    return replace(case, family=with_siblings(family, model.unique_id, facts, owners))


def _open(task: Task, context: RunContext) -> Case:
    """Read the model, decide about its columns, and see whether it may be tried."""
    model, unique = read_uniqueness(task.model, context.warehouse)
    task = replace(task, model=with_counts(model, context.facts.every))
    source = read(task, context)
    few = few_rows(task, source.rows)  # it may have lost some since they were counted
    if few:
        raise UndecidableError(few)
    model, doubts = keep_true_facts(task.model, source.real)
    task = replace(task, model=model)
    treatments = assign(model, source.columns, source.training, owners=source.owners, twins=context.twins)
    treatments = with_calendars(treatments, source, context)
    model = with_stretches(model, source, treatments, context.facts.every)
    enforceable = read_enforceable(
        model, context.warehouse, context.snapshot, context.settings.staging_schema
    )
    enforceable = replace(enforceable, warnings=(*doubts, *enforceable.warnings))
    model = with_parts(model, treatments, enforceable.formulas)
    task = replace(task, model=with_implied_keys(model, treatments, source.real))
    question = attempt(task, source.fingerprint, context.settings, context.warehouse)
    treatments = with_patterns(treatments, claims_of(enforceable.of_rows, source.columns))
    rows = task.rows.of(source.rows) if source.rows else 0
    return Case(task, context, source, treatments, question, rows, enforceable, unique)


def _conform(
    case: Case,
    valid_rows: ValidRows,
    selection: RowSelection,
    parents: Mapping[str, Mapping[str, pa.ChunkedArray]],
    versions: Versions | None,
) -> TwinTable:
    """Return the exact relation: keys, replacements, types; `versions` says whose rows of a snapshot are."""
    task, source = case.task, case.source
    treatments, shared_codes = key_versions(task.model, case.treatments, source.real, versions)
    treatments = treatments if case.family is None else one_key_each(case.family, treatments)
    synthetic = valid_rows.samples.synthetic.iloc[selection.places].reset_index(drop=True)
    rng = np.random.default_rng([task.seed, *task.model.unique_id.encode()])
    samples = valid_rows.samples
    owner = np.zeros(0, np.int64) if samples.owner is None else samples.owner[selection.places]
    group = None if samples.group is None else samples.group[selection.places]
    if case.family and case.family.nest and group is not None:
        synthetic = case.family.nest.number_rows(synthetic, group)
        treatments = case.family.nest.with_unique_key(treatments)

    def pool(treatment: Treatment) -> pa.Array | None:
        return pool_for(treatment, task, case.context, parents)

    table = assemble(
        synthetic,
        treatments,
        real=source.real,
        parents=pool,
        rng=rng,
        existing=_all_rows(made_up(treatments), case),
        shared_codes=shared_codes
        if case.family is None
        else {**(shared_codes or {}), **of_one_entity(case.family, owner, group)},
    )
    table = table if case.family is None else with_owners(table, case.family, owner)
    table = with_days_of_parents(table, case, parents)
    table = with_fitting_keys(with_equal_keys(table, equal_keys_of(case), rng), case, parents, rng)
    table = with_keys_of_earlier(table, case, parents, rng)
    table = with_copied_keys(with_traits(table, case, owner, rng), case, case.context.facts.every, parents)
    table = move_to_free_places(valid_rows.as_judged(table, selection.places), case, rng)
    table = numbered_apart(case, with_prefixes(table, case, rng))
    entities = _entities(case, table, parents)
    return distinct(case, table, selection.places, treatments, entities, rng)


def _entities(
    case: Case, table: pa.Table, parents: Mapping[str, Mapping[str, pa.ChunkedArray]]
) -> pa.ChunkedArray | None:
    """Return whom the rows of the twin are about, looked up in the parents' twins as in the real parents."""
    unit, whose = case.source.unit, case.task.model.ownership
    if unit is None or unit not in table.column_names:
        return None
    entities = table.column(unit)
    for step in whose.path if whose and whose.column == unit else ():
        parent = parents.get(step.parent, {})
        pair = {step.key, step.column}
        if not pair <= parent.keys():
            break  # a twin of before: the key stands for whom it leads to
        entities = follow_step(entities, pa.table({name: parent[name] for name in pair}), step)
    return entities


def _all_rows(columns: Sequence[Column], case: Case) -> pa.Table | None:
    """Return all values of columns where `source` is a share of the rows: no new key may be a real one."""
    if case.source.real.num_rows == case.source.rows or not columns:
        return None
    every = case.context.snapshot.extract(case.task.model.relation, columns)
    return every.rename_columns([column.name for column in columns])


def _decide_stage(case: Case, table: pa.Table, examination: Examination, warnings: Sequence[str]) -> Stage:
    """Return the stage of the twin; record what must not be published, and go no further.

    Raises:
        RejectedError: the evaluation says no.
    """
    task, context, evaluation = case.task, case.context, examination.evaluation
    stage = Stage(
        relation=stage_relation(
            task.target,
            context.settings.staging_schema,
            context.run_id if context.keep else context.invocation_id,
        ),
        target=task.target,
        unique_id=task.model.unique_id,
        name=task.model.name,
        rows=table.num_rows,
        backend=task.backend,
        verdict=evaluation.verdict if evaluation else Verdict.PASS,
        fidelity=evaluation.fidelity if evaluation else None,
        run_id=context.run_id,
        version=__version__,
        fingerprint=case.attempt.fingerprint,
        request=case.attempt.request,
        invocation_id=context.invocation_id,
        inputs=context.inputs.get(task.model.unique_id, {}),
        kept=context.keep,
        epsilon=epsilon_of(task),
        checked=gate.count_checks(evaluation),
        undecided=gate.checks_let_through(evaluation, Verdict.INCONCLUSIVE),
        failed=gate.checks_let_through(evaluation, Verdict.FAIL),
        limits=dict(task.options.limits),
        policy=task.on_inconclusive,
        attempt=case.attempt.number,
        retry_reason=case.attempt.reason,
    )
    if evaluation is not None and not gate.passes(task, evaluation):
        context.warehouse.reject(stage, analysts=context.settings.options.analyst_role)
        _store(case, None, examination, warnings)
        raise gate.rejection(task, evaluation, relative_path(context.folder.report(task)))
    return stage


def _store(
    case: Case, table: pa.Table | None, examination: Examination, warnings: Sequence[str]
) -> tuple[str, ...]:
    """Put the twin, unless it was rejected, and what was found into the store."""
    return case.context.folder.store_twin(
        case.context.store,
        case.task,
        table,
        examination.evaluation,
        portrait=examination.portrait,
        treatments=case.treatments,
        twins=case.context.twins,
        epsilon=epsilon_of(case.task),
        warnings=warnings,
    )


def _warnings(case: Case, twin_table: TwinTable) -> tuple[str, ...]:
    name, source = case.task.model.name, case.source
    warnings = list(case.enforceable.warnings)
    if source.rows > source.real.num_rows:
        warnings.append(f"{name} was learned from {source.real.num_rows:,} of {source.rows:,} rows")
    if twin_table.duplicate_rows:
        warnings.append(
            f"{twin_table.duplicate_rows:,} rows of {name} left out, because they repeated a composite key"
        )
    warnings += [
        f"{count:,} rows of {name} left out, because their new keys or identifiers broke {source}"
        for source, count in twin_table.broken_rules.items()
    ]
    return tuple(warnings)
