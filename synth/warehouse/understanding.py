"""What Postgres makes of the rules that tests state: what they mention, and whether they may run.

A rule is SQL that the project's own tests and tables state. It is parsed here, and nothing of it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

import psycopg
from psycopg import sql

from synth.domain import Relation, Scope
from synth.warehouse.rules import outcomes_of, raise_unless_alive, scratch
from synth.warehouse.session import OWN_PATH, USERS_PATH, describe_error, identifier, translate_errors
from synth.warehouse.trust import Attachment, foreign_calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.domain import Rule
    from synth.warehouse.session import Connection

MENTIONED_COLUMNS: LiteralString = """
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

PRINTED_EXPRESSION: LiteralString = """
select pg_catalog.pg_get_expr(pg_constraint.conbin, pg_constraint.conrelid)
from pg_catalog.pg_constraint
where pg_constraint.conrelid = %(path)s::regclass and pg_constraint.conname = %(name)s
"""
VIEWED_COLUMNS: LiteralString = """
select distinct pg_attribute.attname::text
from pg_rewrite
join pg_depend on pg_depend.classid = 'pg_rewrite'::regclass and pg_depend.objid = pg_rewrite.oid
join pg_attribute
    on pg_attribute.attrelid = pg_depend.refobjid
    and pg_attribute.attnum = pg_depend.refobjsubid
where
    pg_rewrite.ev_class = %(path)s::regclass
    and pg_depend.refclassid = 'pg_class'::regclass
    and pg_depend.refobjid = %(table)s::regclass
    and pg_depend.refobjsubid > 0
"""
VIEW: LiteralString = "select pg_catalog.pg_get_viewdef(%(path)s::regclass)"


@dataclass(frozen=True, slots=True)
class ParsedRule:
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
) -> tuple[ParsedRule, ...]:
    """Return which columns each rule about rows mentions, as Postgres prints it, and which may run.

    A CHECK is exactly such a rule: Postgres refuses subqueries, aggregates and unknown columns in it, and
    knows what it mentions and calls. Others are read as views are. Nothing of a rule runs here.
    """
    with translate_errors(f"read the rules of {relation}"), scratch(session, relation, schema) as table:
        return tuple(_understand(session, relation, table, rule) for rule in rules)


def _understand(session: Connection, relation: Relation, table: Relation, rule: Rule) -> ParsedRule:
    read_as = _as_check if rule.scope is Scope.ROW else _as_view
    try:
        with session.transaction(force_rollback=True):
            return read_as(session, relation, table, rule)
    except psycopg.Error as error:
        raise_unless_alive(session, error)
        return ParsedRule(rule, failure=describe_error(error))


def _as_check(session: Connection, relation: Relation, table: Relation, rule: Rule) -> ParsedRule:
    """Return the rule with its names looked up where the user's own sessions look them up."""
    add = sql.SQL("alter table {} add constraint synth_rule check ({}\n) not valid")
    session.execute(USERS_PATH)
    session.execute(add.format(identifier(table), sql.SQL(rule.holds)), binary=True)
    session.execute(OWN_PATH)
    where = {"path": identifier(table).as_string(session), "name": "synth_rule"}
    names = session.execute(MENTIONED_COLUMNS, where).fetchall()
    row = session.execute(PRINTED_EXPRESSION, where).fetchone() or ("",)
    unsafe_calls = foreign_calls(session, table, of=relation, kinds={Attachment.CHECK})
    failure = f"it uses the {unsafe_calls[0]}" if unsafe_calls else ""
    return ParsedRule(rule, frozenset(str(name) for (name,) in names), failure, str(row[0]))


def _as_view(session: Connection, relation: Relation, table: Relation, rule: Rule) -> ParsedRule:
    """Return the rule as it is, if it means the same wherever its names are looked up."""
    view = Relation(table.database, table.schema, f"{table.name}_rule")
    create = sql.SQL("create or replace view {} as {}").format(identifier(view), outcomes_of(table, rule))
    where = {"path": identifier(view).as_string(session), "table": identifier(table).as_string(session)}
    rows = []
    for path in (USERS_PATH, OWN_PATH):
        session.execute(path)
        session.execute(create, binary=True)
        session.execute(OWN_PATH)
        rows.append(session.execute(VIEW, where).fetchone())
    unsafe_calls = foreign_calls(session, view, of=relation, kinds={Attachment.QUERY})
    if unsafe_calls:
        return ParsedRule(rule, failure=f"it uses the {unsafe_calls[0]}")
    if rows[0] != rows[1]:
        return ParsedRule(rule, failure="it names what is not in pg_catalog without its schema")
    names = session.execute(VIEWED_COLUMNS, where).fetchall()
    return ParsedRule(rule, frozenset(str(name) for (name,) in names), holds=rule.holds)
