"""Numbers written as the real ones are, with digits that belong to nobody."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from synth.columns.pii import IdentifierKind
from synth.columns.pii.patterns import digits_of, luhn_digit, mod97
from synth.domain import RARE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Digits = NDArray[np.int64]

Rng = np.random.Generator

COUNTRY = re.compile(r"1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3}")  # ITU-T E.164
TRUNK = "0"  # what national numbers start with in most countries
AMERICAN, LONG_AMERICAN = 10, 11  # digits of North American numbers, without and with the country code
TEST_CARD = (4, 0, 0, 0, 0, 0)  # an issuer's number that payment services use in their tests
BANK = 8  # digits of a bank code at most
MASK = re.compile(r"[*•·#xX]{4,}|[*•·#xX]{2,} ?[*•·#xX]{2,}")  # digits that nobody is shown,
SHOWN = 4  # and those that are, at least


class Layout(NamedTuple):
    """A way of writing: `0` for each digit, `A` for each letter, marks as they are.

    Attributes:
        lead: country code, trunk prefix, country of an IBAN, or network of a masked card; may be empty.
        holders: by how many values.
    """

    template: str
    lead: str
    holders: int

    @property
    def size(self) -> int:
        """How many digits there are."""
        return self.template.count("0")


USUAL = {
    IdentifierKind.PHONE: Layout("+0-000-000-0000", "1", 1),
    IdentifierKind.CARD: Layout("0" * 16, "", 1),
    IdentifierKind.SSN: Layout("000-00-0000", "", 1),
    IdentifierKind.IBAN: Layout("AA" + "0" * 20, "DE", 1),
}
USUAL_NUMBERS = {
    IdentifierKind.PHONE: Layout("0" * AMERICAN, "", 1),
    IdentifierKind.SSN: Layout("0" * 9, "", 1),
}


def layouts(texts: Sequence[str], what: IdentifierKind, *, plain: bool) -> tuple[Layout, ...]:
    """Return how at least `RARE` of the texts are written each; the usual way where there is none.

    Args:
        texts: real values.
        what: PHONE, CARD, SSN or IBAN.
        plain: they are whole numbers, which have neither marks nor leading zeros.
    """
    counts = Counter((_template(text, what), _lead(text, what)) for text in texts)
    common_layouts = [
        Layout(template, lead, count) for (template, lead), count in counts.items() if count >= RARE
    ]
    layouts_that_fit = sorted(layout for layout in common_layouts if _fits(layout, what, plain=plain))
    usual = USUAL_NUMBERS if plain and what in USUAL_NUMBERS else USUAL
    return tuple(layouts_that_fit) or (usual[what],)


def fill_layouts(
    choices: Sequence[Layout], what: IdentifierKind, rows: int, rng: Rng, *, roomy: bool
) -> list[str]:
    """Return `rows` numbers in the real mix of layouts; `roomy` once the reserved ranges are used up."""
    counts = np.array([layout.holders for layout in choices], float)
    sizes = rng.multinomial(rows, counts / counts.sum()).tolist()
    values = [
        text
        for layout, size in zip(choices, sizes, strict=True)
        for text in _fill(layout, what, size, rng, roomy)
    ]
    return [values[place] for place in rng.permutation(rows)]


def _template(text: str, what: IdentifierKind) -> str:
    template = re.sub(r"\d", "0", text)
    return re.sub(r"[A-Za-z]", "A", template) if what is IdentifierKind.IBAN else template


def _lead(text: str, what: IdentifierKind) -> str:
    """Return what the number starts with that says in which country, or how, it is dialled."""
    digits = digits_of(text)
    if what is IdentifierKind.IBAN:
        return text[:2].upper()
    if what is IdentifierKind.CARD and MASK.search(text) and text[:1].isdigit():
        return text[0]  # whose network it is
    if what is not IdentifierKind.PHONE:
        return ""
    if text.startswith("+") or (len(digits) > LONG_AMERICAN and not digits.startswith(TRUNK)):
        match = COUNTRY.match(digits)
        return match[0] if match else TRUNK
    if len(digits) == LONG_AMERICAN and digits.startswith("1"):
        return "1"
    return "" if len(digits) == AMERICAN and not digits.startswith(TRUNK) else TRUNK


def _fits(layout: Layout, what: IdentifierKind, *, plain: bool) -> bool:
    if what is IdentifierKind.IBAN:
        return layout.template.startswith("AA00")
    if what is IdentifierKind.CARD and MASK.search(layout.template):
        return layout.size >= SHOWN
    if re.search(r"[^\W\d_]", layout.template):
        return False
    if what is IdentifierKind.SSN:
        return layout.size == USUAL[what].size
    if what is IdentifierKind.CARD:
        return 13 <= layout.size <= 19  # noqa: PLR2004 - ISO/IEC 7812-1
    return layout.size > 6 and not (plain and layout.lead == TRUNK)  # noqa: PLR2004 - fewer make no room


def _fill(layout: Layout, what: IdentifierKind, rows: int, rng: Rng, roomy: bool) -> list[str]:
    if what is IdentifierKind.IBAN:
        return [_iban(layout, rng) for _ in range(rows)]
    digits = {IdentifierKind.PHONE: _phones, IdentifierKind.CARD: _cards, IdentifierKind.SSN: _ssns}[what](
        layout, rows, rng, roomy
    )
    pieces = layout.template.replace("{", "{{").replace("}", "}}").replace("0", "{}")
    return [pieces.format(*row) for row in digits.tolist()]


def _phones(layout: Layout, rows: int, rng: Rng, roomy: bool) -> Digits:
    """Return 555-0100 to 555-0199 in North America; elsewhere numbers with zeros, which cannot be dialled."""
    digits = rng.integers(0, 10, (rows, layout.size))
    american = {"": 0, "1": 1}.get(layout.lead)
    if american is None or layout.size != AMERICAN + american:
        start = [*map(int, layout.lead), 0, 0]
        digits[:, : len(start)] = start
        return digits
    digits[:, :american] = 1
    if roomy:  # no area code starts with 1
        digits[:, american] = 1
        return digits
    digits[:, american] = rng.integers(2, 10, rows)
    digits[:, american + 3 : american + 8] = (5, 5, 5, 0, 1)
    return digits


def _cards(layout: Layout, rows: int, rng: Rng, _: bool) -> Digits:
    digits = rng.integers(0, 10, (rows, layout.size))
    if MASK.search(layout.template):
        digits[:, : len(layout.lead)] = [*map(int, layout.lead)]
        return digits
    digits[:, : len(TEST_CARD)] = TEST_CARD
    digits[:, -1] = luhn_digit(digits[:, :-1])
    return digits


def _ssns(_: Layout, rows: int, rng: Rng, __: bool) -> Digits:
    """Return from 900 on, with a group that taxpayer numbers do not have either."""
    digits = rng.integers(0, 10, (rows, 9))
    digits[:, 0] = 9
    digits[:, 3] = rng.integers(0, 5, rows)
    digits[:, 4] = rng.integers(1, 10, rows)
    digits[:, 8] = rng.integers(1, 10, rows)
    return digits


def _iban(layout: Layout, rng: Rng) -> str:
    """Return an account of a bank whose code is zeros, with right check digits."""
    body = [character for character in layout.template if not character.isspace()][4:]
    places = [place for place, character in enumerate(body) if character == "0"]
    digits = rng.integers(0, 10, len(places)).tolist()
    zeros = min(BANK, len(places) // 2)
    for place, digit in zip(places, [0] * zeros + digits[zeros:], strict=True):
        body[place] = str(digit)
    account = "".join(body).replace("A", "X")
    check = 98 - mod97(f"{layout.lead}00{account}")
    plain = iter(f"{layout.lead}{check:02d}{account}")
    return "".join(character if character.isspace() else next(plain) for character in layout.template)
