"""What expressions are made of: columns of relations, and leaves for what tells of other rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from synth.graph.origins import ColumnRef

OPAQUE = "*"  # the table that leaves other than columns of relations are in


class Sort(StrEnum):
    """What a leaf stands for."""

    COLUMN = "column"  # of a relation
    GROUP = "group"  # an aggregate
    WINDOW = "window"
    LOOKUP = "lookup"  # a subquery
    SERIES = "series"  # a function that gives several rows
    UNION = "union"  # the same column of several queries
    RECURSION = "recursion"  # what changes from step to step of a recursive query
    OUTER = "outer"  # an expression of a side that an outer join may leave empty
    LONG = "long"  # an expression too long to be followed
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a leaf stands for.

    Attributes:
        ref: the column, of a column.
        parts: the expressions that it is made of.
        keys: what rows are grouped or partitioned by.
        over: the relations whose rows it is over.
        function: its name.
        reason: why nothing is known.
        window: of a window, as it is written: how rows are sorted and framed.
    """

    sort: Sort
    ref: ColumnRef | None = None
    parts: tuple[exp.Expr, ...] = ()
    keys: tuple[exp.Expr, ...] = ()
    over: tuple[str, ...] = ()
    function: str = ""
    reason: str = ""
    window: exp.Window | None = None


@dataclass(slots=True)
class RelationRows:
    """What a query or a part of FROM gives.

    Attributes:
        columns: each as an expression over leaves, in order.
        instance: of a relation whose columns nobody knows, so any name may be one.
        spine: the node of which each row gives at most one of these.
        is_filtered: rows of it may be missing.
        keys: expressions that are unique together.
        over: the relations whose rows these are.
        outer_equalities: expressions that a condition makes equal to something of the query around.
        conditions: by which rows were left out, where that is followed.
    """

    columns: dict[str, exp.Expr] = field(default_factory=dict)
    instance: str = ""
    spine: str | None = None
    is_filtered: bool = False
    keys: list[tuple[exp.Expr, ...]] = field(default_factory=list)
    grain: tuple[exp.Expr, ...] | None = None
    over: tuple[str, ...] = ()
    outer_equalities: tuple[exp.Expr, ...] = ()
    conditions: tuple[exp.Expr, ...] = ()


class QueryLeaves:
    """All leaves of one model's query, by name; equal ones are one.

    Attributes:
        nullable: mentions of relations that an outer join may leave without a row.
        nodes: the relation of every mention.
        cuts: leaves, and mentions with "", after which rows were left out or put together.
        joins: those after which rows were joined with others.
    """

    def __init__(self) -> None:
        self.nullable: set[str] = set()
        self.nodes: dict[str, str] = {}
        self.cuts: set[tuple[str, str]] = set()
        self.joins: set[tuple[str, str]] = set()
        self._leaf_by_name: dict[tuple[str, str], Leaf] = {}
        self._name_by_key: dict[tuple[object, ...], str] = {}

    def instance(self, node: str) -> str:
        """Return a name for one more mention of a relation, whose rows are not those of other mentions."""
        name = str(len(self.nodes) + 1)
        self.nodes[name] = node
        return name

    def column(self, instance: str, ref: ColumnRef) -> exp.Column:
        """Return the leaf of a relation's column."""
        self._leaf_by_name.setdefault((instance, ref.column), Leaf(Sort.COLUMN, ref))
        return leaf(instance, ref.column)

    def opaque(self, meaning: Leaf, *identity: object) -> exp.Column:
        """Return the leaf that stands for this: the same for equal ones with the same identity."""
        parts, keys = map(text, meaning.parts), map(text, meaning.keys)
        label = (meaning.sort, meaning.function, meaning.reason, *identity, *parts, "by", *keys)
        name = self._name_by_key.setdefault(label, str(len(self._name_by_key)))
        self._leaf_by_name.setdefault((OPAQUE, name), meaning)
        return leaf(OPAQUE, name)

    def cut(self, values: Iterable[exp.Expr]) -> None:
        """Note that rows were left out or put together after these values were computed."""
        self.cuts |= _places(values)

    def join(self, values: Iterable[exp.Expr]) -> None:
        """Note that rows were joined with others after these values were computed."""
        self.joins |= _places(values)

    def unknown_column(self, reason: str) -> exp.Column:
        """Return a leaf of which nothing can be said."""
        return self.opaque(Leaf(Sort.UNKNOWN, reason=reason))

    def __getitem__(self, column: exp.Column) -> Leaf:
        return self._leaf_by_name[(column.table, column.name)]

    def again(self, rows: RelationRows) -> RelationRows:
        """Return the same rows once more, as another mention of them."""
        return _Mention(self).rows(rows)


