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
    from synth.evaluate.case import Case
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
        recalled: each training row, within reach of a row of the side.
        covered: each training row, with a row of the side within its own reach.
        units: whom the rows of the sides and of training are about.
    """

    precise: tuple[Mask, Mask]
    recalled: tuple[Mask, Mask]
    covered: tuple[Mask, Mask]
    units: tuple[Codes, Codes, Codes]


def precision(case: Case, limit: float) -> Finding:
    """Whether the twin's rows lie among training rows as unseen real rows do."""
    if case.support is None:
        return case.scale(limit).too_few()
    units = case.support.units[:2]
    return _found(
        case, limit, case.support.precise, units, "of the twin's rows lie among training rows", "of the"
    )


def recall(case: Case, limit: float) -> Finding:
    """Whether training rows lie among the twin's as they do among unseen real rows."""
    if case.support is None:
        return case.scale(limit).too_few()
    units = (case.support.units[2],) * 2
    return _found(
        case, limit, case.support.recalled, units, "of the training rows lie among the twin's", "among the"
    )


def coverage(case: Case, limit: float) -> Finding:
    """Whether the twin has a row near each training row as unseen real rows have."""
    if case.support is None:
        return case.scale(limit).too_few()
    units = (case.support.units[2],) * 2
    return _found(
        case,
        limit,
        case.support.covered,
        units,
        "of the training rows have a twin's row near",
        "have one of the",
    )


def measure(case: Case) -> Support | None:
    """The rows within reach, or None where there are too few."""
    tables = case.tables
    count = min(tables.training, tables.holdout, tables.synthetic, MAX_ROWS)
    if count < FEWEST:
        return None
    rows = tables.draw(case.rng(6), count, count, count)
    training, holdout, synthetic = np.split(case.points[rows], 3)
    reach = _reach(training)
    precise: list[Mask] = []
    recalled: list[Mask] = []
    covered: list[Mask] = []
    for side in (holdout, synthetic):
        apart = distances(side, training)
        precise.append(np.any(apart <= reach, axis=1))
        recalled.append(np.any(apart <= _reach(side)[:, None], axis=0))
        covered.append(np.less_equal(apart.min(axis=0), reach))
    units = [np.unique(part, return_inverse=True)[1] for part in np.split(_units(case, rows), 3)]
    return Support(
        (precise[0], precise[1]),
        (recalled[0], recalled[1]),
        (covered[0], covered[1]),
        (units[1], units[2], units[0]),
    )


def _units(case: Case, rows: Codes) -> Codes:
    return rows if case.tables.units is None else case.tables.units[rows]


def _reach(points: Points) -> Floats:
    """How far each point's 5th nearest other one is."""
    apart = distances(points, points)
    near: Floats = np.partition(apart, NEIGHBOURS, axis=1)[:, NEIGHBOURS]
    return near


def _found(
    case: Case, limit: float, hits: tuple[Mask, Mask], units: tuple[Codes, Codes], text: str, other: str
) -> Finding:
    holdout, synthetic = (
        effective(side, np.ones(len(side)), unit) for side, unit in zip(hits, units, strict=True)
    )
    low, high = newcombe(holdout, synthetic, z=normal_quantile())
    found = Gap("", share(*holdout) - share(*synthetic), low, high)
    text = (
        f"{share(*synthetic):.1%} {text}, and {share(*holdout):.1%} {other} unseen real rows in the same"
        f" number, where {limit:.0%} less is allowed"
    )
    return case.scale(limit).found(found, text, (len(hits[1]), len(hits[0])), by_estimate=True)
