"""What the project says of each model, in a few digests: when none of them changed, nothing was edited."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from synth.project.manifest import DataTest, Manifest, Node

MODEL, UPSTREAM, TESTS = "model", "upstream", "tests"
EMPTY: tuple[object, ...] = (None, "", [], (), {})
CONFIG = ("severity", "where", "enabled", "error_if", "warn_if", "fail_calc", "limit")


def digest(*values: object) -> str:
    """Return a short name for values of any kind: the same for equal ones, in whatever order sets come."""
    text = json.dumps([_plain(value) for value in values], ensure_ascii=False, sort_keys=True)
    return sha256(text.encode()).hexdigest()[:16]


def source_digests(manifest: Manifest, nodes: Sequence[Node]) -> Mapping[str, Mapping[str, str]]:
    """Return digests of each node by `unique_id`: of itself, its ancestors and its tests."""
    tests: dict[str, dict[str, object]] = defaultdict(dict)
    for test in (*manifest.tests, *manifest.singular):
        for name in [test.attached_node] if test.attached_node else test.parents:
            tests[name][test.unique_id] = _assertion(test)
    return {
        node.unique_id: {
            MODEL: _own(node),
            UPSTREAM: digest({other.unique_id: other.checksum for other in _ancestors(manifest, node)}),
            TESTS: digest(tests[node.unique_id]),
        }
        for node in nodes
    }


def _ancestors(manifest: Manifest, node: Node) -> Iterator[Node]:
    """Yield all nodes that `node` is built from, at whatever distance."""
    ancestors: set[str] = set()
    queue = list(node.parents)
    while queue:
        name = queue.pop()
        if name in ancestors or name not in manifest.nodes:
            continue
        ancestors.add(name)
        queue += manifest.nodes[name].parents
        yield manifest.nodes[name]


def _own(node: Node) -> str:
    columns = {name: column.constraints for name, column in node.columns.items()}
    return digest(node.checksum, node.materialization, node.constraints, node.has_contract, columns)


def _assertion(test: DataTest) -> tuple[object, ...]:
    config = {name: str(value).lower() for name in CONFIG if (value := test.config.get(name)) is not None}
    return (test.kind, test.column, test.arguments, test.checksum, config)


def _plain(value: object) -> object:
    """Return the value as JSON holds it, in one order."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        # What is not said is left out by one version of dbt, and empty in another.
        return {str(key): _plain(item) for key, item in value.items() if item not in EMPTY}
    if isinstance(value, AbstractSet):
        return sorted(map(str, value))
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)
