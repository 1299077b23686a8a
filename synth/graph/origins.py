"""Where the columns and rows of a relation come from, as its SQL says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.graph.choices import RowChoice
    from synth.graph.rewriting import Rewriting


@dataclass(frozen=True, slots=True, order=True)
class ColumnRef:
    """A column of a model, seed, snapshot or source.

    Attributes:
        node: its `unique_id`; `schema.name` of a relation that the manifest does not have.
    """

    node: str
    column: str

    def __str__(self) -> str:
        return f"{self.node.rpartition('.')[2]}.{self.column}"


@dataclass(frozen=True, slots=True)
class Copy:
    """The value of a column, unchanged.

    Attributes:
        cast: the type it was cast to on the way, which keeps what the value says; "" for none.
    """

    source: ColumnRef
    cast: str = ""

    @property
    def sources(self) -> tuple[ColumnRef, ...]:
        """The column, as other origins list theirs."""
        return (self.source,)


@dataclass(frozen=True, slots=True)
class ChoiceOrigin:
    """In each row the unchanged value of one of these columns: a union, the first that is not NULL, a case.

    Attributes:
        constants: or a constant other than NULL.
        sql: in terms of `table.column`; "" for a union.
    """

    sources: tuple[ColumnRef, ...]
    constants: bool = False
    sql: str = ""


@dataclass(frozen=True, slots=True)
class Expression:
    """A function of columns of the same row.

    Attributes:
        sources: every column that it mentions.
        sql: in terms of `table.column`; "" where it is no single one, as with the parts of a union.
    """

    sources: tuple[ColumnRef, ...]
    sql: str = ""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What other rows say: an aggregate, a window function, a subquery, or an expression over such.

    Attributes:
        over: the relations whose rows it is over.
        keys: what they are grouped or partitioned by.
        sources: every column that it mentions, the keys left out.
        function: such as `sum`, `row_number`, `exists`; of the first of them in the expression.
        is_windowed: one value for each row instead of one for each group.
        picks: the column of which it is an unchanged value, as `min`, `lag` or a subquery give one.
        sql: the whole expression in terms of `table.column`.
    """

    over: tuple[str, ...]
    keys: tuple[ColumnRef, ...]
    sources: tuple[ColumnRef, ...]
    function: str
    is_windowed: bool = False
    picks: ColumnRef | None = None
    sql: str = ""


@dataclass(frozen=True, slots=True)
class GeneratedValue:
    """No data at all: a constant, a series, the number of a row in no order of anybody's."""

    reason: str

    @property
    def sources(self) -> tuple[ColumnRef, ...]:
        """No columns."""
        return ()


@dataclass(frozen=True, slots=True)
class UnknownOrigin:
    """Nobody can say."""

    reason: str

    @property
    def sources(self) -> tuple[ColumnRef, ...]:
        """No columns that are certain."""
        return ()


Origin: TypeAlias = Copy | ChoiceOrigin | Expression | Aggregate | GeneratedValue | UnknownOrigin


@dataclass(frozen=True, slots=True)
class LookupOrigin:
    """A column as SQL over columns of its row, called `one`, and of a row of another relation, `other`.

    Attributes:
        own: the columns of the row that it mentions.
        sources: those of the other relation; in the SQL, their places stand for their names.
        key: the column by which rows of the other relation are grouped, if the SQL has aggregates of them.
        sorts: those of `sources` by which rows are sorted, and that nothing is made of.
    """

    column: str
    sql: str
    own: tuple[str, ...]
    sources: tuple[ColumnRef, ...]
    key: ColumnRef | None = None
    sorts: tuple[ColumnRef, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeLineage:
    """Where the rows and columns of one node come from.

    Attributes:
        columns: each with its origin, in the order of the relation.
        reads: the relations that it reads, also in conditions, by `unique_id`; empty is no data at all.
        rows_of: the node of which each row gives at most one row of this one; None where rows are grouped,
            joined by what may occur twice, or put together from several relations.
        is_filtered: there is a condition, a join or a limit by which rows of `rows_of` may be lost.
        grain: columns of this relation by which the rows were grouped, so that they are unique together.
        keys: sets of its columns that are unique together, because rows were grouped by them or joined so.
        formulas: columns as SQL over other columns of this relation, none of which leads back to itself.
        window_formulas: columns as SQL with windows over the rows of this relation, as formulas else.
        complete_windows: columns whose windows saw the rows of this relation, as far as joins lose none.
        lookups: columns as SQL over those of the row and of a row of another relation.
        is_stored: a seed or source, whose rows are data and no query's.
        is_parsed: whether there was SQL and it was understood, or none is needed.
        reason: why not.
        choice: what it chooses of one relation, if it does no more than that.
        rewriting: its query as one that may run on twins, if all of it is known to be harmless.
    """

    columns: Mapping[str, Origin] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    rows_of: str | None = None
    is_filtered: bool = False
    grain: tuple[str, ...] | None = None
    formulas: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[tuple[str, ...], ...] = ()
    window_formulas: Mapping[str, str] = field(default_factory=dict)
    complete_windows: frozenset[str] = frozenset()
    lookups: tuple[LookupOrigin, ...] = ()
    is_stored: bool = False
    is_parsed: bool = True
    reason: str = ""
    choice: RowChoice | None = None
    rewriting: Rewriting | None = None

    @property
    def subset_of(self) -> str | None:
        """The node whose rows these are, some or all of them, if any column is copied from it."""
        origins = [origin for origin in self.columns.values() if isinstance(origin, Copy)]
        return self.rows_of if any(origin.source.node == self.rows_of for origin in origins) else None
