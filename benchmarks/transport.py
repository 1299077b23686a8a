"""Rows out of and into Postgres, beside psql's own COPY of the same rows; prints a table.

    python -m benchmarks.transport [--rows 1000000] [--rounds 3]

Out: extraction into Arrow in memory. In: staging and publishing, statistics included. Every measurement is a
process of its own, so that its peak memory is its own; the ratio is taken round by round, because a shared
machine changes its speed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import psycopg

from benchmarks.scratch import conninfo, scratch_database
from synth.domain import Model, Relation, Task
from synth.services.postgres import client_binary
from synth.warehouse import Stage, Warehouse
from synth.warehouse.staging import stage_relation

TABLE = """
create table source as
select
    i as id,
    md5(i::text)::uuid as visitor,
    (array['direct', 'search', 'email', 'referral'])[1 + i % 4] as channel,
    (random() * 100)::smallint as age,
    (random() * 1000)::numeric(12, 2) as amount,
    random() as score,
    i % 2 = 0 as is_returning,
    date '2020-01-01' + i % 1000 as signed_up_on,
    timestamp '2020-01-01' + i * interval '1 second' as seen_at,
    timestamptz '2020-01-01' + i * interval '1 minute' as paid_at,
    case when i % 3 > 0 then 'label ' || i % 50 end as label,
    (random() * 1e6)::bigint as views
from generate_series(1, {rows}) as i
"""
RUN = "benchmark-00000000"


def main() -> None:
    """Run every measurement and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", choices=["out", "in"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        json.dump(ours(arguments.child), sys.stdout)
        return
    with scratch_database() as environment, tempfile.TemporaryDirectory() as folder:
        with psycopg.connect(**conninfo(environment), autocommit=True) as session:  # type: ignore[arg-type] # all text
            session.execute(TABLE.format(rows=arguments.rows))
            session.execute("vacuum analyze source")
            session.execute("create table loaded (like source)")
        rounds = [one_round(environment, Path(folder) / "rows.csv") for _ in range(arguments.rounds)]
    print(f"{arguments.rows:,} rows × 12 columns, median of {arguments.rounds} rounds\n")
    print(f"{'':6}{'psql s':>9}{'synth s':>9}{'ratio':>8}{'limit':>8}{'peak MB':>10}")
    for way, limit in (("out", 2), ("in", 3)):
        psql = statistics.median(item[way]["psql"] for item in rounds)
        mine = statistics.median(item[way]["wall"] for item in rounds)
        ratio = statistics.median(item[way]["wall"] / item[way]["psql"] for item in rounds)
        peak = max(item[way]["peak"] for item in rounds)
        print(f"{way:6}{psql:9.2f}{mine:9.2f}{ratio:8.2f}{limit:8}{peak:10.0f}")


def one_round(environment: dict[str, str], path: Path) -> dict[str, dict[str, float]]:
    """Psql and synth, out and in, one after the other."""
    out_psql = psql(environment, rf"\copy source to '{path}' csv")
    out = child("out", environment)
    psql(environment, "truncate loaded")
    in_psql = psql(environment, rf"\copy loaded from '{path}' csv")
    return {"out": {**out, "psql": out_psql}, "in": {**child("in", environment), "psql": in_psql}}


def psql(environment: dict[str, str], command: str) -> float:
    """Wall seconds of one command."""
    program = client_binary("psql") or "psql"
    start = perf_counter()
    subprocess.run([program, "-q", "-c", command], env={**os.environ, **environment}, check=True)
    return perf_counter() - start


def child(way: str, environment: dict[str, str]) -> dict[str, float]:
    """Measure one way in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.transport", "--child", way]
    process = subprocess.run(
        command, env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    figures: dict[str, float] = json.loads(process.stdout)
    return figures


def ours(way: str) -> dict[str, float]:
    """Wall seconds and peak megabytes of extracting, or of staging and publishing."""
    info = conninfo(dict(os.environ))
    source = Relation(info["dbname"], "public", "source")
    target = Relation(info["dbname"], "synthetic", "source")
    task = Task(Model("model.benchmark.source", "source", source, "source.yml", "table"), target)
    with Warehouse(info) as warehouse:
        columns = warehouse.describe(source)
        with warehouse.snapshot() as snapshot:
            start = perf_counter()
            table = snapshot.extract(source, columns)
            wall = perf_counter() - start
        if way == "in":
            relation = stage_relation(target, "synthetic__staging", RUN)
            stage = Stage(
                relation=relation,
                target=target,
                unique_id=task.model.unique_id,
                name="source",
                rows=table.num_rows,
                backend="local",
                verdict="pass",
                fidelity=None,
                run_id=RUN,
                version="benchmark",
            )
            start = perf_counter()
            warehouse.stage(task, stage, columns=columns, table=table)
            warehouse.publish([stage], analysts=(), full_refresh=False)
            wall = perf_counter() - start
    return {"wall": wall, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    main()
