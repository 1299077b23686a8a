"""Rules of a row that state a sum, solved for one of its parts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from synth.domain import Formula

if TYPE_CHECKING:
    from collections.abc import Collection

    from synth.domain import Rule

# A sum of columns, whose names need no quotes.
SUM = re.compile(r"[a-z_]\w*(?:\s*[+-]\s*[a-z_]\w*)+")
TERM = re.compile(r"([+-]?)\s*([a-z_]\w*)")


def solved_rule(
    rule: Rule, fixed_columns: Collection[str], free: Collection[str]
) -> tuple[Formula, tuple[str, ...]] | None:
    """Return a sum that a rule states, solved for a free summand, and what that needs; None for other rules.

    Args:
        rule: such as `total = net + tax`.
        fixed_columns: columns that something else decides, the total among them.
        free: columns that nothing else decides.
    """
    total, text = rule.sets[0] if rule.sets else ("", "")
    plain = text.strip().removeprefix("(").removesuffix(")").strip()
    if total not in fixed_columns or not SUM.fullmatch(plain):
        return None
    terms = [(sign or "+", name) for sign, name in TERM.findall(plain)]
    summand = next((name for sign, name in terms if sign == "+" and name in free), None)
    if summand is None or [name for _, name in terms].count(summand) > 1:
        return None
    others = [(sign, name) for sign, name in terms if name != summand]
    rest = "".join(f" {'-' if sign == '+' else '+'} {name}" for sign, name in others)
    return Formula(summand, f"{total}{rest}"), (total, *(name for _, name in others))
