"""`synth compare`: a model that reads twins, built on them and on the real relations, and how far off."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from synth.dbt import command as dbt
from synth.dbt.tests import published_twins
from synth.errors import ConfigError
from synth.validation import nearest
from synth.warehouse import Warehouse
from synth.warehouse.comparing import temporary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from synth.domain import Relation
    from synth.project.manifest import Manifest, Node
    from synth.settings import Settings
    from synth.warehouse.comparing import Measurements, Pair

ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A model, and its numbers on both sides."""

    node: Node
    measurements: Measurements

    @property
    def errors(self) -> tuple[float, ...]:
        """The relative error of every number shown, without its sign."""
        pairs = [*self.measurements.means.values(), self.measurements.rows]
        for _, numbers in self.measurements.groups:
            pairs += numbers.values()
        return tuple(abs(error) for pair in pairs if (error := relative_error(pair)) is not None)


def relative_error(pair: Pair) -> float | None:
    """Return the twin's error as a share of the real number; None where that is zero or NULL."""
    real, twin = pair
    return None if not real or twin is None else (twin - real) / abs(real)


def compare(
    names: Sequence[str], manifest: Manifest, places: Mapping[str, Relation], settings: Settings
) -> tuple[Comparison, ...]:
    """Build models on both sides, in temporary tables, and compare their numbers.

    Args:
        names: of the models; none means all that depend on twins alone.
        manifest: of the project.
        places: where the twin of every tagged model is or would be, by `unique_id`.
        settings: of the command.

    Raises:
        ConfigError: there is no such model, it reads what has no twin, or dbt could not compile it.
        WarehouseError: Postgres refused.
    """
    with Warehouse(settings.connection.conninfo(), role=settings.connection.role) as warehouse:
        twins = published_twins(places, warehouse)
        paths = _paths_by_model(names, manifest, twins)
        steps = tuple({node.unique_id: node for nodes in paths.values() for node in nodes}.values())
        if not steps:
            return ()
        real, twin = (_compile_queries(steps, state, settings) for state in (None, twins))
        return tuple(
            Comparison(
                nodes[-1],
                warehouse.measure(nodes[-1].name, _steps(nodes, real, "real"), _steps(nodes, twin, "twin")),
            )
            for nodes in paths.values()
        )


def _paths_by_model(
    names: Sequence[str], manifest: Manifest, twins: Mapping[str, Relation]
) -> dict[str, tuple[Node, ...]]:
    """Return what to build for each model, in order: the relations between it and the twins, and itself."""
    models = {node.name: node for node in manifest.nodes.values() if node.resource_type == "model"}
    for name in names:
        if name not in models:
            raise ConfigError(f"There is no model '{name}'; {nearest(name, models)}")
    paths = {}
    for name in names or sorted(models):
        node = models[name]
        path, missing_parents = _path(node, manifest, twins)
        if (
            not missing_parents
            and path
            and node.unique_id not in twins
            and node.materialization != "ephemeral"
        ):
            paths[name] = path
        elif names:
            reads = (
                f"it reads {', '.join(sorted(missing_parents))}, which has no twin"
                if missing_parents
                else "it is no query"
            )
            raise ConfigError(f"{name} cannot be compared: {reads}.")
    return paths


def _path(
    node: Node, manifest: Manifest, twins: Mapping[str, Relation]
) -> tuple[tuple[Node, ...], frozenset[str]]:
    """Return the relations to build for `node`, and those it reads that have no twin and cannot be built."""
    if not node.parents or node.language != "sql":
        return (), frozenset({node.unique_id})
    steps: dict[str, Node] = {}
    missing_parents: set[str] = set()
    for parent in node.parents:
        if parent in twins:
            continue
        above = manifest.nodes.get(parent)
        if above is None or above.resource_type != "model":
            missing_parents.add(parent)
            continue
        path, missing_above = _path(above, manifest, twins)
        steps |= {step.unique_id: step for step in path if step.materialization != "ephemeral"}
        missing_parents |= missing_above
    return (*steps.values(), node), frozenset(missing_parents)


def _compile_queries(
    nodes: Sequence[Node], twins: Mapping[str, Relation] | None, settings: Settings
) -> dict[str, str]:
    """Return the query of each node, by `unique_id`."""
    selection = [f"fqn:{'.'.join(node.fqn)}" for node in nodes]
    compiled_nodes = dbt.results(settings, "compile", selection, twins, "--full-refresh")
    queries = {item["unique_id"]: str(item.get("compiled_code") or "") for item in compiled_nodes}
    for node in nodes:
        if not queries.get(node.unique_id):
            raise ConfigError(f"dbt could not compile {node.name}. Next: dbt compile --select {node.name}")
    return queries


def _steps(nodes: Sequence[Node], queries: Mapping[str, str], side: str) -> list[tuple[str, str]]:
    """Return the tables to build; a query reads the temporary tables of the steps before it."""
    names = {node.unique_id: f"synth_{side}_{index}" for index, node in enumerate(nodes)}
    steps = []
    for node in nodes:
        query = queries[node.unique_id]
        for above in nodes:
            if above is not node and above.relation_name:
                query = query.replace(above.relation_name, temporary(names[above.unique_id]))
        steps.append((names[node.unique_id], query))
    return steps


def as_text(comparison: Comparison) -> Iterator[str]:
    """Yield lines to read: a table a number and group, or the means."""
    measurements, errors = comparison.measurements, comparison.errors
    summary = f"median relative error {median(errors):.1%}" if errors else "too few rows to show"
    yield f"{comparison.node.name}  [{summary}]"
    tables: dict[str, dict[str, Pair]] = {}
    for group, numbers in measurements.groups:
        for name, pair in numbers.items():
            title = f"{name} by {', '.join(measurements.labels)}"
            tables.setdefault(title, {})[" · ".join(group)] = pair
    if errors and not tables:
        means = {f"mean of {name}": pair for name, pair in measurements.means.items()}
        tables[""] = {ROWS: measurements.rows, **means}
    width = max((len(label) for title, lines in tables.items() for label in (title, *lines)), default=0)
    for title, lines in tables.items():
        yield f"  {title:<{width}}  {'real':>14}  {'twin':>14}  {'error':>8}"
        for label, pair in lines.items():
            real, twin = map(_text, pair)
            yield f"  {label:<{width}}  {real:>14}  {twin:>14}  {_error(pair):>8}".rstrip()
    if measurements.hidden_groups:
        yield f"  groups not shown: {measurements.hidden_groups} (few rows, or none on one side)"


def _error(pair: Pair) -> str:
    error = relative_error(pair)
    return "" if error is None else f"{error:+.1%}"


def _text(number: float | None) -> str:
    if number is None:
        return "NULL"
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.4g}"


def as_json(comparison: Comparison) -> str:
    """Return the same as one JSON object."""
    measurements = comparison.measurements

    def values_of(pair: Pair) -> dict[str, float | None]:
        return {"real": pair[0], "twin": pair[1], "relative_error": relative_error(pair)}

    content = {
        "unique_id": comparison.node.unique_id,
        "rows": values_of(measurements.rows),
        "means": {name: values_of(pair) for name, pair in measurements.means.items()},
        "groups": [
            {
                "labels": dict(zip(measurements.labels, group, strict=True)),
                "numbers": {name: values_of(pair) for name, pair in numbers.items()},
            }
            for group, numbers in measurements.groups
        ],
        "hidden_groups": measurements.hidden_groups,
        "median_relative_error": median(comparison.errors) if comparison.errors else None,
    }
    return json.dumps(content, ensure_ascii=False)
