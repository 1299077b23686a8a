"""The part of dbt's selection grammar that a manifest alone can answer.

Names and fqn with wildcards, `tag:`, `path:`, `file:`, `package:`, `fqn:`, `resource_type:`, `source:`,
`config.…:`; `+` with and without depth on either side; `,` for both, a space for either. Anything else is an
error, not a guess.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from synth.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from synth.project.manifest import Manifest, Node

_SPEC = re.compile(
    r"(?P<up>(?P<up_depth>\d*)\+)?((?P<method>[\w.]+):)?(?P<value>.*?)(?P<down>\+(?P<down_depth>\d*))?"
)
_WILDCARD = re.compile(r"[*?\[\]]")


def match(manifest: Manifest, select: Iterable[str], exclude: Iterable[str]) -> frozenset[str]:
    """Return the `unique_id`s that match any of `select` (all, when empty) and none of `exclude`.

    Raises:
        ConfigError: a selector is beyond this grammar.
    """
    graph = _Graph.of(manifest)
    specs = tuple(select)
    unique_ids = _any_of(specs, graph, manifest) if specs else frozenset(manifest.nodes)
    return unique_ids - _any_of(exclude, graph, manifest)


@dataclass(frozen=True, slots=True)
class _Graph:
    parents: Mapping[str, frozenset[str]]
    children: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, manifest: Manifest) -> _Graph:
        children: dict[str, set[str]] = defaultdict(set)
        for node in manifest.nodes.values():
            for parent in node.parents:
                children[parent].add(node.unique_id)
        parents = {name: frozenset(node.parents) for name, node in manifest.nodes.items()}
        return cls(parents, {name: frozenset(names) for name, names in children.items()})


def _any_of(specs: Iterable[str], graph: _Graph, manifest: Manifest) -> frozenset[str]:
    names: frozenset[str] = frozenset()
    for spec in " ".join(specs).split():
        parts = [_one(part, graph, manifest) for part in spec.split(",") if part]
        names |= frozenset.intersection(*parts) if parts else frozenset()
    return names


def _one(spec: str, graph: _Graph, manifest: Manifest) -> frozenset[str]:
    match = _SPEC.fullmatch(spec)
    if match is None or spec.startswith("@") or not match["value"]:
        raise _beyond(spec)
    matches = _matcher(spec, match["method"], match["value"], manifest)
    hits = frozenset(name for name, node in manifest.nodes.items() if matches(node))
    names = hits
    if match["up"]:
        names |= _reach(hits, graph.parents, match["up_depth"])
    if match["down"]:
        names |= _reach(hits, graph.children, match["down_depth"])
    return names


def _beyond(spec: str) -> ConfigError:
    return ConfigError(
        f"selector '{spec}' is more than synth understands without dbt; install it: "
        "pip install 'dbt-synth[dbt]'."
    )


def _reach(start: frozenset[str], edges: Mapping[str, frozenset[str]], depth: str) -> frozenset[str]:
    """Return everything within `depth` steps of `start`; an empty depth has no end."""
    reached_names, edge, steps = set(start), start, int(depth) if depth else -1
    while edge and steps != 0:
        edge = frozenset(target for name in edge for target in edges.get(name, ())) - reached_names
        reached_names |= edge
        steps -= 1
    return frozenset(reached_names)


def _matcher(spec: str, method: str | None, value: str, manifest: Manifest) -> Callable[[Node], bool]:
    if method is None:
        method = "path" if "/" in value else "file" if value.endswith((".sql", ".py", ".csv")) else "fqn"
    name, _, argument = method.partition(".")
    if name == "config" and argument:
        return lambda node: _config_matches(node, argument.split("."), value)
    if argument:
        raise _beyond(spec)
    own = manifest.project if value == "this" else value
    places = _places(manifest, value) if name == "path" else frozenset()
    methods: dict[str, Callable[[Node], bool]] = {
        "fqn": lambda node: node.resource_type != "source" and _matches_name(node, value),
        "tag": lambda node: any(fnmatchcase(tag, value) for tag in node.tags),
        "path": lambda node: not places.isdisjoint(_above(node.path)),
        "file": lambda node: (
            fnmatchcase(PurePosixPath(node.path).name, value)
            or fnmatchcase(PurePosixPath(node.path).stem, value)
        ),
        "package": lambda node: fnmatchcase(node.package, own),
        "resource_type": lambda node: node.resource_type == value,
        "source": lambda node: node.resource_type == "source" and _source_matches(spec, node, value),
    }
    if name not in methods:
        raise _beyond(spec)
    return methods[name]


def _matches_name(node: Node, value: str) -> bool:
    """Return whether `value` is the node's name, or leads its fqn with or without the package."""
    has_version = node.version is not None
    leaf = node.fqn[-2:] if has_version else node.fqn[-1:]
    if value == leaf[0] or (has_version and value in {".".join(leaf), "_".join(leaf)}):
        return True
    if "." not in value and _WILDCARD.search(value) and fnmatchcase(leaf[0], value):
        return True
    return any(_leads(value.split("."), fqn) for fqn in (node.fqn, node.fqn[1:]))


def _leads(wanted_parts: list[str], fqn: Iterable[str]) -> bool:
    parts = [part for segment in fqn for part in segment.split(".")]
    if len(parts) < len(wanted_parts):
        return False
    for place, (part, pattern) in enumerate(zip(parts, wanted_parts, strict=False)):
        if _WILDCARD.search(pattern):  # from the first wildcard on, the rest is one pattern
            return fnmatchcase(".".join(parts[place:]), ".".join(wanted_parts[place:]))
        if part != pattern:
            return False
    return True


def _above(path: str) -> frozenset[str]:
    """Return a file's path and those of all folders above it."""
    place = PurePosixPath(path)
    return frozenset(str(one) for one in (place, *place.parents))


def _places(manifest: Manifest, pattern: str) -> frozenset[str]:
    """Return files and folders of the root project that `pattern` matches; a `*` stays within one folder.

    dbt looks for the pattern on disk, so only a folder that the root has, too, selects a package's file.
    """
    pattern = str(PurePosixPath(pattern))
    shapes = (pattern, pattern.replace("**/", ""))
    deep = len(PurePosixPath(pattern).parts)
    own = {node.path for node in manifest.nodes.values() if node.package == manifest.project}
    places = frozenset(place for path in own for place in _above(path))
    if "**" in pattern:
        return frozenset(place for place in places for shape in shapes if fnmatchcase(place, shape))
    return frozenset(
        place
        for place in places
        if len(PurePosixPath(place).parts) == deep and PurePosixPath(place).match(pattern)
    )


def _source_matches(spec: str, node: Node, value: str) -> bool:
    parts = value.split(".")
    if len(parts) > 3:  # noqa: PLR2004 - package, source and table
        raise _beyond(spec)
    package, source, table = {1: ("*", *parts, "*"), 2: ("*", *parts), 3: tuple(parts)}[len(parts)]
    return (
        fnmatchcase(node.package, package)
        and fnmatchcase(node.source_name or "", source)
        and fnmatchcase(node.name, table)
    )


def _config_matches(node: Node, keys: list[str], value: str) -> bool:
    setting: Any = node.config
    for key in keys:
        if not isinstance(setting, dict) or key not in setting:
            return False
        setting = setting[key]
    flag = {"true": True, "false": False}.get(value.lower())
    return any(one == value or (flag is not None and one is flag) for one in _as_list(setting))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
