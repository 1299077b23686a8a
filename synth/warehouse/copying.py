"""What a twin takes over from the relation it stands for: columns, checks, indexes, and nobody else's code.

Defaults, generated columns, triggers, policies and foreign keys are not taken over: a twin holds values. Of
comments only those are that the project wrote, and nothing is that holds a value of a few real rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from psycopg import sql
from psycopg.errors import CheckViolation

from synth.errors import WarehouseError
from synth.warehouse.catalog import describe
from synth.warehouse.constraints import DOMAINS
from synth.warehouse.mentions import literals_of, telling_texts, without_lists
from synth.warehouse.plans import run_by_plans
from synth.warehouse.session import identifier, translate_errors
from synth.warehouse.trust import Attachment, foreign_calls

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from synth.domain import Model, Relation
    from synth.warehouse.session import Connection
    from synth.warehouse.trust import Call

COPIED_KINDS = frozenset({Attachment.CHECK, Attachment.INDEX, Attachment.COLUMN})
COMMENT = "comment"  # on a column
LIKE: LiteralString = "create {unlogged} table {new} (like {old})"
COMMENTS: LiteralString = """
select pg_attribute.attname::text, pg_description.description
from pg_catalog.pg_description
join pg_catalog.pg_attribute
    on pg_attribute.attrelid = pg_description.objoid and pg_attribute.attnum = pg_description.objsubid
where
    pg_description.objoid = pg_catalog.to_regclass(%(path)s)
    and pg_description.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and pg_description.objsubid > 0
    and not pg_attribute.attisdropped
order by pg_attribute.attnum
"""
# Constraints as Postgres prints them for an empty search path, so that each name says where it is from.
CONSTRAINTS: LiteralString = """
select
    pg_constraint.contype::text,
    pg_constraint.conname::text,
    pg_catalog.pg_get_constraintdef(pg_constraint.oid),
    coalesce(pg_class.relname::text, '')
from pg_catalog.pg_constraint
left join pg_catalog.pg_class on pg_class.oid = pg_constraint.conindid
where pg_constraint.conrelid = pg_catalog.to_regclass(%(path)s) and pg_constraint.contype in ('c', 'p', 'u')
order by 1, 2
"""
# What follows the name of the table; of indexes that stand for no constraint and are complete.
INDEXES: LiteralString = """
select
    pg_class.relname::text,
    pg_index.indisunique,
    pg_catalog.substr(
        pg_catalog.pg_get_indexdef(pg_index.indexrelid),
        pg_catalog.length(
            pg_catalog.format(
                'CREATE %%sINDEX %%I ON %%s%%I.%%I ',
                case when pg_index.indisunique then 'UNIQUE ' else '' end,
                pg_class.relname,
                case when pg_class.relkind = 'I' then 'ONLY ' else '' end,
                pg_namespace.nspname,
                source.relname
            )
        ) + 1
    )
from pg_catalog.pg_index
join pg_catalog.pg_class on pg_class.oid = pg_index.indexrelid
join pg_catalog.pg_class as source on source.oid = pg_index.indrelid
join pg_catalog.pg_namespace on pg_namespace.oid = source.relnamespace
where pg_index.indrelid = pg_catalog.to_regclass(%(path)s)
    and pg_index.indisvalid
    and not exists (
        select from pg_catalog.pg_constraint
        where pg_constraint.conindid = pg_index.indexrelid and pg_constraint.contype in ('p', 'u', 'x')
    )
