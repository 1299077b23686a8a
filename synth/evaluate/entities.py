"""Whether whole histories are repeated: customers whose rows were copied, or every row of whom was jittered.

No row of such a twin need be a copy, and still everything about a customer is in it. So entities are compared
as rows are: each is a point (how many rows it has, where they lie on average and how widely they spread).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from synth.evaluate.exposure import Tally, most_telling
from synth.evaluate.nearness import BLUR, nearest
from synth.evaluate.points import encode
from synth.evaluate.verdicts import FEWEST, judge_tally

if TYPE_CHECKING:
    from synth.evaluate.case import EvaluationCase
    from synth.evaluate.points import Points
    from synth.evaluate.tables import Codes, Floats, Mask, Tables
    from synth.evaluate.verdicts import Finding

MAX_REAL = 5_000  # entities
MAX_ROWS = 200_000  # of all of them


def histories(case: EvaluationCase, limit: float) -> Finding | None:
    """Return whether the twin comes nearest to the histories that its engine learned from.

    Two distances are looked at: between entities' summaries, and between an entity's rows and the best
    matching rows of the twin, taken together. None where no entity has several rows.
    """
    tables = case.tables
    if tables.units is None or len(case.first) == tables.real:
        return None
    if case.fewest < FEWEST:
        return case.scale(limit).too_few()
    looks = [look for look in (_match(case), _summaries(case)) if look is not None]
    tally, probability = min(looks, key=lambda look: look[1])
    text = f"Histories: of the {tally.own + tally.other} nearest pairs of a real and a twin history"
    sizes = int(case.first.sum()), int((~case.first).sum())
    return judge_tally(case, limit, tally, text, min(probability * len(looks), 1.0), sizes)


def _match(case: EvaluationCase) -> tuple[Tally, float]:
    """Return by how near the twin comes to all rows of an entity together."""
    near = case.nearness
    rows = np.ones(len(near.units), dtype=np.bool_)
    apart = np.log(near.apart.min(axis=1) + BLUR)
    sums, _ = near.of_units(apart, rows)
    counts = np.bincount(near.units, minlength=len(near.first))
    return _most_telling(sums / counts, near.first, counts > 1, case.chance)


def _summaries(case: EvaluationCase) -> tuple[Tally, float] | None:
    """Return by how near an entity of the twin comes to a real one as a whole."""
    tables = _some(case)
    points = encode(tables)
    real = _aggregate(points[: tables.real], _number_entities(tables, np.arange(tables.real)))
    scale = np.where(real.points.std(axis=0) > 0, real.points.std(axis=0), 1.0)
    several = real.sizes > 1
    apart = []
    for engine in tables.engines:
        synthetic_summaries = _aggregate(points[engine], _number_entities(tables, engine))
        if not (synthetic_summaries.sizes > 1).any():
            return None
        apart.append(
            nearest(
                _single(real.points / scale),
                _single(synthetic_summaries.points[synthetic_summaries.sizes > 1] / scale),
            )
        )
    is_learned = np.zeros(len(several), dtype=np.bool_)
    is_learned[_number_entities(tables, np.arange(tables.real))[: tables.training]] = True
    return _most_telling(np.stack(apart), is_learned, several, case.chance)


def _most_telling(apart: Floats, first: Mask, several: Mask, chance: float) -> tuple[Tally, float]:
    own = np.stack([first, ~first][: len(apart)])
    is_parted = several & (apart[0] != apart[-1]) if len(apart) > 1 else several
    best = most_telling(-apart[:, is_parted].ravel(), own[:, is_parted].ravel(), chance)
    if len(apart) == 1:
        return best
    lean = (apart[1] - apart[0])[is_parted]
    other = most_telling(np.abs(lean), (lean > 0) == first[is_parted], chance)
    tally, probability = min(best, other, key=lambda one: one[1])
    return tally, min(2 * probability, 1.0)


def _some(case: EvaluationCase) -> Tables:
    """Return the rows of at most so many real entities, and as many rows of the twin."""
    tables, rng = case.tables, case.rng(10)
    count = len(case.first)
    sample = np.zeros(count, dtype=np.bool_)
    sample[rng.choice(count, min(count, MAX_REAL), replace=False)] = True
    real = np.flatnonzero(sample[case.units])[:MAX_ROWS]
    return tables.take(np.concatenate([real, np.arange(tables.real, tables.real + tables.synthetic)]))


@dataclass(frozen=True, slots=True)
class Summaries:
    """Entities as points, and how many rows each has."""

    points: Floats
    sizes: Codes


def _number_entities(tables: Tables, rows: Codes) -> Codes:
    units = tables.units if tables.units is not None else np.arange(tables.real + tables.synthetic)
    return np.unique(units[rows], return_inverse=True)[1].astype(np.int64)


def _aggregate(rows: Points, whose: Codes) -> Summaries:
    """Return how many rows, and each dimension's mean and spread."""
    sizes = np.bincount(whose)
    parts = [np.log(sizes)]
    for dimension in rows.T:
        mean = np.bincount(whose, dimension) / sizes
        parts += [mean, np.sqrt(np.maximum(np.bincount(whose, dimension**2) / sizes - mean**2, 0))]
    return Summaries(np.stack(parts, axis=1), sizes)


def _single(points: Floats) -> Points:
    return points.astype(np.float32)
