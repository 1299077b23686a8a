"""What users write for an option becomes its value; each function takes YAML's value and a shell's text."""

from __future__ import annotations

import re
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

from synth.domain.options import Policy, Privacy, Rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from synth.domain.options import Shares

MAX_SEED = 2**32 - 1  # scikit-learn takes no larger one
ROUNDING = 1e-6  # by which shares may miss 1
SWITCHES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_FACTOR = re.compile(r"(\d+(?:\.\d+)?)\s*x", re.ASCII | re.IGNORECASE)
_COUNT = re.compile(r"\d+", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d*)?(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def parse_name(value: object) -> str:
    """Return a name.

    Raises:
        ValueError: `value` is no text, or empty.
    """
    if isinstance(value, str) and value:
        return value
    raise ValueError("give a name")


def parse_names(value: object) -> tuple[str, ...]:
    """Return a name or a list of names as a tuple.

    Raises:
        ValueError: `value` is neither.
    """
    return tuple(map(parse_name, value)) if isinstance(value, list) else (parse_name(value),)


def parse_switch(value: object) -> bool:
    """Return true or false, also of the words that shells have for them.

    Raises:
        ValueError: `value` is neither.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in SWITCHES:
        return SWITCHES[value.lower()]
    raise ValueError("give true or false")


def parse_rows(value: object) -> Rows:
    """Return `5000` and `"5000"` as a number of rows, `"2x"` and `"0.5x"` as a multiple of the source's.

    Raises:
        ValueError: `value` is neither, or not above zero.
    """
    if isinstance(value, Rows):
        return value
    if isinstance(value, int | str) and not isinstance(value, bool):
        text = str(value).strip()
        if _COUNT.fullmatch(text) and int(text) > 0:
            return Rows(count=int(text))
        factor = _FACTOR.fullmatch(text)
        if factor and float(factor[1]) > 0:
            return Rows(factor=float(factor[1]))
    raise ValueError("give a whole number of at least 1, or a multiple such as 2x or 0.5x")


def parse_seed(value: object) -> int:
    """Return a seed.

    Raises:
        ValueError: `value` is no whole number from 0 to `MAX_SEED`.
    """
    number = _whole(value)
    if number is not None and 0 <= number <= MAX_SEED:
        return number
    raise ValueError(f"give a whole number from 0 to {MAX_SEED}")


def parse_policy(value: object) -> Policy:
    """Return what to do with a twin whose checks could not be decided.

    Raises:
        ValueError: `value` is no such policy.
    """
    return Policy(_one_of(value, Policy))


def parse_privacy(value: object) -> Privacy:
    """Return by what a twin is published.

    Raises:
        ValueError: `value` is no such way.
    """
    return Privacy(_one_of(value, Privacy))


def parse_declared(value: object) -> str:
    """Return `declared`: only what is declared is.

    Raises:
        ValueError: `value` is another word.
    """
    return _one_of(value, ["declared"])


def parse_epsilon(value: object) -> float:
    """Return a privacy budget.

    Raises:
        ValueError: `value` is no number above zero.
    """
    return _number_above_zero(value, "give a number above 0, such as 3.0; a smaller one protects better")


def parse_delta(value: object) -> float:
    """Return the chance that a privacy budget does not hold.

    Raises:
        ValueError: `value` is no number above zero and below one.
    """
    number = _number(value)
    if number is not None and 0 < number < 1:
        return number
    raise ValueError("give a number above 0 and far below 1, such as 1e-6")


def parse_count(value: object) -> int:
    """Return a number of rows of one entity.

    Raises:
        ValueError: `value` is no whole number of at least 1.
    """
    number = _whole(value)
    if number is not None and number >= 1:
        return number
    raise ValueError("give a whole number of at least 1")


def parse_limit(value: object) -> float:
    """Return the limit of a check.

    Raises:
        ValueError: `value` is no number of at least 0.
    """
    number = _number(value)
    if number is not None and 0 <= number < inf:
        return number
    raise ValueError("give a number of at least 0: a share, an area, or a number of people")


def parse_seconds(value: object) -> float:
    """Return a time span.

    Raises:
        ValueError: `value` is no number above zero.
    """
    return _number_above_zero(value, "give a number of seconds above 0")


def parse_shares(value: object) -> Shares:
    """Return `uniform`, or how often each value is wanted: shares of 0 to 1 that add up to at most 1.

    Raises:
        ValueError: `value` is neither.
    """
    if value == "uniform":
        return "uniform"
    if isinstance(value, dict) and value and all(map(_is_share, value.values())):
        if 0 < sum(value.values()) <= 1 + ROUNDING:
            return value
        raise ValueError("the shares must add up to more than 0 and at most 1")
    raise ValueError("give uniform, or a share from 0 to 1 for each of some values, such as {f: 0.5, m: 0.5}")


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _one_of(value: object, words: Iterable[str]) -> str:
    *most, last = words
    if isinstance(value, str) and value in {*most, last}:
        return value
    raise ValueError(f"give {', '.join(most)} or {last}" if most else f"give {last}")


def _whole(value: object) -> int | None:
    """Return a whole number of at least 0 that is written as such."""
    if isinstance(value, str) and _COUNT.fullmatch(value.strip()):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number_above_zero(value: object, advice: str) -> float:
    number = _number(value)
    if number is not None and isfinite(number) and number > 0:
        return number
    raise ValueError(advice)


def _number(value: object) -> float | None:
    """Return a number; YAML takes `1e-6` for text, and so does a shell."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
