"""Column lineage: of every node in the ancestry of some, where its rows and columns come from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from synth.errors import ManifestError
from synth.graph.origins import ChoiceOrigin, ColumnRef, Copy, NodeLineage, UnknownOrigin
from synth.project.manifest import relation_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from synth.domain import Relation
    from synth.project.manifest import Manifest, Node
    from synth.warehouse.layout import RelationLayout

COMBINATION_TESTS = frozenset({"unique_combination_of_columns"})
STORED_RESOURCES = frozenset({"model", "seed", "snapshot", "source"})


def ancestry(manifest: Manifest, nodes: Iterable[str]) -> tuple[Node, ...]:
    """Return these nodes and everything that they are made from, parents first."""
    parents: dict[str, tuple[str, ...]] = {}
    queue = [*nodes]
    while queue:
        name = queue.pop()
        if name in manifest.nodes and name not in parents:
            parents[name] = tuple(one for one in manifest.nodes[name].parents if one in manifest.nodes)
            queue += parents[name]
    return tuple(manifest.nodes[name] for name in TopologicalSorter(parents).static_order())


def relations(nodes: Iterable[Node]) -> Mapping[str, Relation]:
    """Return the relation of every node that has one, by `unique_id`."""
    relations_by_name = {}
    for node in nodes:
        try:
            relations_by_name[node.unique_id] = relation_of(node)
        except ManifestError:  # ephemeral, or not of this database
            continue
    return relations_by_name


def trace(
    nodes: Sequence[Node],
    columns: Mapping[str, Mapping[str, str]],
    keys: Mapping[str, Sequence[Sequence[str]]] | None = None,
    statements: Mapping[str, str] | None = None,
) -> Mapping[str, NodeLineage]:
    """Return the lineage of each of `nodes`; what cannot be read has unknown columns, and a reason.

    Args:
        nodes: parents first.
        columns: of each relation, with their types as Postgres prints them, by `unique_id`.
        keys: sets of columns that are unique together, by `unique_id`.
        statements: the compiled SQL of nodes whose manifest lacks it.
    """
    from synth.graph.tracing import Tracer  # noqa: PLC0415 - the parser takes its time to load

    tracer = Tracer(relations(nodes), columns, keys or {})
    groups = Tracer(relations(nodes), columns, keys or {}, as_groups=True)
    lineages = {}
    for node in nodes:
        statement = (statements or {}).get(node.unique_id) or node.sql
        lineage, more = tracer.lineage(node, statement), groups.lineage(node, statement).lookups
        lookups = tuple(dict.fromkeys((*lineage.lookups, *more)))
        lineages[node.unique_id] = replace(lineage, lookups=lookups)
    return lineages


def unique_columns(manifest: Manifest, layout: RelationLayout) -> Mapping[str, list[tuple[str, ...]]]:
    """Return the sets of columns that tests and indexes say are unique together, by `unique_id`."""
    sets: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for test in manifest.tests:
        node = manifest.nodes.get(test.attached_node) or manifest.nodes.get(next(iter(test.parents), ""))
        if node is None or test.config.get("where") or test.config.get("enabled") is False:
            continue
        columns = (
            test.arguments.get("combination_of_columns") if test.kind in COMBINATION_TESTS else [test.column]
        )
        if test.kind in {"unique", *COMBINATION_TESTS} and isinstance(columns, list) and all(columns):
            sets[node.unique_id].append(tuple(node.column(str(column)) for column in columns))
    for name, relation in relations(manifest.nodes.values()).items():
        sets[name] += layout.keys.get(relation, ())
    return sets


def keys_above(
    lineages: Mapping[str, NodeLineage], keys: Mapping[str, list[tuple[str, ...]]]
) -> Mapping[str, list[tuple[str, ...]]]:
    """Return the sets of columns that are unique together, also those above nodes that have all their rows.

    A team tests the keys of `dim_branches`. The rows of `stg_branches`, from which these are copied, are the
    same ones, so its keys are unique, and whoever joins it by them gets no row twice.
    """
    whole_keys = {name: [*sets] for name, sets in keys.items()}
    queue = [(name, one) for name, sets in keys.items() for one in sets]
    while queue:
        name, names = queue.pop()
        lineage = lineages.get(name)
        if lineage is None or lineage.rows_of is None or lineage.is_filtered:
            continue
        origins = [lineage.columns.get(one) for one in names]
        sources = [one.source for one in origins if isinstance(one, Copy)]
        above = tuple(one.column for one in sources if one.node == lineage.rows_of)
        sets_above = whole_keys.setdefault(lineage.rows_of, [])
        if len(above) == len(names) and above not in sets_above:
            sets_above.append(above)
            queue.append((lineage.rows_of, above))
    return whole_keys


def root(lineages: Mapping[str, NodeLineage], column: ColumnRef) -> ColumnRef:
    """Return the column where the values of `column` arise: copies are followed to what is none."""
    visited_columns = set()
    while column not in visited_columns:
        visited_columns.add(column)
        origin = lineages[column.node].columns.get(column.column) if column.node in lineages else None
        if not isinstance(origin, Copy):
            return column
        column = origin.source
    return column


def roots(lineages: Mapping[str, NodeLineage], column: ColumnRef) -> tuple[ColumnRef, ...]:
    """Return all columns whose unchanged values may stand in `column`, through copies, unions and choices."""
    origin_columns: dict[ColumnRef, None] = {}
    visited_columns: set[ColumnRef] = set()
    queue = [column]
    while queue:
        one = root(lineages, queue.pop())
        if one in visited_columns:
            continue
        visited_columns.add(one)
        origin = lineages[one.node].columns.get(one.column) if one.node in lineages else None
        if isinstance(origin, ChoiceOrigin):
            queue += origin.sources
        else:
            origin_columns[one] = None
    return tuple(sorted(origin_columns))


def without_data(lineages: Mapping[str, NodeLineage], node: str) -> bool:
    """Return whether nothing that the node is made from holds any data: calendars, number tables."""
    lineage = lineages.get(node)
    if lineage is None or lineage.is_stored or not lineage.is_parsed:
        return False
    if not lineage.reads:
        return not any(isinstance(origin, UnknownOrigin) for origin in lineage.columns.values())
    return all(without_data(lineages, one) for one in lineage.reads if one != node)  # rows of earlier runs
