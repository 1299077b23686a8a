"""Identifiers replaced by others that look alike, from ranges that belong to nobody."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.formats import LooserFormat, draw_texts, loosen, read_formats
from synth.columns.invented import cities, firms, first_names, full_names, last_names, streets
from synth.columns.layouts import Layout, fill_layouts, layouts
from synth.columns.pii import NAMES, IdentifierKind
from synth.domain import RARE, Kind
from synth.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from synth.columns.patterns import TextPattern
    from synth.domain import Column

    Make = Callable[["ValueLook", int], Iterable[str]]

Rng = np.random.Generator

TRIES = 20
NUMBER_KINDS = frozenset({Kind.INTEGER, Kind.DECIMAL})
MOST = 0.8  # share of values whose case or form is that of all
DOMAINS = ("example.com", "example.net", "example.org")  # RFC 2606
# Addresses for documentation (RFC 5737, RFC 3849), and what was never given to anybody (RFC 1112, section 4).
NETWORKS, RESERVED_OCTETS, DOCUMENTATION = ("192.0.2.", "198.51.100.", "203.0.113."), (240, 255), "2001:db8:"
UNDIALLED_DIGITS = "00"  # what no number has behind its country code
EXAMPLES = 60  # texts by which it is seen whether zeros fit a pattern
LONGEST = 2**30  # characters of Postgres' texts
USUAL_POSTCODES = ["00000", "11111"]
USUAL_ENDINGS = ["Ltd", "Inc", "Group", "Partners"]  # of firms
SAMPLE = 20_000  # values that the look is read from


class ValueLook:
    """What real values look like, and the source of chance; `roomy` where the first choices are used up."""

    def __init__(self, real: pa.ChunkedArray, column: Column, rng: Rng, *, roomy: bool) -> None:
        present = real.drop_null().slice(0, SAMPLE)
        self.texts: list[str] = [text.strip() for text in present.cast(pa.string()).to_pylist()]
        self.column, self.rng, self.roomy = column, rng, roomy

    def most(self, holds: Callable[[str], bool]) -> bool:
        """Return whether most of the real values are so."""
        return sum(map(holds, self.texts)) >= MOST * max(len(self.texts), 1)

    def layouts(self, what: IdentifierKind) -> tuple[Layout, ...]:
        """Return where numbers of this kind have their digits and their marks."""
        return layouts(self.texts, what, plain=self.column.kind in NUMBER_KINDS)


def replacements(  # noqa: PLR0913 - all that is known of the values, each by its name
    what: IdentifierKind,
    column: Column,
    rows: int,
    rng: Rng,
    *,
    real: pa.ChunkedArray,
    existing: pa.ChunkedArray,
    unique: bool,
    pattern: TextPattern | None = None,
) -> pa.Array:
    """Return `rows` made-up values of a kind as text, none of which occurs in `existing`.

    E-mail addresses and URLs are under the example domains of RFC 2606; IP addresses from the ranges for
    documentation; phone numbers from 555-0100 to 555-0199, or such that cannot be dialled; card numbers of a
    test range; bank codes of zeros; social security numbers from 900 on; names are Faker's.

    Args:
        what: one of `MAKERS`.
        column: its length and type limit the values.
        rows: how many.
        rng: the source of chance.
        real: values from which length, marks and case are read.
        existing: all values of the source.
        unique: no value twice.
        pattern: what all of them match; where none of the kind does, they are random text that does.

    Raises:
        ModelError: the column must be unique, or is too short, and there are not enough such values.
    """
    real_addresses = _addresses_alone(existing)
    new_values = real_addresses[:0]
    make = MAKERS[what] if pattern is None else _match(MAKERS[what], what, pattern)
    for attempt in range(TRIES):
        if len(new_values) >= rows:
            break
        roomy = attempt >= TRIES // 2 or not len(existing)  # what may not be looked at could be anything
        candidates = make(ValueLook(real, column, rng, roomy=roomy), rows - len(new_values) + 8)
        fresh = pd.Series(list(candidates), dtype=object)
        fresh = fresh[_is_allowed(fresh, column) & ~fresh.isin(real_addresses)]
        new_values = new_values.append(pd.Index(fresh, dtype=object))
        new_values = new_values.unique() if unique else new_values
    if len(new_values) and not unique:  # few fit
        more = rng.integers(0, len(new_values), max(0, rows - len(new_values)))
        new_values = new_values.append(new_values[more])
    if len(new_values) < rows:
        raise _not_enough(what, column, rows, unique=unique)
    return pa.array(new_values[:rows].to_numpy(object), pa.string())


def _not_enough(what: IdentifierKind, column: Column, rows: int, *, unique: bool) -> ModelError:
    return ModelError(
        f"There are not enough made-up {what} for {column.name} ({column.data_type}, {rows} rows"
        f"{', unique' if unique else ''}). Next: declare natural_key or free_text, or ask for fewer rows."
    )


def _addresses_alone(existing: pa.ChunkedArray) -> pd.Index[Any]:
    """Return the different values, networks of one address as that address."""
    texts = pc.replace_substring_regex(existing.drop_null().unique().cast(pa.string()), r"/(32|128)$", "")
    alone: pd.Index[Any] = pd.Index(texts.to_pylist(), dtype=object)
    return alone


def _match(make: Make, what: IdentifierKind, pattern: TextPattern) -> Make:
    """Return what makes values of a kind that match; random text that does, where hardly any of the kind do.

    Phone numbers get zeros where those do not stand that can be dialled.
    """
    plain = pattern.beginning_with_zeros(len(UNDIALLED_DIGITS)) if what is IdentifierKind.PHONE else pattern
    examples = draw_texts(plain.formats, EXAMPLES, np.random.default_rng(0))
    formats = plain.formats if all(map(pattern.fits, examples)) else pattern.formats

    def make_matching(look: ValueLook, rows: int) -> Iterable[str]:
        values = [value for value in make(look, rows) if pattern.fits(value)]
        return values if len(values) >= rows / 2 else map(str, draw_texts(formats, rows, look.rng))

    return make_matching


def _is_allowed(values: pd.Series[Any], column: Column) -> pd.Series[bool]:
    """Return which values the column can hold."""
    fits = values.str.len() <= (column.length or LONGEST)
    if column.kind in NUMBER_KINDS:
        largest = 2 ** ((column.bits or 64) - 1) - 1
        fits = fits & (values.astype("int64") <= largest) & ~values.str.startswith("0")
    return fits


def _numbers(look: ValueLook, rows: int) -> list[str]:
    return [str(number) for number in look.rng.integers(10**5, 10**9, rows)]


def _emails(look: ValueLook, rows: int) -> Iterable[str]:
    domains = look.rng.integers(0, len(DOMAINS), rows)
    emails = (
        f"user{number}@{DOMAINS[domain]}"
        for number, domain in zip(_numbers(look, rows), domains, strict=True)
    )
    return map(str.upper, emails) if look.texts and look.most(str.isupper) else emails


def _urls(look: ValueLook, rows: int) -> Iterable[str]:
    start = "www." if look.texts and look.most(lambda text: "://" not in text) else "https://"
    return (f"{start}example.com/{number}" for number in _numbers(look, rows))


def _addresses_ip(look: ValueLook, rows: int) -> Iterable[str]:
    if look.texts and look.most(lambda text: ":" in text):
        groups = look.rng.integers(1, 2**16, (rows, 2))
        return (f"{DOCUMENTATION}:{high:x}:{low:x}" for high, low in groups)
    if not look.roomy:
        networks, hosts = look.rng.integers(0, len(NETWORKS), rows), look.rng.integers(1, 255, rows)
        return (f"{NETWORKS[network]}{host}" for network, host in zip(networks, hosts, strict=True))
    octets = np.hstack([look.rng.integers(*RESERVED_OCTETS, (rows, 1)), look.rng.integers(0, 256, (rows, 3))])
    return (".".join(map(str, address)) for address in octets)


def _make_numbers(what: IdentifierKind) -> Make:
    """Return numbers of this kind, with digits and marks where the real ones have theirs."""

    def make(look: ValueLook, rows: int) -> list[str]:
        return fill_layouts(look.layouts(what), what, rows, look.rng, roomy=look.roomy)

    return make


def _names(draw: Callable[[int, Rng, bool], list[str]]) -> Make:
    def make(look: ValueLook, rows: int) -> list[str]:
        # Where all known names are taken or used up, syllables make others.
        values = draw(rows, look.rng, look.roomy)
        if look.texts and look.most(lambda text: "," in text):
            values = [f"{last}, {first}" for first, _, last in (name.partition(" ") for name in values)]
        return _match_case(values, look)

    return make


def _match_case(values: list[str], look: ValueLook) -> list[str]:
    for is_case, convert in ((str.isupper, str.upper), (str.islower, str.lower)):
        if look.texts and look.most(is_case):
            return [convert(name) for name in values]
    return values


def _firms(look: ValueLook, rows: int) -> list[str]:
    """Return with the last words that real firms have in common, such as Ltd."""
    last_words = Counter(text.split()[-1] for text in look.texts if " " in text)
    endings = [word for word, count in last_words.items() if count >= RARE for _ in range(count)]
    return _match_case(firms(endings or USUAL_ENDINGS, rows, look.rng, look.roomy), look)


def _places(draw: Callable[[int, Rng], list[str]]) -> Make:
    return lambda look, rows: _match_case(draw(rows, look.rng), look)


def _postcodes(look: ValueLook, rows: int) -> Iterable[str]:
    texts, limit = look.texts or USUAL_POSTCODES, look.column.length
    formats = read_formats(pa.chunked_array([pa.array(texts)]), limit)
    formats = loosen(formats, LooserFormat(digits=look.roomy), limit)
    return map(str, draw_texts(formats, rows, look.rng))


def _points(look: ValueLook, rows: int) -> Iterable[str]:
    """Return in the sea where the equator meets the prime meridian; nobody lives there."""
    points = look.rng.uniform(-1, 1, (rows, 2))
    return (f"{latitude:.6f},{longitude:.6f}" for latitude, longitude in points)


MAKERS: dict[IdentifierKind, Make] = {
    IdentifierKind.EMAIL: _emails,
    IdentifierKind.PHONE: _make_numbers(IdentifierKind.PHONE),
    IdentifierKind.CARD: _make_numbers(IdentifierKind.CARD),
    IdentifierKind.IBAN: _make_numbers(IdentifierKind.IBAN),
    IdentifierKind.SSN: _make_numbers(IdentifierKind.SSN),
    IdentifierKind.IP: _addresses_ip,
    IdentifierKind.URL: _urls,
    IdentifierKind.FULL_NAME: _names(full_names),
    IdentifierKind.FIRST_NAME: _names(first_names),
    IdentifierKind.LAST_NAME: _names(last_names),
    IdentifierKind.FIRM: _firms,
    IdentifierKind.STREET: _places(streets),
    IdentifierKind.CITY: _places(cities),
    IdentifierKind.POSTCODE: _postcodes,
    IdentifierKind.COORDINATES: _points,
}
# Of these anybody has only one, so as many rows share one in the twin as in the source.
SINGLE_OWNER_KINDS = (
    MAKERS.keys() - NAMES - {IdentifierKind.STREET, IdentifierKind.CITY, IdentifierKind.POSTCODE}
)
