"""The `manifest.json` of dbt as lean frozen values: nodes, tests, and who names schemas."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from synth.domain import Relation
from synth.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    Json = Mapping[str, Any]

Part = TypeVar("Part")

KNOWN_VERSIONS = frozenset({12, 20})
_VERSION = re.compile(r"/manifest/v(\d+)")
_PART = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')
_SCHEMA_MACRO = re.compile(r"(?:\w+__)?generate_schema_name")
_JINJA = re.compile(r"\{[{%#]")
COMPILED_PATH = ("package_name", "original_file_path", "path")  # where dbt leaves a compiled generic test
_DBT_PACKAGES = frozenset({"dbt", "dbt_postgres"})


def fold(name: str) -> str:
    """Return the column that an identifier written in SQL means: quoted as it stands, else in lower case."""
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        return name[1:-1].replace('""', '"')
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


@dataclass(frozen=True, slots=True)
class DeclaredColumn:
    """A column as the YAML declares it.

    Attributes:
        meta: its own, from `config.meta`.
        shown_meta: what stands beside `config`; newer dbt copies the model's there.
        tags: likewise; `own_tags` are those of `config`.
        classifiers: newer dbt's labels, such as `pii.email`.
    """

    name: str
    meta: Json
    shown_meta: Json
    constraints: tuple[Json, ...] = ()
    tags: tuple[str, ...] = ()
    own_tags: tuple[str, ...] = ()
    classifiers: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A model, seed, snapshot, source or anything else that stands in the graph.

    Attributes:
        parents: the `unique_id`s it reads from.
        columns: by folded name, in the order of the YAML.
        version: of a versioned model, as text.
        is_latest: whether `ref` without a version means this node.
        access: who may refer to it: private, protected or public; "" is not stated.
        checksum: names what its file says; sources have none.
        sql: as compiled, or as written where that holds no Jinja; "" where the manifest has neither.
    """

    unique_id: str
    name: str
    resource_type: str
    package: str
    path: str
    declared_in: str
    fqn: tuple[str, ...] = ()
    database: str | None = None
    schema: str | None = None
    alias: str | None = None
    relation_name: str | None = None
    language: str | None = None
    tags: tuple[str, ...] = ()
    config: Json = field(default_factory=dict)
    meta: Json = field(default_factory=dict)
    columns: Mapping[str, DeclaredColumn] = field(default_factory=dict)
    constraints: tuple[Json, ...] = ()
    has_contract: bool = False
    parents: tuple[str, ...] = ()
    version: str | None = None
    is_latest: bool = True
    source_name: str | None = None
    access: str = ""
    checksum: str = ""
    description: str = ""
    sql: str = field(default="", repr=False)

    @property
    def materialization(self) -> str:
        """The materialization, `table` and so on; a source has none."""
        return str(self.config.get("materialized") or "")

    def column(self, name: str) -> str:
        """Return the column that `name` means where it is no SQL: as declared, else as SQL would take it."""
        return name if name in self.columns else fold(name)


