"""Tests that are a query of the project's own, which lists the rows of a model that break it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from synth.facts.arguments import UnusableError
from synth.facts.statements import Effect, Statement, row
from synth.project.manifest import fold

if TYPE_CHECKING:
    from sqlglot import exp

    from synth.project.manifest import Node

_CLOCK = re.compile(
    r"\b(now|clock_timestamp)\s*\(|\b(current_(date|timestamp)|localtimestamp)\b", re.IGNORECASE
)
_NEWEST = re.compile(r"\bmax\s*\(", re.IGNORECASE)
OPAQUE = "synth test runs it on the twin"


def asks_how_fresh(query: str) -> bool:
    """Return whether a query compares the newest row with the clock: that is about the pipeline."""
    return bool(_CLOCK.search(query) and _NEWEST.search(query))


def meets_others(query: str) -> bool:
    """Return whether a query is about rows beside others: by a join, a window, a group or a further query.

    A group that is listed because it has several rows is a key, which twins keep.
    """
    from sqlglot import exp, parse_one  # noqa: PLC0415 - as below
    from sqlglot.errors import SqlglotError  # noqa: PLC0415 - as below

    try:
        tree = parse_one(query, read="postgres")
    except SqlglotError:
        return False
    names = {one.alias for one in tree.find_all(exp.CTE)}
    relations = [one for one in tree.find_all(exp.Table) if one.db or one.name not in names]
    if len(relations) > 1 or tree.find(exp.Join, exp.Lateral, exp.SetOperation):
        return True
    if all(_counts_several(one.this) for one in tree.find_all(exp.Having)) and tree.find(exp.Having):
        return False
    return tree.find(exp.AggFunc, exp.Window) is not None


def rows_that_break(query: str, node: Node) -> Statement:
    """State that no row of `node` satisfies the condition of a query that lists wrong rows, or repeats a key.

    Raises:
        UnusableError: it is no such query.
    """
    from sqlglot import exp, parse_one  # noqa: PLC0415 - a tenth of a second, for projects that have such tests
    from sqlglot.errors import SqlglotError  # noqa: PLC0415 - as above

    try:
        tree = parse_one(query, read="postgres")
    except SqlglotError:
        raise UnusableError(OPAQUE) from None
    key = _repeated_key(tree, node)
    if key:
        return Statement(Effect.KEY, unique=key)
    conditions = _conditions(tree, node)
    if not conditions or any(one.find(exp.Query, exp.AggFunc, exp.Window) for one in conditions):
        raise UnusableError(OPAQUE)
    for condition in conditions:
        for column in condition.find_all(exp.Column):
            for part in ("table", "db", "catalog"):
                column.set(part, None)
    return row(" or ".join(map(_opposite, conditions)))


def _opposite(condition: exp.Expr) -> str:
    """Return what holds where a condition does not, as an equation where it is one."""
    from sqlglot import exp  # noqa: PLC0415 - as above

    if isinstance(condition, exp.Not):
        return str(condition.this.unnest().sql(dialect="postgres"))
    if isinstance(condition, exp.NEQ):
        return exp.EQ(this=condition.this, expression=condition.expression).sql(dialect="postgres")
    return f"not ({condition.sql(dialect='postgres')}\n)"


def expression_columns(expression: str) -> tuple[str, ...]:
    """Return the folded names of the columns that a SQL expression reads; none if it cannot be read."""
    from sqlglot import exp, parse_one  # noqa: PLC0415 - as above
    from sqlglot.errors import SqlglotError  # noqa: PLC0415 - as above

    try:
        tree = parse_one(f"select {expression}", read="postgres")
    except SqlglotError:
        return ()
    if tree.find(exp.Subquery, exp.AggFunc, exp.Window):
        return ()
    columns = sorted(tree.find_all(exp.Column), key=lambda column: expression.find(column.name))
    names = (column.this for column in columns)
    return tuple(dict.fromkeys(name.name if name.quoted else fold(name.name) for name in names))


def _repeated_key(tree: exp.Expr, node: Node) -> tuple[str, ...]:
    """Return the columns by which a query groups all rows of `node` to list groups of several; else none."""
    from sqlglot import exp  # noqa: PLC0415 - as above

    if not isinstance(tree, exp.Select):
        return ()
    source = tree.args.get("from_") or tree.args.get("from")
    group, filters = tree.args.get("group"), tree.args.get("having")
    other_parts = ("with_", "with", "joins", "laterals", "where", "windows", "qualify", "limit", "offset")
    if source is None or group is None or filters is None or any(tree.args.get(name) for name in other_parts):
        return ()
    place = source.this
    if not isinstance(place, exp.Table) or (place.name, place.db) != (node.alias, node.schema):
        return ()
    if not _counts_several(filters.this):
        return ()
    columns: list[str] = []
    for one in group.expressions:
        position = int(one.name) - 1 if isinstance(one, exp.Literal) and one.is_int else None
        column = one if position is None else dict(enumerate(tree.expressions)).get(position)
        column = column.this if isinstance(column, exp.Alias) else column
        if not isinstance(column, exp.Column):
            return ()
        columns.append(column.this.name if column.this.quoted else fold(column.this.name))
    return tuple(columns)


def _counts_several(condition: exp.Expr) -> bool:
    """Return whether a condition of groups is that they have more than one row."""
    from sqlglot import exp  # noqa: PLC0415 - as above

    if isinstance(condition, exp.Paren):
        return _counts_several(condition.this)
    several: dict[type[exp.Expr], tuple[str, str]] = {
        exp.GT: ("left", "1"),
        exp.GTE: ("left", "2"),
        exp.NEQ: ("left", "1"),
        exp.LT: ("right", "1"),
        exp.LTE: ("right", "2"),
    }
    side, least = several.get(type(condition), ("", ""))
    if not side:
        return False
    count, number = (getattr(condition, one) for one in (side, "right" if side == "left" else "left"))
    whole = isinstance(count, exp.Count) and isinstance(count.this, exp.Star | exp.Literal)
    return whole and isinstance(number, exp.Literal) and number.name == least


def _conditions(tree: exp.Expr, node: Node) -> list[exp.Expr]:
    """Return the conditions of a query, nested ones too, on the rows of `node`; none for any other."""
    from sqlglot import exp  # noqa: PLC0415 - as above

    unknown_names = {
        "with_",
        "with",
        "joins",
        "laterals",
        "group",
        "having",
        "windows",
        "qualify",
        "limit",
        "offset",
    }
    if not isinstance(tree, exp.Select) or any(tree.args.get(name) for name in unknown_names):
        return []
    source = tree.args.get("from_") or tree.args.get("from")
    where = tree.args.get("where")
    own = [where.this] if where is not None else []
    if source is None or any(one.find(exp.AggFunc, exp.Window) for one in tree.expressions):
        return []
    place = source.this
    if isinstance(place, exp.Table):
        return own if place.name == node.alias and place.db == node.schema else []
    if isinstance(place, exp.Subquery) and isinstance(place.this, exp.Select) and place.this.is_star:
        inner = place.this
        if inner.args.get("where") is None:
            inner = inner.where("true")
        inner_conditions = _conditions(inner, node)
        return [*inner_conditions, *own] if inner_conditions else []
    return []
