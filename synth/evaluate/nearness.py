"""How near each engine's rows come to real rows, in as many draws as there are rows for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from synth.evaluate.points import distances, encode, isolation

if TYPE_CHECKING:
    from synth.evaluate.case import EvaluationCase
    from synth.evaluate.points import Points
    from synth.evaluate.tables import Codes, Floats, Mask, Tables

MAX_ROWS = 100_000  # real rows, and rows of each engine, that are looked at
MAX_REAL = 6_000  # of them, real rows drawn by chance that are compared: an advantage's error is below .7 %
ISOLATED_SHARE = 0.05  # share of the real rows that are farthest from others,
MAX_ISOLATED = 2_000  # of which so many are compared as well
MAX_DRAWS = 8
FEWEST_ROWS = 50  # of a draw
CHUNK = 4_000_000  # distances held at a time
BLUR = 0.02  # distance that makes no difference
CROWD = 4  # rows of an engine, by which it is seen how many it has around a real one
MOST_CONTRASTED = 1_000  # units


@dataclass(frozen=True, slots=True)
class Nearness:
    """Real rows, and how far from each the nearest row of every engine is.

    Attributes:
        tables: the real rows that are compared, and all rows of the engines.
        units: whom each real row is about, as numbers from 0; `first` whom of these the first engine learned.
        whose: of each unit, the number of its entity that all splits share.
        is_isolated: which real rows are among those least like any other.
        random: which were drawn by chance.
        apart: by engine, draw and real row.
        far: how far each real row is from other real ones.
    """

    tables: Tables
    units: Codes
    first: Mask
    is_isolated: Mask
    random: Mask
    apart: Floats
    far: Floats
    whose: Codes

    @property
    def is_paired(self) -> bool:
        """Whether there are two engines, each with its half."""
        return len(self.apart) > 1

    def leanings(self, rows: Mask) -> tuple[Floats, Mask]:
        """Return for each unit and draw, how much nearer the first engine comes to its rows than the second.

        Returns:
            The sums over its rows of the logarithm of the distances' ratio, and which units have such rows.
        """
        lean = np.log((self.apart[1] + BLUR) / (self.apart[0] + BLUR))
        return self.of_units(lean, rows)

    def of_units(self, values: Floats, rows: Mask) -> tuple[Floats, Mask]:
        """Return the sums of each draw's values over the units' rows, and which units have any."""
        count = len(self.first)
        sums: Floats = np.stack(
            [np.bincount(self.units[rows], draw[rows], minlength=count).astype(np.float64) for draw in values]
        )
        return sums, np.bincount(self.units[rows], minlength=count) > 0

    def closest(self) -> Floats:
        """Return by engine and unit, how near any row of the engine comes to any row of the unit."""
        return self._greatest(-self.apart.min(axis=1)) * -1

    def surprises(self) -> Floats:
        """Return by engine and unit, how much nearer a row of the engine comes than other real rows are."""
        return self._greatest(np.log((self.far + BLUR) / (self.apart.min(axis=1) + BLUR)))

    def contrasts(self) -> tuple[Floats, Mask]:
        """Return for each unit how much nearer one engine comes to it, and whether that is the first engine.

        The half that has more people of a rare kind makes an engine that draws more rows of that kind, all of
        which lie nearer to these people. That is no memory of anybody, and an engine's CROWD nearest rows
        show it as well as its nearest one. So only what the crowd does not explain counts; it is 0 for all
        but the MOST_CONTRASTED units.
        """
        closest = self.closest()
        lean = np.log((closest[1] + BLUR) / (closest[0] + BLUR))
        units = np.argsort(-np.abs(lean), kind="stable")[:MOST_CONTRASTED]
        rows = np.flatnonzero(np.isin(self.units, units[lean[units] != 0]))
        strength = np.zeros(len(lean))
        if not len(rows):
            return strength, lean > 0
        points = encode(self.tables)
        crowd_distances = np.full((len(self.apart), len(self.first)), np.inf)
        for engine, places in enumerate(self.tables.engines):
            np.minimum.at(
                crowd_distances[engine], self.units[rows], nearest(points[rows], points[places], rank=CROWD)
            )
        looked_at = np.unique(self.units[rows])
        density_effect = np.zeros(len(lean))
        density_effect[looked_at] = np.log(
            (crowd_distances[1] + BLUR)[looked_at] / (crowd_distances[0] + BLUR)[looked_at]
        )
        density_effect *= np.sign(lean)
        strength[looked_at] = np.maximum(np.abs(lean) - np.maximum(density_effect, 0), 0)[looked_at]
        return strength, lean > 0

    def _greatest(self, values: Floats) -> Floats:
        greatest = np.full((len(self.apart), len(self.first)), -np.inf)
        for engine, row in enumerate(values):
            np.maximum.at(greatest[engine], self.units, row)
        return greatest


def measure(case: EvaluationCase) -> Nearness:
    """Compare real rows with all rows of each engine, up to some 100,000."""
    rng, tables = case.rng(2), case.tables
    real = _some(np.arange(tables.real), MAX_ROWS, rng)
    engines = [_some(places, MAX_ROWS, rng) for places in tables.engines]
    part = tables.take(np.sort(np.concatenate([real, *engines])))
    points = encode(part)
    far = isolation(points[: len(real)], rng)
    count = min(int(ISOLATED_SHARE * len(real)), MAX_ISOLATED)
    is_isolated = np.zeros(len(real), dtype=np.bool_)
    is_isolated[np.argsort(-far, kind="stable")[:count]] = True
    is_isolated &= far > 0
    random = np.zeros(len(real), dtype=np.bool_)
    random[_some(np.arange(len(real)), MAX_REAL, rng)] = True
    is_kept = is_isolated | random
    rows = np.flatnonzero(is_kept)
    units, codes = np.unique(case.units[real[rows]], return_inverse=True)
    draws = _draws(part, len(real))
    apart = np.stack(
        [
            np.stack(
                [nearest(points[rows], points[draw]) for draw in np.array_split(rng.permutation(p), draws)]
            )
            for p in part.engines
        ]
    )
    sample = part.take(np.concatenate([rows, np.arange(len(real), len(points))]))
    whose = np.arange(len(case.first))
    if case.whose is not None:
        whose[case.units] = case.whose
    return Nearness(
        sample,
        codes.ravel(),
        case.first[units],
        is_isolated[rows],
        random[rows],
        apart,
        far[rows],
        whose[units],
    )


def nearest(queries: Points, targets: Points, *, rank: int = 1) -> Floats:
    """Return how far each query's nearest target is, or the one of that rank."""
    step = max(CHUNK // len(targets), 1)
    place = min(rank, len(targets)) - 1
    parts = (distances(queries[start : start + step], targets) for start in range(0, len(queries), step))
    distances_by_part = [
        np.partition(one, place, axis=1)[:, place] if place else one.min(axis=1) for one in parts
    ]
    return np.concatenate(distances_by_part)


def _draws(part: Tables, real: int) -> int:
    """Return in how many twins of the real table's size the engines' rows can be parted."""
    rows = min(len(engine) for engine in part.engines)
    return int(np.clip(rows // max(real // len(part.engines), FEWEST_ROWS), 1, MAX_DRAWS))


def _some(places: Codes, most: int, rng: np.random.Generator) -> Codes:
    return places if len(places) <= most else np.sort(rng.choice(places, most, replace=False))
