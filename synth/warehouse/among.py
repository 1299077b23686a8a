"""Columns that hold one of the values of another table: asked of real rows, and put right in rows of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

from synth.warehouse.rules import PLACE
from synth.warehouse.session import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.domain import Across, Relation
    from synth.warehouse.across import FactTable
    from synth.warehouse.session import Connection

# What two types that may differ have in common is how their values are written.
BREAKS: LiteralString = """
from {model} as one
where one.{column} is not null{condition}
    and not exists (
        select from {other} as other
        where other.{source}::text operator(pg_catalog.=) one.{column}::text{pair}
    )
"""
# Which value a row gets follows from its number, so that each is as likely as any other.
UPDATE: LiteralString = """
update {model} as target
set {column} = held.listed[
    1 + pg_catalog.abs(pg_catalog.hashint8(one.{place})::bigint) % pg_catalog.cardinality(held.listed)
]::{type}
from (select {place}, {column}, {own} as "synth own" {breaks}) as one
join (
    select
        {key} as "synth own",
        pg_catalog.array_agg(distinct {source}::text order by {source}::text) as listed
    from {other} as other
    where {source} is not null{such}
    group by 1
) as held on held."synth own" operator(pg_catalog.=) one."synth own"
where target.{place} = one.{place}
"""
DIFFERENT: LiteralString = """
select pg_catalog.count(distinct one.{column}::text)
from {model} as one where one.{column} is not null{condition}
"""
LABELS: LiteralString = """
select {column}::text from {relation} where {column} is not null
group by 1 having pg_catalog.count(*) >= {fewest} order by 1 limit {most}
"""


def count_strangers(fact: Across, tables: Mapping[str, FactTable]) -> sql.Composed:
    """Return the query that counts the rows in which the column holds none of the values."""
    return sql.SQL("select pg_catalog.count(*) ") + _breaks(fact, tables)


def let_belong(fact: Across, tables: Mapping[str, FactTable]) -> sql.Composed:
    """Return the statement by which strangers become one of the values, in numbered rows of ours.

    Rows for which there is no value stay as they are.
    """
    return sql.SQL(UPDATE).format(
        model=identifier(tables[fact.model].relation),
        other=identifier(tables[fact.other].relation),
        column=sql.Identifier(fact.column),
        source=sql.Identifier(fact.source),
        type=sql.SQL(tables[fact.model].types[fact.column]),
        place=sql.Identifier(PLACE),
        own=sql.Identifier(fact.own) if fact.own else sql.SQL("true"),
        key=sql.Identifier(fact.key) if fact.key else sql.SQL("true"),
        such=_such(fact),
        breaks=_breaks(fact, tables),
    )


def labels(session: Connection, relation: Relation, column: str, *, fewest: int, most: int) -> list[str]:
    """Return the values of a column that at least `fewest` rows hold each; `most` of them."""
    query = sql.SQL(LABELS).format(
        relation=identifier(relation),
        column=sql.Identifier(column),
        fewest=sql.Literal(fewest),
        most=sql.Literal(most),
    )
    return [str(row[0]) for row in session.execute(query).fetchall()]


def count_different(session: Connection, fact: Across, tables: Mapping[str, FactTable]) -> int:
    """Return how many different values the column of a fact has in the rows that it is about."""
    query = sql.SQL(DIFFERENT).format(
        model=identifier(tables[fact.model].relation),
        column=sql.Identifier(fact.column),
        condition=_condition(fact),
    )
    return next((int(str(row[0])) for row in session.execute(query).fetchall()), 0)


def _condition(fact: Across) -> sql.Composed:
    """Return what rows that a fact is about fulfil."""
    return _has_label("one", fact.when)


def _such(fact: Across) -> sql.Composed:
    """Return what the rows fulfil of which one is chosen."""
    return _has_label("other", fact.such)


def _has_label(row: str, place: tuple[str, str] | None) -> sql.Composed:
    """Return that a row has a label in a column, as one more condition; none without a place."""
    if not place:
        return sql.Composed([])
    column, label = place
    return sql.SQL(" and {}.{}::text operator(pg_catalog.=) {}").format(
        sql.Identifier(row), sql.Identifier(column), sql.Literal(label)
    )


def _breaks(fact: Across, tables: Mapping[str, FactTable]) -> sql.Composed:
    pair = sql.Composed([])
    if fact.own:
        pair = sql.SQL(" and other.{} operator(pg_catalog.=) one.{}").format(
            sql.Identifier(fact.key), sql.Identifier(fact.own)
        )
    return sql.SQL(BREAKS).format(
        model=identifier(tables[fact.model].relation),
        other=identifier(tables[fact.other].relation),
        column=sql.Identifier(fact.column),
        source=sql.Identifier(fact.source),
        condition=_condition(fact),
        pair=pair + _such(fact),
    )
