"""All that the rows of an entity can change is the numbers that noise is added to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from synth.guarantee import ColumnDomain, ParentCounts, PrivateSynthesizer
from synth.guarantee.contributions import rows_within
from synth.guarantee.noise import Mechanisms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

DOMAINS = {
    "plan": ColumnDomain("category", labels=("free", "team", "firm")),
    "city": ColumnDomain("category"),
    "seats": ColumnDomain("number", low=0, high=5_000, decimals=0),
    "spent": ColumnDomain("number"),
    "start": ColumnDomain("datetime"),
    "active": ColumnDomain("boolean"),
    "day": ColumnDomain(
        "datetime", low=pd.Timestamp("2020-01-01"), high=pd.Timestamp("2025-12-31"), unit="D"
    ),
}
TRIALS = 20


class Rehearsal(Mechanisms):
    """Asks every question of a run and gives answers that no row had a part in, the same in every run."""

    asked: list[tuple[object, ...]]

    def __init__(self, epsilon: float, delta: float, contribution: int, threshold_delta: float = 0.0) -> None:
        super().__init__(epsilon, delta, contribution, threshold_delta)
        self.asked = [(epsilon, delta, contribution, threshold_delta)]
        self.tallies: list[NDArray[np.int64]] = []
        self.scores: list[NDArray[np.int64]] = []
        self.random = np.random.default_rng(11)

    def counts(self, what: str, counts: NDArray[np.int64], rho: float) -> NDArray[np.float64]:
        super().counts(what, counts, rho)
        self.asked.append((what, len(counts), rho))
        self.tallies.append(counts)
        answers = self.random.integers(0, 200, len(counts)).astype(float)
        return answers + 500 if what == "rows" else answers

    def best(self, what: str, scores: NDArray[np.int64], number: int, rho: float) -> list[int]:
        super().best(what, scores, number, rho)
        self.asked.append((what, len(scores), number, rho))
        self.scores.append(scores)
        return [int(place) for place in self.random.permutation(len(scores))[:number]]

    def labels(self, what: str, counts: Mapping[str, int], rho: float, delta: float) -> dict[str, float]:
        super().labels(what, counts, rho, delta)
        self.asked.append((what, rho, delta))
        return {"Bern": 60.0, "Rome": 50.0}


class Rehearsed(PrivateSynthesizer):
    mechanisms = Rehearsal


def people(number: int) -> pd.DataFrame:
    random = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "person": np.arange(number) // 3,
            "plan": random.choice(["free", "team", "firm"], number),
            "city": random.choice(["Bern", "Rome", "Oslo"], number),
            "seats": random.integers(0, 90, number),
            "spent": random.normal(40, 9, number),
            "start": pd.Timestamp("2024-03-01") + pd.to_timedelta(random.integers(0, 99, number), unit="D"),
            "active": random.random(number) < 0.5,
            "day": pd.Timestamp("2024-03-04") + pd.to_timedelta(random.integers(0, 5, number), unit="D"),
        }
    )


def stranger(rows: int) -> pd.DataFrame:
    """Return the rows of somebody who differs from all others in every column, also by type and NULL."""
    return pd.DataFrame(
        {
            "person": -1,
            "plan": ["firm", None] * rows,
            "city": ["Atlantis \0 \\x", 7] * rows,
            "seats": [10**9, None] * rows,
            "spent": [-1e300, float("inf")] * rows,
            "start": [pd.Timestamp("1701-01-01"), None] * rows,
            "active": [None, True] * rows,
            "day": [pd.Timestamp("1701-01-01"), None] * rows,
        }
    )


def rehearse(frame: pd.DataFrame, epsilon: float = 20.0) -> tuple[Rehearsal, pd.DataFrame]:
    synthesizer = Rehearsed(DOMAINS, epsilon, rows_per_entity=2)
    parents = ParentCounts(frame["person"].value_counts().to_numpy().astype(np.int64))
    synthesizer.fit(frame, entities=frame["person"], keys=b"secret", parents=parents)
    twin = synthesizer.sample(100)
    mechanisms = synthesizer._mechanisms
    assert isinstance(mechanisms, Rehearsal)
    return mechanisms, twin


@pytest.mark.parametrize(
    "epsilon",
    [pytest.param(0.2, id="columns alone"), pytest.param(20.0, id="pairs, too", marks=pytest.mark.slow)],
)
def test_with_the_same_answers_questions_and_rows_are_the_same_whoever_is_in_the_table(
    epsilon: float,
) -> None:
    crowd = people(120)
    one, twin = rehearse(crowd, epsilon)
    for neighbour in (pd.concat([stranger(4), crowd], ignore_index=True), crowd[crowd["person"] != 5]):
        other, second = rehearse(neighbour, epsilon)
        assert other.asked == one.asked
        pd.testing.assert_frame_equal(second, twin)


@pytest.mark.slow
def test_one_entity_moves_counts_and_scores_by_no_more_than_its_rows_that_are_used() -> None:
    crowd = people(120)
    one, _ = rehearse(crowd)
    other, _ = rehearse(pd.concat([stranger(4), crowd], ignore_index=True))
    moves = [np.abs(mine - theirs).sum() for mine, theirs in zip(one.tallies, other.tallies, strict=True)]
    assert max(moves) == 2
    assert one.scores
    moves = [np.abs(mine - theirs).max() for mine, theirs in zip(one.scores, other.scores, strict=True)]
    assert max(moves) <= 2


@pytest.mark.parametrize("seed", range(TRIALS))
def test_which_rows_of_an_entity_are_used_does_not_depend_on_others(seed: int) -> None:
    random = np.random.default_rng(seed)
    crowd = people(90).sample(frac=1, random_state=seed)
    whose = random.integers(0, 12, len(crowd))
    values = crowd.drop(columns="person").assign(whose=whose)
    absent = int(random.integers(0, 12))
    all_of_them = rows_within(values, whose, 3, b"secret")
    others = values[whose != absent]
    without = rows_within(others, whose[whose != absent], 3, b"secret")
    assert (all_of_them.groupby("whose").size() <= 3).all()
    order = [str(name) for name in values]
    expected = all_of_them[all_of_them["whose"] != absent].sort_values(order).reset_index(drop=True)
    pd.testing.assert_frame_equal(without.sort_values(order).reset_index(drop=True), expected)


def test_another_secret_uses_other_rows_and_their_order_does_not_matter() -> None:
    frame, whose = people(90), np.zeros(90)
    one, other = (rows_within(frame, whose, 5, secret) for secret in (b"one", b"other"))
    shuffled = rows_within(frame.sample(frac=1, random_state=4), whose, 5, b"one")
    assert set(one["spent"]) == set(shuffled["spent"]) != set(other["spent"])
    assert len(one) == 5
