"""What a rule about single rows says of the values of one column: its labels, or how its text is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import expressions as exp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from synth.domain import Rule

LIKE_PART = re.compile(r"\\.|.", re.DOTALL)  # of a pattern of `like`: a sign, or one that stands for itself
LIKE_SIGNS = {"%": ".*", "_": "."}
# The fewest and the most characters that a comparison with a number allows.
LENGTHS: dict[type, Callable[[int], tuple[int, int | None]]] = {
    exp.EQ: lambda number: (number, number),
    exp.GTE: lambda number: (number, None),
    exp.GT: lambda number: (number + 1, None),
    exp.LTE: lambda number: (0, number),
    exp.LT: lambda number: (0, number - 1),
}
ARGUMENTS = 2  # arguments of a match without flags: the text, and the expression
CASES: dict[type, str] = {exp.Lower: "A-Z", exp.Upper: "a-z"}  # the letters that text of one case is without


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


def patterns_of(rule: Rule) -> tuple[tuple[str, str], ...]:
    """Return the columns whose text a rule is about, each with a regular expression that it has to match.

    A rule says so by `~`, by `like`, by a beginning, by a length, or by the case of its letters.
    """
    return tuple(_patterns(_without_null(_parse(rule))))


def _patterns(node: exp.Expr) -> Iterator[tuple[str, str]]:
    if isinstance(node, exp.And):
        for part in (node.left, node.right):
            yield from _patterns(_without_null(_plain(part)))
        return
    for read in (_of_operator, _of_beginning, _of_length, _of_case):
        column, pattern = read(node)
        if column and pattern:
            yield column, pattern
            return


def _of_operator(node: exp.Expr) -> tuple[str, str]:
    """Return what `~`, `regexp_match` and `like` say of a column; nothing of any other expression."""
    if _is_test_of_null(node, negate=True):
        call = _plain(node.this)
        is_match = isinstance(call, exp.Anonymous) and call.name.lower() == "regexp_match"
        items = call.expressions if is_match else []
        return (_column(items[0]), _text(items[1]) or "") if len(items) == ARGUMENTS else ("", "")
    if not isinstance(node, exp.RegexpLike | exp.Like) or node.args.get("negate"):
        return "", ""
    column, text = _column(node.this), _text(node.expression)
    if text is None:
        return "", ""
    return column, text if isinstance(node, exp.RegexpLike) else _as_expression(text)


def _as_expression(text: str) -> str:
    """Return the regular expression that matches what a pattern of `like` does."""
    parts = LIKE_PART.findall(text)
    return f"^{''.join(LIKE_SIGNS.get(part, re.escape(part[-1])) for part in parts)}$"


def _of_beginning(node: exp.Expr) -> tuple[str, str]:
    """Return what `left(x, n) = '…'`, `substring(x, 1, n) = '…'` and `starts_with` say of a column."""
    if isinstance(node, exp.StartsWith):
        column, text = _column(node.this), _text(node.expression)
    elif isinstance(node, exp.EQ) and isinstance(_plain(node.left), exp.Left | exp.Substring):
        first = _plain(node.left)
        column, text = _column(first.this), _text(node.right)
        start = first.args.get("start")
        if start is not None and _number(start) != 1:
            return "", ""
    else:
        return "", ""
    return (column, f"^{re.escape(text)}") if text else ("", "")


def _of_length(node: exp.Expr) -> tuple[str, str]:
    """Return what a comparison of a length says of a column."""
    is_between = isinstance(node, exp.Between)
    if not is_between and type(node) not in LENGTHS:
        return "", ""
    measure = _plain(node.this)
    if not isinstance(measure, exp.Length):
        return "", ""
    ends = [node.args["low"], node.args["high"]] if is_between else [node.expression]
    numbers = [_number(end) for end in ends]
    low, high = numbers[0], numbers[-1]
    if low is None or high is None:
        return "", ""
    if not is_between:
        low, high = LENGTHS[type(node)](low)
    return _column(measure.this), f"^.{{{max(low, 0)},{'' if high is None else high}}}$"


def _of_case(node: exp.Expr) -> tuple[str, str]:
    """Return what `x = lower(x)` and `x = upper(x)` say of a column."""
    if not isinstance(node, exp.EQ):
        return "", ""
    for value, other in ((node.left, node.right), (node.right, node.left)):
        plain = _plain(other)
        letters = CASES.get(type(plain), "")
        if letters and _column(value) == _column(plain.this):
            return _column(value), f"^[^{letters}]*$"
    return "", ""


def _parse(rule: Rule) -> exp.Expr:
    try:
        return _plain(sqlglot.parse_one(rule.holds, read="postgres"))
    except sqlglot.errors.SqlglotError:
        return exp.Null()


def _without_null(node: exp.Expr) -> exp.Expr:
    """Return what is said of values that are not NULL: of `x is null or …` the other part."""
    if isinstance(node, exp.Or):
        parts = [_plain(node.left), _plain(node.right)]
        others = [part for part in parts if not _is_test_of_null(part, negate=False)]
        return others[0] if len(others) == 1 else exp.Null()
    return node


def _is_test_of_null(node: exp.Expr, *, negate: bool) -> bool:
    is_test = isinstance(node, exp.Is) and isinstance(_plain(node.expression), exp.Null)
    return is_test and bool(node.args.get("negate")) is negate


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


def _number(node: exp.Expr) -> int | None:
    plain = _plain(node)
    return int(plain.this) if isinstance(plain, exp.Literal) and str(plain.this).isdigit() else None
