"""Queries read as what they give: each column as an expression over columns of relations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from synth.graph.expressions import Expressions, has_aggregate
from synth.graph.firsts import numbering_of, order_of, take_first
from synth.graph.leaves import Leaf, QueryLeaves, RelationRows, Sort, again, bare, leaf, text
from synth.graph.scopes import QueryScope, fold, name_of
from synth.graph.sources import Sources, copy_rows, rename
from synth.graph.unions import put_together

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synth.graph.sources import Relations


class NotUnderstoodError(Exception):
    """A statement is none that has rows; the text says what it is."""


class Queries:
    """Reads the query of one model.

    With `as_groups`, one row of each key is read as aggregates of all that have it, and aggregates know by
    which conditions rows were left out before: what these are worth for other rows, and not where they are.

    Attributes:
        leaves: of all that was read.
        sources: knows which relations were read.
    """

    def __init__(self, relations: Relations, *, as_groups: bool = False) -> None:
        self.leaves = QueryLeaves()
        self._as_groups = as_groups
        self._expressions = Expressions(self.leaves, self.rows)
        self.sources = Sources(self.leaves, relations, self._expressions, self.rows, as_groups=as_groups)

    def rows(self, query: exp.Expr, around: QueryScope | None = None) -> RelationRows:
        """Return what the query gives, with the names of the scope around it.

        Raises:
            NotUnderstoodError: it is no query.
        """
        ctes = self._with(query, around)
        if isinstance(query, exp.Subquery):
            inner = self.rows(query.this, QueryScope(self.leaves, around, ctes))
            return _cut(inner) if query.args.get("limit") or query.args.get("offset") else inner
        if isinstance(query, exp.SetOperation):
            return self._set(query, QueryScope(self.leaves, around, ctes))
        if isinstance(query, exp.Select):
            return self._select(query, QueryScope(self.leaves, around, ctes))
        if isinstance(query, exp.Values):
            return self._values(query, QueryScope(self.leaves, around, ctes))
        if isinstance(query, exp.Table):
            scope = QueryScope(self.leaves, around, ctes)
            self.sources.read(exp.Select(from_=exp.From(this=query)), scope)
            return copy_rows(scope.rows, dict(scope.star()))
        raise NotUnderstoodError(f"{query.key} is no query")

    def _with(self, query: exp.Expr, around: QueryScope | None) -> dict[str, RelationRows]:
        ctes = dict(around.ctes) if around else {}
        clause = query.args.get("with_") or query.args.get("with")
        if clause is None:
            return ctes
        for cte in clause.expressions:
            scope = QueryScope(self.leaves, around, dict(ctes))
            name, alias = fold(cte.args["alias"].this), cte.args["alias"]
            if clause.args.get("recursive") and isinstance(cte.this, exp.Union):
                rows = self._recursive(cte.this, name, alias, scope)
            else:
                rows = rename(self.rows(cte.this, scope), alias)
            ctes[name] = rows
        return ctes

    def _recursive(self, union: exp.Union, name: str, alias: exp.Expr, scope: QueryScope) -> RelationRows:
        """Return what a recursive query gives: what no step changes is that of its start."""
        start = rename(self.rows(union.this, scope), alias)
        scope.ctes = {**scope.ctes, name: start}
        step = rename(self.rows(union.expression, scope), alias)
        columns = {}
        over = tuple(dict.fromkeys((*start.over, *step.over)))
        for column, value, new in zip(
            start.columns, start.columns.values(), step.columns.values(), strict=False
        ):
            plain = isinstance(bare(value), exp.Column) and isinstance(bare(new), exp.Column)
            leaf = Leaf(Sort.UNION if plain else Sort.RECURSION, None, (value, new), (), over, "recursion")
            columns[column] = (
                value if text(value) == text(new) else self.leaves.opaque(leaf, scope.mark, column)
            )
        return RelationRows(columns, over=over)

    def _set(self, union: exp.SetOperation, scope: QueryScope) -> RelationRows:
        branches = [self.rows(branch, scope) for branch in _branches(union)]
        if not isinstance(union, exp.Union):
            first = branches[0]
            self.leaves.cut(first.columns.values())
            return RelationRows(
                first.columns, spine=first.spine, is_filtered=True, keys=first.keys, over=first.over
            )
        return put_together(self.leaves, branches)

    def _values(self, values: exp.Values, scope: QueryScope) -> RelationRows:
        lines = [one.expressions if isinstance(one, exp.Tuple) else [one] for one in values.expressions]
        columns: dict[str, exp.Expr] = {}
        for place, cells in enumerate(zip(*lines, strict=False), start=1):
            parts = tuple(self._expressions.value(cell, scope) for cell in cells)
            columns[f"column{place}"] = self.leaves.opaque(Leaf(Sort.UNION, parts=parts), id(values), place)
        return rename(RelationRows(columns), values.args.get("alias"))

    def _select(self, select: exp.Select, scope: QueryScope) -> RelationRows:
        self.sources.read(select, scope)
        scope.windows = {fold(one.this): one for one in select.args.get("windows") or ()}
        where = self._where(select, scope)
        is_grouped = self._group(select, scope)
        if (is_grouped or self._as_groups) and not scope.rows.outer_equalities:
            scope.conditions = self._conditions(where, scope)
        before = [value for rows in scope.sources.values() for value in rows.columns.values()]
        before += [leaf(rows.instance, "") for rows in scope.sources.values() if rows.instance]
        if where is not None or is_grouped:
            self.leaves.cut(before)
        if len(scope.sources) > 1:
            self.leaves.join(before)
        columns: dict[str, exp.Expr] = {}
        for projection in select.expressions:
            for name, value in self._project(projection, scope):
                place = f"{name} {len(columns) + 1}"  # nothing asks for it by name, but a union by its place
                columns[place if name in columns else name] = value
        for clause in ("having", "qualify", "order"):
            for one in select.args[clause].iter_expressions() if select.args.get(clause) else ():
                self._mention(one, scope, columns)
        rows = scope.rows
        result = RelationRows(
            columns,
            rows.instance,
            rows.spine,
            rows.is_filtered,
            rows.keys,
            rows.grain,
            rows.over,
            rows.outer_equalities,
            scope.conditions,
        )
        if is_grouped:
            result.conditions = ()
            result.spine, result.keys = None, [rows.grain] if rows.grain else []
        return self._finish(select, result, scope)

    def _finish(self, select: exp.Select, rows: RelationRows, scope: QueryScope) -> RelationRows:
        """Return the rows after `distinct` and `limit`."""
        distinct = select.args.get("distinct")
        if distinct is not None and distinct.args.get("on") is not None:
            on = distinct.args["on"]
            expressions = on.expressions if isinstance(on, exp.Tuple) else [on]
            key = tuple(self._resolve_name(one, scope, rows.columns, select) for one in expressions)
            order = self._order(select, scope, rows.columns)[len(key) :] if self._as_groups else []
            if order:
                take_first(rows, key, order, self.leaves, scope.mark)
                return rows
            rows.is_filtered, rows.keys, rows.grain = True, [*rows.keys, key], key
            self.leaves.cut(rows.columns.values())
        elif distinct is not None:
            rows.grain = tuple(rows.columns.values())
            rows.spine, rows.keys = None, [rows.grain]
            self.leaves.cut(rows.columns.values())
        if any(
            isinstance(one.find(exp.Column), exp.Column) and self._multiplies(one)
            for one in rows.columns.values()
        ):
            rows.spine, rows.keys, rows.grain = None, [], None
            if not self._had_series(scope):
                self.leaves.cut(rows.columns.values())
        if any(select.args.get(one) for one in ("limit", "offset", "fetch")):
            self.leaves.cut(rows.columns.values())
            return _cut(rows)
        return rows

    def _had_series(self, scope: QueryScope) -> bool:
        """Return whether it is FROM that gives a series, and not a list of columns that multiplies rows."""
        return any(self._multiplies(one) for rows in scope.sources.values() for one in rows.columns.values())

    def _multiplies(self, value: exp.Expr) -> bool:
        return any(self.leaves[leaf].sort is Sort.SERIES for leaf in value.find_all(exp.Column))

    def _group(self, select: exp.Select, scope: QueryScope) -> bool:
        """Set what rows are grouped by; return whether they are grouped at all."""
        clause = select.args.get("group")
        if clause is None:
            is_grouped = any(
                has_aggregate(one) for one in (*select.expressions, *_of(select.args.get("having")))
            )
            scope.rows.grain = () if is_grouped else None
            return is_grouped
        expressions = [*clause.expressions]
        sets = [one for kind in ("rollup", "cube", "grouping_sets") for one in clause.args.get(kind) or ()]
        sets += [one for one in expressions if isinstance(one, exp.Rollup | exp.Cube | exp.GroupingSets)]
        plain = [one for one in expressions if one not in sets]
        for one in sets:
            plain += [*one.find_all(exp.Column)]
        scope.rows.grain = None
        keys = [self._resolve_name(one, scope, {}, select) for one in plain]
        scope.rows.grain = tuple({text(key): key for key in keys}.values())
        return True

    def _resolve_name(
        self, node: exp.Expr, scope: QueryScope, columns: dict[str, exp.Expr], select: exp.Select
    ) -> exp.Expr:
        """Return what GROUP BY or DISTINCT ON lists: a column, its place, or its name in the result."""
        if isinstance(node, exp.Literal) and not node.is_string:
            place = int(node.this) - 1
            if columns:
                return [*columns.values()][place]
            return self._expressions.value(select.expressions[place].unalias(), scope)
        if isinstance(node, exp.Column) and not node.table and scope.find(fold(node.this)) is None:
            for one in select.expressions:
                if isinstance(one, exp.Alias) and name_of(one) == fold(node.this):
                    return self._expressions.value(one.this, scope)
        return self._expressions.value(node, scope)

    def _project(self, projection: exp.Expr, scope: QueryScope) -> list[tuple[str, exp.Expr]]:
        if isinstance(projection, exp.Star):
            return list(scope.star())
        if isinstance(projection, exp.Column) and isinstance(projection.this, exp.Star):
            return list(scope.star(fold(projection.args.get("table"))))
        return [(name_of(projection), self._expressions.value(projection.unalias(), scope))]

    def _mention(self, node: exp.Expr, scope: QueryScope, columns: dict[str, exp.Expr]) -> None:
        """Read what a clause says, for the relations that it reads."""
        for query in node.find_all(exp.Subquery, exp.Exists, exp.In):
            self._expressions.value(
                query, QueryScope(self.leaves, scope, scope.ctes, {"": RelationRows(columns)})
            )

    def _where(self, select: exp.Select, scope: QueryScope) -> exp.Expr | None:
        """Return the clause by which rows are left out; None where it chooses one row of each key instead."""
        where: exp.Expr | None = select.args.get("where")
        if where is None or self._takes_first(where.this, scope):
            return None
        scope.rows.outer_equalities = self._outer_equalities(where.this, scope)
        scope.rows.is_filtered = True
        scope.rows.keys = [*scope.rows.keys, *self._numbered_keys(where.this, scope)]
        return where

    def _takes_first(self, condition: exp.Expr, scope: QueryScope) -> bool:
        """Let FROM have one row of each key where this is all that a condition says; return whether."""
        if not self._as_groups or len(scope.sources) != 1:
            return False
        number = numbering_of(self._expressions.value(condition, scope), self.leaves)
        rows = next(iter(scope.sources.values()))
        if number is not None:
            take_first(rows, number.keys, order_of(number), self.leaves, scope.mark)
        return number is not None

    def _order(
        self, select: exp.Select, scope: QueryScope, columns: dict[str, exp.Expr]
    ) -> list[exp.Ordered]:
        """Return by what a query sorts its rows, in terms of leaves."""
        clause = select.args.get("order")
        return [
            exp.Ordered(
                this=again(self._resolve_name(one.this, scope, columns, select)),
                desc=one.args.get("desc"),
                nulls_first=one.args.get("nulls_first"),
            )
            for one in (clause.expressions if clause is not None else ())
        ]

    def _conditions(self, where: exp.Expr | None, scope: QueryScope) -> tuple[exp.Expr, ...]:
        """Return the parts of a condition by which groups lose rows; that they have a key takes none."""
        keys = {text(key) for key in scope.rows.grain or ()}
        parts = [] if where is None else _conjuncts(where.this)
        values = [*scope.rows.conditions, *(self._expressions.value(one, scope) for one in parts)]
        return tuple(one for one in values if _present_column(one) not in keys)

    def _numbered_keys(self, condition: exp.Expr, scope: QueryScope) -> list[tuple[exp.Expr, ...]]:
        """Return what no two rows share since a condition leaves one row of each: that with number 1."""
        values = (self._expressions.value(one, scope) for one in _conjuncts(condition))
        numbers = [numbering_of(one, self.leaves) for one in values] if len(scope.sources) == 1 else []
        return [one.keys for one in numbers if one is not None]

    def _outer_equalities(self, condition: exp.Expr, scope: QueryScope) -> tuple[exp.Expr, ...]:
        """Read a condition; return what it makes equal to something of the query around."""
        inner = {leaf.table for rows in scope.sources.values() for leaf in _leaves(rows)}
        columns = []
        for one in _conjuncts(condition):
            value = self._expressions.value(one, scope)
            if isinstance(value, exp.EQ) and scope.around is not None:
                sides = [side for side in (value.left, value.right) if isinstance(side, exp.Column)]
                here = [side for side in sides if side.table in inner]
                columns += here if len(sides) == 2 and len(here) == 1 else []  # noqa: PLR2004 - two sides
        return tuple(columns)


def _conjuncts(condition: exp.Expr) -> list[exp.Expr]:
    return [*condition.flatten()] if isinstance(condition, exp.And) else [condition]


def _present_column(condition: exp.Expr) -> str | None:
    """Return what a condition says is not NULL, as text; None where it says something else."""
    inner = bare(condition)
    test = bare(inner.this) if isinstance(inner, exp.Not) else inner
    is_negated = isinstance(inner, exp.Not) or bool(inner.args.get("negate"))
    is_test = isinstance(test, exp.Is) and isinstance(test.expression, exp.Null)
    return text(test.this) if is_test and is_negated else None


def _branches(union: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the queries that one kind of set operation puts together, from left to right."""
    queue = [union]
    while queue:
        one = queue.pop()
        plain = not any(one.args.get(key) for key in ("with_", "with", "limit", "offset"))
        if type(one) is type(union) and (plain or one is union):
            queue += [one.expression, one.this]
        else:
            yield one


def _cut(rows: RelationRows) -> RelationRows:
    rows.is_filtered = True
    return rows


def _leaves(rows: RelationRows) -> Iterator[exp.Column]:
    for value in rows.columns.values():
        yield from value.find_all(exp.Column)


def _of(clause: exp.Expr | None) -> tuple[exp.Expr, ...]:
    return () if clause is None else (clause.this,)
