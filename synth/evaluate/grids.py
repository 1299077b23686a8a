"""Round places to cut a line at: the ends of a picture's ranges give nobody's value away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, floor, log10
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from synth.evaluate.tables import Codes, Floats, Mask

CELLS = 20  # about as many ranges as a picture has
TAIL = 0.01  # share of the rows beyond the first and beyond the last cut, at least
SPIKE = 0.05  # share of the rows from which on a value is a range of its own
CLEARER = 0.3  # nats by which cuts at 1, 2, 5, 10, … must tell more than even ones, which are easier to read
ROUND = (1, 2, 5, 10)
EPOCH = 1970
# Units of numpy's moments, each with how many of them may lie between two cuts.
CALENDAR = {
    "s": (1, 10),
    "m": (1, 10),
    "h": (1, 6),
    "D": (1, 7),
    "M": (1, 3),
    "Y": (1, 2, 5, 10, 20, 50, 100, 500),
}
SPANS = {"s": 1e6, "min": 6e7, "h": 3.6e9, "d": 8.64e10}


@dataclass(frozen=True, slots=True)
class Cut:
    """A place where a line is cut, which belongs to the range above it.

    Attributes:
        text: how to write it; `last` how to write where the range below it ends.
        below: what to call everything below it.
    """

    at: float
    text: str
    last: str
    below: str


@dataclass(frozen=True, slots=True)
class ValueGrid:
    """A line cut into ranges, one more than there are cuts, which rise."""

    cuts: tuple[Cut, ...]

    def without(self, place: int) -> ValueGrid:
        """Return this grid without the cut at `place`, which makes one range of two."""
        return ValueGrid(self.cuts[:place] + self.cuts[place + 1 :])

    def place(self, values: Floats) -> Codes:
        """Return the range of each value, from 0 on."""
        places: Codes = np.searchsorted([cut.at for cut in self.cuts], values, side="right")
        return places

    def labels(self) -> tuple[str, ...]:
        """Return what to call the ranges."""
        if not self.cuts:
            return ("any",)
        pairs = pairwise(self.cuts)
        inner = [low.text if low.text == high.last else f"{low.text} to {high.last}" for low, high in pairs]
        return (self.cuts[0].below, *inner, f"from {self.cuts[-1].text}")


def line(values: Floats, kind: str, fewest: int) -> ValueGrid:
    """Return a grid for `values`, which are sorted, at least one, and none of them missing.

    Args:
        values: numbers, or microseconds.
        kind: of the line: number, moment or span.
        fewest: so many values must lie beyond the first cut, and beyond the last.
    """
    if kind == "moment":
        return _calendar(*_ends(values, fewest))
    unit = _unit(values, fewest) if kind == "span" else ""
    length = SPANS.get(unit, 1.0)
    scaled_values = values / length
    whole = not unit and bool((scaled_values == np.trunc(scaled_values)).all())
    steps = _numbers(scaled_values, fewest)
    cuts = [_cut(cut, unit, whole=whole) for cut in (np.ceil(steps) if whole else steps).tolist()]
    distinct, counts = np.unique(scaled_values, return_counts=True)
    for spike in distinct[counts >= max(SPIKE * len(values), fewest)].tolist():
        text = _text(spike, unit)
        after = Cut(float(np.nextafter(spike, np.inf)), text, text, f"up to {text}")
        cuts += [_cut(spike, unit, whole=whole), _cut(spike + 1, unit, whole=True) if whole else after]
    by_place = {cut.at * length: replace(cut, at=cut.at * length) for cut in cuts}
    return ValueGrid(tuple(by_place[at] for at in sorted(by_place)))


def _cut(at: float, unit: str, *, whole: bool) -> Cut:
    text = _text(at, unit)
    last = _text(at - 1, unit) if whole else text
    return Cut(at, text, last, f"up to {last}" if whole else f"below {text}")


def _text(number: float, unit: str) -> str:
    return f"{format_number(number)} {unit}".rstrip()


def format_number(number: float) -> str:
    """Return a round number, with thousands parted where it is short enough to read."""
    return f"{number:,.10g}".replace("-", "\N{MINUS SIGN}")


def even(low: float, high: float) -> Floats:
    """Round numbers at even steps from `low` to `high`, at most some 20."""
    if high <= low:
        return np.array([_round(low)])
    step = _nice((high - low) / CELLS)
    # `+ 0.0`, because minus zero would be written as such.
    cuts: Floats = np.arange(ceil(low / step), floor(high / step) + 1, dtype=np.float64) * step + 0.0
    return cuts


def _numbers(values: Floats, fewest: int) -> Floats:
    low, high = _ends(values, fewest)
    steps = even(low, high)
    above: Mask = values > 0
    if values[0] < 0 or high <= 0 or above.sum() <= 2 * fewest:
        return steps
    edges = _edges(_ends(values[above], fewest)[0], high)
    return edges if _resolution(values, edges) > _resolution(values, steps) + CLEARER else steps


def _ends(values: Floats, fewest: int) -> tuple[float, float]:
    beyond = min(max(fewest, ceil(TAIL * len(values))), len(values) - 1)
    return float(values[beyond]), float(values[-1 - beyond])


def _edges(low: float, high: float) -> Floats:
    """Return 1, 2, 5, 10, 20, 50, … from `low` to `high`."""
    powers = range(floor(log10(low)), floor(log10(high)) + 1)
    cuts = np.array([float(f"{digit}e{power}") for power in powers for digit in ROUND[:3]])
    inner_cuts: Floats = cuts[(cuts >= low) & (cuts <= high)]
    return inner_cuts


def _resolution(values: Floats, cuts: Floats) -> float:
    """Return how many nats a range tells of a value."""
    counts = np.bincount(np.searchsorted(cuts, values, side="right"))
    shares: Floats = counts[counts > 0] / len(values)
    return float(-(shares * np.log(shares)).sum())


def _nice(step: float) -> float:
    power = 10.0 ** floor(log10(step))
    return next(digit * power for digit in ROUND if digit * power >= step * (1 - 1e-9))


def _round(number: float) -> float:
    return float(f"{number:.2g}")


def _unit(values: Floats, fewest: int) -> str:
    low, high = _ends(values, fewest)
    units_that_fit = [unit for unit, length in SPANS.items() if high - low >= 2 * length]
    return units_that_fit[-1] if units_that_fit else "s"


def _calendar(low: float, high: float) -> ValueGrid:
    ends = np.array([low, high]).astype(np.int64).astype("datetime64[us]")
    for unit, steps in CALENDAR.items():
        shift = EPOCH if unit == "Y" else 0
        first, last = (int(end) + shift for end in ends.astype(f"datetime64[{unit}]").astype(np.int64))
        for step in steps:
            if (last - first) // step <= CELLS or step == CALENDAR["Y"][-1]:
                counts = np.arange(-(-first // step), last // step + 1) * step - shift
                return ValueGrid(tuple(_moment(count, unit) for count in counts.tolist()))
    raise AssertionError  # the last step fits every line of the calendar


def _moment(count: int, unit: str) -> Cut:
    """Return the cut at the beginning of the `count`th year, month, … since 1970."""
    moments = np.array([count, count - 1]).astype(f"datetime64[{unit}]")
    text, last = (str(moment).replace("T", " ") for moment in moments)
    return Cut(float(moments.astype("datetime64[us]").astype(np.int64)[0]), text, last, f"up to {last}")
