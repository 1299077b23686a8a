"""The engine's public face: learn a frame, then draw any number of rows like it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
import pandas as pd

from synth.engine import ticks
from synth.engine.conditioning import Choice, FixedColumn, GivenColumns, positions
from synth.engine.crowd import Crowd
from synth.engine.identities import find_identities
from synth.engine.labels import LabelColumn
from synth.engine.numbers import NumberColumn
from synth.engine.table import CHAINS, Table
from synth.engine.threads import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.engine.columns import ColumnCodes
    from synth.engine.conditioning import TargetShares
    from synth.engine.crowd import Beside
    from synth.engine.formulas import Identity

    Progress: TypeAlias = Callable[[str, int, int], None]

FIT_ROWS = 200_000
FIT_CELLS = 4_000_000  # of a wide table, as many rows are learned as make up this many cells,
FEWEST_ROWS = 20_000  # but not fewer than this
SHARD_ROWS = 50_000
FIT_STREAM, PICK_STREAM = 2**32 - 1, 2**32 - 2  # no shard has these numbers


class Synthesizer:
    """Learns a table and draws independent rows that resemble it: same columns, same order, same dtypes.

    Values that fewer than `rare` entities hold are not repeated on purpose: rare labels are redrawn from
    commoner ones; numbers and dates are smoothed, and cut at the `rare`-th smallest and largest entity's.
    Each row is an entity, unless `fit` is told otherwise. A column in which nothing is held that often keeps
    its NULLs, if it has any, else its commonest label or its median. What is arithmetic over other columns in
    every row, or a part of a date, is so in every row drawn. Of more than FIT_ROWS rows (fewer, where there
    are more than 20 columns) a seeded sample is learned. The same frame, arguments and library versions give
    the same rows, whatever the number of threads.

    Args:
        seed: of everything random, at least 0.
        categories: columns whose values are labels, whatever their dtype.
        rare: how many entities must hold a value for it to be emitted as it is, at least 1.
        public: columns of public reference data, whose values are emitted as they are, however rare.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        categories: Collection[str] = (),
        rare: int = 10,
        public: Collection[str] = (),
    ) -> None:
        self._seed = seed
        self._categories = frozenset(categories)
        self._rare = rare
        self._public = frozenset(public)
        self._empty = pd.DataFrame()
        self._rows = 0  # that were there, learned or not
        self._columns: tuple[ColumnCodes, ...] = ()
        self._first: tuple[int, ...] = ()  # the places of columns that may be given
        self._identities: tuple[Identity, ...] = ()
        self._table: Table | None = None

    def fit(
        self,
        frame: pd.DataFrame,
        *,
        given: Sequence[Hashable] = (),
        always: bool = False,
        entities: NDArray[Any] | None = None,
        beside: Beside | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Learn `frame`, which is left as it is.

        Args:
            frame: the training rows.
            given: columns that `sample` may be told the values of;
            always: it always is, so that nobody learns to draw them.
            entities: whom each row is about; None where each row is one.
            beside: rows of the same table that are not learned, but whose entities hold values, too.
            progress: called after each column with its name, how many are learned, and how many there are,
                which is CHAINS times the columns; what it raises ends the fit.

        Raises:
            ValueError: a column of `given` is not in the frame, or there twice.
        """
        self._first = tuple(positions(dict.fromkeys(given), frame.columns))
        self._empty, self._rows, self._table = frame.iloc[:0].reset_index(drop=True), len(frame), None
        limit = min(FIT_ROWS, max(FEWEST_ROWS, FIT_CELLS // max(frame.shape[1], 1)))
        if len(frame) > limit:
            sample_rows = np.sort(self._stream(PICK_STREAM).choice(len(frame), limit, replace=False))
            frame = frame.iloc[sample_rows]
            entities = None if entities is None else np.asarray(entities)[sample_rows]
        crowd = Crowd.of(self._rare, len(frame), entities, beside)
        self._columns = tuple(
            open_column(
                frame.iloc[:, i],
                replace(crowd, rare=1) if name in self._public else crowd,
                None if beside is None else beside.rows.iloc[:, i],
                label=name in self._categories,
            )
            for i, name in enumerate(frame.columns)
        )
        if self._columns and len(frame):
            self._table = self._learn(frame, crowd, progress, always=always)
        return self

    def _learn(self, frame: pd.DataFrame, crowd: Crowd, progress: Progress | None, *, always: bool) -> Table:
        public = [i for i, name in enumerate(frame.columns) if name in self._public]
        steps = CHAINS * (len(self._columns) - always * len(self._first))
        counter = count(1)

        def report(index: int) -> None:
            if progress:
                progress(str(frame.columns[index]), next(counter), steps)

        fixed_columns = {*self._first, *public}
        self._identities = find_identities(frame, self._columns, fixed_columns=fixed_columns)
        return Table(
            self._columns,
            crowd=crowd,
            rng=self._stream(FIT_STREAM),
            given=GivenColumns(self._first, always),
            fixed_columns=public,
            identities=self._identities,
            on_learned=report,
        )

    def sample(
        self,
        rows: int,
        *,
        given: pd.DataFrame | None = None,
        balance: Mapping[Hashable, TargetShares] | None = None,
        draw: int = 0,
    ) -> pd.DataFrame:
        """Return `rows` rows; none if the frame that was learned had none.

        Values can be given beforehand for columns that `fit` was told of: the first of its `given`, or all.
        The others are drawn to go with them. A given value that was not learned, or is too rare for that,
        comes back too; its row is drawn as if it held a value that was.

        Args:
            rows: how many.
            given: `rows` rows of these columns, which come back row by row, values and dtypes.
            balance: for each of these columns how often a value is wanted: "uniform", or shares. Where the
                shares add up to less than 1, the other values divide the rest as they do in training.
            draw: a number; other numbers give other rows.

        Raises:
            ValueError: the columns are others, their number of rows is, the shares make no distribution, or
                what they ask for is too rare in training.
        """
        shards = list(self.shards(rows, given=given, balance=balance, draw=draw))
        return pd.concat(shards, ignore_index=True) if shards else self._empty.copy()

    def shards(
        self,
        rows: int,
        *,
        given: pd.DataFrame | None = None,
        balance: Mapping[Hashable, TargetShares] | None = None,
        draw: int = 0,
    ) -> Iterator[pd.DataFrame]:
        """Return the rows of `sample` in frames of at most SHARD_ROWS, drawn side by side when asked for."""
        choice = self._choice(rows, given, balance)
        starts = range(0, rows if self._rows else 0, SHARD_ROWS)
        return side_by_side(lambda start: self._shard(start, rows, choice, draw), starts)

    def _choice(
        self, rows: int, frame: pd.DataFrame | None, balance: Mapping[Hashable, TargetShares] | None
    ) -> Choice:
        names, first = self._empty.columns, self._first
        if frame is None:
            shares = balance or {}
            return Choice(dict(zip(positions(shares, names), shares, strict=True)), None, shares)
        if balance:
            raise ValueError("columns can be given or balanced, not both at once")
        if len(frame) != rows:
            raise ValueError(f"{len(frame)} rows are given, {rows} are to be drawn")
        here = first[: len(frame.columns)]
        if sorted(positions(frame.columns, names)) != sorted(here):
            raise ValueError("given columns must be the first, or all, of those that fit was given")
        return Choice({index: names[index] for index in here}, frame, {})

    def _shard(self, start: int, rows: int, choice: Choice, draw: int) -> pd.DataFrame:
        size = min(SHARD_ROWS, rows - start)
        if self._table is None:
            return pd.DataFrame(index=pd.RangeIndex(size), columns=self._empty.columns)
        rng = self._stream(start // SHARD_ROWS, *([draw] if draw else []))
        fixed_columns = choice.fixed_columns(self._columns, slice(start, start + size), rng)
        frame = pd.concat([*self._table.draw(size, rng, fixed_columns).values()], axis=1)
        frame.columns = self._empty.columns
        return frame

    def read_given(self, columns: Mapping[str, Any]) -> dict[str, FixedColumn]:
        """Return values of columns that `fit` was told of, read once, for as many draws as one likes.

        Raises:
            ValueError: they are of another type than was learned.
        """
        return {
            name: FixedColumn.of_values(self._columns[self._places[name]], name, pd.Series(values))
            for name, values in columns.items()
        }

    def sample_beside(self, rows: int, context: Mapping[str, FixedColumn], *, draw: int = 0) -> pd.DataFrame:
        """Return what `sample` does beside all the columns that `fit` was told of, which were read."""
        fixed_columns = {self._places[name]: column for name, column in context.items()}

        def shard(start: int) -> pd.DataFrame:
            size = min(SHARD_ROWS, rows - start)
            if self._table is None:
                return pd.DataFrame(index=pd.RangeIndex(size), columns=self._empty.columns)
            rng = self._stream(start // SHARD_ROWS, *([draw] if draw else []))
            part = {index: column.of(slice(start, start + size)) for index, column in fixed_columns.items()}
            new_columns = self._table.draw(size, rng, part)
            return pd.DataFrame({self._empty.columns[index]: new_columns[index] for index in new_columns})

        shards = list(side_by_side(shard, range(0, rows if self._rows else 0, SHARD_ROWS)))
        if len(shards) == 1:
            return shards[0]
        return pd.concat(shards, ignore_index=True) if shards else self._empty.copy()

    @cached_property
    def _places(self) -> dict[str, int]:
        """Where each column that may be given stands."""
        return {str(self._empty.columns[place]): place for place in self._first}

    def _stream(self, *numbers: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence([self._seed, *numbers]))


def open_column(
    series: pd.Series[Any], crowd: Crowd, beside: pd.Series[Any] | None = None, *, label: bool
) -> ColumnCodes:
    """Return the column behind `series`: labels if it says so or if its dtype has no order, else numbers.

    The rows `beside` it are not learned: their entities count in the `crowd`.
    """
    if label or not ticks.is_measured(series.dtype):
        return LabelColumn(series, crowd, beside)
    return NumberColumn(series, crowd, beside)
