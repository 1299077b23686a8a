"""Rows as points, and how near synthetic and real points lie to each other."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from synth.evaluate.tables import Column, Floats, Tables

Points: TypeAlias = npt.NDArray[np.float32]

MAX_LABELS = 50  # of a column; further ones are one
MAX_WIDTH = 1_000  # dimensions that all labels share between them
CHUNK = 4_000_000  # distances held at a time
NOTHING = 2e-3  # distances below are rounding errors of single precision
NEIGHBOURS = 7
MAX_PAIRS = 600_000_000  # of rows and references, as long as there are MIN_REFERENCE of these
MAX_REFERENCE, MIN_REFERENCE = 4_000, 2_000  # real rows among which a row's neighbours are looked for


def encoded(tables: Tables) -> Points:
    """Rows as points: mid-ranks among the real values, labels one-hot at distance 1, a flag for NULL."""
    labels = sum(column.numbers is None for column in tables.columns)
    most = min(MAX_LABELS, max(MAX_WIDTH // max(labels, 1), 2))
    blocks = []
    for column in tables.columns:
        if column.numbers is not None:
            ranks = mid_ranks(column, tables.real)
            blocks.append(np.where(column.null, 0, ranks - 0.5)[:, None].astype(np.float32))
        else:
            blocks.append(_one_hot(column, tables.real, most))
        if column.null.any():
            blocks.append(column.null[:, None].astype(np.float32))
    return np.concatenate(blocks, axis=1)


def features(tables: Tables) -> Points:
    """A number a column, for learners that split: mid-ranks, labels by how frequent they are, NULL as -1."""
    found = np.full((tables.real + tables.synthetic, len(tables.columns)), -1, dtype=np.float32)
    for place, column in enumerate(tables.columns):
        if column.numbers is not None:
            found[:, place] = np.where(column.null, -1, mid_ranks(column, tables.real))
            continue
        labels, codes = np.unique(column.keys, return_inverse=True)
        counts = np.bincount(codes[: tables.real], minlength=len(labels))
        ranks = np.empty(len(labels))
        ranks[np.argsort(-counts, kind="stable")] = np.arange(len(labels))
        found[:, place] = np.where(column.null, -1, np.minimum(ranks, MAX_LABELS)[codes])
    return found


def mid_ranks(column: Column, real: int) -> Floats:
    """Where each number lies among the real ones, from 0 to 1; it knows no training from holdout rows."""
    numbers = column.numbers if column.numbers is not None else np.zeros(0)
    known = np.sort(numbers[:real][~column.null[:real]])
    sides = np.searchsorted(known, numbers, side="left") + np.searchsorted(known, numbers, side="right")
    ranks: Floats = sides / max(2 * len(known), 1)
    return ranks


def distances(queries: Points, targets: Points) -> Floats:
    """The distance of every query to every target; for some thousands of each."""
    halves = _lifted(queries) @ _lifted(targets, swapped=True).T
    return _floored(np.sqrt(np.maximum(-2 * halves, 0)))


def isolation(real: Points, rng: np.random.Generator) -> Floats:
    """How far each real point is from its 7th nearest of at most MAX_REFERENCE random real points."""
    most = min(max(MAX_PAIRS // len(real), MIN_REFERENCE), MAX_REFERENCE, len(real))
    picked = np.sort(rng.choice(len(real), most, replace=False))
    right = _lifted(real[picked], swapped=True)
    among = np.zeros(len(real), dtype=np.int64)
    among[picked] = 1  # these are their own nearest
    place = np.minimum(NEIGHBOURS - 1 + among, len(picked) - 1)
    found = np.empty(len(real))
    step = max(CHUNK // len(picked), 1)
    left = _lifted(real)
    for start in range(0, len(real), step):
        halves = -(left[start : start + step] @ right.T)
        spots = place[start : start + step]
        lowest = np.partition(halves, sorted({int(spots.min()), int(spots.max())}), axis=1)
        found[start : start + step] = lowest[np.arange(len(spots)), spots]
    return _floored(np.sqrt(np.maximum(2 * found, 0)))


def _lifted(points: Points, *, swapped: bool = False) -> Points:
    """Points in two more dimensions, so that lifted @ swapped is minus half the squared distance."""
    ones = np.ones((len(points), 1), dtype=np.float32)
    halves = -(points.astype(np.float64) ** 2).sum(axis=1, keepdims=True).astype(np.float32) / 2
    return np.concatenate([points, halves, ones] if swapped else [points, ones, halves], axis=1)


def _floored(distance: Floats) -> Floats:
    return np.where(distance < NOTHING, 0, distance)


def _one_hot(column: Column, real: int, most: int) -> Points:
    found, counts = np.unique(column.keys[:real][~column.null[:real]], return_counts=True)
    known = found[np.argsort(-counts, kind="stable")[:most]]
    hot = (column.keys[:, None] == known[None, :]) & ~column.null[:, None]
    rest = ~hot.any(axis=1, keepdims=True) & ~column.null[:, None]
    return np.concatenate([hot, rest], axis=1).astype(np.float32) / np.float32(sqrt(2))
