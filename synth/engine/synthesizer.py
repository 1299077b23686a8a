"""The engine's public face: learn a frame, then draw any number of rows like it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

from synth.engine.columns import open_column
from synth.engine.table import Table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

RARE = 10
FIT_ROWS = 200_000
FIT_CELLS = 4_000_000  # of a wide table, as many rows are learned as make up this many cells,
FEWEST_ROWS = 20_000  # but not fewer than this
SHARD_ROWS = 50_000
FIT_STREAM = 2**32 - 1  # no shard has this number


class Synthesizer:
    """Learns a table and draws independent rows that resemble it: same columns, same order, same dtypes.

    Values that fewer than `rare` rows hold are not repeated on purpose: rare labels are redrawn from commoner
    ones; numbers and dates are smoothed, and cut at the `rare`-th smallest and largest. A column in which
    nothing is held that often keeps its NULLs, if it has any, else its commonest label or its median. Of more
    than FIT_ROWS rows (fewer, where there are more than 20 columns) a seeded sample is learned. The same
    frame, arguments and library versions give the same rows, whatever the number of threads.

    Args:
        seed: of everything random, at least 0.
        categories: columns whose values are labels, whatever their dtype.
        rare: how many rows must hold a value for it to be emitted as it is, at least 1.
    """

    def __init__(self, seed: int = 0, *, categories: Collection[str] = (), rare: int = RARE) -> None:
        self._seed = seed
        self._categories = frozenset(categories)
        self._rare = rare
        self._empty = pd.DataFrame()
        self._rows = 0
        self._table: Table | None = None

    def fit(self, frame: pd.DataFrame) -> Self:
        """Learn `frame`, which is left as it is."""
        rng = self._stream(FIT_STREAM)
        self._empty = frame.iloc[:0].reset_index(drop=True)
        self._rows = len(frame)
        limit = min(FIT_ROWS, max(FEWEST_ROWS, FIT_CELLS // max(frame.shape[1], 1)))
        if len(frame) > limit:
            frame = frame.iloc[np.sort(rng.choice(len(frame), limit, replace=False))]
        columns = [
            open_column(frame.iloc[:, i], label=name in self._categories, rare=self._rare)
            for i, name in enumerate(frame.columns)
        ]
        self._table = Table(columns, rare=self._rare, rng=rng) if columns and len(frame) else None
        return self

    def sample(self, rows: int) -> pd.DataFrame:
        """`rows` rows; none if the frame that was learned had none."""
        shards = list(self.shards(rows))
        return pd.concat(shards, ignore_index=True) if shards else self._empty.copy()

    def shards(self, rows: int) -> Iterator[pd.DataFrame]:
        """The rows of `sample(rows)` in frames of at most SHARD_ROWS, each drawn when it is asked for."""
        for shard, start in enumerate(range(0, rows if self._rows else 0, SHARD_ROWS)):
            size = min(SHARD_ROWS, rows - start)
            if self._table is None:
                yield pd.DataFrame(index=pd.RangeIndex(size))
                continue
            frame = self._table.draw(size, self._stream(shard))
            frame.columns = self._empty.columns
            yield frame

    def _stream(self, number: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence([self._seed, number]))
