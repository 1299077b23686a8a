"""Values that tell entities apart must not come back, whichever half learned them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
import pytest

from synth.domain import Check, Verdict
from synth.evaluate import evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]

PEOPLE = 1_200


def check_of(real: NDArray[Any], twin: NDArray[Any]) -> Check | None:
    """Return what the check says of one column beside a label."""
    rng = np.random.default_rng(7)

    def table(values: NDArray[Any]) -> pd.DataFrame:
        return pd.DataFrame({"number": values, "plan": rng.choice(["a", "b"], len(values))})

    half = len(real) // 2
    second = np.arange(len(twin)) % 2 == 1
    evaluation = evaluate(table(real[:half]), table(real[half:]), table(twin), second=second)
    return next((check for check in evaluation.checks if check.name == "identifiers"), None)


@pytest.mark.parametrize("step", [37, 7_919])
def test_numbers_in_steps_come_back_from_a_full_grid(step: int) -> None:
    rng = np.random.default_rng(1)
    grid = 100_000 + step * np.arange(PEOPLE)
    check = check_of(rng.permutation(grid), rng.choice(grid, PEOPLE))
    assert check is not None
    assert check.verdict is Verdict.FAIL
    assert "100.0% of those in 'number' are real values" in check.explain


@pytest.mark.parametrize("most", [2_000, 50_000, 10_000_000])
def test_fresh_amounts_pass_however_dense_they_are(most: int) -> None:
    rng = np.random.default_rng(2)
    check = check_of(rng.integers(0, most, PEOPLE), rng.integers(0, most, PEOPLE))
    assert check is None or check.verdict is Verdict.PASS


def test_amounts_with_many_zeros_and_round_values_pass() -> None:
    rng = np.random.default_rng(3)

    def amounts() -> Ints:
        round_ones = 100 * rng.integers(0, 80, PEOPLE)
        return np.where(rng.random(PEOPLE) < 0.3, rng.integers(0, 100_000, PEOPLE), round_ones)

    check = check_of(amounts(), amounts())
    assert check is None or check.verdict is Verdict.PASS


def test_days_of_a_calendar_are_nobodys() -> None:
    days = np.datetime64("2020-01-01") + np.arange(PEOPLE)
    check = check_of(days, days)
    assert check is None
