"""Pictures beside the checks: how columns hang together, and how near the twin's rows are to real ones."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from synth.domain.figures import Associations, Distances, Roc
from synth.evaluate.points import distances as every_distance
from synth.evaluate.points import encoded
from synth.evaluate.tables import discretised

if TYPE_CHECKING:
    from synth.evaluate.points import Points
    from synth.evaluate.tables import Codes, Floats, Tables

BINS = 10
MOST_COLUMNS = 30
ASKED = 5_000  # real rows, and rows of the twin, whose nearest neighbour is looked for
TWIN_ROWS = 20_000  # among which it is
POINTS = 40  # of a curve
LOWEST = 0.001  # share of false positives
CHUNK = 4_000_000  # distances held at a time


def associations(tables: Tables) -> Associations | None:
    """Cramér's V of every pair of columns, numbers in ten bins and NULL as a label; None for one column.

    Of more than 30 columns, those whose own distribution differs most.
    """
    if len(tables.columns) < 2:  # noqa: PLR2004 - a pair
        return None
    codes = [discretised(column, tables.training, BINS) for column in tables.columns]
    sides = slice(None, tables.training), slice(tables.real, None)
    differences = np.array([_difference(code[sides[0]], code[sides[1]]) for code in codes])
    kept = np.sort(np.argsort(-differences, kind="stable")[:MOST_COLUMNS])
    triangles = [
        tuple(
            tuple(round(cramers_v(codes[row][side], codes[other][side]), 4) for other in kept[:place])
            for place, row in enumerate(kept)
        )
        for side in sides
    ]
    names = tuple(tables.columns[place].name for place in kept)
    return Associations(names, len(codes), *triangles)


def cramers_v(first: Codes, second: Codes) -> float:
    """Cramér's V of two columns of codes without the bias of small samples (Bergsma 2013); 0 to 1."""
    rows = len(first)
    width = int(second.max()) + 1
    counts = np.bincount(first * width + second, minlength=(int(first.max()) + 1) * width).reshape(-1, width)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / rows
    phi = float((((counts - expected) ** 2) / expected).sum()) / rows
    high, wide = counts.shape
    if rows < 2:  # noqa: PLR2004 - one row says nothing
        return 0.0
    phi = max(0.0, phi - (high - 1) * (wide - 1) / (rows - 1))
    degrees = min(size - (size - 1) ** 2 / (rows - 1) for size in (high, wide)) - 1
    return min(sqrt(phi / degrees), 1.0) if degrees > 0 else 0.0


def roc(tables: Tables, rng: np.random.Generator, *, fewest: int) -> Roc | None:
    """The attack that calls those rows training rows that the twin comes nearest to; None with few rows."""
    sample = tables.sample(rng, ASKED, ASKED, TWIN_ROWS)
    if sample.holdout < 2 * fewest or not sample.training or not sample.synthetic:
        return None
    points = encoded(sample)
    near = nearest(points[: sample.real], points[sample.real :])
    thresholds, places = np.unique(near, return_inverse=True)
    member = np.arange(sample.real) < sample.training
    false, true = (
        np.concatenate([[0.0], np.cumsum(np.bincount(places[side], minlength=len(thresholds))) / side.sum()])
        for side in (~member, member)
    )
    grid = np.geomspace(max(LOWEST, fewest / sample.holdout), 1.0, POINTS)
    return Roc(
        false_positives=_rounded(grid, 5),
        true_positives=_rounded(np.interp(grid, *_upper(false, true)), 4),
        auc=round(float(np.trapezoid(true, false)), 4),
        training=sample.training,
        holdout=sample.holdout,
    )


def distances(tables: Tables, rng: np.random.Generator) -> Distances | None:
    """How far rows of the twin are from the nearest of as many training rows and unseen rows; or None."""
    targets = min(tables.training, tables.holdout, ASKED)  # among more rows, the nearest one is nearer
    sample = tables.sample(rng, targets, targets, ASKED)
    if not targets or not sample.synthetic:
        return None
    points = encoded(sample)
    twin = points[sample.real :]
    to_training = nearest(twin, points[: sample.training])
    to_holdout = nearest(twin, points[sample.training : sample.real])
    end = float(np.quantile(np.concatenate([to_training, to_holdout]), 0.98))
    grid = np.linspace(0.0, float(f"{end:.1g}") or 1.0, POINTS)
    shares = [
        np.searchsorted(np.sort(found), grid, side="right") / len(twin) for found in (to_training, to_holdout)
    ]
    return Distances(_rounded(grid, 4), _rounded(shares[0], 4), _rounded(shares[1], 4), len(twin), targets)


def nearest(points: Points, targets: Points) -> Floats:
    """The distance of each point to the nearest target."""
    step = max(CHUNK // len(targets), 1)
    parts = (points[start : start + step] for start in range(0, len(points), step))
    return np.concatenate([every_distance(part, targets).min(axis=1) for part in parts])


def _difference(training: Codes, synthetic: Codes) -> float:
    size = int(max(training.max(), synthetic.max())) + 1
    shares = [np.bincount(codes, minlength=size) / len(codes) for codes in (training, synthetic)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _upper(false: Floats, true: Floats) -> tuple[Floats, Floats]:
    """The curve with one point, the highest, for each share of false positives."""
    last = np.append(np.diff(false) > 0, True)
    return false[last], true[last]


def _rounded(values: Floats, digits: int) -> tuple[float, ...]:
    return tuple(round(float(value), digits) for value in values)
