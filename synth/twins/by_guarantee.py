"""A twin by guarantee: whatever is published of a model, one entity more or less could hardly have changed.

All that is known of the real rows is what the private engine learned. Everything here works on rows that
it drew, on twins, and on what is public; so nothing of it can tell more. How near the twin came is measured
for the owner, after all is decided.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from synth._version import __version__
from synth.columns.advice import cannot_be_people
from synth.columns.conform import BY_ROW
from synth.columns.encoding import empty_column
from synth.columns.roles import KEYS, lead_nowhere
from synth.columns.unseen import assemble_unseen
from synth.corrections.compounds import with_compounds, with_parts
from synth.corrections.hierarchy import with_hierarchies
from synth.corrections.snapshots import in_versions, key_versions, usual_habits
from synth.corrections.windows import columns_of_windows
from synth.domain import Role
from synth.errors import ModelError
from synth.facts.enforceable import read_stated
from synth.runs.attempts import Attempt
from synth.sampling.calendars import public_calendar
from synth.sampling.computing import early, null_where_broken, with_formulas, with_new_columns
from synth.sampling.context import Case, Samples
from synth.sampling.rejection import LEAST, ValidRows, refuse_broken, select_valid_rows, without_broken
from synth.sampling.repair import repair_rows
from synth.sampling.source import SourceRows
from synth.twins.examination import examine_for_owner
from synth.twins.links import link_rows
from synth.twins.pools import pool_for, pool_of, with_days_of_parents
from synth.twins.private import PrivateDraft, learn_privately
from synth.twins.public_tables import calendar_of, rows_to_copy
from synth.twins.publicly import PublicParents, completed, publicly, refuse_unknown, without_labels
from synth.twins.quotients import quotients_of, with_quotients
from synth.twins.stated import (
    copies_of,
    counted_elsewhere,
    numberings_of,
    with_copies,
    with_nearest_owner,
    with_numbers,
)
from synth.twins.twin import Twin
from synth.twins.uniqueness import distinct, read_uniqueness
from synth.warehouse import Stage
from synth.warehouse.ledger import ROWS
from synth.warehouse.staging import stage_relation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import Across, ForeignKey, Task
    from synth.sampling.context import RunContext, TwinTable
    from synth.twins.examination import Examination
    from synth.twins.private import PrivateModel
    from synth.twins.publicly import Publicly

    Parents = Mapping[str, Mapping[str, pa.ChunkedArray]]

BY_GUARANTEE = "guaranteed"  # in place of a verdict
ENGINE = "private"  # in place of a backend
TRIAL_ROWS = 64  # rows of keys that rules are tried on before the keys of the twin are made
MOST_DRAWN = 400_000  # rows that are drawn for a twin whose rules few rows keep
FURTHER = 8  # times as many rows, where too few keep the rules
MOST_LEFT_OUT = 0.5  # share of the rows that may break rules by their keys and be left out
TRIES = 4  # twins that are drawn until what tests say of all rows together holds


def make_guaranteed(
    task: Task,
    context: RunContext,
    *,
    parents: Parents,
    referenced_columns: Collection[str],
    because: str = "",
) -> Twin:
    """Make, store and stage the twin of one model by the private engine.

    Args:
        task: what to make.
        context: of the run.
        parents: columns of the twins already made in this run, by `unique_id`.
        referenced_columns: columns of this twin that its children will reference.
        because: why no checks decide, where they were asked first.

    Raises:
        ModelError: the budget does not reach, or a column has nothing that could stand in for its values.
        SynthError: a service failed.
    """
    task = replace(task, model=with_nearest_owner(task.model, context.sql_facts))
    sources = {**rows_to_copy(task.model, context), **parents}
    copies = copies_of(task.model, context.sql_facts, sources)
    number_columns = [*numberings_of(task.model)]
    case, public = _open_publicly(
        task, context, parents, [*(fact.column for fact in copies), *number_columns]
    )
    private = learn_privately(task, context, public, case.source.columns)
    columns_without_labels = private.without_labels
    treatments = tuple(
        without_labels(one) if one.column.name in columns_without_labels else one for one in case.treatments
    )
    case = replace(case, treatments=treatments, rows=max(1, task.rows.of(private.engine.rows)))
    twin_table, warnings = _make(case, private, sources, copies)
    return finish_guaranteed(
        PrivateDraft(case, private, twin_table, warnings, because, parents, frozenset(referenced_columns))
    )


def finish_guaranteed(draft: PrivateDraft) -> Twin:
    """Store and stage a twin by guarantee.

    Raises:
        SynthError: a service failed.
    """
    case, private = draft.case, draft.private
    table = with_compounds(case, draft.twin_table.table, draft.referenced_columns)
    twin_table = replace(draft.twin_table, table=table)
    task, context = case.task, case.context
    examination = examine_for_owner(case, private.real, private.entities, twin_table)
    warnings = (*_warnings(case, private, examination, draft.because), *draft.warnings)
    stage = _stage(case, private, twin_table)
    artifacts = context.folder.store_twin(
        context.store,
        case.task,
        twin_table.table,
        examination.evaluation,
        portrait=examination.portrait,
        treatments=case.treatments,
        twins=context.twins,
        epsilon=task.guarantee.epsilon,
        guarantee=stage.guarantee,
        warnings=warnings,
    )
    stage = replace(stage, artifacts=artifacts)
    names = twin_table.table.column_names
    columns = [column for column in case.source.columns if column.name in names]
    stage = context.warehouse.stage(task, stage, columns=columns, table=twin_table.table)
    warnings += stage.warnings
    keys = {name: twin_table.table.column(name) for name in sorted(draft.referenced_columns & set(names))}
    holds = frozenset(draft.parents) & {key.parent for key in task.model.held_keys}
    return Twin(stage, examination.evaluation, artifacts, warnings, keys, {}, parents=holds, again=draft)


def _open_publicly(
    task: Task, context: RunContext, parents: Parents, computed_columns: Collection[str]
) -> tuple[Case, Publicly]:
    """Return what is public of a model, in place of its rows."""
    model, unique = read_uniqueness(task.model, context.warehouse)
    task = replace(task, model=model)
    columns = context.warehouse.describe(model.relation)
    enforceable = read_stated(model, context.warehouse, context.settings.staging_schema)
    public = publicly(
        model,
        columns,
        twins=context.twins,
        enums=context.warehouse.enums(model.relation),
        enforceable=enforceable,
        parents=PublicParents(
            partial(_public_pool, task, context, parents), partial(public_calendar, context=context)
        ),
        computed_elsewhere=computed_columns,
    )
    passing = counted_elsewhere(model, context.sql_facts)
    public = completed(public, calendar_of(task.model, context), enforceable.of_rows, passing)
    quotients = quotients_of(public.treatments, public.domains, context)
    public = replace(public, domains=with_quotients(public.domains, quotients), quotients=quotients)
    if not task.guarantee.discover:
        refuse_unknown(model, public)
    nobody = SourceRows(
        columns, pa.table({}), 0, np.zeros(0, np.uint64), None, np.zeros(0, bool), halves=False
    )
    model = with_parts(model, public.treatments, enforceable.formulas)
    task = replace(task, model=replace(model, unique=(*model.unique, *model.derived_keys)))
    return Case(task, context, nobody, public.treatments, Attempt("", ""), 0, enforceable, unique), public


def _public_pool(task: Task, context: RunContext, parents: Parents, key: ForeignKey) -> pa.Array | None:
    """Return the keys of a parent that is about nobody."""
    return pool_of(task, key, context, parents)


def _make(
    case: Case, private: PrivateModel, parents: Parents, copies: Sequence[Across]
) -> tuple[TwinTable, tuple[str, ...]]:
    """Return the twin, and which facts it does not keep; draw another where a test about all rows breaks.

    That looks at the twin alone, so it costs no privacy.
    """
    for turn in range(TRIES):
        twin_table, warnings = _make_once(case, private, parents, copies, turn)
        try:
            refuse_broken(case, twin_table, None)
        except ModelError as error:
            warnings = (*warnings, str(error).partition(" Next: ")[0])
        else:
            break
    return twin_table, warnings


def _make_once(
    case: Case, private: PrivateModel, parents: Parents, copies: Sequence[Across], turn: int
) -> tuple[TwinTable, tuple[str, ...]]:
    """Return the twin, and which rules it does not keep."""
    rng = np.random.default_rng([case.task.seed, *case.task.model.unique_id.encode(), turn])
    links = _links(case, private, parents, rng)
    if links:
        case = replace(case, rows=max(1, len(next(iter(links.values())))))
    case = _with_stand_ins(case, private, parents, rng)
    valid_rows = _valid_rows(case, private)
    warnings = valid_rows.samples.warnings
    rows = min(case.rows, len(valid_rows.samples.synthetic))
    places = np.arange(rows)
    history = case.task.model.history
    samples, versions = in_versions(
        history,
        valid_rows.samples,
        places,
        case.source,
        habits=usual_habits(history, valid_rows.samples.synthetic),
    )
    valid_rows = replace(valid_rows, samples=samples)
    treatments, shared_codes = key_versions(case.task.model, case.treatments, case.source.real, versions)
    links_of_rows = {name: parent[places] for name, parent in links.items()}
    table = assemble_unseen(
        samples.synthetic.iloc[places].reset_index(drop=True),
        treatments,
        parents=partial(_pool, case, parents),
        rng=rng,
        shared_values={**shared_codes, **links_of_rows},
        links=links_of_rows,
    )
    table = with_days_of_parents(valid_rows.as_judged(table, places), case, parents)
    table = with_copies(table, copies, parents)
    table = null_where_broken(case, with_numbers(table, numberings_of(case.task.model)))
    whole = _complete(table, treatments)
    twin_table = distinct(case, table.filter(pa.array(whole)), places[whole], treatments, None, rng)
    twin_table = with_formulas(case, twin_table, valid_rows.computed_columns)
    try:
        twin_table = without_broken(case, valid_rows, twin_table, most=MOST_LEFT_OUT)
    except ModelError as error:
        warnings = (*warnings, str(error).partition(" Next: ")[0])
    final = with_numbers(twin_table.table, numberings_of(case.task.model))  # some rows were left out
    columns, doubts = columns_of_windows(case, final)
    final = final if columns is None else with_new_columns(final, columns)
    return replace(twin_table, table=with_hierarchies(final, treatments, rng)), (*warnings, *doubts)


def _links(
    case: Case, private: PrivateModel, parents: Parents, rng: np.random.Generator
) -> dict[str, NDArray[np.int64]]:
    """Return the parent of each row, by the key that names it, where the rows of parents were counted."""
    link, children = private.link, private.engine.children
    if link is None or children is None:
        return {}
    pool = _pool(case, parents, link)
    places = link_rows(children, pool, private.engine.rows, rng)
    return {link.column.name: np.resize(places, case.task.rows.of(len(places))) if len(places) else places}


def _pool(case: Case, parents: Parents, treatment: Treatment) -> pa.Array | None:
    return pool_for(treatment, case.task, case.context, parents)


def _complete(table: pa.Table, treatments: tuple[Treatment, ...]) -> NDArray[np.bool_]:
    """Return which rows have all the keys that may not be NULL: there may be fewer parents than rows."""
    whole = np.ones(table.num_rows, bool)
    for one in treatments:
        if one.is_required and one.role in KEYS and one.column.name in table.column_names:
            whole &= table.column(one.column.name).is_valid().to_numpy()
    return whole


def _with_stand_ins(case: Case, private: PrivateModel, parents: Parents, rng: np.random.Generator) -> Case:
    """Return the case with rows on which rules about keys are tried: like the twin's, and nobody's."""
    frame = _whole(private.sample(TRIAL_ROWS), case)
    rows = assemble_unseen(frame, case.treatments, parents=partial(_pool, case, parents), rng=rng)
    return replace(case, source=replace(case.source, real=rows, rows=rows.num_rows))


def _valid_rows(case: Case, private: PrivateModel) -> ValidRows:
    """Return rows that keep the rules about single rows.

    More are drawn where few do, and some are put right, which costs no privacy. Where hardly any does, they
    come as they are: whoever reads the twin is told which rules the noise breaks.
    """
    if not (case.enforceable.of_rows or early(case)):
        return ValidRows(_as_samples(private.sample(case.rows), case))
    number = case.rows
    while True:
        frame = private.sample(number)
        valid_rows = select_valid_rows(case, _as_samples(frame, case))
        if len(valid_rows.samples.synthetic) < LEAST * number:
            valid_rows = select_valid_rows(
                case, _as_samples(repair_rows(frame, case.enforceable.of_rows, case.source.columns), case)
            )
        if len(valid_rows.samples.synthetic) >= case.rows:
            return valid_rows
        if number * FURTHER > MOST_DRAWN:
            break
        number *= FURTHER
    worst_rules = ", ".join(
        sorted(valid_rows.broken_rules, key=lambda name: -valid_rows.broken_rules[name])[:3]
    )
    warning = (
        f"the noise breaks rules of {case.task.model.name}: hardly any row that the private engine draws "
        f"keeps {worst_rules}; `labels`, `low` and `high` of columns make for less noise"
    )
    rows = (
        valid_rows.samples
        if len(valid_rows.samples.synthetic) >= LEAST * case.rows
        else _as_samples(frame, case)
    )
    first = np.arange(min(case.rows, len(rows.synthetic)))
    return ValidRows(replace(rows.of_rows(first), warnings=(warning,)))


def _as_samples(frame: pd.DataFrame, case: Case) -> Samples:
    whole = _whole(frame, case)
    return Samples(whole.iloc[:0], whole.iloc[:0], whole, frozenset(), frozenset(), {})


def _whole(frame: pd.DataFrame, case: Case) -> pd.DataFrame:
    """Return the rows drawn, with empty columns for those that are computed afterwards."""
    roles = {one.column: one.role for one in case.treatments if one.role in BY_ROW}
    days = {one: role is Role.DATETIME for one, role in roles.items() if one.name not in frame}
    return frame.assign(**{one.name: empty_column(one, len(frame), is_day=days[one]) for one in days})


def _stage(case: Case, private: PrivateModel, twin_table: TwinTable) -> Stage:
    """Return the twin as it will be staged; what it states is public, or was paid for."""
    task, context, guarantee = case.task, case.context, case.task.guarantee
    inputs = context.inputs.get(task.model.unique_id, {})
    return Stage(
        relation=stage_relation(
            task.target,
            context.settings.staging_schema,
            context.run_id if context.keep else context.invocation_id,
        ),
        target=task.target,
        unique_id=task.model.unique_id,
        name=task.model.name,
        rows=twin_table.table.num_rows,
        backend=ENGINE,
        verdict=BY_GUARANTEE,
        fidelity=None,
        run_id=context.run_id,
        version=__version__,
        invocation_id=context.invocation_id,
        inputs={part: digest for part, digest in inputs.items() if part != ROWS},
        kept=context.keep,
        epsilon=guarantee.epsilon,
        delta=guarantee.delta,
        guarantee=_promise(private, task),
        policy=task.on_inconclusive,
    )


def _promise(private: PrivateModel, task: Task) -> str:
    """Return what is promised to whom, in words."""
    name = private.domain.removeprefix("column ").split(".")[-1]
    rows = private.rows_per_entity
    whom = f"each entity of {name}" if private.rows_per_entity > 1 else f"each row of {task.model.name}"
    limit = f", of whose rows at most {rows} are used" if rows > 1 else ""
    return f"{task.guarantee} for {whom}{limit}"


def _warnings(case: Case, private: PrivateModel, examination: Examination, because: str) -> tuple[str, ...]:
    """Return what the owner should know: why there is a guarantee, and what it costs in fidelity."""
    name = case.task.model.name
    categories = sorted(filter(cannot_be_people, private.without_labels))
    reason = f", because {because}" if because else ""
    evaluation = examination.evaluation
    near = ""
    if evaluation is not None and evaluation.fidelity is not None:
        near = f"; it keeps {evaluation.fidelity:.0%} of the fidelity of real rows"
    copied = (
        ". If its rows are about nobody, `reference: true` in its `meta: {synth: …}` copies them as they are"
    )
    way_out = copied if because and lead_nowhere(case.treatments) else ""
    warnings = [f"{name} is made by guarantee{reason}. The noise costs fidelity{near}{way_out}"]
    if categories:
        warnings.append(
            f"{name}: no label of {', '.join(categories)} is held by enough entities to be told; `labels` in "
            "`meta: {synth: …}` of the column states what is public"
        )
    return (*case.enforceable.warnings, *warnings)
