"""The figures of one synthetic table: how near it is to fresh rows, and how much of training it repeats.

    python -m benchmarks.judge TRAINING.csv HOLDOUT.csv SYNTHETIC.csv --second OTHER.csv

Prints one JSON object. OTHER is a table of the same recipe and another seed: a classifier that learned to
tell SYNTHETIC from fresh rows is tried on OTHER and other fresh rows, so that repeating the exact counts of
the training rows gains nothing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from benchmarks.tables import read
from synth.domain import Aspect
from synth.evaluate import evaluate
from synth.evaluate.nearness import nearest
from synth.evaluate.points import encode
from synth.evaluate.tables import read as read_tables

if TYPE_CHECKING:
    from synth.domain import Evaluation

MOST = 10_000  # rows of each table whose distances are measured


def main() -> None:
    """Read, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name in ("training", "holdout", "synthetic"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--second", type=Path, required=True)
    options = parser.parse_args()
    training, holdout, synthetic, second = (
        read(path) for path in (options.training, options.holdout, options.synthetic, options.second)
    )
    numbers = figures(evaluate(training, holdout, synthetic))
    numbers["dcr_share"] = nearer(training, holdout, synthetic)
    numbers["c2st_fresh_auc"] = told_apart(holdout, synthetic, second)
    numbers["copies"], numbers["copies_baseline"] = (
        copy_share(synthetic, training),
        copy_share(holdout, training),
    )
    print(json.dumps(numbers, indent=1))


def figures(evaluation: Evaluation) -> dict[str, Any]:
    """What an evaluation says, under the names that judges of synthetic tables use."""
    checks = {check.name: check for check in evaluation.checks}
    numbers: dict[str, Any] = {
        "checks": {
            name: {"value": check.value, "low": check.low, "high": check.high, "verdict": check.verdict.value}
            for name, check in checks.items()
        },
        "privacy": {
            check.name: check.verdict.value
            for check in evaluation.checks
            if check.gating and check.aspect is Aspect.PRIVACY
        },
    }
    nearness = [accuracy for accuracy in evaluation.accuracies if accuracy.order < 3]
    if nearness:
        numbers["accuracy"] = float(np.mean([accuracy.synthetic for accuracy in nearness]))
        numbers["accuracy_ceiling"] = float(np.mean([accuracy.ceiling for accuracy in nearness]))
    for utility in evaluation.utility[:1]:
        numbers["tstr_target"], numbers["tstr_metric"] = utility.target, utility.metric
        numbers["tstr"], numbers["trtr"] = utility.synthetic, utility.real
    if "membership" in checks:
        numbers["mia_auc"] = checks["membership"].value
    return numbers


def nearer(training: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame) -> float:
    """Share of the rows of SYNTHETIC that are nearer to a training row than to any of as many fresh ones."""
    tables, most = (
        read_tables(training, holdout, synthetic, categories=()),
        min(len(training), len(holdout), MOST),
    )
    tables = tables.sample(np.random.default_rng(0), most, most, MOST)
    points = encode(tables)
    sides = np.split(points[: tables.real], [tables.training])
    apart = [nearest(points[tables.real :], side) for side in sides]
    return float((apart[0] < apart[1]).mean() + (apart[0] == apart[1]).mean() / 2)


def told_apart(fresh: pd.DataFrame, first: pd.DataFrame, second: pd.DataFrame) -> float:
    """AUC of a classifier that learned fresh rows against `first`, on other fresh rows against `second`."""
    half = min(len(table) for table in (first, second, fresh[: len(fresh) // 2]))
    code_frames = codes(
        [fresh.iloc[:half], first.iloc[:half], fresh.iloc[half : 2 * half], second.iloc[:half]]
    )
    side = np.repeat([0, 1], half)
    model = HistGradientBoostingClassifier(random_state=0).fit(np.vstack(code_frames[:2]), side)
    return float(roc_auc_score(side, model.predict_proba(np.vstack(code_frames[2:]))[:, 1]))


def codes(tables: list[pd.DataFrame]) -> list[np.ndarray[Any, Any]]:
    """The tables as numbers; labels by their place in a common order."""
    whole = pd.concat(tables, ignore_index=True)
    for name, values in whole.items():
        if values.dtype.kind == "M":
            whole[name] = values.rank(method="dense")
        elif values.dtype.kind not in "iuf":
            whole[name] = pd.factorize(values.astype(str), sort=True)[0]
    numbers = whole.to_numpy(dtype=float)
    return np.split(numbers, np.cumsum([len(table) for table in tables])[:-1])


def copy_share(table: pd.DataFrame, training: pd.DataFrame) -> float:
    """Share of rows that are a training row."""
    hashes, known_hashes = (hash_rows(frame, training) for frame in (table, training))
    return float(hashes.isin(set(known_hashes)).mean())


def hash_rows(table: pd.DataFrame, training: pd.DataFrame) -> pd.Series[Any]:
    """One number a row; equal rows have equal ones, however an engine spelt them."""
    alike = {
        name: pd.to_numeric(table[name], errors="coerce").astype(float)
        if real.dtype.kind in "iufb"
        else table[name].astype(str)
        for name, real in training.items()
    }
    return pd.util.hash_pandas_object(pd.DataFrame(alike), index=False)


if __name__ == "__main__":
    main()
