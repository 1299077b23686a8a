"""What a backend is shown, what it is asked for, and what it returns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from synth.backends import capabilities_of
from synth.columns.conditions import conditions
from synth.columns.conform import labels, learnable, public
from synth.domain import HistoryRequest, Request
from synth.errors import ModelError, UndecidableError
from synth.sampling.bounds import find_bounds, within_bounds
from synth.sampling.calendars import at_their_events
from synth.sampling.climbs import climbs_of, with_climbs
from synth.sampling.context import Samples
from synth.sampling.deadlines import find_deadlines, move_before
from synth.sampling.families import histories_of, of_side
from synth.sampling.folding import apart, fold_rare_values, own_numbers
from synth.sampling.nests import HEAD, draw_nested
from synth.sampling.order import Room, date_orders, in_order
from synth.sampling.precedence import find_precedence, move_behind
from synth.sampling.redraw import spare_rows
from synth.sampling.resemblance import resemblances, with_resemblance
from synth.sampling.singles import labels_of_keys, with_single_labels
from synth.sampling.terms import date_pairs, names_of, whole_months_apart
from synth.sampling.ties import apply_ties, find_ties
from synth.sampling.traits import constants_of, with_constants

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from synth.columns.conditions import Conditions
    from synth.columns.roles import Treatment
    from synth.domain import Task
    from synth.engine import Arithmetic
    from synth.sampling.context import RunContext
    from synth.sampling.families import Family
    from synth.sampling.nests import Draws, Nest
    from synth.sampling.source import SourceRows


def draw(
    task: Task,
    source: SourceRows,
    treatments: Sequence[Treatment],
    rows: int,
    context: RunContext,
    *,
    spare: int | None = None,
    family: Family | None = None,
) -> Samples:
    """Let the backend learn the training rows and draw `rows` rows and `spare` more, or as many as usual.

    With `family`, rows are drawn as histories of its owners, and there are as many as these have.

    Raises:
        ModelError: seed or balanced columns do not fit the data, or the backend returned something else than
            it was asked for.
        SynthError: the backend failed.
    """
    real_rows = learnable(source.real, treatments)
    categories, open_to_all = labels(treatments), public(treatments)
    first, other = (real_rows[side].reset_index(drop=True) for side in (~source.held_out, source.held_out))
    if not rows or (not len(real_rows.columns) and family is None):  # keys alone have nothing to ask
        return Samples(first, other, real_rows.iloc[:0].reindex(range(rows)), categories, open_to_all, {})
    more = spare_rows(rows, halves=source.halves) if spare is None else spare
    number = rows + more + (source.halves and (rows + more) % 2)
    choices = _conditions(task, source, treatments, number)
    scores: dict[str, float] = {}
    request = Request(
        rows=number,
        seed=task.seed,
        categories=categories,
        public=open_to_all,
        run_id=context.run_id,
        model=task.model.unique_id,
        conditioning=choices.conditioning,
        balance=choices.balance,
        backend_options=task.model.backend_options,
        on_scores=scores.update,
        wait=context.settings.wait,
    )
    if family is not None:
        empty = Samples(first, other, first, categories, open_to_all, {})
        return _with_histories(task, source, treatments, family, empty, request, context)
    synthetic, second = _synthetic(task, source, real_rows, request, context)
    synthetic = _apart(task, source, treatments, synthetic)
    balance, warnings = choices.balance, choices.warnings
    samples = Samples(first, other, synthetic, categories, open_to_all, balance, warnings, scores, second)
    return at_their_events(samples, treatments)


def _conditions(task: Task, source: SourceRows, treatments: Sequence[Treatment], rows: int) -> Conditions:
    """Return what the user decides about so many rows before they are drawn."""
    return conditions(
        task.model,
        treatments,
        real=source.real,
        units=source.units,
        rows=rows,
        rng=np.random.default_rng([task.seed, *task.model.unique_id.encode(), 1]),
    )


def _without_repeats(
    samples: Samples, family: Family, treatments: Sequence[Treatment], rng: np.random.Generator
) -> Samples:
    """Return the rows of owners where none repeats what no two real rows of an owner share."""
    keys = labels_of_keys(family.unique, family.key, [*samples.synthetic.columns])
    labels = [names for names in keys if family.time not in names]  # of rows at one time all but one go
    samples = with_single_labels(samples, labels, rng, time=family.time)
    return at_their_events(samples, treatments, keys)


def _with_histories(
    task: Task,
    source: SourceRows,
    treatments: Sequence[Treatment],
    family: Family,
    empty: Samples,
    request: Request,
    context: RunContext,
) -> Samples:
    """Return `empty` with the rows that the engines of both sides draw for the owners' twins."""
    real_rows = learnable(source.real, treatments)
    has_owner = family.owner >= 0
    parts = [
        _histories(
            task,
            visible_rows,
            has_owner[side],
            one,
            context,
            of_side(family, side, request.rows, source),
            None if family.nest is None else (family.nest, family.nest.group[side]),
        )
        for visible_rows, side, one in _lessons(task, source, real_rows, request, has_owner)
    ]
    samples = histories_of(empty, parts, request.seed)
    rng = np.random.default_rng([request.seed, len(samples.synthetic), 1])
    samples = _without_repeats(samples, family, treatments, rng)
    ties = find_ties(real_rows, source.units)
    rows = apply_ties(_apart(task, source, treatments, samples.synthetic), ties, request.seed)
    constants = constants_of(real_rows, family.owner)
    if samples.owner is not None:
        rows = _between_dates(rows, real_rows, family, samples.owner, rng)
        rows = with_constants(rows, samples.owner, constants)
    arithmetic = _arithmetic(real_rows, empty.categories)
    rows, climbs = _in_climbs(rows, real_rows, family, samples, (*constants, *empty.categories))
    rows = arithmetic.restore(rows, samples.synthetic)
    rows = apply_ties(rows, ties, request.seed)
    samples = replace(samples, synthetic=rows)
    if family.whom is None or samples.owner is None:
        return samples
    aims = resemblances(
        real_rows,
        np.unique(source.units, return_inverse=True)[1].astype(np.int64),
        categories=empty.categories,
        unchanged_columns={*constants, *climbs, *arithmetic.names([*rows.columns])},
        by_label_alone=len(np.unique(family.whom)) == len(family.whom) or family.is_of_many_rows,
    )
    resemblance_rows = with_resemblance(rows, family.whom[samples.owner], aims, samples.second, rng)
    return replace(samples, synthetic=resemblance_rows)


