"""What text keys look like, position by position, and random text that looks the same."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from string import ascii_lowercase, ascii_uppercase, digits
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth.domain import RARE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

SAMPLE = 20_000  # keys that the format is read from
MOST_COVERED = 0.5  # share of the keys; where marks stand says nothing if fewer are alike in that
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
        for characters in CLASSES:
            if {*position} <= {*characters} and (self.digits if characters is digits else self.letters):
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
    if not len(sample):
        return (Format((digits,) * min(10, limit or 10), 1),)
    shapes = pc.replace_substring_regex(sample, "[0-9A-Za-z]", "x")  # the length, and where marks stand
    formats = _common_formats(sample, shapes)
    if sum(form.keys for form in formats) < MOST_COVERED * len(sample):
        return _common_formats(sample, pc.utf8_length(sample))
    return formats


def _common_formats(sample: pa.ChunkedArray, shapes: pa.ChunkedArray) -> tuple[Format, ...]:
    """Return a format for each shape that is that of enough keys, and of the commonest in any case."""
    counts = shapes.value_counts()
    sizes = counts.field("counts").to_numpy(zero_copy_only=False)
    common = counts.field("values").filter(pa.array(sizes >= min(RARE, sizes.max())))
    parts = [sample.filter(pc.equal(shapes, shape)) for shape in common.take(pc.array_sort_indices(common))]
    return tuple(_format(part, len(part[0].as_py())) for part in parts)


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
    common = {letter for letter, count in zip(letters, counts, strict=True) if count >= RARE}
    alphabet = "".join(_class(characters, letters, common, len(points)) for characters in CLASSES)
    marks = [mark for mark in sorted(common) if not any(mark in characters for characters in CLASSES)]
    return alphabet + "".join(marks) or digits


def _class(characters: str, sample_text: str, common: Collection[str], keys: int) -> str:
    """Return `characters` if any was seen; of letters only the hexadecimal ones, if no others were.

    Of enough keys letters are those that are common: as no chassis number has an O.
    """
    mine = {character for character in sample_text if character in characters}
    if characters is not digits and keys >= RARE * len(characters) and mine & {*common}:
        return "".join(sorted(mine & {*common}))
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
