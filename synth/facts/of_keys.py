"""Tests that call columns keys or references."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.domain import ForeignKey, Scope
from synth.facts.given import UnusableError, plain
from synth.facts.of_queries import expression_columns
from synth.facts.said import Effect, Said, table
from synth.project.manifest import fold

if TYPE_CHECKING:
    from synth.facts.given import Given

COMBINED = ("combination_of_columns", "column_list")
ALWAYS = ("", "1=1", "1 = 1", "true")  # conditions that are none


def unique(given: Given) -> Said:
    """One column is a key, or those that an expression reads are; under a condition, rows are counted."""
    if given.name and not given.condition:
        return Said(Effect.KEY, unique=(given.name,))
    counted = f"count({given.column}) = count(distinct {given.column})"
    columns = () if given.condition else expression_columns(given.column)
    if not columns:
        return table(counted)
    return Said(Effect.KEY, counted, Scope.TABLE, unique=columns)


def combination(given: Given) -> Said:
    """Several columns are a key together."""
    names = given.listed(*COMBINED)
    quoted = given.flag("quote_columns", default=False)
    columns = names if quoted else tuple(map(plain, names))
    if not all(columns):
        raise UnusableError("it is about expressions, not columns")
    if not given.condition:
        return Said(Effect.KEY, unique=columns)
    together = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
    return table(f"count(*) = count(distinct ({together}))")


def relationship(given: Given) -> Said:
    """One column holds values of another model's; where only some rows must, all of the twin's do.

    Raises:
        UnusableError: the parent is no model, or only some of its rows count.
    """
    if not given.name:
        raise UnusableError("it is about an expression, not a column")
    if given.text("to_condition", default="").strip().lower() not in ALWAYS:
        raise UnusableError("only some rows of the parent count")
    parent = given.model("to")
    key = ForeignKey(given.name, parent.unique_id, fold(given.text("field")), given.test.name)
    partial = bool(given.condition) or given.text("from_condition", default="").strip().lower() not in ALWAYS
    return Said(Effect.REFERENCE, reference=key, partial=partial)
