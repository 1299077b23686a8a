"""What a column holds, by its name and by the values of its training rows together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.pii import people
from synth.columns.pii.lexicon import NameHint, read_beside, read_name
from synth.columns.pii.patterns import MATCHERS, digits_of, find_embedded, is_dialled, luhn, share
from synth.columns.pii.what import NAMES, IdentifierKind
from synth.domain import MOMENTS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from synth.domain import Column

SAMPLE = 2_000  # values that are looked at
MOST = 0.8  # share of them that makes a column
CHECK_DIGIT_SHARE = 0.95  # where nothing but a check digit speaks for it, which one in ten passes by chance
HALF = 0.5  # where the column's name says so, too
PEOPLE = 0.4  # share of different values that are known names, where the column's name is about people
NOTHING_BUT_PEOPLE = 0.6  # where it is not
SOME = 0.2  # share from which labels that are called names may be those of people; nouns reach half of it
FEWEST = 5  # different values that can tell names of people from labels
SPACES, LENGTH = 2, 40  # means beyond which text is prose
CARD_DIGITS = range(13, 20)
EXACT = 2**53  # whole numbers that a float holds
# What has to be named so and is digits of these lengths where a column is of numbers.
DIGIT_RANGES = {
    IdentifierKind.PHONE: range(7, 16),
    IdentifierKind.SSN: range(6, 10),
    IdentifierKind.CARD: range(12, 20),
    IdentifierKind.NUMBER: range(5, 20),
}


@dataclass(frozen=True, slots=True)
class Detection:
    """What a column holds, and how that was seen; `what` is None where that is not known.

    Attributes:
        doubt: why somebody should have a look, as the end of a sentence about the column.
    """

    what: IdentifierKind | None
    evidence: str = ""
    doubt: str = ""


def detect(column: Column, values: pa.ChunkedArray, beside: Iterable[str] = ()) -> Detection | None:
    """Return what the column holds that leads to people; None where nothing says that it does.

    Args:
        column: its name is read in five languages.
        values: of training rows, in an order that has nothing to do with them.
        beside: the names of all columns of its table.
    """
    hint = read_beside(column.name, beside)
    if column.kind in MOMENTS:
        return Detection(IdentifierKind.BIRTH, "name") if hint.what is IdentifierKind.BIRTH else None
    if column.kind in {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT}:
        return _in_numbers(column, hint, values)
    if column.kind is not Kind.TEXT:
        return None
    texts = [text for text in map(str.strip, sample(values)) if text]
    if hint != read_name(column.name) and share(_has_several_words, texts) >= HALF:
        hint = replace(hint, what=IdentifierKind.FULL_NAME)  # the first name is part of it
    return _in_texts(hint, texts) if texts else None


def _has_several_words(text: str) -> bool:
    return len(people.parts(text)) > 1


def sample(values: pa.ChunkedArray) -> list[str]:
    """Return some of the texts that are not NULL."""
    present = values.drop_null()
    texts: list[str] = present.slice(0, SAMPLE).to_pylist()
    return texts


def _in_texts(hint: NameHint, texts: Sequence[str]) -> Detection | None:
    what = _by_form(hint, texts)
    if what is not None:
        return Detection(what, "name and values" if what is hint.what else "values")
    if hint.what in BY_NAME:
        return Detection(hint.what, "name")
    return _of_people(hint, texts) or (Detection(IdentifierKind.NOTE, "values") if _is_prose(texts) else None)


def _by_form(hint: NameHint, texts: Sequence[str]) -> IdentifierKind | None:
    """Return what most values have the form of; a looser one counts where the column's name says so, too."""
    for what, matches in MATCHERS.items():
        if share(matches, texts) >= (HALF if what is hint.what else MOST):
            versions = (
                what is IdentifierKind.IP and hint.what is not IdentifierKind.IP and _are_versions(texts)
            )
            return None if versions else what
    looser = LOOSER.get(hint.what) if hint.what else None
    return hint.what if looser and share(looser, texts) >= MOST else None


def _are_versions(texts: Sequence[str]) -> bool:
    """Return whether dotted numbers are versions: no part goes beyond what versions are counted to."""
    parts = (part for text in texts for part in text.split("."))
    return all(part.isdigit() and len(part) <= 2 for part in parts)  # noqa: PLR2004 - digits of a part


