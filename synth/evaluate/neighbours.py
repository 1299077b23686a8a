"""Whether synthetic rows lie nearer to training rows than to rows that the generator never saw."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from synth.domain import Check, Verdict
from synth.evaluate.intervals import normal_quantile
from synth.evaluate.verdicts import judge, remark, unmeasured

if TYPE_CHECKING:
    from synth.evaluate.tables import Column, Tables

Points: TypeAlias = npt.NDArray[np.float32]

SHARE_LIMIT = 0.05
MAX_REAL = 20_000
MAX_DISTANCES = 2_000_000_000
MAX_LABELS = 50
CHUNK = 8_000_000  # distances held at a time


def nn_share(tables: Tables, seed: int) -> Check:
    """Whether a synthetic row's nearest real row is a training row more often than the split explains.

    All synthetic rows are asked; only beyond 2e9 distances is it a random part of them, which leaves the
    share as it is. Beyond 20,000 real rows it is a random part of these, too.
    """
    rng = np.random.default_rng([seed, 2])
    kept = min(tables.real, MAX_REAL) / max(tables.real, 1)
    real = [round(size * kept) for size in (tables.training, tables.holdout)]
    if min(*real, tables.synthetic) < 1:
        explain = "Cannot be measured without training, holdout and synthetic rows."
        return unmeasured("nn_share", SHARE_LIMIT, Verdict.INCONCLUSIVE, explain)
    sample = tables.sample(rng, real[0], real[1], MAX_DISTANCES // sum(real))
    counts = _hits(_encoded(sample), sample.real, rng)
    excess = float(counts[: sample.training].sum() / sample.synthetic - sample.training / sample.real)
    # Which real rows are training rows is chance; this is the variance over all ways to part them.
    spread = float(((counts - counts.mean()) ** 2).sum()) / sample.synthetic**2
    variance = sample.training * sample.holdout / (sample.real * (sample.real - 1)) * spread
    half = normal_quantile() * sqrt(variance)
    verdict = judge(excess - half, excess + half, SHARE_LIMIT)
    if excess + half < -SHARE_LIMIT:
        verdict = Verdict.FAIL  # holes around training rows give them away as well
    direction = "more" if excess >= 0 else "less"
    explain = (
        f"The real row nearest to a twin's row is a training row {abs(excess):.1%} {direction} often than"
        f" chance explains, where {SHARE_LIMIT:.0%} is allowed{remark(verdict)}"
    )
    return Check("nn_share", excess, excess - half, excess + half, SHARE_LIMIT, verdict, explain)


def _encoded(tables: Tables) -> Points:
    """Rows as points: mid-ranks among the real values, labels one-hot at distance 1, a flag for NULL."""
    blocks = []
    for column in tables.columns:
        blocks.append(
            _ranks(column, tables.real) if column.numbers is not None else _one_hot(column, tables.real)
        )
        if column.null.any():
            blocks.append(column.null[:, None].astype(np.float32))
    return np.concatenate(blocks, axis=1)


def _ranks(column: Column, real: int) -> Points:
    numbers = column.numbers if column.numbers is not None else np.zeros(0)
    known = np.sort(numbers[:real][~column.null[:real]])
    sides = np.searchsorted(known, numbers, side="left") + np.searchsorted(known, numbers, side="right")
    ranks = np.where(column.null, 0.5, sides / max(2 * len(known), 1))
    return ranks[:, None].astype(np.float32)


def _one_hot(column: Column, real: int) -> Points:
    found, counts = np.unique(column.keys[:real][~column.null[:real]], return_counts=True)
    known = found[np.argsort(-counts, kind="stable")[:MAX_LABELS]]
    hot = (column.keys[:, None] == known[None, :]) & ~column.null[:, None]
    rest = ~hot.any(axis=1, keepdims=True) & ~column.null[:, None]
    return np.concatenate([hot, rest], axis=1).astype(np.float32) / np.float32(sqrt(2))


def _hits(points: Points, real: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """How many synthetic rows each real row is the nearest to; equal real rows share theirs evenly.

    Were one of several equal rows to get them all, a table of few values would hang on a handful of labels.
    """
    targets, group, sizes = np.unique(points[:real], axis=0, return_inverse=True, return_counts=True)
    # The order of the points is shuffled, because the first of several equally near ones wins.
    order = rng.permutation(len(targets))
    targets = targets[order]
    lengths = (targets**2).sum(axis=1) / 2
    step = max(CHUNK // len(targets), 1)
    queries = points[real:]
    found = [
        (queries[start : start + step] @ targets.T - lengths).argmax(axis=1)
        for start in range(0, len(queries), step)
    ]
    hits = np.bincount(order[np.concatenate(found)], minlength=len(targets))
    shares: npt.NDArray[np.float64] = (hits / sizes)[group.ravel()]
    return shares
