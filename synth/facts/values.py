"""What a rule about single rows says of the values of one column: its labels, or how its text is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot
from sqlglot import expressions as exp

if TYPE_CHECKING:
    from synth.domain import Rule


def labels_of(rule: Rule) -> tuple[str, tuple[str, ...]] | None:
    """Return a column, and all labels that it may have, where a rule is a list of them; else None."""
    node = _without_null(_parse(rule))
    items: list[exp.Expr] = []
    if isinstance(node, exp.In) and not node.args.get("query"):
        items = node.expressions
    elif isinstance(node, exp.EQ) and isinstance(node.right, exp.Any):
        array = _plain(node.right.this)
        items = array.expressions if isinstance(array, exp.Array) else []
    column = _column(node.this) if items else ""
    labels = [_text(item) for item in items]
    known_labels = tuple(label for label in labels if label is not None)
    return (column, known_labels) if column and len(known_labels) == len(items) else None


def pattern_of(rule: Rule) -> tuple[str, str] | None:
    """Return a column and the regular expression that its text matches, where a rule says so; else None."""
    node = _without_null(_parse(rule))
    if not isinstance(node, exp.RegexpLike):
        return None
    column, pattern = _column(node.this), _text(node.expression)
    return (column, pattern) if column and pattern is not None else None


def _parse(rule: Rule) -> exp.Expr:
    try:
        return _plain(sqlglot.parse_one(rule.holds, read="postgres"))
    except sqlglot.errors.SqlglotError:
        return exp.Null()


def _without_null(node: exp.Expr) -> exp.Expr:
    """Return what is said of values that are not NULL: of `x is null or …` the other part."""
    if isinstance(node, exp.Or):
        parts = [_plain(node.left), _plain(node.right)]
        others = [part for part in parts if not (isinstance(part, exp.Is) and _is_null(part.expression))]
        return others[0] if len(others) == 1 else exp.Null()
    return node


def _is_null(node: exp.Expr) -> bool:
    return isinstance(_plain(node), exp.Null)


def _plain(node: exp.Expr) -> exp.Expr:
    """Return an expression without brackets and casts."""
    while isinstance(node, exp.Paren | exp.Cast):
        node = node.this
    return node


def _column(node: exp.Expr) -> str:
    plain = _plain(node)
    return plain.name if isinstance(plain, exp.Column) else ""


def _text(node: exp.Expr) -> str | None:
    plain = _plain(node)
    return str(plain.this) if isinstance(plain, exp.Literal) else None
