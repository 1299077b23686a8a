"""Which candidate rows to keep, so that the kept ones are harder to tell from training rows.

Trees drawn one column at a time miss some of what columns do together. A boosted classifier of training rows
against candidates estimates how much likelier a row is among the former; keeping each candidate with a chance
in proportion to these odds moves the candidates towards the training distribution (density ratio estimation,
Sugiyama, Suzuki & Kanamori 2012). Candidates stay independent, and none is kept twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.engine.columns import Column, Ints

    Codes = Mapping[int, Ints]
    Source = Callable[[int], dict[int, Ints]]

MIN_ROWS = 1000  # fewer teach a classifier their accidents
MAX_ROWS = 50_000
RATIO = 3  # candidates a training row: they are free, and quiet the estimate
ODDS_CAP = 3.0  # higher odds count as this, so that a third of the candidates is kept
ROUNDS = 100
LEAF_ROWS = 50
MAX_BINS = 128


class Resampler:
    """Learned odds that a row is a training row rather than a candidate.

    Args:
        columns: all columns.
        codes: their training codes, every unknown one filled in.
        source: draws that many candidate rows.
        rng: picks training rows where there are more than MAX_ROWS.
    """

    def __init__(
        self, columns: Sequence[Column], codes: Codes, source: Source, rng: np.random.Generator
    ) -> None:
        self._model: Any = None
        rows = len(next(iter(codes.values())))
        if rows < MIN_ROWS or len(columns) < 2:  # noqa: PLR2004 - one column alone is drawn from its own values
            return
        from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - see PrunedTree

        picked = rng.permutation(rows)[:MAX_ROWS]
        real = _matrix({index: column[picked] for index, column in codes.items()})
        drawn = _matrix(source(RATIO * len(picked)))
        labels = [not columns[i].ordered and columns[i].size < MAX_BINS for i in sorted(codes)]
        self._model = HistGradientBoostingClassifier(
            max_iter=ROUNDS,
            min_samples_leaf=LEAF_ROWS,
            max_bins=MAX_BINS,
            categorical_features=labels,
            early_stopping=False,
            random_state=0,
        )
        self._model.fit(np.vstack([real, drawn]), np.repeat([1, 0], [len(real), len(drawn)]))

    def draw(self, rows: int, source: Source, rng: np.random.Generator) -> dict[int, Ints]:
        """`rows` rows from those that `source` draws, kept by their odds."""
        if self._model is None:
            return source(rows)
        kept: list[dict[int, Ints]] = []
        missing = rows
        while missing > 0:
            candidates = source(int(missing * ODDS_CAP * 1.1) + 10)
            odds = RATIO * np.exp(self._model.decision_function(_matrix(candidates)))
            chosen = np.flatnonzero(rng.random(len(odds)) * ODDS_CAP < odds)[:missing]
            kept.append({index: codes[chosen] for index, codes in candidates.items()})
            missing -= len(chosen)
        return {index: np.concatenate([part[index] for part in kept]) for index in kept[0]}


def _matrix(codes: Codes) -> NDArray[np.float32]:
    matrix = np.column_stack([codes[index] for index in sorted(codes)]).astype(np.float32)
    matrix[matrix < 0] = np.nan
    return matrix
