"""Labels and bounds that nobody declared, paid for with a share of the budget."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.guarantee.cells import LabelCells, tally
from synth.guarantee.domains import ColumnDomain, amount_of, amounts, keys_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synth.guarantee.noise import Mechanisms

# Ends of public bins: powers of two on both sides of zero for numbers, years for datetimes.
POWERS = np.array([2.0**power for power in range(-14, 64)])
ENDS = np.concatenate([-POWERS[::-1], [0.0], POWERS])
YEARS = (
    pd.date_range("1700-01-01", "2261-01-01", freq="YS", tz="UTC", unit="us").astype("int64").to_numpy(float)
)
WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")
# A bin is taken for empty below so many standard deviations of the noise; so are several together. Of
# hundreds that hardly any column needs, one is above the first by chance.
SURE, SURER = 3.5, 5.0
WINDOWS = (1, 2, 4, 8)
# At the edges of several, bins that hold less belong to nobody.
EDGE = 1.0
# Where nothing stands out from the noise: what numbers mostly are, and how many years ago and ahead dates.
USUAL = 0.5, 2.0**16
USUAL_YEARS = 30, 2


@dataclass(frozen=True, slots=True)
class Discovery:
    """A complete domain, the cells of labels, and one line on how it came about."""

    domain: ColumnDomain
    how: str
    cells: LabelCells | None = None


def discover_domain(
    name: str, values: pd.Series, domain: ColumnDomain, mechanisms: Mechanisms, rho: float, delta: float
) -> Discovery:
    """Return the domain of a column of which labels or bounds are not public."""
    if domain.of_labels:
        return _labels(name, values, domain, mechanisms, rho, delta)
    return _bounds(name, values, domain, mechanisms, rho)


def _labels(
    name: str, values: pd.Series, domain: ColumnDomain, mechanisms: Mechanisms, rho: float, delta: float
) -> Discovery:
    keys = keys_of(values)
    counts = pd.Series(keys).dropna().value_counts()
    # OpenDP's texts hold no NUL.
    texts = [str(key).encode("unicode_escape").decode("ascii") for key in counts.index]
    tallies = dict(zip(texts, (int(count) for count in counts), strict=True))
    noisy_counts = mechanisms.labels(f"{name}: labels", tallies, rho, delta)
    label_keys = tuple(text.encode("ascii").decode("unicode_escape") for text in noisy_counts)
    cells = LabelCells(_labels_of(label_keys), label_keys, others=True, nullable=domain.nullable)
    return Discovery(domain, f"{len(label_keys)} labels that enough entities hold, the rest as one", cells)


def _labels_of(keys: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the labels that keys stand for: whole numbers if all of them are, else texts."""
    return tuple(map(int, keys)) if all(WHOLE.fullmatch(key) for key in keys) else keys


def _bounds(
    name: str, values: pd.Series, domain: ColumnDomain, mechanisms: Mechanisms, rho: float
) -> Discovery:
    ends = ENDS if domain.kind == "number" else YEARS
    numbers = amounts(values, domain.kind)
    numbers = numbers[~np.isnan(numbers)]
    bins = np.clip(np.searchsorted(ends, numbers, side="right") - 1, 0, len(ends) - 2)
    counts = mechanisms.counts(f"{name}: bounds", tally(bins, len(ends) - 1), rho)
    possible = _possible(domain, ends)
    low, high = _ends(
        np.where(possible, counts, 0.0), ends, mechanisms.scale(rho), _usual(domain, ends, possible)
    )
    if domain.largest is not None:
        low, high = max(low, -domain.largest), min(high, domain.largest)
    if domain.kind == "datetime":
        stated = domain.low if domain.low is not None else domain.high
        zone = "UTC" if stated is None else stated.tzinfo
        ends_in_utc = (pd.Timestamp(int(end), unit="us", tz="UTC") for end in (low, high))
        low, high = (end.tz_convert(zone) for end in ends_in_utc)
    bounds = {"low": low if domain.low is None else domain.low}
    bounds["high"] = high if domain.high is None else domain.high
    bounds["high"] = max(bounds["high"], bounds["low"])
    how = "bounds between powers of two" if domain.kind == "number" else "bounds between years"
    return Discovery(replace(domain, **bounds), f"{how}, by a noisy histogram")


def _possible(domain: ColumnDomain, ends: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which bins hold anything that is public of the column: its bounds, its type, its decimals."""
    lower, upper = ends[:-1], ends[1:]
    low, high = (None if end is None else amount_of(end, domain.kind) for end in (domain.low, domain.high))
    possible = np.ones(len(lower), bool)
    possible &= True if low is None else upper > low
    possible &= True if high is None else lower <= high
    if domain.kind == "number":
        inner, outer = np.minimum(abs(lower), abs(upper)), np.maximum(abs(lower), abs(upper))
        holds_zero = inner == 0
        possible &= True if domain.largest is None else inner <= domain.largest
        possible &= holds_zero | (True if domain.decimals is None else outer > 10.0**-domain.decimals)
    return possible if possible.any() else np.ones(len(lower), bool)


def _usual(domain: ColumnDomain, ends: NDArray[np.float64], possible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return in which of the possible bins values mostly are, whatever they are of."""
    if domain.kind == "number":
        first, last = USUAL
    else:
        now, (ago, ahead) = pd.Timestamp.now(tz="UTC"), USUAL_YEARS
        first, last = (amount_of(now + pd.DateOffset(years=years), "datetime") for years in (-ago, ahead))
    usual = possible & (ends[:-1] >= first) & (ends[1:] <= last)
    return usual if usual.any() else possible


def _ends(
    counts: NDArray[np.float64], ends: NDArray[np.float64], deviation: float, usual: NDArray[np.bool_]
) -> tuple[Any, Any]:
    """Return the ends of the bins that stand out from the noise, alone or together with their neighbours.

    Where none do, those of the fullest neighbours among the `usual` bins.
    """
    for size in WINDOWS:
        sums = np.convolve(counts, np.ones(size), mode="valid")
        are_usual = np.convolve(usual, np.ones(size), mode="valid") == size
        full = np.flatnonzero(sums > np.where(are_usual, SURE, SURER) * deviation * np.sqrt(size))
        if len(full):
            break
    else:
        first, last = _fullest(counts, np.flatnonzero(usual), size)
        return float(ends[first]), float(ends[last + 1])
    first, last = int(full[0]), int(full[-1]) + size - 1
    while first < last and counts[first] < EDGE * deviation:
        first += 1
    while first < last and counts[last] < EDGE * deviation:
        last -= 1
    return float(ends[first]), float(ends[last + 1])


def _fullest(counts: NDArray[np.float64], usual: NDArray[np.int64], size: int) -> tuple[int, int]:
    """Return the first and the last of the neighbours among the usual bins that hold most together."""
    begin, number = int(usual[0]), int(usual[-1] - usual[0]) + 1
    size = min(size, number)
    sums = np.convolve(counts[begin : begin + number], np.ones(size), mode="valid")
    first = begin + int(np.argmax(sums))
    return first, first + size - 1
