"""The last character of a code, where it follows from the digits before it: Luhn, EAN, ISBN and the like."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from synth.columns.pii.patterns import luhn_digit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Digits = Sequence[int]

# Codes that have to agree before a check counts as one: the tenth part of all codes does by chance, each.
FEWEST = 30
SAMPLE = 2_000
TEN = "0123456789X"  # how a remainder by 11 is written
SHORTEST = 4  # digits before the last character


@dataclass(frozen=True, slots=True)
class CheckCharacter:
    """What the last character of a code follows from.

    Attributes:
        character: of the digits before it; "" where they have none.
        room: of so many codes one has the right last character.
        skip: how many characters at the beginning are not checked, such as those of a series.
    """

    character: Callable[[Digits], str]
    room: int
    skip: int = 0

    def holds(self, text: str) -> bool:
        """Return whether the last character of a text is the right one."""
        digits = _digits(text[self.skip : -1])
        return len(digits) >= SHORTEST and self.character(digits) == text[-1:]

    def put_right(self, text: str) -> str:
        """Return the text with the right last character; "" where it has none."""
        character = self.character(_digits(text[self.skip : -1]))
        return text[:-1] + character if character else ""


def check_of(texts: Sequence[str]) -> CheckCharacter | None:
    """Return the check that all of the codes pass, if they are enough to say so.

    What all of them begin with may be no part of it: `U1` of `U17000342`.
    """
    sample = texts[:SAMPLE]
    if len(sample) < FEWEST:
        return None
    prefix = _beginning_of_all(sample)
    skips = [0, *(place for place, one in enumerate(prefix, 1) if one.isdigit())]
    checks = (replace(check, skip=skip) for skip in skips for check in CHECKS)
    return next((check for check in checks if all(map(check.holds, sample))), None)


def _beginning_of_all(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((place for place, (one, other) in pairs if one != other), len(first))]


def _digits(text: str) -> list[int]:
    return [int(character) for character in text if "0" <= character <= "9"]


def _luhn(digits: Digits) -> str:
    return str(int(luhn_digit(np.array([digits]))[0]))


def _sum_by(weights: Sequence[int], modulus: int, *, complement: bool) -> Callable[[Digits], str]:
    """Return the remainder of the digits from the last one on, times the weights, or what it lacks."""

    def character(digits: Digits) -> str:
        total = sum(digit * weight for digit, weight in zip(reversed(digits), cycle(weights), strict=False))
        return TEN[(-total if complement else total) % modulus]

    return character


def _from_the_left(digits: Digits) -> str:
    """Return the remainder by 11 of the digits times their places, as ISBN-10 has it."""
    return TEN[sum(place * digit for place, digit in enumerate(digits, 1)) % 11]


def _remainder(modulus: int) -> Callable[[Digits], str]:
    return lambda digits: TEN[int("".join(map(str, digits))) % modulus]


# Sources: ISO/IEC 7812-1 (Luhn), GS1 General Specifications (EAN), ISO 2108 (ISBN-10), and plain remainders.
CHECKS = (
    CheckCharacter(_luhn, 10),
    CheckCharacter(_sum_by((3, 1), 10, complement=True), 10),
    CheckCharacter(_sum_by(range(2, 8), 11, complement=True), 11),
    CheckCharacter(_sum_by(range(2, 11), 11, complement=True), 11),
    CheckCharacter(_from_the_left, 11),
    *(CheckCharacter(_remainder(modulus), modulus) for modulus in (7, 9, 11)),
    CheckCharacter(_sum_by((1,), 10, complement=False), 10),
    CheckCharacter(_sum_by((1,), 10, complement=True), 10),
)
