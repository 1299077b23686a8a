"""Rows as points, and how near synthetic and real points lie to each other."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from synth.evaluate.tables import Floats, TableColumn, Tables

Points: TypeAlias = npt.NDArray[np.float32]

BLUR = 0.1  # of the distance between quartiles; a copy that was moved by less stays near its original
MAX_LABELS = 50  # of a column; further ones are one
MAX_WIDTH = 1_000  # dimensions that all labels share between them
CHUNK = 4_000_000  # distances held at a time
NOTHING = 2e-3  # distances below are rounding errors of single precision
NEIGHBOURS = 7
MAX_PAIRS = 600_000_000  # of rows and references, as long as there are MIN_REFERENCE of these
MAX_REFERENCE, MIN_REFERENCE = 4_000, 2_000  # real rows among which a row's neighbours are looked for


def encode(tables: Tables) -> Points:
    """Return rows as points: blurred ranks, labels one-hot at distance 1, a flag for NULL."""
    labels = sum(column.numbers is None for column in tables.columns)
    most = min(MAX_LABELS, max(MAX_WIDTH // max(labels, 1), 2))
    blocks = []
    for column in tables.columns:
        if column.numbers is not None:
            ranks = blurred_ranks(column, tables.real)
            blocks.append(np.where(column.null, 0, ranks - 0.5)[:, None].astype(np.float32))
        else:
            blocks.append(_one_hot(column, tables.real, most))
        if column.null.any():
            blocks.append(column.null[:, None].astype(np.float32))
    return np.concatenate(blocks, axis=1)


def features(tables: Tables) -> Points:
    """Return a number per column, for learners that split: mid-ranks, label frequencies, NULL as -1."""
    matrix = np.full((tables.real + tables.synthetic, len(tables.columns)), -1, dtype=np.float32)
    for place, column in enumerate(tables.columns):
        if column.numbers is not None:
            matrix[:, place] = np.where(column.null, -1, mid_ranks(column, tables.real))
            continue
        labels, codes = np.unique(column.keys, return_inverse=True)
        counts = np.bincount(codes[: tables.real], minlength=len(labels))
        ranks = np.empty(len(labels))
        ranks[np.argsort(-counts, kind="stable")] = np.arange(len(labels))
        matrix[:, place] = np.where(column.null, -1, np.minimum(ranks, MAX_LABELS)[codes])
    return matrix


def mid_ranks(column: TableColumn, real: int) -> Floats:
    """Return the rank of each number among the real ones, from 0 to 1, training and holdout alike."""
    numbers = column.numbers if column.numbers is not None else np.zeros(0)
    reference = np.sort(numbers[:real][~column.null[:real]])
    sides = np.searchsorted(reference, numbers, side="left") + np.searchsorted(
        reference, numbers, side="right"
    )
    ranks: Floats = sides / max(2 * len(reference), 1)
    return ranks


def blurred_ranks(column: TableColumn, real: int) -> Floats:
    """Return the mean rank of the numbers near each number, from 0 to 1.

    Beside a value that half of the rows hold, the plain rank jumps by a half, so that a copy with a little
    noise would lie far from its original. Near is BLUR of the distance between the quartiles of the numbers
    other than the commonest one. With F the real distribution, the mean of F over (x - b, x + b) is
    (G(x + b) - G(x - b)) / 2b, where G is the integral of F.
    """
    numbers = column.numbers if column.numbers is not None else np.zeros(0)
    reference = np.sort(numbers[:real][~column.null[:real]])
    blur = BLUR * _spread(reference)
    if not np.isfinite(blur) or blur <= 0:
        return mid_ranks(column, real)
    middle = reference[len(reference) // 2]
    sums = np.concatenate([[0.0], np.cumsum(reference - middle)])

    def integral(ends: Floats) -> Floats:
        below = np.searchsorted(reference - middle, ends, side="right")
        result: Floats = (below * ends - sums[below]) / len(reference)
        return result

    places = np.where(column.null, 0.0, numbers - middle)
    return np.clip((integral(places + blur) - integral(places - blur)) / (2 * blur), 0.0, 1.0)


def _spread(reference: Floats) -> float:
    """Return the distance between quartiles of sorted numbers but the commonest; NaN if there is none."""
    values, counts = np.unique(reference, return_counts=True)
    if len(values) < 3 or not np.isfinite(values[[0, -1]]).all():  # noqa: PLR2004 - two have no others between
        return float("nan")
    low, high = np.quantile(reference[reference != values[counts.argmax()]], [0.25, 0.75])
    return float(high - low)


def distances(queries: Points, targets: Points) -> Floats:
    """Return the distance of every query to every target; for some thousands of each."""
    halves = _lift(queries) @ _lift(targets, swap=True).T
    return _round_down(np.sqrt(np.maximum(-2 * halves, 0)))


def isolation(real: Points, rng: np.random.Generator) -> Floats:
    """Return how far each real point is from its 7th nearest of at most MAX_REFERENCE random real points."""
    most = min(max(MAX_PAIRS // len(real), MIN_REFERENCE), MAX_REFERENCE, len(real))
    sample_rows = np.sort(rng.choice(len(real), most, replace=False))
    right = _lift(real[sample_rows], swap=True)
    among = np.zeros(len(real), dtype=np.int64)
    among[sample_rows] = 1  # these are their own nearest
    place = np.minimum(NEIGHBOURS - 1 + among, len(sample_rows) - 1)
    distances = np.empty(len(real))
    step = max(CHUNK // len(sample_rows), 1)
    lifted_points = _lift(real)
    for start in range(0, len(real), step):
        halves = -(lifted_points[start : start + step] @ right.T)
        spots = place[start : start + step]
        lowest = np.partition(halves, sorted({int(spots.min()), int(spots.max())}), axis=1)
        distances[start : start + step] = lowest[np.arange(len(spots)), spots]
    return _round_down(np.sqrt(np.maximum(2 * distances, 0)))


def _lift(points: Points, *, swap: bool = False) -> Points:
    """Return points in two more dimensions, so that lifted @ swapped is minus half the squared distance."""
    ones = np.ones((len(points), 1), dtype=np.float32)
    halves = -(points.astype(np.float64) ** 2).sum(axis=1, keepdims=True).astype(np.float32) / 2
    return np.concatenate([points, halves, ones] if swap else [points, ones, halves], axis=1)


def _round_down(distance: Floats) -> Floats:
    return np.where(distance < NOTHING, 0, distance)


def _one_hot(column: TableColumn, real: int, most: int) -> Points:
    labels, counts = np.unique(column.keys[:real][~column.null[:real]], return_counts=True)
    common_labels = labels[np.argsort(-counts, kind="stable")[:most]]
    hot = (column.keys[:, None] == common_labels[None, :]) & ~column.null[:, None]
    rest = ~hot.any(axis=1, keepdims=True) & ~column.null[:, None]
    return np.concatenate([hot, rest], axis=1).astype(np.float32) / np.float32(sqrt(2))
