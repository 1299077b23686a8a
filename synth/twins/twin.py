"""One model becomes a twin: extract → split → synthesize → conform → evaluate → store → stage."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from synth._version import __version__
from synth.backends import capabilities_of, epsilon_of
from synth.columns.conform import assemble, made_up, without_duplicates
from synth.columns.roles import LEARNED_ROLES, assign
from synth.domain import Role, Verdict
from synth.errors import UndecidableError
from synth.facts.enforceable import keep_true_facts, read_enforceable
from synth.log import relative_path
from synth.runs.attempts import attempt
from synth.runs.preflight import few_rows
from synth.twins import gate
from synth.twins.across import Draft, nearest_owner, with_copied_keys, with_count, with_counts
from synth.twins.computing import with_formulas
from synth.twins.equals import equal_keys_of, with_equal_keys
from synth.twins.examination import examine
from synth.twins.families import family_of, of_one_entity, one_key_each, owners_of, with_owners
from synth.twins.periods import with_succession
from synth.twins.places import placed, with_places
from synth.twins.pools import most_keys, pool_of
from synth.twins.readings import read
from synth.twins.redraw import choose
from synth.twins.sifting import draw_sifted, refuse_broken, without_broken
from synth.twins.snapshots import in_versions, keyed
from synth.twins.source import followed
from synth.twins.uniqueness import apart, read_uniqueness
from synth.twins.workshop import Case, Made
from synth.warehouse import Stage
from synth.warehouse.staging import stage_relation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import Column, Evaluation, ForeignKey, Task
    from synth.twins.examination import Examined
    from synth.twins.families import Owners
    from synth.twins.private import PrivateDraft
    from synth.twins.redraw import Redrawn
    from synth.twins.sifting import Sifted
    from synth.twins.snapshots import Versions
    from synth.twins.workshop import Workshop


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
    again: PrivateDraft | None = None  # of a twin by guarantee, what it would be made of with other columns


def draw_twin(
    task: Task,
    shop: Workshop,
    *,
    parents: Mapping[str, Mapping[str, pa.ChunkedArray]],
    wanted: Collection[str],
    owners: Mapping[str, Owners] | None = None,
) -> Draft:
    """Draw the twin of one model; `finish_twin` judges it.

    Args:
        task: what to make.
        shop: where.
        parents: columns of the twins already made in this run, by `unique_id`.
        wanted: columns of this twin that its children will reference.
        owners: models already made in this run whose rows may own rows of this one, by `unique_id`.

    Raises:
        ModelError: the model cannot be synthesized.
        SynthError: a service failed.
    """
    case = _in_family(_open(task, shop), owners or {}, parents)
    sifted = draw_sifted(case)
    drawn = sifted.drawn
    case = case if drawn.rows is None else replace(case, rows=drawn.rows)
    most = None if case.family else most_keys(case, parents)
    history = task.model.history
    rows = case.rows if most is None or history else min(case.rows, most)
    chosen = choose(drawn, case.source, rows)
    drawn, versions = in_versions(history, drawn, chosen.places, case.source, most=most)
    chosen = chosen if versions is None else replace(chosen, places=chosen.places[versions.stays])
    sifted = replace(sifted, drawn=drawn)
    conformed = _conformed(case, sifted, chosen, parents, versions)
    made, drawn = with_places(case, conformed, drawn)
    made, drawn = with_succession(case, made, drawn)
    made = with_formulas(case, made, sifted.computed if made is conformed else frozenset())
    made = without_broken(case, sifted, made)
    keys = {name: made.table.column(name) for name in sorted(set(wanted) & set(made.table.column_names))}
    holds = frozenset(parents) & {key.parent for key in task.model.foreign_keys}
    second = None if drawn.second is None else drawn.second[made.places]
    ours = owners_of(case.source, case.treatments, made.table, second, keys) if keys else None
    return Draft(case, drawn, chosen, made, sifted.broken, keys, holds, ours)


def finish_twin(draft: Draft) -> Twin:
    """Check, store and stage a twin that was drawn.

    Raises:
        ModelError: a check says it must not be published.
        SynthError: a service failed.
    """
    case, drawn, made = draft.case, draft.drawn, draft.made
    examined = examine(case, drawn, draft.chosen, made, broken=draft.broken)
    warnings = _warnings(case, made) + drawn.warnings + draft.warnings
    stage = _decided(case, made.table, examined, warnings)
    refuse_broken(case, made, examined.evaluation)
    artifacts = _stored(case, made.table, examined, warnings)
    stage = replace(stage, artifacts=artifacts)
    names = made.table.column_names
    kept = [column for column in case.source.columns if column.name in names]
    learned = [one.column.name for one in case.treatments if one.role in LEARNED_ROLES]
    compared = [name for name in learned if name in names]
    stage = case.shop.warehouse.stage(
        case.task, stage, columns=kept, compared_columns=compared, table=made.table
    )
    return Twin(
        stage,
        examined.evaluation,
        artifacts,
        warnings,
        draft.keys,
        drawn.scores,
        parents=draft.parents,
        owners=draft.owners,
    )


def _in_family(
    case: Case, owners: Mapping[str, Owners], parents: Mapping[str, Mapping[str, pa.ChunkedArray]]
) -> Case:
    """Return the case with the histories that its rows make, where its backend can draw such."""
    task = case.task
    if not capabilities_of(task.backend).histories or task.model.counts:
        return case
    model, facts = nearest_owner(task.model, case.shop.facts.every), case.shop.facts.every

    def pool(key: ForeignKey) -> pa.Array | None:
        return pool_of(task, key, case.shop, parents)

    family = family_of(model, case.source, case.treatments, owners, case.rows, case.shop.twins, pool)
    return replace(case, family=family and with_count(family, model, facts))


def _open(task: Task, shop: Workshop) -> Case:
    """Read the model, decide about its columns, and see whether it may be tried."""
    model, unique = read_uniqueness(task.model, shop.warehouse)
    task = replace(task, model=with_counts(model, shop.facts.every))
    source = read(task, shop)
    few = few_rows(task, source.rows)  # it may have lost some since they were counted
    if few:
        raise UndecidableError(few)
    model, doubts = keep_true_facts(task.model, source.real)
    task = replace(task, model=model)
    treatments = assign(model, source.columns, source.training, owners=source.owners, twins=shop.twins)
    asked = attempt(task, source.fingerprint, shop.settings, shop.warehouse)
    standing = read_enforceable(model, shop.warehouse, shop.snapshot, shop.settings.staging_schema)
    standing = replace(standing, warnings=(*doubts, *standing.warnings))
    rows = task.rows.of(source.rows) if source.rows else 0
    return Case(task, shop, source, treatments, asked, rows, standing, unique)


def _conformed(
    case: Case,
    sifted: Sifted,
    chosen: Redrawn,
    parents: Mapping[str, Mapping[str, pa.ChunkedArray]],
    versions: Versions | None,
) -> Made:
    """The exact relation: keys, replacements and types; `versions` says whose the rows of a snapshot are."""
    task, source = case.task, case.source
    treatments, shared = keyed(task.model, case.treatments, source.real, versions)
    treatments = treatments if case.family is None else one_key_each(case.family, treatments)
    synthetic = sifted.drawn.synthetic.iloc[chosen.places].reset_index(drop=True)
    rng = np.random.default_rng([task.seed, *task.model.unique_id.encode()])
    drawn = sifted.drawn
    owner = np.zeros(0, np.int64) if drawn.owner is None else drawn.owner[chosen.places]
    group = None if drawn.group is None else drawn.group[chosen.places]
    if case.family and case.family.nest and group is not None:
        synthetic = case.family.nest.numbered(synthetic, group)
        treatments = case.family.nest.keyed(treatments)

    def pool(treatment: Treatment) -> pa.Array | None:
        key = treatment.parent if treatment.role is Role.FOREIGN_KEY else None
        return None if key is None else pool_of(task, key, case.shop, parents)

    table = assemble(
        synthetic,
        treatments,
        real=source.real,
        parents=pool,
        rng=rng,
        existing=_all_rows(made_up(treatments), case),
        shared_codes=shared
        if case.family is None
        else {**(shared or {}), **of_one_entity(case.family, owner, group)},
    )
    table = table if case.family is None else with_owners(table, case.family, owner)
    table = with_equal_keys(table, equal_keys_of(case), rng)
    table = with_copied_keys(table, case, case.shop.facts.every, parents)
    table = placed(sifted.as_judged(table, chosen.places), case, rng)
    entities = _entities(case, table, parents)
    return distinct(case, table, chosen.places, treatments, entities, rng)


def distinct(
    case: Case,
    table: pa.Table,
    drawn: NDArray[np.int64],
    treatments: Sequence[Treatment],
    entities: pa.ChunkedArray | None,
    rng: np.random.Generator,
) -> Made:
    """Return the twin without rows that repeat a key; foreign keys change places first.

    Args:
        case: whose keys.
        table: the twin.
        drawn: of each of its rows, the place among the rows drawn.
        treatments: of its columns.
        entities: of its rows.
        rng: the source of chance.
    """
    unique = case.task.model.unique
    movable = {t.column.name: t.role in {Role.FOREIGN_KEY, Role.NATURAL_KEY} for t in treatments}
    together = {case.family.key} if case.family else set()
    table, remaining = without_duplicates(table, unique, movable, rng, together=together)
    places = drawn[remaining]
    exact, kept = apart(case, table, movable, rng)
    if exact is not table:  # what changed places may repeat another key
        places = places[kept]
        exact, remaining = without_duplicates(exact, unique, {}, rng)
        places = places[remaining]
    return Made(exact, entities, len(drawn) - len(places), places=places)


def _entities(
    case: Case, table: pa.Table, parents: Mapping[str, Mapping[str, pa.ChunkedArray]]
) -> pa.ChunkedArray | None:
    """Whom the rows of the twin are about, looked up in the parents' twins as in the real parents."""
    unit, whose = case.source.unit, case.task.model.ownership
    if unit is None or unit not in table.column_names:
        return None
    entities = table.column(unit)
    for step in whose.path if whose and whose.column == unit else ():
        parent = parents.get(step.parent, {})
        pair = {step.key, step.column}
        if not pair <= parent.keys():
            break  # a twin of before: the key stands for whom it leads to
        entities = followed(entities, pa.table({name: parent[name] for name in pair}), step)
    return entities


