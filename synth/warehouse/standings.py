"""Numbers that say how things stand, in SQL: what adds up so far, and which place a row has among others."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

from synth.domain import Way
from synth.warehouse.rules import PLACE
from synth.warehouse.session import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from synth.domain import Across
    from synth.warehouse.across import FactTable
    from synth.warehouse.session import Connection

# Rows of both models in one order, those of the other with what they add. Equal times count as before.
SO_FAR: LiteralString = """
from (
    select {columns}, {totals}
    from (
        select
            {own_columns}, one.{own}::text as "synth owner", {own_time} as "synth time",
            {own_period} as "synth period", true as "synth own", {nothing}
        from (select * from {model} {probe}) as one {own_join}
        union all
        select
            {nulls}, other.{key}::text, {other_time}, {other_period}, false, {amounts}
        from {other} as other {other_join}
        where other.{key} in (select {own} from {model} {probe})
    ) as events
    window so_far as (partition by "synth owner", "synth period" order by "synth time")
) as one
where one."synth own"
"""
RANKS: LiteralString = """
from (
    select one.*, {ranks} from {model} as one
) as one
where one.{own} is not null
"""
RANK: LiteralString = """
pg_catalog.row_number() over (
    partition by one.{own} order by one.{source} {direction} nulls last, one.{column}
) as {name}
"""
JOIN: LiteralString = "join {parent} as stands on stands.{key} operator(pg_catalog.=) {row}.{reference}"
REPEATS: LiteralString = """
select exists (
    select from {model} where pg_catalog.num_nulls({columns}) = 0
    group by {columns} having pg_catalog.count(*) > 1
)
"""
DECIDES: LiteralString = """
select
    not exists (select from {model} group by {column} having pg_catalog.count(distinct {source}) > 1)
    or (select {is_copied} from {model})
