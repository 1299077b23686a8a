"""The words of names, also of those that are run together: `driverid` beside a model `drivers`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

IDENTIFIERS = frozenset({"id", "key", "uuid", "guid", "pk", "fk", "sk"})  # last words of what names a thing
NUMBERS = frozenset({"no", "nr", "num", "number", "ref", "reference", "serial", "nummer", "numero"})
SHORTEST = 3  # letters of a word by which others are split; shorter ones are in too many
SHORTEST_OF_COLUMNS = 4  # of columns, which are called `val` and `sol` more often than models are
LAYERS = frozenset({"stg", "int", "dim", "fct", "fact", "raw", "src", "base", "mart", "tmp", "snap", "agg"})


# Words as many warehouses shorten them: `first_nm`, `cust_no`.
SHORT_WORDS = {
    "acct": "account",
    "addr": "address",
    "amt": "amount",
    "cd": "code",
    "cust": "customer",
    "descr": "description",
    "dt": "date",
    "emp": "employee",
    "frst": "first",
    "lst": "last",
    "mgr": "manager",
    "nm": "name",
    "nme": "name",
    "qty": "quantity",
    "usr": "user",
}


def plain_words(name: str) -> list[str]:
    """Return the words of `user_id`, `userId`, `UserID` and `usr-id`, in lower case and full length.

    Beside a `yes` or another `no`, as in `smoking_no_cancer_no`, a `no` is an answer, and no number.
    """
    words = [SHORT_WORDS.get(word, word) for word in _words_as_written(name)]
    has_answers = "yes" in words or words.count("no") > 1
    return ["not" if word == "no" and has_answers else word for word in words]


def _words_as_written(name: str) -> list[str]:
    apart = re.sub(r"([a-z0-9])([A-Z])|([A-Z]+)(?=[A-Z][a-z])", r"\1\3_\2", name)
    return [word for word in re.split(r"[\W_]+", apart.casefold()) if word]


def with_article(name: str) -> str:
    """Return a name behind `a` or `an`, by its sound: an offering_id, a user_id, an hour."""
    word = name.lower()
    vowel = word.startswith(tuple("aeiou")) and not re.match(
        r"uni(?!n|m)|us[aeiu]|ut[ei]|eu|one(?![a-z])|once", word
    )
    return (
        f"{'an' if vowel or word.startswith(('hour', 'heir', 'honest', 'honor', 'honour')) else 'a'} {name}"
    )


def entity_words(models: Iterable[str] = (), columns: Iterable[str] = ()) -> frozenset[str]:
    """Return the vocabulary of a project: the words of its models and columns, singular and plural.

    Of a model `stg_driver_standings` and a column `race_id` it is driver, drivers, standing, standings, race
    and races. Words that say in which layer a model is, or that something is an identifier, name no entity.
    """
    return _forms(models, SHORTEST) | _forms(columns, SHORTEST_OF_COLUMNS)


def split_words(name: str, vocabulary: Collection[str] = ()) -> list[str]:
    """Return the words of a name, those that are run together apart.

    A word is split only into words of the vocabulary, with one of an identifier before or behind them:
    `driverid` where drivers are known; `grid`, `paid` and `valid` never, unless something is called so.
    """
    return [part for word in plain_words(name) for part in _parts(word, vocabulary)]


def is_identifier(name: str, vocabulary: Collection[str] = ()) -> bool:
    """Return whether a column called `name` holds identifiers, as `id`, `userId`, `id_user`, `userid` do."""
    words = split_words(name, vocabulary)
    return bool(words) and (words[-1] in IDENTIFIERS or words[0] == "id")


def is_numbering(name: str, vocabulary: Collection[str] = ()) -> bool:
    """Return whether a column is called a number or reference of something, as `ledger_no` is."""
    words = split_words(name, vocabulary)
    return len(words) > 1 and words[-1] in NUMBERS


def _parts(word: str, vocabulary: Collection[str]) -> list[str]:
    for ending in sorted(IDENTIFIERS | NUMBERS, key=len, reverse=True):
        stem = _words_within(word.removesuffix(ending), vocabulary) if word.endswith(ending) else None
        if stem:
            return [*stem, ending]
    stem = _words_within(word.removeprefix("id"), vocabulary) if word.startswith("id") else None
    return ["id", *stem] if stem else [word]


def _words_within(text: str, vocabulary: Collection[str]) -> list[str] | None:
    """Return the words of the vocabulary that make up the text, as few as possible.

    None where they do not.
    """
    ends: dict[int, list[str]] = {0: []}
    for end in range(SHORTEST, len(text) + 1):
        ways = (
            [*ends[start], text[start:end]]
            for start in range(end - SHORTEST + 1)
            if start in ends and text[start:end] in vocabulary
        )
        shortest = min(ways, key=len, default=None)
        if shortest is not None:
            ends[end] = shortest
    return ends.get(len(text)) or None


def _forms(names: Iterable[str], shortest: int) -> frozenset[str]:
    every = {word for name in names for word in (*_words_as_written(name), *plain_words(name))}
    words = every - IDENTIFIERS - NUMBERS - LAYERS
    forms = {form for word in words for form in (word, *_singular(word), _plural(word))}
    return frozenset(form for form in forms if len(form) >= shortest and form.isalpha())


def _singular(word: str) -> tuple[str, ...]:
    if word.endswith("ies"):
        return (f"{word[:-3]}y",)
    if word.endswith("es"):
        return word[:-2], word[:-1]
    return (word[:-1],) if word.endswith("s") and not word.endswith("ss") else ()


def _plural(word: str) -> str:
    if word.endswith("y"):
        return f"{word[:-1]}ies"
    return word if word.endswith("s") else f"{word}s"
