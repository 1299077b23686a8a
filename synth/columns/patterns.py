"""Text that matches a regular expression which a test or constraint states, position by position.

What is read is what patterns of codes and numbers are made of: characters, classes of characters, groups with
alternatives, and how often each comes. Whatever else stands in a pattern makes it unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import product
from string import ascii_letters, digits
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from synth.columns.formats import Format, draw_texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    Positions: TypeAlias = tuple[str, ...]

NAMED_CLASSES = {
    "[:digit:]": "0-9",
    "[:alpha:]": "a-zA-Z",
    "[:alnum:]": "a-zA-Z0-9",
    "[:upper:]": "A-Z",
    "[:lower:]": "a-z",
    "[:xdigit:]": "0-9a-f",
    "[:space:]": " ",
}
ESCAPES = {"d": digits, "w": ascii_letters + digits, "s": " "}
PRINTABLE = digits + ascii_letters
MARKS = frozenset(".^$*+?{}[]()|\\")
TIMES = re.compile(r"\{(\d+)(,?)(\d*)\}")
OPEN = 6  # times that something comes where the pattern sets no limit
ANYTHING = (PRINTABLE,) * OPEN  # where the pattern is about a part of the text
MOST_FORMATS = 400  # of one pattern
LONGEST = 400  # characters
OF_CHARACTERS = re.compile(r"\^\[[^\]]+\][*+]\$")  # says which characters may stand anywhere
TRIES = 20  # texts by which it is seen whether a format fits all expressions


class UnreadablePatternError(ValueError):
    """A pattern has something in it that is not read."""


@dataclass(frozen=True, slots=True)
class TextPattern:
    """Regular expressions that all text of a column matches, and how such text may be written."""

    expressions: tuple[str, ...]
    formats: tuple[Format, ...]

    def fits(self, text: str) -> bool:
        """Return whether the text matches all of them."""
        return all(re.search(one, text) for one in self.expressions)

    def fits_often(self, form: Format) -> bool:
        """Return whether texts of a format match: at least half of some."""
        texts = draw_texts((form,), TRIES, np.random.default_rng(0))
        return 2 * sum(map(self.fits, texts)) >= TRIES

    @property
    def is_loose(self) -> bool:
        """Whether any character may stand in every place, so that it is about the length alone."""
        return all(set(PRINTABLE) <= set(place) for one in self.formats for place in one.positions)

    def beginning_with_zeros(self, count: int) -> TextPattern:
        """Return it with zeros in the first `count` positions that may hold any digit, where that fits."""
        formats = tuple(replace(one, positions=_with_zeros(one.positions, count)) for one in self.formats)
        return replace(self, formats=formats)


def read_pattern(*expressions: str, limit: int | None = None) -> TextPattern | None:
    """Return the pattern that expressions are together; None where none can be read, or is for longer texts.

    Text is written as the narrowest of them says, without the characters and lengths that others exclude.

    Args:
        expressions: regular ones, as Postgres' operator `~` takes them.
        limit: how long a text may be.
    """
    readable = [pattern for one in dict.fromkeys(expressions) if (pattern := _read_one(one, limit))]
    if not readable:
        return None
    if len(readable) == 1:
        return readable[0]
    together = tuple(one.expressions[0] for one in readable)
    for one in sorted(readable, key=lambda one: sum(form.room for form in one.formats)):
        pattern = TextPattern(together, one.formats)
        formats = tuple(filter(pattern.fits_often, _of_allowed(pattern)))
        if formats:
            return replace(pattern, formats=formats)
    return None


def _read_one(expression: str, limit: int | None) -> TextPattern | None:
    for name, characters in NAMED_CLASSES.items():
        expression = expression.replace(name, characters)
    try:
        sequences = _Reader(expression).read()
        re.compile(expression)
    except (UnreadablePatternError, re.error):
        return None
    formats = [Format(one, 1) for one in dict.fromkeys(sequences) if one and len(one) <= (limit or LONGEST)]
    return TextPattern((expression,), tuple(formats)) if formats else None


def _of_allowed(pattern: TextPattern) -> list[Format]:
    """Return the formats without characters that an expression about all characters excludes."""
    classes = [one for one in pattern.expressions if OF_CHARACTERS.fullmatch(one)]
    formats = []
    for form in pattern.formats:
        positions = tuple(
            "".join(c for c in place if all(re.search(one, c) for one in classes)) for place in form.positions
        )
        if all(positions):
            formats.append(replace(form, positions=positions))
    return formats


def _with_zeros(positions: Positions, count: int) -> Positions:
    free = [place for place, characters in enumerate(positions) if set(digits) <= set(characters)][:count]
    return tuple("0" if place in free else characters for place, characters in enumerate(positions))


class _Reader:
    """Reads an expression from left to right; each part is all the sequences of classes that it may be."""

    def __init__(self, expression: str) -> None:
        self.text, self.place = expression.removeprefix("^"), 0
        self.before = () if expression.startswith("^") else ANYTHING
        self.after = ANYTHING
        if self.text.endswith("$") and not self.text.endswith("\\$"):
            self.text, self.after = self.text[:-1], ()

    def read(self) -> list[Positions]:
        """Return the sequences of the whole expression.

        Raises:
            UnreadablePatternError: something in it is not read.
        """
        sequences = self._alternatives()
        if self.place < len(self.text):
            raise UnreadablePatternError
        return [(*self.before, *one, *self.after) for one in sequences]

    def _alternatives(self) -> list[Positions]:
        sequences = self._sequence()
        while self._next() == "|":
            self.place += 1
            sequences = [*sequences, *self._sequence()]
        return sequences

    def _sequence(self) -> list[Positions]:
        sequences: list[Positions] = [()]
        while self._next() not in {"", "|", ")"}:
            part = self._part()
            low, high = self._times()
            sequences = _join([sequences, [more for n in range(low, high + 1) for more in _power(part, n)]])
        return sequences

    def _part(self) -> list[Positions]:
        character = self._take()
        match character:
            case "(":
                if self.text.startswith("?:", self.place):
                    self.place += 2
                sequences = self._alternatives()
                self._expect(")")
                return sequences
            case "[":
                return [(self._class(),)]
            case "\\":
                return [(self._escape(),)]
            case ".":
                return [(PRINTABLE,)]
            case _:
                pass
        if character in MARKS:
            raise UnreadablePatternError
        return [(character,)]

    def _escape(self) -> str:
        character = self._take()
        if character in ESCAPES:
            return ESCAPES[character]
        if character.isalnum():
            raise UnreadablePatternError
        return character

    def _class(self) -> str:
        is_negated = self._next() == "^"
        self.place += is_negated
        characters = ""
        while self._next() != "]" or not characters:
            start = self._take()
            one = self._escape() if start == "\\" else start
            if len(one) == 1 and self._next() == "-" and self.text[self.place + 1 : self.place + 2] != "]":
                self.place += 1
                one = "".join(map(chr, range(ord(one), ord(self._take()) + 1)))
            characters += one
        self.place += 1
        if is_negated:
            characters = "".join(one for one in PRINTABLE if one not in characters)
        if not characters:
            raise UnreadablePatternError
        return "".join(dict.fromkeys(characters))

    def _times(self) -> tuple[int, int]:
        """Return how often a part comes, at least and at most."""
        sign = self._next()
        match = TIMES.match(self.text, self.place)
        if match:
            self.place = match.end()
            low = int(match[1])
            high = int(match[3]) if match[3] else max(low, OPEN) if match[2] else low
        elif sign in {"?", "*", "+"}:
            self.place += 1
            low, high = {"?": (0, 1), "*": (OPEN, OPEN), "+": (OPEN, OPEN)}[sign]
        else:
            return 1, 1
        if high > LONGEST or self._next() in {"?", "+"}:
            raise UnreadablePatternError
        return low, high

    def _next(self) -> str:
        return self.text[self.place : self.place + 1]

    def _take(self) -> str:
        character = self._next()
        if not character:
            raise UnreadablePatternError
        self.place += 1
        return character

    def _expect(self, character: str) -> None:
        if self._take() != character:
            raise UnreadablePatternError


def _power(part: list[Positions], times: int) -> list[Positions]:
    return _join([part] * times)


def _join(parts: Iterable[list[Positions]]) -> list[Positions]:
    """Return every sequence that has one of each part.

    Raises:
        UnreadablePatternError: these are too many, or too long.
    """
    sequences: list[Positions] = [()]
    for part in parts:
        sequences = [(*one, *other) for one, other in product(sequences, part)]
        if len(sequences) > MOST_FORMATS or any(len(one) > LONGEST for one in sequences):
            raise UnreadablePatternError
    return sequences
