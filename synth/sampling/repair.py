"""Rows that break a rule about the order of two columns, or about a bound, are put right where that is easy.

Noise makes columns less dependent than they are, so that few rows of a twin by guarantee would keep such
rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import sqlglot
from sqlglot import expressions as exp

from synth.domain import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from synth.domain import Column, Rule

ROUNDS = 3  # one repair may undo another


@dataclass(frozen=True, slots=True)
class ColumnOrder:
    """A column that is at least as large as another, or as a number; larger, if it is `strict`."""

    larger: str | float
    smaller: str | float
    strict: bool = False


def repair_rows(frame: pd.DataFrame, rules: Iterable[Rule], columns: Sequence[Column]) -> pd.DataFrame:
    """Return the rows with values exchanged between columns in the wrong order, and moved to bounds."""
    orders = [order for rule in rules for order in orders_of(rule) if _applies(order, frame)]
    by_name = {column.name: column for column in columns}
    result = frame.copy()
    for _ in range(ROUNDS):
        for order in orders:
            _put_right(result, order, by_name)
    return result


def step_of(column: Column | None) -> float:
    """Return how far a number of the column is from the next one; 0 where any number may be between."""
    if column is None:
        return 0
    if column.kind is Kind.INTEGER:
        return 1
    return 10.0**-column.scale if column.kind is Kind.DECIMAL and column.scale is not None else 0


def orders_of(rule: Rule) -> Sequence[ColumnOrder]:
    """Return the comparisons that are enough for a rule to hold; nothing where it is of another kind."""
    return _enough(_parse(rule)) or ()


def bounds_of(rule: Rule) -> Sequence[ColumnOrder]:
    """Return the comparisons of columns with numbers that hold wherever a rule does."""
    expression = _parse(rule)
    orders = () if expression.find(exp.Or) else _enough(expression) or ()
    return [order for order in orders if isinstance(order.larger, float) or isinstance(order.smaller, float)]


def _parse(rule: Rule) -> exp.Expr:
    try:
        return sqlglot.parse_one(rule.holds, read="postgres")
    except sqlglot.errors.SqlglotError:
        return exp.Null()


def _enough(node: exp.Expr) -> list[ColumnOrder] | None:
    """Return the comparisons that make `node` true; None where there is something else in it."""
    orders: list[ColumnOrder] | None = None
    match node:
        case exp.Paren():
            orders = _enough(node.this)
        case exp.And():
            first, second = _enough(node.left), _enough(node.right)
            orders = None if first is None or second is None else [*first, *second]
        case exp.Or():
            orders = _enough(node.right) or _enough(node.left)
        case exp.Between():
            orders = _as_orders((node.args["high"], node.this), (node.this, node.args["low"]))
        case exp.GT() | exp.GTE():
            orders = _as_orders((node.left, node.right), strict=isinstance(node, exp.GT))
        case exp.LT() | exp.LTE():
            orders = _as_orders((node.right, node.left), strict=isinstance(node, exp.LT))
        case _:
            pass
    return orders


def _as_orders(*pairs: tuple[exp.Expr, exp.Expr], strict: bool = False) -> list[ColumnOrder] | None:
    """Return the pairs, the larger side first, where all are columns or numbers."""
    sides = [(_side(larger), _side(smaller)) for larger, smaller in pairs]
    if any(side is None for pair in sides for side in pair):
        return None
    return [
        ColumnOrder(larger, smaller, strict)
        for larger, smaller in sides
        if larger is not None and smaller is not None
    ]


def _side(node: exp.Expr) -> str | float | None:
    """Return a column or a number; None for anything else."""
    while isinstance(node, exp.Paren | exp.Cast):
        node = node.this
    if isinstance(node, exp.Column):
        return node.name
    if isinstance(node, exp.Neg) and isinstance(number := _side(node.this), float):
        return -number
    if isinstance(node, exp.Literal):
        try:
            return float(node.this)
        except ValueError:
            return None
    return None


def _applies(order: ColumnOrder, frame: pd.DataFrame) -> bool:
    """Return whether the columns are there and can be compared."""
    names = [side for side in (order.larger, order.smaller) if isinstance(side, str)]
    if not names or not set(names) <= set(frame.columns):
        return False
    kinds = {_kind(frame[name]) for name in names}
    return len(kinds) == 1 and kinds <= ({"number", "moment"} if len(names) > 1 else {"number"})


def _kind(values: pd.Series[Any]) -> str:
    if pd.api.types.is_datetime64_any_dtype(values):
        return "moment"
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return "number" if numeric else "other"


def _put_right(frame: pd.DataFrame, order: ColumnOrder, columns: Mapping[str, Column]) -> None:
    larger, smaller = order.larger, order.smaller
    if isinstance(larger, str) and isinstance(smaller, str):
        wrong = (frame[larger] < frame[smaller]).fillna(value=False).to_numpy(bool)
        first, second = frame[larger].copy(), frame[smaller].copy()
        frame[larger] = first.mask(wrong, second)
        frame[smaller] = second.mask(wrong, first)
    elif isinstance(larger, str):
        step = step_of(columns.get(larger)) if order.strict else 0
        frame[larger] = _clip(frame[larger], low=float(smaller) + step)
    elif isinstance(smaller, str):
        step = step_of(columns.get(smaller)) if order.strict else 0
        frame[smaller] = _clip(frame[smaller], high=float(larger) - step)


def _clip(values: pd.Series[Any], low: float = -np.inf, high: float = np.inf) -> pd.Series[Any]:
    """Return numbers within bounds, in their own type."""
    end = low if np.isfinite(low) else high
    outside = (values < low) | (values > high)
    whole = pd.api.types.is_integer_dtype(values)
    if whole and not float(end).is_integer():
        return values
    return values.mask(outside.fillna(value=False).astype(bool), int(end) if whole else end)
