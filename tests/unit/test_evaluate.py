"""What the evaluation says about copies, fresh rows, shuffles and damaged columns."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from synth.domain import Check, Evaluation, Verdict
from synth.evaluate import evaluate
from synth.evaluate.closeness import BINS
from synth.evaluate.tables import discretise, read

TRAINING, HOLDOUT = 3_200, 800
CITIES = np.array(["Athens", "Bergen", "Cork", "Dijon"])


def customers(rows: int, seed: int) -> pd.DataFrame:
    """A table with structure: spend follows age and plan, age is missing where nobody asked."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, rows)
    plan = np.where(rng.random(rows) < 0.2 + age / 160, "annual", "monthly").astype(object)
    spend = np.round(np.exp(rng.normal(2 + age / 20 + (plan == "annual"), 0.3, rows)), 4)
    has_answer = rng.random(rows) < 0.9
    seconds = (age * 4e5 + rng.random(rows) * 1e7).astype(int)
    signup = pd.Timestamp("2024-01-01") + pd.to_timedelta(seconds, unit="s")
    return pd.DataFrame(
        {
            "age": pd.array(np.where(has_answer, age, 0), dtype="Int64"),
            "plan": plan,
            "city": pd.Categorical(CITIES[np.minimum(rng.poisson(1 + age / 60), 3)]),
            "spend": spend,
            "visits": rng.poisson(age / 4),
            "active": rng.random(rows) < age / 90,
            "signup": signup.astype("datetime64[us]"),
            "stay": pd.to_timedelta(rng.integers(1, 8, rows), unit="D").astype("timedelta64[us]"),
        }
    ).assign(age=lambda frame: frame["age"].mask(~has_answer))


