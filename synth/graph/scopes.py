"""The names that a query may use: what stands in its FROM, and in those of the queries around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from synth.graph.leaves import Leaf, QueryLeaves, RelationRows, Sort, bare, leaves_of
from synth.graph.origins import ColumnRef

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What gives a value although all that it mentions is NULL.
FILLERS: tuple[type[exp.Expr], ...] = (
    exp.Coalesce,
    exp.Case,
    exp.If,
    exp.Is,
    exp.Concat,
    exp.ConcatWs,
    exp.Greatest,
    exp.Least,
    exp.Anonymous,
)
FILLERS += (exp.NullSafeEQ, exp.NullSafeNEQ, exp.And, exp.Or, exp.In, exp.JSONObject, exp.Array)


@dataclass(slots=True)
class QueryScope:
    """What a query may name.

    Attributes:
        around: the scope of the query that this one stands in.
        ctes: what `with` has named.
        sources: the parts of FROM by alias.
        merged_columns: columns that a join with `using` made one.
        rows: what all of FROM gives together; its columns are not used.
        windows: named in the query's WINDOW clause.
        conditions: by which rows were left out before they were grouped.
        mark: tells it from all other scopes of the model.
    """

    leaves: QueryLeaves
    around: QueryScope | None = None
    ctes: Mapping[str, RelationRows] = field(default_factory=dict)
    sources: dict[str, RelationRows] = field(default_factory=dict)
    merged_columns: dict[str, exp.Expr] = field(default_factory=dict)
    rows: RelationRows = field(default_factory=RelationRows)
    windows: dict[str, exp.Window] = field(default_factory=dict)
    conditions: tuple[exp.Expr, ...] = ()
    mark: str = ""

    def __post_init__(self) -> None:
        self.mark = self.leaves.instance("")

    def find(self, name: str, table: str = "") -> exp.Expr | None:
        """Return what the name means, here or around; None where it is not there."""
        scope: QueryScope | None = self
        while scope is not None:
            value = scope.own(name, table)
            if value is not None:
                return value
            scope = scope.around
        return None

    def own(self, name: str, table: str) -> exp.Expr | None:
        """Return what the name means in this query alone."""
        if table:
            return self._of(self.sources[table], name) if table in self.sources else None
        if name in self.merged_columns:
            return self.merged_columns[name]
        values = [rows.columns[name] for rows in self.sources.values() if name in rows.columns]
        if values:
            return values[0]
        unlisted_rows = [rows for rows in self.sources.values() if rows.instance]
        return self._of(unlisted_rows[0], name) if len(unlisted_rows) == 1 else None

    def _of(self, rows: RelationRows, name: str) -> exp.Expr | None:
        if name in rows.columns:
            return rows.columns[name]
        if rows.instance:
            return self.leaves.column(rows.instance, ColumnRef(self.leaves.nodes[rows.instance], name))
        return None

    def star(self, table: str = "") -> Iterator[tuple[str, exp.Expr]]:
        """Yield every column that `*` or `table.*` stands for, in order."""
        if not table:
            yield from self.merged_columns.items()
        for alias, rows in self.sources.items():
            if not table or alias == table:
                for name, value in rows.columns.items():
                    if table or name not in self.merged_columns:
                        yield name, value

    def add(self, alias: str, rows: RelationRows) -> None:
        """Put one more part of FROM into this scope, joined with nothing yet."""
        while alias in self.sources:
            alias += "'"
        self.sources[alias] = rows

    def hollow(self, aliases: list[str]) -> None:
        """Let an outer join leave these parts without a row."""
        for alias in aliases:
            rows = self.sources[alias]
            for name, value in rows.columns.items():
                rows.columns[name] = self._hollow(value)
            self.leaves.nullable |= {leaf.table for leaf in leaves_of(rows.columns.values())}
            if rows.instance:
                self.leaves.nullable.add(rows.instance)

    def _hollow(self, value: exp.Expr) -> exp.Expr:
        return self.leaves.opaque(Leaf(Sort.OUTER, parts=(value,))) if fills(value) else value


def fills(value: exp.Expr) -> bool:
    """Return whether the expression may be a value where everything that it mentions is NULL."""
    value = bare(value)
    if isinstance(value, exp.Column):
        return False
    return value.find(*FILLERS) is not None or value.find(exp.Column) is None


def fold(name: exp.Expr | None) -> str:
    """Return the name that an identifier means: quoted as it stands, else in lower case."""
    if name is None:
        return ""
    if isinstance(name, exp.Identifier):
        return str(name.this) if name.args.get("quoted") else str(name.this).lower()
    return name.name.lower()


def name_of(projection: exp.Expr) -> str:  # noqa: PLR0911 - a form of expression each
    """Return what Postgres calls a column of a query that is selected as this expression."""
    if isinstance(projection, exp.Alias):
        return fold(projection.args["alias"])
    if isinstance(projection, exp.Column):
        return fold(projection.this)
    if isinstance(projection, exp.Dot):
        return fold(projection.expression)
    if isinstance(projection, exp.Cast):
        inner = name_of(projection.this)
        return inner if inner != "?column?" else projection.to.sql(dialect="postgres").lower()
    if isinstance(projection, exp.Paren | exp.Filter | exp.Window | exp.WithinGroup):
        return name_of(projection.this)
    if isinstance(projection, exp.Case):
        other = projection.args.get("default")
        return name_of(other) if isinstance(other, exp.Column) else "case"
    if isinstance(projection, exp.Anonymous):
        return projection.name.lower()
    if isinstance(projection, exp.Subquery) and isinstance(projection.this, exp.Select):
        return name_of(projection.this.expressions[0])
    if isinstance(projection, exp.Func):
        return projection.sql(dialect="postgres").partition("(")[0].lower()
    return "?column?"
