"""Tests about each row on its own, as SQL conditions; NULL passes unless the test says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.facts.arguments import UnusableError
from synth.facts.statements import Effect, Statement, ValueClaim, constant, row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from synth.facts.arguments import TestArguments

    Build = Callable[[TestArguments], Statement]


def not_null(arguments: TestArguments) -> Statement:
    """State that a column is not NULL; under a condition, as a rule like any other."""
    if arguments.name and not arguments.condition:
        return Statement(
            Effect.NOT_NULL, not_null=arguments.name, claims=(ValueClaim(arguments.name, null=False),)
        )
    return row(f"{arguments.column} is not null")


def null(arguments: TestArguments) -> Statement:
    """State that every value is NULL."""
    return row(f"{arguments.column} is null", *_claims(arguments, null=True))


def accepted_values(arguments: TestArguments) -> Statement:
    """State that every value is one of a list."""
    values = arguments.texts("values")
    quote = arguments.flag("quote", default=True)
    return row(f"{arguments.column} in ({listing(values, quote=quote)})", *_claims(arguments, among=values))


def in_set(arguments: TestArguments) -> Statement:
    """State that every value is one of a list, and none is NULL: the test joins the list to the values."""
    values = arguments.texts("value_set", "values")
    quote = arguments.flag("quote_values", default=True)
    inside = f"{arguments.column} in ({listing(values, quote=quote)})"
    return row(f"coalesce({inside}, false)", *_claims(arguments, among=values))


def rejected_values(arguments: TestArguments) -> Statement:
    """State that no value is one of a list."""
    values = arguments.texts("values", "value_set")
    quote = arguments.flag("quote_values" if arguments.has("value_set") else "quote", default=True)
    return row(
        f"{arguments.column} not in ({listing(values, quote=quote)})", *_claims(arguments, never=values)
    )


def listing(values: Sequence[str], *, quote: bool) -> str:
    """Return values as dbt puts them into a list."""
    return ", ".join(f"'{value}'" if quote else value for value in values)


def bounds(arguments: TestArguments, subject: str, *, strictly: bool) -> str:
    """Return `subject` between two expressions of which one may be missing.

    Raises:
        UnusableError: both are.
    """
    parts = [
        f"{subject} {sign}{'' if strictly else '='} {limit}"
        for sign, limit in (
            (">", arguments.text("min_value", default="")),
            ("<", arguments.text("max_value", default="")),
        )
        if limit
    ]
    if not parts:
        raise UnusableError("it has neither min_value nor max_value")
    return " and ".join(parts)


def accepted_range(arguments: TestArguments) -> Statement:
    """State that every value lies between two bounds, which may be expressions."""
    strictly = not arguments.flag("inclusive", default=True)
    return row(bounds(arguments, arguments.column, strictly=strictly), *_limits(arguments, strictly=strictly))


def between(arguments: TestArguments) -> Statement:
    """State the bounds in the words of dbt_expectations."""
    strictly = arguments.flag("strictly", default=False)
    return row(bounds(arguments, arguments.column, strictly=strictly), *_limits(arguments, strictly=strictly))


def length_between(arguments: TestArguments) -> Statement:
    """State that the lengths of texts lie between two bounds."""
    strictly = arguments.flag("strictly", default=False)
    claims = _limits(arguments, strictly=strictly, length=True)
    return row(bounds(arguments, f"length({arguments.column})", strictly=strictly), *claims)


def length_equal(arguments: TestArguments) -> Statement:
    """State that all texts have one length."""
    value = arguments.text("value")
    exact = constant(value)
    claims = (
        [ValueClaim(arguments.name, length=True, low=exact, high=exact)]
        if arguments.name and not arguments.condition
        else []
    )
    return row(f"length({arguments.column}) = {value}", *claims)


def not_empty(arguments: TestArguments) -> Statement:
    """State that no text is empty, or nothing but blanks unless `trim_whitespace` is off."""
    column = arguments.column
    trimmed_text = f"trim(translate({column}, chr(9) || chr(10) || chr(13), '   '))"
    claims = _claims(arguments, never=[""])
    return row(
        f"{trimmed_text if arguments.flag('trim_whitespace', default=True) else column} <> ''", *claims
    )


def like(arguments: TestArguments) -> Statement:
    """State that every text fits a pattern of `like`."""
    return row(f"{arguments.column} like '{arguments.text('like_pattern')}'")


def not_like(arguments: TestArguments) -> Statement:
    """State that no text fits a pattern of `like`."""
    return row(f"{arguments.column} not like '{arguments.text('like_pattern')}'")


def like_list(arguments: TestArguments) -> Statement:
    """State that every text fits one of some patterns, or all of them."""
    return _any_or_all(
        arguments, [f"{arguments.column} like '{item}'" for item in arguments.texts("like_pattern_list")]
    )


def not_like_list(arguments: TestArguments) -> Statement:
    """State that every text misses one of some patterns, or all of them."""
    return _any_or_all(
        arguments, [f"{arguments.column} not like '{item}'" for item in arguments.texts("like_pattern_list")]
    )


def regex(arguments: TestArguments) -> Statement:
    """State that every text matches; NULL does not, in the way the test counts matches."""
    return row(_matches(arguments, arguments.text("regex")))


def not_regex(arguments: TestArguments) -> Statement:
    """State that no text matches."""
    return row(f"not {_matches(arguments, arguments.text('regex'))}")


def regex_list(arguments: TestArguments) -> Statement:
    """State that every text matches one of some expressions, or all of them."""
    return _any_or_all(arguments, [_matches(arguments, item) for item in arguments.texts("regex_list")])


def not_regex_list(arguments: TestArguments) -> Statement:
    """State that every text misses one of some expressions, or all of them."""
    return _any_or_all(
        arguments, [f"not {_matches(arguments, item)}" for item in arguments.texts("regex_list")]
    )


def _matches(arguments: TestArguments, pattern: str) -> str:
    flags = arguments.text("flags", default="")
    options = f", '{flags}'" if flags else ""
    return f"(regexp_match({arguments.column}, '{pattern}'{options}) is not null)"


def _any_or_all(arguments: TestArguments, conditions: Sequence[str]) -> Statement:
    word = " and " if arguments.text("match_on", default="any") == "all" else " or "
    return row(word.join(conditions))


def utils_expression(arguments: TestArguments) -> Statement:
    """Return a dbt_utils expression: a whole one, or what follows a column."""
    column = arguments.column if arguments.test.column else ""
    return row(f"{column} {arguments.text('expression')}".strip())


def expression(arguments: TestArguments) -> Statement:
    """Return a dbt_expectations expression with its comparison."""
    if arguments.groups:
        raise UnusableError("it is about groups of rows")
    return row(f"({arguments.text('expression')}\n) {arguments.text('test_condition', default='= true')}")


def pair_greater(arguments: TestArguments) -> Statement:
    """State that one column is greater than another, or as great."""
    sign = ">=" if arguments.flag("or_equal", default=False) else ">"
    return row(f"{arguments.text('column_A')} {sign} {arguments.text('column_B')}")


def pair_equal(arguments: TestArguments) -> Statement:
    """State that two columns are equal."""
    return row(f"{arguments.text('column_A')} = {arguments.text('column_B')}")


def pair_in_set(arguments: TestArguments) -> Statement:
    """State that two columns together are one of some pairs."""
    one, other = arguments.text("column_A"), arguments.text("column_B")
    pairs = arguments.pairs("value_pairs_set")
    return row(" or ".join(f"({one} = {first} and {other} = {second})" for first, second in pairs))


def _claims(
    arguments: TestArguments,
    *,
    among: Sequence[str] | None = None,
    never: Sequence[str] = (),
    null: bool | None = None,
) -> list[ValueClaim]:
    """Return what the test says of all rows of a plain column."""
    if not arguments.name or arguments.condition:
        return []
    among_values = None if among is None else frozenset(among)
    return [ValueClaim(arguments.name, among=among_values, never=frozenset(never), null=null)]


def _limits(arguments: TestArguments, *, strictly: bool, length: bool = False) -> list[ValueClaim]:
    if not arguments.name or arguments.condition:
        return []
    low, high = (constant(arguments.text(name, default="")) for name in ("min_value", "max_value"))
    return [ValueClaim(arguments.name, length=length, low=low, high=high, strictly=strictly)]
