"""What single values, sensitive columns, limits and learners say of a twin."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from synth.domain import Aspect, Check, Evaluation, Verdict
from synth.evaluate import LIMITS, ReplacedColumn, evaluate


def table(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, rows)
    return pd.DataFrame(
        {
            "age": age,
            "plan": rng.choice(["free", "basic", "pro"], rows, p=[0.5, 0.3, 0.2]),
            "spend": np.exp(rng.normal(age / 20, 0.5)),
            "member": rng.random(rows) < age / 90,
            "illness": rng.choice(["none", "cold", "other"], rows),
        }
    )


TRAINING, HOLDOUT, FRESH = table(3_000, 1), table(800, 2), table(3_000, 3)


def checks(evaluation: Evaluation) -> dict[str, Check]:
    return {check.name: check for check in evaluation.checks}


def test_a_copied_sensitive_column_is_inferred_and_named() -> None:
    results = checks(evaluate(TRAINING, HOLDOUT, TRAINING, sensitive=["illness", "plan"]))
    check = results["attribute_inference"]
    assert check.verdict is Verdict.FAIL
    assert check.value > 500
    fresh = checks(evaluate(TRAINING, HOLDOUT, FRESH, sensitive=["illness", "spend"]))["attribute_inference"]
    assert fresh.verdict is Verdict.PASS
    assert "attribute_inference" not in checks(evaluate(TRAINING, HOLDOUT, FRESH))


def test_what_can_be_guessed_of_anybody_is_no_leak() -> None:
    tables = [frame.assign(illness=frame["plan"]) for frame in (TRAINING, HOLDOUT, FRESH)]
    check = checks(evaluate(*tables, sensitive=["illness"]))["attribute_inference"]
    assert (check.verdict, check.value) == (Verdict.PASS, 0)


def test_a_real_value_in_a_replaced_column_fails_and_is_not_quoted() -> None:
    real = pd.Series(["ann@example.org", "bob@example.org", None])
    twin = pd.Series(["user1@example.com", " Bob@Example.org", None])
    check = checks(
        evaluate(TRAINING, HOLDOUT, FRESH, replaced_columns=[ReplacedColumn("email", real, twin)])
    )["pii_replay"]
    assert (check.verdict, check.value) == (Verdict.FAIL, 1)
    assert "'email'" in check.explain
    assert "bob" not in check.explain.lower()
    clean = checks(
        evaluate(TRAINING, HOLDOUT, FRESH, replaced_columns=[ReplacedColumn("email", real, twin[:1])])
    )["pii_replay"]
    assert clean.verdict is Verdict.PASS


@pytest.mark.parametrize("twin", [pd.Series([7.0, 9]), pd.Series(["7"]), pd.Series([Decimal("7.00")])])
def test_a_replaced_number_is_recognised_in_any_type(twin: pd.Series) -> None:
    columns = [ReplacedColumn("account", pd.Series([7, 8]), twin)]
    assert checks(evaluate(TRAINING, HOLDOUT, FRESH, replaced_columns=columns))["pii_replay"].value == 1


def test_replaced_columns_are_checked_where_there_is_no_other() -> None:
    frame = pd.DataFrame(index=range(3))
    evaluation = evaluate(
        frame, frame, frame, replaced_columns=[ReplacedColumn("id", pd.Series([1]), pd.Series([1]))]
    )
    assert [check.name for check in evaluation.checks] == ["pii_replay"]
    assert evaluation.verdict is Verdict.FAIL


def test_a_twin_that_ends_where_one_person_does_fails() -> None:
    twin = FRESH.assign(spend=FRESH["spend"].clip(upper=TRAINING["spend"].nlargest(20).min()))
    assert checks(evaluate(TRAINING, HOLDOUT, twin))["domain_extremes"].verdict is Verdict.PASS
    highest = max(TRAINING["spend"].max(), HOLDOUT["spend"].max())
    twin.loc[0, "spend"] = highest
    check = checks(evaluate(TRAINING, HOLDOUT, twin))["domain_extremes"]
    assert (check.verdict, check.value) == (Verdict.FAIL, 1)
    assert "'spend'" in check.explain
    assert str(highest) not in check.explain
    assert "domain_extremes" not in checks(
        evaluate(TRAINING, HOLDOUT, twin, public=["spend", "age", "member"])
    )


def test_a_limit_can_be_moved_and_says_so() -> None:
    strict = checks(evaluate(TRAINING, HOLDOUT, FRESH, limits={"membership": 0.5}))
    assert strict["membership"].has_custom_limit
    assert strict["membership"].limit == 0.5
    assert strict["membership"].verdict is not Verdict.PASS
    assert not strict["exact_rows"].has_custom_limit
    loose = checks(evaluate(TRAINING, HOLDOUT, TRAINING, limits={"exact_rows": 3_000}))
    assert loose["exact_rows"].verdict is Verdict.PASS


@pytest.mark.parametrize("name", ["memberships", "pii_replay"])
def test_a_limit_that_is_not_there_or_not_to_be_moved_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no limit to move"):
        evaluate(TRAINING, HOLDOUT, FRESH, limits={name: 0.5})
    assert name not in LIMITS


def test_a_discriminator_of_fresh_rows_guesses() -> None:
    check = checks(evaluate(TRAINING, HOLDOUT, FRESH))["c2st"]
    assert (check.verdict, check.gating) == (Verdict.PASS, False)
    assert check.low <= 0.5 <= check.high


def test_a_declared_target_is_learned_and_one_that_is_not_there_is_an_error() -> None:
    evaluation = evaluate(TRAINING, HOLDOUT, FRESH, target="member")
    (utility,) = evaluation.utility
    assert (utility.target, utility.metric) == ("member", "auc")
    assert utility.real == pytest.approx(utility.synthetic, abs=0.05)
    assert evaluate(TRAINING, HOLDOUT, FRESH, target="spend").utility[0].metric == "r2"
    check = checks(evaluate(TRAINING, HOLDOUT, FRESH, target="churn"))["tstr"]
    assert check.verdict is Verdict.ERROR


def test_a_number_that_is_nearly_always_one_value_is_no_target_unless_it_is_declared() -> None:
    rng = np.random.default_rng(4)

    def orders(rows: int) -> pd.DataFrame:
        goods, credit = rng.gamma(3, 10, rows).round(2), rng.gamma(3, 4, rows).round(2)
        credit[rng.random(rows) < 0.95] = 0
        return pd.DataFrame({"goods": goods, "credit": credit, "total": goods - credit})

    tables = orders(1_000), orders(1_000), orders(1_000)
    assert not evaluate(*tables).utility  # the other two repeat each other
    assert evaluate(*tables, target="credit").utility[0].target == "credit"


def test_a_twin_that_lost_a_class_teaches_nothing_about_it() -> None:
    evaluation = evaluate(TRAINING, HOLDOUT, FRESH.assign(member=True), target="member")
    assert evaluation.utility[0].synthetic == 0.5
    assert checks(evaluation)["tstr"].verdict is Verdict.FAIL


def test_a_target_that_real_rows_cannot_teach_either_is_not_lost() -> None:
    rng = np.random.default_rng(1)
    few, holdout, twin = (
        pd.DataFrame({"score": rng.normal(size=rows), "coin": rng.random(rows) < 0.5})
        for rows in (150, 400, 150)
    )
    twin["score"] *= np.where(twin["coin"], 1, -1) * 3  # as unpredictable, and further from the mean
    evaluation = evaluate(few, holdout, twin, target="score")
    (utility,) = evaluation.utility
    assert (utility.real, utility.synthetic) == (0, 0)
    assert checks(evaluation)["tstr"].verdict is not Verdict.FAIL


def test_quality_and_privacy_are_told_apart_and_every_size_is_given() -> None:
    evaluation = evaluate(TRAINING, HOLDOUT, FRESH)
    quality = {check.name for check in evaluation.checks if check.aspect is Aspect.QUALITY}
    assert {"pair_accuracy", "recall", "tstr", "c2st"} <= quality
    assert not {"exact_rows", "rare_labels"} & quality
    assert all(check.training > 0 for check in evaluation.checks)
    assert [accuracy.order for accuracy in evaluation.accuracies] == [1, 2, 3]
    assert [column.name for column in evaluation.columns] == list(TRAINING)
    assert 0.9 < evaluation.columns[0].accuracy <= 1
