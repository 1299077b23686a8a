"""Fresh real rows pass, whatever the seed; of small tables it is said how large they would have to be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from synth.domain import Verdict
from synth.evaluate import Entities, evaluate

if TYPE_CHECKING:
    from collections.abc import Callable

    from synth.domain import Evaluation

SHOPPERS = pd.read_csv(Path(__file__).parents[1] / "projects/shoppers/seeds/raw_online_shoppers.csv")
HOLDOUT = 1_000


def evaluated(seed: int, holdout: int) -> Evaluation:
    """The evaluation of unseen real rows, returned as a twin."""
    table = SHOPPERS.iloc[np.random.default_rng(seed).permutation(len(SHOPPERS))]
    training, unseen, twin = (table[: 4 * holdout], table[4 * holdout : 5 * holdout], table[-4 * holdout :])
    return evaluate(training, unseen, twin, seed=seed)


def fresh(seed: int) -> Verdict:
    """The verdict over unseen rows."""
    return evaluated(seed, HOLDOUT).verdict


def orders(entities: int, seed: int) -> tuple[pd.DataFrame, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """One to eight rows an entity, which are alike."""
    rng = np.random.default_rng(seed)
    whose = np.repeat(np.arange(entities), rng.integers(1, 9, entities))
    taste, wealth = rng.normal(size=(2, entities))
    frame = pd.DataFrame(
        {
            "amount": np.exp(wealth[whose] + rng.normal(0, 0.4, len(whose))).round(2),
            "items": rng.poisson(np.exp(0.5 + taste[whose] / 2)),
            "minutes": rng.gamma(3, np.exp(taste[whose] / 3)).round(1),
            "channel": np.where(taste[whose] + rng.normal(size=len(whose)) > 0, "shop", "web"),
        }
    )
    return frame, whose


def of_entities(seed: int, columns: list[str], copies: float = 0.0) -> Evaluation:
    """The evaluation of the rows of unseen entities, a share of which are copies of training rows."""
    tables = [
        orders(count, 10 * seed + place) for place, count in enumerate((4 * HOLDOUT, HOLDOUT, 4 * HOLDOUT))
    ]
    (training, ours), (unseen, theirs), (twin, made) = tables
    count = int(copies * len(training))
    copied = pd.concat([training.sample(count, random_state=seed), twin.iloc[count:]])
    entities = Entities(ours, theirs + ours.max() + 1, made)
    return evaluate(training[columns], unseen[columns], copied[columns], entities=entities, seed=seed)


def fresh_entities(seed: int) -> Verdict:
    """The verdict over the rows of unseen entities."""
    return of_entities(seed, ["amount", "items", "minutes", "channel"]).verdict


def noisy_entities(seed: int) -> Verdict:
    """The same of three columns, of which a tenth of the unseen rows recur by chance."""
    return of_entities(seed, ["amount", "items", "minutes"]).verdict


def test_where_many_rows_recur_by_chance_unusual_ones_decide() -> None:
    verdicts = {}
    for copies in (0, 0.03):
        found = of_entities(18, ["amount", "items", "minutes"], copies)
        (check,) = (check for check in found.checks if check.name == "exact_replay")
        assert "rows count the less" in check.explain or check.low > check.limit
        verdicts[copies] = check.verdict
    assert verdicts == {0: Verdict.PASS, 0.03: Verdict.FAIL}


@pytest.mark.parametrize("verdict", [fresh, fresh_entities])
def test_fresh_rows_do_not_fail(verdict: Callable[[int], Verdict]) -> None:
    counts = Counter(verdict(seed) for seed in range(4))
    assert counts[Verdict.PASS] >= 3
    assert not counts[Verdict.FAIL] + counts[Verdict.ERROR]


@pytest.mark.slow
@pytest.mark.timeout(1200)  # half a minute each on a machine that has nothing else to do
@pytest.mark.parametrize("verdict", [fresh, fresh_entities, noisy_entities])
def test_of_twenty_seeds_of_fresh_rows_at_most_one_fails_and_sixteen_pass(
    verdict: Callable[[int], Verdict],
) -> None:
    counts = Counter(verdict(seed) for seed in range(20))
    assert counts[Verdict.PASS] >= 16
    assert counts[Verdict.FAIL] + counts[Verdict.ERROR] <= 1


def test_three_hundred_rows_are_too_few_and_the_explanation_says_how_many_it_would_take() -> None:
    evaluation = evaluated(0, 60)
    assert evaluation.verdict is Verdict.INCONCLUSIVE
    for check in evaluation.checks:
        if check.verdict is Verdict.INCONCLUSIVE:
            assert check.needed >= 500
            assert (
                f"60 unseen real rows are too few to decide, about {check.needed:,} would be" in check.explain
            )


def test_the_size_that_an_inconclusive_check_asks_for_decides_it() -> None:
    small = next(check for check in evaluated(1, 60).checks if check.name == "mia_auc")
    assert small.verdict is Verdict.INCONCLUSIVE
    assert small.needed < 1_300
    large = next(check for check in evaluated(1, small.needed).checks if check.name == "mia_auc")
    assert large.verdict is Verdict.PASS
