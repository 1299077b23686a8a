"""A smooth curve through noisy counts of bins in a row: what noise may have made does not survive it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solveh_banded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# What second differences of the logarithms of counts are expected to be, and how far from it. A normal curve
# has the same everywhere: minus one over the square of its width in bins. Little noise rules no curve out. Of
# several expectations the one is taken under which the noisy counts are likeliest.
BENDS = tuple((bend, -bend / 2) for bend in (-0.1, -0.3, -1.0, -3.0))
# Standard deviations of the curves that fits begin with, in bins.
WIDTHS = (0.7, 2.0, 5.0)
MOST = 60.0  # the largest logarithm of a count
# A bin that is further above the curve than noise of hundreds ever is, in standard deviations, is left out of
# it: many rows have one value. So many bins at most.
ALONE, PEAKS = 5.0, 3
BANDS = 2  # of second differences beside the diagonal
STEPS, SMALL_STEP, STUCK = 60, 1e-3, 1e8
# Keeps apart from all others what nothing says anything about.
RIDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Curve:
    """Numbers of rows in bins, the variances of what noise is left in them, and how clear of noise all are.

    `clearness` is the length of the vector of counts in standard deviations of the noise of one. `surprise`
    is the negative logarithm of the density of the noisy counts, up to what all curves have in common.
    """

    counts: Floats
    variances: Floats
    clearness: float
    surprise: float


def smooth(noisy: Floats, deviation: float, bends: Sequence[tuple[float, float]] = BENDS) -> Curve:
    """Return the counts that are likeliest given the noisy ones, if they rise and fall smoothly.

    Maximum a posteriori of a Gaussian likelihood and a prior on differences of the logarithms of counts
    (after Eilers & Marx 1996, "Flexible smoothing with B-splines and penalties"), by Levenberg's and
    Marquardt's steps; variances are those of its normal approximation, and so is the density by which one of
    several priors is chosen (MacKay 1992, "Bayesian interpolation"). It looks at noisy counts alone.

    Args:
        noisy: of bins in their order, at least one, each with noise of the same standard deviation.
        deviation: of the noise.
        bends: what second differences are expected to be, and how far from it.
    """
    return min((_curve(noisy, deviation, bend) for bend in bends), key=lambda curve: curve.surprise)


def _curve(noisy: Floats, deviation: float, bend: tuple[float, float]) -> Curve:
    number, (expected, spread) = len(noisy), bend
    differences = np.diff(np.eye(number), 2, axis=0)
    penalty = differences.T @ differences / spread**2 + RIDGE * np.eye(number)
    pull = differences.T @ np.full(len(differences), expected / spread**2)
    bands = np.array(
        [np.append(np.zeros(k), np.diag(penalty, k)) for k in range(min(BANDS, number - 1), -1, -1)]
    )
    precision = np.full(number, deviation**-2)
    for peaks in range(PEAKS + 1):
        fits = [_fit(start, noisy, precision, bands, pull) for start in _starts(noisy, precision)]
        logs, _ = min(fits, key=lambda fit: fit[1])
        counts = np.exp(logs)
        above = (noisy - counts) * np.sqrt(precision)
        if peaks == PEAKS or above.max() < ALONE or number <= PEAKS:
            break
        precision[np.argmax(above)] = 0.0
    information = np.diag(counts**2 * precision) + penalty
    variances = np.clip(counts**2 * np.diag(np.linalg.inv(information)), 1e-9, deviation**2)
    is_peak = precision == 0
    # A bin on its own says nothing of the curve: it is as unlikely as the highest one that was not left out.
    errors = np.where(is_peak, ALONE, (counts - noisy) / deviation)
    misfit = errors @ errors + np.sum((differences @ logs - expected) ** 2) / spread**2
    volume = float(np.linalg.slogdet(information)[1]) / 2 + len(differences) * np.log(spread)
    if is_peak.any() and np.sqrt(counts[~is_peak] @ counts[~is_peak]) < ALONE * deviation:
        counts = np.zeros(number)  # beside the peaks there is nothing but noise
    counts = np.where(is_peak, noisy, counts)
    variances = np.where(is_peak, deviation**2, variances)
    return Curve(counts, variances, float(np.sqrt(counts @ counts)) / deviation, float(misfit / 2 + volume))


def _fit(logs: Floats, noisy: Floats, precision: Floats, bands: Floats, pull: Floats) -> tuple[Floats, float]:
    """Return the logarithms of counts that a start leads to, and what they cost."""

    def cost(at: Floats) -> float:
        errors = np.exp(at) - noisy
        return float(errors**2 @ precision + at @ _times(bands, at)) / 2 - float(at @ pull)

    least, damping = cost(logs), 1.0
    for _ in range(STEPS):
        counts = np.exp(logs)
        gradient = counts * (counts - noisy) * precision + _times(bands, logs) - pull
        curvature = bands.copy()
        curvature[-1] += counts**2 * precision + damping
        step = solveh_banded(curvature, -gradient)
        proposal = np.minimum(logs + step * min(1.0, 3.0 / max(float(np.abs(step).max()), 1e-12)), MOST)
        price = cost(proposal)
        if price >= least:
            damping *= 4
            if damping > STUCK:
                break
            continue
        moved = float(np.abs(proposal - logs).max())
        logs, least, damping = proposal, price, damping / 3
        if moved < SMALL_STEP:
            break
    return logs, least


def _times(bands: Floats, values: Floats) -> Floats:
    """Return a symmetric matrix, of which the upper bands are given, times a vector."""
    result: Floats = bands[-1] * values
    for k in range(1, min(len(bands), len(values))):
        band = bands[-1 - k][k:]
        result[:-k] += band * values[k:]
        result[k:] += band * values[:-k]
    return result


def _starts(noisy: Floats, precision: Floats) -> list[Floats]:
    """Return logarithms of normal curves, each where one of its width fits best."""
    places = np.arange(len(noisy), dtype=np.float64)
    lowest = 0.1 / np.sqrt(precision.max())
    starts = []
    for width in WIDTHS:
        shapes = np.exp(-((places[:, None] - places[None, :]) ** 2) / (2 * width**2))
        norms = np.maximum(shapes**2 @ precision, np.finfo(float).tiny)
        centre = int(np.argmax(shapes @ (noisy * precision) / np.sqrt(norms)))
        height = max(float(shapes[centre] @ (noisy * precision) / norms[centre]), lowest)
        starts.append(np.log(height) - (places - centre) ** 2 / (2 * width**2))
    return starts
