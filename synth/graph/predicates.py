"""Conditions that may run on a twin: of columns, literals and what Postgres itself does with them.

What is not known here is refused. Nothing that a user could have defined is left: no function but a few of
Postgres' own, by their full names, no type but its own, no operator with a schema, no query.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from synth.graph.expressions import LONGEST
from synth.graph.leaves import size
from synth.graph.scopes import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

# Each form of expression with the parts that it may have; one with another part is refused.
PAIR = frozenset({"this", "expression"})
SINGLE = frozenset({"this"})
PARTS: Mapping[type[exp.Expr], frozenset[str]] = {
    **dict.fromkeys((exp.And, exp.Or, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), PAIR),
    **dict.fromkeys((exp.NullSafeEQ, exp.NullSafeNEQ, exp.Is, exp.Add, exp.Sub, exp.Mul, exp.Mod), PAIR),
    **dict.fromkeys((exp.Not, exp.Neg, exp.Paren), SINGLE),
    **dict.fromkeys((exp.Like, exp.ILike), PAIR),
    exp.Div: PAIR | {"typed", "safe"},
    exp.In: frozenset({"this", "expressions"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Coalesce: frozenset({"this", "expressions"}),
}
FUNCTIONS: Mapping[type[exp.Expr], str] = {exp.Lower: "lower", exp.Upper: "upper"}
TRUNCATION = "date_trunc"
UNITS = frozenset(
    {"year", "quarter", "month", "week", "day", "hour", "minute", "second", "dow", "isodow", "doy", "isoyear"}
)
NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+")
TYPES = frozenset(
    {
        *(exp.DType.TEXT, exp.DType.VARCHAR, exp.DType.BOOLEAN, exp.DType.UUID),
        *(exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT, exp.DType.DECIMAL, exp.DType.FLOAT),
        *(exp.DType.DOUBLE, exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ),
    }
)
NAME = re.compile(r"[a-z_][a-z0-9_]*")


class UnsafeError(Exception):
    """A condition holds something that is not known to be harmless."""


def predicate(node: exp.Expr, columns: Mapping[str, str], source: str) -> exp.Expr:
    """Return a condition made anew, part by part, with every column by its quoted name.

    Args:
        node: the condition.
        columns: what each name in it stands for.
        source: the name in front of a column that means the same.

    Raises:
        UnsafeError: it holds anything that is not known here.
    """
    if size(node) > LONGEST:
        raise UnsafeError
    return _made_anew(node, columns, source)


def _made_anew(node: exp.Expr, columns: Mapping[str, str], source: str) -> exp.Expr:
    if isinstance(node, exp.Column):
        return _column(node, columns, source)
    if isinstance(node, exp.Literal | exp.Boolean | exp.Null):
        return literal(node)
    if type(node) in PARTS:
        return _known(node, columns, source)
    return _called(node, lambda part: _made_anew(part, columns, source))


def _called(node: exp.Expr, again: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    """Return a cast or a call of a function that is Postgres' own; `again` makes what it is called with."""
    if type(node) is exp.Cast:
        refuse_others(node, {"this", "to"})
        return exp.Cast(this=again(node.this), to=type_of(node.to))
    if isinstance(node, exp.Extract):
        refuse_others(node, PAIR)
        return exp.Extract(this=exp.var(_unit(node.this)), expression=again(node.expression))
    if type(node) in FUNCTIONS:
        refuse_others(node, SINGLE)
        return call(FUNCTIONS[type(node)], again(node.this))
    if not isinstance(node, exp.Anonymous):
        raise UnsafeError
    unit, value = truncation(node)
    return call(TRUNCATION, exp.Literal.string(unit), again(value))


def _known(node: exp.Expr, columns: Mapping[str, str], source: str) -> exp.Expr:
    """Return an expression whose form is one of `PARTS`."""
    negated = bool(node.args.get("negate"))
    refuse_others(node, PARTS[type(node)] | {"negate"})
    if isinstance(node, exp.Is) and not isinstance(node.expression, exp.Null | exp.Boolean):
        raise UnsafeError
    parts: dict[str, object] = {}
    for key, value in node.args.items():
        if isinstance(value, list):
            parts[key] = [_made_anew(one, columns, source) for one in value]
        elif isinstance(value, exp.Expr):
            parts[key] = _made_anew(value, columns, source)
        elif key != "negate":
            parts[key] = value  # how sqlglot divides, or nothing
    result = type(node)(**parts)
    return exp.Not(this=result) if negated else result


