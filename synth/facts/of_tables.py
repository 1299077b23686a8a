"""Tests about all rows together, or about neighbours in an order, as SQL conditions with aggregates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.domain import RowCount, Scope
from synth.facts.given import UnusableError
from synth.facts.of_rows import bounds, listing
from synth.facts.said import Claim, Effect, Said, constant, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from synth.facts.given import Given

    Build = Callable[[Given], Said]

ROWS = "count(*)"  # stands for a column in what is said of the number of rows
GAPS = {"not_allowed": "=", "allowed": "<=", "required": "<"}


def aggregate(function: str) -> Build:
    """A figure of one column lies between two bounds; `function` has `{}` in the column's place."""

    def build(given: Given) -> Said:
        strictly = given.flag("strictly", default=False)
        return table(bounds(given, function.format(given.column), strictly=strictly), by=given.groups)

    return build


def quantile(given: Given) -> Said:
    """A quantile of one column lies between two bounds."""
    share = given.text("quantile")
    return aggregate(f"percentile_cont({share}) within group (order by {{}})")(given)


def distinct(sign: str) -> Build:
    """How many different values a column has, compared with a number."""

    def build(given: Given) -> Said:
        return table(f"count(distinct {given.column}) {sign} {given.text('value')}", by=given.groups)

    return build


def contains(given: Given) -> Said:
    """Each of some values occurs."""
    values = given.listed("value_set", "values")
    quoted = given.flag("quote_values", default=True)
    present = (f"bool_or({given.column} = {listing([value], quoted=quoted)})" for value in values)
    return table(" and ".join(f"coalesce({one}, false)" for one in present))


def equals_set(given: Given) -> Said:
    """Each of some values occurs, and nothing else."""
    values = listing(given.listed("value_set", "values"), quoted=given.flag("quote_values", default=True))
    return table(f"bool_and(coalesce({given.column} in ({values}), false)) and {contains(given).holds}")


def same_casing(given: Given) -> Said:
    """No two values differ in nothing but upper and lower case."""
    return table(f"count(distinct lower({given.column})) = count(distinct {given.column})")


def proportion(given: Given) -> Said:
    """The share of rows with a value lies between two bounds."""
    share = f"count({given.column}) / nullif(count(*), 0)::numeric"
    low, high = given.text("at_least"), given.text("at_most", default="1")
    return table(f"{share} >= {low} and {share} <= {high}", by=given.groups)


def at_least_one(given: Given) -> Said:
    """Some row has a value."""
    return table(f"count({given.column}) > 0", by=given.groups)


def not_constant(given: Given) -> Said:
    """Values differ."""
    return table(f"count(distinct {given.column}) <> 1", by=given.groups)


def ordered(sign: str) -> Build:
    """Values rise or fall in the order of another column, or of themselves."""

    def build(given: Given) -> Said:
        if given.has("step"):
            raise UnusableError("it has a step")
        column, order = given.column, given.text("sort_column", default=given.column)
        strictly = "" if given.flag("strictly", default=True) else "="
        by = f"partition by {given.groups} " if given.groups else ""
        return table(
            f"{column} {sign}{strictly} lag({column}) over ({by}order by {order})", scope=Scope.WINDOW
        )

    return build


def sequential(given: Given) -> Said:
    """Each value is the one before it plus a step."""
    column, step = given.column, given.text("interval", default="1")
    by = f"partition by {given.groups} " if given.groups else ""
    before = f"lag({column}) over ({by}order by {column})"
    part = given.text("datepart", default="")
    if part:
        return table(f"{column}::timestamp = {before} + ({step}) * interval '1 {part}'", scope=Scope.WINDOW)
    return table(f"{column} = {before} + {step}", scope=Scope.WINDOW)


def exclusive_ranges(given: Given) -> Said:
    """Ranges of two columns do not overlap; NULL breaks it."""
    low, high = given.text("lower_bound_column"), given.text("upper_bound_column")
    sign = GAPS.get(given.text("gaps", default="allowed"))
    if sign is None:
        raise UnusableError("its gaps are not allowed, not_allowed or required")
    own = "<=" if given.flag("zero_length_range_allowed", default=False) else "<"
    parted = given.text("partition_by", default="")
    over = f"over ({f'partition by {parted} ' if parted else ''}order by {low}, {high})"
    last = f"row_number() {over} = count(*) over ({f'partition by {parted}' if parted else ''})"
    after = f"coalesce({high} {sign} lead({low}) {over}, {last})"
    return table(f"coalesce({low} {own} {high}, false) and {after}", scope=Scope.WINDOW)


def rows_between(given: Given) -> Said:
    """So many rows, or none fewer, or none more."""
    low, high = (constant(given.text(name, default="") or None) for name in ("min_value", "max_value"))
    condition = bounds(given, "count(*)", strictly=given.flag("strictly", default=False))
    if (
        given.condition
        or given.groups
        or not isinstance(low, float | None)
        or not isinstance(high, float | None)
    ):
        return table(condition, by=given.groups)
    count = RowCount(given.test.name, low or 0.0, float("inf") if high is None else high)
    claim = Claim(ROWS, low=count.low, high=count.high)
    return Said(Effect.COUNT, condition, Scope.TABLE, count=count, claims=(claim,))


def rows_equal(given: Given) -> Said:
    """Exactly so many rows."""
    value = given.text("value")
    wanted = constant(value)
    if given.condition or given.groups or not isinstance(wanted, float):
        return table(f"count(*) = {value}", by=given.groups)
    count, claim = RowCount(given.test.name, wanted, wanted), Claim(ROWS, low=wanted, high=wanted)
    return Said(Effect.COUNT, f"count(*) = {value}", Scope.TABLE, count=count, claims=(claim,))


def as_many_rows(given: Given) -> Said:
    """As many rows as another model has, or a multiple."""
    factor = constant(given.text("factor", default="1"))
    if not isinstance(factor, float):
        raise UnusableError("its factor is no number")
    return _compared(given, RowCount(given.test.name, factor, factor))


def fewer_rows(given: Given) -> Said:
    """Fewer rows than another model has."""
    return _compared(given, RowCount(given.test.name, -1.0, 1.0, strictly=True))


def _compared(given: Given, count: RowCount) -> Said:
    conditions = given.condition or given.has("compare_row_condition") or given.has("compare_group_by")
    if conditions or given.groups:
        raise UnusableError("it compares parts of both models")
    other = given.model("compare_model").unique_id
    wanted = RowCount(count.source, count.low, count.high, other, count.strictly)
    return Said(Effect.COUNT, count=wanted)


def shape(given: Given) -> Said:
    """Columns and types are those of the source, whatever the test says of them."""
    if given.condition:
        raise UnusableError("it has a condition")
    return Said(Effect.SHAPE)
