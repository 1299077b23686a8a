"""Which node of the manifest a test or constraint means by `ref(…)` or by a relation's name."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.project.manifest import Manifest, Node

_REF = re.compile(r"ref\s*\([^()]*\)")


class _Ref(NamedTuple):
    name: str
    package: str | None
    version: str | None


def by_relation(manifest: Manifest, text: str) -> Node | None:
    """Return a compiled manifest holds the parent's relation where a parsed one holds its `ref`."""
    return next((node for node in manifest.nodes.values() if text and node.relation_name == text), None)


def resolve(manifest: Manifest, text: str, parents: Sequence[str], child: str) -> Node | None:
    """Return the node that a `ref(…)` in `text` means; None for a source, or when nothing fits."""
    ref = _parse_ref(text)
    if ref is None:
        return None
    # dbt has resolved the ref already: the answer is among the parents, or the child itself.
    near = [manifest.nodes[name] for name in (*parents, child) if name in manifest.nodes]
    fits = [
        node
        for node in near
        if node.name == ref.name
        and ref.package in {None, node.package}
        and (node.is_latest if ref.version is None else node.version == ref.version)
    ]
    return fits[0] if fits else None


def _parse_ref(text: str) -> _Ref | None:
    match = _REF.search(text)
    try:
        call = ast.parse(match[0], mode="eval").body if match else None
        if not isinstance(call, ast.Call):
            return None
        names = [str(ast.literal_eval(argument)) for argument in call.args]
        options = {word.arg: str(ast.literal_eval(word.value)) for word in call.keywords}
    except (SyntaxError, ValueError):
        return None
    version = options.get("v") or options.get("version")
    if len(names) not in {1, 2}:
        return None
    return _Ref(names[-1], names[0] if len(names) > 1 else None, version)
