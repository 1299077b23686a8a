"""What stands in FROM: relations, queries, functions, and how they are joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sqlglot import exp

from synth.graph.firsts import numbering_of, order_of, take_first
from synth.graph.leaves import Leaf, QueryLeaves, RelationRows, Sort, bare, text
from synth.graph.origins import ColumnRef
from synth.graph.scopes import QueryScope, fold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from synth.graph.expressions import Expressions


class Relations(Protocol):
    """The relations of the database that a query may name."""

    def node(self, schema: str, name: str) -> str:
        """Return the `unique_id` of the relation, or a name for it."""

    def columns(self, node: str) -> Sequence[str] | None:
        """Return its columns; None where nobody knows them."""

    def keys(self, node: str) -> Sequence[Sequence[str]]:
        """Return sets of its columns that are unique together."""


class Sources:
    """Reads what stands in FROM.

    Attributes:
        reads: the relations of the database, in the order in which they are named.
    """

    def __init__(
        self,
        leaves: QueryLeaves,
        relations: Relations,
        expressions: Expressions,
        query: Callable[[exp.Expr, QueryScope], RelationRows],
        *,
        as_groups: bool = False,
    ) -> None:
        self.reads: dict[str, None] = {}
        self._leaves = leaves
        self._relations = relations
        self._expressions = expressions
        self._query = query
        self._as_groups = as_groups
        self._ctes_in_use: set[int] = set()  # what `with` has named and was read once

    def read(self, select: exp.Expr, scope: QueryScope) -> None:
        """Put everything that stands in the query's FROM into its scope."""
        start = select.args.get("from_") or select.args.get("from")
        if start is not None:
            self._begin(start.this, scope)
        for view in select.args.get("laterals") or ():
            self._join(exp.Join(this=view), scope)
        for join in select.args.get("joins") or ():
            self._join(join, scope)

    def _begin(self, item: exp.Expr, scope: QueryScope) -> None:
        scope.rows = self._add(item, scope)
        for join in item.args.get("joins") or ():
            self._join(join, scope)

    def _add(self, item: exp.Expr, scope: QueryScope) -> RelationRows:
        """Put one part of FROM into the scope, and return it."""
        alias = item.args.get("alias")
        if isinstance(item, exp.Subquery) and isinstance(item.this, exp.Table):
            return self._brackets(item, scope)
        rows = rename(self._item(item, scope), alias)
        name = fold(alias.this) if alias is not None and alias.this else _alias(item)
        scope.add(name, rows)
        return rows

    def _brackets(self, item: exp.Subquery, scope: QueryScope) -> RelationRows:
        inner = QueryScope(self._leaves, scope.around, scope.ctes)
        self._begin(item.this, inner)
        alias = item.args.get("alias")
        if alias is not None:
            rows = rename(copy_rows(inner.rows, dict(inner.star())), alias)
            scope.add(fold(alias.this), rows)
            return rows
        for name, rows in inner.sources.items():
            scope.add(name, rows)
        scope.merged_columns |= inner.merged_columns
        return inner.rows

    def _item(self, item: exp.Expr, scope: QueryScope) -> RelationRows:
        if isinstance(item, exp.Lateral):
            return self._item(item.this, scope)
        if isinstance(item, exp.Table) and isinstance(item.this, exp.Identifier):
            return self._relation(item, scope)
        if isinstance(item, exp.Subquery | exp.Query | exp.Values):
            return self._query(item, scope)
        return self._function(item, scope)

    def _relation(self, item: exp.Table, scope: QueryScope) -> RelationRows:
        name, schema = fold(item.this), fold(item.args.get("db"))
        if not schema and name in scope.ctes:
            rows = scope.ctes[name]
            if id(rows) in self._ctes_in_use:
                return self._leaves.again(rows)
            self._ctes_in_use.add(id(rows))
            return copy_rows(rows, dict(rows.columns))
        node = self._relations.node(schema, name)
        self.reads[node] = None
        instance = self._leaves.instance(node)
        columns = self._relations.columns(node)
        leaves = {one: self._leaves.column(instance, ColumnRef(node, one)) for one in columns or ()}
        keys = [
            tuple(leaves[one] for one in key) for key in self._relations.keys(node) if leaves.keys() >= {*key}
        ]
        return RelationRows(
            {**leaves},
            instance if columns is None else "",
            spine=node,
            is_filtered=item.args.get("sample") is not None,
            keys=[*keys],
            over=(node,),
        )

    def _function(self, item: exp.Expr, scope: QueryScope) -> RelationRows:
        """Return what a function in FROM gives: the columns that its alias lists, else one of its name."""
        calls = item.args.get("rows_from") or [item]
        calls = [one.this if isinstance(one, exp.Table) else one for one in calls]
        parts = tuple(self._expressions.arguments(one, scope) for one in calls)
        alias = item.args.get("alias") or (item.parent.args.get("alias") if item.parent else None)
        names = [fold(one.this if isinstance(one, exp.ColumnDef) else one) for one in _columns(alias)]
        if not names:
            names = [
                fold(alias.this)
                if alias is not None and alias.this
                else calls[0].name.lower() or calls[0].key
            ]
            if item.args.get("ordinality") or isinstance(item.args.get("offset"), bool | exp.Expr):
                names.append("ordinality")
        leaf = Leaf(Sort.SERIES, parts=parts, function=names[0])
        columns = {name: self._leaves.opaque(leaf, id(item), place) for place, name in enumerate(names)}
        offset = item.args.get("offset")
        if isinstance(offset, exp.Identifier):
            columns[fold(offset)] = self._leaves.opaque(leaf, id(item), "offset")
        return RelationRows({**columns})

    def _join(self, join: exp.Join, scope: QueryScope) -> None:
        before = [*scope.sources]
        rows = self._add(join.this, scope)
        for inner in join.this.args.get("joins") or ():
            self._join(inner, scope)
        new = [alias for alias in scope.sources if alias not in before]
        side = str(join.args.get("side") or "").upper()
        pairs = self._merge(join, scope, before, new, side)
        pairs += self._equated_pairs(join.args.get("on"), scope, rows)
        _follow(scope.rows, rows, pairs, side)
        if side in {"LEFT", "FULL"}:
            scope.hollow(new)
        if side in {"RIGHT", "FULL"}:
            scope.hollow(before)

    def _merge(
        self, join: exp.Join, scope: QueryScope, before: list[str], new: list[str], side: str
    ) -> list[tuple[str, str]]:
        """Make one column of two that `using` names; return what is equal by that."""
        names = [fold(one) for one in join.args.get("using") or ()]
        right_columns = {name: value for alias in new for name, value in scope.sources[alias].columns.items()}
        left_columns = {
            name: value for alias in reversed(before) for name, value in scope.sources[alias].columns.items()
        }
        left_columns |= scope.merged_columns
        if str(join.args.get("method") or "").upper() == "NATURAL":
            names = [name for name in left_columns if name in right_columns]
        pairs = []
        for name in names:
            one = left_columns.get(name) or scope.find(name)
            other = right_columns.get(name) or scope.find(name, new[0])
            if one is None or other is None:
                continue
            pairs.append((text(one), text(other)))
            value = other if side == "RIGHT" else one
            if side == "FULL":
                value = exp.Coalesce(this=one.copy(), expressions=[other.copy()])
            scope.merged_columns[name] = value
        return pairs

    def _equated_pairs(
        self, condition: exp.Expr | None, scope: QueryScope, rows: RelationRows
    ) -> list[tuple[str, str]]:
        """Return what the condition of a join says is equal; it may leave one row of each key."""
        if condition is None:
            return []
        pairs = []
        condition = bare(condition)
        for one in condition.flatten() if isinstance(condition, exp.And) else [condition]:
            value = bare(self._expressions.value(one, scope))
            number = numbering_of(value, self._leaves) if self._as_groups else None
            if number is not None and text(value.this) in {*map(text, rows.columns.values())}:
                take_first(rows, number.keys, order_of(number), self._leaves, scope.mark)
            elif isinstance(value, exp.EQ):
                pairs.append((text(value.left), text(value.right)))
        return pairs


