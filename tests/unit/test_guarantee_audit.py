"""A canary audit: does the twin betray whether one extreme entity was in the table more than epsilon allows?

Each canary is fitted 300 times with it and 300 times without. Half of the fits choose a threshold, the other
half bounds, by Clopper and Pearson, the epsilon that any mechanism with these rates must have at least.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from synth.guarantee import ColumnDomain, ParentCounts, PrivateSynthesizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

pytestmark = [pytest.mark.audit, pytest.mark.timeout(3_600)]

FITS, EPSILON, DELTA = 300, 1.0, 1e-5
# Each of the two rates is beyond its bound with this probability.
ERROR = 0.025
MOST = 4
PUBLIC = {
    "plan": ColumnDomain("category", labels=("free", "team", "firm"), nullable=False),
    "seats": ColumnDomain("number", low=0, high=5_000, decimals=0, nullable=False),
    "active": ColumnDomain("boolean"),
}
UNDECLARED_COLUMNS = {**PUBLIC, "plan": ColumnDomain("category"), "seats": ColumnDomain("number", decimals=0)}


def crowd() -> pd.DataFrame:
    random = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "plan": random.choice(["free", "team", "firm"], 80),
            "seats": random.integers(1, 60, 80),
            "active": random.random(80) < 0.5,
        }
    )


def domains_from_rows(frame: pd.DataFrame) -> dict[str, ColumnDomain]:
    """Return what nobody may do: bounds and labels read from the rows that they are to protect."""
    low, high = int(frame["seats"].min()), int(frame["seats"].max())
    return {
        "plan": ColumnDomain("category", labels=tuple(sorted(frame["plan"].unique())), nullable=False),
        "seats": ColumnDomain("number", low=low, high=high, decimals=0, nullable=False),
        "active": ColumnDomain("boolean"),
    }


def extreme(rows: int, **values: int | str) -> pd.DataFrame:
    return pd.DataFrame({"plan": ["firm"] * rows, "seats": 5_000, "active": False}).assign(**values)


CANARIES = {
    "nobody": extreme(0),
    "at an extreme value": extreme(1),
    "far beyond": extreme(1, seats=10**12),
    "in a new category": extreme(1, plan="palace"),
    "with many rows": extreme(50),
}


@cache
def twins(canary: str, domains: str, most: int = 1) -> tuple[pd.DataFrame, ...]:
    """Return a twin of every fit of the crowd and a canary."""
    people, entity = crowd(), CANARIES[canary]
    frame = pd.concat([people, entity], ignore_index=True) if len(entity) else people
    whose = np.concatenate([np.arange(len(people)), np.full(len(entity), -1)])
    columns = {"public": PUBLIC, "undeclared": UNDECLARED_COLUMNS}.get(domains) or domains_from_rows(frame)
    return tuple(
        PrivateSynthesizer(columns, EPSILON, DELTA, most, seed=turn).fit(frame, whose, b"secret").sample()
        for turn in range(FITS)
    )


def evidence(canary: str, domains: str, signal: Callable[[pd.DataFrame], float], most: int = 1) -> float:
    """Return the epsilon that a signal of a canary proves."""
    present, absent = (
        np.array([signal(twin) for twin in twins(whose, domains, most)]) for whose in (canary, "nobody")
    )
    return epsilon_at_least(present, absent)


def epsilon_at_least(present: NDArray[np.float64], absent: NDArray[np.float64]) -> float:
    """Return the lower bound of epsilon, for the better of both directions and the best threshold."""
    half = FITS // 2
    best = (0.0, 0.0, 1)
    for sign in (1, -1):
        for threshold in np.unique(np.concatenate([present[:half], absent[:half]]) * sign):
            rates = [(part[:half] * sign >= threshold).mean() for part in (present, absent)]
            best = max(best, (math.log((rates[0] + 1 / half) / (rates[1] + 1 / half)), threshold, sign))
    _, threshold, sign = best
    hits, alarms = (int((part[half:] * sign >= threshold).sum()) for part in (present, absent))
    trials = FITS - half
    low = float(beta.ppf(ERROR, hits, trials - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - ERROR, alarms + 1, trials - alarms)) if alarms < trials else 1.0
    return math.log((low - DELTA) / high) if low > DELTA else 0.0


def in_the_top_tenth(twin: pd.DataFrame) -> float:
    return float((twin["seats"] > 4_500).sum())


def largest(twin: pd.DataFrame) -> float:
    most = twin["seats"].max()
    return 0.0 if pd.isna(most) else float(most)


def number(twin: pd.DataFrame) -> float:
    return float(len(twin))


def strange(twin: pd.DataFrame) -> float:
    return float((~twin["plan"].isin(["free", "team", "firm"])).sum())


@pytest.mark.parametrize(
    ("canary", "domains", "signal", "most"),
    [
        ("at an extreme value", "public", in_the_top_tenth, 1),
        ("far beyond", "undeclared", largest, 1),
        ("in a new category", "undeclared", strange, 1),
        ("with many rows", "public", in_the_top_tenth, MOST),
        ("with many rows", "public", number, MOST),
    ],
)
def test_no_canary_proves_more_than_the_claim(
    canary: str, domains: str, signal: Callable[[pd.DataFrame], float], most: int
) -> None:
    assert evidence(canary, domains, signal, most) < EPSILON


@cache
def children(canary_parents: int, most: int) -> NDArray[np.float64]:
    """Return what every fit says of a child table: rows of 90 parents, the most of one, number of parents.

    Each of 80 people is one parent. The canary is `canary_parents`, with 5,000 rows each. It is claimed that
    an entity is `most` parents.
    """
    numbers = np.random.default_rng(6).integers(1, 5, 80)
    row_counts = np.append(numbers, np.full(canary_parents, 5_000))
    rows = pd.DataFrame({"active": np.arange(80) % 2 == 0})
    signals = []
    for turn in range(FITS):
        learner = PrivateSynthesizer({"active": ColumnDomain("boolean")}, EPSILON, DELTA, most, seed=turn)
        model = learner.fit(rows, np.arange(80), parents=ParentCounts(row_counts, most, all=True)).children
        numbers_drawn = np.zeros(1) if model is None else model.draw(90, np.random.default_rng(turn))
        signals.append((numbers_drawn.sum(), numbers_drawn.max(), 0 if model is None else model.parents))
    return np.array(signals, dtype=np.float64)


@pytest.mark.parametrize("most", [1, MOST])
@pytest.mark.parametrize("signal", [0, 1, 2], ids=["rows", "largest", "parents"])
def test_no_canary_in_a_child_table_proves_more_than_the_claim(signal: int, most: int) -> None:
    present, absent = (children(parents, most)[:, signal] for parents in (most, 0))
    assert epsilon_at_least(present, absent) < EPSILON


def test_the_audit_proves_that_more_parents_than_claimed_break_the_claim() -> None:
    present, absent = (children(parents, 1)[:, 2] for parents in (120, 0))
    assert epsilon_at_least(present, absent) > EPSILON


@pytest.mark.parametrize(
    ("canary", "signal"), [("at an extreme value", largest), ("in a new category", strange)]
)
def test_the_audit_proves_that_domains_from_rows_break_the_claim(
    canary: str, signal: Callable[[pd.DataFrame], float]
) -> None:
    assert evidence(canary, "from the rows", signal) > EPSILON
