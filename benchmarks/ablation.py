"""What each mechanism of the engine gives: the same tables learned with it and without it.

    python -m benchmarks.ablation TABLE.csv … [--without NAME …] [--rows 5000] [--splits 3] [--to FILE]

Each split halves the rows: one half is learned twice, with two seeds, the other stands for fresh rows. Where
a mechanism changes no value of a twin, its figures are those of the whole engine. Each line that is printed
is a mechanism and a table: by how much the figures change without it, as means over the splits.
OMP_NUM_THREADS=1 keeps waiting threads out of the CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.judge import nearer, told_apart
from benchmarks.mechanisms import MECHANISMS
from benchmarks.tables import read
from synth.engine import Synthesizer
from synth.evaluate.case import EvaluationCase
from synth.evaluate.nearness import nearest
from synth.evaluate.points import encode
from synth.evaluate.tables import read as read_tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from benchmarks.mechanisms import Replacement

SHOPPERS = Path(__file__).parents[1] / "tests/projects/shoppers/seeds/raw_online_shoppers.csv"
MEASURES = ("accuracy", "c2st_fresh_auc", "tstr", "dcr_share", "mia_auc", "cpu")
SHORT = ("accuracy", "fresh", "TSTR", "DCR", "MIA", "CPU s")


def main() -> None:
    """Measure what was not measured yet, and print the differences."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tables", nargs="*", type=Path, default=[SHOPPERS])
    parser.add_argument("--without", nargs="*", choices=MECHANISMS, default=list(MECHANISMS))
    parser.add_argument("--rows", type=int, default=5_000, help="of each table, at most")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--to", type=Path, help="also append each run as a line of JSON")
    options = parser.parse_args()
    print(f"{'without':24}{'table':16}" + "".join(f"{title:>10}" for title in SHORT))
    for path in options.tables:
        table = read(path)
        runs: dict[str, list[Mapping[str, float]]] = {}
        for split in range(options.splits):
            order = np.random.default_rng(split).permutation(len(table))[: options.rows]
            halves = [table.iloc[part].reset_index(drop=True) for part in np.array_split(order, 2)]
            for name, measurements in ablate(halves[0], halves[1], split, options.without):
                runs.setdefault(name, []).append(measurements)
                if options.to:
                    record = {"table": path.name, "split": split, "without": name, **measurements}
                    with options.to.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(record) + "\n")
        report(path.name.partition(".csv")[0], runs)


def ablate(
    training: pd.DataFrame, fresh: pd.DataFrame, seed: int, names: Sequence[str]
) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Yield the figures of the whole engine, under no name, then those without each mechanism."""
    whole, cpu = twins(training, seed)
    baseline = measure(training, fresh, *whole)
    yield "", {**baseline, "cpu": cpu}
    for name in names:
        with without(MECHANISMS[name]):
            others, cpu = twins(training, seed)
        is_same = all(one.equals(other) for one, other in zip(whole, others, strict=True))
        yield name, {**(baseline if is_same else measure(training, fresh, *others)), "cpu": cpu}


@contextmanager
def without(replacements: Sequence[Replacement]) -> Iterator[None]:
    """Put something else in the place of functions and constants of the engine for a while."""
    originals = [(owner, name, vars(owner)[name]) for owner, name, _ in replacements]
    try:
        for owner, name, value in replacements:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in originals:
            setattr(owner, name, value)


def twins(training: pd.DataFrame, seed: int) -> tuple[list[pd.DataFrame], float]:
    """Return two twins, of this seed and another, and the CPU seconds that one takes."""
    start = time.process_time()
    both = [Synthesizer(seed=each).fit(training).sample(len(training)) for each in (seed, seed + 1_000)]
    return both, (time.process_time() - start) / 2


def measure(
    training: pd.DataFrame, fresh: pd.DataFrame, twin: pd.DataFrame, second: pd.DataFrame
) -> dict[str, float]:
    """Return the figures of a twin, and of its likeness to another; NaN for what cannot be measured."""
    tables = read_tables(training, fresh, twin, categories=())
    case = EvaluationCase(tables, frozenset(), seed=0)
    fidelity = case.fidelity
    near = (
        [] if fidelity is None else [each.synthetic for each in fidelity.accuracies if each.order in {1, 2}]
    )
    points = encode(tables)
    real, synthetic = points[: tables.real], points[tables.real :]
    is_member = np.arange(tables.real) < tables.training
    return {
        "accuracy": float(np.mean(near)),
        "c2st_fresh_auc": told_apart(fresh, twin, second),
        "tstr": float(case.transfer.utility.synthetic) if case.transfer else np.nan,
        "dcr_share": nearer(training, fresh, twin),
        "mia_auc": float(roc_auc_score(is_member, -nearest(real, synthetic))),
    }


def report(table: str, runs: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
    """Print the figures of the whole engine, then how they change without each mechanism."""
    whole = _means(runs[""])
    print(f"{'(nothing)':24}{table:16}" + "".join(f"{value:10.4f}" for value in whole))
    for name, measurements in runs.items():
        if name:
            print(
                f"{name:24}{table:16}" + "".join(f"{v:+10.4f}" for v in _means(measurements) - whole),
                flush=True,
            )


def _means(runs: Sequence[Mapping[str, float]]) -> Any:
    return np.array([np.nanmean([run[name] for run in runs]) for name in MEASURES])


if __name__ == "__main__":
    main()
