"""What a caller fixes before the rest is drawn: columns as they are, or how often each value is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from synth.engine.numbers import NumberColumn

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from numpy.typing import NDArray

    from synth.engine.columns import ColumnCodes, Ints, Mask
    from synth.engine.ticks import Native

TargetShares: TypeAlias = "Literal['uniform'] | Mapping[Any, float]"
ROUNDING = 1e-6  # by which shares may miss 1


@dataclass(frozen=True, slots=True)
class GivenColumns:
    """Columns that are drawn before all others, in this order, and may be given.

    Attributes:
        places: their indices.
        always: they are given in every draw, so that nothing has to be learned of how to draw them.
    """

    places: tuple[int, ...]
    always: bool = False

    @property
    def context(self) -> frozenset[int]:
        """Those that nobody draws."""
        return frozenset(self.places if self.always else ())


@dataclass(frozen=True, slots=True)
class FixedColumn:
    """One column of the rows to draw.

    Attributes:
        codes: of its values.
        by_value: whether the values are the caller's.
        own: where they are, those of a number as the column's native ones, and which are NULL.
        series: where they are to be returned as they are, the values themselves.
    """

    codes: Ints
    by_value: bool = False
    own: tuple[Native, Mask] | None = None
    series: pd.Series[Any] | None = None

    @classmethod
    def of_values(cls, column: ColumnCodes, name: Hashable, series: pd.Series[Any]) -> FixedColumn:
        """Return the column with these values.

        Raises:
            ValueError: they are of another type than was learned.
        """
        try:
            if not isinstance(column, NumberColumn):
                return cls(column.encode(series), True, None, series)
            own = column.own(series)
        except ValueError as error:
            raise ValueError(f"column {name!r} is given in another type than was learned: {error}") from error
        return cls(column.nearest_codes(*own), True, own, series)

    def of(self, rows: Ints | slice) -> FixedColumn:
        """Return the same of some rows, without the values that are to be returned."""
        own = None if self.own is None else (self.own[0][rows], self.own[1][rows])
        return FixedColumn(self.codes[rows], self.by_value, own)


def positions(names: Iterable[Hashable], among: pd.Index[Any]) -> list[int]:
    """Return where the columns called `names` stand.

    Raises:
        ValueError: a name is missing, or stands for several columns.
    """
    column_places = []
    for name in names:
        places = [place for place, other in enumerate(among) if other == name]
        if len(places) != 1:
            raise ValueError(f"column {name!r} can only be given if the frame has it, and has it once")
        column_places.append(places[0])
    return column_places


@dataclass(frozen=True, slots=True)
class Choice:
    """What a caller wants of the columns `names` (by their place): the values of `frame`, or shares."""

    names: Mapping[int, Hashable]
    frame: pd.DataFrame | None
    balance: Mapping[Hashable, TargetShares]

    def fixed_columns(
        self, columns: Sequence[ColumnCodes], rows: slice, rng: np.random.Generator
    ) -> dict[int, FixedColumn]:
        """Return these columns in those rows.

        Raises:
            ValueError: a column's type, or its shares, do not fit what was learned.
        """
        if self.frame is not None:
            part = self.frame.iloc[rows]
            return {
                i: FixedColumn.of_values(columns[i], name, part[name].reset_index(drop=True))
                for i, name in self.names.items()
            }
        size = rows.stop - rows.start
        return {
            i: draw_balanced(balance_odds(columns[i], name, self.balance[name]), size, rng)
            for i, name in self.names.items()
        }


def balance_odds(column: ColumnCodes, name: Hashable, wanted_shares: TargetShares) -> NDArray[np.float64]:
    """Return the chance of each code, NULL last.

    Raises:
        ValueError: the column's values are no labels, or the shares are no distribution over them.
    """
    if not column.exact or column.size == 0:
        raise ValueError(f"column {name!r} cannot be balanced: its values are not labels")
    odds = np.zeros(column.size + 1)
    if not isinstance(wanted_shares, Mapping):
        if wanted_shares != "uniform":
            raise ValueError(f"column {name!r} is balanced by 'uniform' or by shares of its values")
        odds[:-1] = 1 / column.size
        return odds
    values, shares = list(wanted_shares), np.array(list(wanted_shares.values()), dtype=np.float64)
    if not (np.isfinite(shares).all() and (shares >= 0).all() and 0 < shares.sum() <= 1 + ROUNDING):
        raise ValueError(f"shares of column {name!r} must be at least 0 and add up to at most 1")
    codes = _known_codes(column, name, values)
    np.add.at(odds, codes, shares)
    rest = _counts(column)
    rest[codes] = 0
    if rest.sum() > 0:
        odds += rest / rest.sum() * max(1 - shares.sum(), 0)
    return np.asarray(odds / odds.sum())


def _counts(column: ColumnCodes) -> NDArray[np.float64]:
    codes = column.codes[column.learnable]
    return np.bincount(np.where(codes < 0, column.size, codes), minlength=column.size + 1).astype(np.float64)


def _known_codes(column: ColumnCodes, name: Hashable, values: Sequence[Any]) -> Ints:
    series = pd.Series(values, dtype=None if isinstance(column, NumberColumn) else object)
    message = f"shares of column {name!r} name values that were not learned, or too rarely"
    try:
        codes = column.encode(series)
    except ValueError as error:
        raise ValueError(message) from error
    is_missing = codes < -1
    if isinstance(column, NumberColumn):
        native, null = column.own(series)
        is_missing |= ~null & (column.native(codes) != native)
    is_missing |= (codes == -1) & (_counts(column)[-1] == 0)
    if is_missing.any():
        raise ValueError(message)
    return codes


def draw_balanced(odds: NDArray[np.float64], rows: int, rng: np.random.Generator) -> FixedColumn:
    """Return independent codes with the chances `odds`, NULL last."""
    codes = rng.choice(len(odds), size=rows, p=odds)
    return FixedColumn(np.where(codes == len(odds) - 1, -1, codes).astype(np.int64))
