"""All models are looked at before one is learned, so that what is to be said of columns is said once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from synth import log
from synth.columns.advice import advice, in_one_block
from synth.columns.roles import classify, lead_nowhere
from synth.errors import SynthError
from synth.facts.enforceable import keep_true_facts
from synth.sampling.source import learns_halves, read_source
from synth.twins.uniqueness import read_uniqueness

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from synth.columns.advice import Advice
    from synth.domain import Model, Task
    from synth.sampling.context import RunContext
    from synth.sampling.source import SourceRows

MOST_CELLS = 20_000_000  # of rows that wait for their turn in memory; what is beyond is read again


def read_and_tell(
    tasks: Iterable[Task], context: RunContext, *, ready: Collection[str] = ()
) -> dict[str, SourceRows]:
    """Read the models, warn once of all columns that are not learned, and return the rows by `unique_id`.

    A model that cannot be read or understood is left out; whoever makes its twin will say why. So are those
    that are `ready`, copied, parts of others, or such as no engine but the private one may look at.
    """
    sources: dict[str, SourceRows] = {}
    advice_by_model, cells = [], 0
    for task in tasks:
        model = task.model
        if model.unique_id in ready or model.reference or model.excerpt or task.by_guarantee:
            continue
        try:
            model_with_keys, _ = read_uniqueness(task.model, context.warehouse)
            source = read(replace(task, model=model_with_keys), context)
            model, _ = keep_true_facts(model_with_keys, source.real)
            advice_by_model.append((model, _advice_for(model, source, context.twins)))
        except SynthError:
            continue
        except Exception as error:  # noqa: BLE001 - a bug in one model's way must not stop the others
            log.describe_unexpected(error)
            continue
        cells += source.real.num_rows * source.real.num_columns
        if cells <= MOST_CELLS:
            sources[task.model.unique_id] = source
    text = in_one_block(advice_by_model)
    if text:
        log.warning(text)
    return sources


def _advice_for(model: Model, source: SourceRows, twins: Collection[str]) -> tuple[Advice, ...]:
    """Return what there is to say of the columns of a model that was read."""
    rows, owners = source.training, source.owners
    treatments = classify(model, source.columns, rows, owners=owners, twins=twins)
    computed_columns = {formula.column for formula in model.formulas}
    about_nobody = lead_nowhere(treatments)
    return advice(
        treatments, rows, owners=owners, computed_columns=computed_columns, about_nobody=about_nobody
    )


def read(task: Task, context: RunContext) -> SourceRows:
    """Return the rows of a model, those that wait in memory first."""
    source = context.sources.pop(task.model.unique_id, None)
    if source is not None:
        return source
    salt = context.settings.salt
    return read_source(
        task.model,
        context.warehouse,
        context.snapshot,
        twins=context.twins,
        salt=salt,
        halves=learns_halves(task),
    )
