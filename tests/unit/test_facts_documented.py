"""The table in docs/facts.md has a line for every kind of test, and says what comes of it."""

from __future__ import annotations

import re
from pathlib import Path

from synth.domain import Scope
from synth.facts.kinds import KINDS
from synth.facts.statements import Effect
from tests.kinds import CASES, rule_of

PAGE = Path(__file__).parents[2] / "docs" / "facts.md"
# What is stated without a test; see test_facts and test_rules.
OTHERS = {
    ("constraint", "primary_key"),
    ("constraint", "unique"),
    ("constraint", "not_null"),
    ("constraint", "foreign_key"),
    ("constraint", "check"),
    ("contract", "data_type"),
    ("Postgres", "check"),
    ("Postgres", "domain"),
}
LINE = re.compile(r"\| (\w+) \| `(\w+)` \| [^|]+ \| ([^|]+) \|")
EFFECTS = {(of, test): effect for of, test, effect in LINE.findall(PAGE.read_text(encoding="utf-8"))}


def test_every_kind_has_a_line_and_every_line_is_a_kind() -> None:
    assert set(EFFECTS) == set(KINDS) | OTHERS
    assert len(EFFECTS) >= 30


def test_every_line_says_what_comes_of_the_kind() -> None:
    assert set(EFFECTS.values()) == set(Effect)
    for kind in CASES:
        of_rows = rule_of(*kind).scope is Scope.ROW
        effects = {Effect.ROW} if of_rows else {Effect.TABLE, Effect.COUNT}
        assert EFFECTS[kind] in effects, kind
