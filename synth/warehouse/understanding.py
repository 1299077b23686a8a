"""What Postgres makes of the rules that tests state: what they mention, and whether they may run.

A rule is SQL that the project's own tests and tables state. It is parsed here, and nothing of it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

import psycopg
from psycopg import sql

from synth.domain import Relation, Scope
from synth.warehouse.rules import raise_unless_alive, scratch, selected
from synth.warehouse.session import OWN_PATH, USERS_PATH, describe_error, identifier, reported
from synth.warehouse.trust import Attached, foreign_calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.domain import Rule
    from synth.warehouse.session import Connection

MENTIONED: LiteralString = """
select pg_attribute.attname::text
from pg_constraint
join pg_attribute
    on pg_attribute.attrelid = pg_constraint.conrelid
    and (pg_attribute.attnum = any(pg_constraint.conkey) or 0 = any(pg_constraint.conkey))
where
    pg_constraint.conrelid = %(path)s::regclass
    and pg_constraint.conname = %(name)s
    and pg_attribute.attnum > 0
    and not pg_attribute.attisdropped
"""

PRINTED: LiteralString = """
select pg_catalog.pg_get_expr(pg_constraint.conbin, pg_constraint.conrelid)
from pg_catalog.pg_constraint
where pg_constraint.conrelid = %(path)s::regclass and pg_constraint.conname = %(name)s
"""
VIEW: LiteralString = "select pg_catalog.pg_get_viewdef(%(path)s::regclass)"


@dataclass(frozen=True, slots=True)
class Understood:
    """A rule, and the columns that it mentions; or why Postgres does not take it as one.

    Attributes:
        holds: the condition as Postgres prints it, with a schema for every name that is not its own.
    """

    rule: Rule
    columns: frozenset[str] = frozenset()
    failure: str = ""
    holds: str = ""


def understand(
    session: Connection, relation: Relation, rules: Sequence[Rule], schema: str
) -> tuple[Understood, ...]:
    """Which columns each rule about single rows mentions, in the words of Postgres, and which rules may run.

    A CHECK is exactly such a rule: Postgres refuses subqueries, aggregates and unknown columns in it, and
    knows what it mentions and calls. Others are read as views are. Nothing of a rule runs here.
    """
    with reported(f"read the rules of {relation}"), scratch(session, relation, schema) as table:
        return tuple(_understand(session, relation, table, rule) for rule in rules)


def _understand(session: Connection, relation: Relation, table: Relation, rule: Rule) -> Understood:
    read_as = _as_check if rule.scope is Scope.ROW else _as_view
    try:
        with session.transaction(force_rollback=True):
            return read_as(session, relation, table, rule)
    except psycopg.Error as error:
        raise_unless_alive(session, error)
        return Understood(rule, failure=describe_error(error))


def _as_check(session: Connection, relation: Relation, table: Relation, rule: Rule) -> Understood:
    """The rule with its names looked up where the user's own sessions look them up."""
    add = sql.SQL("alter table {} add constraint synth_rule check ({}\n) not valid")
    session.execute(USERS_PATH)
    session.execute(add.format(identifier(table), sql.SQL(rule.holds)), binary=True)
    session.execute(OWN_PATH)
    where = {"path": identifier(table).as_string(session), "name": "synth_rule"}
    names = session.execute(MENTIONED, where).fetchall()
    printed = session.execute(PRINTED, where).fetchone() or ("",)
    lost = foreign_calls(session, table, of=relation, kinds={Attached.CHECK})
    failure = f"it uses the {lost[0]}" if lost else ""
    return Understood(rule, frozenset(str(name) for (name,) in names), failure, str(printed[0]))


def _as_view(session: Connection, relation: Relation, table: Relation, rule: Rule) -> Understood:
    """The rule as it is, if it means the same wherever its names are looked up."""
    view = Relation(table.database, table.schema, f"{table.name}_rule")
    create = sql.SQL("create or replace view {} as {}").format(identifier(view), selected(table, rule))
    where = {"path": identifier(view).as_string(session)}
    printed = []
    for path in (USERS_PATH, OWN_PATH):
        session.execute(path)
        session.execute(create, binary=True)
        session.execute(OWN_PATH)
        printed.append(session.execute(VIEW, where).fetchone())
    lost = foreign_calls(session, view, of=relation, kinds={Attached.QUERY})
    if lost:
        return Understood(rule, failure=f"it uses the {lost[0]}")
    if printed[0] != printed[1]:
        return Understood(rule, failure="it names what is not in pg_catalog without its schema")
    return Understood(rule, holds=rule.holds)
