"""Queries made anew, part by part, so that they can run on twins in place of the relations that they read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from synth.graph.calculations import SERIES, Calculations, Mentions, Provenance, quoted
from synth.graph.leaves import bare
from synth.graph.origins import ColumnRef
from synth.graph.predicates import UnsafeError, refuse_others
from synth.graph.scopes import fold, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from synth.graph.sources import Relations

CLAUSES = frozenset({"expressions", "from_", "from", "joins", "where", "with_", "with", "group", "having"})
CLAUSES |= {"distinct", "order"}
KINDS = frozenset({"", "INNER", "CROSS", "OUTER"})
STEP = "."  # in the names of nodes, and in none that a query gives itself


@dataclass(frozen=True, slots=True)
class Rewriting:
    """A query in which every table is a node, called by its `unique_id`, and every column is listed.

    Attributes:
        columns: each with where its values come from.
        reads: the nodes, by `unique_id`.
        mentions: what it asks of their columns.
    """

    query: exp.Expr
    columns: Mapping[str, Provenance]
    reads: tuple[str, ...]
    mentions: Mentions


@dataclass(frozen=True, slots=True)
class _Rows:
    """A query or a relation, and its columns in order."""

    query: exp.Expr
    columns: Mapping[str, Provenance]


@dataclass(slots=True)
class _Names:
    """What the expressions of a query may name: the parts of FROM, and what `using` made one."""

    sources: dict[str, Mapping[str, Provenance]]
    merged_columns: dict[str, Provenance]

    def find(self, table: str, name: str) -> Provenance:
        if not table and name in self.merged_columns:
            return self.merged_columns[name]
        places = [
            columns[name]
            for alias, columns in self.sources.items()
            if table in {"", alias} and name in columns
        ]
        if len(places) != 1:
            raise UnsafeError
        return places[0]

    def star(self, table: str) -> dict[tuple[str, str], Provenance]:
        """Return what `*` stands for, by the name in front of a column and its own."""
        columns = {} if table else {("", name): one for name, one in self.merged_columns.items()}
        for alias, own in self.sources.items():
            if table in {"", alias}:
                columns |= {
                    (alias, name): one
                    for name, one in own.items()
                    if table or name not in self.merged_columns
                }
        return columns


def rewrite(query: exp.Expr, relations: Relations) -> Rewriting | None:
    """Return the query made anew; None where it holds anything that is not known to be harmless."""
    writer = _Writer(relations)
    try:
        rows = writer.query(query, {})
    except (UnsafeError, RecursionError):
        return None
    return Rewriting(rows.query, rows.columns, tuple(writer.reads), writer.mentions)


class _Writer:
    """Makes the queries of one model anew."""

    def __init__(self, relations: Relations) -> None:
        self.reads: dict[str, None] = {}
        self.mentions = Mentions()
        self._relations = relations

    def query(self, query: exp.Expr, ctes: Mapping[str, _Rows]) -> _Rows:
        query = bare(query)
        if isinstance(query, exp.Subquery):
            refuse_others(query, {"this"})
            return self.query(query.this, ctes)
        if isinstance(query, exp.Union):
            return self._union(query, ctes)
        if not isinstance(query, exp.Select):
            raise UnsafeError
        return self._select(query, ctes)

    def _union(self, union: exp.Union, ctes: Mapping[str, _Rows]) -> _Rows:
        refuse_others(union, {"this", "expression", "distinct", "with_", "with", "order"})
        ctes, clause = self._with(union, ctes)
        left, right = self.query(union.this, ctes), self.query(union.expression, ctes)
        if len(left.columns) != len(right.columns):
            raise UnsafeError
        columns = {
            name: one | other
            for (name, one), other in zip(left.columns.items(), right.columns.values(), strict=True)
        }
        parts = {"this": _inner(left.query), "expression": _inner(right.query), **clause}
        return _Rows(exp.Union(distinct=bool(union.args.get("distinct")), **parts), columns)

    def _with(
        self, query: exp.Expr, around: Mapping[str, _Rows]
    ) -> tuple[Mapping[str, _Rows], dict[str, exp.Expr]]:
        """Return what may be named in FROM, and the clause that names it."""
        clause = query.args.get("with_") or query.args.get("with")
        if clause is None:
            return around, {}
        refuse_others(clause, {"expressions"})
        ctes, parts = dict(around), []
        mentions = {
            fold(one.this) for one in query.find_all(exp.Table) if isinstance(one.this, exp.Identifier)
        }
        for one in clause.expressions:
            if fold(one.args["alias"].this) not in mentions:
                continue
            refuse_others(one, {"this", "alias", "materialized"})
            refuse_others(one.args["alias"], {"this"})
            name = fold(one.args["alias"].this)
            rows = self.query(one.this, ctes)
            if STEP in name:
                raise UnsafeError
            ctes[name] = rows
            parts.append(exp.CTE(this=rows.query, alias=_alias(name)))
        key = "with_" if "with_" in exp.Select.arg_types else "with"
        return ctes, {key: exp.With(expressions=parts)}

    def _select(self, select: exp.Select, ctes: Mapping[str, _Rows]) -> _Rows:
        refuse_others(select, CLAUSES)
        ctes, parts = self._with(select, ctes)
        start = select.args.get("from_") or select.args.get("from")
        names = _Names({}, {})
        calculations = Calculations(names.find, self.mentions)
        first = None if start is None else self._source(start.this, ctes, names)
        joins = [self._join(one, ctes, names, calculations) for one in select.args.get("joins") or ()]
        columns, projections = self._projections(select, names, calculations)
        clauses: dict[str, object] = {
            "joins": joins,
            "expressions": projections,
            **parts,
        }
        if first is not None:
            clauses["from_" if "from_" in exp.Select.arg_types else "from"] = exp.From(this=first)
        for key, kind in (("where", exp.Where), ("having", exp.Having)):
            if select.args.get(key):
                clauses[key] = kind(this=calculations.value(select.args[key].this))
        by = _by(names, columns, calculations)
        if select.args.get("group"):
            refuse_others(select.args["group"], {"expressions"})
            clauses["group"] = exp.Group(expressions=[*map(by, select.args["group"].expressions)])
        clauses |= _distinct(select, by)
        return _Rows(exp.Select(**clauses), columns)

    def _source(self, item: exp.Expr, ctes: Mapping[str, _Rows], names: _Names) -> exp.Expr:
        """Put one part of FROM into the names, and return it made anew."""
        alias = item.args.get("alias")
        if isinstance(item.this, SERIES):
            return self._series(item, names)
        if alias is not None:
            refuse_others(alias, {"this"})
        alias_name = fold(alias.this) if alias is not None and alias.this else ""
        if isinstance(item, exp.Subquery):
            refuse_others(item, {"this", "alias"})
            rows = self.query(item.this, ctes)
            source: exp.Expr = exp.Subquery(this=rows.query, alias=_alias(alias_name))
        elif isinstance(item, exp.Table) and isinstance(item.this, exp.Identifier):
            refuse_others(item, {"this", "db", "catalog", "alias"})
            alias_name = alias_name or fold(item.this)
            rows = self._table(item, ctes)
            source = rows.query.copy()
            source.set("alias", _alias(alias_name))
        else:
            raise UnsafeError
        if not alias_name or alias_name in names.sources or STEP in alias_name:
            raise UnsafeError
        names.sources[alias_name] = rows.columns
        return source

    def _series(self, item: exp.Expr, names: _Names) -> exp.Expr:
        """Put the numbers or moments of a series into the names, and return it made anew."""
        refuse_others(item, {"this", "alias"})
        alias = item.args.get("alias")
        if alias is None:
            raise UnsafeError
        refuse_others(alias, {"this", "columns"})
        own = [fold(one) for one in (alias.args.get("columns") or [alias.this])]
        name = fold(alias.this)
        if len(own) != 1 or not name or name in names.sources or STEP in name:
            raise UnsafeError
        series = Calculations(_Names({}, {}).find, self.mentions).value(item.this)
        names.sources[name] = {own[0]: Provenance()}
        made_alias = exp.TableAlias(
            this=exp.to_identifier(name, quoted=True), columns=[exp.to_identifier(own[0], quoted=True)]
        )
        return exp.Table(this=series, alias=made_alias)

    def _table(self, item: exp.Table, ctes: Mapping[str, _Rows]) -> _Rows:
        name, schema = fold(item.this), fold(item.args.get("db"))
        if not schema and name in ctes:
            return _Rows(_table(name), ctes[name].columns)
        node = self._relations.node(schema, name)
        columns = self._relations.columns(node)
        if not columns:
            raise UnsafeError
        self.reads[node] = None
        refs = {one: frozenset({ColumnRef(node, one)}) for one in columns}
        return _Rows(_table(node), {name: Provenance(ref, ref) for name, ref in refs.items()})

    def _join(
        self, join: exp.Join, ctes: Mapping[str, _Rows], names: _Names, calculations: Calculations
    ) -> exp.Expr:
        refuse_others(join, {"this", "side", "kind", "on", "using"})
        if str(join.args.get("kind") or "").upper() not in KINDS or join.this.args.get("joins"):
            raise UnsafeError
        before = dict(names.sources)
        source = self._source(join.this, ctes, names)
        new = next(reversed(names.sources.values()))
        parts: dict[str, object] = {
            "this": source,
            "side": join.args.get("side"),
            "kind": join.args.get("kind"),
        }
        if join.args.get("on"):
            parts["on"] = calculations.value(join.args["on"])
        if join.args.get("using"):
            using = [fold(one.this if isinstance(one, exp.Column) else one) for one in join.args["using"]]
            for name in using:
                ours = names.merged_columns.get(name) or _Names(before, {}).find("", name)
                if name not in new:
                    raise UnsafeError
                calculations.equate(ours, new[name])
                names.merged_columns[name] = ours | new[name]
            parts["using"] = [exp.to_identifier(name, quoted=True) for name in using]
        return exp.Join(**parts)

    def _projections(
        self, select: exp.Select, names: _Names, calculations: Calculations
    ) -> tuple[dict[str, Provenance], list[exp.Expr]]:
        """Return the columns of a query, and what SELECT lists."""
        columns: dict[str, Provenance] = {}
        projections: list[exp.Expr] = []

        def add(name: str, provenance: Provenance, value: exp.Expr) -> None:
            if name in columns:  # nothing can ask for one of them by its name
                name = f"{name} {len(columns) + 1}"
            columns[name] = provenance
            projections.append(exp.alias_(value, name, quoted=True))

        for one in select.expressions:
            star = one.this if isinstance(one, exp.Column) else one
            if isinstance(star, exp.Star):
                refuse_others(star, frozenset())
                for (table, name), provenance in names.star(fold(one.args.get("table"))).items():
                    self.mentions.sources |= provenance.sources
                    add(name, provenance, quoted(name, table))
            else:
                inner = one.unalias()
                add(name_of(one), calculations.provenance(inner), calculations.value(inner))
        return columns, projections


def _by(
    names: _Names, columns: Mapping[str, Provenance], calculations: Calculations
) -> Callable[[exp.Expr], exp.Expr]:
    """Return what makes anew what rows are grouped by: a place, a column or a name of the result."""

    def again(node: exp.Expr) -> exp.Expr:
        node = bare(node)
        if isinstance(node, exp.Literal):
            place = 0 if node.is_string or not str(node.this).isdigit() else int(node.this)
            if not 1 <= place <= len(columns):
                raise UnsafeError
            return node.copy()
        if isinstance(node, exp.Column) and not node.table and fold(node.this) in columns:
            try:
                names.find("", fold(node.this))
            except UnsafeError:
                return quoted(fold(node.this))
        return calculations.value(node)

    return again


def _distinct(select: exp.Select, by: Callable[[exp.Expr], exp.Expr]) -> dict[str, object]:
    """Return the clauses that leave out rows; an order that decides nothing is left out."""
    distinct, order = select.args.get("distinct"), select.args.get("order")
    if distinct is None:
        return {}
    refuse_others(distinct, {"on"})
    on = distinct.args.get("on")
    if on is None:
        return {"distinct": exp.Distinct()}
    refuse_others(on, {"expressions"})
    clauses: dict[str, object] = {
        "distinct": exp.Distinct(on=exp.Tuple(expressions=[*map(by, on.expressions)]))
    }
    if order is not None:
        refuse_others(order, {"expressions"})
        clauses["order"] = exp.Order(expressions=[_ordered(one, by) for one in order.expressions])
    return clauses


def _ordered(one: exp.Expr, by: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    if not isinstance(one, exp.Ordered):
        return by(one)
    refuse_others(one, {"this", "desc", "nulls_first"})
    return exp.Ordered(this=by(one.this), desc=one.args.get("desc"), nulls_first=one.args.get("nulls_first"))


def _inner(query: exp.Expr) -> exp.Expr:
    """Return a query as a part of a union, in brackets where it has names of its own or is a union."""
    alone = isinstance(query, exp.Select) and not (query.args.get("with_") or query.args.get("with"))
    return query if alone and not query.args.get("order") else exp.Subquery(this=query)


def _alias(name: str) -> exp.TableAlias:
    return exp.TableAlias(this=exp.to_identifier(name, quoted=True))


def _table(name: str) -> exp.Table:
    return exp.Table(this=exp.to_identifier(name, quoted=True))
