"""The compiled SQL of models whose manifest lacks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.dbt import command
from synth.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from synth.project.manifest import Manifest, Node
    from synth.settings import Settings

SQL_RESOURCE_TYPES = frozenset({"model", "snapshot"})


def statements(settings: Settings, manifest: Manifest, nodes: Iterable[Node]) -> Mapping[str, str]:
    """Return the SQL of those of `nodes` that the manifest has without it, by `unique_id`.

    What dbt wrote when it last built them tells how their rows came about; dbt compiles the rest, if their
    files are there. Where it cannot, they are left out.
    """
    lacking = [
        node
        for node in nodes
        if node.resource_type in SQL_RESOURCE_TYPES and not node.sql and not _python(node)
    ]
    texts = {node.unique_id: text for node in lacking if (text := _literal_sql(manifest, node))}
    folder = settings.project.directory
    rest = [node for node in lacking if node.unique_id not in texts and (folder / node.path).is_file()]
    return {**texts, **_compile_with_dbt(settings, rest)} if rest else texts


def _python(node: Node) -> bool:
    return node.language == "python"


def _literal_sql(manifest: Manifest, node: Node) -> str:
    """Return what `dbt run` or `dbt compile` left beside the manifest."""
    try:
        return (manifest.path.parent / "compiled" / node.package / node.path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _compile_with_dbt(settings: Settings, nodes: Iterable[Node]) -> Mapping[str, str]:
    selection = [f"fqn:{'.'.join(node.fqn)}" for node in nodes if node.fqn]
    try:
        results = command.results(settings, "compile", selection, None)
    except ConfigError:
        return {}
    return {str(one["unique_id"]): str(one["compiled_code"]) for one in results if one.get("compiled_code")}
