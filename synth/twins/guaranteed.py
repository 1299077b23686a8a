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
import pyarrow.compute as pc

from synth._version import __version__
from synth.columns.conform import BY_ROW
from synth.columns.encoding import empty_column
from synth.columns.roles import KEYS
from synth.columns.unseen import assemble_unseen
from synth.domain import Kind, Role
from synth.errors import ModelError
from synth.facts.enforceable import read_stated
from synth.runs.attempts import Attempt
from synth.twins.computing import early, with_formulas
from synth.twins.examination import examine_for_owner
from synth.twins.links import linked
from synth.twins.pools import pool_of
from synth.twins.private import PrivateDraft, learned
from synth.twins.publicly import publicly, refuse_unknown, with_calendar, with_distances, without_labels
from synth.twins.repair import repaired
from synth.twins.sifting import LEAST, Sifted, refuse_broken, sift, without_broken
from synth.twins.snapshots import in_versions, keyed, usual_habits
from synth.twins.source import SourceRows
from synth.twins.stated import copies_of, numberings_of, with_copies, with_nearest_owner, with_numbers
from synth.twins.twin import Twin, distinct
from synth.twins.uniqueness import read_uniqueness
from synth.twins.workshop import Case, Drawn
from synth.warehouse import Stage
from synth.warehouse.ledger import ROWS
from synth.warehouse.staging import stage_relation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    import pandas as pd
    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import Across, ForeignKey, Task
    from synth.twins.examination import Examined
    from synth.twins.private import PrivateModel
    from synth.twins.publicly import Publicly
    from synth.twins.workshop import Made, Workshop

    Parents = Mapping[str, Mapping[str, pa.ChunkedArray]]

GUARANTEED = "guaranteed"  # in place of a verdict
ENGINE = "private"  # in place of a backend
REHEARSED = 64  # rows of keys that rules are tried on before the keys of the twin are made
MOST_DRAWN = 400_000  # rows that are drawn for a twin whose rules few rows keep
FURTHER = 8  # times as many rows, where too few keep the rules
MOST_LEFT_OUT = 0.5  # share of the rows that may break rules by their keys and be left out
TRIES = 4  # twins that are drawn until what tests say of all rows together holds


def make_guaranteed(
    task: Task, shop: Workshop, *, parents: Parents, wanted: Collection[str], because: str = ""
) -> Twin:
    """Make, store and stage the twin of one model by the private engine.

    Args:
        task: what to make.
        shop: where.
        parents: columns of the twins already made in this run, by `unique_id`.
        wanted: columns of this twin that its children will reference.
        because: why no checks decide, where they were asked first.

    Raises:
        ModelError: the budget does not reach, or a column has nothing that could stand in for its values.
        SynthError: a service failed.
    """
    task = replace(task, model=with_nearest_owner(task.model, shop.stated))
    copies = copies_of(task.model, shop.stated, parents)
    numbered = [*numberings_of(task.model)]
    case, public = _opened(task, shop, parents, [*(fact.column for fact in copies), *numbered])
    private = learned(task, shop, public, case.source.columns)
    lost = private.without_labels
    treatments = tuple(without_labels(one) if one.column.name in lost else one for one in case.treatments)
    case = replace(case, treatments=treatments, rows=max(1, task.rows.of(private.engine.rows)))
    made, told = _made(case, private, parents, copies)
    return finish_guaranteed(PrivateDraft(case, private, made, told, because, parents, frozenset(wanted)))


def finish_guaranteed(draft: PrivateDraft) -> Twin:
    """Store and stage a twin by guarantee.

    Raises:
        SynthError: a service failed.
    """
    case, private, made = draft.case, draft.private, draft.made
    task, shop = case.task, case.shop
    examined = examine_for_owner(case, private.real, private.entities, made)
    warnings = (*_warnings(case, private, examined, draft.because), *draft.told)
    stage = _stage(case, private, made)
    artifacts = shop.folder.store_twin(
        shop.store,
        case.task,
        made.table,
        examined.evaluation,
        portrait=examined.portrait,
        treatments=case.treatments,
        twins=shop.twins,
        epsilon=task.guarantee.epsilon,
        guarantee=stage.guarantee,
        warnings=warnings,
    )
    stage = replace(stage, artifacts=artifacts)
    names = made.table.column_names
    kept = [column for column in case.source.columns if column.name in names]
    stage = shop.warehouse.stage(task, stage, columns=kept, table=made.table)
    keys = {name: made.table.column(name) for name in sorted(draft.wanted & set(names))}
    holds = frozenset(draft.parents) & {key.parent for key in task.model.foreign_keys}
    return Twin(stage, examined.evaluation, artifacts, warnings, keys, {}, parents=holds, again=draft)


