"""What users type, validated: strict keys and values, with errors that name the place and the nearest key."""

from __future__ import annotations

import re
from difflib import get_close_matches
from math import inf, isfinite
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from synth.domain import Policy, Privacy, Rows
from synth.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import ErrorDetails

    from synth.domain import Shares

MAX_SEED = 2**32 - 1  # scikit-learn takes no larger one
ROUNDING = 1e-6  # by which shares may miss 1
_FACTOR = re.compile(r"(\d+(?:\.\d+)?)\s*x", re.ASCII | re.IGNORECASE)
_COUNT = re.compile(r"\d+", re.ASCII)


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
    """Return a seed, also when the environment gives it as text.

    Raises:
        ValueError: `value` is no whole number from 0 to `MAX_SEED`.
    """
    if isinstance(value, str) and _COUNT.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SEED:
        return value
    raise ValueError(f"give a whole number from 0 to {MAX_SEED}")


def parse_policy(value: object) -> Policy:
    """Return what to do with a twin whose checks could not be decided.

    Raises:
        ValueError: `value` is no such policy.
    """
    if isinstance(value, str) and value in {*Policy}:
        return Policy(value)
    raise ValueError(f"give {', '.join([*Policy][:-1])} or {[*Policy][-1]}")


def parse_privacy(value: object) -> Privacy:
    """Return by what a twin is published.

    Raises:
        ValueError: `value` is no such way.
    """
    if isinstance(value, str) and value in {*Privacy}:
        return Privacy(value)
    raise ValueError(f"give {' or '.join(Privacy)}")


def parse_epsilon(value: object) -> float:
    """Return a privacy budget.

    Raises:
        ValueError: `value` is no number above zero.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value > 0:
        return float(value)
    raise ValueError("give a number above 0, such as 3.0; a smaller one protects better")


def parse_delta(value: object) -> float:
    """Return the chance that a privacy budget does not hold.

    Raises:
        ValueError: `value` is no number above zero and below one.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1:
        return float(value)
    raise ValueError("give a number above 0 and far below 1, such as 1e-6 (YAML wants the dot: 1.0e-6)")


def parse_count(value: object) -> int:
    """Return a number of rows of one entity.

    Raises:
        ValueError: `value` is no whole number of at least 1.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ValueError("give a whole number of at least 1")


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


def parse_limit(value: object) -> float:
    """Return the limit of a check.

    Raises:
        ValueError: `value` is no number of at least 0.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < inf:
        return float(value)
    raise ValueError("give a number of at least 0: a share, an area, or a number of people")


def parse_seconds(value: object) -> float:
    """Return a time span.

    Raises:
        ValueError: `value` is no number above zero.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value > 0:
        return float(value)
    raise ValueError("give a number of seconds above 0")


PolicyField = Annotated[Policy, BeforeValidator(parse_policy)]
PrivacyField = Annotated[Privacy, BeforeValidator(parse_privacy)]
EpsilonField = Annotated[float, BeforeValidator(parse_epsilon)]
DeltaField = Annotated[float, BeforeValidator(parse_delta)]
CountField = Annotated[int, BeforeValidator(parse_count)]
SharesField = Annotated[Any, BeforeValidator(parse_shares)]
LimitField = Annotated[float, BeforeValidator(parse_limit)]
SecondsField = Annotated[float, BeforeValidator(parse_seconds)]
RowsField = Annotated[Rows, BeforeValidator(parse_rows)]
SeedField = Annotated[int, BeforeValidator(parse_seed)]
NameField = Annotated[str, Field(min_length=1)]


class Strict(BaseModel):
    """Base of everything users write in YAML: unknown keys are errors, nothing is coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


S = TypeVar("S", bound=BaseModel)


def validate(schema: type[S], value: object, *, where: str, key: str, besides: Iterable[str] = ()) -> S:
    """Return `value` as a `schema`; `where` names the file (and model), `key` the setting that holds `value`.

    `besides` are keys that may stand beside those of the schema, for the hint at the nearest right one.

    Raises:
        ConfigError: names `where`, the full key and, for an unknown key, the nearest right one.
    """
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        known_keys = [*(field.alias or name for name, field in schema.model_fields.items()), *besides]
        raise ConfigError(f"{where}: {_problem(first, key, known_keys)}") from None


def nearest(word: str, candidates: Iterable[str]) -> str:
    """Return a hint after an unknown `word`: the nearest word that exists, and all of them."""
    names = {name.lower(): name for name in sorted(candidates)}
    close = get_close_matches(word.lower(), names, n=1, cutoff=0.5)
    hint = f"did you mean `{names[close[0]]}`? " if close else ""
    return f"{hint}Known: {', '.join(names.values())}."


def _problem(error: ErrorDetails, key: str, known_keys: list[str]) -> str:
    path = ".".join((key, *(str(part) for part in error["loc"])))
    if error["type"] == "extra_forbidden":
        return f"unknown key `{path}`; {nearest(str(error['loc'][-1]), known_keys)}"
    if error["type"] in {"model_type", "model_attributes_type", "dict_type"}:
        return f"`{path}` must be a mapping with some of the keys {', '.join(sorted(known_keys))}."
    text = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"`{path}`: {text[0].lower()}{text[1:]}."