"""
IS_COPY: LiteralString = "coalesce(pg_catalog.bool_and({other} operator(pg_catalog.=) {column}), false)"
COUNTS: LiteralString = """
select {all_count} from (select {counts} from {model} where {own} is not null group by {own}) as groups
"""
# Distinct numbers of which the least is 1 and the most is how many they are.
COUNT: LiteralString = """
pg_catalog.min({column}) operator(pg_catalog.=) 1
and pg_catalog.max({column}) operator(pg_catalog.=) pg_catalog.count(*)
and pg_catalog.count(distinct {column}) operator(pg_catalog.=) pg_catalog.count(*) as {name}
"""
NOTHING = sql.SQL("null::text")


def is_of_row(session: Connection, table: FactTable, column: str, source: str, others: Sequence[str]) -> bool:
    """Return whether a number goes along with its row: it decides `source`, or one of the others copies it.

    NULL is no other value, and no copy.
    """
    names = {"column": sql.Identifier(column), "source": sql.Identifier(source)}
    copies = [sql.SQL(IS_COPY).format(other=sql.Identifier(one), column=names["column"]) for one in others]
    is_copied = sql.SQL(" or ").join(copies) if copies else sql.SQL("false")
    query = sql.SQL(DECIDES).format(model=identifier(table.relation), is_copied=is_copied, **names)
    return all(bool(row[0]) for row in session.execute(query).fetchall())


def counting(session: Connection, table: FactTable, own: str, names: Sequence[str]) -> list[str]:
    """Return those of the columns that count the rows of each key from 1 on, in any order."""
    comma, places = sql.SQL(", "), [sql.Identifier(_name(place)) for place in range(len(names))]
    counts = comma.join(
        sql.SQL(COUNT).format(column=sql.Identifier(name), name=place)
        for name, place in zip(names, places, strict=True)
    )
    all_count = comma.join(sql.SQL("pg_catalog.bool_and({})").format(place) for place in places)
    parts = {"model": identifier(table.relation), "own": sql.Identifier(own)}
    row = session.execute(sql.SQL(COUNTS).format(all_count=all_count, counts=counts, **parts)).fetchone()
    return [name for name, does in zip(names, row or (), strict=True) if does]


def repeats(session: Connection, table: FactTable, names: Sequence[str]) -> bool:
    """Return whether two rows are alike in these columns."""
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    query = sql.SQL(REPEATS).format(model=identifier(table.relation), columns=columns)
    return any(bool(row[0]) for row in session.execute(query).fetchall())


def standing_rows(facts: Sequence[Across], tables: Mapping[str, FactTable], probe: int) -> sql.Composed:
    """Return the rows of a model, `one`, with what each of the facts says in a column `synth 0`, `synth 1`.

    The facts are of one way, and about the same rows; those of sums so far count by one time. Of these, so
    many rows are a `probe`; 0 stands for all.
    """
    return _ranks(facts, tables) if facts[0].way is Way.RANK else _so_far(facts, tables, probe)


def _name(place: int) -> str:
    return f"synth {place}"


def _ranks(facts: Sequence[Across], tables: Mapping[str, FactTable]) -> sql.Composed:
    ranks = [
        sql.SQL(RANK).format(
            own=sql.Identifier(fact.own),
            source=sql.Identifier(fact.source),
            column=sql.Identifier(fact.column),
            direction=sql.SQL("desc" if fact.falls else "asc"),
            name=sql.Identifier(_name(place)),
        )
        for place, fact in enumerate(facts)
    ]
    model, own = identifier(tables[facts[0].model].relation), sql.Identifier(facts[0].own)
    return sql.SQL(RANKS).format(ranks=sql.SQL(", ").join(ranks), model=model, own=own)


def _so_far(facts: Sequence[Across], tables: Mapping[str, FactTable], probe: int) -> sql.Composed:
    first, comma = facts[0], sql.SQL(", ")
    table = tables[first.model]
    names = [sql.Identifier(name) for name in (*table.types, *([PLACE] if table.is_numbered else []))]
    kinds = [*table.types.values(), "bigint"]
    pairs = [*zip(names, kinds, strict=False)]
    places = [sql.Identifier(_name(place)) for place in range(len(facts))]
    own_time, own_period, own_join = _when("one", first, tables)
    other_time, other_period, other_join = _when("other", first, tables)
    return sql.SQL(SO_FAR).format(
        columns=comma.join([*names, sql.SQL('"synth own"')]),
        totals=comma.join(sql.SQL("pg_catalog.sum({0}) over so_far as {0}").format(one) for one in places),
        own_columns=comma.join(sql.SQL("one.{}").format(name) for name in names),
        nulls=comma.join(sql.SQL("null::{}").format(sql.SQL(kind)) for _, kind in pairs),
        nothing=comma.join(sql.SQL("null::numeric as {}").format(one) for one in places),
        amounts=comma.join(_amount(fact) for fact in facts),
        model=identifier(table.relation),
        probe=sql.SQL("limit {}").format(sql.Literal(probe)) if probe else sql.SQL(""),
        other=identifier(tables[first.other].relation),
        own=sql.Identifier(first.own),
        key=sql.Identifier(first.key),
        own_time=own_time,
        own_period=own_period,
        own_join=own_join,
        other_time=other_time,
        other_period=other_period,
        other_join=other_join,
    )


def _amount(fact: Across) -> sql.Composable:
    """Return what a row of the other model adds: its amount, or one if it has the label."""
    if fact.such is None:
        return (
            sql.SQL("other.{}::numeric").format(sql.Identifier(fact.source)) if fact.source else sql.SQL("1")
        )
    column, label = fact.such
    condition = sql.SQL("other.{}::text operator(pg_catalog.=) {}")
    one = condition.format(sql.Identifier(column), sql.Literal(label))
    return sql.SQL("case when {} then 1 else 0 end").format(one)


def _when(
    row: str, fact: Across, tables: Mapping[str, FactTable]
) -> tuple[sql.Composable, sql.Composable, sql.Composable]:
    """Return the time and the period of a row, and what is joined to know them."""
    when = fact.at
    if when is None:
        raise ValueError(f"nothing says when rows are of which {fact}")
    reference = sql.Identifier(when.own if row == "one" else when.other)
    if not when.parent:
        return sql.SQL("{}.{}").format(sql.Identifier(row), reference), NOTHING, sql.SQL("")
    join = sql.SQL(JOIN).format(
        parent=identifier(tables[when.parent].relation),
        key=sql.Identifier(when.key),
        row=sql.Identifier(row),
        reference=reference,
    )
    period = sql.SQL("stands.{}::text").format(sql.Identifier(when.period)) if when.period else NOTHING
    return sql.SQL("stands.{}").format(sql.Identifier(when.time)), period, join
