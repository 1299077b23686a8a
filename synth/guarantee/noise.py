"""The only place where noise is drawn: OpenDP's measurements on whole numbers, and what each of them cost."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

# Sums of parts may differ from the whole by rounding; so much is kept back.
ROUNDING = 1 + 1e-9
PARTS = ("combinators", "domains", "measurements", "measures", "metrics", "mod")


@dataclass(frozen=True, slots=True)
class Release:
    """One answer that was computed from the rows: what it is, its zCDP loss `rho`, its own `delta`.

    `mechanism` is OpenDP's name for how the noise was drawn, `scale` its parameter, `number` the number of
    choices that a selection made, and `contribution` how much one entity can add to a count.
    """

    what: str
    rho: float
    delta: float = 0.0
    mechanism: str = "gaussian"
    scale: float = 0.0
    number: int = 1
    contribution: int = 1


@cache
def library() -> Any:
    """Return OpenDP, which the extra `dp` installs."""
    try:
        parts = {name: import_module(f"opendp.{name}") for name in PARTS}
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the differentially private engine needs OpenDP. Next: pip install 'dbt-synth[dp]'"
        ) from error
    parts["mod"].enable_features("contrib")
    return SimpleNamespace(**parts)


@cache
def counts_space() -> Any:
    """Return vectors of counts with the distance in which rows move them."""
    dp = library()
    return dp.domains.vector_domain(dp.domains.atom_domain(T="i64")), dp.metrics.l2_distance(T="i64")


def epsilon_of(rho: float, delta: float) -> float:
    """Return the epsilon at `delta` that a zCDP loss amounts to, by OpenDP's conversion."""
    if rho <= 0:
        return 0.0
    dp = library()
    gaussian = dp.measurements.make_gaussian(*counts_space(), scale=math.sqrt(1 / (2 * rho)))
    return float(dp.combinators.make_zCDP_to_approxDP(gaussian).map(1).epsilon(delta))


def compose(releases: Iterable[Release], delta: float) -> tuple[float, float]:
    """Return the epsilon and the delta of releases about the same entities, of one table or of several."""
    losses = [(release.rho, release.delta) for release in releases]
    own = math.fsum(part for _, part in losses)
    if own >= delta:
        raise ValueError("the releases' own delta leaves nothing of the whole delta")
    return epsilon_of(math.fsum(rho for rho, _ in losses), delta - own), delta


@cache
def rho_of(epsilon: float, delta: float) -> float:
    """Return the largest zCDP loss whose epsilon at `delta` is not above `epsilon`."""
    spread = math.log(1 / delta)
    # The conversion of Bun & Steinke (2016) is looser, hence a start from below.
    low = (math.sqrt(spread + epsilon) - math.sqrt(spread)) ** 2
    high = epsilon + low
    while high - low > low * 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if epsilon_of(middle, delta) <= epsilon else (low, middle)
    return low


class Mechanisms:
    """Answers questions about rows with noise, within a budget that is never passed.

    `contribution` is the number of rows that one entity can have among those that are counted. Every method
    takes whole numbers of rows and the loss `rho` that it may cause; what it cost is in `releases`.
    """

    def __init__(self, epsilon: float, delta: float, contribution: int, threshold_delta: float = 0.0) -> None:
        self.epsilon, self.delta, self.contribution = epsilon, delta, contribution
        self.threshold_delta = threshold_delta
        self.rho = rho_of(epsilon, delta - threshold_delta) / ROUNDING
        self.releases: list[Release] = []

    @property
    def spent(self) -> tuple[float, float]:
        """The epsilon and the delta of all releases together."""
        return compose(self.releases, self.delta)

    @property
    def remaining(self) -> float:
        """The zCDP loss that may still be caused."""
        return self.rho - math.fsum(release.rho for release in self.releases)

    def with_contribution(self, contribution: int) -> Mechanisms:
        """Return the same budget and list of releases for counts to which an entity adds so much at most."""
        other = copy(self)
        other.contribution = contribution
        return other

    def scale(self, rho: float) -> float:
        """Return the standard deviation of the noise of counts that cause the loss `rho`."""
        return self.contribution / math.sqrt(2 * rho) * ROUNDING

    def counts(self, what: str, counts: NDArray[np.int64], rho: float) -> NDArray[np.float64]:
        """Return counts of rows with discrete Gaussian noise; each row is counted once at most."""
        gaussian = library().measurements.make_gaussian(*counts_space(), scale=self.scale(rho))
        loss = gaussian.map(self.contribution)
        self._pay(Release(what, loss, scale=self.scale(rho), contribution=self.contribution))
        return np.array(gaussian(counts.tolist()), dtype=float)

    def best(self, what: str, scores: NDArray[np.int64], number: int, rho: float) -> list[int]:
        """Return the places of the highest scores, chosen by noise; a row moves each score by one at most."""
        dp = library()
        scale = self.contribution * math.sqrt(number / (2 * rho)) * ROUNDING
        selection = dp.measurements.make_noisy_top_k(
            counts_space()[0],
            dp.metrics.linf_distance(T="i64"),
            dp.measures.zero_concentrated_divergence(),
            k=number,
            scale=scale,
        )
        loss = selection.map(self.contribution)
        own = self.contribution
        self._pay(Release(what, loss, 0.0, "noisy_top_k", scale, number=number, contribution=own))
        return [int(place) for place in selection(scores.tolist())]

    def labels(self, what: str, counts: Mapping[str, int], rho: float, delta: float) -> dict[str, float]:
        """Return the labels, with noisy counts, that enough rows hold to be named at all."""
        dp = library()
        space = (
            dp.domains.map_domain(dp.domains.atom_domain(T=str), dp.domains.atom_domain(T="i64")),
            dp.metrics.l02inf_distance(dp.metrics.absolute_distance(T="i64")),
        )
        distance = (self.contribution,) * 3
        scale = self.scale(rho)
        threshold = self.contribution
        while True:
            mechanism = dp.measurements.make_gaussian_threshold(*space, scale=scale, threshold=threshold)
            loss, own = mechanism.map(distance)
            if own <= delta:
                break
            threshold += max(1, int(scale / 8))
        self._pay(Release(what, loss, own, "gaussian_threshold", scale, contribution=self.contribution))
        noisy_counts = mechanism(dict(counts))
        return {label: float(noisy_counts[label]) for label in sorted(noisy_counts)}

    def _pay(self, release: Release) -> None:
        """Write a cost down before its noise is drawn; refuse what the budget does not cover."""
        own = sum(earlier.delta for earlier in self.releases) + release.delta
        if release.rho > self.remaining + self.rho * (ROUNDING - 1) or own > self.threshold_delta * ROUNDING:
            raise ValueError(f"{release.what} would cost more than the budget has left")
        self.releases.append(release)
