"""Values that give themselves away: by their form, and by check digits where their kind has some."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

import numpy as np

from synth.columns.pii.what import IdentifierKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

_EMAIL = re.compile(r"[^\s@<>,;:\"()]+@[^\s@<>,;:\"()]+\.[^\W\d_]{2,}")
_URL = re.compile(r"(?:[a-z][a-z0-9+.-]*://|www\.)\S+", re.IGNORECASE)
_MAC = re.compile(
    r"[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}", re.IGNORECASE
)
_UUID = re.compile(r"\{?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}?", re.IGNORECASE)
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_CARD = re.compile(r"[2-6]\d{3}([ -]?)\d{4}\1\d{4}\1\d{1,7}|3[47]\d{2}([ -]?)\d{6}\2\d{5}")
_SSN = re.compile(r"(?!000|666)\d{3}-(?!00)\d{2}-(?!0000)\d{4}")
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_TOKEN = re.compile(r"[A-Za-z0-9_.+/=$-]+")
_POINT = re.compile(r"\(?\s*(-?\d{1,2}\.\d{2,})\s*[,; ]\s*(-?\d{1,3}\.\d{2,})\s*\)?")
# With a plus sign; as North America writes them; or with a leading zero and in groups, as Europe does.
_PHONE = re.compile(
    r"\+\d[\d ().-]{6,20}(?:\s?(?:x|ext\.?)\s?\d{1,6})?"
    r"|(?:1[ .-]?)?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])\d{3}[ .-]\d{4}(?:\s?(?:x|ext\.?)\s?\d{1,6})?"
    r"|\(?0\d{1,5}\)?(?:[ .-]|/ ?)[\d .-]{5,14}"
)
_DATE = re.compile(r"\d{1,2}([./ -])\d{1,2}\1(?:19|20)\d\d(?!\d)")
_PHONE_NUMBER = re.compile(r"[+(]?[\d ().x/-]{6,24}\d", re.IGNORECASE)
_EMBEDDED_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*[^\W\d_]{2,}")
_EMBEDDED_CARD = re.compile(r"(?<![\d.])[3-6]\d{3}(?:[ -]?\d){9,15}(?!\.?\d)")
_EMBEDDED_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
_EMBEDDED_PHONE = re.compile(r"(?<!\w)\+\d(?:[ ().-]?\d){7,14}(?!\w)|\(?\b[2-9]\d\d\)?[ .-]\d{3}[ .-]\d{4}\b")

LONG = 16  # characters that make letters and digits a token rather than a code
HASHES = frozenset({16, 24, 32, 40, 48, 56, 64, 96, 128})  # digits of hexadecimal hashes and ids
FEWEST, MOST = 7, 15  # digits of a phone number; the latter is E.164's limit
LEAST = 9  # of one with a leading zero, which article numbers have, too
EXTENSION = 6  # digits behind the number


def luhn(digits: str) -> bool:
    """Return whether the last digit checks the others."""
    return bool(luhn_digit(np.array([[*map(int, digits[:-1])]]))[0] == int(digits[-1]))


def luhn_digit(digits: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the digit that checks each row of digits (ISO/IEC 7812-1, annex B)."""
    values = digits[:, ::-1].copy()
    doubles = 2 * values[:, ::2]
    values[:, ::2] = doubles - 9 * (doubles > 9)  # noqa: PLR2004 - the sum of its two digits
    return np.asarray(-values.sum(axis=1) % 10, np.int64)


def mod97(iban: str) -> int:
    """Return the remainder of an IBAN, 1 for a right one (ISO 7064 MOD 97-10)."""
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97


def digits_of(text: str) -> str:
    """Return the digits of `text`, 0 to 9 only."""
    return re.sub(r"[^0-9]", "", text)


def is_email(text: str) -> bool:
    """Return whether `text` is one e-mail address."""
    return _EMAIL.fullmatch(text) is not None


def is_ip(text: str) -> bool:
    """Return whether `text` is an IPv4 or IPv6 address, with or without the length of its network."""
    if text.count(".") != 3 and text.count(":") < 2:  # noqa: PLR2004 - what every address has
        return False
    try:
        ip_address(text.partition("/")[0])
    except ValueError:
        return False
    return True


def is_card(text: str) -> bool:
    """Return whether `text` has the form, the length and the check digit of a card number."""
    return _CARD.fullmatch(text) is not None and luhn(digits_of(text))


def is_iban(text: str) -> bool:
    """Return whether `text` is an IBAN with right check digits."""
    plain = text.replace(" ", "").upper()
    return _IBAN.fullmatch(plain) is not None and mod97(plain) == 1


def is_phone(text: str) -> bool:
    """Return whether `text` can only be a phone number; dates and article numbers may look alike."""
    if not _PHONE.fullmatch(text) or _DATE.match(text):
        return False
    digits = digits_of(text)
    return (LEAST if text.lstrip("(").startswith("0") else FEWEST) <= len(digits) <= MOST + EXTENSION


def is_dialled(text: str) -> bool:
    """Return whether `text` could be a phone number, if the column is called as if it were."""
    return _PHONE_NUMBER.fullmatch(text) is not None and FEWEST <= len(digits_of(text)) <= MOST + EXTENSION


def is_point(text: str) -> bool:
    """Return whether `text` is a latitude and a longitude with decimals, in either order."""
    match = _POINT.fullmatch(text)
    return match is not None and abs(float(match[2])) <= 180  # noqa: PLR2004 - degrees


def is_token(text: str) -> bool:
    """Return whether `text` is a hash or a random key: long, wordless, hexadecimal or mixed."""
    if _HEX.fullmatch(text):
        return len(text) in HASHES and not text.isdigit()
    if len(text) < LONG or not _TOKEN.fullmatch(text):
        return False
    changes = sum(a.isdigit() != b.isdigit() or a.isupper() != b.isupper() for a, b in zip(text, text[1:]))  # noqa: B905, RUF007 - pairs of neighbours
    return any(c.isdigit() for c in text) and 4 * changes >= len(text)


MATCHERS: dict[IdentifierKind, Callable[[str], bool]] = {
    IdentifierKind.EMAIL: is_email,
    IdentifierKind.URL: lambda text: _URL.fullmatch(text) is not None,
    IdentifierKind.MAC: lambda text: _MAC.fullmatch(text) is not None,
    IdentifierKind.UUID: lambda text: _UUID.fullmatch(text) is not None,
    IdentifierKind.IP: is_ip,
    IdentifierKind.IBAN: is_iban,
    IdentifierKind.CARD: is_card,
    IdentifierKind.SSN: lambda text: _SSN.fullmatch(text) is not None,
    IdentifierKind.COORDINATES: is_point,
    IdentifierKind.PHONE: is_phone,
    IdentifierKind.TOKEN: is_token,
}


def share(matches: Callable[[str], bool], texts: Iterable[str]) -> float:
    """Return the share of `texts` that match; 0 where there is none."""
    hits = [matches(text) for text in texts]
    return sum(hits) / len(hits) if hits else 0.0


def find_embedded(text: str) -> IdentifierKind | None:
    """Return what `text` mentions that leads to a person, wherever in it."""
    if "@" in text and _EMBEDDED_EMAIL.search(text):
        return IdentifierKind.EMAIL
    if any(luhn(digits_of(match[0])) for match in _EMBEDDED_CARD.finditer(text)):
        return IdentifierKind.CARD
    if any(is_iban(match[0]) for match in _EMBEDDED_IBAN.finditer(text)):
        return IdentifierKind.IBAN
    return IdentifierKind.PHONE if _EMBEDDED_PHONE.search(text) else None
