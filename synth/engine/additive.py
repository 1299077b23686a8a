"""A number column, or its logarithm, as a sum of functions of other columns, one function each.

Functions of numbers are linear between quantiles, those of labels have a height a label (additive models:
Hastie & Tibshirani 1986). They are fitted by least squares, in which rows that are far off count less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from synth.engine.differences import spread
from synth.engine.numbers import NumberColumn
from synth.engine.ticks import as_floats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from synth.engine.columns import ColumnCodes, Ints

    Floats = NDArray[np.float64]

MOST_ROWS = 10_000  # that are enough for a few hundred heights
KNOTS = 16  # of a function of numbers
RIDGE_ROWS = 1.0  # with which each height is drawn towards none
ROUNDS = 4  # of least squares
FAR = 5.0  # spreads of what is left, beyond which a row counts no more (Huber 1964)
DIGITS = 6  # of a height, so that the last bits of a solution do not matter


@dataclass(frozen=True, slots=True)
class Additive:
    """The sum.

    Attributes:
        tables: for each column in it the function for each code, NULL last.
        level: another summand, the same in every row.
        in_logs: whether it is the logarithm that the sum is of.
        residual_spread: of what the sum leaves, as a share of that of the column, or of its logarithm.
    """

    tables: Mapping[int, Floats]
    level: float
    in_logs: bool
    residual_spread: float

    def total(self, codes: Mapping[int, Ints]) -> Floats:
        """Return the sum for rows."""
        totals = np.full(len(codes[next(iter(self.tables))]), self.level)
        for index, table in self.tables.items():
            totals += table.take(codes[index], mode="wrap")
        return totals

    def rest(self, own: NumberColumn, total: Floats) -> Floats:
        """Return what is left of the column beside the sum; NaN where it is NULL."""
        return to_scale(own, own.codes, in_logs=self.in_logs) - total


class Nearest:
    """The codes of a number column's values that are nearest to those of a sum, or of a logarithm's."""

    def __init__(self, own: NumberColumn, *, in_logs: bool) -> None:
        real_values = as_floats(own.native(np.arange(own.size)))
        self._ends = real_values[0], real_values[-1]
        self._between = (real_values[1:] + real_values[:-1]) / 2
        self._in_logs = in_logs

    def codes(self, total: Floats) -> Ints:
        """Return the codes."""
        with np.errstate(over="ignore"):
            targets = np.clip(np.exp(total) if self._in_logs else total, *self._ends)
        nearest: Ints = np.searchsorted(self._between, targets, side="right")
        return nearest


def fit_additive(own: NumberColumn, terms: Mapping[int, ColumnCodes], rows: Ints) -> Additive | None:
    """Return the sum for the column, or for its logarithm if less is left beside that.

    None if it does not vary.

    Args:
        own: the column.
        terms: the columns of which it has functions, at least one.
        rows: training rows to learn it from, at least one; no column is unknown there, and `own` is not NULL.
    """
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).astype(np.int64)]
    knots = {index: knots_of(column) for index, column in terms.items()}
    parts = [basis(column, column.codes[rows], knots[index]) for index, column in terms.items()]
    matrix = np.hstack(parts)
    gram = matrix.T @ matrix + RIDGE_ROWS * np.eye(matrix.shape[1])
    fits: list[Additive] = []
    for in_logs in (False, True) if to_scale(own, np.zeros(1, dtype=np.int64))[0] > 0 else (False,):
        goal = to_scale(own, own.codes[rows], in_logs=in_logs)
        level, wide = float(np.median(goal)), spread(goal)
        if wide == 0:
            return None
        heights = solve(matrix, gram, (goal - level) / wide)
        residual = spread((goal - level) / wide - matrix @ heights)
        ends = np.cumsum([part.shape[1] for part in parts])[:-1]
        each = np.split(np.round(heights, DIGITS) * wide, ends)
        tables = {
            index: table_of(column, knots[index], some)
            for (index, column), some in zip(terms.items(), each, strict=True)
        }
        fits.append(Additive(tables, level, in_logs, residual))
    return min(fits, key=lambda model: model.residual_spread)


def to_scale(own: NumberColumn, codes: Ints, *, in_logs: bool = False) -> Floats:
    """Return a number column, or its logarithm; NaN where it is NULL."""
    amounts = np.where(codes < 0, np.nan, as_floats(own.native(codes)))
    return np.log(amounts) if in_logs else amounts


def solve(matrix: Floats, gram: Floats, goal: Floats) -> Floats:
    """Return the heights with which the matrix comes nearest to the goal."""
    heights = np.zeros(len(gram))
    for _ in range(ROUNDS):
        apart = goal - matrix @ heights
        limit = FAR * spread(apart)
        heights += np.linalg.solve(gram, matrix.T @ np.clip(apart, -limit, limit))
    return heights


def knots_of(column: ColumnCodes) -> Floats:
    """Return quantiles of a number column, ascending; none of labels."""
    if not isinstance(column, NumberColumn):
        return np.zeros(0)
    codes = np.sort(column.codes[column.codes >= 0])
    return np.unique(as_floats(column.native(codes[np.linspace(0, len(codes) - 1, KNOTS).astype(np.int64)])))


def basis(column: ColumnCodes, codes: Ints, knots: Floats) -> Floats:
    """Return for each row how much each height counts, that of NULL last."""
    if not isinstance(column, NumberColumn):
        return np.eye(column.size + 1)[codes]
    place = np.interp(as_floats(column.native(codes)), knots, np.arange(len(knots)))
    below = np.minimum(place.astype(np.int64), max(len(knots) - 2, 0))
    units = np.eye(len(knots) + 1)
    share = (place - below)[:, None]
    weights: Floats = units[below] * (1 - share) + units[below + 1] * share
    weights[codes < 0] = units[-1]
    return weights


def table_of(column: ColumnCodes, knots: Floats, heights: Floats) -> Floats:
    """Return the function for each code, NULL last."""
    if not isinstance(column, NumberColumn):
        return heights
    values = as_floats(column.native(np.arange(column.size)))
    return np.append(np.interp(values, knots, heights[:-1]), heights[-1])
