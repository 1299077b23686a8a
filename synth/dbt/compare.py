"""`synth compare`: a model that reads twins, built on them and on the real relations, and how far off."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from synth.dbt import command as dbt
from synth.dbt.tests import published
from synth.errors import ConfigError
from synth.validation import nearest
from synth.warehouse import Warehouse
from synth.warehouse.comparing import temporary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from synth.domain import Relation
    from synth.project.manifest import Manifest, Node
    from synth.settings import Settings
    from synth.warehouse.comparing import Measured, Pair

ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Compared:
    """A model, and its numbers on both sides."""

    node: Node
    measured: Measured

    @property
    def errors(self) -> tuple[float, ...]:
        """The relative error of every number shown, without its sign."""
        pairs = [*self.measured.means.values(), self.measured.rows]
        for _, numbers in self.measured.groups:
            pairs += numbers.values()
        return tuple(abs(error) for pair in pairs if (error := relative_error(pair)) is not None)


def relative_error(pair: Pair) -> float | None:
    """By how much the twin's number is off, as a share of the real one; None where that is zero or NULL."""
    real, twin = pair
    return None if not real or twin is None else (twin - real) / abs(real)


def compare(
    names: Sequence[str], manifest: Manifest, places: Mapping[str, Relation], settings: Settings
) -> tuple[Compared, ...]:
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
        twins = published(places, warehouse)
        chosen = _chosen(names, manifest, twins)
        steps = tuple({node.unique_id: node for nodes in chosen.values() for node in nodes}.values())
        if not steps:
            return ()
        real, twin = (_compiled(steps, state, settings) for state in (None, twins))
        return tuple(
            Compared(
                nodes[-1],
                warehouse.measure(nodes[-1].name, _steps(nodes, real, "real"), _steps(nodes, twin, "twin")),
            )
            for nodes in chosen.values()
        )


def _chosen(
    names: Sequence[str], manifest: Manifest, twins: Mapping[str, Relation]
) -> dict[str, tuple[Node, ...]]:
    """What to build for each model, in order: the relations between it and the twins, and itself."""
    models = {node.name: node for node in manifest.nodes.values() if node.resource_type == "model"}
    for name in names:
        if name not in models:
            raise ConfigError(f"There is no model '{name}'; {nearest(name, models)}")
    chosen = {}
    for name in names or sorted(models):
        node = models[name]
        path, missing = _path(node, manifest, twins)
        if not missing and path and node.unique_id not in twins and node.materialized != "ephemeral":
            chosen[name] = path
        elif names:
            reads = (
                f"it reads {', '.join(sorted(missing))}, which has no twin" if missing else "it is no query"
            )
            raise ConfigError(f"{name} cannot be compared: {reads}.")
    return chosen


def _path(
    node: Node, manifest: Manifest, twins: Mapping[str, Relation]
) -> tuple[tuple[Node, ...], frozenset[str]]:
    """The relations to build for `node`, and what it reads that has no twin and cannot be built either."""
    if not node.parents or node.language != "sql":
        return (), frozenset({node.unique_id})
    steps: dict[str, Node] = {}
    missing: set[str] = set()
    for parent in node.parents:
        if parent in twins:
            continue
        above = manifest.nodes.get(parent)
        if above is None or above.resource_type != "model":
            missing.add(parent)
            continue
        path, lost = _path(above, manifest, twins)
        steps |= {step.unique_id: step for step in path if step.materialized != "ephemeral"}
        missing |= lost
    return (*steps.values(), node), frozenset(missing)


def _compiled(
    nodes: Sequence[Node], twins: Mapping[str, Relation] | None, settings: Settings
) -> dict[str, str]:
    """The query of each node, by `unique_id`."""
    selection = [f"fqn:{'.'.join(node.fqn)}" for node in nodes]
    found = dbt.results(settings, "compile", selection, twins, "--full-refresh")
    queries = {item["unique_id"]: str(item.get("compiled_code") or "") for item in found}
    for node in nodes:
        if not queries.get(node.unique_id):
            raise ConfigError(f"dbt could not compile {node.name}. Next: dbt compile --select {node.name}")
    return queries


def _steps(nodes: Sequence[Node], queries: Mapping[str, str], side: str) -> list[tuple[str, str]]:
    """The tables to build; a query reads the temporary tables of the steps before it."""
    names = {node.unique_id: f"synth_{side}_{index}" for index, node in enumerate(nodes)}
    steps = []
    for node in nodes:
        query = queries[node.unique_id]
        for above in nodes:
            if above is not node and above.relation_name:
                query = query.replace(above.relation_name, temporary(names[above.unique_id]))
        steps.append((names[node.unique_id], query))
    return steps


def as_text(compared: Compared) -> Iterator[str]:
    """Lines to read: a table a number and group, or the means."""
    measured, errors = compared.measured, compared.errors
    said = f"median relative error {median(errors):.1%}" if errors else "too few rows to show"
    yield f"{compared.node.name}  [{said}]"
    tables: dict[str, dict[str, Pair]] = {}
    for group, numbers in measured.groups:
        for name, pair in numbers.items():
            title = f"{name} by {', '.join(measured.labels)}"
            tables.setdefault(title, {})[" · ".join(group)] = pair
    if errors and not tables:
        means = {f"mean of {name}": pair for name, pair in measured.means.items()}
        tables[""] = {ROWS: measured.rows, **means}
    width = max((len(label) for title, lines in tables.items() for label in (title, *lines)), default=0)
    for title, lines in tables.items():
        yield f"  {title:<{width}}  {'real':>14}  {'twin':>14}  {'error':>8}"
        for label, pair in lines.items():
            real, twin = map(_text, pair)
            yield f"  {label:<{width}}  {real:>14}  {twin:>14}  {_error(pair):>8}".rstrip()
    if measured.hidden:
        yield f"  groups not shown: {measured.hidden}, because few rows are behind them or one side has none"


def _error(pair: Pair) -> str:
    error = relative_error(pair)
    return "" if error is None else f"{error:+.1%}"


def _text(number: float | None) -> str:
    if number is None:
        return "NULL"
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.4g}"


def as_json(compared: Compared) -> str:
    """The same as one JSON object."""
    measured = compared.measured

    def shown(pair: Pair) -> dict[str, float | None]:
        return {"real": pair[0], "twin": pair[1], "relative_error": relative_error(pair)}

    content = {
        "unique_id": compared.node.unique_id,
        "rows": shown(measured.rows),
        "means": {name: shown(pair) for name, pair in measured.means.items()},
        "groups": [
            {
                "labels": dict(zip(measured.labels, group, strict=True)),
                "numbers": {name: shown(pair) for name, pair in numbers.items()},
            }
            for group, numbers in measured.groups
        ],
        "hidden_groups": measured.hidden,
        "median_relative_error": median(compared.errors) if compared.errors else None,
    }
    return json.dumps(content, ensure_ascii=False)
