"""What a backend is shown, what it is asked for, and what it returns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from synth.backends import capabilities_of
from synth.columns.conditions import conditions
from synth.columns.conform import labels, learnable, public
from synth.domain import Request
from synth.errors import ModelError
from synth.twins.folding import apart, folded
from synth.twins.redraw import spare_rows
from synth.twins.workshop import Drawn

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import Task
    from synth.twins.source import Source
    from synth.twins.workshop import Workshop


def draw(
    task: Task,
    source: Source,
    treatments: Sequence[Treatment],
    rows: int,
    shop: Workshop,
    *,
    spare: int | None = None,
) -> Drawn:
    """Let the backend learn the training rows and draw `rows` rows and `spare` more, or as many as usual.

    Raises:
        ModelError: seed or balanced columns do not fit the data, or the backend returned something else than
            it was asked for.
        SynthError: the backend failed.
    """
    training = learnable(source.training, treatments)
    holdout = learnable(source.holdout, treatments).reindex(columns=training.columns)
    categories, open_to_all = labels(treatments), public(treatments)
    if not rows or not len(training.columns):  # a table of nothing but keys has nothing to ask
        empty = training.iloc[:0].reindex(range(rows))
        return Drawn(training, holdout, empty, categories, open_to_all, {})
    wanted = rows + (spare_rows(rows) if spare is None else spare)
    told = conditions(
        task.model,
        treatments,
        real=source.real,
        units=source.units,
        rows=wanted,
        rng=np.random.default_rng([task.seed, *task.model.unique_id.encode(), 1]),
    )
    units = source.units[~source.held_out]
    shown = shown_to(task.backend, training, units, categories, public=open_to_all, seed=task.seed)
    scores: dict[str, float] = {}
    request = Request(
        rows=wanted,
        seed=task.seed,
        categories=categories,
        public=open_to_all,
        run_id=shop.run_id,
        model=task.model.unique_id,
        given=told.given,
        balance=told.balance,
        wishes=task.model.wishes,
        scored=scores.update,
        entities=units if source.unit and len(np.unique(units)) < len(units) else None,
        wait=shop.settings.wait,
    )
    synthetic = _apart(task, source, treatments, _synthesized(task, shown, request, shop))
    return Drawn(training, holdout, synthetic, categories, open_to_all, told.balance, told.warnings, scores)


def _apart(
    task: Task, source: Source, treatments: Sequence[Treatment], synthetic: pd.DataFrame
) -> pd.DataFrame:
    """The rows drawn, without numbers that are somebody's own; seed columns are real values on purpose."""
    if source.entities == len(source.units):
        return synthetic
    real = learnable(source.real, treatments)
    numbers = set(synthetic.columns) - labels(treatments) - set(task.model.seed_columns)
    return apart(synthetic, real, source.units, numbers)


def shown_to(
    backend: str,
    training: pd.DataFrame,
    units: NDArray[np.uint64],
    labels: Collection[str],
    *,
    public: Collection[str] = (),
    seed: int,
) -> pd.DataFrame:
    """The rows as a backend may see them: without what is rare, unless it protects that better itself."""
    protects = capabilities_of(backend).protects_rare_values
    if protects and len(np.unique(units)) == len(units):  # it counts rows, and asks their like
        return training
    return folded(training, units, labels, public=public, seed=seed)


def _synthesized(task: Task, training: pd.DataFrame, request: Request, shop: Workshop) -> pd.DataFrame:
    """What the backend returns, if it has the shape that was asked for."""
    backend = shop.backends[task.backend]
    with shop.progress.of(task) as report:
        asked = replace(request, progress=report)
        synthetic = backend.synthesize(training, asked, shop.folder.workdir(task))
    if list(synthetic.columns) != list(training.columns) or len(synthetic) != request.rows:
        raise ModelError(
            f"Backend {task.backend} returned {len(synthetic)} rows of {len(synthetic.columns)} columns for "
            f"{task.model.name}, not the {request.rows} of {len(training.columns)} it was asked for."
        )
    return synthetic
