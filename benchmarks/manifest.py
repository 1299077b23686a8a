"""How long `synth ls` takes on the manifest of a very large project, and how much memory.

    python -m benchmarks.manifest [--megabytes 100]

A project of thousands of models, each with twenty columns, its SQL twice and four tests, of which fifty ask
for a twin. No warehouse is asked, so that what is measured is the reading.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from math import ceil
from pathlib import Path
from typing import Any

TWINS = 50
PROFILE = """
large:
  target: dev
  outputs:
    dev: {type: postgres, host: 127.0.0.1, port: 1, user: u, password: p, dbname: warehouse, schema: marts}
"""
WORDS = "a column that says when and by whom the row was last changed, and what it was before "
CODE = "select column_01, column_02, sum(column_03) as total from {{ ref('model') }} group by 1, 2\n"


def main() -> None:
    """Write the manifest, list its models, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--megabytes", type=int, default=100)
    megabytes = parser.parse_args().megabytes
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "dbt_project.yml").write_text("name: large\nprofile: large\nversion: '1.0'\n")
        (folder / "profiles.yml").write_text(PROFILE)
        (folder / "target").mkdir()
        path = folder / "target" / "manifest.json"
        least, one = (len(json.dumps(manifest(hundreds))) for hundreds in (0, 1))
        path.write_text(json.dumps(manifest(ceil((megabytes * 1e6 - least) / (one - least)))))
        start = time.perf_counter()
        command = [sys.executable, "-m", "synth", "ls", "--profiles-dir", str(folder)]
        process = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - start
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        line_count = process.stdout.count("→ synthetic.")
        print("| manifest | models listed | exit code | seconds | CPU seconds | peak memory |")
        print("|---|---|---|---|---|---|")
        print(
            f"| {path.stat().st_size / 1e6:.0f} MB | {line_count} | {process.returncode} | {seconds:.1f} | "
            f"{used.ru_utime + used.ru_stime:.1f} | {used.ru_maxrss / 1e6:.2f} GB |"
        )


def manifest(hundreds: int) -> dict[str, Any]:
    """A manifest of so many times a hundred models."""
    nodes: dict[str, Any] = {}
    for number in range(100 * hundreds):
        nodes |= model(number) | {f"test.large.t{number}_{i}": test(number, i) for i in range(4)}
    metadata = {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
        "project_name": "large",
        "adapter_type": "postgres",
    }
    macros = {
        f"macro.dbt.m{i}": {"package_name": "dbt", "name": f"m{i}", "macro_sql": CODE} for i in range(600)
    }
    return {"metadata": metadata, "nodes": nodes, "sources": {}, "macros": macros, "disabled": {}}


def model(number: int) -> dict[str, Any]:
    """A model as the manifest has it; one of a hundred is tagged, the first fifty times."""
    name = f"model_{number}"
    meta = {"synthesize": True} if number % 100 == 0 and number < 100 * TWINS else {}
    return {
        f"model.large.{name}": {
            "unique_id": f"model.large.{name}",
            "name": name,
            "resource_type": "model",
            "package_name": "large",
            "original_file_path": f"models/{name}.sql",
            "patch_path": "large://models/_models.yml",
            "fqn": ["large", name],
            "database": "warehouse",
            "schema": "marts",
            "alias": name,
            "relation_name": f'"warehouse"."marts"."{name}"',
            "language": "sql",
            "raw_code": CODE * 30,
            "compiled_code": CODE * 30,
            "depends_on": {"nodes": [f"model.large.model_{max(0, number - step)}" for step in (1, 7)]},
            "columns": {f"column_{i:02}": column(f"column_{i:02}") for i in range(20)},
            "config": {"materialized": "table", "meta": meta, "tags": [], "enabled": True},
        }
    }


def column(name: str) -> dict[str, Any]:
    """A described column."""
    return {
        "name": name,
        "description": WORDS * 2,
        "meta": {},
        "config": {"meta": {}},
        "tags": [],
        "constraints": [],
    }


def test(number: int, index: int) -> dict[str, Any]:
    """A test of a model's column."""
    column, kind = f"column_{index // 2:02}", ("unique", "not_null")[index % 2]
    return {
        "unique_id": f"test.large.t{number}_{index}",
        "name": f"{kind}_model_{number}_{column}",
        "resource_type": "test",
        "test_metadata": {"name": kind, "kwargs": {"column_name": column, "model": f"ref('model_{number}')"}},
        "attached_node": f"model.large.model_{number}",
        "depends_on": {"nodes": [f"model.large.model_{number}"]},
        "raw_code": "{{ test(**_dbt_generic_test_kwargs) }}",
        "compiled_code": CODE * 2,
        "config": {
            "severity": "ERROR",
            "where": None,
            "enabled": True,
            "error_if": "!= 0",
            "fail_calc": "count(*)",
        },
    }


if __name__ == "__main__":
    main()
