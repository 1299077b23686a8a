"""What a column holds, by its name and by the values of its training rows together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.pii import people
from synth.columns.pii.lexicon import Said, read_name
from synth.columns.pii.patterns import MATCHERS, digits_of, embedded, is_dialled, luhn, share
from synth.columns.pii.what import NAMES, What
from synth.domain import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.domain import Column

SAMPLE = 2_000  # values that are looked at
MOST = 0.8  # share of them that makes a column
CHECKED = 0.95  # where nothing but a check digit speaks for it, which one in ten passes by chance
HALF = 0.5  # where the column's name says so, too
PEOPLE = 0.4  # share of different values that are known names, where the column's name is about people
NOTHING_BUT_PEOPLE = 0.6  # where it is not
SOME = 0.2  # share from which labels that are called names may be those of people; nouns reach half of it
FEWEST = 5  # different values that can tell names of people from labels
SPACES, LENGTH = 2, 40  # means beyond which text is prose
CARD_DIGITS = range(13, 20)
EXACT = 2**53  # whole numbers that a float holds
# What has to be named so and is digits of these lengths where a column is of numbers.
NUMBERED = {
    What.PHONE: range(7, 16),
    What.SSN: range(6, 10),
    What.CARD: range(12, 20),
    What.NUMBER: range(5, 20),
}


@dataclass(frozen=True, slots=True)
class Found:
    """What a column holds, and how that was seen; `what` is None where that is not known.

    Attributes:
        doubt: why somebody should have a look, as the end of a sentence about the column.
    """

    what: What | None
    seen: str = ""
    doubt: str = ""


def detect(column: Column, values: pa.ChunkedArray) -> Found | None:
    """What the column holds that leads to people; None where nothing says that it does.

    Args:
        column: its name is read in four languages.
        values: of training rows, in an order that has nothing to do with them.
    """
    said = read_name(column.name)
    if column.kind in {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}:
        return Found(What.BIRTH, "name") if said.what is What.BIRTH else None
    if column.kind in {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT}:
        return _in_numbers(column, said, values)
    if column.kind is not Kind.TEXT:
        return None
    texts = [text for text in map(str.strip, sample(values)) if text]
    return _in_texts(said, texts) if texts else None


def sample(values: pa.ChunkedArray) -> list[str]:
    """Some of the texts that are not NULL."""
    present = values.drop_null()
    texts: list[str] = present.slice(0, SAMPLE).to_pylist()
    return texts


def _in_texts(said: Said, texts: Sequence[str]) -> Found | None:
    what = _by_form(said, texts)
    if what is not None:
        return Found(what, "name and values" if what is said.what else "values")
    if said.what in BY_NAME:
        return Found(said.what, "name")
    return _of_people(said, texts) or (Found(What.NOTE, "values") if _is_prose(texts) else None)


def _by_form(said: Said, texts: Sequence[str]) -> What | None:
    """What most values have the form of; a looser one counts where the column's name says so, too."""
    for what, matches in MATCHERS.items():
        if share(matches, texts) >= (HALF if what is said.what else MOST):
            versions = what is What.IP and said.what is not What.IP and _are_versions(texts)
            return None if versions else what
    looser = LOOSER.get(said.what) if said.what else None
    return said.what if looser and share(looser, texts) >= MOST else None


def _are_versions(texts: Sequence[str]) -> bool:
    """Whether dotted numbers are versions: no part goes beyond what versions are counted to."""
    parts = (part for text in texts for part in text.split("."))
    return all(part.isdigit() and len(part) <= 2 for part in parts)  # noqa: PLR2004 - digits of a part


def _is_number(text: str) -> bool:
    plain = text.replace(" ", "").replace("-", "")
    return 2 * len(digits_of(plain)) >= len(plain) > 5  # noqa: PLR2004 - shorter ones identify nobody


# What values look like that are called so; the forms of `MATCHERS` are those that need no name.
LOOSER = {What.PHONE: is_dialled, What.CARD: _is_number, What.SSN: _is_number, What.IBAN: _is_number}
BY_NAME = frozenset({What.STREET, What.POSTCODE, What.CITY, What.LOGIN, What.TOKEN, What.NUMBER, What.NOTE})


def _is_prose(texts: Sequence[str]) -> bool:
    spaces = sum(len(text.split()) - 1 for text in texts) / len(texts)
    length = sum(map(len, texts)) / len(texts)
    return spaces > SPACES or (length > LENGTH and spaces >= 1)


def _of_people(said: Said, texts: Sequence[str]) -> Found | None:
    """Names are replaced where the column's name and its values say so, and a doubt where only one does."""
    named = said.what in NAMES
    if not named and (said.thing or len(set(texts)) < FEWEST or share(people.has_shape, texts) < MOST):
        return None
    shaped, known = people.looks_like(texts)
    if (named and shaped >= MOST) or ((named or said.person) and known >= PEOPLE):
        sure = said.what in {What.FIRST_NAME, What.LAST_NAME}
        return Found(said.what if sure else people.kind_of(texts), "name and values")
    doubt = _doubt(said, known, named=named)
    return Found(None if named else people.kind_of(texts), "values", doubt) if doubt else None


def _doubt(said: Said, known: float, *, named: bool) -> str:
    """Why the user must say whether these are names of people; nothing if they are not."""
    if named:
        return "is called as if it held names of people, which its values do not look like"
    if said.person and known >= SOME:
        return "is called as if it held names of people, of which few are known"
    if known >= NOTHING_BUT_PEOPLE:
        return "seems to hold names of people, though its name does not say so"
    return ""


def _in_numbers(column: Column, said: Said, values: pa.ChunkedArray) -> Found | None:
    """Numbers are identifiers by their name and their digits, or as card numbers, which check themselves."""
    present = values.drop_null().slice(0, SAMPLE)
    if pa.types.is_floating(present.type):
        whole = pc.and_(pc.equal(pc.floor(present), present), pc.less(pc.abs(present), EXACT))
        present = present.filter(whole).cast(pa.int64())
    digits = [str(number) for number in present.to_pylist() if number > 0]
    if not digits:
        return None
    if len(digits) >= FEWEST and share(_is_card, digits) >= CHECKED:
        return Found(What.CARD, "values")
    lengths = NUMBERED.get(said.what) if said.what else None
    if lengths is not None and share(lambda d: len(d) in lengths, digits) >= MOST:
        if column.kind is Kind.FLOAT:
            return Found(None, "name and values", f"seems to hold {said.what}, but as floating-point numbers")
        return Found(said.what, "name and values")
    return Found(What.POSTCODE, "name") if said.what is What.POSTCODE else None


def _is_card(digits: str) -> bool:
    return len(digits) in CARD_DIGITS and digits[0] in "23456" and luhn(digits)


def mentions(values: pa.ChunkedArray, *, fewest: int) -> What | None:
    """What leads to a person within labels that at least `fewest` rows share, such as an e-mail address."""
    counted = pc.value_counts(values.drop_null())
    shared = counted.field("values").filter(pc.greater_equal(counted.field("counts"), fewest))
    return next((what for text in shared.to_pylist() if (what := embedded(text)) is not None), None)
