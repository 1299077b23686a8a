"""Queries that do no more than choose rows and columns of one relation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from synth.graph.leaves import bare
from synth.graph.predicates import UnsafeError, predicate, renamed
from synth.graph.scopes import fold, name_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from synth.graph.sources import Relations

CLAUSES = frozenset({"expressions", "from_", "from", "where", "with_", "with", "order"})


@dataclass(frozen=True, slots=True)
class RowChoice:
    """Rows and columns of one relation, unchanged.

    Attributes:
        node: the relation, by `unique_id`.
        columns: each name with that of the relation's column.
        conditions: that all hold of the rows, over the relation's columns.
    """

    node: str
    columns: Mapping[str, str]
    conditions: tuple[exp.Expr, ...] = ()

    def of(self, inner: RowChoice) -> RowChoice | None:
        """Return it as a choice of what the relation is itself chosen from; None where it is none."""
        if not {*self.columns.values()} <= inner.columns.keys():
            return None
        columns = {name: inner.columns[own] for name, own in self.columns.items()}
        try:
            conditions = tuple(renamed(one, inner.columns) for one in self.conditions)
        except UnsafeError:
            return None
        return RowChoice(inner.node, columns, (*inner.conditions, *conditions))


def read_choice(query: exp.Expr, relations: Relations) -> RowChoice | None:
    """Return what a query chooses of one relation; None where it does anything else."""
    try:
        return _query(query, {}, relations)
    except (UnsafeError, RecursionError):
        return None


def _query(query: exp.Expr, ctes: Mapping[str, RowChoice | None], relations: Relations) -> RowChoice:
    query = bare(query)
    if isinstance(query, exp.Subquery) and not _parts(query) - {"this", "alias"}:
        return _query(query.this, ctes, relations)
    if not isinstance(query, exp.Select) or _parts(query) - CLAUSES:
        raise UnsafeError
    ctes = {**ctes, **_ctes(query, ctes, relations)}
    start = query.args.get("from_") or query.args.get("from")
    if start is None:
        raise UnsafeError
    source, name = _source(start.this, ctes, relations)
    where = query.args.get("where")
    conditions = source.conditions
    if where is not None:
        conditions = (*conditions, predicate(where.this, source.columns, name))
    columns: dict[str, str] = {}
    for one in query.expressions:
        columns |= _projection(one, source, name, columns)
    return RowChoice(source.node, columns, conditions)


def _ctes(
    query: exp.Select, around: Mapping[str, RowChoice | None], relations: Relations
) -> dict[str, RowChoice | None]:
    """Return what `with` names; None for those that may only be named."""
    clause = query.args.get("with_") or query.args.get("with")
    if clause is None:
        return {}
    if clause.args.get("recursive"):
        raise UnsafeError
    ctes: dict[str, RowChoice | None] = {}
    for one in clause.expressions:
        alias = one.args["alias"]
        try:
            ctes[fold(alias.this)] = _with_alias(_query(one.this, {**around, **ctes}, relations), alias)
        except UnsafeError:
            ctes[fold(alias.this)] = None
    return ctes


def _source(
    item: exp.Expr, ctes: Mapping[str, RowChoice | None], relations: Relations
) -> tuple[RowChoice, str]:
    """Return the one relation of FROM, and what it is called there."""
    alias = item.args.get("alias")
    if isinstance(item, exp.Subquery) and not _parts(item) - {"this", "alias"}:
        choice = _query(item.this, ctes, relations)
    elif isinstance(item, exp.Table) and not _parts(item) - {"this", "db", "catalog", "alias"}:
        choice = _table(item, ctes, relations)
    else:
        raise UnsafeError
    name = alias.this if alias is not None and alias.this else item.this
    return _with_alias(choice, alias), fold(name) if isinstance(name, exp.Identifier) else ""


def _table(item: exp.Table, ctes: Mapping[str, RowChoice | None], relations: Relations) -> RowChoice:
    if not isinstance(item.this, exp.Identifier):
        raise UnsafeError
    name, schema = fold(item.this), fold(item.args.get("db"))
    if not schema and name in ctes:
        choice = ctes[name]
        if choice is None:
            raise UnsafeError
        return choice
    node = relations.node(schema, name)
    columns = relations.columns(node)
    if not columns:
        raise UnsafeError
    return RowChoice(node, {one: one for one in columns})


def _with_alias(choice: RowChoice, alias: exp.Expr | None) -> RowChoice:
    """Return the choice with the names that an alias lists for its columns."""
    names = [fold(one) for one in (alias.args.get("columns") or () if alias is not None else ())]
    own = [*choice.columns]
    columns = dict(zip([*names, *own[len(names) :]], choice.columns.values(), strict=False))
    if len(columns) != len(own):
        raise UnsafeError
    return RowChoice(choice.node, columns, choice.conditions)


def _projection(one: exp.Expr, source: RowChoice, name: str, before: Collection[str]) -> dict[str, str]:
    """Return the columns that one part of SELECT gives; none may be there before."""
    star = one.this if isinstance(one, exp.Column) else one
    if isinstance(star, exp.Star):
        if _parts(star) or _parts(one) - {"this", "table"} or fold(one.args.get("table")) not in {"", name}:
            raise UnsafeError
        columns = dict(source.columns)
    else:
        value = bare(one.unalias())
        if not isinstance(value, exp.Column):
            raise UnsafeError
        columns = {name_of(one): predicate(value, source.columns, name).name}
    if columns.keys() & set(before):
        raise UnsafeError
    return columns


def _parts(node: exp.Expr) -> set[str]:
    return {key for key, value in node.args.items() if value}