def refuse_others(node: exp.Expr, parts: frozenset[str] | set[str]) -> None:
    """Raise `UnsafeError` where an expression has any other part than these."""
    if {key for key, value in node.args.items() if value} - parts:
        raise UnsafeError


def _column(node: exp.Column, columns: Mapping[str, str], source: str) -> exp.Expr:
    refuse_others(node, {"this", "table"})
    table = fold(node.args.get("table"))
    name = columns.get(fold(node.this)) if isinstance(node.this, exp.Identifier) else None
    if name is None or table not in {"", source}:
        raise UnsafeError
    return exp.column(exp.to_identifier(name, quoted=True))


def literal(node: exp.Expr) -> exp.Expr:
    """Return a literal that means the same whatever the server takes a backslash for."""
    text = str(node.this)
    if isinstance(node, exp.Literal) and not node.is_string and not NUMBER.fullmatch(text):
        raise UnsafeError
    if isinstance(node, exp.Literal) and ("\\" in text or "\0" in text):
        raise UnsafeError
    return node.copy()


def type_of(kind: exp.Expr) -> exp.DataType:
    """Return a type of Postgres' own, with nothing but numbers behind it."""
    if not isinstance(kind, exp.DataType) or kind.this not in TYPES:
        raise UnsafeError
    refuse_others(kind, {"this", "expressions"})
    numbers = [one.this for one in kind.expressions if isinstance(one, exp.DataTypeParam)]
    if len(numbers) != len(kind.expressions) or not all(isinstance(one, exp.Literal) for one in numbers):
        raise UnsafeError
    parameters = [exp.DataTypeParam(this=literal(one)) for one in numbers if not one.is_string]
    return exp.DataType(this=kind.this, expressions=parameters, nested=False)


def _unit(node: exp.Expr) -> str:
    unit = node.name.lower()
    if unit not in UNITS:
        raise UnsafeError
    return unit


def truncation(node: exp.Anonymous) -> tuple[str, exp.Expr]:
    """Return the unit and the moment of `date_trunc`."""
    refuse_others(node, {"this", "expressions"})
    if str(node.this).lower() != TRUNCATION or len(node.expressions) != 2:  # noqa: PLR2004 - a unit and a moment
        raise UnsafeError
    unit, value = node.expressions
    if not isinstance(unit, exp.Literal) or not unit.is_string:
        raise UnsafeError
    return _unit(unit), value


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """Return the call of a function that is in every database."""
    call = exp.Anonymous(this=name, expressions=[*arguments])
    return exp.Dot(this=exp.to_identifier("pg_catalog"), expression=call)


def renamed(condition: exp.Expr, columns: Mapping[str, str]) -> exp.Expr:
    """Return a condition over other columns.

    Raises:
        UnsafeError: it mentions a column that has no other.
    """
    return predicate(_without_schemas(condition), columns, "")


def _without_schemas(condition: exp.Expr) -> exp.Expr:
    """Return a condition that was made here as its author could have written it."""

    def plain(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Dot):
            return node
        name, arguments = node.expression.name, [_without_schemas(one) for one in node.expression.expressions]
        kinds = {name: kind for kind, name in FUNCTIONS.items()}
        return (
            kinds[name](this=arguments[0])
            if name in kinds
            else exp.Anonymous(this=name, expressions=arguments)
        )

    return condition.copy().transform(plain)


def together(conditions: Sequence[exp.Expr]) -> exp.Expr | None:
    """Return one condition for all of them; None where there is none."""
    return exp.and_(*conditions, copy=True) if conditions else None


def as_sql(condition: exp.Expr) -> str:
    """Return a condition to run."""
    return condition.sql(dialect="postgres", comments=False)


def as_words(condition: exp.Expr) -> str:
    """Return a condition to read: no more quotes and schemas than its author would write."""

    def plain(node: exp.Expr) -> exp.Expr:
        simple = isinstance(node, exp.Identifier) and NAME.fullmatch(node.name)
        return exp.to_identifier(node.name) if simple else node

    return as_sql(_without_schemas(condition).transform(plain))


def mentioned(condition: exp.Expr) -> Iterator[str]:
    """Yield the columns that a condition mentions."""
    yield from (column.name for column in condition.find_all(exp.Column))


def compared(condition: exp.Expr) -> Iterator[str]:
    """Yield the columns whose values a condition asks for, not only whether there are any."""
    for column in condition.find_all(exp.Column):
        if not isinstance(column.parent, exp.Is) or not isinstance(column.parent.expression, exp.Null):
            yield column.name
