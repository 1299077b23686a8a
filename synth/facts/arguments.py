"""The arguments of one test as SQL, or the reason why they are none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synth.facts.references import resolve
from synth.project.manifest import fold

if TYPE_CHECKING:
    from synth.project.manifest import DataTest, Manifest, Node

IDENTIFIER = re.compile(r'"(?:[^"]|"")+"|[^\W\d]\w*')
_JINJA = re.compile(r"\{[{%#]")
_COMPARISON = re.compile(r"[<>!~]|\b(and|or|not|is|in|like|between|case)\b|--", re.IGNORECASE)
_WORDS = frozenset({"true", "false", "null"})
_SUBQUERY = re.compile(r"\bselect\b", re.IGNORECASE)


class UnusableError(Exception):
    """A test states nothing that the twin could be held to; the text is the end of a sentence: why."""


@dataclass(frozen=True, slots=True)
class TestArguments:
    """What a test was given, each argument in the words of its macro."""

    test: DataTest
    manifest: Manifest

    @property
    def column(self) -> str:
        """The column that the test is about, as its SQL names it."""
        if not self.test.column:
            raise UnusableError("it names no column")
        return sql(self.test.column).strip()

    @property
    def name(self) -> str:
        """The folded name of that column; "" for an expression."""
        return plain(self.test.column or "")

    @property
    def condition(self) -> str:
        """The rows that the test is about, as `where` and `row_condition` say; "" for all."""
        conditions = (self.test.config.get("where"), self.test.arguments.get("row_condition"))
        return " and ".join(f"({sql(text)}\n)" for text in conditions if text)

    @property
    def groups(self) -> str:
        """What rows are grouped by."""
        columns = self.test.arguments.get("group_by") or self.test.arguments.get("group_by_columns") or []
        return ", ".join(map(sql, columns if isinstance(columns, list) else [columns]))

    def has(self, name: str) -> bool:
        """Return whether the argument is given."""
        return self.test.arguments.get(name) is not None

    def text(self, *names: str, default: str | None = None) -> str:
        """Return the argument, by the first of its names that is given, as SQL."""
        for name in names:
            if self.has(name):
                return sql(self.test.arguments[name])
        if default is None:
            raise UnusableError(f"it has no {names[0]}")
        return default

    def flag(self, name: str, *, default: bool) -> bool:
        """Return the argument as true or false."""
        value = self.test.arguments.get(name, default)
        return str(value).strip().lower() in {"true", "1", "yes"}

    def texts(self, *names: str) -> tuple[str, ...]:
        """Return the entries of a list, each as SQL and none of them quoted."""
        value = next((self.test.arguments[name] for name in names if self.has(name)), None)
        if not isinstance(value, list) or not value:
            raise UnusableError(f"it lists no {names[0]}")
        return tuple(sql(item) for item in value)

    def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return the entries of a list of pairs."""
        value = self.test.arguments.get(name)
        if not isinstance(value, list) or not all(isinstance(p, list) and len(p) == 2 for p in value):  # noqa: PLR2004 - a pair
            raise UnusableError(f"it lists no {name}")
        return tuple((sql(first), sql(second)) for first, second in value)

    def model(self, name: str) -> Node:
        """Return the model that the argument refers to."""
        text = str(self.test.arguments.get(name) or "")
        node = resolve(self.manifest, text, self.test.parents, self.test.attached_node)
        if node is None:
            raise UnusableError(f"its {name} is no model of this project")
        return node


def sql(value: object) -> str:
    """Return a value as dbt writes it into a test's SQL.

    Raises:
        UnusableError: it still has to be rendered, or reads other tables.
    """
    text = str(value)
    if _JINJA.search(text):
        raise UnusableError("an argument holds Jinja")
    if _SUBQUERY.search(text):
        raise UnusableError("an argument holds a subquery")
    return text


def equation(condition: str) -> tuple[tuple[str, str], ...]:
    """Return the columns that a condition fixes, each with its value; () for any other condition."""
    sides = [side.strip() for side in condition.split("=")]
    if len(sides) != 2 or _COMPARISON.search(condition):  # noqa: PLR2004 - two sides
        return ()
    return tuple(
        (plain(column), other)
        for column, other in (sides, reversed(sides))
        if IDENTIFIER.fullmatch(column) and plain(column) not in _WORDS
    )


def plain(column: str) -> str:
    """Return the folded name that `column` is; "" where it is an expression."""
    return fold(column) if IDENTIFIER.fullmatch(column.strip()) else ""
