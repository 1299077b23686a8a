"""One model becomes a twin: extract → split → synthesize → conform → evaluate → store → stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth._version import __version__
from synth.backends import open_backend
from synth.conform import assemble, labels, learnable, made_up, public, without_duplicates
from synth.domain import Request, Role, Verdict
from synth.errors import ModelError
from synth.evaluate import evaluate
from synth.roles import assign
from synth.split import canonical_order, hash_rows, hash_units, holdout_mask
from synth.warehouse import Stage
from synth.warehouse.publish import stage_relation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd

    from synth.artifacts import RunFolder
    from synth.domain import Column, Evaluation, ForeignKey, Relation, Task
    from synth.roles import Treatment
    from synth.settings import Settings
    from synth.stores import Store
    from synth.warehouse import Snapshot, Warehouse

FEWEST = 20  # rows; below two groups of ten there is nothing that ten people share and ten others do not
MOST = 1_000_000  # rows taken from the warehouse; beyond, a share of the entities is


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all models of a run share."""

    run_id: str
    warehouse: Warehouse
    snapshot: Snapshot
    store: Store
    folder: RunFolder
    settings: Settings
    twins: Mapping[str, Relation]  # every model that has a twin or asks for one, by unique_id


@dataclass(frozen=True, slots=True)
class Twin:
    """A checked and staged twin, ready to be published."""

    stage: Stage
    evaluation: Evaluation | None
    artifacts: tuple[str, ...]
    warnings: tuple[str, ...]
    keys: Mapping[str, pa.ChunkedArray]


@dataclass(frozen=True, slots=True)
class Source:
    """The rows of a model in canonical order, and which of them are held out."""

    columns: tuple[Column, ...]
    real: pa.Table
    rows: int  # in the warehouse; `real` may be a sample
    held_out: pa.Array

    @property
    def training(self) -> pa.Table:
        """The rows to learn from."""
        return self.real.filter(pc.invert(self.held_out))

    @property
    def holdout(self) -> pa.Table:
        """The rows nothing is learned from."""
        return self.real.filter(self.held_out)


def make_twin(
    task: Task,
    shop: Workshop,
    *,
    parents: Mapping[str, Mapping[str, pa.ChunkedArray]],
    wanted: Collection[str],
) -> Twin:
    """Make, check, store and stage the twin of one model.

    Args:
        task: what to make.
        shop: where.
        parents: columns of the twins already made in this run, by `unique_id`.
        wanted: columns of this twin that its children will reference.

    Raises:
        ModelError: the model cannot be synthesized, or a check says it must not be published.
        SynthError: a service failed.
    """
    source = extract(task, shop)
    rows = task.rows.of(source.rows)
    if source.rows and source.rows < FEWEST:
        raise ModelError(
            f"{task.model.name} has {source.rows} row{'s' if source.rows > 1 else ''}; fewer than {FEWEST} "
            "cannot be learned without repeating somebody. Next: build it with more rows, or leave it out: "
            f"synth run --exclude {task.model.name}"
        )
    treatments = assign(task.model, source.columns, source.training)
    twin, evaluation, warnings = _make(task, shop, source, treatments, rows if source.rows else 0, parents)
    artifacts = shop.folder.store_twin(shop.store, task, twin, evaluation)
    _refuse_failed(evaluation)
    stage = _stage(task, shop, source, twin, evaluation)
    kept = sorted(set(wanted) & set(twin.column_names))
    return Twin(stage, evaluation, artifacts, warnings, {name: twin.column(name) for name in kept})


def extract(task: Task, shop: Workshop) -> Source:
    """Read the model, put its rows into canonical order, and hold a fifth of the entities out."""
    model = task.model
    columns = shop.warehouse.describe(model.relation)
    rows = shop.snapshot.count(model.relation)
    parents = shop.twins.keys() - {model.unique_id}
    unit = model.entity or next((key.column for key in model.foreign_keys if key.parent in parents), None)
    unit = unit or (model.primary_key[0] if len(model.primary_key) == 1 else None)
    real = shop.snapshot.extract(model.relation, columns, share=min(1.0, MOST / max(rows, 1)), unit=unit)
    real = real.rename_columns([column.name for column in columns])
    hashes = hash_rows(real, model.primary_key)
    order = canonical_order(hashes)
    real, hashes = real.take(pa.array(order)), hashes[order]
    units = hash_units(real, unit, hashes, entity=model.entity)
    return Source(columns, real, rows, pa.array(holdout_mask(units, task.seed)))


