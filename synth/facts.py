"""What dbt's tests and constraints say about a model: keys, not-null columns, references.

A test that is filtered (`where`), tolerant (a threshold) or only warns states no fact. Constraints count
where Postgres enforces them: on tables under an enforced contract.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from synth.domain import ForeignKey
from synth.manifest import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from synth.manifest import DataTest, Json, Manifest, Node

ENFORCED_ON = frozenset({"table", "incremental"})
COMBINATIONS = {
    "unique_combination_of_columns": "combination_of_columns",
    "expect_compound_columns_to_be_unique": "column_list",
}
UNIQUE = frozenset({"unique", "expect_column_values_to_be_unique"})
NOT_NULL = frozenset({"not_null", "expect_column_values_to_not_be_null"})
OWN_NAMESPACES = frozenset({None, "dbt", "dbt_utils", "dbt_expectations"})
_IDENTIFIER = re.compile(r'"(?:[^"]|"")+"|[^\W\d]\w*')
_REF = re.compile(r"ref\s*\([^()]*\)")


@dataclass(frozen=True, slots=True)
class Facts:
    """What must hold in every row of a model and its twin; columns by their folded names."""

    unique: tuple[tuple[str, ...], ...] = ()
    not_null: frozenset[str] = frozenset()
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()


class _Ref(NamedTuple):
    name: str
    package: str | None
    version: str | None


def facts(manifest: Manifest, wanted: Iterable[str]) -> Mapping[str, Facts]:
    """The facts of each wanted model, by `unique_id`."""
    tests: dict[str, list[DataTest]] = defaultdict(list)
    for test in manifest.tests:
        if test.asserts and test.namespace in OWN_NAMESPACES:
            tests[test.attached_node].append(test)
    return {name: _facts(manifest, manifest.nodes[name], tests[name]) for name in wanted}


def _facts(manifest: Manifest, node: Node, tests: Sequence[DataTest]) -> Facts:
    constraints = tuple(_constraints(node))
    declared_key = next((columns for kind, columns, _ in constraints if kind == "primary_key"), ())
    unique = [columns for kind, columns, _ in constraints if kind in {"primary_key", "unique"}]
    unique += [columns for test in tests if (columns := _unique_columns(test))]
    not_null = {
        name for kind, columns, _ in constraints if kind in {"primary_key", "not_null"} for name in columns
    }
    not_null |= {
        fold(test.column) for test in tests if test.kind in NOT_NULL and test.column and _whole(test)
    }
    keys = [
        _constraint_key(manifest, node, columns[0], raw)
        for kind, columns, raw in constraints
        if kind == "foreign_key" and len(columns) == 1
    ]
    keys += [_test_key(manifest, test) for test in tests if test.kind == "relationships"]
    sets = tuple(dict.fromkeys(unique))
    return Facts(
        unique=sets,
        not_null=frozenset(not_null),
        primary_key=declared_key or _inferred_key(node, sets, not_null),
        foreign_keys=_distinct(key for key in keys if key),
    )


def _inferred_key(node: Node, unique: Sequence[tuple[str, ...]], not_null: set[str]) -> tuple[str, ...]:
    """The first single column that is unique and never null, else a unique set of columns, else none.

    The manifest's own `primary_key` is no help: it lists every such column, as if they were one key.
    """
    order = {name: place for place, name in enumerate(node.columns)}
    single = [columns[0] for columns in unique if len(columns) == 1 and columns[0] in not_null]
    if single:
        return (min(single, key=lambda name: order.get(name, len(order))),)
    return next((columns for columns in unique if len(columns) > 1), ())


def _distinct(keys: Iterable[ForeignKey]) -> tuple[ForeignKey, ...]:
    """One key a column, parent and parent column, however often it is stated."""
    return tuple(
        {(key.column, key.parent, key.parent_column): key for key in reversed(tuple(keys))}.values()
    )[::-1]


def _whole(test: DataTest) -> bool:
    return not test.arguments.get("row_condition")


def _unique_columns(test: DataTest) -> tuple[str, ...]:
    """The columns `test` calls unique together; () when it is no such test, or is about an expression."""
    if not _whole(test):
        return ()
    if test.kind in UNIQUE:
        names = [test.column]
    else:
        listed = test.arguments.get(COMBINATIONS.get(test.kind, ""))
        names = list(listed) if isinstance(listed, list) else []
    if test.arguments.get("quote_columns") is True:
        return tuple(str(name) for name in names)
    if not all(isinstance(name, str) and _IDENTIFIER.fullmatch(name.strip()) for name in names):
        return ()
    return tuple(fold(str(name)) for name in names)


def _constraints(node: Node) -> Iterable[tuple[str, tuple[str, ...], Json]]:
    """Type, columns and text of every constraint that Postgres enforces on `node`."""
    if not node.contracted or node.materialized not in ENFORCED_ON:
        return
    for raw in node.constraints:
        columns = tuple(node.column(name) for name in raw.get("columns") or ())
        if columns:
            yield str(raw.get("type")), columns, raw
    for column in node.columns.values():
        for raw in column.constraints:
            yield str(raw.get("type")), (column.name,), raw


def _test_key(manifest: Manifest, test: DataTest) -> ForeignKey | None:
    to, field = str(test.arguments.get("to") or ""), test.arguments.get("field")
    parent = _resolve(manifest, to, test.parents, test.attached_node)
    if not (test.column and isinstance(field, str) and parent):
        return None
    return ForeignKey(fold(test.column), parent.unique_id, fold(field), test.name)


def _constraint_key(manifest: Manifest, node: Node, column: str, raw: Json) -> ForeignKey | None:
    columns: list[str] = raw.get("to_columns") or []
    to = str(raw.get("to") or "")
    parent = _resolve(manifest, to, node.parents, node.unique_id) or _by_relation(manifest, to)
    if len(columns) != 1 or parent is None:
        return None
    name = raw.get("name") or f"constraint foreign_key on {node.name}.{column}"
    return ForeignKey(column, parent.unique_id, parent.column(columns[0]), str(name))


def _by_relation(manifest: Manifest, text: str) -> Node | None:
    """A compiled manifest holds the parent's relation where a parsed one holds its `ref`."""
    return next((node for node in manifest.nodes.values() if text and node.relation_name == text), None)


def _resolve(manifest: Manifest, text: str, parents: Sequence[str], child: str) -> Node | None:
    """The node that a `ref(…)` in `text` means; None for a source, or when nothing fits."""
    ref = _parse_ref(text)
    if ref is None:
        return None
    # dbt has resolved the ref already: the answer is among the parents, or the child itself.
    near = [manifest.nodes[name] for name in (*parents, child) if name in manifest.nodes]
    fitting = [
        node
        for node in near
        if node.name == ref.name
        and ref.package in {None, node.package}
        and (node.is_latest if ref.version is None else node.version == ref.version)
    ]
    return fitting[0] if fitting else None


def _parse_ref(text: str) -> _Ref | None:
    found = _REF.search(text)
    try:
        call = ast.parse(found[0], mode="eval").body if found else None
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
