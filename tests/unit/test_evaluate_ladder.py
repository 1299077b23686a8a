"""Copies of every kind fail by the check that is made for them, and damaged twins name what was damaged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from synth.domain import Aspect, Check, Verdict
from synth.engine import Synthesizer
from synth.evaluate import evaluate
from tests import ladder

if TYPE_CHECKING:
    from tests.ladder import Spoilt

SHOPPERS = Path(__file__).parents[1] / "projects/shoppers/seeds/raw_online_shoppers.csv"
TRAINING, HOLDOUT = 4_000, 1_000

Parts = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def parts() -> Parts:
    """Training, holdout and the engine's twin."""
    table = pd.read_csv(SHOPPERS).sample(TRAINING + HOLDOUT, random_state=0, ignore_index=True)
    training, holdout = table[:TRAINING], table[TRAINING:].reset_index(drop=True)
    return training, holdout, Synthesizer(seed=0).fit(training).sample(TRAINING)


def failed(parts: Parts, spoil: Spoilt) -> dict[str, Check]:
    training, holdout, base = parts
    twin = spoil(training, base, np.random.default_rng(0))
    evaluation = evaluate(training, holdout, twin)
    found = {check.name: check for check in evaluation.checks if check.verdict is Verdict.FAIL}
    assert (evaluation.verdict is Verdict.FAIL) == any(check.gating for check in found.values())
    return found


def test_the_engine_at_its_defaults_passes(parts: Parts) -> None:
    training, holdout, twin = parts
    evaluation = evaluate(training, holdout, twin)
    assert evaluation.verdict is Verdict.PASS
    assert evaluation.fidelity is not None
    assert evaluation.fidelity > 0.98


@pytest.mark.parametrize(
    ("spoil", "caught_by"),
    [
        (
            ladder.bootstrap,
            {"exact_replay", "rare_replay", "near_copy", "mia_auc", "nn_share", "singling_out"},
        ),
        (ladder.noise, {"mia_auc", "mia_auc_outliers", "nn_share", "singling_out"}),
        (ladder.verbatim, {"exact_replay"}),
        (ladder.outliers, {"rare_replay"}),
        (ladder.spliced, {"singling_out"}),
        (ladder.resampled, {"value_replay"}),
    ],
)
def test_every_kind_of_copy_fails_by_the_check_made_for_it(
    parts: Parts, spoil: Spoilt, caught_by: set[str]
) -> None:
    found = failed(parts, spoil)
    assert caught_by <= {name for name, check in found.items() if check.aspect is Aspect.PRIVACY}


def test_a_spliced_twin_is_missed_by_every_check_of_whole_rows(parts: Parts) -> None:
    found = failed(parts, ladder.spliced)
    assert not {"exact_replay", "near_copy", "mia_auc", "nn_share"} & found.keys()


@pytest.mark.parametrize(
    ("spoil", "caught_by"),
    [
        (ladder.independent, {"triple_accuracy", "worst_pair", "precision", "tstr"}),
        (ladder.collapsed, {"pair_accuracy", "triple_accuracy", "recall", "coverage"}),
    ],
)
def test_a_twin_without_structure_or_variety_fails_and_repeats_nobody(
    parts: Parts, spoil: Spoilt, caught_by: set[str]
) -> None:
    found = failed(parts, spoil)
    assert caught_by <= found.keys()
    assert not [check for check in found.values() if check.aspect is Aspect.PRIVACY]


def test_a_column_permuted_within_a_class_is_named_and_blocks(parts: Parts) -> None:
    training, holdout, base = parts
    twin = ladder.permuted("BounceRates", "Revenue")(training, base, np.random.default_rng(0))
    blocking = [
        check for check in evaluate(training, holdout, twin).checks if check.verdict is not Verdict.PASS
    ]
    assert [check.name for check in blocking] == ["worst_pair"]
    assert blocking[0].value > blocking[0].limit
    assert "'BounceRates'" in blocking[0].explain


def test_a_category_that_was_cut_is_named(parts: Parts) -> None:
    found = failed(parts, lambda _, base, __: base.assign(Month=base["Month"].replace("May", "Nov")))
    assert "'Month'" in found["worst_column"].explain


@pytest.mark.slow
def test_a_bootstrap_fails_however_many_rows_there_are() -> None:
    rng = np.random.default_rng(0)
    count = 50_000
    age = rng.integers(18, 80, count)
    table = pd.DataFrame(
        {
            "age": age,
            "plan": rng.choice(["free", "basic", "pro"], count),
            "spend": np.exp(rng.normal(age / 20, 0.5)).round(2),
            "visits": rng.poisson(age / 4),
            "hours": rng.gamma(2, age / 10),
        }
    )
    training, holdout = table[:40_000], table[40_000:]
    evaluation = evaluate(training, holdout, ladder.bootstrap(training, training, rng))
    verdicts = {check.name: check.verdict for check in evaluation.checks}
    for name in ("exact_replay", "rare_replay", "near_copy", "mia_auc", "nn_share", "value_replay"):
        assert verdicts[name] is Verdict.FAIL