def _in_climbs(
    rows: pd.DataFrame,
    real_rows: pd.DataFrame,
    family: Family,
    samples: Samples,
    fixed_columns: Collection[str],
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows with numbers that climb or sink as those of all real owners do, and these columns."""
    climbs = climbs_of(real_rows, family.owner, family.time, fixed_columns)
    if samples.owner is not None:
        rows = with_climbs(rows, samples.owner, family.time, climbs)
    return rows, [one.column for one in climbs]


def _between_dates(
    rows: pd.DataFrame,
    real_rows: pd.DataFrame,
    family: Family,
    owner: NDArray[np.int64],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return the rows with dates on the side of those of their owners that real ones are on."""
    pairs = find_precedence(real_rows, family.owner, family.binding)
    rows = move_behind(rows, owner, family.twins, pairs)
    deadlines = find_deadlines(real_rows, family.owner, family.binding)
    return move_before(rows, owner, family.twins, deadlines, pairs, rng)


def _synthetic(
    task: Task, source: SourceRows, real_rows: pd.DataFrame, request: Request, context: RunContext
) -> tuple[pd.DataFrame, NDArray[np.bool_] | None]:
    """Return the rows of all engines, and which are those of the second."""
    lessons = _lessons(task, source, real_rows, request, np.ones(len(real_rows), bool))
    return _join_in_turn([_synthesize(task, visible_rows, one, context) for visible_rows, _, one in lessons])


def _lessons(
    task: Task, source: SourceRows, real_rows: pd.DataFrame, request: Request, has_owner: NDArray[np.bool_]
) -> list[tuple[pd.DataFrame, NDArray[np.bool_], Request]]:
    """Return for each engine the rows it is shown, which of all rows these are, and its request.

    Only rows with an owner are beside those of an engine.
    """
    sides = [~source.held_out, source.held_out] if source.halves else [~source.held_out]
    every = sides[0] if not source.halves else np.ones(len(real_rows), bool)
    rows, units = real_rows[every].reset_index(drop=True), source.units[every]
    requests = _of_halves(request, [real_rows[side] for side in sides]) if source.halves else [request]
    visible_parts = [
        shown_to(
            task.backend, rows, units, one.categories, public=one.public, seed=one.seed, part=side[every]
        )
        for side, one in zip(sides, requests, strict=True)
    ]
    several = len(np.unique(units)) < len(units)
    lessons = []
    for half, (side, one) in enumerate(zip(sides, requests, strict=True)):
        engine_request = replace(one, entities=source.units[side] if several else None)
        if source.halves and capabilities_of(task.backend).protects_rare_values:
            other = sides[1 - half]
            beside = visible_parts[1 - half].loc[has_owner[other]].reset_index(drop=True)
            engine_request = replace(
                engine_request,
                beside=beside,
                about=source.units[other][has_owner[other]] if several else None,
            )
        lessons.append((visible_parts[half], side, engine_request))
    return lessons


def _of_halves(request: Request, parts: Sequence[pd.DataFrame]) -> list[Request]:
    """Return the requests to the engines of both halves, who draw every other row each.

    Raises:
        UndecidableError: all entities fell into one half.
    """
    if not all(len(part) for part in parts):
        raise UndecidableError(
            f"The entities of {request.model} are so few that all fell into one half. Next: build it with "
            "more rows, or leave it out."
        )
    conditioning = request.conditioning
    return [
        replace(
            request,
            rows=request.rows // 2,
            seed=int(np.random.SeedSequence([request.seed, half]).generate_state(1)[0]),
            conditioning=None if conditioning is None else conditioning.iloc[half::2].reset_index(drop=True),
        )
        for half in range(len(parts))
    ]


def _histories(
    task: Task,
    visible_rows: pd.DataFrame,
    has_owner: NDArray[np.bool_],
    request: Request,
    context: RunContext,
    history_request: tuple[HistoryRequest, NDArray[np.int64]],
    nest_and_groups: tuple[Nest, NDArray[np.int64]] | None,
) -> list[tuple[pd.DataFrame, NDArray[np.int64]]]:
    """Return, for each draw, what an engine draws that learned these rows, and each row's owner."""
    owners, twins = history_request
    backend: Any = context.backends[task.backend]
    rows = visible_rows.loc[has_owner].reset_index(drop=True)
    entities = None if request.entities is None else request.entities[has_owner]
    owners = replace(owners, owner=owners.owner[has_owner])
    with context.progress.of(task) as report:
        request = replace(request, entities=entities, progress=report)
        if nest_and_groups is None:
            draws = backend.histories(rows, request, owners)
        else:
            nest, group = nest_and_groups
            labels = request.categories | {HEAD + name for name in request.categories}
            own = replace(request, categories=labels, beside=None, about=None)

            def histories(some: pd.DataFrame, one: HistoryRequest, whom: NDArray[Any] | None) -> Draws:
                return cast("Draws", backend.histories(some, replace(own, entities=whom), one))

            draws = draw_nested(nest, group[has_owner], rows, owners, histories, entities)
    return [(frame, twins[owner]) for frame, owner in draws]


def _join_in_turn(frames: Sequence[pd.DataFrame]) -> tuple[pd.DataFrame, NDArray[np.bool_] | None]:
    """Return the rows of two engines in turn, and which are the second's; those of one as they are."""
    if len(frames) == 1:
        return frames[0], None
    rows = pd.concat(frames, ignore_index=True)
    order = np.arange(len(rows)).reshape(2, -1).T.ravel()
    return rows.iloc[order].reset_index(drop=True), order >= len(rows) // 2


def _apart(
    task: Task, source: SourceRows, treatments: Sequence[Treatment], synthetic: pd.DataFrame
) -> pd.DataFrame:
    """Return the rows without numbers that are somebody's own, or none of their label's.

    Seed columns are real values on purpose.
    """
    real, categories = learnable(source.real, treatments), labels(treatments)
    numbers = set(synthetic.columns) - categories - set(task.model.seed_columns)
    bounds = [one for one in find_bounds(real, source.units, categories) if one.column in numbers]
    if not bounds and source.entities == len(source.units):
        return synthetic
    arithmetic = _arithmetic(real, categories)
    synthetic = arithmetic.restore(within_bounds(synthetic, bounds, task.seed), synthetic)
    if source.entities == len(source.units):
        return synthetic
    result = arithmetic.restore(apart(synthetic, real, source.units, numbers), synthetic)
    orders = date_orders(real, sorted(numbers))
    pairs = date_pairs(real, sorted(numbers), source.units)
    rooms = {
        name: Room.of(synthetic[name], own_numbers(real[name], source.units))
        for name in names_of(orders, pairs)
    }
    moved_dates = whole_months_apart(in_order(result, synthetic, orders, rooms), synthetic, pairs, rooms)
    return result if moved_dates is result else arithmetic.restore(moved_dates, synthetic)


def _arithmetic(rows: pd.DataFrame, categories: Collection[str]) -> Arithmetic:
    """Return the arithmetic of the real rows, so that what changes value by value keeps to it."""
    from synth.engine import Arithmetic  # noqa: PLC0415 - slow to import; `synth ls` must not wait for it

    return Arithmetic.of(rows, categories)


def shown_to(
    backend: str,
    rows: pd.DataFrame,
    units: NDArray[np.uint64],
    labels: Collection[str],
    *,
    public: Collection[str] = (),
    seed: int,
    part: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Return a part of the rows as a backend may see it: without what is rare, unless it protects that.

    The entities of all `rows` count where a value must be shared.
    """
    protects = capabilities_of(backend).protects_rare_values
    if protects and len(np.unique(units)) == len(units):  # it counts rows, and asks their like
        return rows if part is None else rows[part].reset_index(drop=True)
    folded_rows = fold_rare_values(rows, units, labels, public=public, seed=seed, part=part)
    before = rows if part is None else rows[part].reset_index(drop=True)
    arithmetic = _arithmetic(rows, {*labels, *public})
    shown_rows = arithmetic.restore(folded_rows, before)
    numbers = sorted(set(rows.columns) - {*labels, *public})
    orders, pairs = date_orders(rows, numbers), date_pairs(rows, numbers, units)
    rooms = {name: Room.of(shown_rows[name]) for name in names_of(orders, pairs)}
    moved_dates = whole_months_apart(in_order(shown_rows, before, orders, rooms), before, pairs, rooms)
    return shown_rows if moved_dates is shown_rows else arithmetic.restore(moved_dates, before)


def _synthesize(task: Task, training: pd.DataFrame, request: Request, context: RunContext) -> pd.DataFrame:
    """Return what the backend returns, if it has the shape that was asked for."""
    backend = context.backends[task.backend]
    with context.progress.of(task) as report:
        request_with_progress = replace(request, progress=report)
        synthetic = backend.synthesize(training, request_with_progress, context.folder.workdir(task))
    if list(synthetic.columns) != list(training.columns) or len(synthetic) != request.rows:
        raise ModelError(
            f"Backend {task.backend} returned {len(synthetic)} rows of {len(synthetic.columns)} columns for "
            f"{task.model.name}, not the {request.rows} of {len(training.columns)} it was asked for."
        )
    return synthetic
