"""What rules about single rows say of the values of one column, for these to be made so."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from synth.columns.patterns import read_pattern
from synth.domain import Kind, PublicValues
from synth.facts.values import labels_of, patterns_of
from synth.sampling.repair import bounds_of, step_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from synth.columns.roles import Treatment
    from synth.domain import Column, Rule


def claims_of(rules: Iterable[Rule], columns: Sequence[Column]) -> Iterator[PublicValues]:
    """Yield the labels, bounds and patterns that rules state; what is above 0 is one step above it."""
    by_name = {column.name: column for column in columns}
    for rule in rules:
        yield from _bounds(rule, by_name)
        labels = labels_of(rule)
        if labels:
            yield PublicValues(labels[0], labels=labels[1], source=rule.source)
        for column, pattern in patterns_of(rule):
            yield PublicValues(column, pattern=pattern, source=rule.source)


def with_patterns(treatments: Iterable[Treatment], claims: Iterable[PublicValues]) -> tuple[Treatment, ...]:
    """Return the treatments of text with the pattern that it has to match where it is made up."""
    expressions: dict[str, list[str]] = defaultdict(list)
    for claim in claims:
        if claim.pattern:
            expressions[claim.column].append(claim.pattern)
    return tuple(_with_pattern(one, expressions[one.column.name]) for one in treatments)


def _bounds(rule: Rule, columns: Mapping[str, Column]) -> Iterator[PublicValues]:
    for order in bounds_of(rule):
        if isinstance(order.smaller, float):
            step = step_of(columns.get(str(order.larger))) if order.strict else 0
            yield PublicValues(str(order.larger), low=order.smaller + step, source=rule.source)
        elif isinstance(order.larger, float):
            step = step_of(columns.get(str(order.smaller))) if order.strict else 0
            yield PublicValues(str(order.smaller), high=order.larger - step, source=rule.source)


def _with_pattern(treatment: Treatment, expressions: Sequence[str]) -> Treatment:
    column = treatment.column
    if not expressions or column.kind is not Kind.TEXT:
        return treatment
    return replace(treatment, pattern=read_pattern(*expressions, limit=column.length))
