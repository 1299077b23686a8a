"""Whether the twin's rows lie where real rows lie, and cover all of them: precision, recall and coverage.

Naeem et al. (2020), Reliable fidelity and diversity metrics for generative models. The twin is compared with
training rows as unseen real rows are, in the same number, so that the difference is the twin's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from synth.evaluate.intervals import effective, newcombe, normal_quantile, share
from synth.evaluate.points import distances
from synth.evaluate.verdicts import FEWEST, Gap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.evaluate.case import EvaluationCase
    from synth.evaluate.intervals import Rate
    from synth.evaluate.points import Points
    from synth.evaluate.tables import Codes, Floats, Mask
    from synth.evaluate.verdicts import Finding

NEIGHBOURS = 5
MAX_ROWS = 2_000  # of each table


@dataclass(frozen=True, slots=True)
class Support:
    """For each row, by side (holdout, synthetic): whether it lies within the other's reach.

    Attributes:
        precise: each row of the side, within a training row's reach.
        recall_hits: each training row, within reach of a row of the side.
        coverage_hits: each training row, with a row of the side within its own reach.
        units: whom the rows of the sides and of training are about.
    """

    precise: tuple[Mask, Mask]
    recall_hits: tuple[Mask, Mask]
    coverage_hits: tuple[Mask, Mask]
    units: tuple[Codes, Codes, Codes]


def precision(case: EvaluationCase, limit: float) -> Finding:
    """Return whether the twin's rows lie among real rows as unseen real rows do."""
    sides = [(one.precise, one.units[:2]) for one in case.support]
    return _pool(
        case, limit, sides, "Precision, the share of the twin's rows among unseen real rows:", "training rows"
    )


def recall(case: EvaluationCase, limit: float) -> Finding:
    """Return whether unseen real rows lie among the twin's as they do among other real rows."""
    sides = [(one.recall_hits, (one.units[2],) * 2) for one in case.support]
    return _pool(
        case,
        limit,
        sides,
        "Recall, the share of unseen real rows among the twin's rows:",
        "among training rows",
    )


def coverage(case: EvaluationCase, limit: float) -> Finding:
    """Return whether the twin has a row near each unseen real row as other real rows are."""
    sides = [(one.coverage_hits, (one.units[2],) * 2) for one in case.support]
    return _pool(
        case,
        limit,
        sides,
        "Coverage, the share of unseen real rows with a twin's row near:",
        "a training row near",
    )


def measure(case: EvaluationCase) -> Support | None:
    """Return the rows within reach, or None where there are too few."""
    tables = case.tables
    count = min(tables.training, tables.holdout, tables.synthetic, MAX_ROWS)
    if count < FEWEST:
        return None
    rows = tables.draw(case.rng(6), count, count, count)
    training, holdout, synthetic = np.split(case.points[rows], 3)
    reach = _reach(training)
    precise: list[Mask] = []
    recall_hits: list[Mask] = []
    coverage_hits: list[Mask] = []
    for side in (holdout, synthetic):
        apart = distances(side, training)
        precise.append(np.any(apart <= reach, axis=1))
        recall_hits.append(np.any(apart <= _reach(side)[:, None], axis=0))
        coverage_hits.append(np.less_equal(apart.min(axis=0), reach))
    units = [np.unique(part, return_inverse=True)[1] for part in np.split(_units(case, rows), 3)]
    return Support(
        (precise[0], precise[1]),
        (recall_hits[0], recall_hits[1]),
        (coverage_hits[0], coverage_hits[1]),
        (units[1], units[2], units[0]),
    )


def _units(case: EvaluationCase, rows: Codes) -> Codes:
    return rows if case.tables.units is None else case.tables.units[rows]


def _reach(points: Points) -> Floats:
    """Return how far each point's 5th nearest other one is."""
    apart = distances(points, points)
    near: Floats = np.partition(apart, NEIGHBOURS, axis=1)[:, NEIGHBOURS]
    return near


def _pool(
    case: EvaluationCase,
    limit: float,
    sides: Sequence[tuple[tuple[Mask, Mask], tuple[Codes, Codes]]],
    text: str,
    other: str,
) -> Finding:
    """Return the finding over both ways together."""
    if not sides:
        return case.scale(limit).too_few()
    rates = [_rates(*side) for side in sides]
    real, twin = (
        (sum(way[place][0] for way in rates), sum(way[place][1] for way in rates)) for place in (0, 1)
    )
    low, high = newcombe(real, twin, z=normal_quantile())
    gap = Gap("", share(*real) - share(*twin), low, high)
    text = f"{text} {share(*twin):.1%} ({other} {share(*real):.1%}, limit {limit:.0%} less)"
    return case.scale(limit).finding(gap, text, (twin[1], real[1]))


def _rates(hits: tuple[Mask, Mask], units: tuple[Codes, Codes]) -> tuple[Rate, Rate]:
    first, second = (
        effective(side, np.ones(len(side)), unit) for side, unit in zip(hits, units, strict=True)
    )
    return first, second
