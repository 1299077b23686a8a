"""How surely the gate finds a leak, and how seldom it accuses or doubts a twin without one.

    python -m benchmarks.gate TABLE.csv … [--sizes 500 1000 2000] [--seeds 10] [--rungs fresh verbatim_1 …]
        [--models 30] [--to RESULTS.jsonl]

A rung is an engine that leaks in one way: it draws fresh rows, which nobody learned from, and among them
what it remembers of its half. Each line that is printed is a rung and a size: the shares of the runs that
fail, are undecided and pass, and the checks that failed. Every run is a line of RESULTS, and one that is
there already is not run again; so the ladder can be climbed a step at a time, beside other work. --models is
how many twins share the run's rate of error. OMP_NUM_THREADS=1 keeps waiting threads out of the CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.rungs import RUNGS
from benchmarks.tables import read
from synth.domain import Aspect, Evaluation
from synth.evaluate import Entities, Halves
from synth.evaluate.case import EvaluationCase
from synth.evaluate.checks import RULES
from synth.evaluate.membership import SPLITS
from synth.evaluate.tables import read as read_tables
from synth.sampling.redraw import spare_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.rungs import Rung
    from synth.evaluate.checks import CheckRule

SHOPPERS = Path(__file__).parents[1] / "tests/projects/shoppers/seeds/raw_online_shoppers.csv"


def main() -> None:
    """Climb what was not climbed yet, and print the ladder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tables", nargs="*", type=Path, default=[SHOPPERS])
    parser.add_argument("--sizes", nargs="+", type=int, default=[500, 1_000, 2_000])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rungs", nargs="+", choices=RUNGS, default=list(RUNGS))
    parser.add_argument("--models", type=int, default=30)
    parser.add_argument("--to", type=Path, default=Path("gate.jsonl"))
    parser.add_argument("--quality", action="store_true", help="let the checks of quality count, too")
    options = parser.parse_args()
    steps = _read_steps(options.to)
    for path in options.tables:
        table = read(path)
        for seed, size, rung in product(range(options.seeds), options.sizes, options.rungs):
            step = f"{path.name}/{size}/{rung}/{seed}/{options.models}"
            if step in steps or len(table) < size * 5 // 4:
                continue
            rules = [rule for rule in RULES if options.quality or rule.aspect is Aspect.PRIVACY]
            steps[step] = _climb(table, size, RUNGS[rung], (seed, options.models), rules)
            with options.to.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **steps[step]}) + "\n")
    _print_ladder(steps, options.sizes, options.rungs, options.models)


def _read_steps(path: Path) -> dict[str, dict[str, Any]]:
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    steps = [json.loads(line) for line in lines]
    return {step.pop("step"): step for step in steps}


class _Splits:
    """Parts the entities of a table by several coins; an engine that leaks learns each half."""

    def __init__(self, table: pd.DataFrame, size: int, rung: Rung, seed: int) -> None:
        order = np.random.default_rng([seed, size]).permutation(len(table))
        self._people, self._fresh = table.iloc[order[:size]], table.iloc[order[size:]].reset_index(drop=True)
        self._rung, self._seed = rung, seed
        self.number, self.seconds = 0, 0.0

    @property
    def whose(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The entity of each row of the first split."""
        return np.concatenate(self._parts(0))

    def draw(self, number: int) -> Halves:
        """The rows of a split, and those that the engines of its halves draw."""
        start = time.process_time()
        self.number = number
        parts = self._parts(number)
        first, other = (self._people.iloc[part].reset_index(drop=True) for part in parts)
        rows = (len(self._people) + spare_rows(len(self._people), halves=True)) // 2
        rng = np.random.default_rng([self._seed, len(self._people), number, 1])
        draws = [one.rows for one in self._rung([first, other], self._fresh, rows, rng)]
        twin = pd.concat(draws, ignore_index=True)
        second = np.repeat([False, True], [len(one) for one in draws])
        entities = Entities(parts[0], parts[1], np.arange(len(twin)))
        self.seconds += time.process_time() - start
        return Halves(first, other, twin, second, entities, np.concatenate(parts))

    def cases(self) -> Iterator[EvaluationCase]:
        """The cases of other splits, each drawn when it is asked for."""
        for number in range(1, SPLITS):
            halves = self.draw(number)
            tables = read_tables(halves.training, halves.holdout, halves.synthetic, categories=())
            yield EvaluationCase(
                replace(tables, second=halves.second), frozenset(), self._seed, whose=halves.whose
            )

    def _parts(self, number: int) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
        order = np.random.default_rng([self._seed, number]).permutation(len(self._people))
        return np.array_split(order, 2)


def _climb(
    table: pd.DataFrame, size: int, rung: Rung, run: tuple[int, int], rules: Sequence[CheckRule]
) -> dict[str, Any]:
    """The verdicts of one run: `size` entities in two halves, an engine each."""
    seed, models = run
    start = time.process_time()
    splits = _Splits(table, size, rung, seed)
    halves, fit = splits.draw(0), splits.seconds
    tables = read_tables(halves.training, halves.holdout, halves.synthetic, categories=())
    tables = replace(tables, second=halves.second)
    case = EvaluationCase(tables, frozenset(), seed, models=models, whose=splits.whose, splits=splits.cases())
    checks = [check for rule in rules if (check := rule.check(case, {})) is not None]
    evaluation = Evaluation(None, tuple(checks), {})
    return {
        "verdict": evaluation.verdict,
        "checks": {check.name: [check.verdict, round(check.value, 4)] for check in checks},
        "fit": round(fit, 2),
        "splits": splits.number,
        "cpu": round(time.process_time() - start - fit, 2),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _print_ladder(
    steps: dict[str, dict[str, Any]], sizes: Sequence[int], rungs: Sequence[str], models: int
) -> None:
    print(f"{'rung':22} {'size':>7} {'runs':>5} {'fail':>5} {'doubt':>5} {'pass':>5}  failing checks")
    for rung, size in product(rungs, sizes):
        runs = [
            step
            for name, step in steps.items()
            if name.split("/")[1:3] == [str(size), rung] and name.endswith(f"/{models}")
        ]
        if not runs:
            continue
        shares = Counter(run["verdict"] for run in runs)
        shares["fail"] += shares["error"]
        failures = Counter(
            name
            for run in runs
            for name, (verdict, _) in run["checks"].items()
            if verdict in {"fail", "error"}
        )
        figures = " ".join(
            f"{shares[verdict] / len(runs):5.0%}" for verdict in ("fail", "inconclusive", "pass")
        )
        most_common = ", ".join(f"{name} {count}" for name, count in failures.most_common(5))
        print(f"{rung:22} {size:7} {len(runs):5} {figures}  {most_common}")


if __name__ == "__main__":
    main()
