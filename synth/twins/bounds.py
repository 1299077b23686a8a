"""Numbers stay where real ones beside the same label are: nobody is 110 cm tall where weights are near it.

What few rows hold is smoothed with its neighbours, and a measurement of one kind gets a number of another.
Such numbers are drawn anew from those of the same label.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.domain import RARE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

MOST_LABELS = 60  # of a column that says what numbers measure
NARROW = 0.5  # of the width of all numbers; a label tells something where theirs is below, on average
MOST_ROWS = 100_000  # real rows that are looked at
MOST_DECIMALS = 9  # from which numbers are not rounded
MARGIN = 0.25  # of the width beside a label, by which numbers may lie beyond those of RARE entities


@dataclass(frozen=True, slots=True)
class Bounds:
    """Numbers in `column` lie between two bounds beside each value of `label`, and have so many decimals."""

    column: str
    label: str
    ranges: Mapping[Any, tuple[float, float]]
    decimals: Mapping[Any, int]


def find_bounds(
    real: pd.DataFrame, units: NDArray[np.uint64], categories: Collection[str]
) -> tuple[Bounds, ...]:
    """Return for each column of numbers the label that bounds them most, if one does.

    Args:
        real: the real rows.
        units: whom each is about.
        categories: columns whose values are labels.
    """
    if len(real) > MOST_ROWS:  # all rows of some entities
        some = units % np.uint64(ceil(len(real) / MOST_ROWS)) == 0
        real, units = real[some], units[some]
    labels = [name for name in real.columns if name in categories and 1 < real[name].nunique() <= MOST_LABELS]
    results = []
    for name in real.columns:
        if name in categories or not _is_number(real[name]):
            continue
        numbers = pd.Series(real[name].to_numpy(np.float64, na_value=np.nan))
        candidates = [_bounds(str(name), numbers, label, real[label], units) for label in labels]
        best = min(candidates, key=lambda one: one[0], default=(NARROW, None))
        if best[1] is not None and best[0] < NARROW:
            results.append(best[1])
    return tuple(results)


def _bounds(
    name: str, numbers: pd.Series[float], label: str, labels: pd.Series[Any], units: NDArray[np.uint64]
) -> tuple[float, Bounds | None]:
    """Return how wide numbers are beside their label, by the width of all, and the bounds there."""
    frame = pd.DataFrame({"number": numbers, "label": labels.to_numpy(object), "unit": units})
    frame = frame[np.isfinite(frame["number"].to_numpy())].dropna(subset=["label"])
    every = _range(frame)
    if every is None or every[1] <= every[0]:
        return np.inf, None
    ranges, decimals, widths, sizes = {}, {}, [], []
    for value, rows in frame.groupby("label"):
        own = _range(rows)
        if own is not None:
            ranges[value] = (
                own[0] - MARGIN * (own[1] - own[0]),
                own[1] + MARGIN * (own[1] - own[0]),
            )
            decimals[value] = _decimals(rows["number"].to_numpy())
        widths.append((every if own is None else own)[1] - (every if own is None else own)[0])
        sizes.append(len(rows))
    width = float(np.average(widths, weights=sizes)) / (every[1] - every[0])
    return width, Bounds(name, label, ranges, decimals)


def _range(frame: pd.DataFrame) -> tuple[float, float] | None:
    """Return numbers below and above which RARE entities have others; None of fewer than twice as many."""
    by_unit = frame.groupby("unit")["number"].agg(["min", "max"])
    if len(by_unit) < 2 * RARE:
        return None
    low = np.partition(by_unit["min"].to_numpy(), RARE - 1)[RARE - 1]
    high = np.partition(by_unit["max"].to_numpy(), -RARE)[-RARE]
    return (float(low), float(high)) if low <= high else None


def _decimals(numbers: NDArray[np.float64]) -> int:
    """Return how many decimals are enough for all numbers."""
    return next(
        (
            places
            for places in range(MOST_DECIMALS)
            if np.allclose(numbers, np.round(numbers, places), rtol=1e-12, atol=0)
        ),
        MOST_DECIMALS,
    )


def within_bounds(rows: pd.DataFrame, bounds: Collection[Bounds], seed: int) -> pd.DataFrame:
    """Return the rows, with numbers that lie beyond the bounds of their label drawn from others of it.

    All have as many decimals as real ones of the label.
    """
    rng = np.random.default_rng([seed, len(rows)])
    result = rows.copy()
    for one in bounds:
        numbers = rows[one.column].to_numpy(np.float64, na_value=np.nan)
        labels = rows[one.label].to_numpy(object)
        for label, (low, high) in one.ranges.items():
            here = labels == label
            is_outside = here & np.isfinite(numbers) & ((numbers < low) | (numbers > high))
            others = np.flatnonzero(here & (numbers >= low) & (numbers <= high))
            outside = np.flatnonzero(is_outside)
            if len(outside) and len(others):
                picks = rng.choice(others, len(outside))
                result.loc[result.index[outside], one.column] = rows[one.column].take(picks).array
            if one.decimals[label] < MOST_DECIMALS and result[one.column].dtype.kind == "f":
                result.loc[here, one.column] = result[one.column][here].round(one.decimals[label])
    return result


def _is_number(values: pd.Series[Any]) -> bool:
    numeric = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    return bool(numeric)
