"""What users type, validated: strict keys and values, with errors that name the place and the nearest key."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from synth.domain import parse_shares
from synth.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import ErrorDetails

    from synth.domain import Layer, Option

SharesField = Annotated[Any, BeforeValidator(parse_shares)]
NameField = Annotated[str, Field(min_length=1)]
FIELD = "option_{}"  # of pydantic, which owns names such as `schema`


class Strict(BaseModel):
    """Base of everything users write in YAML: unknown keys are errors, nothing is coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


S = TypeVar("S", bound=BaseModel)


def with_options(schema: type[S], options: Iterable[Option]) -> type[S]:
    """Return the schema with a key for each of the options; each is None where it is not written."""
    fields: dict[str, Any] = {
        FIELD.format(one.name): (_field_type(one), Field(default=None, alias=one.name)) for one in options
    }
    return create_model(schema.__name__, __base__=schema, __module__=schema.__module__, **fields)


def keys_of(schema: type[BaseModel]) -> frozenset[str]:
    """Return the keys that a schema has, as users write them."""
    return frozenset(field.alias or name for name, field in schema.model_fields.items())


def layer_of(section: BaseModel, options: Iterable[Option]) -> Layer:
    """Return what a section of a file decides of the options."""
    values = {one.name: getattr(section, FIELD.format(one.name)) for one in options}
    return {name: value for name, value in values.items() if value not in (None, {})}


def _field_type(one: Option) -> Any:
    value = Annotated[Any, BeforeValidator(one.parse)]
    whole = dict[NameField, value] if one.is_mapping else value
    return whole | None


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
        known_keys = [*keys_of(schema), *besides]
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
