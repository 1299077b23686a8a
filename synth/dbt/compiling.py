"""The compiled SQL of models and tests whose manifest lacks it, as after `dbt parse`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from synth.dbt import command
from synth.declarations import tagged_nodes
from synth.errors import ConfigError
from synth.facts import has_own_query

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from synth.project.manifest import DataTest, Manifest, Node
    from synth.settings import Settings

SQL_RESOURCE_TYPES = frozenset({"model", "snapshot"})


def statements(settings: Settings, manifest: Manifest, nodes: Iterable[Node]) -> Mapping[str, str]:
    """Return the SQL of those of `nodes` that the manifest has without it, by `unique_id`.

    What dbt wrote when it last built them tells how their rows came about; dbt compiles the rest, if their
    files are there. Where it cannot, they are left out.
    """
    without_sql = [
        node
        for node in nodes
        if node.resource_type in SQL_RESOURCE_TYPES and not node.sql and not _python(node)
    ]
    texts = {node.unique_id: text for node in without_sql if (text := _literal_sql(manifest, node))}
    folder = settings.project.directory
    rest = [node for node in without_sql if node.unique_id not in texts and (folder / node.path).is_file()]
    return texts | _compile_with_dbt(settings, rest) if rest else texts


def with_sql_of_tests(settings: Settings, manifest: Manifest) -> Manifest:
    """Return the manifest with the SQL of the project's own generic tests of tagged models.

    It is what dbt left when it last compiled them; dbt compiles the rest. Where it cannot, they stay without.
    """
    tagged_names = {node.unique_id for node in tagged_nodes(manifest)}
    without_sql = [
        test
        for test in manifest.tests
        if test.attached_node in tagged_names and not test.sql and has_own_query(test)
    ]
    texts = {test.unique_id: text for test in without_sql if (text := _sql_at(manifest, test.compiled_path))}
    rest = [test for test in without_sql if test.unique_id not in texts]
    texts |= _compile_with_dbt(settings, rest) if rest else {}
    tests = tuple(replace(test, sql=texts.get(test.unique_id, test.sql)) for test in manifest.tests)
    return replace(manifest, tests=tests) if texts else manifest


def _python(node: Node) -> bool:
    return node.language == "python"


def _literal_sql(manifest: Manifest, node: Node) -> str:
    return _sql_at(manifest, f"{node.package}/{node.path}")


def _sql_at(manifest: Manifest, path: str) -> str:
    """Return what `dbt run`, `dbt test` or `dbt compile` left beside the manifest."""
    try:
        return (manifest.path.parent / "compiled" / path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _compile_with_dbt(settings: Settings, nodes: Iterable[Node | DataTest]) -> dict[str, str]:
    selection = [f"fqn:{'.'.join(node.fqn)}" for node in nodes if node.fqn]
    try:
        results = command.results(settings, "compile", selection, None)
    except ConfigError:
        return {}
    return {str(one["unique_id"]): str(one["compiled_code"]) for one in results if one.get("compiled_code")}
