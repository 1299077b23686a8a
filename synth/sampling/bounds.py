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
FEWEST = 3 * RARE  # entities that show where the numbers of a label are
MARGINS = (0.25, 0.5, 1.0, 2.0)  # of that width, by which a range reaches beyond it
SELDOM = 0.005  # of the entities of a label, that have numbers outside its range


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
        narrow = [one for one in candidates if one[1] is not None and np.isfinite(one[0])]
        best = min(narrow, key=lambda one: one[0], default=None)
        if best is not None and best[1] is not None:
            results.append(best[1])
    return tuple(results)


def _bounds(
    name: str, numbers: pd.Series[float], label: str, labels: pd.Series[Any], units: NDArray[np.uint64]
) -> tuple[float, Bounds | None]:
    """Return how wide numbers are beside their label, by the width of all, and the bounds there.

    That is nothing where labels tell the sign: refunds are negative, and charges are not. Where most labels
    tell little, there are bounds beside those alone that do: the retired are old, and others of any age.
    """
    frame = pd.DataFrame({"number": numbers, "label": labels.to_numpy(object), "unit": units})
    frame = frame[np.isfinite(frame["number"].to_numpy())].dropna(subset=["label"])
    every = _range(frame)
    if every is None:
        return np.inf, None
    ranges, decimals, widths, sizes, sides, values = {}, {}, [], [], [], []
    for value, rows in frame.groupby("label"):
        values.append(value)
        own, side = _range(rows), _side(rows)
        bounds = own or side
        if bounds is not None:
            ranges[value] = bounds
            decimals[value] = _decimals(rows["number"].to_numpy())
        low, high = own or every
        widths.append(high - low)
        sizes.append(len(rows))
        sides.append(side)
    tells_sign = None not in sides and len({*sides}) > 1
    width = 0.0 if tells_sign else float(np.average(widths, weights=sizes)) / (every[1] - every[0])
    if width < NARROW:
        return width, Bounds(name, label, ranges, decimals)
    some = [place for place, one in enumerate(widths) if one < NARROW * (every[1] - every[0])]
    ranges = {value: ranges[value] for place, value in enumerate(values) if place in some}
    share = float(np.take(sizes, some).sum()) / sum(sizes)
    return (2 - share if some else np.inf), Bounds(name, label, ranges, decimals)


def _side(frame: pd.DataFrame) -> tuple[float, float] | None:
    """Return from where to where numbers of one sign lie; None where both are, or where few show it."""
    numbers = frame["number"]
    if frame["unit"].nunique() < FEWEST or (numbers.min() < 0 < numbers.max()):
        return None
    return (0.0, np.inf) if numbers.min() >= 0 else (-np.inf, 0.0)


def _range(frame: pd.DataFrame) -> tuple[float, float] | None:
    """Return a range that holds nearly all numbers, and whose ends are nobody's own; None if there is none.

    Its ends lie beyond the RARE-th least and greatest of the entities, by a multiple of their distance; but
    not beyond 0 where all numbers have one sign.
    """
    by_unit = frame.groupby("unit")["number"].agg(["min", "max"])
    if len(by_unit) < FEWEST:
        return None
    low = float(np.partition(by_unit["min"].to_numpy(), RARE - 1)[RARE - 1])
    high = float(np.partition(by_unit["max"].to_numpy(), -RARE)[-RARE])
    least, most = by_unit["min"].to_numpy(), by_unit["max"].to_numpy()
    for margin in MARGINS if low < high else ():
        start, end = low - margin * (high - low), high + margin * (high - low)
        if ((least < start) | (most > end)).mean() <= SELDOM:
            first, last = _side(frame) or (-np.inf, np.inf)
            return max(start, first), min(end, last)
    return None


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
