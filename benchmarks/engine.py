"""How near the local engine's twin of a table is to fresh rows of it, and how much of it the twin gives away.

    python benchmarks/engine.py [TABLE.csv] [--judge evaluate.py]

Half of the rows are learned, the others stand for fresh rows, whose own figures are the ceiling. A judge is
any program called as `judge train.csv holdout.csv synthetic.csv --second other.csv` that prints one JSON
object; its figures are printed instead.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synth.engine import Synthesizer

ROOT = Path(__file__).parents[1]
DEFAULT = ROOT / "tests/projects/shoppers/seeds/raw_online_shoppers.csv"
CELLS = 10
QUERIES = 5000


def read(path: Path) -> pd.DataFrame:
    """The table, with texts that look like dates read as dates."""
    table = pd.read_csv(path)
    for name in table.columns:
        text = table[name].dropna()
        if (
            text.dtype.kind not in "iufbM"
            and text.astype(str).str.match(r"\d{4}-\d\d-\d\d").all()
            and len(text)
        ):
            table[name] = pd.to_datetime(table[name], format="mixed")
    return table


def binned(table: pd.DataFrame, train: pd.DataFrame) -> pd.DataFrame:
    """Each column in cells learned from `train`: its deciles, or its commonest labels; NULL is a cell."""
    found = {}
    for name, real in train.items():
        values = table[name]
        if real.dtype.kind in "iufM":
            edges = np.unique(real.dropna().quantile(np.arange(1, CELLS) / CELLS))
            found[name] = np.where(values.isna(), -1, np.searchsorted(edges, values.fillna(real.min())))
        else:
            common = list(real.value_counts().index[:CELLS])
            found[name] = np.where(values.isna(), -1, pd.Categorical(values, categories=common).codes + 1)
    return pd.DataFrame(found)


def accuracy(left: pd.DataFrame, right: pd.DataFrame) -> float:
    """Mean of 1 - total variation distance over columns and over pairs of columns."""
    singles = [overlap(left[name], right[name]) for name in left]
    pairs = [overlap(left[a] * 100 + left[b], right[a] * 100 + right[b]) for a, b in combinations(left, 2)]
    return float(np.mean([np.mean(singles), np.mean(pairs)]))


def overlap(left: pd.Series[Any], right: pd.Series[Any]) -> float:
    """1 - total variation distance of two columns of cells."""
    shares = [values.value_counts(normalize=True) for values in (left, right)]
    return 1 - float(shares[0].sub(shares[1], fill_value=0).abs().sum()) / 2


def told_apart(fresh: pd.DataFrame, first: pd.DataFrame, second: pd.DataFrame) -> float:
    """AUC of a classifier that learned fresh rows against `first`, on other fresh rows against `second`."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - not needed with a judge
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415

    half = min(len(table) for table in (first, second, fresh[: len(fresh) // 2]))
    coded = codes([fresh.iloc[:half], first.iloc[:half], fresh.iloc[half : 2 * half], second.iloc[:half]])
    side = np.repeat([0, 1], half)
    model = HistGradientBoostingClassifier(random_state=0).fit(np.vstack(coded[:2]), side)
    return float(roc_auc_score(side, model.predict_proba(np.vstack(coded[2:]))[:, 1]))


def codes(tables: list[pd.DataFrame]) -> list[np.ndarray[Any, Any]]:
    """The tables as numbers; labels by their place in a common order."""
    whole = pd.concat(tables, ignore_index=True)
    for name, values in whole.items():
        if values.dtype.kind not in "iuf":
            whole[name] = (
                values.rank(method="dense")
                if values.dtype.kind == "M"
                else pd.factorize(values, sort=True)[0]
            )
    numbers = whole.to_numpy(dtype=float)
    return np.split(numbers, np.cumsum([len(table) for table in tables])[:-1])


def copied(table: pd.DataFrame, train: pd.DataFrame) -> float:
    """Share of rows that are a training row."""
    hashes = [pd.util.hash_pandas_object(frame, index=False) for frame in (table, train)]
    return float(hashes[0].isin(set(hashes[1])).mean())


def nearer(table: pd.DataFrame, train: pd.DataFrame, holdout: pd.DataFrame) -> float:
    """Share of rows nearer to training than to fresh rows, half of the ties; 0.5 where nothing leaks."""
    spaces = [
        space(frame, train) for frame in (table[:QUERIES], train[: len(holdout)], holdout[: len(train)])
    ]
    near, far = (
        np.concatenate([nearest(part, other) for part in np.array_split(spaces[0], 10)])
        for other in spaces[1:]
    )
    return float(np.mean((near < far) + 0.5 * (near == far)))


def space(table: pd.DataFrame, train: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Ranks of numbers and indicators of labels, every column of about equal weight."""
    parts: list[np.ndarray[Any, Any]] = []
    for name, real in train.items():
        if real.dtype.kind in "iufM":
            known = np.sort(real.dropna())
            place = np.searchsorted(known, table[name].fillna(real.min())) / max(len(known), 1)
            parts.append(np.column_stack([place, table[name].isna() * 0.7]))
        else:
            common = real.value_counts().index[:50]
            parts.append(0.7 * (table[name].to_numpy(object)[:, None] == common.to_numpy(object)))
    return np.hstack(parts).astype(np.float32)


def nearest(rows: np.ndarray[Any, Any], others: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Squared distance of each row to the nearest of the others."""
    squares = (rows**2).sum(1)[:, None] + (others**2).sum(1) - 2 * rows @ others.T
    return np.asarray(squares.min(1).round(4))


def measure(
    train: pd.DataFrame, holdout: pd.DataFrame, twins: list[pd.DataFrame]
) -> list[tuple[str, float, float]]:
    """Name, value of the twin, and value of fresh rows."""
    cells = [binned(table, train) for table in (train, twins[0], holdout)]
    halves = train[: len(train) // 2], train[len(train) // 2 :]
    return [
        ("accuracy", accuracy(cells[0], cells[1]), accuracy(cells[0], cells[2])),
        (
            "told apart from fresh rows (AUC)",
            told_apart(holdout, *twins),
            told_apart(holdout, *halves),
        ),
        ("rows copied", copied(twins[0], train), copied(holdout, train)),
        ("nearer to training than to fresh rows", nearer(twins[0], train, holdout), 0.5),
    ]


def judged(
    judge: Path, train: pd.DataFrame, holdout: pd.DataFrame, twins: list[pd.DataFrame]
) -> dict[str, Any]:
    """What an outside judge prints."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.csv" for name in ("train", "holdout", "synthetic", "other")]
        for table, path in zip([train, holdout, *twins], paths, strict=True):
            table.to_csv(path, index=False)
        command = [sys.executable, str(judge), *map(str, paths[:3]), "--second", str(paths[3])]
        answer: dict[str, Any] = json.loads(subprocess.check_output(command, text=True))
    return answer


def main() -> None:
    """Learn, sample twice with different seeds, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("table", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--judge", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    table = read(arguments.table)
    rows = np.random.default_rng(arguments.seed).permutation(len(table))
    train, holdout = (table.iloc[part].reset_index(drop=True) for part in np.array_split(rows, 2))
    started = time.process_time()
    twins = [Synthesizer(seed=arguments.seed).fit(train).sample(len(train))]
    seconds = time.process_time() - started
    twins.append(Synthesizer(seed=arguments.seed + 1).fit(train).sample(len(train)))
    print(f"{arguments.table.name}: {table.shape[1]} columns, {len(train)} rows learned, {len(holdout)} kept")
    print(f"{'CPU seconds to learn and sample':40}{seconds:10.1f}")
    print(f"{'peak memory, MB':40}{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:10.0f}")
    if arguments.judge:
        for name, value in judged(arguments.judge, train, holdout, twins).items():
            print(f"{name:40}{value!s:>10}")
        return
    print(f"{'':40}{'twin':>10}{'fresh':>10}")
    for name, value, ceiling in measure(train, holdout, twins):
        print(f"{name:40}{value:10.4f}{ceiling:10.4f}")


if __name__ == "__main__":
    main()