order by 1
"""


def create_like(
    session: Connection,
    model: Model,
    new: Relation,
    *,
    telling: Collection[tuple[str, str]],
    as_unlogged: bool,
) -> dict[str, str]:
    """Create `new` in the shape of the model's relation; return its checks by name, for `add_checks`.

    A value of the wrong type is refused. What is `telling`, as `telling_parts` has it, is left out.

    Raises:
        WarehouseError: a column's type holds other people's code and cannot be taken apart.
    """
    source = model.relation
    like = sql.SQL(LIKE).format(
        unlogged=sql.SQL("unlogged" if as_unlogged else ""), new=identifier(new), old=identifier(source)
    )
    session.execute(like)
    unsafe_calls = foreign_calls(session, source, of=source, kinds=COPIED_KINDS)
    _plain(session, source, new, {call.name for call in unsafe_calls if call.kind is Attachment.COLUMN})
    omissions = {*telling, *((call.kind, call.name) for call in unsafe_calls)}
    checks = {}
    for kind, name, definition, index in _constraints(session, source):
        if (Attachment.CHECK, name) in omissions or (Attachment.INDEX, index) in omissions:
            continue
        if kind == "c":
            checks[name] = definition
        else:
            session.execute(sql.SQL("alter table {} add {}").format(identifier(new), sql.SQL(definition)))
    for name, unique, rest in _indexes(session, source):
        if (Attachment.INDEX, name) not in omissions:
            create = sql.SQL("create {} index on {} ").format(
                sql.SQL("unique" if unique else ""), identifier(new)
            )
            session.execute(create + sql.SQL(rest))
    for column, comment in _comments(session, model).items():
        if (COMMENT, column) not in omissions:
            note = sql.SQL("comment on column {}.{} is {}")
            session.execute(note.format(identifier(new), sql.Identifier(column), sql.Literal(comment)))
    return checks


def add_checks(session: Connection, table: Relation, checks: Mapping[str, str]) -> tuple[str, ...]:
    """Add checks to a table with rows; return the names of those that some row breaks, which are left out.

    Args:
        session: in a transaction.
        table: of ours.
        checks: their definitions, by name.
    """
    broken_checks = []
    for name, definition in checks.items():
        add = sql.SQL("alter table {} add constraint {} ").format(identifier(table), sql.Identifier(name))
        try:
            with session.transaction():
                session.execute(add + sql.SQL(definition))
        except CheckViolation:
            broken_checks.append(name)
    return tuple(broken_checks)


def telling_parts(session: Connection, model: Model, *, looks: bool) -> frozenset[tuple[str, str]]:
    """Return which checks, indexes and comments of a model's relation hold a value that only few rows have.

    Each is its kind and its name. A check that every row keeps holds for the twin without being copied.

    Args:
        session: at the warehouse.
        model: whose relation.
        looks: whether the rows decide; else each check and index that has a literal outside of a list may.

    Raises:
        WarehouseError: Postgres refused.
    """
    relation = model.relation
    rules: dict[tuple[str, str], str] = {
        (Attachment.CHECK, name): definition
        for kind, name, definition, _ in _constraints(session, relation)
        if kind == "c"
    }
    rules |= {(Attachment.INDEX, name): definition for name, _, definition in _indexes(session, relation)}
    if not looks:
        return frozenset(part for part, definition in rules.items() if literals_of(without_lists(definition)))
    texts = {part: literals_of(definition) for part, definition in rules.items()}
    texts |= {(COMMENT, column): comment for column, comment in _comments(session, model).items()}
    telling = telling_texts(session, relation, frozenset(texts.values()))
    return frozenset(part for part, text in texts.items() if text in telling)


def _constraints(session: Connection, relation: Relation) -> list[tuple[str, str, str, str]]:
    rows = session.execute(CONSTRAINTS, _path(session, relation)).fetchall()
    return [(str(kind), str(name), str(text), str(index)) for kind, name, text, index in rows]


def _indexes(session: Connection, relation: Relation) -> list[tuple[str, bool, str]]:
    rows = session.execute(INDEXES, _path(session, relation)).fetchall()
    return [(str(name), bool(unique), str(rest)) for name, unique, rest in rows]


def _comments(session: Connection, model: Model) -> dict[str, str]:
    """Return the comments on columns that are the project's descriptions of them."""
    rows = session.execute(COMMENTS, _path(session, model.relation)).fetchall()
    comments = {str(column): str(comment) for column, comment in rows}
    return {
        column: comment
        for column, comment in comments.items()
        if comment.strip() == model.descriptions.get(column, "").strip()
    }


def _path(session: Connection, relation: Relation) -> dict[str, str]:
    return {"path": identifier(relation).as_string(session)}


