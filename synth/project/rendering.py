"""Jinja in `profiles.yml` and `dbt_project.yml`, rendered as dbt renders it."""

from __future__ import annotations

from ast import literal_eval
from datetime import date
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.nativetypes import NativeEnvironment, NativeTemplate
from jinja2.sandbox import SandboxedEnvironment

from synth.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NO_DEFAULT = object()


class MissingVariable(ConfigError):  # noqa: N818 - read as the cause of a message, never caught by users
    """An environment variable or a `--vars` key that a template needs is not set."""


def _as_native(value: object) -> object:
    try:
        return literal_eval(str(value))
    except (ValueError, SyntaxError, MemoryError):
        return value


def _as_bool(value: object) -> bool:
    native = _as_native(value)
    if isinstance(native, bool):
        return native
    raise ValueError("as_bool needs True or False")


def _as_number(value: object) -> int | float:
    native = _as_native(value)
    if isinstance(native, int | float) and not isinstance(native, bool):
        return native
    raise ValueError("as_number needs a number")


def _concat(values: Iterable[Any]) -> Any:
    """Return one node with its type, several as text; unlike Jinja's own, guess no number from text."""
    nodes = iter(values)
    head = list(islice(nodes, 2))
    if len(head) == 1:
        return head[0]
    return "".join(str(value) for value in chain(head, nodes))


class _Environment(SandboxedEnvironment, NativeEnvironment):
    concat = staticmethod(_concat)


class _Template(NativeTemplate):
    environment_class = _Environment


_Environment.template_class = _Template


class Renderer:
    """Renders text with `env_var`, `var` and dbt's `as_…` filters."""

    def __init__(self, environ: Mapping[str, str], cli_vars: Mapping[str, object]) -> None:
        self._environ = environ
        self._vars = cli_vars
        self._jinja = _Environment(undefined=StrictUndefined)
        self._jinja.filters |= {
            "as_bool": _as_bool,
            "as_native": _as_native,
            "as_number": _as_number,
            "as_text": str,
        }
        self._jinja.globals |= {"env_var": self._env_var, "var": self._var}

    def render(self, value: object, *, where: str, literal: bool = False) -> object:
        """Return `value` with every Jinja expression in it evaluated; what is no text stays as it is.

        Args:
            value: a scalar as YAML gives it.
            where: file and key, for the error. The text itself may be a secret and is never repeated.
            literal: take text that is no valid Jinja as it stands, as dbt does with passwords.

        Raises:
            ConfigError: the text is no valid Jinja, or needs a variable that is not set.
        """
        if isinstance(value, date):
            return value.isoformat()
        if not isinstance(value, str) or "{" not in value:
            return value
        try:
            result: object = self._jinja.from_string(value).render()
            if isinstance(result, StrictUndefined):
                str(result)  # raises, naming what is undefined
        except MissingVariable as error:
            raise ConfigError(f"{where}: {error}") from None
        except (TemplateError, TypeError, ValueError) as error:
            if literal:
                return value
            raise ConfigError(f"{where}: cannot be rendered: {error}.") from None
        return result

    def _env_var(self, name: str, default: object = None) -> object:
        if name in self._environ:
            return self._environ[name]
        if default is not None:
            return default
        raise MissingVariable(
            f"environment variable {name} is not set; export it, or give env_var('{name}', …) a default."
        )

    def _var(self, name: str, default: object = _NO_DEFAULT) -> object:
        if name in self._vars:
            return self._vars[name]
        if default is not _NO_DEFAULT:
            return default
        raise MissingVariable(f"var('{name}') is not set; pass --vars '{{{name}: …}}', or give it a default.")