@dataclass(frozen=True, slots=True)
class DataTest:
    """A generic test: what it asserts, about which node."""

    unique_id: str
    name: str
    kind: str
    namespace: str | None
    attached_node: str
    column: str | None
    arguments: Json
    parents: tuple[str, ...]
    config: Json
    fqn: tuple[str, ...] = ()
    checksum: str = ""
    sql: str = ""  # as compiled, or as written where that holds no Jinja; "" where the manifest has neither
    compiled_path: str = ""  # of its SQL, below the folder where dbt leaves what it compiled


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `synth` needs of a manifest.

    Attributes:
        nodes: everything enabled, tests left out, by `unique_id`.
        singular: tests that are a query of their own; they have no kind.
        schema_macros: packages that name schemas by a macro of their own; `*` when one may do so for all.
    """

    path: Path
    project: str
    invocation_id: str
    generated_at: str
    nodes: Mapping[str, Node]
    disabled_nodes: tuple[Node, ...] = ()
    tests: tuple[DataTest, ...] = ()
    singular: tuple[DataTest, ...] = ()
    schema_macros: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


def read_manifest(path: Path, *, pause: float = 0.5) -> Manifest:
    """Return the manifest at `path`; one that dbt is just writing is read again after `pause` seconds.

    Raises:
        ManifestError: there is none, it is broken, or it was not written for Postgres.
    """
    content = _load(path, pause)
    metadata = content.get("metadata") if isinstance(content, dict) else None
    if not isinstance(metadata, dict) or not isinstance(content.get("nodes"), dict):
        raise ManifestError(f"{path} is not a dbt manifest; run `dbt parse` to write it anew.")
    adapter = metadata.get("adapter_type")
    if adapter != "postgres":
        raise ManifestError(f"{path} was written for {adapter}; synth works on postgres only.")
    try:
        return _manifest(path, content, metadata)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ManifestError(
            f"{path} does not have the shape of a dbt manifest ({type(error).__name__}: {error}); "
            "run `dbt parse` to write it anew."
        ) from error


def _load(path: Path, pause: float) -> Any:
    for attempt in (1, 2):
        try:
            return json.loads(path.read_bytes())
        except FileNotFoundError:
            raise ManifestError(f"No manifest at {path}; run `dbt run` (or `dbt parse`) first.") from None
        except OSError as error:
            raise ManifestError(f"{path} cannot be read: {error.strerror}.") from error
        except ValueError:
            if attempt == 1:  # dbt overwrites the file in place
                time.sleep(pause)
    raise ManifestError(f"{path} is empty or cut off; run `dbt parse` to write it anew.")


def _manifest(path: Path, content: Json, metadata: Json) -> Manifest:
    raw_nodes = content["nodes"].values()
    raw_models = (
        *(raw for raw in raw_nodes if raw.get("resource_type") != "test"),
        *_values(content, "sources"),
    )
    return Manifest(
        path=path,
        project=str(metadata.get("project_name") or ""),
        invocation_id=str(metadata.get("invocation_id") or ""),
        generated_at=str(metadata.get("generated_at") or ""),
        nodes={node.unique_id: node for node in (_with_name(_node, raw) for raw in raw_models)},
        disabled_nodes=tuple(
            _with_name(_node, raw) for raw in _disabled_nodes(content) if raw.get("resource_type") != "test"
        ),
        tests=tuple(_with_name(_data_test, raw) for raw in raw_nodes if raw.get("test_metadata")),
        singular=tuple(_with_name(_data_test, raw) for raw in raw_nodes if _is_singular(raw)),
        schema_macros=_schema_macros(_values(content, "macros")),
        warnings=_version_warnings(path, metadata),
    )


def _values(content: Json, key: str) -> Iterable[Json]:
    return (content.get(key) or {}).values()


def _disabled_nodes(content: Json) -> Iterable[Json]:
    entry: Any
    for entry in _values(content, "disabled"):
        yield from entry if isinstance(entry, list) else [entry]


def _version_warnings(path: Path, metadata: Json) -> tuple[str, ...]:
    match = _VERSION.search(str(metadata.get("dbt_schema_version")))
    if match and int(match[1]) in KNOWN_VERSIONS:
        return ()
    version = f"schema version v{match[1]}" if match else "no schema version"
    versions = " and ".join(f"v{number}" for number in sorted(KNOWN_VERSIONS))
    return (f"{path} has {version}; synth knows {versions} and reads it as well as it can.",)


def _with_name(make: Callable[[Json], Part], raw: Json) -> Part:
    """Return what is made of a part of the manifest; what is wrong with it says whose it is.

    Raises:
        TypeError: it holds something of another kind.
    """
    try:
        return make(raw)
    except TypeError as error:
        raise TypeError(f"{raw.get('unique_id') or raw.get('name')}: {error}") from error


def _text(raw: Json, *keys: str) -> str:
    """Return the first of these that is there; "" if none is."""
    value: object = next((raw[key] for key in keys if raw.get(key) is not None), "")
    if not isinstance(value, str):
        raise TypeError(f"`{keys[0]}` is {value!r}, no text")
    return value


def _texts(raw: Json, key: str) -> tuple[str, ...]:
    return tuple(_list(raw, key, str, "text"))


def _mappings(raw: Json, key: str) -> tuple[Json, ...]:
    return tuple(_list(raw, key, dict, "mappings"))


def _list(raw: Json, key: str, kind: type, words: str) -> list[Any]:
    value: object = raw.get(key) or []
    if not (isinstance(value, list) and all(isinstance(one, kind) for one in value)):
        raise TypeError(f"`{key}` is {value!r}, no list of {words}")
    return value


def _mapping(raw: Json, key: str) -> Json:
    value: object = raw.get(key) or {}
    if not isinstance(value, dict):
        raise TypeError(f"`{key}` is {value!r}, no mapping")
    return value


def _node(raw: Json) -> Node:
    config = _mapping(raw, "config")
    version = raw.get("version")
    columns = (_with_name(_column, column) for column in _mapping(raw, "columns").values())
    return Node(
        unique_id=_text(raw, "unique_id") or raw["unique_id"],
        name=_text(raw, "name", "unique_id"),
        resource_type=_text(raw, "resource_type"),
        package=_text(raw, "package_name"),
        path=_text(raw, "original_file_path"),
        declared_in=_text(raw, "patch_path", "original_file_path").rpartition("://")[2],
        fqn=_texts(raw, "fqn"),
        database=_text(raw, "database") or None,
        schema=_text(raw, "schema") or None,
        alias=_text(raw, "alias", "identifier") or None,
        relation_name=_text(raw, "relation_name") or None,
        language=_text(raw, "language") or None,
        tags=_texts(raw, "tags") or _names(config.get("tags")),
        config=config,
        meta=_mapping(config, "meta") or _mapping(raw, "meta"),
        columns={column.name: column for column in columns},
        constraints=_mappings(raw, "constraints"),
        has_contract=bool((_mapping(raw, "contract") or _mapping(config, "contract")).get("enforced")),
        parents=_texts(_mapping(raw, "depends_on"), "nodes"),
        version=None if version is None else str(version),
        is_latest=str(version) == str(raw.get("latest_version")),
        source_name=_text(raw, "source_name") or None,
        access=str(raw.get("access") or config.get("access") or ""),
        checksum=str(_mapping(raw, "checksum").get("checksum") or ""),
        description=_text(raw, "description"),
        sql=_sql(raw),
    )


def _sql(raw: Json) -> str:
    raw_code = str(raw.get("raw_code") or "") if raw.get("language") != "python" else ""
    return str(raw.get("compiled_code") or "") or ("" if _JINJA.search(raw_code) else raw_code)


def _column(raw: Json) -> DeclaredColumn:
    config = _mapping(raw, "config")
    own, name = _names(config.get("tags")), _text(raw, "name") or raw["name"]
    return DeclaredColumn(
        name=name if raw.get("quote") else fold(name),
        meta=_mapping(config, "meta"),
        shown_meta=_mapping(raw, "meta"),
        constraints=_mappings(raw, "constraints"),
        tags=(*own, *(tag for tag in _names(raw.get("tags")) if tag not in own)),
        own_tags=own,
        classifiers=_names(raw.get("classifiers") or config.get("classifiers")),
        description=_text(raw, "description"),
    )


def _names(value: object) -> tuple[str, ...]:
    """Return one name or a list of them."""
    return tuple(map(str, value if isinstance(value, list) else [value] if value else []))


def _is_singular(raw: Json) -> bool:
    return raw.get("resource_type") == "test" and not raw.get("test_metadata")


def _package_of_macro(raw: Json, kind: str) -> str | None:
    """Return the package whose macro a test calls, where its manifest does not say so beside the name."""
    macros: list[str] = (raw.get("depends_on") or {}).get("macros") or []
    macro_paths = (str(macro).split(".") for macro in macros)
    return next((parts[1] for parts in macro_paths if parts[2:] == [f"test_{kind}"]), None)


def _data_test(raw: Json) -> DataTest:
    metadata = _mapping(raw, "test_metadata")
    kwargs = _mapping(metadata, "kwargs")
    kind = _text(metadata, "name")
    return DataTest(
        unique_id=_text(raw, "unique_id") or raw["unique_id"],
        name=_text(raw, "name", "unique_id"),
        kind=kind,
        namespace=_text(metadata, "namespace") or _package_of_macro(raw, kind),
        attached_node=_text(raw, "attached_node"),
        column=_text(kwargs, "column_name") or _text(raw, "column_name") or None,
        arguments={**kwargs, **_mapping(kwargs, "arguments")},
        parents=_texts(_mapping(raw, "depends_on"), "nodes"),
        config=_mapping(raw, "config"),
        fqn=_texts(raw, "fqn"),
        checksum=str(_mapping(raw, "checksum").get("checksum") or ""),
        sql=_sql(raw),
        compiled_path="/".join(str(raw.get(part) or "") for part in COMPILED_PATH),
    )


def _schema_macros(macros: Iterable[Json]) -> frozenset[str]:
    packages = set()
    for macro in macros:
        package, name = str(macro.get("package_name")), str(macro.get("name"))
        if package not in _DBT_PACKAGES and _SCHEMA_MACRO.fullmatch(name):
            # A dispatched variant (default__…) may serve every package, the macro itself only its own.
            packages.add(package if name == "generate_schema_name" else "*")
    return frozenset(packages)


def relation_of(node: Node) -> Relation:
    """Return the relation dbt builds for `node`: its `relation_name`, which must agree with schema and alias.

    Raises:
        ManifestError: the node has no relation, or its names contradict each other.
    """
    text = node.relation_name or ""
    parts = [match[1].replace('""', '"') if match[1] else fold(match[2]) for match in _PART.finditer(text)]
    relation_parts = [part or "" for part in (node.database, node.schema, node.alias)]
    agree = [part.lower() for part in parts] == [part.lower() for part in relation_parts[-len(parts) :]]
    if not parts or not agree:
        raise ManifestError(
            f"{node.unique_id} ({node.path}): relation {text or 'null'} is not {'.'.join(relation_parts)}, "
            "which the manifest states beside it; run `dbt parse` to write the manifest anew."
        )
    return Relation(*[*relation_parts[: 3 - len(parts)], *parts])
