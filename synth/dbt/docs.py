"""`synth docs`: twins as a dbt source with columns and types, and exposures that draw their lineage."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import yaml

from synth.dbt.command import why_unparsed
from synth.dbt.tests import published_twins
from synth.errors import ConfigError
from synth.project.dbt_project import load_yaml
from synth.project.manifest import relation_of
from synth.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from synth.domain import Column, Relation
    from synth.project.manifest import Manifest, Node
    from synth.settings import Settings

MARK = "# Written by `synth docs`, which replaces this file; changes belong into the models' own YAML.\n"


def write_docs(
    manifest: Manifest, places: Mapping[str, Relation], settings: Settings, path: Path | None = None
) -> tuple[Path, int]:
    """Write the YAML of all published twins; return where, and how many there are.

    Args:
        manifest: which describes the models and their columns.
        places: where the twin of every tagged model is or would be, by `unique_id`.
        settings: of the command.
        path: by default `<models>/<schema>/_<schema>__sources.yml`.

    What is written is left only if dbt can read the project with it.

    Raises:
        ConfigError: there is no twin, a file of somebody else's at `path`, one of ours elsewhere, or dbt does
            not like the project with it.
        WarehouseError: Postgres refused.
    """
    path = path or _default_path(settings)
    if path.exists() and not path.read_text(encoding="utf-8").startswith(MARK):
        raise ConfigError(f"{path} was not written by `synth docs`. Next: synth docs OTHER_FILE")
    _refuse_another(path, settings)
    with Warehouse(settings.connection.conninfo(), role=settings.connection.role) as warehouse:
        twins = published_twins(places, warehouse)
        stamps = warehouse.twins(settings.schema)
        columns = {name: warehouse.describe(twin) for name, twin in twins.items()}
        described_nodes = [without_values(manifest.nodes[name], warehouse) for name in twins]
    if not twins:
        raise ConfigError(f"There is no twin in {settings.schema} yet. Next: synth run")
    nodes = sorted(described_nodes, key=lambda node: twins[node.unique_id].name)
    own = _tables_of_the_project(manifest, settings, path)
    tables = [
        _table(node, twins[node.unique_id], columns[node.unique_id], stamps[twins[node.unique_id].name])
        for node in nodes
        if twins[node.unique_id].name not in own
    ]
    source = {
        "name": settings.schema,
        "description": "Synthetic twins of models of this project; none of their rows is a real one.",
        "database": settings.connection.database,
        "schema": settings.schema,
        "tables": tables,
    }
    exposures = [_exposure(node, twins[node.unique_id], manifest.project) for node in nodes]
    content = {"version": 2, "sources": [source] if tables else [], "exposures": exposures}
    _leave_if_parsed(path, content, settings)
    return path, len(nodes)


def _leave_if_parsed(path: Path, content: Mapping[str, Any], settings: Settings) -> None:
    """Write the file, and take it back if dbt cannot read the project with it, though it can without."""
    before = path.read_text(encoding="utf-8") if path.exists() else None
    _write(path, content)
    reason = why_unparsed(settings)
    if not reason:
        return
    if before is None:
        path.unlink()
    else:
        path.write_text(before, encoding="utf-8")
    without = why_unparsed(settings)
    if without:
        raise ConfigError(f"dbt cannot read the project, whatever is written: {without} Next: dbt parse")
    raise ConfigError(
        f"dbt cannot read the project with {path}, so it is as it was: {reason} Next: synth docs OTHER_FILE"
    )


def _refuse_another(path: Path, settings: Settings) -> None:
    """Refuse to describe the same tables in two files, which dbt does not read."""
    for folder in _model_folders(settings):
        for other in sorted((settings.project.directory / folder).rglob("*.yml")):
            if other.resolve() != path.resolve() and other.read_text(encoding="utf-8").startswith(MARK):
                raise ConfigError(
                    f"{other} has the twins already. Next: synth docs {other}, or remove that file"
                )


def without_values(node: Node, warehouse: Warehouse) -> Node:
    """Return the node without those descriptions that hold a value which only a few of its rows have."""
    texts = {node.description, *(column.description for column in node.columns.values())} - {""}
    telling = warehouse.telling_texts(relation_of(node), texts) if texts else frozenset()
    columns = {
        name: replace(column, description="") if column.description in telling else column
        for name, column in node.columns.items()
    }
    return replace(node, description="" if node.description in telling else node.description, columns=columns)


def _tables_of_the_project(manifest: Manifest, settings: Settings, path: Path) -> frozenset[str]:
    """Return the tables that the project itself lists as a source of our name: list none twice."""
    return frozenset(
        node.name
        for node in manifest.nodes.values()
        if node.resource_type == "source"
        and node.source_name == settings.schema
        and (settings.project.directory / node.path).resolve() != path.resolve()
    )


def _model_folders(settings: Settings) -> list[str]:
    return [str(name) for name in load_yaml(settings.project.file).get("model-paths") or ["models"]]


def _default_path(settings: Settings) -> Path:
    schema = settings.schema
    return settings.project.directory / _model_folders(settings)[0] / schema / f"_{schema}__sources.yml"


def _table(node: Node, twin: Relation, columns: tuple[Column, ...], stamp: str) -> dict[str, Any]:
    return {
        "name": twin.name,
        "description": _plain(f"Synthetic twin of {node.name}. {node.description}".strip()),
        "config": {"meta": {"synthetic": True, "twin_of": node.unique_id, "stamp": _plain(stamp)}},
        "columns": [_column(node, column) for column in columns],
    }


def _column(node: Node, column: Column) -> dict[str, Any]:
    declared_column = node.columns.get(column.name)
    document: dict[str, Any] = {"name": column.name, "data_type": column.data_type}
    if declared_column is not None and declared_column.description:
        document["description"] = _plain(declared_column.description)
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", column.name):
        document["quote"] = True
    return document


def _exposure(node: Node, twin: Relation, project: str) -> dict[str, Any]:
    """Return what makes the lineage graph lead from the model to its twin."""
    arguments = [f"'{node.name}'"] if node.package == project else [f"'{node.package}'", f"'{node.name}'"]
    arguments += [f"v={node.version}"] if node.version else []
    # A private model may be referred to within its group only, and another package's as its author allows.
    model = [f"ref({', '.join(arguments)})"] if _may_be_referred_to(node, project) else []
    return {
        "name": re.sub(r"\W", "_", f"{twin.schema}_{twin.name}"),
        "label": str(twin),
        "type": "application",
        "owner": {"name": "synth"},
        "description": _plain(f"The twin of {node.name}, made by `synth run` for those who may not see it."),
        "depends_on": [*model, f"source('{twin.schema}', '{twin.name}')"],
    }


def _may_be_referred_to(node: Node, project: str) -> bool:
    return node.access != "private" and (node.package == project or node.access in {"", "public"})


def _plain(text: str) -> str:
    """Return text that dbt does not take for a template."""
    return f"{{% raw %}}{text}{{% endraw %}}" if "{{" in text or "{%" in text or "{#" in text else text


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = MARK + yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=100)
    new = path.with_name(f"{path.name}.new")  # dbt reads files that end in .yml only
    new.write_text(text, encoding="utf-8")
    new.replace(path)