def _all_rows(columns: Sequence[Column], case: Case) -> pa.Table | None:
    """All values of the columns where `source` is a share of the rows: no new key may be a real one."""
    if case.source.real.num_rows == case.source.rows or not columns:
        return None
    every = case.shop.snapshot.extract(case.task.model.relation, columns)
    return every.rename_columns([column.name for column in columns])


def _decided(case: Case, table: pa.Table, examined: Examined, warnings: Sequence[str]) -> Stage:
    """The twin as it will be staged; what must not be published is recorded, and goes no further.

    Raises:
        RejectedError: the evaluation says no.
    """
    task, shop, evaluation = case.task, case.shop, examined.evaluation
    stage = Stage(
        relation=stage_relation(
            task.target, shop.settings.staging_schema, shop.run_id if shop.keep else shop.invocation_id
        ),
        target=task.target,
        unique_id=task.model.unique_id,
        name=task.model.name,
        rows=table.num_rows,
        backend=task.backend,
        verdict=evaluation.verdict if evaluation else Verdict.PASS,
        fidelity=evaluation.fidelity if evaluation else None,
        run_id=shop.run_id,
        version=__version__,
        fingerprint=case.attempt.fingerprint,
        request=case.attempt.request,
        invocation_id=shop.invocation_id,
        inputs=shop.inputs.get(task.model.unique_id, {}),
        kept=shop.keep,
        epsilon=epsilon_of(task),
        checked=gate.counted(evaluation),
        undecided=gate.undecided_checks(evaluation),
        limits=dict(task.limits),
        policy=task.on_inconclusive,
        attempt=case.attempt.number,
        retry_reason=case.attempt.reason,
    )
    if evaluation is not None and not gate.passes(task, evaluation):
        shop.warehouse.reject(stage, analysts=shop.settings.analyst_role)
        _stored(case, None, examined, warnings)
        raise gate.rejection(task, evaluation, relative_path(shop.folder.report(task)))
    return stage


def _stored(
    case: Case, table: pa.Table | None, examined: Examined, warnings: Sequence[str]
) -> tuple[str, ...]:
    """Put the twin, unless it was rejected, and what was found into the store."""
    return case.shop.folder.store_twin(
        case.shop.store,
        case.task,
        table,
        examined.evaluation,
        portrait=examined.portrait,
        treatments=case.treatments,
        twins=case.shop.twins,
        epsilon=epsilon_of(case.task),
        warnings=warnings,
    )


def _warnings(case: Case, made: Made) -> tuple[str, ...]:
    name, source = case.task.model.name, case.source
    warnings = list(case.standing.warnings)
    if source.rows > source.real.num_rows:
        warnings.append(f"{name} was learned from {source.real.num_rows:,} of {source.rows:,} rows")
    if made.dropped:
        warnings.append(f"{made.dropped:,} rows of {name} left out, because they repeated a composite key")
    warnings += [
        f"{count:,} rows of {name} left out, because their new keys or identifiers broke {source}"
        for source, count in made.broken.items()
    ]
    return tuple(warnings)
