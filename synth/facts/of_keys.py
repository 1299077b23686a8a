"""Tests that call columns keys or references."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.domain import ForeignKey, Scope
from synth.facts.arguments import UnusableError, plain
from synth.facts.of_queries import expression_columns
from synth.facts.statements import Effect, Statement, table
from synth.project.manifest import fold

if TYPE_CHECKING:
    from synth.facts.arguments import TestArguments

COMBINATION_ARGUMENTS = ("combination_of_columns", "column_list")
ALWAYS = ("", "1=1", "1 = 1", "true")  # conditions that are none


def unique(arguments: TestArguments) -> Statement:
    """Return a unique column, or the columns of an expression; under a condition, a count of rows."""
    if arguments.name and not arguments.condition:
        return Statement(Effect.KEY, unique=(arguments.name,))
    distinct_count = f"count({arguments.column}) = count(distinct {arguments.column})"
    columns = () if arguments.condition else expression_columns(arguments.column)
    if not columns:
        return table(distinct_count)
    return Statement(Effect.KEY, distinct_count, Scope.TABLE, unique=columns)


def combination(arguments: TestArguments) -> Statement:
    """State that several columns are a key together."""
    names = arguments.texts(*COMBINATION_ARGUMENTS)
    quote = arguments.flag("quote_columns", default=False)
    columns = names if quote else tuple(map(plain, names))
    if not all(columns):
        raise UnusableError("it is about expressions, not columns")
    if not arguments.condition:
        return Statement(Effect.KEY, unique=columns)
    together = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
    return table(f"count(*) = count(distinct ({together}))")


def relationship(arguments: TestArguments) -> Statement:
    """State that one column holds values of another model's; where only some rows must, all of the twin's do.

    Raises:
        UnusableError: the parent is no model, or only some of its rows count.
    """
    if not arguments.name:
        raise UnusableError("it is about an expression, not a column")
    if arguments.text("to_condition", default="").strip().lower() not in ALWAYS:
        raise UnusableError("only some rows of the parent count")
    parent = arguments.model("to")
    key = ForeignKey(arguments.name, parent.unique_id, fold(arguments.text("field")), arguments.test.name)
    partial = (
        bool(arguments.condition)
        or arguments.text("from_condition", default="").strip().lower() not in ALWAYS
    )
    return Statement(Effect.REFERENCE, reference=key, partial=partial)