def _opened(task: Task, shop: Workshop, parents: Parents, copied: Collection[str]) -> tuple[Case, Publicly]:
    """What is public of a model, in place of its rows."""
    model, unique = read_uniqueness(task.model, shop.warehouse)
    task = replace(task, model=model)
    columns = shop.warehouse.describe(model.relation)
    standing = read_stated(model, shop.warehouse, shop.settings.staging_schema)
    public = publicly(
        model,
        columns,
        twins=shop.twins,
        enums=shop.warehouse.enums(model.relation),
        standing=standing,
        pools=partial(_public_pool, task, shop, parents),
        copied=copied,
    )
    public = with_distances(with_calendar(public, _calendar(task, shop)), standing.of_rows)
    if not task.guarantee.discover:
        refuse_unknown(model, public)
    nobody = SourceRows(
        columns, pa.table({}), 0, np.zeros(0, np.uint64), None, np.zeros(0, bool), halves=False
    )
    return Case(task, shop, nobody, public.treatments, Attempt("", ""), 0, standing, unique), public


def _calendar(task: Task, shop: Workshop) -> tuple[datetime, datetime] | None:
    """The first and the last day of the tables about nobody that the model refers to."""
    days: list[datetime] = []
    for key in task.model.foreign_keys:
        table = shop.stated.tables.get(key.parent)
        relation = key.relation or (table.relation if table is not None and table.public else None)
        if not key.public or relation is None:
            continue
        columns = [one for one in shop.warehouse.describe(relation) if one.kind is Kind.DATE]
        if columns:
            rows = shop.snapshot.extract(relation, columns[:1])
            ends = pc.min_max(rows.column(0).cast(pa.timestamp("us"))).as_py()
            days += [day for day in ends.values() if day is not None]
    return (min(days), max(days)) if days else None


def _public_pool(task: Task, shop: Workshop, parents: Parents, key: ForeignKey) -> pa.Array | None:
    """The keys of a parent that is about nobody."""
    return pool_of(task, key, shop, parents)


def _made(
    case: Case, private: PrivateModel, parents: Parents, copies: Sequence[Across]
) -> tuple[Made, tuple[str, ...]]:
    """The twin, and which facts it does not keep; another one is drawn where it breaks a test about all rows.

    That looks at the twin alone, so it costs no privacy.
    """
    for turn in range(TRIES):
        made, told = _made_once(case, private, parents, copies, turn)
        try:
            refuse_broken(case, made, None)
        except ModelError as error:
            told = (*told, str(error).partition(" Next: ")[0])
        else:
            break
    return made, told


def _made_once(
    case: Case, private: PrivateModel, parents: Parents, copies: Sequence[Across], turn: int
) -> tuple[Made, tuple[str, ...]]:
    """The twin, and which rules it does not keep."""
    rng = np.random.default_rng([case.task.seed, *case.task.model.unique_id.encode(), turn])
    links = _links(case, private, parents, rng)
    if links:
        case = replace(case, rows=max(1, len(next(iter(links.values())))))
    case = _with_stand_ins(case, private, parents, rng)
    sifted = _sifted(case, private)
    told = sifted.drawn.warnings
    rows = min(case.rows, len(sifted.drawn.synthetic))
    places = np.arange(rows)
    history = case.task.model.history
    drawn, versions = in_versions(
        history, sifted.drawn, places, case.source, habits=usual_habits(history, sifted.drawn.synthetic)
    )
    sifted = replace(sifted, drawn=drawn)
    treatments, shared = keyed(case.task.model, case.treatments, case.source.real, versions)
    links_of_rows = {name: parent[places] for name, parent in links.items()}
    table = assemble_unseen(
        drawn.synthetic.iloc[places].reset_index(drop=True),
        treatments,
        parents=partial(_pool, case, parents),
        rng=rng,
        shared_values={**shared, **links_of_rows},
        links=links_of_rows,
    )
    table = with_copies(sifted.as_judged(table, places), copies, parents)
    table = with_numbers(table, numberings_of(case.task.model))
    whole = _complete(table, treatments)
    made = distinct(case, table.filter(pa.array(whole)), places[whole], treatments, None, rng)
    made = with_formulas(case, made, sifted.computed)
    try:
        made = without_broken(case, sifted, made, most=MOST_LEFT_OUT)
    except ModelError as error:
        told = (*told, str(error).partition(" Next: ")[0])
    return made, told


def _links(
    case: Case, private: PrivateModel, parents: Parents, rng: np.random.Generator
) -> dict[str, NDArray[np.int64]]:
    """The parent of each row, by the key that names it, where it was counted how many rows parents have."""
    link, children = private.link, private.engine.children
    if link is None or children is None:
        return {}
    pool = _pool(case, parents, link)
    places = linked(children, pool, private.engine.rows, rng)
    return {link.column.name: np.resize(places, case.task.rows.of(len(places))) if len(places) else places}


def _pool(case: Case, parents: Parents, treatment: Treatment) -> pa.Array | None:
    key = treatment.parent if treatment.role is Role.FOREIGN_KEY else None
    return None if key is None else pool_of(case.task, key, case.shop, parents)