def _follow(
    rows: RelationRows, joined_rows: RelationRows, pairs: Sequence[tuple[str, str]], side: str
) -> None:
    """Replace `rows`, all of FROM so far, by their join with `joined_rows`."""
    equal = {one for pair in pairs for one in pair}
    over = tuple(dict.fromkeys((*rows.over, *joined_rows.over)))
    once = any({*map(text, key)} <= equal for key in joined_rows.keys)
    ours = any({*map(text, key)} <= equal for key in rows.keys)
    if once and side in {"", "LEFT"}:
        rows.is_filtered = rows.is_filtered or side == ""
        rows.keys = [*rows.keys, *joined_rows.keys] if ours and not side else rows.keys
    elif ours and side in {"", "RIGHT"}:
        rows.spine, rows.keys = joined_rows.spine, joined_rows.keys
        rows.is_filtered = joined_rows.is_filtered or side == ""
    else:
        rows.spine, rows.keys = None, []
    rows.over = over
    rows.conditions = (*rows.conditions, *(joined_rows.conditions if side == "" else ()))


def copy_rows(rows: RelationRows, columns: dict[str, exp.Expr]) -> RelationRows:
    """Return the same rows with these columns."""
    return RelationRows(
        columns,
        rows.instance,
        rows.spine,
        rows.is_filtered,
        [*rows.keys],
        rows.grain,
        rows.over,
        rows.outer_equalities,
        rows.conditions,
    )


def _columns(alias: exp.Expr | None) -> Sequence[exp.Expr]:
    return alias.args.get("columns") or () if alias is not None else ()


def rename(rows: RelationRows, alias: exp.Expr | None) -> RelationRows:
    """Return the rows with the names that an alias lists for their columns."""
    names = [fold(one) for one in _columns(alias) if not isinstance(one, exp.ColumnDef)]
    if not names:
        return rows
    old = [*rows.columns]
    return copy_rows(rows, dict(zip([*names, *old[len(names) :]], rows.columns.values(), strict=False)))


def _alias(item: exp.Expr) -> str:
    return (
        fold(item.this) if isinstance(item, exp.Table) and isinstance(item.this, exp.Identifier) else item.key
    )
