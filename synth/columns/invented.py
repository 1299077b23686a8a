"""Names and addresses of nobody in particular, put together from Faker's parts."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Rng = np.random.Generator

LOCALE = "en_US"
BEGINNINGS = ("B", "D", "F", "G", "H", "J", "K", "L", "M", "N", "P", "R", "S", "T", "V")
MIDDLES = ("ra", "li", "no", "mi", "ve", "so", "da", "ku", "re", "ta", "lo", "ni")
GIVEN_NAME_ENDINGS, FAMILY = (
    ("a", "o", "in", "ela", "is", "ani"),
    ("sen", "mann", "ovan", "wick", "ides", "ari"),
)
HOUSES = 9_999  # house numbers go up to here


def first_names(rows: int, rng: Rng, invent: bool) -> list[str]:
    """Return given names; with `invent` such that nobody is known to have."""
    return _syllables(rows, rng, GIVEN_NAME_ENDINGS) if invent else _draw(_person("first_names"), rows, rng)


def last_names(rows: int, rng: Rng, invent: bool) -> list[str]:
    """Return family names; with `invent` such that nobody is known to have."""
    return _syllables(rows, rng, FAMILY) if invent else _draw(_person("last_names"), rows, rng)


def full_names(rows: int, rng: Rng, invent: bool) -> list[str]:
    """Return a given and a family name, drawn independently."""
    return _join(first_names(rows, rng, False), last_names(rows, rng, invent))


def firms(endings: list[str], rows: int, rng: Rng, invent: bool) -> list[str]:
    """Return family names with one of the endings."""
    return _join(last_names(rows, rng, invent), _draw(np.array(endings, object), rows, rng))


def streets(rows: int, rng: Rng) -> list[str]:
    """Return house number and street."""
    roads = _join(last_names(rows, rng, False), _draw(_suffixes("street_suffixes"), rows, rng))
    return _join(rng.integers(1, HOUSES, rows).astype(str).tolist(), roads)


def cities(rows: int, rng: Rng) -> list[str]:
    """Return towns that take their names from families."""
    endings = _draw(_suffixes("city_suffixes"), rows, rng)
    return [name + ending for name, ending in zip(last_names(rows, rng, False), endings, strict=True)]


@cache
def _person(attribute: str) -> NDArray[np.object_]:
    provider = import_module(f"faker.providers.person.{LOCALE}").Provider
    return _words(getattr(provider, attribute))


@cache
def _suffixes(attribute: str) -> NDArray[np.object_]:
    return _words(getattr(import_module(f"faker.providers.address.{LOCALE}").Provider, attribute))


def _words(values: Any) -> NDArray[np.object_]:
    return np.array(sorted(set(values)), object)


def _draw(words: NDArray[np.object_], rows: int, rng: Rng) -> list[str]:
    sample: list[str] = words[rng.integers(0, len(words), rows)].tolist()
    return sample


def _join(firsts: list[str], seconds: list[str]) -> list[str]:
    return [f"{one} {other}" for one, other in zip(firsts, seconds, strict=True)]


def _syllables(rows: int, rng: Rng, endings: tuple[str, ...]) -> list[str]:
    starts, ends = rng.integers(0, len(BEGINNINGS), rows), rng.integers(0, len(endings), rows)
    middles = rng.integers(0, len(MIDDLES), (rows, 5))
    lengths = rng.integers(1, 6, rows)
    return [
        BEGINNINGS[start] + "".join(MIDDLES[i] for i in middle[:length]) + endings[end]
        for start, middle, length, end in zip(starts, middles, lengths, ends, strict=True)
    ]
