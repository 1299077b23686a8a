"""Rules judged by Postgres: on the real relation, on rows that may become a twin, on a staged twin.

A rule is SQL that the project's own tests and tables state. It runs with the rights of the run, in
transactions that only read or are rolled back, one statement at a time (the extended protocol refuses more),
and for minutes at most.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString, TypeAlias

import psycopg
import pyarrow as pa
from psycopg import sql

from synth.domain import Column, Kind, Relation, Rule, Scope
from synth.errors import WarehouseError
from synth.warehouse.catalog import describe
from synth.warehouse.copying import base_types, refuse_foreign_types
from synth.warehouse.extract import read
from synth.warehouse.session import at_snapshot, describe_error, identifier, translate_errors
from synth.warehouse.staging import copy_in, create_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from synth.warehouse.session import Connection

PLACE = "synth row"  # numbers rows that may become a twin; not the name of anybody's column
NUMBER = Column(PLACE, "bigint", Kind.INTEGER, not_null=True)

Equation: TypeAlias = tuple[Rule, str, str]  # a rule, the column that it decides, and its value in SQL

# A column with windows over all rows; their first order decides between equals, and is the same every time.
AMONG_ROWS: LiteralString = """
update {0} as target
set {1} = judged.value
from (
    select numbered.{4}, ({2}\n) as value, ({3}\n) as holds
    from (select * from {0} order by {4}) as numbered
) as judged
where judged.{4} = target.{4} and judged.holds is false
"""
PATIENCE: LiteralString = "set local statement_timeout = '5min'"


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """How many rows (or groups of rows) break a rule, or why Postgres could not say."""

    violations: int = 0
    failure: str = ""


@contextmanager
def scratch(session: Connection, relation: Relation, schema: str, place: int = 0) -> Iterator[Relation]:
    """Create an empty private table with the columns of `relation` and their plain types.

    It is made in a transaction that is never committed, so it needs no right that staging a twin does not.
    Of several at once each has a `place` of its own, the first 0.
    """
    if not place:
        create_schema(session, schema, private=True)
    new = Relation(relation.database, schema, f"candidates_{session.info.backend_pid}_{place}")
    with session.transaction(force_rollback=True):
        table = identifier(new)
        session.execute(sql.SQL("create table {} (like {})").format(table, identifier(relation)))
        for column, kind in base_types(session, relation).items():
            change = sql.SQL("alter table {} alter column {} type {}")
            session.execute(change.format(table, sql.Identifier(column), sql.SQL(kind)))
        session.execute(sql.SQL("alter table {} add column {} bigint").format(table, sql.Identifier(PLACE)))
        refuse_foreign_types(session, new, relation)
        yield new


def count_broken(session: Connection, relation: Relation, rules: Sequence[Rule]) -> tuple[RuleOutcome, ...]:
    """Return how many rows break each rule, in the caller's transaction; rules about rows in one scan."""
    of_rows = [rule for rule in rules if rule.scope is Scope.ROW]
    try:
        together = dict(zip(of_rows, _count_rows(session, relation, of_rows), strict=True))
    except psycopg.Error as error:  # one of them; each on its own says which
        raise_unless_alive(session, error)
        together = {}
    return tuple(together.get(rule) or _count_alone(session, relation, rule) for rule in rules)


def _count_rows(session: Connection, relation: Relation, rules: Sequence[Rule]) -> list[RuleOutcome]:
    if not rules:
        return []
    counts = sql.SQL(", ").join(
        sql.SQL("pg_catalog.count(*) filter (where ({}\n) is false)").format(sql.SQL(rule.holds))
        for rule in rules
    )
    with session.transaction():
        query = sql.SQL("select {} from {}").format(counts, identifier(relation))
        row = session.execute(query, binary=True).fetchone() or ()
    return [RuleOutcome(int(str(count))) for count in row]


def outcomes_of(relation: Relation, rule: Rule) -> sql.Composed:
    """Return whether the rule holds, for each row or group of rows that it is about."""
    parts = [sql.SQL("select ({}\n) as holds from {}").format(sql.SQL(rule.holds), identifier(relation))]
    if rule.scope is not Scope.ROW and rule.where:
        parts.append(sql.SQL("where {}\n").format(sql.SQL(rule.where)))
    if rule.by:
        parts.append(sql.SQL("group by {}\n").format(sql.SQL(rule.by)))
    return sql.SQL(" ").join(parts)


def _count_alone(session: Connection, relation: Relation, rule: Rule) -> RuleOutcome:
    query = sql.SQL("select pg_catalog.count(*) filter (where holds is false) from ({}) as judged")
    try:
        with session.transaction():
            row = session.execute(query.format(outcomes_of(relation, rule)), binary=True).fetchone()
    except psycopg.Error as error:
        raise_unless_alive(session, error)
        return RuleOutcome(failure=describe_error(error))
    return RuleOutcome(int(str(row[0])) if row else 0)


