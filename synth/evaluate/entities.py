"""Whether whole entities are repeated: customers whose histories were copied and every row jittered.

No row of such a twin is a copy, and still everything about a customer is in it. So entities are compared as
rows are: each is a point (how many rows it has, where they lie on average and how widely they spread).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from synth.evaluate.intervals import newcombe, normal_quantile, share
from synth.evaluate.membership import share_excess
from synth.evaluate.points import nearness
from synth.evaluate.tables import mixed, occurs_once
from synth.evaluate.verdicts import FEWEST, Gap

if TYPE_CHECKING:
    from synth.evaluate.case import Case
    from synth.evaluate.points import Points
    from synth.evaluate.tables import Codes, Floats
    from synth.evaluate.verdicts import Finding

MAX_REAL = 20_000


def entity_replay(case: Case, limit: float) -> Finding | None:
    """Whether the whole history of a training entity recurs; None where no entity has several rows.

    Counted are histories of two rows and more that one real entity alone has.
    """
    cast = _cast(case)
    if cast is None:
        return None
    histories = np.zeros(len(cast.sizes), dtype=np.uint64)
    np.add.at(histories, cast.whose, mixed(case.rows))  # sums know no order of rows
    several = cast.sizes > 1
    known = histories[: cast.real]
    twins = histories[cast.real :][several[cast.real :]]
    hits = several[: cast.real] & occurs_once(known) & np.isin(known, twins)
    rates = [
        (float(hits[part].sum()), float(several[part].sum()))
        for part in (slice(None, cast.training), slice(cast.training, cast.real))
    ]
    low, high = newcombe(rates[0], rates[1], z=normal_quantile())
    found = Gap("", share(*rates[0]) - share(*rates[1]), low, high)
    text = (
        f"{share(*rates[0]):.2%} of the training entities recur in the twin with every row they have, and"
        f" {share(*rates[1]):.2%} of the unseen ones, where a difference of {limit:.1%} is allowed"
    )
    return case.scale(limit).found(found, text, (rates[0][1], rates[1][1]), by_estimate=low <= 0)


def entity_nn_share(case: Case, limit: float) -> Finding | None:
    """Whether a synthetic entity's nearest real one is in training more often than the split explains."""
    cast = _cast(case)
    if cast is None:
        return None
    if case.held_out < FEWEST:
        return case.scale(limit).too_few()
    points = _aggregated(case.points, cast)
    several = cast.sizes > 1  # the others are rows, which other checks look at
    real = np.flatnonzero(several[: cast.real])
    twins = points[cast.real :][several[cast.real :]]
    if not len(twins):
        return None
    rng = case.rng(10)
    kept = np.sort(rng.choice(real, min(len(real), MAX_REAL), replace=False))
    alone = np.zeros(len(kept), dtype=np.bool_)
    near = nearness(points[kept], twins, alone, np.ones(len(twins)), rng)
    inside = int((kept < cast.training).sum())
    found = share_excess(near.hits, np.arange(len(kept)), inside)
    direction = "more" if found.value >= 0 else "less"
    text = (
        f"The real entity most like one of the twin's, by all its rows together, is a training entity"
        f" {abs(found.value):.1%} {direction} often than chance explains, where {limit:.0%} is allowed"
    )
    return case.scale(limit).found(found, text, (inside, len(kept) - inside), fail=found.high < -limit)


@dataclass(frozen=True, slots=True)
class Cast:
    """The entities of all rows, numbered as they first appear: training, holdout, then synthetic ones.

    Attributes:
        whose: the entity of each row.
        sizes: how many rows each entity has.
        training: how many are training entities; `real` how many are real.
    """

    whose: Codes
    sizes: Codes
    training: int
    real: int

    def mean(self, values: Floats) -> Floats:
        """The mean over each entity's rows."""
        found: Floats = np.bincount(self.whose, values) / self.sizes
        return found


def _cast(case: Case) -> Cast | None:
    """The entities, or None where every real row is one of its own."""
    tables = case.tables
    if tables.units is None:
        return None
    whose = np.concatenate([_numbered(tables.units[: tables.real]), _numbered(tables.units[tables.real :])])
    training, real = int(whose[: tables.training].max()) + 1, int(whose[: tables.real].max()) + 1
    if real == tables.real:
        return None
    whose[tables.real :] += real
    return Cast(whose, np.bincount(whose), training, real)


def _numbered(units: Codes) -> Codes:
    """Numbers from 0 in the order of appearance."""
    _, first, codes = np.unique(units, return_index=True, return_inverse=True)
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    return place[codes]


def _aggregated(rows: Points, cast: Cast) -> Points:
    """Entities as points: how many rows, each dimension's mean and spread, all in standard deviations."""
    found = [np.log(cast.sizes)]
    for dimension in rows.T:
        mean = cast.mean(dimension)
        found += [mean, np.sqrt(np.maximum(cast.mean(dimension**2) - mean**2, 0))]
    scaled = [values / deviation for values in found if (deviation := values[: cast.real].std()) > 0]
    return np.stack(scaled or found, axis=1).astype(np.float32)
