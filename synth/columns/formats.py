"""What text keys look like, position by position, and random text that looks the same."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from string import ascii_lowercase, ascii_uppercase, digits
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from synth.domain import RARE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

SAMPLE = 20_000  # keys that the format is read from
HEXADECIMAL = ("abcdef", "ABCDEF")
CLASSES = (digits, ascii_lowercase, ascii_uppercase)

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Format:
    """Keys of one length: the characters that each position may hold, and how many keys were like that."""

    positions: tuple[str, ...]
    keys: int

    @property
    def room(self) -> float:
        """How many keys have this format."""
        return prod(float(len(position)) for position in self.positions)


@dataclass(frozen=True, slots=True)
class LooserFormat:
    """A way to make room: let constant digits or letters vary, or append digits."""

    digits: bool = False
    letters: bool = False
    longer: int = 0

    def apply(self, to: Format) -> Format:
        """Return a format with at least as much room."""
        positions = [self._widen(position) for position in to.positions]
        return Format((*positions, *[digits] * self.longer), to.keys)

    def _widen(self, position: str) -> str:
        if len(position) > 1:
            return position
        for characters in CLASSES:
            if position in characters and (self.digits if characters is digits else self.letters):
                return characters
        return position


# From the strictest on: what changes the look of keys least comes first.
LOOSENINGS = (
    LooserFormat(),
    LooserFormat(digits=True),
    *(LooserFormat(digits=True, longer=longer) for longer in range(1, 5)),
    *(LooserFormat(digits=True, letters=True, longer=longer) for longer in range(20)),
)


def texts_of(formats: Sequence[Format]) -> list[str]:
    """Return every text of the formats, once."""
    return list(dict.fromkeys("".join(text) for form in formats for text in product(*form.positions)))


def read_formats(keys: pa.ChunkedArray, limit: int | None) -> tuple[Format, ...]:
    """Return the formats of `keys`, most of which are alike; digits where there is no key to learn from.

    Args:
        keys: text without NULL.
        limit: how long a key may be.
    """
    sample = keys.slice(0, SAMPLE)
    lengths, sizes = np.unique(pc.utf8_length(sample).to_numpy(), return_counts=True)
    if not len(lengths):
        return (Format((digits,) * min(10, limit or 10), 1),)
    common = sizes >= min(RARE, sizes.max())
    return tuple(
        _format(sample.filter(pc.equal(pc.utf8_length(sample), length)), int(length))
        for length in lengths[common].tolist()
    )


def loosen(formats: Sequence[Format], looser: LooserFormat, limit: int | None) -> tuple[Format, ...]:
    """Return the formats with more room; those that would be too long are left out."""
    wider = (looser.apply(form) for form in formats)
    return tuple(form for form in wider if limit is None or len(form.positions) <= limit)


def draw_texts(formats: Sequence[Format], rows: int, rng: Rng) -> NDArray[np.object_]:
    """Return `rows` random keys, the formats mixed as they were found."""
    shares = np.array([form.keys for form in formats], float)
    sizes = rng.multinomial(rows, shares / shares.sum())
    return rng.permutation(
        np.concatenate([_draw(form, size, rng) for form, size in zip(formats, sizes, strict=True)])
    )


def _format(keys: pa.ChunkedArray, length: int) -> Format:
    points = np.array(keys.to_pylist(), f"U{max(length, 1)}").view(np.uint32).reshape(len(keys), -1)
    return Format(tuple(_alphabet(points[:, place]) for place in range(length)), len(keys))


def _alphabet(points: NDArray[np.uint32]) -> str:
    """Return the character that all keys share in a position, else all characters of its classes."""
    code_points, counts = np.unique(points, return_counts=True)
    letters = "".join(map(chr, code_points))
    if len(letters) == 1:
        return letters
    alphabet = "".join(_class(characters, letters) for characters in CLASSES)
    marks = [
        mark
        for mark, count in zip(letters, counts, strict=True)
        if count >= RARE and not any(mark in characters for characters in CLASSES)
    ]
    return alphabet + "".join(marks) or digits


def _class(characters: str, sample_text: str) -> str:
    """Return `characters` if any was seen; of letters only the hexadecimal ones, if no others were."""
    mine = {character for character in sample_text if character in characters}
    narrow = next((letters for letters in HEXADECIMAL if mine <= set(letters)), characters)
    return narrow if mine else ""


def _draw(form: Format, rows: int, rng: Rng) -> NDArray[np.object_]:
    length = len(form.positions)
    if not rows or not length:
        return np.full(rows, "", object)
    points = np.empty((rows, length), np.uint32)
    for place, position in enumerate(form.positions):
        alphabet = np.array([ord(character) for character in position], np.uint32)
        points[:, place] = alphabet[rng.integers(0, len(alphabet), rows)] if len(alphabet) > 1 else alphabet
    text: NDArray[Any] = points.view(f"U{length}").ravel()
    return text.astype(object)
