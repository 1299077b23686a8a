"""Whether the synthetic rows repeat whole real rows that an engine learned from. Every row is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from synth.evaluate.tables import occurs_once
from synth.evaluate.verdicts import judge_tally

if TYPE_CHECKING:
    from synth.evaluate.case import EvaluationCase
    from synth.evaluate.tables import Keys, Mask
    from synth.evaluate.verdicts import Finding


def exact_rows(case: EvaluationCase, limit: float) -> Finding:
    """Return whether rows that one real entity alone has come back from the engine that learned from it.

    A row that several entities share points at nobody.
    """
    alone = held_by_one(case, case.rows)
    matches = meetings(case, case.rows)
    tally = case.tally(*(alone & one for one in matches))
    text = f"Exact rows: of {tally.own + tally.other} entities whose own row only one engine repeated"
    sizes = int(case.first.sum()), int((~case.first).sum())
    return judge_tally(case, limit, tally, text, tally.probability, sizes)


def meetings(case: EvaluationCase, keys: Keys) -> tuple[Mask, ...]:
    """Return for each engine, which real rows have a key that its rows have as well."""
    real = keys[: case.tables.real]
    return tuple(np.isin(real, keys[engine]) for engine in case.tables.engines)


def held_by_one(case: EvaluationCase, keys: Keys) -> Mask:
    """Return which real rows have a key that no other entity has."""
    real = keys[: case.tables.real]
    if case.tables.units is None:
        return occurs_once(real)
    alone: Mask = holders(case, keys) == 1
    return alone


def holders(case: EvaluationCase, keys: Keys) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return how many entities have the key of each real row."""
    real = keys[: case.tables.real]
    _, codes = np.unique(real, return_inverse=True)
    pairs = np.unique(codes.astype(np.int64) * len(case.first) + case.units)
    count = np.bincount(pairs // len(case.first))
    holder_counts: np.ndarray[tuple[int], np.dtype[np.int64]] = count[codes]
    return holder_counts
