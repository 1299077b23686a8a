"""How much of a project's SQL is understood: python benchmarks/lineage.py MANIFEST … [--database], PG… set.

For each manifest: its models, how many could be read, the columns of their relations, how many have an
origin that is known, and the CPU seconds. Columns come from the database that the PG… variables name, or from
the catalog.json beside the manifest; without either, those that the SQL itself names are counted.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synth.graph.lineage import STORED_RESOURCES, ancestry, relations, trace
from synth.graph.origins import UnknownOrigin
from synth.project.manifest import read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from synth.graph.origins import NodeLineage
    from synth.project.manifest import Node


@dataclass(frozen=True)
class Tally:
    """What was understood of one project."""

    models: int
    parsed_count: int
    columns: int
    resolved_count: int
    derived_count: int
    seconds: float
    reasons: Counter[str]
    lineages: Mapping[str, NodeLineage]


def columns_of(path: Path, nodes: Iterable[Node], *, database: bool) -> Mapping[str, Mapping[str, str]]:
    """Return the columns of every relation with their types, by `unique_id`."""
    if database:
        from synth.warehouse import Warehouse  # noqa: PLC0415 - not needed for a catalog

        places = relations(nodes)
        with Warehouse({}) as warehouse:
            types = warehouse.layout(places.values()).types
        return {name: types.get(relation, {}) for name, relation in places.items()}
    catalog = path.parent / "catalog.json"
    if not catalog.exists():
        return {}
    content = json.loads(catalog.read_bytes())
    entries = {**content["nodes"], **content["sources"]}
    return {
        name: {column["name"]: str(column["type"]).lower() for column in entry["columns"].values()}
        for name, entry in entries.items()
    }


def tally(path: Path, *, database: bool) -> Tally:
    """Trace every model of the manifest at `path`."""
    manifest = read_manifest(path)
    stored_names = [name for name, node in manifest.nodes.items() if node.resource_type in STORED_RESOURCES]
    nodes = [node for node in ancestry(manifest, stored_names) if node.resource_type in STORED_RESOURCES]
    nodes = [node for node in nodes if node.language != "python"]
    types = columns_of(path, nodes, database=database)
    start = time.process_time()
    lineages = trace(nodes, types)
    seconds = time.process_time() - start
    own = {node.unique_id: lineages[node.unique_id] for node in nodes}
    own = {name: lineage for name, lineage in own.items() if not lineage.is_stored}
    origins = [origin for lineage in own.values() for origin in lineage.columns.values()]
    unknown_origins = [origin for origin in origins if isinstance(origin, UnknownOrigin)]
    return Tally(
        len(own),
        sum(lineage.is_parsed for lineage in own.values()),
        len(origins),
        len(origins) - len(unknown_origins),
        sum(len(lineage.formulas) for lineage in own.values()),
        seconds,
        Counter(origin.reason for origin in unknown_origins),
        own,
    )


def main() -> None:
    """Print a line for each manifest, and what stands in the way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifests", nargs="+", type=Path)
    parser.add_argument("--database", action="store_true", help="read columns from the database")
    parser.add_argument("--reasons", action="store_true", help="say what was not understood")
    parser.add_argument("--columns", action="store_true", help="print the origin of every column")
    options = parser.parse_args()
    print(
        "| project | models | parsed | columns | resolved | derived | CPU s |\n|---|---|---|---|---|---|---|"
    )
    for path in options.manifests:
        one = tally(path, database=options.database)
        name = path.resolve().parent.parent.name
        share = one.resolved_count / one.columns if one.columns else 1
        print(
            f"| {name} | {one.models} | {one.parsed_count} | {one.columns} "
            f"| {one.resolved_count} ({share:.1%}) | {one.derived_count} | {one.seconds:.2f} |"
        )
        if options.reasons:
            for reason, count in one.reasons.most_common(20):
                print(f"  {count} × {reason}")
            for node, lineage in one.lineages.items():
                if not lineage.is_parsed:
                    print(f"  {node}: {lineage.reason}")
        if options.columns:
            for node, lineage in one.lineages.items():
                print(
                    f"{node}: rows of {lineage.rows_of} filtered {lineage.is_filtered} grain {lineage.grain}"
                )
                for column, origin in lineage.columns.items():
                    print(f"    {column}: {origin} {lineage.formulas.get(column, '')}")


if __name__ == "__main__":
    main()
