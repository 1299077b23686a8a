"""Models that are calculated from other tagged models: their twins are calculated from those twins.

As with parts of models, only SQL that is wholly understood counts, and only if the real rows are so. What it
reads is a tagged model, or a public list, or a relation whose rows one of these has, or a query over such.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from synth.domain import BackendOptions, Excerpt, Kind, Role, merge
from synth.graph.digests import told_by_key
from synth.graph.origins import ColumnRef, Copy
from synth.warehouse.parts import LIST, PARENT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sqlglot import exp

    from synth.domain import Model
    from synth.graph.digests import ToldColumn
    from synth.graph.look import RelationLook
    from synth.graph.origins import NodeLineage
    from synth.graph.rewriting import Rewriting

# Of columns that SQL may mention: Postgres' own, so that nobody else's operators are called.
PLAIN_TYPES = re.compile(
    r"(text|character varying|character|smallint|integer|bigint|numeric|real|double precision|boolean|date"
    r"|uuid|timestamp(\(\d\))? with(out)? time zone)(\([\d,]+\))?"
)
LEARNED = frozenset({Role.CATEGORY, Role.NUMBER, Role.DATETIME, Role.BOOLEAN, Role.KEEP})
HALF = 2  # rows a value of a text; where they share less, its values are made up
INNER = "query {}"  # what queries in between are called
OWN, OTHER = "own", "other {}"  # what rows are called in these, and those that their keys lead to
MOST = 200  # queries that one model may lead through


@dataclass(slots=True)
class _Reading:
    """What a model reads, down to tagged models.

    Attributes:
        parents: the tagged models, with what they are called; `lists` the public ones.
        queries: those in between, by what they are called, in order.
        told_columns: columns of relations that a twin with their rows lacks, but a key of it tells.
    """

    parents: dict[str, str] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    queries: dict[str, exp.Expr] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    told_columns: dict[str, dict[str, ToldColumn]] = field(default_factory=dict)


class ElsewhereError(Exception):
    """A relation cannot be had from twins: its rows are elsewhere alone."""


def calculated(
    models: Mapping[str, Model],
    lineages: Mapping[str, NodeLineage],
    looks: Mapping[str, RelationLook],
    parts: Collection[str],
) -> dict[str, Excerpt]:
    """Return what is to be calculated from twins, by the `unique_id` of the model.

    Args:
        models: that are tagged, with their references and entities, by `unique_id`.
        lineages: of these and of all that they are made from.
        looks: at the relations.
        parts: the models that are parts of others.
    """
    excerpts: dict[str, Excerpt] = {}
    lists = public_lists(models, looks)
    for name in models:
        if name not in parts and _is_undeclared(models[name]):
            try:
                excerpts[name] = _Calculation(name, models, lineages, looks, lists).excerpt()
            except ElsewhereError:
                continue
    while True:
        try:
            TopologicalSorter(
                {name: {*one.parents} & excerpts.keys() for name, one in excerpts.items()}
            ).prepare()
        except CycleError as error:
            excerpts.pop(min(error.args[1]))
        else:
            return excerpts


def is_plain(name: str, whole: Model, look: RelationLook) -> bool:
    """Return whether a column is in the twin with what it holds or lacks, and has a type of Postgres."""
    column, role = look.columns.get(name), whole.roles.get(name)
    if column is None or not PLAIN_TYPES.fullmatch(column.data_type) or name in whole.unlinked_columns:
        return False
    return role not in {Role.DROP, Role.FREE_TEXT} and (name not in look.texts or role is not None)


def is_learned(name: str, whole: Model, look: RelationLook) -> bool:
    """Return whether the twin's column has values that are common in the real one."""
    if name in whole.roles:
        return whole.roles[name] in LEARNED
    keys = {key.column for key in whole.foreign_keys if not key.public}
    keys |= {columns[0] for columns in (whole.primary_key, *whole.unique) if len(columns) == 1}
    if name in keys or name in look.personal or name in look.leading or look.unique(name):
        return False
    counts = look.counts.get(name)
    is_shared = counts is None or counts.different * HALF <= counts.present
    return is_shared or look.columns[name].kind is not Kind.TEXT


def public_lists(models: Mapping[str, Model], looks: Mapping[str, RelationLook]) -> frozenset[str]:
    """Return the untagged relations that tagged models refer to, and in which no column leads to people."""
    keys = (key for model in models.values() for key in model.foreign_keys if key.public)
    lists = {key.parent for key in keys if key.relation is not None}
    return frozenset(name for name in lists - models.keys() if name in looks and _is_list(looks[name]))


def _is_list(look: RelationLook) -> bool:
    return look.whole and not (look.personal or look.leading or look.texts)


