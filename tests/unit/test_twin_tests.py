"""Which of the project's tests stop a twin that fails them."""

from __future__ import annotations

import pytest

from synth.dbt.tests import DbtTestOutcome, DbtTestResult
from synth.domain import ProjectTest
from synth.twins.dbt_tests import is_bearable

ROWS = {"model.shop.orders": 300, "model.shop.lines": 1_000}
ORDERS, LINES = ROWS


@pytest.mark.parametrize(
    ("outcome", "failures", "parents", "attached_node", "is_right"),
    [
        (DbtTestOutcome.FAIL, 29, (ORDERS,), "", True),
        (DbtTestOutcome.FAIL, 30, (ORDERS,), "", False),
        (DbtTestOutcome.FAIL, 900, (ORDERS, LINES), "", True),
        (DbtTestOutcome.FAIL, 1, (ORDERS,), ORDERS, False),
        (DbtTestOutcome.FAIL, 1, (ORDERS, LINES), ORDERS, False),
        (DbtTestOutcome.ERROR, 0, (ORDERS, LINES), "", False),
    ],
)
def test_only_singular_tests_are_let_through(
    outcome: DbtTestOutcome, failures: int, parents: tuple[str, ...], attached_node: str, is_right: bool
) -> None:
    test = ProjectTest("test.shop.a", "a", ("shop", "a"), parents, attached_node)
    assert is_bearable(DbtTestResult(test, outcome, failures=failures), ROWS) is is_right
