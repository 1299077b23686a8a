"""The lineage of one node after another, parents first, from its SQL and the catalog's columns."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import accumulate, chain
from typing import TYPE_CHECKING, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.parsers.postgres import PostgresParser

from synth.graph.choices import read_choice
from synth.graph.classes import Origins
from synth.graph.expressions import COMPOUND, LONGEST
from synth.graph.firsts import sort_places
from synth.graph.leaves import OPAQUE, QueryLeaves, RelationRows, Sort, leaf, size, text, window_call
from synth.graph.origins import ColumnRef, LookupOrigin, NodeLineage, UnknownOrigin
from synth.graph.queries import NotUnderstoodError, Queries
from synth.graph.rewriting import rewrite
from synth.graph.scopes import fills
from synth.graph.unions import aggregate_formula, formulas, lookup_formulas, window_formulas
from synth.graph.versions import kept_by_dbt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from synth.domain import Relation
    from synth.graph.leaves import Leaf
    from synth.graph.origins import Origin
    from synth.graph.unions import ColumnPairs
    from synth.project.manifest import Node

WRITTEN_ALIKE = ("TO_CHAR", "TO_DATE", "TO_TIMESTAMP", "DATE_TRUNC")  # their formats are left as they stand


MISSING_COLUMN = UnknownOrigin("its SQL has no such column")


class Plain(Postgres):
    """Postgres, with functions left as they are where sqlglot would translate the formats they take."""

    class Parser(PostgresParser):
        """Reads functions that take formats as any other function."""

        FUNCTIONS: ClassVar = {
            name: make for name, make in PostgresParser.FUNCTIONS.items() if name not in WRITTEN_ALIKE
        }


class Tracer:
    """Knows the relations of the nodes, and what was read of those before."""

    def __init__(
        self,
        relations: Mapping[str, Relation],
        types: Mapping[str, Mapping[str, str]],
        keys: Mapping[str, Sequence[Sequence[str]]],
        *,
        as_groups: bool = False,
    ) -> None:
        self._as_groups = as_groups
        self._types = types
        self._keys = {name: list(sets) for name, sets in keys.items()}
        self._nodes = {(one.schema, one.name): name for name, one in relations.items()}
        self._ids_by_name = {one.name: name for name, one in relations.items()}
        self._values: dict[str, dict[str, exp.Expr]] = {}  # of columns, over leaves of the node's own query
        self._leaves: dict[str, QueryLeaves] = {}
        self._spines: dict[str, str | None] = {}

    def node(self, schema: str, name: str) -> str:
        """Return the `unique_id` of a relation; what the manifest does not have is called by its names."""
        if schema:
            return self._nodes.get((schema, name), f"{schema}.{name}")
        return self._ids_by_name.get(name, name)

    def columns(self, node: str) -> Sequence[str] | None:
        """Return the columns of a node in their order; None where nobody knows them."""
        return [*self._types[node]] if self._types.get(node) else None

    def keys(self, node: str) -> Sequence[Sequence[str]]:
        """Return sets of columns that are unique together."""
        return self._keys.get(node, ())

    def lineage(self, node: Node, statement: str) -> NodeLineage:
        """Return the lineage of a node that is defined by `statement`."""
        if node.resource_type in {"seed", "source"}:
            return NodeLineage(is_stored=True)
        if not statement.strip():
            return self._unknown_lineage(node, "it has no SQL that could be read")
        queries = Queries(self, as_groups=self._as_groups)
        try:
            query = sqlglot.parse_one(statement, read=Plain)
            rows = queries.rows(query)
        except (SqlglotError, NotUnderstoodError) as error:
            return self._unknown_lineage(node, f"its SQL could not be read: {str(error).splitlines()[0]}")
        except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
            return self._unknown_lineage(
                node, f"its SQL is of a form that is not supported ({type(error).__name__})"
            )
        lineage = self._lineage(node, queries, rows)
        if node.resource_type == "snapshot" or self._as_groups:
            return lineage
        return replace(lineage, choice=read_choice(query, self), rewriting=rewrite(query, self))

    def _unknown_lineage(self, node: Node, reason: str) -> NodeLineage:
        columns: dict[str, Origin] = {
            name: UnknownOrigin(reason) for name in self._types.get(node.unique_id, ())
        }
        reads = tuple(node.parents)
        return NodeLineage(columns, reads, is_parsed=False, reason=reason)

    def _lineage(self, node: Node, queries: Queries, rows: RelationRows) -> NodeLineage:
        origins = Origins(queries.leaves, self._types)
        names = self._match_names(node.unique_id, rows)
        values = {name: rows.columns[own] for name, own in names.items() if own}
        columns = {name: origins.origin(values[name]) if name in values else MISSING_COLUMN for name in names}
        if node.resource_type == "snapshot":
            columns |= kept_by_dbt(node, columns)
        texts = {text(value): name for name, value in values.items()}
        grain = [texts.get(text(one)) for one in rows.grain] if rows.grain else None
        whole = tuple(one for one in grain if one) if grain and all(grain) else None
        keys = [
            tuple(texts[text(one)] for one in key)
            for key in rows.keys
            if all(text(one) in texts for one in key)
        ]
        self._keys.setdefault(node.unique_id, []).extend(map(list, keys))
        self._values[node.unique_id] = values
        return NodeLineage(
            columns,
            tuple(queries.sources.reads),
            rows.spine,
            rows.is_filtered,
            whole,
            self._formulas(queries.leaves, node.unique_id),
            tuple(dict.fromkeys(key for key in keys if key)),
            window_formulas=self._window_formulas(node.unique_id),
            complete_windows=self._complete_windows(node.unique_id, rows.spine),
            lookups=(*self._lookups(node.unique_id), *self._aggregates(node.unique_id)),
        )

    def _match_names(self, node: str, rows: RelationRows) -> dict[str, str]:
        """Return the name that the SQL has for each column of the relation; "" for none."""
        own = [*rows.columns]
        stored_columns = [*self._types.get(node, ())] or own
        if len(own) == len(stored_columns) and {*own} != {
            *stored_columns
        }:  # names that Postgres made up or cut
            return dict(zip(stored_columns, own, strict=True))
        return {name: name if name in rows.columns else "" for name in stored_columns}

    def _formulas(self, leaves: QueryLeaves, node: str) -> dict[str, str]:
        """Return columns as SQL over others of the same relation, through the relations that it reads."""
        values = {name: self._expand(value, leaves) for name, value in self._values[node].items()}
        self._values[node], self._leaves[node] = values, leaves
        return _as_sql(formulas(values))

    def _window_formulas(self, node: str) -> dict[str, str]:
        """Return columns as SQL over other columns and rows of the same relation."""
        return _as_sql(window_formulas(self._values[node], lambda column: self._window(node, column)))

    def _complete_windows(self, node: str, spine: str | None) -> frozenset[str]:
        """Return the columns whose windows, if any, are over just the rows that there are in the end."""
        self._spines[node] = spine
        return frozenset(
            name
            for name, value in self._values[node].items()
            if all(self._windows(node, value.find_all(exp.Column)))
        )

    def _windows(self, node: str, columns: Iterable[exp.Column]) -> Iterator[bool]:
        """Yield for each window of leaves whether no row of the node was left out or added after it."""
        leaves, spine = self._leaves[node], self._spines.get(node)
        for column in columns:
            mention, _, rest = column.table.partition("/")
            meaning = None if rest else leaves[column]
            if meaning is not None and meaning.sort is not Sort.WINDOW:
                continue
            place = (mention, "") if rest else (column.table, column.name)
            inner = leaves.nodes.get(mention, "")
            over = meaning.over if meaning is not None else (inner,)
            is_whole = place not in leaves.cuts and (spine in over or place not in leaves.joins)
            if meaning is not None:
                parts = (*meaning.parts, *meaning.keys)
                yield is_whole
                yield from self._windows(node, (one for part in parts for one in part.find_all(exp.Column)))
            elif inner in self._leaves:
                yield from (is_whole and one for one in self._windows(inner, [leaf(rest, column.name)]))

    def _lookups(self, node: str) -> Iterator[LookupOrigin]:
        """Yield columns as SQL over others of the row and columns of one relation that the query reads."""
        for other, theirs in self._mentions(node, self._values[node].values()):
            for column, (formula, own, names) in lookup_formulas(self._values[node], theirs).items():
                refs = tuple(ColumnRef(other, name) for name in names)
                yield LookupOrigin(column, formula.sql(dialect="postgres", comments=False), own, refs)

    def _aggregates(self, node: str) -> Iterator[LookupOrigin]:
        """Yield columns as SQL over aggregates of one relation, which are grouped by one key."""
        for column, value in self._values[node].items():
            tables = {one.table for one in value.find_all(exp.Column)}
            path, _, sort = next(iter(tables)).rpartition("/") if len(tables) == 1 else ("", "", "")
            inner = self._node_at(node, path) if path else node
            if sort != OPAQUE or inner not in self._leaves:
                continue
            leaves = self._leaves[inner]
            meanings = {text(one): leaves[leaf(OPAQUE, one.name)] for one in value.find_all(exp.Column)}
            key = _group_key([*meanings.values()])
            ref = leaves[key].ref if isinstance(key, exp.Column) else None
            if ref is None:
                continue
            calls = {name: self._expand(one.parts[0], leaves) for name, one in meanings.items()}
            for other, theirs in self._mentions(inner, calls.values()):
                formula, names = aggregate_formula(value, calls, theirs) or (None, ())
                if formula is not None:
                    sources = tuple(ColumnRef(other, name) for name in names)
                    sorts = tuple(sources[place] for place in sort_places(formula))
                    sql = formula.sql(dialect="postgres", comments=False)
                    yield LookupOrigin(column, sql, (), sources, ref, sorts)

    def _mentions(self, node: str, values: Iterable[exp.Expr]) -> Iterator[tuple[str, ColumnPairs]]:
        """Yield the relations that expressions of a query reach, each with its columns by name.

        They are over their leaves, and once more as they are: behind an outer join what makes something of
        NULL is not put in.
        """
        tables = dict.fromkeys(one.table for value in values for one in value.find_all(exp.Column))
        ways = (accumulate(table.split("/"), _deeper) for table in tables)
        for mention in dict.fromkeys(chain.from_iterable(ways)):
            other = self._node_at(node, mention)
            columns = self._values.get(other, {})
            theirs = [(name, value.transform(partial(_under, mention))) for name, value in columns.items()]
            names = tuple(columns) or tuple(self._types.get(other, ()))
            yield other, [*theirs, *((name, leaf(mention, name)) for name in names)]

    def _node_at(self, node: str, mention: str) -> str:
        """Return the relation that a query mentions, or that of one that it mentions; "" for none."""
        first, _, rest = mention.partition("/")
        inner = self._leaves[node].nodes.get(first, "") if node in self._leaves else ""
        return self._node_at(inner, rest) if rest else inner

    def _window(self, node: str, column: exp.Column) -> exp.Expr | None:
        """Return the call that a leaf of a node stands for, in this node's query or one that it reads."""
        mention, _, rest = column.table.partition("/")
        leaves = self._leaves[node]
        if rest:
            inner = leaves.nodes.get(mention, "")
            call = self._window(inner, leaf(rest, column.name)) if inner in self._leaves else None
            return None if call is None else call.transform(lambda one: _under(mention, one))
        call = window_call(leaves[column])
        return None if call is None else self._expand(call, leaves)

    def _expand(self, value: exp.Expr, leaves: QueryLeaves) -> exp.Expr:
        """Return the expression with columns of other models replaced by what those are made of."""

        def replace_part(part: exp.Expr) -> exp.Expr:
            if not isinstance(part, exp.Column):
                return part
            leaf = leaves[part]
            inner = self._values.get(leaf.ref.node, {}).get(leaf.ref.column) if leaf.ref else None
            if inner is None or size(inner) > LONGEST or (part.table in leaves.nullable and fills(inner)):
                return part
            if isinstance(inner, exp.Column):
                return _under(part.table, inner)
            inner = inner.transform(lambda one: _under(part.table, one))
            return exp.Paren(this=inner) if part is not value and isinstance(inner, COMPOUND) else inner

        expression = replace_part(value) if isinstance(value, exp.Column) else value.transform(replace_part)
        return expression if size(expression) <= 2 * LONGEST else value.copy()


def _as_sql(columns: Mapping[str, exp.Expr]) -> dict[str, str]:
    return {name: value.sql(dialect="postgres", comments=False) for name, value in columns.items()}


def _group_key(meanings: Sequence[Leaf]) -> exp.Expr | None:
    """Return by what rows are grouped of which these leaves are all aggregates, if that is one expression."""
    keys = {tuple(map(text, one.keys)) for one in meanings if one.sort is Sort.GROUP}
    is_one = len(keys) == 1 and all(one.sort is Sort.GROUP for one in meanings)
    return meanings[0].keys[0] if is_one and len(meanings[0].keys) == 1 else None


def _deeper(mention: str, part: str) -> str:
    return f"{mention}/{part}"


def _under(mention: str, node: exp.Expr) -> exp.Expr:
    """Return a leaf as that of one mention of the relation that it was part of."""
    return leaf(f"{mention}/{node.table}", node.name) if isinstance(node, exp.Column) else node
