"""Tests about all rows together, or about neighbours in an order, as SQL conditions with aggregates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.domain import RowCount, Scope
from synth.facts.arguments import UnusableError
from synth.facts.of_rows import bounds, listing
from synth.facts.statements import Effect, Statement, ValueClaim, constant, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from synth.facts.arguments import TestArguments

    Build = Callable[[TestArguments], Statement]

ROWS = "count(*)"  # stands for a column in what is said of the number of rows
GAPS = {"not_allowed": "=", "allowed": "<=", "required": "<"}


def aggregate(function: str) -> Build:
    """Return a test that a figure lies between two bounds; `{}` in `function` is the column."""

    def build(arguments: TestArguments) -> Statement:
        strictly = arguments.flag("strictly", default=False)
        return table(
            bounds(arguments, function.format(arguments.column), strictly=strictly), by=arguments.groups
        )

    return build


def quantile(arguments: TestArguments) -> Statement:
    """State that a quantile of one column lies between two bounds."""
    share = arguments.text("quantile")
    return aggregate(f"percentile_cont({share}) within group (order by {{}})")(arguments)


def distinct(sign: str) -> Build:
    """Return a test that compares the number of different values with a number."""

    def build(arguments: TestArguments) -> Statement:
        return table(
            f"count(distinct {arguments.column}) {sign} {arguments.text('value')}", by=arguments.groups
        )

    return build


def contains(arguments: TestArguments) -> Statement:
    """State that each of some values occurs."""
    values = arguments.texts("value_set", "values")
    quote = arguments.flag("quote_values", default=True)
    present = (f"bool_or({arguments.column} = {listing([value], quote=quote)})" for value in values)
    return table(" and ".join(f"coalesce({one}, false)" for one in present))


def equals_set(arguments: TestArguments) -> Statement:
    """State that each of some values occurs, and nothing else."""
    values = listing(
        arguments.texts("value_set", "values"), quote=arguments.flag("quote_values", default=True)
    )
    return table(
        f"bool_and(coalesce({arguments.column} in ({values}), false)) and {contains(arguments).holds}"
    )


def same_casing(arguments: TestArguments) -> Statement:
    """State that no two values differ in nothing but upper and lower case."""
    return table(f"count(distinct lower({arguments.column})) = count(distinct {arguments.column})")


def proportion(arguments: TestArguments) -> Statement:
    """State that the share of rows with a value lies between two bounds."""
    share = f"count({arguments.column}) / nullif(count(*), 0)::numeric"
    low, high = arguments.text("at_least"), arguments.text("at_most", default="1")
    return table(f"{share} >= {low} and {share} <= {high}", by=arguments.groups)


def at_least_one(arguments: TestArguments) -> Statement:
    """State that some row has a value."""
    return table(f"count({arguments.column}) > 0", by=arguments.groups)


def not_constant(arguments: TestArguments) -> Statement:
    """State that values differ."""
    return table(f"count(distinct {arguments.column}) <> 1", by=arguments.groups)


def in_order(sign: str) -> Build:
    """Return a test that values rise or fall in the order of another column, or of themselves."""

    def build(arguments: TestArguments) -> Statement:
        if arguments.has("step"):
            raise UnusableError("it has a step")
        column, order = arguments.column, arguments.text("sort_column", default=arguments.column)
        strictly = "" if arguments.flag("strictly", default=True) else "="
        by = f"partition by {arguments.groups} " if arguments.groups else ""
        return table(
            f"{column} {sign}{strictly} lag({column}) over ({by}order by {order})", scope=Scope.WINDOW
        )

    return build


def sequential(arguments: TestArguments) -> Statement:
    """State that each value is the one before it plus a step."""
    column, step = arguments.column, arguments.text("interval", default="1")
    by = f"partition by {arguments.groups} " if arguments.groups else ""
    before = f"lag({column}) over ({by}order by {column})"
    part = arguments.text("datepart", default="")
    if part:
        return table(f"{column}::timestamp = {before} + ({step}) * interval '1 {part}'", scope=Scope.WINDOW)
    return table(f"{column} = {before} + {step}", scope=Scope.WINDOW)


def exclusive_ranges(arguments: TestArguments) -> Statement:
    """State that ranges of two columns do not overlap; NULL breaks it."""
    low, high = arguments.text("lower_bound_column"), arguments.text("upper_bound_column")
    sign = GAPS.get(arguments.text("gaps", default="allowed"))
    if sign is None:
        raise UnusableError("its gaps are not allowed, not_allowed or required")
    own = "<=" if arguments.flag("zero_length_range_allowed", default=False) else "<"
    partition = arguments.text("partition_by", default="")
    over = f"over ({f'partition by {partition} ' if partition else ''}order by {low}, {high})"
    last = f"row_number() {over} = count(*) over ({f'partition by {partition}' if partition else ''})"
    after = f"coalesce({high} {sign} lead({low}) {over}, {last})"
    return table(f"coalesce({low} {own} {high}, false) and {after}", scope=Scope.WINDOW)


def rows_between(arguments: TestArguments) -> Statement:
    """State that the number of rows lies between two bounds."""
    low, high = (constant(arguments.text(name, default="") or None) for name in ("min_value", "max_value"))
    condition = bounds(arguments, "count(*)", strictly=arguments.flag("strictly", default=False))
    if (
        arguments.condition
        or arguments.groups
        or not isinstance(low, float | None)
        or not isinstance(high, float | None)
    ):
        return table(condition, by=arguments.groups)
    count = RowCount(arguments.test.name, low or 0.0, float("inf") if high is None else high)
    claim = ValueClaim(ROWS, low=count.low, high=count.high)
    return Statement(Effect.COUNT, condition, Scope.TABLE, count=count, claims=(claim,))


def rows_equal(arguments: TestArguments) -> Statement:
    """State the exact number of rows."""
    value = arguments.text("value")
    number = constant(value)
    if arguments.condition or arguments.groups or not isinstance(number, float):
        return table(f"count(*) = {value}", by=arguments.groups)
    count, claim = RowCount(arguments.test.name, number, number), ValueClaim(ROWS, low=number, high=number)
    return Statement(Effect.COUNT, f"count(*) = {value}", Scope.TABLE, count=count, claims=(claim,))


def as_many_rows(arguments: TestArguments) -> Statement:
    """State that there are as many rows as another model has, or a multiple."""
    factor = constant(arguments.text("factor", default="1"))
    if not isinstance(factor, float):
        raise UnusableError("its factor is no number")
    return _compare_rows(arguments, RowCount(arguments.test.name, factor, factor))


def fewer_rows(arguments: TestArguments) -> Statement:
    """State that there are fewer rows than another model has."""
    return _compare_rows(arguments, RowCount(arguments.test.name, -1.0, 1.0, strictly=True))


def _compare_rows(arguments: TestArguments, count: RowCount) -> Statement:
    conditions = (
        arguments.condition or arguments.has("compare_row_condition") or arguments.has("compare_group_by")
    )
    if conditions or arguments.groups:
        raise UnusableError("it compares parts of both models")
    other = arguments.model("compare_model").unique_id
    row_count = RowCount(count.source, count.low, count.high, other, count.strictly)
    return Statement(Effect.COUNT, count=row_count)


def shape(arguments: TestArguments) -> Statement:
    """State that columns and types are those of the source, whatever the test says of them."""
    if arguments.condition:
        raise UnusableError("it has a condition")
    return Statement(Effect.SHAPE)
