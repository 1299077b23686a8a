"""Tests that no table with a value could pass together, found by sets and intervals of constants."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NoReturn

from synth.errors import ConfigError
from synth.facts.statements import constant, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.facts.statements import Constant, ValueClaim
    from synth.project.manifest import Node

    NamedClaim = tuple[str, ValueClaim]  # the name of a test, and what it says


def refuse_contradictions(node: Node, claims: Sequence[NamedClaim]) -> None:
    """Refuse two tests of which one fails wherever a column has a value.

    Raises:
        ConfigError: names both.
    """
    for (name, one), (other_name, other) in combinations(claims, 2):
        if name != other_name and one.column == other.column and _contradict(one, other):
            _refuse(node, one.column, name, other_name)


def _refuse(node: Node, column: str, one: str, other: str) -> NoReturn:
    raise ConfigError(
        f"{node.declared_in} ({node.unique_id}): the tests {one} and {other} contradict each other: no value "
        f"of {column} satisfies both. Next: correct one of them, or give it `severity: warn`."
    )


def _contradict(one: ValueClaim, other: ValueClaim) -> bool:
    if {one.null, other.null} == {True, False}:
        return True
    if one.length == other.length:
        return _disjoint(one, other) or _nothing_left(one, other) or _nothing_left(other, one)
    return _nothing_left(one, other) or _nothing_left(other, one)


def _disjoint(one: ValueClaim, other: ValueClaim) -> bool:
    """Return whether two ranges have nothing in common."""
    strictly = one.strictly or other.strictly
    return _beyond(one.low, other.high, strictly=strictly) or _beyond(other.low, one.high, strictly=strictly)


def _beyond(low: Constant | None, high: Constant | None, *, strictly: bool) -> bool:
    if low is None or high is None or type(low) is not type(high):
        return False
    return low > high or (strictly and low == high)  # type: ignore[operator] # both are of one type


def _nothing_left(listing: ValueClaim, other: ValueClaim) -> bool:
    """Return whether the other test allows none of the values that one lists."""
    if not listing.among:
        return False
    return not any(_allows(other, value) for value in listing.among)


def _allows(claim: ValueClaim, value: str) -> bool:
    if claim.among is not None and value not in claim.among:
        # 1 and 1.0 are written apart and equal
        number = constant(value)
        if number is None or number not in {constant(one) for one in claim.among}:
            return False
    if value in claim.never:
        return False
    bounds = {type(limit) for limit in (claim.low, claim.high) if limit is not None}
    if claim.length:
        point: Constant | None = float(len(value))
    else:
        point = constant(value) if float in bounds else moment(value.strip("'"))
    if point is None or type(point) not in bounds:
        return True
    below = _beyond(claim.low, point, strictly=claim.strictly)
    return not below and not _beyond(point, claim.high, strictly=claim.strictly)
