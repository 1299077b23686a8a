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
RATIO = 2  # candidates a training row: they are free, and quiet the estimate
ODDS_CAP = 3.0  # higher odds count as this, so that a third of the candidates is kept
TRIES = 6  # candidates for one row whose first columns are given
PARTS = 2  # classifiers, each of its share of the rows: less of what only one row shows is learned
ROUNDS = 75
LEARNING_RATE = 0.2
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
        self._models: list[Any] = []
        rows = len(next(iter(codes.values())))
        if rows < MIN_ROWS or len(columns) < 2:  # noqa: PLR2004 - one column alone is drawn from its own values
            return
        picked = rng.permutation(rows)[:MAX_ROWS]
        real = _matrix({index: column[picked] for index, column in codes.items()})
        drawn = _matrix(source(RATIO * len(picked)))
        labels = [not columns[i].ordered and columns[i].size < MAX_BINS for i in sorted(codes)]
        for part in range(PARTS):
            self._models.append(_classifier(real[part::PARTS], drawn[part::PARTS], labels))

    def draw(self, rows: int, source: Source, rng: np.random.Generator) -> dict[int, Ints]:
        """`rows` rows from those that `source` draws, kept by their odds."""
        if not self._models:
            return source(rows)
        kept: list[dict[int, Ints]] = []
        missing = rows
        while missing > 0:
            candidates = source(int(missing * ODDS_CAP * 1.1) + 10)
            odds = self._odds(candidates)
            chosen = np.flatnonzero(rng.random(len(odds)) * ODDS_CAP < odds)[:missing]
            kept.append({index: codes[chosen] for index, codes in candidates.items()})
            missing -= len(chosen)
        return {index: np.concatenate([part[index] for part in kept]) for index in kept[0]}

    def choose(self, rows: int, source: Source, rng: np.random.Generator) -> dict[int, Ints]:
        """`rows` rows, each one of TRIES candidates at the same place, by their odds.

        What all candidates at a place share is thereby as it was, which `draw` would not promise.
        """
        best = source(rows)
        if not self._models or rows == 0:
            return best
        total = self._odds(best)
        for _ in range(TRIES - 1):
            other = source(rows)
            odds = self._odds(other)
            total += odds
            better = rng.random(rows) * total < odds
            best = {index: np.where(better, other[index], codes) for index, codes in best.items()}
        return best

    def _odds(self, codes: Codes) -> NDArray[np.float64]:
        matrix = _matrix(codes)
        raw = np.mean([model.decision_function(matrix) for model in self._models], axis=0)
        odds: NDArray[np.float64] = np.minimum(RATIO * np.exp(raw), ODDS_CAP)
        return odds


def _classifier(real: NDArray[np.float32], drawn: NDArray[np.float32], labels: list[bool]) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - see PrunedTree

    model = HistGradientBoostingClassifier(
        learning_rate=LEARNING_RATE,
        max_iter=ROUNDS,
        min_samples_leaf=LEAF_ROWS,
        max_bins=MAX_BINS,
        categorical_features=labels,
        early_stopping=False,
        random_state=0,
    )
    return model.fit(np.vstack([real, drawn]), np.repeat([1, 0], [len(real), len(drawn)]))


def _matrix(codes: Codes) -> NDArray[np.float32]:
    matrix = np.column_stack([codes[index] for index in sorted(codes)]).astype(np.float32)
    matrix[matrix < 0] = np.nan
    return matrix