class _Calculation:
    """Leads the query of one model back to the twins that it can be asked of."""

    def __init__(
        self,
        name: str,
        models: Mapping[str, Model],
        lineages: Mapping[str, NodeLineage],
        looks: Mapping[str, RelationLook],
        lists: Collection[str],
    ) -> None:
        self._name = name
        self._lists = lists
        self._models = models
        self._lineages = lineages
        self._looks = looks
        self._reading = _Reading()

    def excerpt(self) -> Excerpt:
        """Return what is to be calculated.

        Raises:
            ElsewhereError: it cannot be.
        """
        rewriting, look = self._rewriting(self._name), self._looks.get(self._name)
        if look is None or {*look.columns} != {*rewriting.columns}:
            raise ElsewhereError
        self._refuse(rewriting)
        query = self._renamed(rewriting)
        parents = self._reading.parents
        if all(self._models[name].reference for name in parents) or not self._is_alike():
            raise ElsewhereError
        first, *others = parents
        words = " and ".join(self._models[name].name for name in parents)
        return Excerpt(
            first,
            {name: name for name in look.columns},
            "",
            f"rows that its SQL makes of {words}",
            tuple(others),
            _together(query, self._reading.queries),
            tuple(self._looks[name].relation for name in self._reading.lists),
        )

    def _rewriting(self, node: str) -> Rewriting:
        lineage = self._lineages.get(node)
        if lineage is None or lineage.is_stored or lineage.rewriting is None:
            raise ElsewhereError
        return lineage.rewriting

    def _renamed(self, rewriting: Rewriting) -> exp.Expr:
        """Return the query over what is called `parent 1` and so on, or is a query in between."""
        from sqlglot import exp  # noqa: PLC0415 - the parser takes its time to load

        names = {node: self._called(node) for node in rewriting.reads}

        def call(part: exp.Expr) -> exp.Expr:
            if isinstance(part, exp.Table) and part.name in names:
                part.set("this", exp.to_identifier(names[part.name], quoted=True))
            return part

        return rewriting.query.copy().transform(call)

    def _called(self, node: str) -> str:
        """Return what a node is called, once it or its rows can be had from twins."""
        names = self._reading.names
        if node not in names:
            if len(names) > MOST or node == self._name:
                raise ElsewhereError
            is_end = node in self._lists or node in self._models
            names[node] = self._end(node) if is_end else self._between(node)
        return names[node]

    def _end(self, name: str) -> str:
        """Return what a tagged model or a list is called."""
        is_list = name in self._lists
        ends = self._reading.lists if is_list else self._reading.parents
        return ends.setdefault(name, (LIST if is_list else PARENT).format(len(ends) + 1))

    def _between(self, node: str) -> str:
        """Return what a relation without a twin is called: rows of a model that has them, or its query."""
        holder, columns = next(self._holders(node), ("", {}))
        query = self._rows_of(holder, node, columns) if holder else self._renamed(self._rewriting(node))
        name = INNER.format(len(self._reading.queries) + 1)
        self._reading.queries[name] = query
        return name

    def _rows_of(self, holder: str, node: str, columns: Mapping[str, str]) -> exp.Expr:
        """Return the query for the rows of a node in the twin that has them."""
        by_key = self._reading.told_columns.get(node, {})
        own = self._end(holder)
        return _chosen(own, columns, {name: (self._end(one.key.parent), one) for name, one in by_key.items()})

    def _holders(self, node: str) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield models and lists that have all rows of a node, with the columns that are those of the node.

        Those come last that lose rows by a join or a condition which may lose none: the real rows will tell.
        """
        for may_lose in (False, True):
            for name in (*sorted(self._models), *(() if may_lose else sorted(self._lists))):
                ours = {} if name == self._name else _copies(name, node, self._lineages, may_lose=may_lose)
                if ours:
                    yield name, ours

    def _refuse(self, rewriting: Rewriting) -> None:
        """Refuse what asks of a twin more than it can say.

        Raises:
            ElsewhereError: it does.
        """
        mentions = rewriting.mentions
        for ref in mentions.sources:
            self._ends(ref)
        for ref in mentions.compared:
            if not all(self._is_learned(end) for end in self._ends(ref)):
                raise ElsewhereError
        for refs in mentions.equated:
            ends = {end for ref in refs for end in self._ends(ref)}
            if not self._are_of_one_kind(ends):
                raise ElsewhereError

    def _ends(self, ref: ColumnRef) -> frozenset[ColumnRef]:
        """Return the columns of tagged models and lists that a column's values come from."""
        if ref.node in self._lists:
            public = self._looks[ref.node]
            column = public.columns.get(ref.column)
            if ref.column in public.unclear or column is None or not PLAIN_TYPES.fullmatch(column.data_type):
                raise ElsewhereError
            return frozenset({ref})
        if ref.node in self._models:
            model, look = self._models[ref.node], self._looks.get(ref.node)
            if ref.node == self._name or look is None or not is_plain(ref.column, model, look):
                raise ElsewhereError
            return frozenset({ref})
        holder, columns = next(self._holders(ref.node), ("", {}))
        if holder:
            if ref.column not in columns:
                return self._ends(self._column_by_key(holder, ref))
            return self._ends(ColumnRef(holder, columns[ref.column]))
        rewriting = self._rewriting(ref.node)
        self._refuse(rewriting)
        sources = rewriting.columns[ref.column].sources if ref.column in rewriting.columns else ()
        return frozenset[ColumnRef]().union(*(self._ends(one) for one in sources))

    def _column_by_key(self, holder: str, ref: ColumnRef) -> ColumnRef:
        """Return the column of another twin that has what a holder's rows have as a digest alone."""
        model = self._models.get(holder)
        one = told_by_key(model, ref, self._lineages) if model else None
        if one is None or one.key.parent not in self._models:
            raise ElsewhereError
        self._reading.told_columns.setdefault(ref.node, {})[ref.column] = one
        return ColumnRef(one.key.parent, one.column)

    def _is_learned(self, ref: ColumnRef) -> bool:
        return ref.node in self._lists or is_learned(
            ref.column, self._models[ref.node], self._looks[ref.node]
        )

    def _are_of_one_kind(self, refs: Collection[ColumnRef]) -> bool:
        """Return whether equal real values of these columns are equal in the twins."""
        if all(self._is_learned(ref) for ref in refs):
            return True
        return len({self._key(ref) for ref in refs}) == 1

    def _key(self, ref: ColumnRef) -> ColumnRef:
        """Return the key that a column refers to, at whatever distance; itself where it refers to none."""
        visited: set[ColumnRef] = set()
        while ref not in visited and ref.node in self._models:
            visited.add(ref)
            keys = [key for key in self._models[ref.node].foreign_keys if key.column == ref.column]
            if keys:
                ref = ColumnRef(keys[0].parent, keys[0].parent_column)
        return ref

    def _is_alike(self) -> bool:
        """Return whether nothing was declared of the model that was not of those it is made of."""
        model = self._models[self._name]
        wholes = [self._models[name] for name in self._reading.parents]
        return all(
            merge(model.options, whole.options) == whole.options
            and model.backend_options in (BackendOptions(), whole.backend_options)
            for whole in wholes
            if not whole.reference
        )


