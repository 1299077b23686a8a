"""Pictures beside the checks: how columns hang together, and how near the twin's rows are to real ones."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from synth.domain.figures import Associations, Distances, Roc
from synth.evaluate.points import distances as every_distance
from synth.evaluate.points import encode
from synth.evaluate.tables import discretise

if TYPE_CHECKING:
    from synth.evaluate.points import Points
    from synth.evaluate.tables import Codes, Floats, Tables

BINS = 10
MOST_COLUMNS = 30
MAX_QUERIES = 5_000  # real rows, and rows of the twin, whose nearest neighbour is looked for
TWIN_ROWS = 20_000  # among which it is
POINTS = 40  # of a curve
LOWEST = 0.001  # share of false positives
CHUNK = 4_000_000  # distances held at a time


def associations(tables: Tables) -> Associations | None:
    """Return Cramér's V of every pair of columns, numbers in ten bins; None for one column.

    Of more than 30 columns, those whose own distribution differs most.
    """
    if len(tables.columns) < 2:  # noqa: PLR2004 - a pair
        return None
    codes = [discretise(column, tables.training, BINS) for column in tables.columns]
    sides = slice(None, tables.training), slice(tables.real, None)
    differences = np.array([_difference(code[sides[0]], code[sides[1]]) for code in codes])
    positions = np.sort(np.argsort(-differences, kind="stable")[:MOST_COLUMNS])
    triangles = [
        tuple(
            tuple(round(cramers_v(codes[row][side], codes[other][side]), 4) for other in positions[:place])
            for place, row in enumerate(positions)
        )
        for side in sides
    ]
    names = tuple(tables.columns[place].name for place in positions)
    return Associations(names, len(codes), *triangles)


def cramers_v(first: Codes, second: Codes) -> float:
    """Return cramér's V of two columns of codes without the bias of small samples (Bergsma 2013); 0 to 1."""
    rows = len(first)
    width = int(second.max()) + 1
    counts = np.bincount(first * width + second, minlength=(int(first.max()) + 1) * width).reshape(-1, width)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    expectation = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / rows
    phi = float((((counts - expectation) ** 2) / expectation).sum()) / rows
    high, wide = counts.shape
    if rows < 2:  # noqa: PLR2004 - one row says nothing
        return 0.0
    phi = max(0.0, phi - (high - 1) * (wide - 1) / (rows - 1))
    degrees = min(size - (size - 1) ** 2 / (rows - 1) for size in (high, wide)) - 1
    return min(sqrt(phi / degrees), 1.0) if degrees > 0 else 0.0


def roc(tables: Tables, rng: np.random.Generator, *, fewest: int) -> Roc | None:
    """Return the attack that takes rows for training rows if the twin comes near; None with few rows."""
    sample = tables.sample(rng, MAX_QUERIES, MAX_QUERIES, TWIN_ROWS)
    if sample.holdout < 2 * fewest or not sample.training or not sample.synthetic:
        return None
    points = encode(sample)
    near = nearest(points[: sample.real], points[sample.real :])
    thresholds, places = np.unique(near, return_inverse=True)
    member = np.arange(sample.real) < sample.training
    false, true = (
        np.concatenate([[0.0], np.cumsum(np.bincount(places[side], minlength=len(thresholds))) / side.sum()])
        for side in (~member, member)
    )
    grid = np.geomspace(max(LOWEST, fewest / sample.holdout), 1.0, POINTS)
    return Roc(
        false_positives=_round(grid, 5),
        true_positives=_round(np.interp(grid, *_upper(false, true)), 4),
        auc=round(float(np.trapezoid(true, false)), 4),
        training=sample.training,
        holdout=sample.holdout,
    )


def distances(tables: Tables, rng: np.random.Generator) -> Distances | None:
    """Return the distances of the twin's rows to training rows and to as many unseen rows; or None."""
    targets = min(tables.training, tables.holdout, MAX_QUERIES)  # among more rows, the nearest one is nearer
    sample = tables.sample(rng, targets, targets, MAX_QUERIES)
    if not targets or not sample.synthetic:
        return None
    points = encode(sample)
    twin = points[sample.real :]
    to_training = nearest(twin, points[: sample.training])
    to_holdout = nearest(twin, points[sample.training : sample.real])
    end = float(np.quantile(np.concatenate([to_training, to_holdout]), 0.98))
    grid = np.linspace(0.0, float(f"{end:.1g}") or 1.0, POINTS)
    shares = [
        np.searchsorted(np.sort(neighbour_distances), grid, side="right") / len(twin)
        for neighbour_distances in (to_training, to_holdout)
    ]
    return Distances(_round(grid, 4), _round(shares[0], 4), _round(shares[1], 4), len(twin), targets)


def nearest(points: Points, targets: Points) -> Floats:
    """Return the distance of each point to the nearest target."""
    step = max(CHUNK // len(targets), 1)
    parts = (points[start : start + step] for start in range(0, len(points), step))
    return np.concatenate([every_distance(part, targets).min(axis=1) for part in parts])


def _difference(training: Codes, synthetic: Codes) -> float:
    size = int(max(training.max(), synthetic.max())) + 1
    shares = [np.bincount(codes, minlength=size) / len(codes) for codes in (training, synthetic)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _upper(false: Floats, true: Floats) -> tuple[Floats, Floats]:
    """Return the curve with one point, the highest, for each share of false positives."""
    last = np.append(np.diff(false) > 0, True)
    return false[last], true[last]


def _round(values: Floats, digits: int) -> tuple[float, ...]:
    return tuple(round(float(value), digits) for value in values)
