"""Facts across tables in SQL: whether rows keep them, and rows that are made to."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, LiteralString, TypeAlias

import psycopg
from psycopg import sql

from synth.domain import Across, Way
from synth.warehouse.after import is_before
from synth.warehouse.among import count_strangers, let_belong
from synth.warehouse.extract import read
from synth.warehouse.rules import NUMBER, PLACE, let_hold, raise_unless_alive, temporary_copy
from synth.warehouse.session import identifier
from synth.warehouse.standings import standing_rows
from synth.warehouse.totals import let_add_up

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import pyarrow as pa

    from synth.domain import Formula, Relation
    from synth.warehouse.rules import Candidates
    from synth.warehouse.session import Connection

    Assignment: TypeAlias = Across | tuple[str, Formula]

MOST = 300  # facts that one query asks about
PROBE = 2_000  # rows that dismiss nearly all that do not hold,
FEW_ROWS = 100  # and those that do so before, where each question is about another time
PATIENCE = 20_000  # milliseconds that one query may take
CLOSE: LiteralString = "1e-9"  # of a number, that the order of adding may change
STANDINGS = frozenset({Way.SO_FAR, Way.RANK})
NOTHING = sql.SQL("''")  # of text
INEXACT = frozenset({"real", "double precision"})
WHOLE = frozenset({"smallint", "integer", "bigint"})

# One row for each row of the model; what belongs to none is left out of copies.
ONE: LiteralString = """
from (select * from {model} {probe}) as one
{through} join {other} as other on other.{key} operator(pg_catalog.=) {own}
"""
MANY: LiteralString = """
from (select * from {model} {probe}) as one
left join (
    select {key} as "synth key", {values}
    from {other} as other
    where {key} in (select {own} from {model} {probe})
    group by {key}
) as others on others."synth key" operator(pg_catalog.=) one.{own}
"""
DAY: LiteralString = "({source}::date + ({column} operator(pg_catalog.-) {column}::date))"
# How often it is not what is usual: where everything is 0 on both sides, nothing follows from anything.
# A number tells those apart who would have one address now.
MAIL: LiteralString = """
pg_catalog.split_part({column}, '@', 1) operator(pg_catalog.||) {number} operator(pg_catalog.||) '@'
operator(pg_catalog.||) other.{source}
"""
NAMESAKE: LiteralString = """
coalesce(nullif(pg_catalog.row_number() over (
    partition by pg_catalog.lower(pg_catalog.split_part({column}, '@', 1)), other.{source}
    order by one.{place}
), 1)::text, '')
"""
TELLING: LiteralString = """
with one as (select one.{column} as value {rows})
select pg_catalog.count(*)
from one
where value is distinct from (select pg_catalog.mode() within group (order by value) from one) {present}
"""


@dataclass(frozen=True, slots=True)
class FactTable:
    """Where rows of a model are, and what its columns are.

    Attributes:
        types: as Postgres prints them.
        not_null: columns that are never NULL.
        public: its rows are about nobody, and are those of its twin.
        new_numbers: columns that are other ones in its twin.
        figures: numbers that follow from other twins in its own, though the table is public.
        is_numbered: its rows are ours, and numbered.
    """

    relation: Relation
    types: Mapping[str, str]
    not_null: frozenset[str] = frozenset()
    public: bool = False
    new_numbers: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    is_numbered: bool = False


def holding(session: Connection, facts: Sequence[Across], tables: Mapping[str, FactTable]) -> list[Across]:
    """Return those of the facts that all rows keep; what takes too long is not known, and left out."""
    groups: dict[tuple[object, ...], list[Across]] = {}
    for fact in facts:
        if fact.way is not Way.AMONG:
            standing = (fact.way, fact.at) if fact.way in STANDINGS else None
            rows = fact.model, fact.other, fact.own, fact.key
            shape = (*rows, fact.through, fact.is_of_one_row, standing)
            groups.setdefault(shape, []).append(fact)
    true_facts = [
        fact for fact in facts if fact.way is Way.AMONG and count_breaks(session, fact, tables) == 0
    ]
    for group in groups.values():
        candidates: Sequence[Across] = group
        for probe in (FEW_ROWS, PROBE, 0) if group[0].way is Way.SO_FAR else (PROBE, 0):
            candidates = [
                fact for part in _parts(candidates) for fact in _unbroken(session, part, tables, probe)
            ]
        true_facts += candidates
    return [fact for fact in facts if fact in set(true_facts)]


def _parts(facts: Sequence[Across]) -> Iterator[Sequence[Across]]:
    return (facts[start : start + MOST] for start in range(0, len(facts), MOST))


def telling(session: Connection, fact: Across, tables: Mapping[str, FactTable]) -> int:
    """Return in how many of the rows that the fact is about the column is not what it is in most of them."""
    rows = (
        _rows([fact], tables, 0)
        if fact.is_of_one_row
        else sql.SQL("from {} as one").format(identifier(tables[fact.model].relation))
    )
    present = sql.SQL("and value is not null" if fact.way is Way.OWN else "")
    query = sql.SQL(TELLING).format(column=sql.Identifier(fact.column), rows=rows, present=present)
    row = _answer(session, query)
    return row[0] if row else 0


def count_breaks(session: Connection, fact: Across, tables: Mapping[str, FactTable]) -> int | None:
    """Return how many rows break the fact; None where Postgres could not say."""
    fact = fact.mirror if fact.way is Way.PART else fact
    among = fact.way is Way.AMONG
    row = _answer(session, count_strangers(fact, tables) if among else _question([fact], tables, 0))
    return row[0] if row else None


def _unbroken(
    session: Connection, facts: Sequence[Across], tables: Mapping[str, FactTable], probe: int
) -> list[Across]:
    row = _answer(session, _question(facts, tables, probe))
    if row is None:
        return []
    if row:
        return [fact for fact, breaks in zip(facts, row, strict=True) if not breaks]
    middle = len(facts) // 2  # one that Postgres refuses must not hide the others
    parts = [facts[:middle], facts[middle:]] if middle else []
    return [fact for part in parts for fact in _unbroken(session, part, tables, probe)]


def _answer(session: Connection, query: sql.Composed) -> tuple[int, ...] | None:
    """Return the numbers that Postgres answers; none where it refuses, None where it takes too long."""
    try:
        with session.transaction():
            session.execute(sql.SQL("set local statement_timeout = {}").format(sql.Literal(PATIENCE)))
            row = session.execute(query, binary=True).fetchone()
    except psycopg.errors.QueryCanceled as error:
        raise_unless_alive(session, error)
        return None
    except psycopg.Error as error:  # it cannot be compared: nothing is known of it
        raise_unless_alive(session, error)
        return ()
    return None if row is None else tuple(int(str(number)) for number in row)


def _question(facts: Sequence[Across], tables: Mapping[str, FactTable], probe: int) -> sql.Composed:
    """Return the query that counts for each of the facts, all about the same rows, how many break it."""
    counts = sql.SQL(", ").join(
        sql.SQL("pg_catalog.count(*) filter (where {})").format(_differs(fact, place, tables))
        for place, fact in enumerate(facts)
    )
    return sql.SQL("select {} {}").format(counts, _rows(facts, tables, probe))


def _rows(facts: Sequence[Across], tables: Mapping[str, FactTable], probe: int) -> sql.Composed:
    first = facts[0]
    if first.way in STANDINGS:
        return standing_rows(facts, tables, probe)
    parts = {
        "model": identifier(tables[first.model].relation),
        "other": identifier(tables[first.other].relation),
        "key": sql.Identifier(first.key),
        "probe": sql.SQL("limit {}").format(sql.Literal(probe)) if probe else sql.SQL(""),
    }
    if first.is_of_one_row:
        return sql.SQL(ONE).format(**parts, **_between(first, tables))
    values = [
        sql.SQL("{} as {}").format(_aggregate(fact), sql.Identifier(f"synth {place}"))
        for place, fact in enumerate(facts)
    ]
    return sql.SQL(MANY).format(**parts, own=sql.Identifier(first.own), values=sql.SQL(", ").join(values))


def _between(fact: Across, tables: Mapping[str, FactTable]) -> dict[str, sql.Composable]:
    """Return how the way from a row to that which it copies goes on, and where it begins."""
    if fact.through is None:
        return {"through": sql.SQL(""), "own": sql.SQL("one.{}").format(sql.Identifier(fact.own))}
    name, key, leads = fact.through
    join = sql.SQL("join {} as between on between.{} operator(pg_catalog.=) one.{}").format(
        identifier(tables[name].relation), sql.Identifier(key), sql.Identifier(fact.own)
    )
    return {"through": join, "own": sql.SQL("between.{}").format(sql.Identifier(leads))}


def _aggregate(fact: Across) -> sql.Composable:
    if fact.way is Way.SOME:
        return sql.SQL("pg_catalog.count(*) > 0")
    if fact.way is Way.TOTAL:
        return sql.SQL("({})").format(sql.SQL(fact.source))
    column = sql.SQL("other.{}").format(sql.Identifier(fact.source)) if fact.source else sql.SQL("*")
    if fact.way in {Way.FIRST, Way.LAST}:
        direction = sql.SQL(" desc" if fact.way is Way.LAST else "")
        order = sql.SQL(", ").join(
            sql.SQL("other.{}{}").format(sql.Identifier(name), direction) for name in fact.order
        )
        return sql.SQL("(pg_catalog.array_agg({} order by {}))[1]").format(column, order)
    return sql.SQL("pg_catalog.{}({})").format(sql.SQL(fact.way.value), column)


def _value(fact: Across, place: int, *, number: sql.Composable = NOTHING) -> sql.Composable:
    """Return what the fact says the column is; of a mail address with a `number` before its domain."""
    if fact.way is Way.DOMAIN:
        column = sql.SQL("one.{}").format(sql.Identifier(fact.column))
        return sql.SQL(MAIL).format(column=column, source=sql.Identifier(fact.source), number=number)
    if fact.way is Way.DAY:
        names = {"column": sql.Identifier("one", fact.column), "source": sql.Identifier("other", fact.source)}
        return sql.SQL(DAY).format(**names)
    if fact.way in {Way.COPY, Way.OWN}:
        return sql.SQL("other.{}").format(sql.Identifier(fact.source))
    if fact.way is Way.FORMULA:
        return sql.SQL("({})").format(sql.SQL(fact.source))
    own = sql.Identifier("one" if fact.way in STANDINGS else "others", f"synth {place}")
    return sql.SQL("coalesce({}, {})").format(own, sql.SQL(fact.empty)) if fact.empty else own


def _differs(fact: Across, place: int, tables: Mapping[str, FactTable]) -> sql.Composed:
    """Return whether the column is something else, rounded as its type rounds; no value is too large."""
    if fact.way is Way.AFTER:
        return is_before(fact, tables[fact.model].types[fact.column])
    column = sql.SQL("one.{}").format(sql.Identifier(fact.column))
    value, kind = _value(fact, place), tables[fact.model].types[fact.column]
    if kind in INEXACT:
        apart = sql.SQL(
            "coalesce(pg_catalog.abs({column} - {value}) > {close} * greatest(pg_catalog.abs({value}), 1), "
            "num_nulls({column}, {value}) = 1)"
        )
        return apart.format(column=column, value=value, close=sql.SQL(CLOSE))
    scale = re.fullmatch(r"numeric\(\d+,(-?\d+)\)", kind)
    if scale or (kind in WHOLE and fact.way is Way.MEAN):
        digits = sql.SQL(scale.group(1) if scale else "0")
        value = sql.SQL("pg_catalog.round(({})::numeric, {})").format(value, digits)
    elif kind.startswith(("date", "timestamp")):
        value = sql.SQL("({})::{}").format(value, sql.SQL(kind))
    elif kind not in WHOLE and kind != "numeric":
        column, value = (sql.SQL("({})::text").format(one) for one in (column, value))
    differs = sql.SQL("{} is distinct from {}").format(column, value)
    return sql.SQL("({} is not null and {})").format(column, differs) if fact.way is Way.OWN else differs


def agree(
    session: Connection,
    rows: Mapping[str, Candidates],
    steps: Sequence[Assignment],
    tables: Mapping[str, FactTable],
) -> tuple[dict[str, pa.Table], dict[Across, int]]:
    """Return the columns that the steps change, in the order of the rows, and how many rows break a fact.

    Args:
        session: of the caller.
        rows: of twins that wait, and of public tables that are others in their twins, by `unique_id`.
        steps: facts across tables, and formulas of a model; each after those that it follows from.
        tables: where real rows are; those that are public are read.

    Raises:
        WarehouseError: Postgres refused.
    """
    with ExitStack() as stack:
        ours = dict(tables)
        for place, (name, some) in enumerate(rows.items()):
            relation = stack.enter_context(temporary_copy(session, some, place))
            ours[name] = replace(ours[name], relation=relation, is_numbered=True)
        columns_by_model: dict[str, set[str]] = {}
        for step in steps:
            if isinstance(step, Across):
                enforce(session, step, ours)
                columns_by_model.setdefault(step.model, set()).add(step.column)
            else:
                name, formula = step
                let_hold(session, ours[name].relation, (formula.rule, formula.column, formula.sql))
                columns_by_model.setdefault(name, set()).add(formula.column)
        breaks = {step: count_breaks(session, step, ours) for step in steps if isinstance(step, Across)}
        columns = {
            name: _read_columns(session, ours[name], rows[name], names)
            for name, names in columns_by_model.items()
        }
        return columns, {fact: count for fact, count in breaks.items() if count}


def _read_columns(
    session: Connection, table: FactTable, rows: Candidates, names: Collection[str]
) -> pa.Table:
    columns = [column for column in rows.columns if column.name in names]
    return read(session, table.relation, [NUMBER, *columns]).sort_by(PLACE).drop_columns([PLACE])


def _namesakes(fact: Across) -> sql.Composable:
    """Return the number of a mail address among those that are written alike."""
    if fact.way is not Way.DOMAIN:
        return NOTHING
    column = sql.SQL("one.{}").format(sql.Identifier(fact.column))
    names = {"source": sql.Identifier(fact.source), "place": sql.Identifier(PLACE)}
    return sql.SQL(NAMESAKE).format(column=column, **names)


def enforce(session: Connection, fact: Across, tables: Mapping[str, FactTable]) -> None:
    """Let the column be what the fact says, in numbered rows of ours; see `synth.warehouse.rules.scratch`.

    Where it would be what the column cannot hold, such as NULL, it stays as it is.
    """
    if fact.way is Way.AMONG:
        _try(session, let_belong(fact, tables))
        return
    if fact.way is Way.PART:
        inexact = tables[fact.model].types[fact.column] in INEXACT
        _try(session, let_add_up(fact, tables, inexact=inexact))
        return
    column = sql.Identifier(fact.column)
    update = sql.SQL(
        "update {} as target set {} = said.value from (select one.{}, {} as value {}) as said "
    ).format(
        identifier(tables[fact.model].relation),
        column,
        sql.Identifier(PLACE),
        sql.SQL("({})::{}").format(
            _value(fact, 0, number=_namesakes(fact)), sql.SQL(tables[fact.model].types[fact.column])
        ),
        _rows([fact], tables, 0),
    )
    where = sql.SQL("where target.{place} = said.{place} and target.{column} is distinct from said.value")
    query = sql.SQL("{}{}").format(update, where.format(place=sql.Identifier(PLACE), column=column))
    if fact.way is Way.OWN:
        query += sql.SQL(" and target.{} is not null").format(column)
    if fact.column in tables[fact.model].not_null:
        query += sql.SQL(" and said.value is not null")
    _try(session, query)


def _try(session: Connection, query: sql.Composed) -> None:
    """Change rows where Postgres can; they stay as they are where it cannot."""
    try:
        with session.transaction():
            session.execute(query, binary=True)
    except psycopg.Error as error:
        raise_unless_alive(session, error)