def _complete(table: pa.Table, treatments: tuple[Treatment, ...]) -> NDArray[np.bool_]:
    """Which rows have all the keys that may not be NULL: there may be fewer parents than rows."""
    whole = np.ones(table.num_rows, bool)
    for one in treatments:
        if one.is_required and one.role in KEYS and one.column.name in table.column_names:
            whole &= table.column(one.column.name).is_valid().to_numpy()
    return whole


def _with_stand_ins(case: Case, private: PrivateModel, parents: Parents, rng: np.random.Generator) -> Case:
    """The case with rows on which rules about keys are tried: such as the twin will have, and nobody's."""
    frame = _whole(private.sample(REHEARSED), case)
    rows = assemble_unseen(frame, case.treatments, parents=partial(_pool, case, parents), rng=rng)
    return replace(case, source=replace(case.source, real=rows, rows=rows.num_rows))


def _sifted(case: Case, private: PrivateModel) -> Sifted:
    """Rows that keep the rules about single rows.

    More are drawn where few do, and some are put right, which costs no privacy. Where hardly any does, they
    come as they are: whoever reads the twin is told which rules the noise breaks.
    """
    if not (case.standing.of_rows or early(case)):
        return Sifted(_drawn(private.sample(case.rows), case))
    number = case.rows
    while True:
        frame = private.sample(number)
        sifted = sift(case, _drawn(frame, case))
        if len(sifted.drawn.synthetic) < LEAST * number:
            sifted = sift(case, _drawn(repaired(frame, case.standing.of_rows), case))
        if len(sifted.drawn.synthetic) >= case.rows:
            return sifted
        if number * FURTHER > MOST_DRAWN:
            break
        number *= FURTHER
    broken = ", ".join(sorted(sifted.broken, key=lambda name: -sifted.broken[name])[:3])
    told = (
        f"the noise breaks rules of {case.task.model.name}: hardly any row that the private engine draws "
        f"keeps {broken}; `labels`, `low` and `high` of columns make for less noise"
    )
    rows = sifted.drawn if len(sifted.drawn.synthetic) >= LEAST * case.rows else _drawn(frame, case)
    first = np.arange(min(case.rows, len(rows.synthetic)))
    return Sifted(replace(rows.of_rows(first), warnings=(told,)))


def _drawn(frame: pd.DataFrame, case: Case) -> Drawn:
    whole = _whole(frame, case)
    return Drawn(whole.iloc[:0], whole.iloc[:0], whole, frozenset(), frozenset(), {})


def _whole(frame: pd.DataFrame, case: Case) -> pd.DataFrame:
    """The rows drawn, with empty columns for those that are computed afterwards."""
    missing = [one for one in case.treatments if one.role in BY_ROW and one.column.name not in frame]
    return frame.assign(**{one.column.name: empty_column(one.column, len(frame)) for one in missing})


def _stage(case: Case, private: PrivateModel, made: Made) -> Stage:
    """The twin as it will be staged; what it states is public, or was paid for."""
    task, shop, promised = case.task, case.shop, case.task.guarantee
    inputs = shop.inputs.get(task.model.unique_id, {})
    return Stage(
        relation=stage_relation(
            task.target, shop.settings.staging_schema, shop.run_id if shop.keep else shop.invocation_id
        ),
        target=task.target,
        unique_id=task.model.unique_id,
        name=task.model.name,
        rows=made.table.num_rows,
        backend=ENGINE,
        verdict=GUARANTEED,
        fidelity=None,
        run_id=shop.run_id,
        version=__version__,
        invocation_id=shop.invocation_id,
        inputs={part: digest for part, digest in inputs.items() if part != ROWS},
        kept=shop.keep,
        epsilon=promised.epsilon,
        delta=promised.delta,
        guarantee=_promise(private, task),
        policy=task.on_inconclusive,
    )


def _promise(private: PrivateModel, task: Task) -> str:
    """What is promised to whom, in words."""
    name = private.domain.removeprefix("column ").split(".")[-1]
    rows = private.rows_per_entity
    whom = f"each entity of {name}" if private.rows_per_entity > 1 else f"each row of {task.model.name}"
    used = f", of whose rows at most {rows} are used" if rows > 1 else ""
    return f"{task.guarantee} for {whom}{used}"


def _warnings(case: Case, private: PrivateModel, examined: Examined, because: str) -> tuple[str, ...]:
    """What the owner should know: why there is a guarantee, and what it costs in fidelity."""
    name = case.task.model.name
    lost = sorted(private.without_labels)
    reason = f", because {because}" if because else ""
    evaluation = examined.evaluation
    near = ""
    if evaluation is not None and evaluation.fidelity is not None:
        near = f"; it keeps {evaluation.fidelity:.0%} of the fidelity of real rows"
    told = [f"{name} is made by guarantee{reason}. The noise costs fidelity{near}"]
    if lost:
        told.append(
            f"{name}: no label of {', '.join(lost)} is held by enough entities to be told; `labels` in "
            "`meta: {synth: …}` of the column states what is public"
        )
    return (*case.standing.warnings, *told)
