"""Labels and bounds that nobody declared, paid for with a share of the budget."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.guarantee.cells import ABSENT, CellStretches, LabelCells, tally
from synth.guarantee.domains import ColumnDomain, Grid, amount_of, amounts, keys_of
from synth.guarantee.smoothing import smooth

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
# Bins whose curve is not so many standard deviations of the noise long are taken for empty. Of hundreds that
# hardly any column needs, a few are half as clear by chance.
SURE = 5.0
USUAL_YEARS = 30, 2  # ago and ahead: where dates are taken to be if nothing stands out from the noise
# Second differences of the logarithms of counts, as `smooth` expects them: between powers of two, numbers are
# mostly in a few bins; most tables are about more than a few years.
POWERS_BEND, YEARS_BEND = (-0.8, 0.5), (-0.05, 0.1)
# Share of what a column costs that tells its labels or its bounds; the rest counts.
TELLING = 0.6
# A bin with a smaller share of the rows than the first is at the end of no curve; nor is one with less than
# the second that was not counted with more than the noise: the curve may only fall too slowly.
FEWEST = 0.01, 0.03
NO_LABELS = LabelCells((), (), others=False, nullable=False)


@dataclass(frozen=True, slots=True)
class Discovery:
    """A complete domain, one line on how it came about, and what noisy counts told on the way.

    Attributes:
        domain: with bounds, if it is one of numbers or moments.
        how: it came about.
        cells: of labels; none of numbers and moments.
        stretches: of a line, with smooth numbers of rows; None of labels.
        told: how many rows hold each of the labels, before one for all others and NULL.
        absent: how many rows are NULL.
        variance: of the noise of `told` and `absent`.
        is_clear: whether anything stands out from the noise; else numbers are where they mostly are.
    """

    domain: ColumnDomain
    how: str
    cells: LabelCells = NO_LABELS
    stretches: CellStretches | None = None
    told: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    absent: float = 0.0
    variance: float = np.inf
    is_clear: bool = True


def discover_domain(
    name: str,
    values: pd.Series,
    domain: ColumnDomain,
    mechanisms: Mechanisms,
    rho: float,
    delta: float,
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
    how = f"{len(label_keys)} labels that enough entities hold, the rest as one"
    told = np.array(list(noisy_counts.values()), dtype=float)
    return Discovery(domain, how, cells, told=told, variance=mechanisms.scale(rho) ** 2)


def _labels_of(keys: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the labels that keys stand for: whole numbers if all of them are, else texts."""
    return tuple(map(int, keys)) if all(WHOLE.fullmatch(key) for key in keys) else keys


def _bounds(
    name: str, values: pd.Series, domain: ColumnDomain, mechanisms: Mechanisms, rho: float
) -> Discovery:
    ends = ENDS if domain.kind == "number" else YEARS
    numbers = amounts(values, domain.kind)
    absent = np.isnan(numbers)
    bins = np.clip(np.searchsorted(ends, numbers[~absent], side="right") - 1, 0, len(ends) - 2)
    tallies = np.append(tally(bins, len(ends) - 1), absent.sum())
    noisy = mechanisms.counts(f"{name}: bounds", tallies, rho)
    deviation = mechanisms.scale(rho)
    counts, variances, is_clear = _curves(noisy[:-1], domain, ends, deviation)
    holding = np.flatnonzero(counts > 0)
    first, last = int(holding[0]), int(holding[-1])
    low, high = float(ends[first]), float(ends[last + 1])
    if domain.largest is not None:
        low, high = max(low, -domain.largest), min(high, domain.largest)
    whole = replace(
        domain,
        low=_end(low, domain) if domain.low is None else domain.low,
        high=_end(high, domain) if domain.high is None else domain.high,
    )
    whole = replace(whole, high=max(whole.low, whole.high))
    how = "bounds between powers of two" if domain.kind == "number" else "bounds between years"
    part = slice(first, last + 1)
    stretches = _stretches(whole, ends[part], counts[part], variances[part])
    return Discovery(
        whole,
        f"{how}, by a noisy histogram",
        stretches=stretches,
        absent=float(noisy[-1]),
        variance=deviation**2,
        is_clear=is_clear,
    )


def _end(amount: float, domain: ColumnDomain) -> Any:
    """Return an end of bins as a bound of the domain."""
    if domain.kind == "number":
        return amount
    stated = domain.low if domain.low is not None else domain.high
    return pd.Timestamp(int(amount), unit="us", tz="UTC").tz_convert(
        "UTC" if stated is None else stated.tzinfo
    )


def _curves(
    noisy: NDArray[np.float64], domain: ColumnDomain, ends: NDArray[np.float64], deviation: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """Return smooth numbers of rows in bins, their variances, and whether any stands out from the noise.

    Numbers above zero, below it, and zero itself have nothing to do with each other. Where no curve stands
    out from the noise, it is the best one over `usual` bins.
    """
    possible = _possible(domain, ends)
    counts, variances = np.zeros(len(noisy)), np.full(len(noisy), deviation**2)
    if domain.kind == "number":
        zero = int(np.searchsorted(ends, 0.0))
        sides = [np.arange(zero + 1, len(noisy)), np.arange(zero)]
        if possible[zero] and noisy[zero] > ABSENT * deviation:
            counts[zero] = noisy[zero]
        bend = POWERS_BEND
    else:
        sides, bend = [np.arange(len(noisy))], YEARS_BEND
    for side in sides:
        at = side[possible[side]]
        if len(at):
            curve = smooth(noisy[at], deviation, (bend,))
            if curve.clearness >= SURE:
                counts[at], variances[at] = curve.counts, curve.variances
    is_usual = bool(counts.sum() < ABSENT * deviation)
    if is_usual:
        usual = _usual(domain, ends, possible)
        at = np.flatnonzero(usual)
        curve = smooth(noisy[at], deviation, (bend,))
        counts[at], variances[at] = curve.counts, curve.variances
    few, some = (share * counts.sum() for share in FEWEST)
    is_clear = (counts > some) | ((counts > few) & (noisy > deviation)) | (noisy > SURE * deviation)
    return np.where(is_clear, counts, 0.0), variances, not is_usual


def _stretches(
    domain: ColumnDomain,
    ends: NDArray[np.float64],
    counts: NDArray[np.float64],
    variances: NDArray[np.float64],
) -> CellStretches:
    """Return bins as stretches of the positions that a domain has; those without a position are left out."""
    grid = Grid.of(domain)
    starts = grid.positions(ends)
    if domain.kind == "number":
        starts[ends > 0] = np.maximum(starts[ends > 0], grid.positions(np.zeros(1))[0] + (ends[0] <= 0))
    starts[0] = 0
    starts = np.minimum(np.maximum.accumulate(starts), grid.size - 1)
    first = np.flatnonzero(np.diff(starts, prepend=-1) > 0)
    # Of bins that begin at one position the rows are together.
    return CellStretches(starts[first], np.add.reduceat(counts, first), np.add.reduceat(variances, first))


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
        first, last = domain.usual
    else:
        now, (ago, ahead) = pd.Timestamp.now(tz="UTC"), USUAL_YEARS
        first, last = (amount_of(now + pd.DateOffset(years=years), "datetime") for years in (-ago, ahead))
    usual = possible & (ends[:-1] >= first) & (ends[1:] <= last)
    return usual if usual.any() else possible