class _Mention:
    """Leaves of one mention of a query's rows, each made anew."""

    def __init__(self, leaves: QueryLeaves) -> None:
        self._leaves = leaves
        self._instances: dict[str, str] = {}
        self._number = leaves.instance("")

    def rows(self, rows: RelationRows) -> RelationRows:
        return RelationRows(
            {name: self._value(value) for name, value in rows.columns.items()},
            self._instance(rows.instance) if rows.instance else "",
            rows.spine,
            rows.is_filtered,
            [self._values(key) for key in rows.keys],
            None if rows.grain is None else self._values(rows.grain),
            rows.over,
            conditions=self._values(rows.conditions),
        )

    def _instance(self, name: str) -> str:
        if name not in self._instances:
            self._instances[name] = self._leaves.instance(self._leaves.nodes[name])
            if name in self._leaves.nullable:
                self._leaves.nullable.add(self._instances[name])
            self._follow((name, ""), (self._instances[name], ""))
        return self._instances[name]

    def _values(self, values: Sequence[exp.Expr]) -> tuple[exp.Expr, ...]:
        return tuple(map(self._value, values))

    def _value(self, value: exp.Expr) -> exp.Expr:
        return self._rename(value) if isinstance(value, exp.Column) else value.transform(self._rename)

    def _rename(self, node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Column):
            return node
        meaning = self._leaves[node]
        if meaning.ref is not None:
            return self._leaves.column(self._instance(node.table), meaning.ref)
        again = replace(meaning, parts=self._values(meaning.parts), keys=self._values(meaning.keys))
        copy = self._leaves.opaque(again, self._number, node.name)
        self._follow((node.table, node.name), (copy.table, copy.name))
        return copy

    def _follow(self, place: tuple[str, str], copy: tuple[str, str]) -> None:
        for marks in (self._leaves.cuts, self._leaves.joins):
            if place in marks:
                marks.add(copy)


def _places(values: Iterable[exp.Expr]) -> set[tuple[str, str]]:
    """Return the leaves of values, and the mentions of relations that they are columns of."""
    columns = (column for value in values for column in value.find_all(exp.Column))
    return {(one.table, one.name if one.table == OPAQUE else "") for one in columns}


def window_call(meaning: Leaf) -> exp.Window | None:
    """Return the call that a window stands for, in terms of leaves; None for any other leaf."""
    if meaning.window is None:
        return None
    call, *keys = meaning.parts
    order = meaning.window.args.get("order")
    directions = order.expressions if order else []
    sorts = [
        exp.Ordered(this=again(key), desc=one.args.get("desc"), nulls_first=one.args.get("nulls_first"))
        for key, one in zip(keys, directions, strict=True)
    ]
    spec = meaning.window.args.get("spec")
    return exp.Window(
        this=again(call),
        partition_by=[again(key) for key in meaning.keys],
        order=exp.Order(expressions=sorts) if sorts else None,
        spec=spec.copy() if spec else None,
        over="OVER",
    )


def leaf(table: str, name: str) -> exp.Column:
    """Return a leaf by its name."""
    return exp.column(exp.to_identifier(name, quoted=True), exp.to_identifier(table, quoted=True))


def text(value: exp.Expr) -> str:
    """Return the expression as SQL, by which equal ones are recognised."""
    value = bare(value)
    if isinstance(value, exp.Column):  # most are, and SQL takes its time to be written
        return f'"{value.table}"."{value.name}"'
    return value.sql(dialect="postgres", comments=False)


def again(value: exp.Expr) -> exp.Expr:
    """Return the expression once more, to stand elsewhere."""
    return leaf(value.table, value.name) if isinstance(value, exp.Column) else value.copy()


def size(value: exp.Expr) -> int:
    """Return how many parts the expression has."""
    return sum(1 for _ in value.walk())


def bare(value: exp.Expr) -> exp.Expr:
    """Return the expression without brackets around it."""
    while isinstance(value, exp.Paren):
        value = value.this
    return value


def leaves_of(values: Iterable[exp.Expr]) -> Iterator[exp.Column]:
    """Return every leaf of these expressions."""
    for value in values:
        yield from value.find_all(exp.Column)
