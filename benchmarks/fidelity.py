"""The whole path on a real, foreign table: dbt run, synth run, then the twin beside rows nobody learned from.

    python -m benchmarks.fidelity [--seed 0] [--out FOLDER] [--judge SCRIPT]

The table is UCI's Online Shoppers of tests/projects/shoppers, marked with nothing but `synthesize: true`.
`--out` keeps training.csv, holdout.csv and synthetic.csv; `--judge` runs an evaluator of yours on the three.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import yaml

from benchmarks.scratch import ROOT, scratch_database
from synth.declarations import read_models
from synth.plan import plan
from synth.project.manifest import read_manifest
from synth.runs.artifacts import write_csv
from synth.sampling.source import read_source
from synth.services.postgres import client_binary
from synth.settings import Flags, resolve
from synth.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = ROOT / "tests" / "projects" / "shoppers"
RAW = "shoppers_raw.raw_online_shoppers"


def main() -> None:
    """Build, synthesize, split as the run did, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--judge", type=Path)
    arguments = parser.parse_args()
    with scratch_database() as endpoints, tempfile.TemporaryDirectory() as scratch:
        project = Path(shutil.copytree(PROJECT, Path(scratch) / "shoppers"))
        shutil.copyfile(project / "profiles.yml.example", project / "profiles.yml")
        environment = {**os.environ, **endpoints, "SYNTH_STORE": str(Path(scratch) / "store")}
        load(project, environment)
        command(["dbt", "--quiet", "run"], project, environment)
        command(["synth", "run", "--seed", str(arguments.seed)], project, environment)
        out = arguments.out or Path(scratch) / "out"
        out.mkdir(parents=True, exist_ok=True)
        figures = three_tables(project, environment, out, arguments.seed)
        print(json.dumps(figures, indent=1))
        if arguments.judge:
            tables = [str(out / f"{name}.csv") for name in ("training", "holdout", "synthetic")]
            subprocess.run([sys.executable, arguments.judge, *tables], check=True)


def load(project: Path, environment: Mapping[str, str]) -> None:
    """The seed by COPY: dbt would take twenty seconds for what takes one."""
    seed = yaml.safe_load((project / "seeds" / "_seeds.yml").read_text(encoding="utf-8"))["seeds"][0]
    columns = ", ".join(f"{name} {kind}" for name, kind in seed["config"]["column_types"].items())
    script = f"create schema shoppers_raw; create table {RAW} ({columns})"
    copy = rf"\copy {RAW} from '{project / 'seeds' / 'raw_online_shoppers.csv'}' csv header"
    psql = client_binary("psql") or "psql"
    subprocess.run([psql, "-q", "-c", script, "-c", copy], env=environment, check=True)


def command(words: list[str], project: Path, environment: Mapping[str, str]) -> None:
    """Run a program of this environment in the project."""
    program = Path(sys.executable).with_name(words[0])
    subprocess.run([program, *words[1:]], cwd=project, env=environment, check=True)


def three_tables(project: Path, environment: Mapping[str, str], out: Path, seed: int) -> dict[str, object]:
    """Write the three tables as CSV, the first two split anew as the run split them."""
    settings = resolve(Flags(project_dir=project, profiles_dir=project, options={"seed": seed}), environment)
    manifest = read_manifest(settings.project.manifest_path)
    task = plan(read_models(manifest, settings.connection).models, settings).tasks[0]
    with Warehouse(settings.connection.conninfo()) as warehouse, warehouse.snapshot() as snapshot:
        source = read_source(task.model, warehouse, snapshot, twins=(), salt=settings.salt)
    for name, held_out in (("training", False), ("holdout", True)):
        table = source.real.filter(pa.array(source.held_out == held_out))
        write_csv(table, out / f"{name}.csv.gz")
        unpack(out / f"{name}.csv.gz")
    results = json.loads((settings.artifact_dir / "run_results.json").read_text(encoding="utf-8"))
    data = next(uri for uri in results["results"][0]["artifacts"] if uri.endswith(".csv.gz"))
    shutil.copyfile(data.removeprefix("file://"), out / "synthetic.csv.gz")
    unpack(out / "synthetic.csv.gz")
    path = (
        settings.artifact_dir
        / "runs"
        / results["metadata"]["invocation_id"]
        / task.target.name
        / "evaluation.json"
    )
    return dict(json.loads(path.read_text(encoding="utf-8")))


def unpack(path: Path) -> None:
    """Replace a gzipped file by its content."""
    with gzip.open(path, "rb") as archive, path.with_suffix("").open("wb") as plain:
        shutil.copyfileobj(archive, plain)
    path.unlink()


if __name__ == "__main__":
    main()
