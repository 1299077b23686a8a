"""Tests about each row on its own, as SQL conditions; NULL passes unless the test says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.facts.given import UnusableError
from synth.facts.said import Claim, Effect, Said, constant, row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from synth.facts.given import Given

    Build = Callable[[Given], Said]


def not_null(given: Given) -> Said:
    """`not_null`: under a condition, a rule like any other."""
    if given.name and not given.condition:
        return Said(Effect.NOT_NULL, not_null=given.name, claims=(Claim(given.name, null=False),))
    return row(f"{given.column} is not null")


def null(given: Given) -> Said:
    """Every value is NULL."""
    return row(f"{given.column} is null", *_claims(given, null=True))


def accepted(given: Given) -> Said:
    """Every value is one of a list."""
    values = given.listed("values")
    quoted = given.flag("quote", default=True)
    return row(f"{given.column} in ({listing(values, quoted=quoted)})", *_claims(given, among=values))


def in_set(given: Given) -> Said:
    """Every value is one of a list, and none is NULL: the test joins the list to the values."""
    values = given.listed("value_set", "values")
    quoted = given.flag("quote_values", default=True)
    inside = f"{given.column} in ({listing(values, quoted=quoted)})"
    return row(f"coalesce({inside}, false)", *_claims(given, among=values))


def rejected(given: Given) -> Said:
    """No value is one of a list."""
    values = given.listed("values", "value_set")
    quoted = given.flag("quote_values" if given.has("value_set") else "quote", default=True)
    return row(f"{given.column} not in ({listing(values, quoted=quoted)})", *_claims(given, never=values))


def listing(values: Sequence[str], *, quoted: bool) -> str:
    """Values as dbt puts them into a list."""
    return ", ".join(f"'{value}'" if quoted else value for value in values)


def bounds(given: Given, subject: str, *, strictly: bool) -> str:
    """`subject` between two expressions of which one may be missing.

    Raises:
        UnusableError: both are.
    """
    parts = [
        f"{subject} {sign}{'' if strictly else '='} {bound}"
        for sign, bound in (
            (">", given.text("min_value", default="")),
            ("<", given.text("max_value", default="")),
        )
        if bound
    ]
    if not parts:
        raise UnusableError("it has neither min_value nor max_value")
    return " and ".join(parts)


def accepted_range(given: Given) -> Said:
    """Every value lies between two bounds, which may be expressions."""
    strictly = not given.flag("inclusive", default=True)
    return row(bounds(given, given.column, strictly=strictly), *_limits(given, strictly=strictly))


def between(given: Given) -> Said:
    """The same in the words of dbt_expectations."""
    strictly = given.flag("strictly", default=False)
    return row(bounds(given, given.column, strictly=strictly), *_limits(given, strictly=strictly))


def length_between(given: Given) -> Said:
    """The lengths of texts lie between two bounds."""
    strictly = given.flag("strictly", default=False)
    claims = _limits(given, strictly=strictly, length=True)
    return row(bounds(given, f"length({given.column})", strictly=strictly), *claims)


def length_equal(given: Given) -> Said:
    """All texts have one length."""
    value = given.text("value")
    exact = constant(value)
    claims = (
        [Claim(given.name, length=True, low=exact, high=exact)] if given.name and not given.condition else []
    )
    return row(f"length({given.column}) = {value}", *claims)


def not_empty(given: Given) -> Said:
    """No text is empty, or nothing but blanks unless `trim_whitespace` is off."""
    column = given.column
    trimmed = f"trim(translate({column}, chr(9) || chr(10) || chr(13), '   '))"
    claims = _claims(given, never=[""])
    return row(f"{trimmed if given.flag('trim_whitespace', default=True) else column} <> ''", *claims)


def like(given: Given) -> Said:
    """Every text fits a pattern of `like`."""
    return row(f"{given.column} like '{given.text('like_pattern')}'")


def not_like(given: Given) -> Said:
    """No text fits a pattern of `like`."""
    return row(f"{given.column} not like '{given.text('like_pattern')}'")


def like_list(given: Given) -> Said:
    """Every text fits one of some patterns, or all of them."""
    return _any_or_all(given, [f"{given.column} like '{item}'" for item in given.listed("like_pattern_list")])


def not_like_list(given: Given) -> Said:
    """Every text misses one of some patterns, or all of them."""
    return _any_or_all(
        given, [f"{given.column} not like '{item}'" for item in given.listed("like_pattern_list")]
    )


def regex(given: Given) -> Said:
    """Every text matches; NULL does not, in the way the test counts matches."""
    return row(_matches(given, given.text("regex")))


def not_regex(given: Given) -> Said:
    """No text matches."""
    return row(f"not {_matches(given, given.text('regex'))}")


def regex_list(given: Given) -> Said:
    """Every text matches one of some expressions, or all of them."""
    return _any_or_all(given, [_matches(given, item) for item in given.listed("regex_list")])


def not_regex_list(given: Given) -> Said:
    """Every text misses one of some expressions, or all of them."""
    return _any_or_all(given, [f"not {_matches(given, item)}" for item in given.listed("regex_list")])


def _matches(given: Given, pattern: str) -> str:
    flags = given.text("flags", default="")
    options = f", '{flags}'" if flags else ""
    return f"(regexp_match({given.column}, '{pattern}'{options}) is not null)"


def _any_or_all(given: Given, conditions: Sequence[str]) -> Said:
    word = " and " if given.text("match_on", default="any") == "all" else " or "
    return row(word.join(conditions))


def utils_expression(given: Given) -> Said:
    """dbt_utils: an expression of its own, or what follows a column."""
    column = given.column if given.test.column else ""
    return row(f"{column} {given.text('expression')}".strip())


def expression(given: Given) -> Said:
    """dbt_expectations: an expression and what it is compared with."""
    if given.groups:
        raise UnusableError("it is about groups of rows")
    return row(f"({given.text('expression')}\n) {given.text('test_condition', default='= true')}")


def pair_greater(given: Given) -> Said:
    """One column is greater than another, or as great."""
    sign = ">=" if given.flag("or_equal", default=False) else ">"
    return row(f"{given.text('column_A')} {sign} {given.text('column_B')}")


def pair_equal(given: Given) -> Said:
    """Two columns are equal."""
    return row(f"{given.text('column_A')} = {given.text('column_B')}")


def pair_in_set(given: Given) -> Said:
    """Two columns together are one of some pairs."""
    one, other = given.text("column_A"), given.text("column_B")
    pairs = given.pairs("value_pairs_set")
    return row(" or ".join(f"({one} = {left} and {other} = {right})" for left, right in pairs))


def _claims(
    given: Given, *, among: Sequence[str] | None = None, never: Sequence[str] = (), null: bool | None = None
) -> list[Claim]:
    """What the test says of all rows of a plain column."""
    if not given.name or given.condition:
        return []
    known = None if among is None else frozenset(among)
    return [Claim(given.name, among=known, never=frozenset(never), null=null)]


def _limits(given: Given, *, strictly: bool, length: bool = False) -> list[Claim]:
    if not given.name or given.condition:
        return []
    low, high = (constant(given.text(name, default="")) for name in ("min_value", "max_value"))
    return [Claim(given.name, length=length, low=low, high=high, strictly=strictly)]
