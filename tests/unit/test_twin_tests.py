"""Which of the project's tests stop a twin that fails them."""

from __future__ import annotations

import pytest

from synth.dbt.tests import DbtTestOutcome, DbtTestResult
from synth.domain import ProjectTest
from synth.facts.of_queries import meets_others
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


@pytest.mark.parametrize(
    ("query", "is_right"),
    [
        ("select a.id from shop.orders a join shop.orders b on b.id = a.parent where a.town <> b.town", True),
        ("with o as (select * from shop.orders) select a.id from o a, o b where a.id < b.id", True),
        ("select id from (select id, day - lag(day) over () as d from shop.orders) q where d < 0", True),
        ("select home from shop.orders group by 1 having count(*) filter (where is_head) <> 1", True),
        ("select id from shop.orders where net > (select avg(net) from shop.orders)", True),
        ("select day from shop.orders group by 1 having count(*) > 1", False),
        ("with o as (select * from shop.orders) select id from o where net < 0", False),
        ("select id from shop.orders where net <> round(net, 2)", False),
        ("no query at all (", False),
    ],
)
def test_a_singular_test_that_compares_rows_is_let_through(query: str, is_right: bool) -> None:
    assert meets_others(query) is is_right
    test = ProjectTest("test.shop.a", "a", ("shop", "a"), (ORDERS,), meets_others=meets_others(query))
    assert is_bearable(DbtTestResult(test, DbtTestOutcome.FAIL, failures=290), ROWS) is is_right
