"""E-mail addresses that are made of the name beside them, where the real ones are."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from itertools import count, product
from typing import TYPE_CHECKING

import pyarrow as pa

from synth.columns.pii import IdentifierKind
from synth.domain import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from synth.columns.roles import Treatment

FEWEST = 20  # real addresses beside names, from which it is seen how they are made
MOST = 0.9  # share of them that is made so
SAMPLE = 2_000  # of them that are looked at
# How an address begins, by first name, surname, and what both begin with.
FORMS = (
    "{first}.{last}",
    "{first}_{last}",
    "{first}-{last}",
    "{first}{last}",
    "{initial}.{last}",
    "{initial}{last}",
    "{last}.{first}",
    "{last}_{first}",
    "{last}{first}",
    "{last}{initial}",
    "{first}{ending}",
    "{first}",
    "{last}",
)
NUMBER = re.compile(r"[._+-]?\d+$")
# What addresses have for letters that they lack: `Jörg` is `joerg` or, without marks, `jorg`.
WRITTEN_OUT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}
    | {"Å": "Aa", "Ø": "Oe", "Æ": "Ae"}
)
WITHOUT_MARKS = str.maketrans(
    {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "æ": "ae", "Æ": "Ae"}
)
LETTERS = (WITHOUT_MARKS, WRITTEN_OUT)


# How the letters of names are written in an address; where most do neither, they are small.
SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "small": str.lower,
    "as in names": str,
    "capital": str.upper,
}


@dataclass(frozen=True, slots=True)
class NamedMail:
    """The addresses in `column` begin with names as `form` says; `names` are the columns of these.

    Attributes:
        letters: what they have for letters that addresses lack.
    """

    column: str
    names: tuple[str, ...]
    form: str
    spelling: str = "small"
    letters: Mapping[int, str] = field(default_factory=lambda: WITHOUT_MARKS)

    def start(self, name: tuple[str, str]) -> str:
        """Return how the address of somebody begins."""
        return SPELLINGS[self.spelling](_start(self.form, name))


def with_named_mails(
    columns: Mapping[str, pa.Array], treatments: Sequence[Treatment], real: pa.Table, existing: pa.Table
) -> dict[str, pa.Array]:
    """Return the columns of a twin with addresses made of its names, as the real ones are of real names.

    A number tells apart what is an address already, in the twin or in the source. An address that is too long
    for its column stays as it was made up.

    Args:
        columns: of the twin, by name.
        treatments: of every column.
        real: real rows.
        existing: all values of columns that are made anew.
    """
    result = dict(columns)
    by_name = {one.column.name: one for one in treatments}
    for mail in named_mails(treatments, real):
        if not {mail.column, *mail.names} <= result.keys():
            continue
        real_mails = {text.lower() for text in _texts(existing.column(mail.column)) if text}
        length = by_name[mail.column].column.length
        names = zip(*(_texts(result[name]) for name in mail.names), strict=True)
        parts = (_first_and_last(name, mail.letters) for name in names)
        mails = _rename(_texts(result[mail.column]), parts, mail, real_mails)
        old = _texts(result[mail.column])
        pairs_that_fit = [
            before if new is None or (length and len(new) > length) else new
            for before, new in zip(old, mails, strict=True)
        ]
        result[mail.column] = pa.array(pairs_that_fit, result[mail.column].type)
    return result


def named_mails(treatments: Sequence[Treatment], real: pa.Table) -> list[NamedMail]:
    """Return the columns of addresses that are made of names, each with the form that most have."""
    names = {one.column.name: one.what for one in treatments if one.role is Role.NAME}
    firsts = [name for name, what in names.items() if what is IdentifierKind.FIRST_NAME]
    lasts = [name for name, what in names.items() if what is IdentifierKind.LAST_NAME]
    sources: list[tuple[str, ...]] = [*product(firsts, lasts)]
    sources += [(name,) for name, what in names.items() if what is IdentifierKind.FULL_NAME]
    mails = []
    for one in treatments:
        if one.role is Role.EMAIL and one.pattern is None:
            candidates = (_named_mail(real, one.column.name, source) for source in sources)
            mails += [mail for mail in candidates if mail is not None][:1]
    return mails


def _named_mail(real: pa.Table, column: str, names: tuple[str, ...]) -> NamedMail | None:
    """Return how the addresses of a column are made of these names, if they are."""
    rows = real.select([column, *names]).drop_null().slice(0, SAMPLE)
    people = [*zip(*(_texts(rows[name]) for name in names), strict=True)]
    starts = [NUMBER.sub("", (mail or "").rpartition("@")[0]) for mail in _texts(rows[column])]
    for letters in LETTERS:
        parts = (_first_and_last(person, letters) for person in people)
        pairs = [(start, part) for start, part in zip(starts, parts, strict=True) if start and part]
        for form in FORMS if len(pairs) >= FEWEST else ():
            beginnings = [(start, _start(form, part)) for start, part in pairs]
            if sum(start.lower() == name.lower() for start, name in beginnings) >= MOST * len(pairs):
                return NamedMail(column, names, form, _spelling(beginnings), letters)
    return None


def _spelling(beginnings: Sequence[tuple[str, str]]) -> str:
    """Return how addresses that begin with names write these."""
    for spelling, spell in SPELLINGS.items():
        if sum(start == spell(name) for start, name in beginnings) >= MOST * len(beginnings):
            return spelling
    return "small"


def _rename(
    mails: Sequence[str | None],
    names: Iterable[tuple[str, str] | None],
    form: NamedMail,
    real_mails: set[str],
) -> list[str | None]:
    """Return the addresses with other beginnings; None where there is no address, or no name."""
    used = set(real_mails)
    result: list[str | None] = []
    for mail, name in zip(mails, names, strict=True):
        if not mail or "@" not in mail or name is None:
            result.append(None)
            continue
        start, domain = form.start(name), mail.rpartition("@")[2]
        new = next(
            text
            for number in count(1)
            if (text := f"{start}{number if number > 1 else ''}@{domain}").lower() not in used
        )
        used.add(new.lower())
        result.append(new.upper() if mail.isupper() else new)
    return result


def _start(form: str, name: tuple[str, str]) -> str:
    first, last = name
    return form.format(first=first, last=last, initial=first[:1], ending=last[:1])


def _first_and_last(names: Sequence[str | None], letters: Mapping[int, str]) -> tuple[str, str] | None:
    """Return first name and surname as addresses have them; None where one is missing."""
    words = names if len(names) > 1 else _ends((names[0] or "").split())
    plain = [_plain(word or "", letters) for word in words]
    return (plain[0], plain[1]) if len(plain) > 1 and all(plain) else None


def _ends(words: Sequence[str]) -> list[str]:
    return [words[0], words[-1]] if len(words) > 1 else []


def _plain(word: str, letters: Mapping[int, str]) -> str:
    """Return a word in the letters of addresses."""
    composed = unicodedata.normalize("NFC", word.replace("ß", "ss"))
    return re.sub(r"[^A-Za-z0-9]", "", unicodedata.normalize("NFKD", composed.translate(letters)))


def _texts(values: pa.Array | pa.ChunkedArray) -> list[str | None]:
    texts: list[str | None] = values.cast(pa.string()).to_pylist()
    return texts
