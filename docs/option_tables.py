"""The tables of options.md, written from the definitions of the options: `python -m docs.option_tables`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from synth.column_options import ColumnOptions
from synth.declarations import ModelOptions
from synth.domain import OPTIONS
from synth.settings import ENVIRONMENT, RUN_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from synth.domain import Option
    from synth.validation import Strict

PAGE = Path(__file__).with_name("options.md")
TABLE = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """Return the page with each table, which a comment names, as the definitions have it today."""
    tables = {
        "twin": _of_options(OPTIONS),
        "run": _of_options(RUN_OPTIONS),
        "model": _of_keys(ModelOptions),
        "column": _of_keys(ColumnOptions),
        "environment": _table(
            ("variable", "what it decides"), ((f"`{name}`", text) for name, text in ENVIRONMENT.items())
        ),
    }
    return TABLE.sub(lambda place: f"{place[1]}{tables[place[2]]}{place[3]}", page)


def _of_options(options: Iterable[Option]) -> str:
    rows = ((_names(one), f"{one.help} Default: {one.default_text}.") for one in options)
    return _table(("key, flag, variable", "what it decides"), rows)


def _names(one: Option) -> str:
    flags = [one.flag, f"--no-{one.flag.removeprefix('--')}"] if one.is_switch else [one.flag]
    names = [one.name, *flags, one.variable] if one.has_flag else [one.name]
    return "<br>".join(f"`{name}`" for name in names)


def _of_keys(schema: type[Strict]) -> str:
    fields: Mapping[str, object] = {name: field.description for name, field in schema.model_fields.items()}
    return _table(("key", "what it decides"), ((f"`{name}`", str(text)) for name, text in fields.items()))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")
