"""Entities of several rows: their rows are no independent evidence, and their histories must not recur."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from synth.domain import Check, Verdict
from synth.evaluate import Entities, evaluate

if TYPE_CHECKING:
    from synth.domain import Evaluation
    from synth.evaluate.tables import Codes

TRAINING, HOLDOUT = 2_000, 500


def histories(entities: int, seed: int, longest: int = 8) -> tuple[pd.DataFrame, Codes]:
    """Some rows an entity, which are alike."""
    rng = np.random.default_rng(seed)
    whose = np.repeat(np.arange(entities), rng.integers(1, longest + 1, entities))
    taste, wealth = rng.normal(size=(2, entities))
    frame = pd.DataFrame(
        {
            "amount": np.exp(wealth[whose] + rng.normal(0, 0.4, len(whose))),
            "hour": rng.normal(12 + 4 * taste[whose], 1),
            "channel": np.where(taste[whose] + rng.normal(size=len(whose)) > 0, "shop", "web"),
        }
    )
    return frame, whose


def checks(evaluation: Evaluation) -> dict[str, Check]:
    return {check.name: check for check in evaluation.checks}


@pytest.fixture(scope="module")
def real() -> tuple[pd.DataFrame, pd.DataFrame, Codes, Codes]:
    (training, ours), (holdout, theirs) = histories(TRAINING, 1), histories(HOLDOUT, 2)
    return training, holdout, ours, theirs + TRAINING


def test_histories_whose_every_row_was_jittered_fail_as_entities_and_not_as_rows(
    real: tuple[pd.DataFrame, pd.DataFrame, Codes, Codes],
) -> None:
    training, holdout, ours, theirs = real
    rng = np.random.default_rng(0)
    twin = training.assign(
        amount=training["amount"] * np.exp(rng.normal(0, 0.15, len(training))),
        hour=training["hour"] + rng.normal(0, 0.35, len(training)),
    )
    found = checks(evaluate(training, holdout, twin, entities=Entities(ours, theirs, ours)))
    assert found["entity_nn_share"].verdict is Verdict.FAIL
    for name in ("exact_replay", "near_copy", "mia_auc", "nn_share", "value_replay", "entity_replay"):
        assert found[name].verdict is Verdict.PASS


def test_a_history_that_recurs_in_another_order_is_a_replay(
    real: tuple[pd.DataFrame, pd.DataFrame, Codes, Codes],
) -> None:
    training, holdout, ours, theirs = real
    fresh, made = histories(TRAINING, 3)
    copied = np.flatnonzero(ours < 100)[::-1]
    twin = pd.concat([fresh, training.iloc[copied]])
    whose = np.concatenate([made, ours[copied] + TRAINING])
    check = checks(evaluate(training, holdout, twin, entities=Entities(ours, theirs, whose)))["entity_replay"]
    assert check.verdict is Verdict.FAIL
    several = np.bincount(ours) > 1
    assert check.value == pytest.approx(several[:100].sum() / several.sum())


def test_unseen_histories_pass_as_entities(real: tuple[pd.DataFrame, pd.DataFrame, Codes, Codes]) -> None:
    training, holdout, ours, theirs = real
    twin, made = histories(TRAINING, 3)
    found = checks(evaluate(training, holdout, twin, entities=Entities(ours, theirs, made)))
    assert found["entity_nn_share"].verdict is found["entity_replay"].verdict is Verdict.PASS


def test_repeating_every_row_for_its_entity_adds_no_evidence() -> None:
    def width(copies: int) -> dict[str, float]:
        tables = [histories(count, seed, longest=1)[0] for count, seed in ((800, 1), (200, 2), (800, 3))]
        frames = [table.loc[table.index.repeat(copies)].reset_index(drop=True) for table in tables]
        whose = [np.arange(len(table)).repeat(copies) for table in tables]
        entities = Entities(whose[0], whose[1] + 800, whose[2])
        found = checks(evaluate(*frames, entities=entities))
        return {name: found[name].high - found[name].low for name in ("mia_auc", "nn_share", "null_rate")}

    once = width(1)
    for name, repeated in width(3).items():
        assert repeated == pytest.approx(once[name], rel=0.1)


def test_rows_of_one_each_need_no_check_of_entities() -> None:
    tables = [histories(count, seed, longest=1) for count, seed in ((800, 1), (200, 2), (800, 3))]
    (training, ours), (holdout, theirs), (twin, made) = tables
    found = checks(evaluate(training, holdout, twin, entities=Entities(ours, theirs + 800, made)))
    assert not {"entity_replay", "entity_nn_share"} & found.keys()
    alone = checks(evaluate(training, holdout, twin))
    assert {name: check.value for name, check in alone.items()} == {name: found[name].value for name in alone}


def test_a_label_that_many_rows_of_few_entities_have_is_rare(
    real: tuple[pd.DataFrame, pd.DataFrame, Codes, Codes],
) -> None:
    training, holdout, ours, theirs = real
    few = ours < 200  # who have a channel of their own, four rows of five hundred and more
    training = training.assign(
        channel=training["channel"].mask(few, "fax " + pd.Series(ours // 4).astype(str))
    )
    twin = training.assign(channel=training["channel"].to_numpy())
    made = np.arange(len(twin))
    found = checks(evaluate(training, holdout, twin, entities=Entities(ours, theirs, made)))
    assert found["rare_category"].verdict is Verdict.FAIL
    assert "50 labels that fewer than 10 real entities" in found["rare_category"].explain


def test_entities_that_are_not_one_a_row_are_an_error(
    real: tuple[pd.DataFrame, pd.DataFrame, Codes, Codes],
) -> None:
    training, holdout, ours, theirs = real
    evaluation = evaluate(training, holdout, training, entities=Entities(ours, theirs, ours[1:]))
    assert evaluation.verdict is Verdict.ERROR
