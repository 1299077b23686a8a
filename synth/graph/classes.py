"""What kind of origin an expression over leaves is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from synth.graph.leaves import Leaf, QueryLeaves, Sort, bare, leaves_of
from synth.graph.origins import (
    Aggregate,
    ChoiceOrigin,
    ColumnRef,
    Copy,
    Expression,
    GeneratedValue,
    Origin,
    UnknownOrigin,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OF_ROWS = frozenset({Sort.GROUP, Sort.WINDOW, Sort.LOOKUP, Sort.RECURSION})
PICKERS = frozenset({"min", "max", "mode", "lag", "lead", "select"})
PICKERS |= {f"{which}{joint}value" for which in ("any", "first", "last", "nth") for joint in ("", "_")}
TEXTS = frozenset({"text", "character varying", "varchar", "name", "character", "citext"})
WHOLE = frozenset({"smallint", "integer", "bigint", "int", "int2", "int4", "int8"})
EXACT = WHOLE | {"numeric", "decimal"}


class Nameless(exp.Expression):
    """A part of an expression that has no SQL of its own."""


class Origins:
    """Says of expressions over leaves where they come from.

    Attributes:
        types: of columns, as Postgres prints them, by node.
    """

    def __init__(self, leaves: QueryLeaves, types: Mapping[str, Mapping[str, str]]) -> None:
        self._leaves = leaves
        self._types = types

    def origin(self, value: exp.Expr) -> Origin:
        """Return the origin of a column that is selected as `value`."""
        value = bare(value)
        if isinstance(value, exp.Column):
            return self._leaf(value)
        if isinstance(value, exp.Cast):
            inner = self.origin(value.this)
            if isinstance(inner, Copy):
                kind = value.to.sql(dialect="postgres").lower()
                return Copy(inner.source, kind) if self._keeps(inner, kind) else self._mix([value], value)
        branches = _branches(value)
        if branches:
            choice = _choice([self.origin(one) for one in branches if not isinstance(one, exp.Null)])
            if choice is not None:
                return replace(choice, sql=self._sql(value)) if isinstance(choice, ChoiceOrigin) else choice
        return self._mix([value], value)

    def _keeps(self, copy: Copy, kind: str) -> bool:
        """Return whether a cast leaves what the value says, so that equal texts mean equal values."""
        if kind in {"text", "varchar", "character varying"}:
            return True
        now = copy.cast or self._types.get(copy.source.node, {}).get(copy.source.column, "")
        plain = now.partition("(")[0].strip()
        if kind in {plain, "uuid"}:
            return True
        if kind in WHOLE:
            return plain in WHOLE | TEXTS
        if kind in EXACT or kind == "date":
            return plain in (EXACT if kind in EXACT else {"date"}) | TEXTS
        return kind.startswith("timestamp") and plain in {"date"} | TEXTS

    def _leaf(self, column: exp.Column) -> Origin:
        leaf = self._leaves[column]
        if leaf.ref is not None:
            return Copy(leaf.ref)
        if leaf.sort is Sort.UNKNOWN:
            return UnknownOrigin(leaf.reason)
        if leaf.sort is Sort.OUTER:
            return self.origin(leaf.parts[0])
        if leaf.sort is Sort.UNION:
            return self._union(leaf, column)
        return self._mix([column], column)

    def _union(self, leaf: Leaf, column: exp.Column) -> Origin:
        parts = [part for part in leaf.parts if not isinstance(_without_cast(part), exp.Null)]
        return _choice([self.origin(part) for part in parts]) or self._mix([column], None)

    def _mix(self, values: list[exp.Expr], whole: exp.Expr | None) -> Origin:
        """Return the origin of a function of `values`."""
        leaves = [*self._reach(values)]
        unknown_leaf = next((leaf for leaf in leaves if leaf.sort is Sort.UNKNOWN), None)
        if unknown_leaf is not None:
            return UnknownOrigin(unknown_leaf.reason)
        sources = tuple(dict.fromkeys(leaf.ref for leaf in leaves if leaf.ref is not None))
        of_rows = [leaf for leaf in leaves if leaf.sort in OF_ROWS]
        if not sources and not any(leaf.over for leaf in of_rows):
            return GeneratedValue("a series" if leaves else "a constant")
        sql = self._sql(whole) if whole is not None else ""
        if not of_rows:
            return Expression(sources, sql)
        return self._aggregate(of_rows, sources, whole, sql)

    def _aggregate(
        self, leaves: list[Leaf], sources: tuple[ColumnRef, ...], whole: exp.Expr | None, sql: str
    ) -> Origin:
        first = leaves[0]
        keys = tuple(dict.fromkeys(leaf.ref for leaf in self._reach(first.keys) if leaf.ref is not None))
        is_row_number = first.sort is Sort.WINDOW and first.function in {"row_number", "rownumber"}
        if is_row_number and not sources and len(leaves) == 1:
            return GeneratedValue("the number of a row in no order")
        over = tuple(dict.fromkeys(node for leaf in leaves for node in leaf.over))
        rest = tuple(one for one in sources if one not in keys)
        picks = self._pick(first) if whole is not None and isinstance(bare(whole), exp.Column) else None
        function = {"rownumber": "row_number", "select": "subquery"}.get(first.function, first.function)
        return Aggregate(over, keys, rest, function, first.sort is Sort.WINDOW, picks, sql)

    def _pick(self, leaf: Leaf) -> ColumnRef | None:
        """Return the column whose value a call such as `min(x)` hands on."""
        if leaf.function not in PICKERS or not leaf.parts:
            return None
        call = leaf.parts[0]
        while isinstance(call, exp.Filter | exp.WithinGroup | exp.IgnoreNulls | exp.RespectNulls):
            call = call.this
        argument = call if leaf.sort is Sort.LOOKUP else call.this
        if not isinstance(argument, exp.Expr):
            return None
        origin = self.origin(argument)
        return origin.source if isinstance(origin, Copy) else getattr(origin, "picks", None)

    def _reach(self, values: Iterable[exp.Expr]) -> Iterable[Leaf]:
        """Yield every leaf that these are made of, at whatever distance."""
        visited_leaves: set[tuple[str, str]] = set()
        queue = [*leaves_of(values)][::-1]
        while queue:
            column = queue.pop()
            if (column.table, column.name) in visited_leaves:
                continue
            visited_leaves.add((column.table, column.name))
            leaf = self._leaves[column]
            yield leaf
            queue += [*leaves_of((*leaf.parts, *leaf.keys))][::-1]

    def _sql(self, value: exp.Expr) -> str:
        expression = value.transform(self._spell)
        return "" if expression.find(Nameless) else expression.sql(dialect="postgres", comments=False)

    def _spell(self, node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Column):
            return node
        leaf = self._leaves[node]
        if leaf.ref is not None:
            return exp.column(leaf.ref.column, leaf.ref.node.rpartition(".")[2])
        plain = leaf.sort not in {Sort.LOOKUP, Sort.UNION, Sort.RECURSION} and leaf.parts
        return leaf.parts[0].transform(self._spell) if plain else Nameless()


def _branches(value: exp.Expr) -> list[exp.Expr]:
    """Return what an expression chooses from, unchanged; nothing for any other expression."""
    if isinstance(value, exp.Coalesce):
        return [value.this, *value.expressions]
    if isinstance(value, exp.Case):
        other = value.args.get("default")
        return [*(one.args["true"] for one in value.args["ifs"]), *([] if other is None else [other])]
    return []


def _without_cast(value: exp.Expr) -> exp.Expr:
    value = bare(value)
    return _without_cast(value.this) if isinstance(value, exp.Cast) else value


def _choice(origins: Sequence[Origin]) -> Copy | ChoiceOrigin | None:
    """Return what a choice from these comes from, if all hand a value on as it is."""
    copies = [one for one in origins if isinstance(one, Copy | ChoiceOrigin)]
    constants = any(
        isinstance(one, GeneratedValue) or (isinstance(one, ChoiceOrigin) and one.constants)
        for one in origins
    )
    if not copies or any(not isinstance(one, Copy | ChoiceOrigin | GeneratedValue) for one in origins):
        return None
    sources = tuple(dict.fromkeys(source for one in copies for source in one.sources))
    if constants or len(sources) > 1 or not all(isinstance(one, Copy) for one in copies):
        return ChoiceOrigin(sources, constants)
    casts = {one.cast for one in copies if isinstance(one, Copy)}
    return Copy(sources[0], next(iter(casts)) if len(casts) == 1 else "")