def _plain(session: Connection, source: Relation, new: Relation, columns: Collection[str]) -> None:
    """Give columns of somebody else's domains the types that these stand on."""
    kinds = base_types(session, source)
    not_null_columns = {column.name for column in describe(session, source) if column.not_null}
    for name in sorted(columns & kinds.keys()):
        column = sql.Identifier(name)
        change = sql.SQL("alter table {} alter column {} type {}")
        session.execute(change.format(identifier(new), column, sql.SQL(kinds[name])))
        if name in not_null_columns:
            change = sql.SQL("alter table {} alter column {} set not null")
            session.execute(change.format(identifier(new), column))


def base_types(session: Connection, relation: Relation) -> dict[str, str]:
    """Return the type below each column of a domain, as the catalog prints it."""
    where = {"schema": relation.schema, "name": relation.name}
    rows = session.execute(DOMAINS, where).fetchall()
    return {str(column): str(kind) for column, kind, is_domain, _, _ in rows if not is_domain}


def left_out(session: Connection, relation: Relation) -> Mapping[tuple[Attachment, str], str]:
    """Return what a twin of `relation` does not take over, by kind and name, and why.

    Raises:
        WarehouseError: Postgres refused.
    """
    with translate_errors(f"look up what {relation} calls"):
        unsafe_calls = foreign_calls(session, relation, of=relation, kinds=COPIED_KINDS)
    return {(call.kind, call.name): str(call) for call in unsafe_calls}


def in_words(session: Connection, model: Model, *, looks: bool) -> tuple[str, ...]:
    """Return what a twin does not take over: what uses others' code, and what holds values."""
    reason = "it holds a real value" if looks else "its literal may be somebody's"
    omissions = left_out(session, model.relation)
    return (
        *(f"{kind} {name}: it uses the {call}" for (kind, name), call in sorted(omissions.items())),
        *(f"{kind} {name}: {reason}" for kind, name in sorted(telling_parts(session, model, looks=looks))),
    )


def refuse_foreign_query(session: Connection, relation: Relation) -> None:
    """Refuse a relation of which any query runs foreign code: that of a view, a cast, an index' constants.

    Raises:
        WarehouseError: names the code, its owner, and the way out.
    """
    with translate_errors(f"look up what {relation} calls"):
        kinds = {Attachment.QUERY, Attachment.CAST}
        reading = foreign_calls(session, relation, of=relation, kinds=kinds)
        for call in (*reading, *run_by_plans(session, relation)):
            raise WarehouseError(_refusal_text(relation, call))


def refuse_foreign_types(session: Connection, copy: Relation, of: Relation) -> None:
    """Refuse a copy of the relation `of`, which may have lost columns, if writing to it runs foreign code.

    Raises:
        WarehouseError: names the column, the code, its owner, and the way out.
    """
    for call in foreign_calls(session, copy, of=of, kinds={Attachment.COLUMN}):
        raise WarehouseError(_refusal_text(of, call))


def refuse_foreign_code(
    session: Connection, relation: Relation, dropped_columns: Collection[str] = ()
) -> None:
    """Refuse a relation that cannot be read, or whose columns cannot be copied, without somebody else's code.

    Raises:
        WarehouseError: names the code, its owner, and the way out.
    """
    refuse_foreign_query(session, relation)
    with translate_errors(f"look up what {relation} calls"):
        unsafe_calls = foreign_calls(session, relation, of=relation, kinds={Attachment.COLUMN})
        plain = base_types(session, relation) if unsafe_calls else {}
    for call in unsafe_calls:
        if call.name not in {*plain, *dropped_columns}:
            raise WarehouseError(_refusal_text(relation, call))


def _refusal_text(relation: Relation, call: Call) -> str:
    if call.kind is Attachment.QUERY:
        return (
            f"{relation} is a view that uses the {call}, so reading it would run that with the rights of the "
            f"run. Next: let the owner of {relation} own it, or materialize the model as a table."
        )
    if call.kind is not Attachment.COLUMN:
        return (
            f"{call.kind} {call.name} of {relation} uses the {call}, so reading it would run that with the "
            f"rights of the run. Next: drop that {call.kind}, or let the owner of {relation} own it."
        )
    return (
        f"{relation}.{call.name} uses the {call}, so writing it would run that with the rights of the run. "
        f"Next: let the owner of {relation} own it, or give the column `role: drop`."
    )
