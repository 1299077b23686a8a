"""What the evaluation does with tables that are small, empty, constant, mixed or broken."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from synth.domain import Evaluation, Verdict
from synth.evaluate import evaluate
from synth.evaluate.case import EvaluationCase
from synth.evaluate.checks import CheckRule
from synth.evaluate.intervals import binomial_tail, newcombe, normal_quantile, wilson
from synth.evaluate.tables import read, row_hashes
from synth.evaluate.verdicts import Finding, Gap, Scale


def numbers(rows: int, seed: int, columns: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    base = rng.normal(size=rows)
    return pd.DataFrame({f"x{place}": base + rng.normal(size=rows) for place in range(columns)})


def parts(training: int, holdout: int, synthetic: int, seed: int = 0) -> list[pd.DataFrame]:
    sizes = (training, holdout, synthetic)
    return [numbers(size, 10 * seed + place) for place, size in enumerate(sizes)]


def verdicts(evaluation: Evaluation) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in evaluation.checks}


def same_rows(first: pd.DataFrame, second: pd.DataFrame) -> bool:
    hashes = row_hashes(read(first, second, first, categories=()))
    return bool(np.array_equal(hashes[: len(first)], hashes[len(first) : len(first) + len(second)]))


@pytest.mark.parametrize("holdout", [20, 30, 60])
def test_fresh_rows_with_a_small_holdout_are_inconclusive_and_never_fail(holdout: int) -> None:
    for seed in range(8):
        evaluation = evaluate(*parts(4 * holdout, holdout, 4 * holdout, seed))
        assert evaluation.verdict is Verdict.INCONCLUSIVE
        assert "this table is too small to decide" in " ".join(check.explain for check in evaluation.checks)


@pytest.mark.parametrize("holdout", [0, 1, 19])
def test_a_holdout_below_twenty_rows_leaves_fidelity_unmeasured(holdout: int) -> None:
    evaluation = evaluate(*parts(100, holdout, 100))
    assert evaluation.fidelity is None
    results = verdicts(evaluation)
    assert results["pair_accuracy"] is results["worst_column"] is Verdict.INCONCLUSIVE
    assert results["membership"] is Verdict.INCONCLUSIVE


def test_a_copy_is_not_passed_for_want_of_a_holdout() -> None:
    training, holdout, _ = parts(500, 0, 0)
    assert evaluate(training, holdout, training).verdict is not Verdict.PASS


@pytest.mark.parametrize(("training", "synthetic"), [(0, 100), (100, 0), (0, 0)])
def test_a_table_without_rows_is_an_error(training: int, synthetic: int) -> None:
    assert evaluate(*parts(training, 30, synthetic)).verdict is Verdict.ERROR


def test_tables_with_different_columns_are_an_error() -> None:
    training, holdout, synthetic = parts(100, 30, 100)
    assert evaluate(training, holdout, synthetic.drop(columns="x1")).verdict is Verdict.ERROR
    assert evaluate(training, holdout, synthetic[["x2", "x0", "x1"]]).verdict is not Verdict.ERROR


def test_values_that_cannot_be_compared_are_an_error_that_does_not_quote_them() -> None:
    training, holdout, synthetic = parts(100, 30, 100)
    training["x0"] = [["a secret"]] * 100
    (check,) = evaluate(training, holdout, synthetic).checks
    assert check.verdict is Verdict.ERROR
    assert "secret" not in check.explain


def test_an_exception_or_nan_inside_a_check_is_an_error_and_never_a_pass() -> None:
    case = EvaluationCase(read(*parts(30, 30, 30), categories=()), frozenset(), 0)

    def crash(_: EvaluationCase, __: float) -> Finding:
        raise KeyError("a secret")

    def nan(_: EvaluationCase, __: float) -> Finding:
        return Finding(Gap("", float("nan"), 0, 0), Verdict.PASS, "")

    for measure in (crash, nan):
        check = CheckRule("x", measure, 0.1).check(case, {})
        assert check is not None
        assert check.verdict is Verdict.ERROR
        assert "secret" not in check.explain


def test_a_table_of_keys_alone_has_nothing_to_check() -> None:
    frame = pd.DataFrame(index=range(100))
    evaluation = evaluate(frame, frame, frame)
    assert (evaluation.fidelity, evaluation.checks) == (None, ())


def test_one_column_has_no_pairs_and_two_have_no_triples() -> None:
    training, holdout, fresh = parts(3_000, 800, 3_000)
    single = evaluate(training[["x0"]], holdout[["x0"]], fresh[["x0"]])
    assert "pair_accuracy" not in verdicts(single)
    assert single.fidelity == pytest.approx(1, abs=0.03)
    pair = evaluate(*(frame[["x0", "x1"]] for frame in (training, holdout, fresh)))
    assert pair.verdict is Verdict.PASS


def test_constant_and_empty_columns_pass() -> None:
    frames = [
        frame.assign(
            constant=1, nothing=None, unknown=np.nan, label="only", same=pd.Categorical(["a"] * len(frame))
        )
        for frame in parts(3_000, 800, 3_000)
    ]
    assert evaluate(*frames).verdict is Verdict.PASS


def test_an_empty_column_that_the_twin_fills_fails() -> None:
    training, holdout, fresh = (frame.assign(nothing=None) for frame in parts(3_000, 800, 3_000))
    results = verdicts(evaluate(training, holdout, fresh.assign(nothing="filled")))
    assert results["null_rate"] is results["worst_column"] is Verdict.FAIL


def test_classes_of_a_single_member_fail_only_when_many_of_them_recur() -> None:
    training, holdout, fresh = (frame.assign(kind="usual") for frame in parts(2_000, 2_000, 3_000))
    training.loc[:39, "kind"] = [f"single {row}" for row in range(40)]
    assert verdicts(evaluate(training, holdout, fresh))["rare_labels"] is Verdict.PASS
    fresh.loc[0, "kind"] = "single 0"  # one of them says nothing
    assert verdicts(evaluate(training, holdout, fresh))["rare_labels"] is Verdict.PASS
    fresh.loc[:39, "kind"] = training.loc[:39, "kind"]
    assert verdicts(evaluate(training, holdout, fresh))["rare_labels"] is Verdict.FAIL


def test_infinite_numbers_are_values() -> None:
    training, holdout, fresh = parts(3_000, 800, 3_000, seed=1)
    for frame in (training, holdout, fresh):
        frame.loc[::10, "x0"] = np.inf
        frame.loc[1::10, "x0"] = -np.inf
    assert evaluate(training, holdout, fresh).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pd.Series([1, 0, None], dtype="Int64"), pd.Series([1.0, -0.0, np.nan])),
        (pd.Series([1, 2]), pd.Series([1.0, 2.0])),
        (pd.Series([True, False, None], dtype="boolean"), pd.Series([True, False, None], dtype=object)),
        (pd.Series([True, False]), pd.Series([1, 0])),
        (pd.Series([0.5, 2.0]), pd.Series([Decimal("0.50"), Decimal(2)])),
        (pd.Series(["a", "", None]), pd.Series(["a", "", None], dtype=object)),
        (pd.Series(["a", "b"]), pd.Series(["a", "b"], dtype="category")),
        (pd.Series([1, 2], dtype="category"), pd.Series([1.0, 2.0])),
        (
            pd.Series(pd.to_datetime(["2024-02-29", "NaT"])).astype("datetime64[us]"),
            pd.Series(pd.to_datetime(["2024-02-29", "NaT"])).astype("datetime64[s]"),
        ),
        (
            pd.Series(pd.to_datetime(["2024-02-29T12:00Z"])).dt.tz_convert("Asia/Tokyo"),
            pd.Series(pd.to_datetime(["2024-02-29T12:00Z"])),
        ),
        (pd.Series(pd.to_timedelta(["1D"])), pd.Series(pd.to_timedelta(["24h"])).astype("timedelta64[s]")),
    ],
)
def test_rows_of_equal_content_are_equal_whatever_their_dtype(first: pd.Series, second: pd.Series) -> None:
    assert same_rows(first.to_frame("x"), second.to_frame("x"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pd.Series(["", "a"]), pd.Series([None, "a"], dtype=object)),
        (pd.Series([2**60 + 1]), pd.Series([2**60])),
        (pd.Series([1.0]), pd.Series([1.0000000001])),
        (pd.Series([0]), pd.Series([None], dtype="Int64")),
    ],
)
def test_rows_of_different_content_differ(first: pd.Series, second: pd.Series) -> None:
    assert not same_rows(first.to_frame("x"), second.to_frame("x"))


def test_equal_values_in_other_columns_do_not_make_rows_equal() -> None:
    first = pd.DataFrame({"a": [1, 2], "b": [2, 1]})
    assert not same_rows(first, first[::-1])
    assert not same_rows(first, first.rename(columns={"a": "b", "b": "a"})[["a", "b"]])


def test_intervals_agree_with_published_examples() -> None:
    # Newcombe 1998, table II, method 10: 56/70 - 48/80 and 10/10 - 0/20.
    assert newcombe((56, 70), (48, 80), z=normal_quantile()) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert newcombe((10, 10), (0, 20), z=normal_quantile()) == pytest.approx((0.6791, 1.0), abs=5e-5)
    assert wilson(0, 0, z=normal_quantile()) == (0, 1)
    assert binomial_tail(8, 10, 0.5) == pytest.approx(56 / 1024)
    assert [binomial_tail(0, 5, 0.5), binomial_tail(3, 5, 0.0), binomial_tail(3, 5, 1.0)] == [1, 0, 1]


@pytest.mark.parametrize("holdout", [0, 1, 5, 19, 40])
def test_no_check_dies_of_a_small_holdout_or_of_few_rows(holdout: int) -> None:
    for columns in (1, 2, 5):
        frames = [numbers(size, 1, columns).assign(kind="a") for size in (30, holdout, 30)]
        assert Verdict.ERROR not in verdicts(evaluate(*frames, sensitive=["kind", "x0"])).values()


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([None] * 50, dtype=object),
        pd.Series([np.nan] * 50),
        pd.Series(["same"] * 50),
        pd.Series([*["same"] * 49, "other"]),
        pd.Series([*[None] * 49, 1.5]),
        pd.Series([np.inf, -np.inf, np.nan, 0, 1] * 10),
        pd.Series([2**64 - 1, 2**63, 0, 1, 2] * 10, dtype="uint64"),
        pd.Series([10**400, 10**399, -1, 0, 1] * 10, dtype=object),
        pd.Series([2**70, 1, None, 3, 4] * 10, dtype=object),
        pd.Series(
            [datetime(2024, 1, day, tzinfo=timezone(timedelta(hours=day))) for day in range(1, 11)] * 5
        ),
        pd.Series(
            np.array(["0001-01-01", "9999-12-31", "NaT", "2024-01-01", "2024-06-01"] * 10, "datetime64[us]")
        ),
        pd.Series([Decimal("1.5"), Decimal("NaN"), None, Decimal("1e30"), Decimal(0)] * 10),
        pd.Series([True, None, False, False, None] * 10, dtype="boolean"),
        pd.Series(["a", 1, None, 2.5, True] * 10, dtype=object),
    ],
    ids=lambda values: f"{values.dtype}-{values.nunique()}",
)
def test_no_check_dies_of_a_column(values: pd.Series) -> None:
    for others in (0, 2):
        frame = numbers(50, 0, others).assign(odd=values) if others else values.to_frame("odd")
        holdout, twin = frame[:25].reset_index(drop=True), frame[::-1].reset_index(drop=True)
        evaluation = evaluate(frame, holdout, twin, sensitive=["odd"], target="odd" if others else None)
        assert Verdict.ERROR not in verdicts(evaluation).values()


def test_hundreds_of_columns_are_evaluated() -> None:
    rng = np.random.default_rng(0)
    columns = [f"c{i}" for i in range(300)]  # far more pairs, triples and labels than are looked at
    frames = [
        pd.DataFrame(rng.integers(0, 90, (rows, len(columns))).astype(str), columns=columns)
        for rows in (240, 60, 240)
    ]
    for frame in frames:
        for name in list(frame)[::2]:
            frame[name] = frame[name].astype(float)
    assert Verdict.ERROR not in verdicts(evaluate(*frames)).values()


def test_a_pass_says_what_it_leaves_open() -> None:
    scale = Scale(0.025, 600)
    by_estimate = scale.finding(Gap("", 0.014, 0.005, 0.0301), "Some lie near", (9, 9))
    assert by_estimate.verdict is Verdict.PASS
    assert by_estimate.explain == "Some lie near; the 95 % interval ends at 3.01%."
    certain = scale.finding(Gap("", 0.014, 0.005, 0.02), "Some lie near", (9, 9))
    assert certain.explain == "Some lie near."
    beyond = scale.finding(Gap("", 0.04, 0.01, 0.07), "Some lie near", (9, 9))
    assert beyond.explain == "Some lie near; it may be chance: the 95 % interval begins at 1.00%."
    assert scale.finding(Gap("", 0.04, 0.03, 0.07), "Some lie near", (9, 9)).verdict is Verdict.FAIL
    assert Scale(0.025, 60).finding(Gap("", 0.0, -0.1, 0.1), "?", (9, 9)).verdict is Verdict.INCONCLUSIVE
