"""What the differentially private engine says it spent, recomputed by other mathematics than its own."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from synth.guarantee import ColumnDomain, ParentCounts, PrivateSynthesizer, compose, noise
from synth.guarantee.contributions import measured_bound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from synth.guarantee import Release

SETTINGS = [*product((0.5, 1.0, 3.0, 10.0), (1e-5, 1e-6, 1e-9))]
ORDERS = np.concatenate([np.linspace(1.05, 10, 180), np.geomspace(10, 2_000, 200)])


def rows(number: int = 60) -> pd.DataFrame:
    random = np.random.default_rng(3)
    return pd.DataFrame(
        {"a": random.choice(["x", "y"], number), "b": random.integers(0, 9, number), "c": "z"}
    )


def spender(epsilon: float, delta: float, most: int) -> PrivateSynthesizer:
    domains = {
        "a": ColumnDomain("category", labels=("x", "y")),
        "b": ColumnDomain("number", low=0, high=9, decimals=0),
        "c": ColumnDomain("category"),
    }
    frame = rows()
    entities = np.arange(len(frame)) // 2
    parents = ParentCounts(np.unique(entities, return_counts=True)[1])
    return PrivateSynthesizer(domains, epsilon, delta, most).fit(frame, entities, parents=parents)


def gaussian_delta(epsilon: float, sigmas: Iterable[float], contribution: int) -> float:
    """Return delta of Gaussian noise exactly: together they are one Gaussian (Balle & Wang 2018)."""
    shift = contribution * math.sqrt(sum(sigma**-2 for sigma in sigmas))
    upper = norm.logcdf(shift / 2 - epsilon / shift)
    return math.exp(upper) - math.exp(epsilon + norm.logcdf(-shift / 2 - epsilon / shift))


def selection_renyi(spread: float) -> np.ndarray:
    """Return the Rényi divergence, at each order, of the worst pair whose loss spreads over so much.

    A choice by the exponential mechanism has losses between t - spread and t; the worst pair takes both ends
    (Dong, Durfee & Rogers 2020). The worst t is searched for.
    """
    worst = np.zeros(len(ORDERS))
    for top in np.linspace(0, spread, 41)[1:-1]:
        bottom = top - spread
        first = math.expm1(-bottom) / (math.exp(-bottom) - math.exp(-top))  # of the loss `top`
        moment = np.logaddexp(
            math.log(first) + (ORDERS - 1) * top, math.log1p(-first) + (ORDERS - 1) * bottom
        )
        worst = np.maximum(worst, moment / (ORDERS - 1))
    return worst


def renyi_epsilon(releases: Iterable[Release], delta: float) -> float:
    """Return epsilon at delta from Rényi divergences of every order (Canonne, Kamath & Steinke 2020)."""
    total = np.zeros(len(ORDERS))
    for release in releases:
        if release.mechanism == "noisy_top_k":
            total += release.number * selection_renyi(2 * release.contribution / release.scale)
        else:
            total += ORDERS * release.contribution**2 / (2 * release.scale**2)
    bound = total + (np.log(1 / delta) + (ORDERS - 1) * np.log1p(-1 / ORDERS) - np.log(ORDERS)) / (ORDERS - 1)
    return float(bound.min())


@pytest.mark.parametrize(("epsilon", "delta"), SETTINGS)
def test_another_accountant_comes_to_no_more_than_the_claim(epsilon: float, delta: float) -> None:
    synthesizer = spender(epsilon, delta, most=2)
    releases = synthesizer.releases
    own = sum(release.delta for release in releases)
    assert renyi_epsilon(releases, delta - own) <= epsilon * (1 + 1e-6)
    sigmas = [
        release.scale / release.contribution for release in releases if release.mechanism != "noisy_top_k"
    ]
    assert gaussian_delta(epsilon, sigmas, 1) + own <= delta


def test_the_accountant_of_this_test_sees_an_overspent_budget() -> None:
    releases = spender(1.0, 1e-6, most=2).releases
    assert renyi_epsilon([*releases, *releases], 1e-6) > 1.2
    assert gaussian_delta(1.0, [release.scale for release in releases], 4) > 1e-6


def test_the_parts_are_no_more_than_the_whole() -> None:
    synthesizer = spender(2.0, 1e-6, most=1)
    whole = noise.rho_of(2.0, 1e-6 / 2)
    assert sum(release.rho for release in synthesizer.releases) <= whole
    assert sum(release.delta for release in synthesizer.releases) <= 1e-6 / 2
    epsilon, delta = synthesizer.spent
    assert 1.9 < epsilon <= 2.0
    assert delta <= 1e-6


def test_what_the_budget_does_not_cover_is_not_answered() -> None:
    mechanisms = noise.Mechanisms(1.0, 1e-6, contribution=1)
    mechanisms.counts("half", np.array([5]), mechanisms.rho / 2)
    with pytest.raises(ValueError, match="second would cost more"):
        mechanisms.counts("second", np.array([5]), mechanisms.rho * 0.6)
    assert [release.what for release in mechanisms.releases] == ["half"]


def test_a_synthesizer_does_not_learn_twice() -> None:
    with pytest.raises(ValueError, match="spent"):
        spender(1.0, 1e-6, most=1).fit(rows())


def test_two_releases_cost_less_than_the_sum_and_more_than_one() -> None:
    one, other = spender(1.0, 1e-6, most=1), spender(1.0, 1e-6, most=1)
    epsilon, _ = compose((*one.releases, *other.releases), delta=2e-6)
    assert 1.2 < epsilon < 2.0


def test_more_rows_of_an_entity_mean_more_noise() -> None:
    spenders = {most: spender(1.0, 1e-6, most).releases for most in (1, 5)}
    of_parents, of_rows = (
        {most: next(one for one in some if one.what == what) for most, some in spenders.items()}
        for what in ("rows per parent", "rows")
    )
    assert of_rows[5].scale == pytest.approx(of_rows[5].contribution * of_rows[1].scale, rel=1e-6)
    assert of_parents[5].scale == of_parents[1].scale  # however many rows an entity has, it is one parent


@pytest.mark.parametrize(("rows_of_each", "entities", "most"), [(1, 200, 1), (2, 200, 2), (9, 400, 5)])
def test_so_many_rows_of_an_entity_are_used_as_make_shares_surest(
    rows_of_each: int, entities: int, most: int
) -> None:
    owners = np.repeat(np.arange(entities), min(5, rows_of_each))
    for _ in range(8):
        mechanisms = noise.Mechanisms(3.0, 1e-6, contribution=5)
        row_bound = measured_bound(owners, 5, mechanisms, mechanisms.rho * 0.05, mechanisms.rho * 0.08)
        assert row_bound.most == most
        assert row_bound.ratio < 1.5
        assert mechanisms.releases[0].contribution == 1  # an entity moves one of the counts by one