@contextmanager
def judging(session: Connection, snapshot: str = "") -> Iterator[None]:
    """Open a transaction that only reads, for minutes at most, at the moment of `snapshot` if given."""
    if snapshot:
        with at_snapshot(session, snapshot):
            session.execute(PATIENCE)
            yield
        return
    with session.transaction():
        session.execute("set transaction read only")
        session.execute(PATIENCE)
        yield


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows that may become the twin of `relation`: some of its columns, in types that it can read.

    Attributes:
        schema: where a table may be made for a moment.
    """

    relation: Relation
    columns: Sequence[Column]
    table: pa.Table
    schema: str


@contextmanager
def temporary_copy(session: Connection, rows: Candidates, place: int = 0) -> Iterator[Relation]:
    """Copy these rows, numbered, into a scratch table."""
    numbered_table = rows.table.append_column(PLACE, pa.array(range(rows.table.num_rows), pa.int64()))
    every = [*rows.columns, NUMBER]
    translation = translate_errors(f"judge rows for the twin of {rows.relation}")
    with translation, scratch(session, rows.relation, rows.schema, place) as table:
        _loosen(session, rows.relation, table)
        copy_in(session, table, every, numbered_table)
        session.execute(PATIENCE)
        yield table


@dataclass(frozen=True, slots=True)
class Judgement:
    """What Postgres says of rows that may become a twin.

    Attributes:
        violations: by the number of a row that breaks a rule, whether it breaks each of them.
        computed_columns: columns as an equation makes them, in the order of the rows.
    """

    violations: Mapping[int, tuple[bool, ...]]
    computed_columns: pa.Table


def judge_rows(
    session: Connection, rows: Candidates, rules: Sequence[Rule], equations: Sequence[Equation] = ()
) -> Judgement:
    """Return which rows break a rule about single rows, after columns were computed that equations demand.

    Raises:
        WarehouseError: a rule could not be evaluated on these rows.
    """
    conditions = [sql.SQL("coalesce(({}\n) is false, false)").format(sql.SQL(rule.holds)) for rule in rules]
    query = sql.SQL("select {}, {} from {} where {}")
    with temporary_copy(session, rows) as table:
        computed_columns = _compute(session, table, rows, equations)
        if not rules:
            return Judgement({}, computed_columns)
        session.execute("set transaction read only")
        flags, either = sql.SQL(", ").join(conditions), sql.SQL(" or ").join(conditions)
        statement = query.format(sql.Identifier(PLACE), flags, identifier(table), either)
        try:
            with session.transaction():
                answers = session.execute(statement, binary=True).fetchall()
        except psycopg.Error as error:
            raise_unless_alive(session, error)
            raise _judge_error(rows.relation, rules, count_broken(session, table, rules)) from None
        return Judgement(
            {int(str(row[0])): tuple(one is True for one in row[1:]) for row in answers}, computed_columns
        )


def _compute(
    session: Connection, table: Relation, rows: Candidates, equations: Sequence[Equation]
) -> pa.Table:
    """Let each equation hold wherever it does not; one that fails on some row is left to be judged."""
    for _ in equations:  # one may need what another computes
        if not sum(let_hold(session, table, equation) for equation in equations):
            break
    names = {column for _, column, _ in equations}
    changed_columns = [column for column in rows.columns if column.name in names]
    if not changed_columns:
        return pa.table({})
    values = read(session, table, [NUMBER, *changed_columns])
    return values.sort_by(PLACE).drop_columns([PLACE])


def let_hold(session: Connection, table: Relation, equation: Equation) -> bool:
    """Return whether there were rows to change."""
    rule, column, value = equation
    update = sql.SQL(
        AMONG_ROWS if rule.scope is Scope.WINDOW else "update {0} set {1} = ({2}\n) where ({3}\n) is false"
    )
    parts = (
        identifier(table),
        sql.Identifier(column),
        sql.SQL(value),
        sql.SQL(rule.holds),
        sql.Identifier(PLACE),
    )
    try:
        with session.transaction():
            return session.execute(update.format(*parts), binary=True).rowcount > 0
    except psycopg.Error as error:
        raise_unless_alive(session, error)
        return False


def _judge_error(
    relation: Relation, rules: Sequence[Rule], outcomes: Sequence[RuleOutcome]
) -> WarehouseError:
    """Return real rows let themselves be judged by these rules, and rows like them do not."""
    failures = [
        f"{rule.source}: {outcome.failure}"
        for rule, outcome in zip(rules, outcomes, strict=True)
        if outcome.failure
    ]
    return WarehouseError(
        f"Rows for the twin of {relation} could not be judged by {'; '.join(failures) or 'its tests'}. Next: "
        "let the test say what holds where its expression fails (nullif, coalesce), or `severity: warn`."
    )


def broken_together(session: Connection, rows: Candidates, rules: Sequence[Rule]) -> tuple[RuleOutcome, ...]:
    """Return how much of a finished twin breaks each rule, of any scope."""
    with temporary_copy(session, rows) as table:
        session.execute("set transaction read only")
        return count_broken(session, table, rules)


def _loosen(session: Connection, relation: Relation, table: Relation) -> None:
    """Let columns be NULL that nobody fills in."""
    for column in describe(session, relation):
        if column.not_null:
            change = sql.SQL("alter table {} alter column {} drop not null")
            session.execute(change.format(identifier(table), sql.Identifier(column.name)))


def raise_unless_alive(session: Connection, error: psycopg.Error) -> None:
    """Raise where the connection is lost: that is the fault of no rule."""
    if session.broken or session.closed:
        raise error
