"""Names of people, recognised by those that Faker knows."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from synth.columns.pii.what import IdentifierKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LOCALES = """
    ar_SA cs_CZ da_DK de_DE el_GR en_GB en_IN en_US es_ES fi_FI fr_FR hr_HR hu_HU it_IT ja_JP ko_KR nl_NL
    no_NO pl_PL pt_BR ro_RO ru_RU sv_SE tr_TR uk_UA zh_CN
"""
# Words around names that are none themselves.
AROUND = frozenset(
    word
    for words in (
        "dr mr mrs ms miss prof herr frau sr sra dott dhr mme ing dipl med jr ii iii iv phd md dds dvm mag",
        "de da del della di do dos du la le van von der den ter zu y e bin al el",
    )
    for word in words.split()
)
_WORD = re.compile(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*\.?")
_SHAPE = re.compile(r"[^\W\d_][^\d_@/\\:;|<>=+*%$#!?\[\]{}]{0,59}")
WORDS = 5  # that a name has at most
SHORTEST = 4  # letters of a word that is neither a code, a day nor a month


@dataclass(frozen=True, slots=True)
class KnownNames:
    """Given and family names, folded."""

    given_names: frozenset[str]
    family: frozenset[str]


@cache
def known_names() -> KnownNames:
    """Return the names of many countries; reading them takes a few tenths of a second, once."""
    given_names: set[str] = set()
    family: set[str] = set()
    for locale in LOCALES.split():
        provider = import_module(f"faker.providers.person.{locale}").Provider
        for attribute in dir(provider):
            target = (
                given_names
                if attribute.startswith("first_")
                else family
                if attribute.startswith("last_")
                else None
            )
            values = getattr(provider, attribute)
            if target is not None and not callable(values):
                target.update(fold(value) for value in values if isinstance(value, str))
    return KnownNames(frozenset(given_names), frozenset(family))


def fold(text: str) -> str:
    """Return in lower case and without accents, as names are compared."""
    plain = unicodedata.normalize("NFKD", text.lower())
    return "".join(character for character in plain if not unicodedata.combining(character))


def has_shape(text: str) -> bool:
    """Return whether `text` could be a name: a few words of letters."""
    return _SHAPE.fullmatch(text) is not None and len(text.split()) <= WORDS


def could_be_person(text: str) -> bool:
    """Return whether `text` is written as names of people are: a few words that begin large."""
    words = [word for word in _WORD.findall(text) if fold(word.rstrip(".")) not in AROUND]
    return (
        has_shape(text)
        and any(len(word) >= SHORTEST or word.lower() == word.upper() for word in words)
        and all(word[0].isupper() or not word.islower() for word in words)
    )


def parts(text: str) -> list[str]:
    """Return the folded words of a name without titles, particles and initials."""
    words = [fold(word.rstrip(".")) for word in _WORD.findall(text.replace("-", " "))]
    return [word for word in words if len(word) > 1 and word not in AROUND]


def is_known_name(text: str) -> bool:
    """Return whether `text` is a known name, or a given name beside something written as a surname."""
    names, words = known_names(), parts(text)
    if not words or not has_shape(text):
        return False
    if len(words) == 1:
        return words[0] in names.given_names or words[0] in names.family
    first = next((place for place, word in enumerate(words) if word in names.given_names), None)
    return first is not None and any(
        place != first and (word in names.family or text.istitle()) for place, word in enumerate(words)
    )


def looks_like(texts: Iterable[str]) -> tuple[float, float]:
    """Return the share of the different values that look like names, and the share that are known as such."""
    different = set(texts)
    if not different:
        return 0.0, 0.0
    shape_share = sum(map(has_shape, different)) / len(different)
    return shape_share, (sum(map(is_known_name, different)) / len(different) if shape_share > 0 else 0.0)


def kind_of(texts: Sequence[str]) -> IdentifierKind:
    """Return whether names are first names, surnames or full names."""
    votes = Counter[IdentifierKind]()
    names = known_names()
    for text in texts:
        words = parts(text)
        if len(words) > 1:
            votes[IdentifierKind.FULL_NAME] += 1
        elif words:
            votes[IdentifierKind.FIRST_NAME] += words[0] in names.given_names
            votes[IdentifierKind.LAST_NAME] += words[0] in names.family
    return votes.most_common(1)[0][0] if votes else IdentifierKind.FULL_NAME
