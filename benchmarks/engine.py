"""How near each engine's twin of a table is to fresh rows of it, what it gives away, and what it costs.

    python -m benchmarks.engine [--data FOLDER] [--judge evaluate.py]

Half of the rows are learned and as many are drawn; the others stand for fresh rows, whose own figures are the
ceiling. Every seed is another split; each engine learns it twice, with this seed and the next, because it
takes two tables to tell an engine from fresh rows. A judge is any Python program called as
`judge training.csv holdout.csv synthetic.csv --second other.csv` that prints one JSON object; without one, or
where it is silent, the figures are those of synth.evaluate, and the column "privacy checks" is the gate's in
any case. A first run makes the peers' environments and takes hours; their tables are kept, and a rerun
repeats ours and the judging.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.contestants import ENVIRONMENTS, OURS, PEERS, ROOT, kept_run, reason, run
from benchmarks.tables import halve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.contestants import Contestant, Run

OWN_TABLE = ROOT / "tests/projects/shoppers/seeds/raw_online_shoppers.csv"
TABLE_FOLDER = ENVIRONMENTS / "tables"
QUICK_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Row:
    """An engine's figures on one table, one mapping a seed, and why there are not more."""

    engine: str
    seeds: Mapping[int, Mapping[str, Any]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A figure of the printed table."""

    title: str
    value: Callable[[Mapping[str, Any]], float]
    form: str


def useful(figures: Mapping[str, Any]) -> float:
    """What a model learned from the twin achieves on fresh rows, as a share of one learned from training."""
    if "tstr_auc" in figures:  # an outside judge's
        return float(figures["tstr_auc"] / figures["trtr_auc"])
    return float(figures["tstr"] / figures["trtr"])


COLUMNS = (
    Column("accuracy − ceiling", lambda figures: figures["accuracy"] - figures["accuracy_ceiling"], "+.4f"),
    Column("C2ST fresh", lambda figures: figures["c2st_fresh_auc"], ".3f"),
    Column("C2ST", lambda figures: figures["c2st_auc"], ".3f"),
    Column("TSTR ÷ TRTR", useful, ".3f"),
    Column("copies ÷ baseline", lambda figures: figures["copies"] / figures["copies_baseline"], ".2f"),
    Column("DCR share", lambda figures: figures["dcr_share"], ".3f"),
    Column("MIA AUC", lambda figures: figures["mia_auc"], ".3f"),
    Column("CPU s", lambda figures: figures["cpu"], ".1f"),
    Column("× ours", lambda figures: figures["cpu"] / figures["cpu_ours"], ".1f"),
    Column("peak MB", lambda figures: figures["peak"], ".0f"),
)


def main() -> None:
    """Every engine on every table, a printed table each."""
    options = arguments()
    if os.getloadavg()[0] > (os.cpu_count() or 1):
        print("This machine is busy with other work, so CPU seconds will come out too high.", file=sys.stderr)
    tables = choose(options.data, options.tables)
    engines = [OURS, *(peer for peer in PEERS if peer.name in options.peers)]
    seeds = range(1 if options.quick else options.seeds)
    results: dict[str, list[Row]] = {}
    for name, path in tables.items():
        with tempfile.TemporaryDirectory() as scratch:
            splits = {seed: Path(scratch) / str(seed) for seed in seeds}
            for seed, folder in splits.items():
                folder.mkdir()
                halves = folder / "training.csv", folder / "holdout.csv"
                halve(path, *halves, seed=seed, rows=QUICK_ROWS if options.quick else None)
            rows = [contest(engine, name, splits, options) for engine in engines]
        results[name] = beside_ours(rows)
        print(f"\n{name}, median [least–most] of {len(seeds)} seed{'s' * (len(seeds) > 1)}\n")
        print(markdown(results[name]), flush=True)
        if options.out:
            options.out.write_text(json.dumps(as_json(results), indent=1), encoding="utf-8")


def arguments() -> argparse.Namespace:
    """The command line."""
    summary, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [peer.name for peer in PEERS]
    parser.add_argument(
        "--data", type=absolute, metavar="FOLDER", help="of .csv and .csv.gz (default: the bundled one)"
    )
    parser.add_argument("--tables", nargs="+", metavar="NAME", help="which of them (default: all)")
    parser.add_argument(
        "--peers", nargs="*", metavar="NAME", choices=names, default=names, help=", ".join(names)
    )
    parser.add_argument("--seeds", type=int, default=3, help="how many (default: 3)")
    parser.add_argument("--limit", type=int, default=3600, help="CPU seconds of each fit (default: 3600)")
    parser.add_argument(
        "--judge", type=absolute, metavar="FILE", help="a Python program of yours that measures"
    )
    parser.add_argument(
        "--cache", type=absolute, default=TABLE_FOLDER, metavar="FOLDER", help="of the peers' tables"
    )
    parser.add_argument("--out", type=absolute, metavar="FILE", help="also write everything as JSON")
    parser.add_argument("--quick", action="store_true", help=f"one seed, {QUICK_ROWS:,} rows of each table")
    return parser.parse_args()


def absolute(path: str) -> Path:
    """The path as every process understands it, wherever it runs."""
    return Path(path).absolute()


def choose(folder: Path | None, names: Sequence[str] | None) -> dict[str, Path]:
    """The tables to run on, by name."""
    paths = [OWN_TABLE] if folder is None else sorted([*folder.glob("*.csv"), *folder.glob("*.csv.gz")])
    tables = {path.name.partition(".csv")[0]: path for path in paths}
    missing_tables = sorted(set(names or ()) - set(tables))
    if not tables:
        raise SystemExit(
            f"There is no .csv and no .csv.gz in {folder}. Next: --data with a folder that has some"
        )
    if missing_tables:
        table_names = ", ".join(tables)
        raise SystemExit(
            f"There is no table {', '.join(missing_tables)}. Next: --tables with some of {table_names}"
        )
    return {name: path for name, path in tables.items() if not names or name in names}


def contest(engine: Contestant, table: str, splits: Mapping[int, Path], options: argparse.Namespace) -> Row:
    """All seeds of one engine on one table; the first failure ends it, since the next would cost the same."""
    seeds: dict[int, dict[str, Any]] = {}
    for seed, folder in splits.items():
        runs, twins = [], []
        for each in (seed, seed + 1):
            seed_run, twin = fit(engine, folder, table, each, options)
            if seed_run.failure:
                return Row(engine.name, seeds, seed_run.failure)
            runs.append(seed_run)
            twins.append(twin)
        seeds[seed] = {
            "cpu": statistics.mean(seed_run.cpu for seed_run in runs),
            "peak": max(seed_run.peak for seed_run in runs),
            "kept": any(seed_run.is_kept for seed_run in runs),
            **judge_twins(options.judge, folder, twins),
        }
        print(f"{table}, seed {seed}, {engine.name}: {seeds[seed]['cpu']:.1f} CPU s", file=sys.stderr)
    return Row(engine.name, seeds)


def fit(
    engine: Contestant, folder: Path, table: str, seed: int, options: argparse.Namespace
) -> tuple[Run, Path]:
    """One table of one engine; a peer's may be kept from an earlier command."""
    training = folder / "training.csv"
    if engine.packages:
        return kept_run(engine, training, options.cache, table=table, seed=seed, limit=options.limit)
    synthetic = folder / f"{engine.name}-{seed}.csv"
    return run(engine, training, synthetic, seed=seed, limit=options.limit), synthetic


def judge_twins(judge: Path | None, folder: Path, twins: Sequence[Path]) -> dict[str, Any]:
    """Our own figures, overruled by those of an outside judge; what a judge died of is one, too."""
    tables = [str(folder / "training.csv"), str(folder / "holdout.csv"), str(twins[0])]
    measurements: dict[str, Any] = {}
    for program in [["-m", "benchmarks.judge"], *([[str(judge)]] if judge else [])]:
        command = [sys.executable, *program, *tables, "--second", str(twins[1])]
        process = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        if process.returncode:
            measurements["judge"] = f"{program[-1]} failed: {reason(process.stderr) or process.returncode}"
            continue
        measurements.update(json.loads(process.stdout))
    return measurements


def beside_ours(rows: Sequence[Row]) -> list[Row]:
    """The rows with our CPU seconds of the same seed beside everybody's."""
    ours = next(row.seeds for row in rows if row.engine == OURS.name)
    beside = {seed: {"cpu_ours": figures["cpu"]} for seed, figures in ours.items()}
    return [
        replace(row, seeds={seed: {**figures, **beside.get(seed, {})} for seed, figures in row.seeds.items()})
        for row in rows
    ]


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table, and below it what its marks mean."""
    titles = ["engine", *(column.title for column in COLUMNS), "privacy checks"]
    lines = [titles, ["---"] * len(titles)]
    for row in rows:
        seeds = list(row.seeds.values())
        cells = [cell(column, seeds) for column in COLUMNS]
        lines.append([row.engine, *cells, checks(seeds)])
    notes = [f"- {row.engine}: {note}" for row in rows for note in remarks(row)]
    if any(figures["kept"] for row in rows for figures in row.seeds.values()):
        notes.append("- \\* CPU seconds and peak memory as measured by an earlier command")
    return "\n".join([*("| " + " | ".join(line) + " |" for line in lines), "", *notes])


def cell(column: Column, seeds: Sequence[Mapping[str, Any]]) -> str:
    """Median, least and most of a figure; a dash where no seed has it."""
    values = [value for figures in seeds if (value := figure(column, figures)) is not None]
    if not values:
        return "–"
    mark = "\\*" if column.title in {"CPU s", "× ours", "peak MB"} and any(f["kept"] for f in seeds) else ""
    middle = f"{statistics.median(values):{column.form}}{mark}"
    least, most = f"{min(values):{column.form}}", f"{max(values):{column.form}}"
    return middle if len(values) == 1 else f"{middle} [{least}–{most}]"


def figure(column: Column, figures: Mapping[str, Any]) -> float | None:
    """The figure, or None where the judges did not find all that it is made of."""
    try:
        return column.value(figures)
    except (KeyError, TypeError, ZeroDivisionError):
        return None


def checks(seeds: Sequence[Mapping[str, Any]]) -> str:
    """`pass`, or what the gate says of the checks that do not pass, and on how many seeds."""
    privacy_figures = [seed["privacy"] for seed in seeds if "privacy" in seed]
    outcomes = Counter(
        f"{name}: {verdict}"
        for each in privacy_figures
        for name, verdict in each.items()
        if verdict != "pass"
    )
    worse = (f"{words} ({count} of {len(privacy_figures)})" for words, count in outcomes.most_common())
    return ", ".join(worse) or ("pass" if privacy_figures else "–")


def remarks(row: Row) -> list[str]:
    """Why figures of a row are missing."""
    return [row.note] * bool(row.note) + sorted({f["judge"] for f in row.seeds.values() if "judge" in f})


def as_json(results: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Everything measured: table → engine → seeds and note."""
    return {
        table: {row.engine: {"seeds": row.seeds, "note": row.note} for row in rows}
        for table, rows in results.items()
    }


if __name__ == "__main__":
    main()
