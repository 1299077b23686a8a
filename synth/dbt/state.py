"""The state that dbt defers to: a manifest of nothing but twins, so that nothing else can be meant."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from synth.domain import Relation

SCHEMA_VERSION = "https://schemas.getdbt.com/dbt/manifest/v12.json"
# What dbt does not load a manifest without; all of it may be empty.
SECTIONS = (
    "sources",
    "macros",
    "docs",
    "exposures",
    "metrics",
    "groups",
    "selectors",
    "disabled",
    "parent_map",
    "child_map",
    "group_map",
    "saved_queries",
    "semantic_models",
    "unit_tests",
)


def write_state(folder: Path, twins: Mapping[str, Relation]) -> Path:
    """Put a manifest with these twins into `folder`, in one step; return `folder`, for `dbt --state`.

    Args:
        folder: made where it does not exist.
        twins: where the twin of each model is, by `unique_id`.

    Raises:
        OSError: the disk refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f".manifest.{os.getpid()}.json"
    new.write_text(json.dumps(state(twins), indent=1), encoding="utf-8")
    new.replace(folder / "manifest.json")
    return folder


def state(twins: Mapping[str, Relation]) -> dict[str, object]:
    """Return the manifest: as little of each node as dbt loads, and the place of its twin."""
    return {
        "metadata": {"dbt_schema_version": SCHEMA_VERSION, "adapter_type": "postgres", "env": {}},
        "nodes": {unique_id: _node(unique_id, twin) for unique_id, twin in sorted(twins.items())},
        **{section: {} for section in SECTIONS},
    }


def _node(unique_id: str, twin: Relation) -> dict[str, object]:
    """Return one node; its name is taken from its id, such as `model.shop.orders.v2`."""
    kind, package, name, *_ = unique_id.split(".")
    path = f"{name}.sql"
    return {
        "unique_id": unique_id,
        "name": name,
        "resource_type": kind,
        "package_name": package,
        "path": path,
        "original_file_path": path,
        "fqn": [package, name],
        "checksum": {"name": "none", "checksum": ""},
        "config": {},  # dbt takes no snapshot without
        "database": twin.database,
        "schema": twin.schema,
        "alias": twin.name,
        "relation_name": ".".join(_quote(part) for part in (twin.database, twin.schema, twin.name)),
    }


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
