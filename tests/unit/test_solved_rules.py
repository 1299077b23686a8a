"""Where rows of other tables decide a total, a rule of the row decides one of its parts."""

from __future__ import annotations

import pytest

from synth.domain import Formula, Rule
from synth.facts.arguments import equation
from synth.twins.solutions import solved_rule

COLUMNS = {"net", "full", "reduced", "off"}


@pytest.mark.parametrize(
    ("rule", "columns", "formula", "needed_columns"),
    [
        ("net = (full + reduced)", {"net"}, Formula("full", "net - reduced"), ("net", "reduced")),
        ("net = full + reduced", {"net", "full"}, Formula("reduced", "net - full"), ("net", "full")),
        ("net = reduced - off", {"net"}, Formula("reduced", "net + off"), ("net", "off")),
    ],
)
def test_a_sum_whose_total_is_decided_is_solved_for_a_summand(
    rule: str, columns: set[str], formula: Formula, needed_columns: tuple[str, ...]
) -> None:
    rule_of_test = Rule("check", rule, sets=equation(rule))
    assert solved_rule(rule_of_test, columns, COLUMNS - columns) == (formula, needed_columns)


@pytest.mark.parametrize(
    ("rule", "columns"),
    [
        ("net = full + reduced", set()),  # it is drawn so
        ("net = full + reduced", {"net", "full", "reduced"}),
        ("net = full * reduced", {"net"}),
        ("net = full + full", {"net"}),
        ("net > full", {"net"}),
    ],
)
def test_other_rules_are_left_to_be_judged(rule: str, columns: set[str]) -> None:
    assert solved_rule(Rule("check", rule, sets=equation(rule)), columns, COLUMNS - columns) is None
