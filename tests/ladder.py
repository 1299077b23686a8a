"""Twins that repeat real rows, and twins that lost something; for tests and benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

    Spoilt = Callable[[pd.DataFrame, pd.DataFrame, np.random.Generator], pd.DataFrame]


def bootstrap(training: pd.DataFrame, _: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Training rows, drawn with replacement."""
    return training.iloc[rng.integers(len(training), size=len(training))].reset_index(drop=True)


def noise(training: pd.DataFrame, _: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Training rows, every number moved by 1 % of its standard deviation, 2 % of the labels redrawn."""
    twin = bootstrap(training, training, rng)
    for name in twin:
        values = twin[name]
        if values.dtype.kind in "if" and values.nunique() > 2:
            moved_values = values + rng.normal(0, 0.01 * values.std(), len(twin))
            twin[name] = (
                moved_values.round().astype(values.dtype) if values.dtype.kind == "i" else moved_values
            )
        else:
            is_flipped = rng.random(len(twin)) < 0.02
            twin[name] = values.where(~is_flipped, values.sample(frac=1, random_state=rng).to_numpy())
    return twin


def verbatim(training: pd.DataFrame, base: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The base, and 2 % training rows among it."""
    count = len(base) // 50
    copies = training.iloc[rng.choice(len(training), count, replace=False)]
    return pd.concat([base.iloc[count:], copies], ignore_index=True)


def outliers(training: pd.DataFrame, base: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    """The base, and the 1 % of training rows that lie farthest from their 7th neighbour among it."""
    points = as_points(training)
    apart = np.empty(len(points))
    for start in range(0, len(points), 500):
        part = points[start : start + 500]
        squares = (part**2).sum(1)[:, None] + (points**2).sum(1) - 2 * part @ points.T
        apart[start : start + 500] = np.partition(squares, 7, axis=1)[:, 7]
    worst = np.argsort(-apart)[: len(training) // 100]
    return pd.concat([base.iloc[len(worst) :], training.iloc[worst]], ignore_index=True)


def resample(training: pd.DataFrame, _: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Each column drawn from training for itself: nothing hangs together, and every value is real."""
    return pd.DataFrame(
        {
            name: values.sample(frac=1, replace=True, random_state=rng).to_numpy()
            for name, values in training.items()
        }
    )


def independent(_: pd.DataFrame, base: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The base with each column shuffled for itself."""
    samples = (values.sample(frac=1, random_state=rng) for _, values in base.items())
    return pd.concat([values.reset_index(drop=True) for values in samples], axis=1)


def collapse(_: pd.DataFrame, base: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """A hundred rows of the base, over and over."""
    few = base.iloc[rng.choice(len(base), 100, replace=False)]
    return few.iloc[rng.integers(100, size=len(base))].reset_index(drop=True)


def as_points(table: pd.DataFrame) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Rows as points: numbers by rank, labels one-hot."""
    numbers = table.select_dtypes("number").rank(pct=True)
    labels = pd.get_dummies(table.select_dtypes(exclude="number").astype(str), dtype=float) / np.sqrt(2)
    return np.array(pd.concat([numbers, labels], axis=1).to_numpy(dtype=np.float64))
