"""What differential privacy costs: the private engine beside independent noisy columns and the tree engine.

    python -m benchmarks.guarantee TABLE.csv … --judge evaluate.py [--rows 100 300 1000] [--epsilon 1 3 10]

A judge is any Python program called as `judge training.csv holdout.csv synthetic.csv` that prints one JSON
object with `accuracy`, `acc_univariate`, `acc_bivariate` and `tstr_auc`. Every seed is another split: `rows`
rows (default: half of the table) are learned, the others stand for fresh rows. Domains stand for what an
owner would declare: labels and bounds of the whole table, which no run on private rows may read.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.tables import read
from synth.engine import Synthesizer
from synth.guarantee import ColumnDomain, PrivateSynthesizer, noise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DELTA = 1e-6
MOST_LABELS = 60
MOST_COLUMNS = 1_000
FIGURES = ("accuracy", "acc_univariate", "acc_bivariate", "tstr_auc")
MOST_FRESH = 5_000


def domains_of(table: pd.DataFrame) -> dict[str, ColumnDomain]:
    """Return what an owner would declare of a public table."""
    return {str(name): _domain(table[name]) for name in table.columns}


def _domain(values: pd.Series) -> ColumnDomain:
    values_there = values.dropna()
    nullable = bool(values.isna().any())
    if values_there.dtype.kind == "b":
        return ColumnDomain("boolean", nullable=nullable)
    if values_there.dtype.kind == "M":
        return ColumnDomain(
            "datetime", low=values_there.min(), high=values_there.max(), unit="D", nullable=nullable
        )
    if values_there.dtype.kind in "iuf":
        decimals = 0 if bool((values_there % 1 == 0).all()) else None
        low, high = float(values_there.min()), float(values_there.max())
        return ColumnDomain("number", low=low, high=high, decimals=decimals, nullable=nullable)
    if values_there.nunique() > MOST_LABELS:
        return ColumnDomain("category", nullable=nullable)
    return ColumnDomain("category", labels=tuple(sorted(values_there.unique())), nullable=nullable)


@dataclass(frozen=True, slots=True)
class Contest:
    """One split of one table, and who draws twins of it."""

    training: pd.DataFrame
    fresh: pd.DataFrame
    domains: Mapping[str, ColumnDomain]
    seed: int

    def twin(self, engine: str, epsilon: float) -> pd.DataFrame:
        """Return as many rows as were learned, by the number that an engine knows."""
        if engine == "trees":
            return Synthesizer(seed=self.seed).fit(self.training).sample(len(self.training))
        if engine == "independent":
            return self._independent(epsilon)
        return PrivateSynthesizer(self.domains, epsilon, DELTA, seed=self.seed).fit(self.training).sample()

    def _independent(self, epsilon: float) -> pd.DataFrame:
        """Draw each column by itself, all of them within the budget."""
        part = noise.epsilon_of(noise.rho_of(epsilon, DELTA) / len(self.domains), DELTA)
        number = len(self.training)
        columns = [
            # Of one seed, the columns' draws would be in the same order, and far from independent.
            PrivateSynthesizer(
                {name: domain}, part, DELTA, rows=number, seed=self.seed * MOST_COLUMNS + place
            )
            .fit(self.training[[name]])
            .sample()
            for place, (name, domain) in enumerate(self.domains.items())
        ]
        return pd.concat(columns, axis=1)

    def figures(self, engine: str, epsilon: float, judge: Sequence[str]) -> dict[str, float]:
        """Return what the judge says of an engine's twin, and its CPU seconds."""
        start = time.process_time()
        twin = self.twin(engine, epsilon)
        seconds = time.process_time() - start
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"{name}.csv" for name in ("training", "holdout", "synthetic")]
            for path, frame in zip(paths, (self.training, self.fresh, twin), strict=True):
                frame.to_csv(path, index=False)
            answer = subprocess.run(
                [sys.executable, *judge, *map(str, paths)], capture_output=True, text=True, check=True
            )
        figures = json.loads(answer.stdout)
        return {**{name: float(figures.get(name) or np.nan) for name in FIGURES}, "seconds": seconds}


def contests(table: pd.DataFrame, rows: int | None, seeds: Sequence[int]) -> list[Contest]:
    """Return a split a seed."""
    domains = domains_of(table)
    number = len(table) // 2 if rows is None else min(rows, len(table) // 2)
    splits = []
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(len(table))
        rest = order[number:] if rows is None else order[number : number + MOST_FRESH]
        training, fresh = (table.iloc[part].reset_index(drop=True) for part in (order[:number], rest))
        splits.append(Contest(training, fresh, domains, seed))
    return splits


def main() -> None:
    """Print a line an engine, table, size and epsilon: medians over the seeds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--judge", required=True, help="a Python program and its flags, in quotes")
    parser.add_argument("--rows", nargs="*", type=int, default=[])
    parser.add_argument("--epsilon", nargs="*", type=float, default=[1.0, 3.0, 10.0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--engines", nargs="*", default=["guarantee", "independent", "trees"])
    arguments = parser.parse_args()
    print("| table | rows | engine | ε | accuracy | one column | pairs | TSTR | CPU s |")
    print("|---" * 9 + "|")
    for path in arguments.tables:
        table = read(path)
        for rows in arguments.rows or [None]:
            splits = contests(table, rows, range(arguments.seeds))
            for engine in arguments.engines:
                for epsilon in arguments.epsilon[: 1 if engine == "trees" else None]:
                    figures = [
                        split.figures(engine, epsilon, shlex.split(arguments.judge)) for split in splits
                    ]
                    middle = {name: statistics.median(each[name] for each in figures) for name in figures[0]}
                    cells = " | ".join(f"{middle[name]:.3f}" for name in FIGURES)
                    name = f"{path.stem} | {len(splits[0].training)} | {engine}"
                    epsilon_text = "–" if engine == "trees" else f"{epsilon:g}"
                    print(f"| {name} | {epsilon_text} | {cells} | {middle['seconds']:.1f} |", flush=True)


if __name__ == "__main__":
    main()
