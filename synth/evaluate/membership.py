"""Whether the twin's rows tell who was among the training rows: by how near they lie to real rows.

The distance of a real row to the nearest synthetic one is the attack; every synthetic row takes part.
"""

from __future__ import annotations

from math import ceil, floor, sqrt
from typing import TYPE_CHECKING

import numpy as np

from synth.evaluate.intervals import area, clopper_pearson, effective, normal_quantile
from synth.evaluate.verdicts import FEWEST, Gap

if TYPE_CHECKING:
    from synth.evaluate.case import Case
    from synth.evaluate.tables import Codes, Floats, Mask
    from synth.evaluate.verdicts import Finding

FALSE_ALARMS = 0.01
FEWEST_OUTLIERS = 30  # held out, before anything is said of outliers


def nn_share(case: Case, limit: float) -> Finding:
    """Whether a synthetic row's nearest real row is a training row more often than the split explains."""
    sample = case.sample
    if min(sample.training, len(sample.rows) - sample.training) < 1:
        return case.scale(limit).too_few()
    found = share_excess(sample.nearness.hits, sample.units, sample.training)
    direction = "more" if found.value >= 0 else "less"
    text = (
        f"The real row nearest to a twin's row is a training row {abs(found.value):.1%} {direction} often"
        f" than chance explains, where {limit:.0%} is allowed"
    )
    # Holes around training rows give them away as well.
    return case.scale(limit).found(found, text, _sizes(case), fail=found.high < -limit)


def near_copy(case: Case, limit: float) -> Finding:
    """The share of training rows that lie nearer to the twin than all but 1 % of unseen real rows do.

    This is the attack's true positive rate at a false positive rate of 1 % (Carlini et al. 2022). Equal
    distances are parted in proportion. The interval joins that of the quantile with that of the share; to
    pass, it is enough that the share keeps the limit for the quantile as it was found.
    """
    training, holdout = _sides(case)
    if len(holdout) < FEWEST:
        return case.scale(limit).too_few()
    rates, alarms = _roc(training, holdout)
    value = float(np.interp(FALSE_ALARMS, alarms, rates))
    units = case.sample.units
    nearer = np.quantile(holdout, FALSE_ALARMS)
    trials = [
        effective(side <= nearer, np.ones(len(side)), _from_zero(unit))[1]
        for side, unit in zip((training, holdout), np.split(units, [case.sample.training]), strict=True)
    ]
    bounds = _around(trials[1])
    hits = np.interp(bounds, alarms, rates) * trials[0] * (np.array(bounds) > 0)
    low, high = (clopper_pearson(float(hit), trials[0])[side] for side, hit in enumerate(hits))
    found = Gap("", value, low, high)
    as_found = clopper_pearson(value * trials[0], trials[0])[1]
    text = (
        f"{value:.1%} of the training rows lie nearer to a twin's row than all but {FALSE_ALARMS:.0%} of the"
        f" unseen real rows do, where {limit:.1%} is allowed"
    )
    scale = case.scale(limit, chance=FALSE_ALARMS)
    return scale.found(found, text, _sizes(case), by_estimate=as_found <= limit)


def mia_auc(case: Case, limit: float) -> Finding:
    """How well the distance to the twin tells training from unseen real rows: .5 is not at all."""
    found = _attacked(case, np.ones(len(case.sample.rows), dtype=np.bool_))
    if found is None:
        return case.scale(limit).too_few()
    text = (
        f"Whoever guesses from the distance to the twin which of two real rows was in training is right in"
        f" {found.value:.1%} of the cases, where 50% is chance and {limit:.0%} is allowed"
    )
    return case.scale(limit, chance=0.5).found(found, text, _sizes(case))


def mia_auc_outliers(case: Case, limit: float) -> Finding | None:
    """The same for the rows least like any other; it blocks only where it fails, because these are few."""
    chosen = case.isolated[case.sample.rows]
    found = _attacked(case, chosen)
    sizes = (int(chosen[: case.sample.training].sum()), int(chosen[case.sample.training :].sum()))
    if found is None or sizes[1] < FEWEST_OUTLIERS:
        return None
    text = (
        f"Among the rows least like any other, whoever guesses which of two was in training is right in"
        f" {found.value:.1%} of the cases, where 50% is chance and {limit:.0%} is allowed"
    )
    return case.scale(limit).shown(found, text, sizes)


def share_excess(hits: Floats, units: Codes, training: int) -> Gap:
    """By how much the share of hits that fall on training rows exceeds what the split explains.

    Args:
        hits: how often each real row was the nearest.
        units: whom each is about, as numbers from 0.
        training: how many of the rows are training rows; they come first.
    """
    surplus = np.bincount(units, hits / hits.sum() - 1 / len(hits))
    inside = np.zeros(len(surplus), dtype=np.bool_)
    inside[units[:training]] = True
    excess = float(surplus[inside].sum())
    # Who is in training is chance; this is the variance over all ways to part the units.
    count = len(surplus)
    parted = inside.sum() * (count - inside.sum()) / (count * max(count - 1, 1))
    half = normal_quantile() * sqrt(float(parted * (surplus**2).sum()))
    return Gap("", excess, excess - half, excess + half)


def _sides(case: Case) -> tuple[Floats, Floats]:
    distance = case.sample.nearness.distance
    return distance[: case.sample.training], distance[case.sample.training :]


def _roc(training: Floats, holdout: Floats) -> tuple[Floats, Floats]:
    """How many training and how many holdout rows lie within every distance, as shares that start at 0."""
    within = np.unique(np.concatenate([training, holdout]))
    found = [np.searchsorted(np.sort(side), within, side="right") / len(side) for side in (training, holdout)]
    return np.concatenate([[0.0], found[0]]), np.concatenate([[0.0], found[1]])


def _around(holdout: float) -> tuple[float, float]:
    """Shares of holdout rows between which the quantile at FALSE_ALARMS lies, as whole rows.

    Of few rows not even the nearest is sure to lie beyond it; the lower share then is 0.
    """
    low, high = clopper_pearson(FALSE_ALARMS * holdout, holdout)
    return floor(low * holdout) / holdout, ceil(high * holdout) / holdout


def _attacked(case: Case, chosen: Mask) -> Gap | None:
    sides = [
        (distance[kept], units[kept])
        for distance, units, kept in zip(
            _sides(case),
            np.split(case.sample.units, [case.sample.training]),
            np.split(chosen, [case.sample.training]),
            strict=True,
        )
    ]
    (training, training_units), (holdout, holdout_units) = sides
    if len(holdout) < FEWEST or len(training) < FEWEST:
        return None
    found = area(-training, -holdout)
    half = normal_quantile() * found.error(training_units, holdout_units)
    return Gap("", found.value, found.value - half, found.value + half)


def _from_zero(units: Codes) -> Codes:
    return np.unique(units, return_inverse=True)[1].astype(np.int64)


def _sizes(case: Case) -> tuple[int, int]:
    return case.sample.training, len(case.sample.rows) - case.sample.training