def _make(
    task: Task,
    shop: Workshop,
    source: Source,
    treatments: Sequence[Treatment],
    rows: int,
    parents: Mapping[str, Mapping[str, pa.ChunkedArray]],
) -> tuple[pa.Table, Evaluation | None, tuple[str, ...]]:
    """Synthesize, conform and evaluate."""
    training = learnable(source.training, treatments)
    request = Request(
        rows=rows,
        seed=task.seed,
        categories=labels(treatments),
        public=public(treatments),
        run_id=shop.run_id,
        model=task.model.unique_id,
    )
    synthetic = _synthesize(task, shop, training, request)
    rng = np.random.default_rng([task.seed, *task.model.unique_id.encode()])

    def pool(treatment: Treatment) -> pa.Array | None:
        key = treatment.parent if treatment.role is Role.FOREIGN_KEY else None
        return None if key is None else _pool(task, key, shop, parents)

    taken = _all_rows(made_up(treatments), task, shop, source)
    twin = assemble(synthetic, treatments, real=source.real, rows=rows, parents=pool, rng=rng, taken=taken)
    movable = {t.column.name: t.role in {Role.FOREIGN_KEY, Role.NATURAL_KEY} for t in treatments}
    twin, dropped = without_duplicates(twin, task.model.unique, movable, rng)
    warnings = _warnings(task, treatments, source, dropped)
    if not rows or not len(training.columns):
        return twin, None, warnings
    evaluation = evaluate(
        training,
        learnable(source.holdout, treatments).reindex(columns=training.columns),
        synthetic,
        categories=request.categories,
        public=request.public,
        seed=task.seed,
    )
    return twin, evaluation, warnings


def _all_rows(columns: Sequence[Column], task: Task, shop: Workshop, source: Source) -> pa.Table | None:
    """All values of the columns where `source` is a share of the rows: no new key may be a real one."""
    if source.real.num_rows == source.rows or not columns:
        return None
    every = shop.snapshot.extract(task.model.relation, columns)
    return every.rename_columns([column.name for column in columns])


def _synthesize(task: Task, shop: Workshop, training: pd.DataFrame, request: Request) -> pd.DataFrame:
    """Ask the backend; a table of nothing but keys has nothing to ask."""
    rows = request.rows
    if not rows or not len(training.columns):
        return training.iloc[:0].reindex(range(rows))
    synthetic = open_backend(task.backend).synthesize(training, request, shop.folder.of(task))
    if list(synthetic.columns) != list(training.columns) or len(synthetic) != rows:
        raise ModelError(
            f"Backend {task.backend} returned {len(synthetic)} rows of {len(synthetic.columns)} columns for "
            f"{task.model.name}, not the {rows} of {len(training.columns)} it was asked for."
        )
    return synthetic


def _pool(
    task: Task, key: ForeignKey, shop: Workshop, parents: Mapping[str, Mapping[str, pa.ChunkedArray]]
) -> pa.Array | None:
    """The keys of the parent's twin: of this run, else as published; None for a parent without a twin."""
    if key.parent not in shop.twins:
        return None
    relation = shop.twins[key.parent]
    if key.parent not in parents:
        published = shop.warehouse.read_keys(relation, key.parent_column)
        if published is not None:
            return published
        raise ModelError(
            f"{task.model.name}.{key.column} references {key.parent}, which has no twin {relation} with a "
            f"column {key.parent_column} yet. Next: synth run --select +{task.model.name}"
        )
    made = parents[key.parent].get(key.parent_column)
    if made is None:
        raise ModelError(
            f"{task.model.name}.{key.column} references {key.parent}, whose twin has no column "
            f"{key.parent_column}. Next: give {task.model.name}.{key.column} the role drop, too."
        )
    return made.drop_null().unique()


def _refuse_failed(evaluation: Evaluation | None) -> None:
    if evaluation is None or evaluation.verdict not in {Verdict.FAIL, Verdict.ERROR}:
        return
    worst = [check for check in evaluation.checks if check.verdict is evaluation.verdict]
    raise RejectedError(
        "; ".join(f"{check.name} {check.verdict}: {check.explain}" for check in worst), evaluation
    )


class RejectedError(ModelError):
    """The evaluation says that the twin must not be published."""

    def __init__(self, message: str, evaluation: Evaluation) -> None:
        super().__init__(message)
        self.evaluation = evaluation


def _stage(
    task: Task, shop: Workshop, source: Source, twin: pa.Table, evaluation: Evaluation | None
) -> Stage:
    stage = Stage(
        relation=stage_relation(task.target, shop.settings.staging_schema, shop.run_id),
        target=task.target,
        unique_id=task.model.unique_id,
        name=task.model.name,
        rows=twin.num_rows,
        backend=task.backend,
        verdict=evaluation.verdict if evaluation else Verdict.PASS,
        fidelity=evaluation.fidelity if evaluation else None,
        run_id=shop.run_id,
        version=__version__,
    )
    kept = [column for column in source.columns if column.name in twin.column_names]
    shop.warehouse.stage(task, stage, columns=kept, table=twin)
    return stage


def _warnings(task: Task, treatments: Sequence[Treatment], source: Source, dropped: int) -> tuple[str, ...]:
    warnings = [
        f"{task.model.name}.{treatment.column.name} is NULL in the twin, because its values are not "
        "shared between rows; declare a role to change that"
        for treatment in treatments
        if treatment.role is Role.FREE_TEXT and treatment.origin != "declared"
    ]
    if source.rows > source.real.num_rows:
        warnings.append(
            f"{task.model.name} was learned from {source.real.num_rows:,} of {source.rows:,} rows"
        )
    if dropped:
        warnings.append(
            f"{dropped:,} rows of {task.model.name} left out, because they repeated a composite key"
        )
    return tuple(warnings)