def split(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Training, holdout and as many fresh rows as training has."""
    real = customers(2 * TRAINING + HOLDOUT, seed)
    parts = real.iloc[:TRAINING], real.iloc[TRAINING:-TRAINING], real.iloc[-TRAINING:]
    training, holdout, fresh = (part.reset_index(drop=True) for part in parts)
    return training, holdout, fresh


def shuffle(frame: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({name: frame[name].array[rng.permutation(len(frame))] for name in frame})


def check_of(evaluation: Evaluation, name: str) -> Check:
    return next(check for check in evaluation.checks if check.name == name)


def verdicts(evaluation: Evaluation) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in evaluation.checks}


@pytest.mark.parametrize("seed", range(6))
def test_fresh_real_rows_pass_every_check(seed: int) -> None:
    evaluation = evaluate(*split(seed), seed=seed)
    assert set(verdicts(evaluation).values()) == {Verdict.PASS}
    assert set(verdicts(evaluation)) == {
        "pair_accuracy",
        "triple_accuracy",
        "worst_column",
        "worst_pair",
        "null_rate",
        "precision",
        "recall",
        "coverage",
        "tstr",
        "c2st",
        "membership",
        "membership_learned",
        "membership_isolated",
        "exact_rows",
        "near_copies",
        "values",
        "rare_labels",
        "identifiers",
        "domain_extremes",
    }
    assert evaluation.fidelity is not None
    assert 0.98 < evaluation.fidelity <= 1
    assert evaluation.rows == {"training": TRAINING, "holdout": HOLDOUT, "synthetic": TRAINING}


def test_a_bootstrap_of_the_training_rows_fails_by_its_rows_and_values_and_keeps_its_fidelity() -> None:
    training, holdout, _ = split()
    evaluation = evaluate(training, holdout, training.sample(TRAINING, replace=True, random_state=1))
    for name in ("exact_rows", "values", "near_copies", "membership"):
        assert check_of(evaluation, name).verdict is Verdict.FAIL
    assert check_of(evaluation, "exact_rows").value == pytest.approx(TRAINING * (1 - np.exp(-1)), rel=0.05)
    assert check_of(evaluation, "pair_accuracy").verdict is Verdict.PASS


def test_copies_do_not_hide_in_a_larger_twin() -> None:
    training, holdout, _ = split()
    mixture = pd.concat([customers(20_000, 9), training.iloc[:100]])
    assert check_of(evaluate(training, holdout, mixture), "exact_rows").verdict is Verdict.FAIL


def test_rows_that_many_real_rows_share_are_no_replay() -> None:
    training, holdout, fresh = (frame[["plan", "city", "active", "stay"]] for frame in split())
    assert check_of(evaluate(training, holdout, fresh), "exact_rows").verdict is Verdict.PASS


def test_fresh_rows_of_a_table_with_many_repeated_rows_are_not_called_replays() -> None:
    for seed in range(5):
        training, holdout, fresh = (frame[["age", "plan", "city", "visits"]] for frame in split(seed))
        assert check_of(evaluate(training, holdout, fresh), "exact_rows").verdict is Verdict.PASS


def test_jittered_copies_are_no_exact_rows_but_lie_too_near() -> None:
    training, holdout, _ = split()
    near_copies = training.assign(spend=training["spend"] * 1.000001)
    evaluation = evaluate(training, holdout, near_copies)
    assert check_of(evaluation, "exact_rows").verdict is Verdict.PASS
    assert check_of(evaluation, "membership").verdict is Verdict.FAIL


def test_independent_marginals_fail_pair_accuracy_and_keep_every_column() -> None:
    training, holdout, fresh = split()
    evaluation = evaluate(training, holdout, shuffle(fresh))
    assert check_of(evaluation, "pair_accuracy").verdict is Verdict.FAIL
    assert check_of(evaluation, "worst_column").verdict is Verdict.PASS
    assert evaluation.fidelity is not None
    assert evaluation.fidelity < 0.97


def test_resampled_values_fail_where_no_row_is_a_copy() -> None:
    training, holdout, _ = split()
    evaluation = evaluate(training, holdout, shuffle(training))
    assert check_of(evaluation, "exact_rows").verdict is Verdict.PASS
    assert check_of(evaluation, "values").verdict is Verdict.FAIL


def test_a_damaged_column_is_named() -> None:
    training, holdout, fresh = split()
    evaluation = evaluate(training, holdout, fresh.assign(spend=fresh["spend"].clip(upper=40)))
    assert check_of(evaluation, "worst_column").verdict is Verdict.FAIL
    assert "'spend'" in check_of(evaluation, "worst_column").explain


def test_a_spike_that_was_smoothed_away_is_seen() -> None:
    training, holdout, fresh = (
        frame.assign(hours=np.where(frame["active"], 40.0, frame["spend"])) for frame in split()
    )
    fresh["hours"] += np.random.default_rng(0).normal(0, 0.1, TRAINING)
    check = check_of(evaluate(training, holdout, fresh), "worst_column")
    assert check.verdict is Verdict.FAIL
    assert "'hours'" in check.explain


def test_removed_nulls_are_named() -> None:
    training, holdout, fresh = split()
    check = check_of(evaluate(training, holdout, fresh.assign(age=fresh["age"].fillna(44))), "null_rate")
    assert check.verdict is Verdict.FAIL
    assert "'age'" in check.explain
    assert check.value == pytest.approx(training["age"].isna().mean())


def test_nothing_is_said_of_nulls_where_no_row_holds_any() -> None:
    frames = [frame.fillna({name: 44 if name == "age" else "x" for name in frame}) for frame in split()]
    assert not any(frame.isna().any(axis=None) for frame in frames)
    assert "null_rate" not in verdicts(evaluate(*frames))


def test_an_empty_string_is_a_value_and_not_a_null() -> None:
    training, holdout, fresh = (frame.assign(note=frame["plan"].replace("annual", None)) for frame in split())
    evaluation = evaluate(training, holdout, fresh.assign(note=fresh["note"].fillna("")))
    assert check_of(evaluation, "null_rate").verdict is Verdict.FAIL
    assert check_of(evaluation, "worst_column").verdict is Verdict.FAIL


def villages(*frames: pd.DataFrame) -> list[pd.DataFrame]:
    """The frames with a label in every fortieth row that no other row of the same frame has."""
    return [
        frame.assign(city=[f"village {row}" if row % 40 == 0 else "town" for row in range(len(frame))])
        for frame in frames
    ]


def test_labels_of_few_training_rows_that_recur_fail_and_their_column_is_named() -> None:
    training, holdout, fresh = split()
    with_names, fresh = villages(
        training, fresh
    )  # the same villages in both, and none of them in the holdout
    check = check_of(evaluate(with_names, holdout.assign(city="town"), fresh), "rare_labels")
    assert (check.verdict, check.value) == (Verdict.FAIL, TRAINING // 40)
    assert "in 'city'" in check.explain


def test_a_rare_label_that_unseen_rows_have_as_well_is_chance() -> None:
    training, holdout, fresh = villages(*split())
    holdout["city"] = holdout["city"].replace("village", "hamlet", regex=True)
    labels = pd.concat([training["city"], holdout["city"]]).sample(TRAINING, random_state=0).to_numpy()
    check = check_of(evaluate(training, holdout, fresh.assign(city=labels)), "rare_labels")
    assert check.verdict is Verdict.PASS
    assert "'city'" in check.explain


def test_labels_that_ten_rows_have_are_not_rare() -> None:
    training, holdout, fresh = split()
    training.loc[:9, "plan"] = fresh.loc[0, "plan"] = "founder"
    assert "'plan'" not in check_of(evaluate(training, holdout, fresh), "rare_labels").explain


def test_numbers_named_as_categories_are_read_as_labels() -> None:
    training, holdout, fresh = split()
    training.loc[0, "visits"] = fresh.loc[0, "visits"] = 99
    assert "'visits'" not in check_of(evaluate(training, holdout, fresh), "rare_labels").explain
    evaluation = evaluate(training, holdout, fresh, categories={"visits"})
    assert "'visits'" in check_of(evaluation, "rare_labels").explain


def test_no_explanation_holds_a_value_of_a_row() -> None:
    training, holdout, _ = split()
    evaluation = evaluate(training, holdout, training.assign(age=None, plan="annual"))
    text = " ".join(check.explain for check in evaluation.checks)
    assert not any(word in text for word in ("annual", "monthly", *CITIES))
    assert all(check.explain.endswith(".") for check in evaluation.checks)


def test_the_same_seed_gives_the_same_evaluation_and_leaves_the_input_alone() -> None:
    frames = split()
    before = [frame.copy(deep=True) for frame in frames]
    assert evaluate(*frames, seed=7) == evaluate(*frames, seed=7)
    for frame, copy in zip(frames, before, strict=True):
        pd.testing.assert_frame_equal(frame, copy)


def test_the_order_of_rows_does_not_change_the_replay_checks() -> None:
    training, holdout, _ = split()
    copies = training.sample(TRAINING, replace=True, random_state=1)
    straight, reverse = evaluate(training, holdout, copies), evaluate(training[::-1], holdout, copies[::-1])
    for name in ("exact_rows", "values"):
        assert check_of(reverse, name) == check_of(straight, name)


def test_fidelity_agrees_with_a_slow_count_of_every_combination() -> None:
    training, holdout, fresh = split()
    fresh = shuffle(fresh).iloc[:HOLDOUT].reset_index(drop=True)  # as many as holdout: nothing is sampled
    tables = read(training, holdout, fresh, categories=())
    codes = pd.DataFrame({column.name: discretise(column, TRAINING, BINS) for column in tables.columns})
    parts = codes[:TRAINING], codes[TRAINING:-HOLDOUT], codes[-HOLDOUT:]

    def mean_accuracy(part: pd.DataFrame, order: int) -> float:
        every = []
        for names in combinations(codes.columns, order):
            real, other = (
                frame.value_counts(normalize=True, subset=list(names)) for frame in (parts[0], part)
            )
            every.append(1 - real.sub(other, fill_value=0).abs().sum() / 2)
        return float(np.mean(every))

    slow = [[mean_accuracy(part, order) for order in (1, 2, 3)] for part in parts[1:]]
    evaluation = evaluate(training, holdout, fresh)
    assert evaluation.fidelity == pytest.approx(sum(slow[1]) / sum(slow[0]), abs=1e-12)
    assert check_of(evaluation, "pair_accuracy").value == pytest.approx(slow[0][1] - slow[1][1], abs=1e-12)