def _is_undeclared(model: Model) -> bool:
    """Return whether nothing was declared of the model that a query over twins could not keep."""
    if model.seed_columns or model.balance or model.target_column or model.roles or model.sensitive:
        return False
    if "rows" in model.options or any(model.labels.values()):
        return False
    if any(one.source == "declared" for one in model.public):
        return False
    is_owned = model.ownership is not None and model.ownership.is_declared
    is_public = model.declared_reference is not None or bool(model.reference)
    return not is_owned and not is_public and model.history is None


def _copies(
    name: str, node: str, lineages: Mapping[str, NodeLineage], *, may_lose: bool
) -> Mapping[str, str]:
    """Return the columns of a node by which a model has them, if it has all its rows, or may; else none."""
    columns, visited = {}, {name}
    lineage = lineages.get(name)
    if lineage is None:
        return {}
    columns = {one: one for one in lineage.columns}
    while lineage is not None and lineage.rows_of and (may_lose or not lineage.is_filtered):
        columns = {
            origin.source.column: columns[one]
            for one, origin in lineage.columns.items()
            if isinstance(origin, Copy)
            and not origin.cast
            and origin.source.node == lineage.rows_of
            and one in columns
        }
        if lineage.rows_of == node or lineage.rows_of in visited:
            return columns if lineage.rows_of == node else {}
        visited.add(lineage.rows_of)
        lineage = lineages.get(lineage.rows_of)
    return {}


def _chosen(table: str, columns: Mapping[str, str], by_key: Mapping[str, tuple[str, ToldColumn]]) -> exp.Expr:
    """Return the query for columns of a table, each by its name with that in the table.

    Args:
        table: what it is called.
        columns: those that it has.
        by_key: those that a key of it leads to, each with what the other table is called.
    """
    from sqlglot import exp  # noqa: PLC0415 - the parser takes its time to load

    def source(name: str, alias: str) -> exp.Table:
        names = (exp.to_identifier(one, quoted=True) for one in (name, alias))
        return exp.Table(this=next(names), alias=exp.TableAlias(this=next(names)))

    def column(name: str, alias: str) -> exp.Column:
        return exp.column(*(exp.to_identifier(one, quoted=True) for one in (name, alias)))

    lists = [
        exp.alias_(column(own, OWN), name, quoted=True)
        for name, own in sorted(columns.items())
        if name not in by_key
    ]
    query = exp.select(*lists).from_(source(table, OWN))
    for place, (name, (other, one)) in enumerate(sorted(by_key.items()), start=1):
        alias = OTHER.format(place)
        same = exp.EQ(this=column(one.key.parent_column, alias), expression=column(one.key.column, OWN))
        query = query.select(exp.alias_(column(one.column, alias), name, quoted=True))
        query = query.join(source(other, alias), on=same, join_type="left")
    return query


def _together(query: exp.Expr, queries: Mapping[str, exp.Expr]) -> str:
    """Return a query as SQL, with those in between in front of it."""
    from sqlglot import exp  # noqa: PLC0415 - as above

    if queries:
        inner = exp.Subquery(this=query, alias=exp.TableAlias(this=exp.to_identifier("result")))
        query = exp.select("*").from_(inner)
        for name, one in queries.items():
            query = query.with_(exp.to_identifier(name, quoted=True), as_=one)
    return query.sql(dialect="postgres", comments=False)
