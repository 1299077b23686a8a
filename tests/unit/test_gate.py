"""Only a pass opens the gate, and what goes wrong inside it keeps it shut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synth.domain import Aspect, Check, Evaluation, Model, Options, Policy, Relation, Task, Verdict
from synth.errors import ConfigError, UndecidableError
from synth.runs.preflight import check_limits
from synth.twins.gate import EvaluationContext, Evidence, measure, passes, rejection

MODEL = Model(
    "model.shop.people", "people", Relation("w", "analytics", "people"), "models/_models.yml", "table"
)
TASK = Task(MODEL, Relation("w", "synthetic", "people"), Options(on_inconclusive=Policy.BLOCK))
PROTECTED_TASK = TASK.with_options(on_inconclusive=Policy.PROTECT)
REPORT = Path("target/report.html")
CONTEXT = EvaluationContext(
    categories=frozenset(),
    public=frozenset(),
    seed=0,
    entities=None,
    sensitive=(),
    replaced_columns=(),
    limits={},
    target=None,
    second=None,
    models=1,
    splits=None,
    progress=None,
)


def check(name: str, verdict: Verdict, **more: Any) -> Check:
    return Check(name, 0.1, 0.0, 0.2, 0.15, verdict, f"About {name}.", **more)


def evaluation_of(*checks: Check) -> Evaluation:
    return Evaluation(0.9, checks, {"training": 240, "holdout": 60, "synthetic": 300})


def people(rows: int, seed: int, ill: float = 0.1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sick = rng.random(rows) < ill
    return pd.DataFrame({"ill": sick, "age": rng.normal(40 + 20 * sick, 8, rows).round(2)})


# --- who may pass


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.ERROR])
def test_a_failure_or_an_error_never_passes(verdict: Verdict, policy: Policy) -> None:
    evaluation = evaluation_of(check("near_copies", Verdict.PASS), check("null_rate", verdict))
    assert not passes(TASK.with_options(on_inconclusive=policy), evaluation)


def test_what_could_not_be_decided_passes_only_where_the_user_says_so() -> None:
    evaluation = evaluation_of(check("near_copies", Verdict.INCONCLUSIVE))
    assert not passes(TASK, evaluation)
    assert passes(TASK.with_options(on_inconclusive=Policy.WARN), evaluation)


def test_a_check_that_is_only_shown_stops_nobody() -> None:
    assert passes(
        TASK, evaluation_of(check("c2st", Verdict.FAIL, gating=False), check("near_copies", Verdict.PASS))
    )


# --- what is said of it


def test_a_rejection_names_the_worst_checks_first_and_the_report() -> None:
    evaluation = evaluation_of(
        check("null_rate", Verdict.INCONCLUSIVE),
        check("near_copies", Verdict.FAIL),
        check("membership", Verdict.ERROR),
        check("c2st", Verdict.FAIL, gating=False),
        check("exact_rows", Verdict.PASS),
        check("recall", Verdict.FAIL),
    )
    message = str(rejection(TASK, evaluation, REPORT))
    assert message == (
        "membership error: About membership. near_copies fail: About near_copies. recall fail: About recall. "
        "Beside these null_rate. See target/report.html. Next: publish a twin by guarantee: "
        "`meta: {synth: {privacy: guaranteed}}` in models/_models.yml."
    )


def test_an_undecided_twin_says_which_checks_and_the_ways_out() -> None:
    evaluation = evaluation_of(
        check("membership", Verdict.INCONCLUSIVE), check("recall", Verdict.INCONCLUSIVE)
    )
    message = str(rejection(TASK, evaluation, REPORT))
    assert message.startswith("inconclusive: membership, recall. About membership. Next: publish undecided")
    assert (
        "`meta: {synth: {on_inconclusive: warn}}` in models/_models.yml, or --on-inconclusive warn" in message
    )


# --- what is made by guarantee instead


def test_a_leak_is_made_by_guarantee_where_that_can_stand_in_and_the_check_is_named() -> None:
    evaluation = evaluation_of(check("near_copies", Verdict.FAIL), check("membership", Verdict.INCONCLUSIVE))
    error = rejection(PROTECTED_TASK, evaluation, REPORT)
    assert isinstance(error, UndecidableError)
    assert str(error).endswith("its first twin failed the check near_copies")
    of_service = rejection(PROTECTED_TASK.with_options(backend="gretel"), evaluation, REPORT)
    assert not isinstance(of_service, UndecidableError)


def test_what_is_of_little_use_is_made_by_guarantee_too_and_the_check_is_named() -> None:
    bad = check("recall", Verdict.FAIL, aspect=Aspect.QUALITY)
    evaluation = replace(evaluation_of(check("near_copies", Verdict.PASS), bad), fidelity=0.5)
    error = rejection(PROTECTED_TASK, evaluation, REPORT)
    assert isinstance(error, UndecidableError)
    assert str(error) == "its first twin failed the check recall"


def test_what_is_undecided_is_made_by_guarantee_and_the_reason_is_a_sentence() -> None:
    unsure = [check(name, Verdict.INCONCLUSIVE) for name in ("membership", "near_copies", "values")]
    bad = check("recall", Verdict.FAIL, aspect=Aspect.QUALITY)
    few, useless = (
        rejection(PROTECTED_TASK, evaluation_of(*checks), REPORT) for checks in (unsure, [unsure[0], bad])
    )
    assert isinstance(few, UndecidableError)
    figures = "(0.1, at most 0.2; limit 0.15)"
    assert str(few) == (
        f"the table is too small for the checks membership {figures}, near_copies {figures} "
        f"and values {figures}"
    )
    assert isinstance(useless, UndecidableError)
    assert str(useless) == (
        f"the table is too small for the check membership {figures}, and its first twin failed the check "
        "recall"
    )


# --- what goes wrong inside


def test_an_evaluation_that_takes_too_long_is_an_error() -> None:
    evidence = Evidence(people(900, 1), people(300, 2), people(900, 3), CONTEXT)
    evaluation = measure(evidence, {}, seconds=1e-6, seed=0)
    assert (evaluation.verdict, evaluation.fidelity) == (Verdict.ERROR, None)
    assert "took more than 1e-06 seconds" in evaluation.checks[0].explain
    assert not passes(TASK.with_options(on_inconclusive=Policy.WARN), evaluation)


def test_an_evaluation_that_breaks_off_is_an_error_without_the_exceptions_text() -> None:
    evidence = Evidence(
        people(900, 1), people(300, 2), people(900, 3), CONTEXT | {"limits": {"nonsense": 0.1}}
    )
    evaluation = measure(evidence, {}, seconds=60, seed=0)
    assert evaluation.verdict is Verdict.ERROR
    assert evaluation.checks[0].explain == "The evaluation broke off (ValueError)."


# --- balanced columns


def test_a_balanced_twin_is_as_near_as_real_rows_of_that_balance() -> None:
    balance = {"ill": {True: 0.5, False: 0.5}}
    evidence = Evidence(people(4000, 1), people(1500, 2), people(4000, 3, ill=0.5), CONTEXT)
    balanced, unbalanced = (measure(evidence, shares, seconds=120, seed=0) for shares in (balance, {}))
    by_name = {check.name: check.verdict for check in balanced.checks}
    assert Verdict.FAIL not in {by_name["worst_column"], by_name["pair_accuracy"]}
    assert {check.name for check in unbalanced.checks if check.verdict is Verdict.FAIL} >= {"worst_column"}
    assert balanced.rows == unbalanced.rows
    privacy = [check for check in unbalanced.checks if check.aspect is Aspect.PRIVACY]
    assert [check for check in balanced.checks if check.aspect is Aspect.PRIVACY] == privacy


# --- limits


def test_an_unknown_limit_is_refused_with_the_nearest_check() -> None:
    with pytest.raises(
        ConfigError, match=r"m\.yml names the unknown check 'near_copie'; did you mean `near_copies`\?"
    ):
        check_limits({"near_copie": 0.1}, "m.yml")
    check_limits({"near_copies": 0.1}, "m.yml")
