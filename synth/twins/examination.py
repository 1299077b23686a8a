"""A twin that was made is looked at: the checks of the gate, and the pictures of its report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.conform import labels, learnable, public
from synth.columns.encoding import rows_type
from synth.columns.roles import LEARNED_ROLES, treatments_to_replace
from synth.corrections.compounds import of_learned_columns, pieces_of_row
from synth.domain import Aspect, Kind, Verdict
from synth.evaluate import Entities, ReplacedColumn
from synth.evaluate.portrait import portrait
from synth.sampling.computing import own_formulas
from synth.sampling.resplit import splits_of
from synth.twins import gate

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import Evaluation
    from synth.domain.figures import Portrait
    from synth.sampling.context import Case, Samples, TwinTable
    from synth.sampling.redraw import RowSelection
    from synth.sampling.source import SourceRows


NOT_A_TIME = np.iinfo(np.int64).min  # how numpy writes it


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found; no evaluation of a twin without rows, no portrait where nothing was learned."""

    evaluation: Evaluation | None = None
    portrait: Portrait | None = None


def examine(
    case: Case,
    samples: Samples,
    selection: RowSelection,
    twin_table: TwinTable,
    *,
    broken_rules: Mapping[str, int] | None = None,
) -> Examination:
    """Compare all rows that were drawn, before any was replaced, with training rows and unseen ones.

    Rows that broke a rule, counted in `broken_rules`, are not among them: what is judged could be published.
    """
    if not case.rows:
        return Examination()
    task, learned_columns = case.task, frozenset(samples.training.columns)
    entities = _entities(case.source, samples, selection, twin_table)
    context = gate.EvaluationContext(
        categories=samples.categories,
        public=samples.public,
        seed=task.seed,
        entities=entities,
        sensitive=sorted(task.model.sensitive & learned_columns),
        replaced_columns=_replacements(case, twin_table.table),
        limits=task.options.limits,
        target=task.model.target_column if task.model.target_column in learned_columns else None,
        second=samples.second,
        models=len(case.context.twins),
        splits=splits_of(case, samples),
        progress=None,
    )
    tables = samples.training, samples.holdout, samples.synthetic
    with case.context.progress.of(task) as report:
        context["progress"] = report
        evidence = gate.Evidence(*tables, context, twin_table.places if samples.has_agreed else None)
        raw_evaluation = gate.measure(
            evidence, samples.balance, seconds=task.options.evaluation_timeout, seed=task.seed
        )
    evaluation = replace(
        raw_evaluation,
        attempt=case.attempt.number,
        retry_reason=case.attempt.reason,
        redrawn_rows=selection.count,
        broken_rules=broken_rules or {},
    )
    return Examination(evaluation, _draw_portrait(case, samples, entities) if learned_columns else None)


def examine_for_owner(
    case: Case, real: pd.DataFrame, entities: NDArray[np.int64] | None, twin_table: TwinTable
) -> Examination:
    """Measure how near a twin by guarantee is to the real rows; nothing is decided by it.

    Args:
        case: of the twin.
        real: the columns that the private engine counted.
        entities: whose each of these rows is; None where each is its own.
        twin_table: the twin.
    """
    present = [
        one
        for one in case.treatments
        if one.role in LEARNED_ROLES
        and one.column.name in twin_table.table.column_names
        and one.column.kind is not Kind.INTERVAL  # which the twin has as text
    ]
    twin = learnable(_as_rows(twin_table.table, present), present)
    names = [name for name in twin.columns if name in real]
    if not names or len(real) < 2 or not len(twin):  # noqa: PLR2004 - two sides
        return Examination()
    real, twin = real[names].reset_index(drop=True), twin[names]
    owners = np.arange(len(real)) if entities is None else entities
    apart = np.random.default_rng(case.task.seed).permutation(int(owners.max()) + 1)[owners] % 2 == 1
    context = gate.EvaluationContext(
        categories=labels(present) & set(names),
        public=public(present),
        seed=case.task.seed,
        entities=None,
        sensitive=(),
        replaced_columns=(),
        limits={},
        target=None,
        second=None,
        models=1,
        splits=None,
        progress=None,
    )
    evidence = gate.Evidence(real[~apart], real[apart], twin, context)
    evaluation = gate.measure(evidence, {}, seconds=case.task.options.evaluation_timeout, seed=case.task.seed)
    quality_checks = [
        replace(check, gating=False)
        for check in evaluation.checks
        if check.aspect is Aspect.QUALITY and check.verdict is not Verdict.ERROR
    ]
    return Examination(replace(evaluation, checks=tuple(quality_checks)))


def _as_rows(table: pa.Table, treatments: Sequence[Treatment]) -> pa.Table:
    """Return some columns of a twin in the types that rows of the warehouse have."""
    columns = {one.column.name: one.column for one in treatments}
    return pa.table(
        {name: table.column(name).cast(rows_type(column), safe=False) for name, column in columns.items()}
    )


def _draw_portrait(case: Case, samples: Samples, entities: Entities | None) -> Portrait:
    spans = {one.column.name for one in case.treatments if one.column.kind in {Kind.TIME, Kind.INTERVAL}}
    spans = (spans & set(samples.training.columns)) - samples.categories
    return portrait(
        *(_with_spans(frame, spans) for frame in (samples.training, samples.holdout, samples.synthetic)),
        categories=samples.categories,
        public=samples.public,
        seed=case.task.seed,
        entities=entities,
        second=samples.second,
    )


def _with_spans(frame: pd.DataFrame, names: Collection[str]) -> pd.DataFrame:
    """Return the frame with times and intervals, which backends see as microseconds, as people read them."""
    spans = {
        name: pd.to_numeric(frame[name]).round().astype("Int64").to_numpy(np.int64, na_value=NOT_A_TIME)
        for name in names
    }
    return frame.assign(**{name: values.view("timedelta64[us]") for name, values in spans.items()})


def _entities(
    source: SourceRows, samples: Samples, selection: RowSelection, twin_table: TwinTable
) -> Entities | None:
    """Return whom all these rows are about, as numbers; None where each is about somebody else."""
    if source.unit is None:
        return None
    real = np.unique(source.units, return_inverse=True)[1].astype(np.int64)
    synthetic = np.arange(len(samples.synthetic), dtype=np.int64)  # spare rows are about nobody else
    if twin_table.entities is not None:
        codes, _ = twin_table.entities.to_pandas().factorize()
        if samples.second is not None:  # whatever two engines drew of one, neither knows of the other's rows
            codes = np.where(codes < 0, codes, 2 * codes + samples.second[selection.places])
        synthetic[selection.places] = np.where(codes < 0, selection.places, len(synthetic) + codes)
    return Entities(real[~source.held_out], real[source.held_out], synthetic)


def _replacements(case: Case, table: pa.Table) -> list[ReplacedColumn]:
    """Return the real and the new values of every column that was made anew, if not of others of the row."""
    plain_names = of_learned_columns(case.treatments, case.enforceable.formulas)
    plain_names |= pieces_of_row(case.treatments, own_formulas(case))
    names = [
        one.column.name
        for one in treatments_to_replace(case.treatments)
        if one.column.name in table.column_names and one.column.name not in plain_names
    ]
    real = case.source.real
    return [
        ReplacedColumn(name, real[name].to_pandas(), table[name].cast(real[name].type).to_pandas())
        for name in names
    ]
