"""What the values of columns say of them: how many differ, and which of them another column lacks.

Each query reads a stated number of rows at most and ends after a stated time; what it would have said is then
not known, and nothing is concluded from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

from psycopg import errors, sql

from synth.domain import Kind
from synth.warehouse.copying import refuse_foreign_query
from synth.warehouse.session import identifier, limit_time, translate_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.domain import Column, Relation
    from synth.warehouse.session import Connection

MOST = 200_000  # rows of a relation that one query reads
KEYS = 1_000_000  # rows of a parent, whose keys are all needed: of a larger one, nothing is concluded

PROFILE: LiteralString = """
select pg_catalog.count(*), {counts}
from (select {columns} from {relation} limit {most}) as looked_at
"""
COUNTS: LiteralString = "pg_catalog.count({name}), pg_catalog.count(distinct {name}), {low}, {high}"
# A row of the child counts once for each of its values: shares of rows are what joins lose.
MISSING_VALUES: LiteralString = """
with

keys as (select {parent_column}::{common} as value from {parent} limit {keys} + 1),

child as (select {column}::{common} as value from {child} where {column} is not null limit {most})

select
    pg_catalog.count(*),
    pg_catalog.count(*) filter (where parent.value is null),
    (select pg_catalog.count(*) from keys),
    (
        select pg_catalog.count(*) from keys
        where value between (select pg_catalog.min(value) from child) and (
            select pg_catalog.max(value) from child
        )
    )
from child
left join (select distinct value from keys) as parent on child.value operator(pg_catalog.=) parent.value
"""
SPREAD: LiteralString = """
select pg_catalog.count(*), pg_catalog.count(*) filter (where several)
from (
    select {key}, pg_catalog.count(distinct {value}) operator(pg_catalog.>) {number} as several
    from (select {key}, {value} from {relation} where {key} is not null limit {most}) as looked_at
    group by {key}
) as keys
"""
WHOLE = frozenset({Kind.INTEGER, Kind.DECIMAL})
REFUSALS = (errors.QueryCanceled, errors.CannotCoerce, errors.DatatypeMismatch, errors.UndefinedFunction)


@dataclass(frozen=True, slots=True)
class ValueCounts:
    """How many rows were looked at, how many have a value, and how many values differ.

    Attributes:
        whole: whether these are all rows of the relation.
        low: the smallest of whole numbers, and `high` the largest; 0 of other types.
    """

    rows: int
    present: int
    different: int
    whole: bool = True
    low: int = 0
    high: int = 0

    @property
    def unique(self) -> bool:
        """Whether no two of the rows share a value."""
        return 0 < self.present == self.different

    @property
    def has_repeats(self) -> bool:
        """Whether some value is that of several rows."""
        return self.different < self.present


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Of so many rows with a value, how many have one that the other column lacks.

    Attributes:
        keys_between: how many the other column has from the smallest to the largest of these values.
    """

    rows: int
    missing_rows: int
    keys_between: int

    @property
    def share(self) -> float:
        """The share of rows whose value is missing."""
        return self.missing_rows / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Of so many keys, how many have more than a number of different values."""

    keys: int
    wide_keys: int

    @property
    def is_none(self) -> bool:
        """Whether there are keys, and none of them has."""
        return self.keys > 0 and self.wide_keys == 0

    @property
    def is_all(self) -> bool:
        """Whether there are keys, and each of them has."""
        return self.keys == self.wide_keys > 0


def profile(
    session: Connection, relation: Relation, columns: Sequence[Column]
) -> dict[str, ValueCounts] | None:
    """Return how the values of each column repeat, by its name; None where the time did not suffice."""
    if not columns:
        return {}
    refuse_foreign_query(session, relation)
    query = sql.SQL(PROFILE).format(
        counts=sql.SQL(", ").join(map(_counts_of, columns)),
        columns=sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
        relation=identifier(relation),
        most=sql.Literal(MOST + 1),
    )
    row = _answer(session, query, f"count the values of {relation}")
    if row is None:
        return None
    rows, *numbers = row
    groups = zip(columns, *(numbers[place::4] for place in range(4)), strict=True)
    return {
        column.name: ValueCounts(rows, present, different, rows <= MOST, low, high)
        for column, present, different, low, high in groups
    }


def _counts_of(column: Column) -> sql.Composed:
    name = sql.Identifier(column.name)
    ends = ("coalesce(pg_catalog.min({}), 0)", "coalesce(pg_catalog.max({}), 0)")
    low, high = (sql.SQL(one).format(name) if column.kind is Kind.INTEGER else sql.Literal(0) for one in ends)
    return sql.SQL(COUNTS).format(name=name, low=low, high=high)


def count_missing(
    session: Connection, child: Relation, column: Column, parent: Relation, parent_column: Column
) -> Inclusion | None:
    """Return which values of a column another one lacks.

    None where time or rows did not suffice, or where the types differ.
    """
    common = _common(column, parent_column)
    if common is None:
        return None
    for relation in (child, parent):
        refuse_foreign_query(session, relation)
    query = sql.SQL(MISSING_VALUES).format(
        column=sql.Identifier(column.name),
        child=identifier(child),
        parent_column=sql.Identifier(parent_column.name),
        parent=identifier(parent),
        common=sql.SQL(common),
        most=sql.Literal(MOST),
        keys=sql.Literal(KEYS),
    )
    row = _answer(session, query, f"compare {child} with {parent}")
    return None if row is None or row[2] > KEYS else Inclusion(row[0], row[1], row[3])


def count_spread(session: Connection, relation: Relation, key: str, value: str, most: int) -> Spread | None:
    """Return how many values of `key` there are, and how many have more than `most` of `value`.

    None where the time did not suffice.
    """
    refuse_foreign_query(session, relation)
    query = sql.SQL(SPREAD).format(
        key=sql.Identifier(key),
        value=sql.Identifier(value),
        number=sql.Literal(most),
        relation=identifier(relation),
        most=sql.Literal(MOST),
    )
    row = _answer(session, query, f"compare columns of {relation}")
    return None if row is None else Spread(*row)


def _common(one: Column, other: Column) -> LiteralString | None:
    """Return the type in which the values of both are compared; None where they cannot be."""
    if {one.kind, other.kind} <= WHOLE:
        return "pg_catalog.numeric"
    return "pg_catalog.text" if one.kind is other.kind else None


def _answer(session: Connection, query: sql.Composed, action: str) -> tuple[int, ...] | None:
    with translate_errors(action):
        try:
            with limit_time(session):
                row = session.execute(query).fetchone()
        except REFUSALS:  # the time did not suffice, or values of such types cannot be compared
            return None
    return None if row is None else tuple(int(str(number)) for number in row)