def _is_number(text: str) -> bool:
    plain = text.replace(" ", "").replace("-", "")
    return 2 * len(digits_of(plain)) >= len(plain) > 5  # noqa: PLR2004 - shorter ones identify nobody


# What values look like that are called so; the forms of `MATCHERS` are those that need no name.
LOOSER = {
    IdentifierKind.PHONE: is_dialled,
    IdentifierKind.CARD: _is_number,
    IdentifierKind.SSN: _is_number,
    IdentifierKind.IBAN: _is_number,
}
BY_NAME = frozenset(
    {
        IdentifierKind.STREET,
        IdentifierKind.POSTCODE,
        IdentifierKind.CITY,
        IdentifierKind.LOGIN,
        IdentifierKind.TOKEN,
        IdentifierKind.NUMBER,
        IdentifierKind.NOTE,
    }
)


def _is_prose(texts: Sequence[str]) -> bool:
    spaces = sum(len(text.split()) - 1 for text in texts) / len(texts)
    length = sum(map(len, texts)) / len(texts)
    return spaces > SPACES or (length > LENGTH and spaces >= 1)


def _of_people(hint: NameHint, texts: Sequence[str]) -> Detection | None:
    """Return names where the column's name and its values agree, a doubt where only one says so."""
    is_name = hint.what in NAMES
    if not is_name and (hint.thing or len(set(texts)) < FEWEST or share(people.has_shape, texts) < MOST):
        return None
    shape_share, known_share = people.looks_like(texts)
    if (is_name and shape_share >= MOST) or ((is_name or hint.person) and known_share >= PEOPLE):
        sure = hint.what in {IdentifierKind.FIRST_NAME, IdentifierKind.LAST_NAME}
        return Detection(hint.what if sure else people.kind_of(texts), "name and values")
    doubt = _doubt(hint, known_share, is_name=is_name)
    return Detection(None if is_name else people.kind_of(texts), "values", doubt) if doubt else None


def _doubt(hint: NameHint, known_share: float, *, is_name: bool) -> str:
    """Return why the user must say whether these are names of people; nothing if they are not."""
    if is_name:
        return "is called as if it held names of people, which its values do not look like"
    if hint.person and known_share >= SOME:
        return "is called as if it held names of people, of which few are known"
    if known_share >= NOTHING_BUT_PEOPLE:
        return "seems to hold names of people, though its name does not say so"
    return ""


def _in_numbers(column: Column, hint: NameHint, values: pa.ChunkedArray) -> Detection | None:
    """Return identifiers by name and digits; card numbers by their check digits."""
    present = values.drop_null().slice(0, SAMPLE)
    if pa.types.is_floating(present.type):
        whole = pc.and_(pc.equal(pc.floor(present), present), pc.less(pc.abs(present), EXACT))
        present = present.filter(whole).cast(pa.int64())
    digits = [str(number) for number in present.to_pylist() if number > 0]
    if not digits:
        return None
    if len(digits) >= FEWEST and share(_is_card, digits) >= CHECK_DIGIT_SHARE:
        return Detection(IdentifierKind.CARD, "values")
    lengths = DIGIT_RANGES.get(hint.what) if hint.what else None
    if lengths is not None and share(lambda d: len(d) in lengths, digits) >= MOST:
        if column.kind is Kind.FLOAT:
            return Detection(
                None, "name and values", f"seems to hold {hint.what}, but as floating-point numbers"
            )
        return Detection(hint.what, "name and values")
    return Detection(IdentifierKind.POSTCODE, "name") if hint.what is IdentifierKind.POSTCODE else None


def _is_card(digits: str) -> bool:
    return len(digits) in CARD_DIGITS and digits[0] in "23456" and luhn(digits)


def mentions(values: pa.ChunkedArray, *, fewest: int) -> IdentifierKind | None:
    """Return the identifier, such as an e-mail address, within labels that `fewest` rows share."""
    counts = pc.value_counts(values.drop_null())
    common_values = counts.field("values").filter(pc.greater_equal(counts.field("counts"), fewest))
    return next(
        (what for text in common_values.to_pylist() if (what := find_embedded(text)) is not None), None
    )
