"""What the gate costs, and what it says of copies, of damaged twins and of fresh rows.

    python -m benchmarks.gate [TABLE.csv] [--seeds 20]

First the cost: CPU seconds and peak memory of one evaluation, each in a process of its own. Then the verdict
on every rung of the ladder; the twins are mixed from rows of the local engine. Last the false alarms: unseen
real rows, returned as a twin. OMP_NUM_THREADS=1 keeps waiting threads out of the CPU seconds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from synth.domain import Verdict
from synth.engine import Synthesizer
from synth.evaluate import evaluate
from tests import ladder

SHOPPERS = Path(__file__).parents[1] / "tests/projects/shoppers/seeds/raw_online_shoppers.csv"
ORDERS = 300_000
RUNGS = {
    "the engine": lambda _, base, __: base,
    "bootstrap": ladder.bootstrap,
    "1 % noise": ladder.noise,
    "2 % verbatim": ladder.verbatim,
    "1 % outliers": ladder.outliers,
    "spliced of three": ladder.spliced,
    "columns resampled": ladder.resampled,
    "columns independent": ladder.independent,
    "100 prototypes": ladder.collapsed,
}


def main() -> None:
    """Print three tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, nargs="?", default=SHOPPERS)
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    table = pd.read_csv(arguments.table)
    print(f"{'rows':>9} {'columns':>8} {'CPU s':>7} {'peak MB':>8}")
    for source in (table, None):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            rows, columns, seconds, peak = pool.apply(cost, (source,))
        print(f"{rows:>9,} {columns:>8} {seconds:>7.1f} {peak:>8.0f}")
    climb(table)
    alarms(table, arguments.seeds)


def cost(table: pd.DataFrame | None) -> tuple[int, int, float, float]:
    """Rows, columns, CPU seconds and peak MB of one evaluation; None stands for made-up orders."""
    parts = split(orders() if table is None else table, 0)
    twin = parts[0].sample(sum(map(len, parts)), replace=True, random_state=0, ignore_index=True)
    started = time.process_time()
    evaluate(*parts, twin)
    seconds = time.process_time() - started
    return len(twin), twin.shape[1], seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def climb(table: pd.DataFrame) -> None:
    """Print what fails on each rung."""
    training, holdout = split(table, 0)
    base = Synthesizer(seed=0).fit(training).sample(len(training))
    print(f"\n{'output':20} {'verdict':13} failing checks")
    for name, spoil in RUNGS.items():
        evaluation = evaluate(training, holdout, spoil(training, base, np.random.default_rng(0)))
        failing = [
            check.name for check in evaluation.checks if check.verdict is Verdict.FAIL and check.gating
        ]
        print(f"{name:20} {evaluation.verdict:13} {', '.join(failing)}")


def alarms(table: pd.DataFrame, seeds: int) -> None:
    """Print the verdicts on fresh rows: four ninths are learned, a ninth is held out, four are the twin."""
    counts: Counter[str] = Counter()
    for seed in range(seeds):
        rows = np.random.default_rng(seed).permutation(len(table))
        parts = np.split(rows, [len(rows) * 4 // 9, len(rows) * 5 // 9])
        counts[evaluate(*(table.iloc[part] for part in parts), seed=seed).verdict] += 1
    print(f"\nfresh rows, {seeds} seeds: {', '.join(f'{name} {count}' for name, count in counts.items())}")


def split(table: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Four fifths to learn from, a fifth held out."""
    rows = np.random.default_rng(seed).permutation(len(table))
    cut = len(rows) * 4 // 5
    training, holdout = (table.iloc[np.sort(part)].reset_index(drop=True) for part in np.split(rows, [cut]))
    return training, holdout


def orders() -> pd.DataFrame:
    """A long and narrow table: 200 products, amounts, prices and moments."""
    rng = np.random.default_rng(0)
    product = rng.zipf(1.4, ORDERS) % 200
    minutes = rng.integers(0, 365 * 24 * 60, ORDERS)
    return pd.DataFrame(
        {
            "product": np.char.add("p", product.astype(str)),
            "quantity": rng.poisson(2, ORDERS) + 1,
            "price": (np.exp(rng.normal(1, 0.6, ORDERS)) * (1 + product / 100)).round(2),
            "ordered": pd.Timestamp("2024-01-01") + pd.to_timedelta(minutes, unit="min"),
        }
    )


if __name__ == "__main__":
    main()
