"""Expressions of a query in terms of leaves: names are resolved, and what tells of other rows is a leaf."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from synth.graph.firsts import among
from synth.graph.leaves import Leaf, QueryLeaves, RelationRows, Sort, again, bare, leaves_of, size, text
from synth.graph.scopes import fold

if TYPE_CHECKING:
    from collections.abc import Callable

    from synth.graph.scopes import QueryScope

LONGEST = 400  # parts of an expression; one that grows on through many steps is followed no further

# Functions that sqlglot has no class of its own for, or not in each of their forms.
AGGREGATES = re.compile(
    r"any_value|(bit|bool)_\w+|every|(json|jsonb|json_object|jsonb_object|range|range_intersect)_agg(_strict)?"
    r"|(array|string|xml)_?agg|mode|percentile_\w+|regr_\w+|corr|covar_\w+|stddev\w*|var(iance|_pop|_samp)"
)
SERIES = re.compile(
    r"generate_\w+|unnest|regexp_(matches|split_to_table)|string_to_table|jsonb?_(each|each_text|object_keys)"
    r"|jsonb?_array_elements(_text)?|jsonb_path_query|jsonb?_(to|populate)_recordset"
)
SERIES_TYPES = (exp.Unnest, exp.Explode, exp.GenerateSeries, exp.ExplodingGenerateSeries)
AGGREGATE_TYPES = (exp.AggFunc, exp.WithinGroup)
COMPOUND = (exp.Binary, exp.Unary, exp.Between, exp.In, exp.Is, exp.AtTimeZone, exp.Interval)


class Expressions:
    """Resolves the expressions of one model's query.

    Attributes:
        query: reads a query that stands inside an expression.
    """

    def __init__(self, leaves: QueryLeaves, query: Callable[[exp.Expr, QueryScope], RelationRows]) -> None:
        self._leaves = leaves
        self._query = query

    def value(self, node: exp.Expr, scope: QueryScope) -> exp.Expr:
        """Return the expression in terms of leaves."""
        if isinstance(node, exp.Column):
            return self._column(node, scope)
        leaf = self._opaque(node, scope)
        if leaf is not None:
            return leaf
        value = self._rebuilt(node, scope)
        return value if size(value) <= LONGEST else self._long(value)

    def _opaque(self, node: exp.Expr, scope: QueryScope) -> exp.Expr | None:
        """Return the leaf for what is no function of the row alone; None for any other expression."""
        if isinstance(node, exp.Window):
            return self._window(node, scope)
        if _aggregates(node):
            return self._group(node, scope)
        if isinstance(node, exp.Subquery | exp.Query | exp.Exists):
            return self._lookup(node, scope)
        if isinstance(node, exp.In) and node.args.get("query") is not None:
            return self._lookup(node.args["query"], scope, node.this)
        return self._series(node, scope) if _is_series(node) else None

    def arguments(self, call: exp.Expr, scope: QueryScope) -> exp.Expr:
        """Return a call in FROM with what it is called with in terms of leaves."""
        return self._rebuilt(call, scope)

    def _long(self, value: exp.Expr) -> exp.Expr:
        parts = {text(leaf): leaf for leaf in leaves_of([value])}
        return self._leaves.opaque(Leaf(Sort.LONG, parts=tuple(parts.values())), text(value))

    def _rebuilt(self, node: exp.Expr, scope: QueryScope) -> exp.Expr:
        return type(node)(**{key: self._argument(value, scope, node) for key, value in node.args.items()})

    def _argument(self, value: object, scope: QueryScope, parent: exp.Expr) -> object:
        if isinstance(value, list):
            return [self._argument(one, scope, parent) for one in value]
        if not isinstance(value, exp.Expr):
            return value
        if isinstance(value, exp.Identifier | exp.DataType | exp.Literal | exp.Var):
            return value.copy()
        inner = self.value(value, scope)
        if isinstance(inner, COMPOUND) and not isinstance(value, COMPOUND):
            inner = exp.Paren(this=inner)  # a name stood there, and now what it means
        return again(inner) if inner.parent is not None else inner

    def _column(self, node: exp.Column, scope: QueryScope) -> exp.Expr:
        name, table = fold(node.this), fold(node.args.get("table"))
        value = scope.find(name, table)
        if value is not None:
            return again(value)
        whole = None if table else scope.sources.get(name)
        if whole is not None:  # `select t from t`: the row as one value
            return self._leaves.opaque(Leaf(Sort.LONG, parts=tuple(whole.columns.values())), "row", name)
        return self._leaves.unknown_column(f"no relation that it reads is known to have a column {name}")

    def _group(self, node: exp.Expr, scope: QueryScope) -> exp.Expr:
        inner = among(self._call(node, scope), scope.conditions)
        leaf = Leaf(Sort.GROUP, None, (inner,), scope.rows.grain or (), scope.rows.over, _function(node))
        return self._leaves.opaque(leaf, scope.mark)

    def _call(self, node: exp.Expr, scope: QueryScope) -> exp.Expr:
        """Return a call of an aggregate with what it is called with in terms of leaves."""
        if not isinstance(node, exp.Filter | exp.WithinGroup | exp.IgnoreNulls | exp.RespectNulls):
            return self._rebuilt(node, scope)
        rest = {key: self._argument(one, scope, node) for key, one in node.args.items() if key != "this"}
        return type(node)(this=self._call(node.this, scope), **rest)

    def _window(self, node: exp.Window, scope: QueryScope) -> exp.Expr:
        named_window = scope.windows.get(fold(node.args.get("alias")))
        window = node if named_window is None else _with_named(node, named_window)
        order = window.args.get("order")
        call = self._call(bare(node.this), scope)
        order_keys = [self.value(one.this, scope) for one in order.expressions] if order else []
        keys = tuple(self.value(one, scope) for one in window.args.get("partition_by") or ())
        parts = (call, *order_keys)
        function = _function(bare(node.this))
        leaf = Leaf(Sort.WINDOW, None, parts, keys, scope.rows.over, function, window=window)
        return self._leaves.opaque(leaf, scope.mark, node.sql(dialect="postgres"))

    def _lookup(self, node: exp.Expr, scope: QueryScope, *beside: exp.Expr) -> exp.Expr:
        function = "exists" if isinstance(node, exp.Exists) else "in" if beside else "select"
        query = node.this if isinstance(node, exp.Exists | exp.Subquery) else node
        rows = self._query(query, scope)
        parts = [*rows.columns.values()][: None if function == "exists" else 1]
        parts = [self.value(one, scope) for one in beside] + ([] if function == "exists" else parts)
        leaf = Leaf(Sort.LOOKUP, None, tuple(parts), rows.outer_equalities, rows.over, function)
        return self._leaves.opaque(leaf, id(node))

    def _series(self, node: exp.Expr, scope: QueryScope) -> exp.Expr:
        inner = self._rebuilt(node, scope)
        return self._leaves.opaque(Leaf(Sort.SERIES, parts=(inner,), function=_function(node)), id(node))


def _with_named(node: exp.Window, named: exp.Window) -> exp.Window:
    """Return a window with what the one that it names says."""
    window = node.copy()
    for key in ("partition_by", "order", "spec"):
        window.set(key, node.args.get(key) or named.args.get(key))
    return window


def _aggregates(node: exp.Expr) -> bool:
    if isinstance(node, exp.Filter):
        return True
    if isinstance(node, exp.Anonymous):
        return AGGREGATES.fullmatch(node.name.lower()) is not None
    return isinstance(node, AGGREGATE_TYPES)


def has_aggregate(node: exp.Expr) -> bool:
    """Return whether the expression is about a group of rows, apart from its windows and subqueries."""
    if isinstance(node, exp.Window | exp.Query | exp.Subquery):
        return False
    return _aggregates(node) or any(has_aggregate(one) for one in node.iter_expressions())


def _is_series(node: exp.Expr) -> bool:
    if isinstance(node, exp.Anonymous):
        return SERIES.fullmatch(node.name.lower()) is not None
    return isinstance(node, SERIES_TYPES)


def _function(node: exp.Expr) -> str:
    if isinstance(node, exp.Filter | exp.WithinGroup | exp.IgnoreNulls | exp.RespectNulls):
        return _function(node.this)
    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    return node.sql_name().lower() if isinstance(node, exp.Func) else node.key
