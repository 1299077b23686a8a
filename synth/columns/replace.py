"""Identifiers replaced by others that look alike, from ranges that belong to nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.formats import Loosening, draw_texts, loosened, read_formats
from synth.columns.invented import cities, first_names, full_names, last_names, streets
from synth.columns.layouts import Layout, filled, layouts
from synth.columns.pii import NAMES, What
from synth.domain import Kind
from synth.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from synth.domain import Column

    Make = Callable[["Look", int], Iterable[str]]

Rng = np.random.Generator

TRIES = 20
NUMBERED = frozenset({Kind.INTEGER, Kind.DECIMAL})
MOST = 0.8  # share of values whose case or form is that of all
DOMAINS = ("example.com", "example.net", "example.org")  # RFC 2606
# Addresses for documentation (RFC 5737, RFC 3849), and what was never given to anybody (RFC 1112, section 4).
NETWORKS, RESERVED, DOCUMENTATION = ("192.0.2.", "198.51.100.", "203.0.113."), (240, 255), "2001:db8:"
LONGEST = 2**30  # characters of Postgres' texts
USUAL_POSTCODES = ["00000", "11111"]
SAMPLE = 20_000  # values that the look is read from


class Look:
    """What real values look like, and the source of chance; `roomy` where the first choices are used up."""

    def __init__(self, real: pa.ChunkedArray, column: Column, rng: Rng, *, roomy: bool) -> None:
        present = real.drop_null().slice(0, SAMPLE)
        self.texts: list[str] = [text.strip() for text in present.cast(pa.string()).to_pylist()]
        self.column, self.rng, self.roomy = column, rng, roomy

    def most(self, holds: Callable[[str], bool]) -> bool:
        """Whether most of the real values are so."""
        return sum(map(holds, self.texts)) >= MOST * max(len(self.texts), 1)

    def layouts(self, what: What) -> tuple[Layout, ...]:
        """Where numbers of this kind have their digits and their marks."""
        return layouts(self.texts, what, plain=self.column.kind in NUMBERED)


def replacements(
    what: What,
    column: Column,
    rows: int,
    rng: Rng,
    *,
    real: pa.ChunkedArray,
    taken: pa.ChunkedArray,
    unique: bool,
) -> pa.Array:
    """`rows` made-up values of a kind as text, none of which occurs in `taken`.

    E-mail addresses and URLs are under the example domains of RFC 2606; IP addresses from the ranges for
    documentation; phone numbers from 555-0100 to 555-0199, or such that cannot be dialled; card numbers of a
    test range; bank codes of zeros; social security numbers from 900 on; names are Faker's.

    Args:
        what: one of `MAKERS`.
        column: its length and type limit the values.
        rows: how many.
        rng: the source of chance.
        real: values from which length, marks and case are read.
        taken: all values of the source.
        unique: no value twice.

    Raises:
        ModelError: the column must be unique, or is too short, and there are not enough such values.
    """
    known = pc.replace_substring_regex(taken.drop_null().unique().cast(pa.string()), r"/(32|128)$", "")
    forbidden = pd.Index(known.to_pylist(), dtype=object)
    found = forbidden[:0]
    for attempt in range(TRIES):
        if len(found) >= rows:
            break
        roomy = attempt >= TRIES // 2 or not len(taken)  # what may not be looked at could be anything
        drawn = MAKERS[what](Look(real, column, rng, roomy=roomy), rows - len(found) + 8)
        fresh = pd.Series(list(drawn), dtype=object)
        fresh = fresh[_allowed(fresh, column) & ~fresh.isin(forbidden)]
        found = found.append(pd.Index(fresh, dtype=object))
        found = found.unique() if unique else found
    if len(found) and not unique:  # few fit
        found = found.append(found[rng.integers(0, len(found), max(0, rows - len(found)))])
    if len(found) < rows:
        raise ModelError(
            f"There are not enough made-up {what} for {column.name} ({column.data_type}, {rows} rows"
            f"{', unique' if unique else ''}). Next: declare natural_key or free_text, or ask for fewer rows."
        )
    return pa.array(found[:rows].to_numpy(object), pa.string())


def _allowed(values: pd.Series[Any], column: Column) -> pd.Series[bool]:
    """Which values the column can hold."""
    fitting = values.str.len() <= (column.length or LONGEST)
    if column.kind in NUMBERED:
        largest = 2 ** ((column.bits or 64) - 1) - 1
        fitting = fitting & (values.astype("int64") <= largest) & ~values.str.startswith("0")
    return fitting


def _numbers(look: Look, rows: int) -> list[str]:
    return [str(number) for number in look.rng.integers(10**5, 10**9, rows)]


def _emails(look: Look, rows: int) -> Iterable[str]:
    domains = look.rng.integers(0, len(DOMAINS), rows)
    made = (
        f"user{number}@{DOMAINS[domain]}"
        for number, domain in zip(_numbers(look, rows), domains, strict=True)
    )
    return map(str.upper, made) if look.texts and look.most(str.isupper) else made


def _urls(look: Look, rows: int) -> Iterable[str]:
    start = "www." if look.texts and look.most(lambda text: "://" not in text) else "https://"
    return (f"{start}example.com/{number}" for number in _numbers(look, rows))


def _addresses_ip(look: Look, rows: int) -> Iterable[str]:
    if look.texts and look.most(lambda text: ":" in text):
        groups = look.rng.integers(1, 2**16, (rows, 2))
        return (f"{DOCUMENTATION}:{high:x}:{low:x}" for high, low in groups)
    if not look.roomy:
        networks, hosts = look.rng.integers(0, len(NETWORKS), rows), look.rng.integers(1, 255, rows)
        return (f"{NETWORKS[network]}{host}" for network, host in zip(networks, hosts, strict=True))
    octets = np.hstack([look.rng.integers(*RESERVED, (rows, 1)), look.rng.integers(0, 256, (rows, 3))])
    return (".".join(map(str, address)) for address in octets)


def _numbered(what: What) -> Make:
    """Numbers of this kind, with digits and marks where the real ones have theirs."""

    def make(look: Look, rows: int) -> list[str]:
        return filled(look.layouts(what), what, rows, look.rng, roomy=look.roomy)

    return make


def _names(draw: Callable[[int, Rng, bool], list[str]]) -> Make:
    def make(look: Look, rows: int) -> list[str]:
        # Where all known names are taken or used up, syllables make others.
        made = draw(rows, look.rng, look.roomy)
        if look.texts and look.most(lambda text: "," in text):
            made = [f"{last}, {first}" for first, _, last in (name.partition(" ") for name in made)]
        return _cased(made, look)

    return make


def _cased(made: list[str], look: Look) -> list[str]:
    for cased, convert in ((str.isupper, str.upper), (str.islower, str.lower)):
        if look.texts and look.most(cased):
            return [convert(name) for name in made]
    return made


def _places(draw: Callable[[int, Rng], list[str]]) -> Make:
    return lambda look, rows: _cased(draw(rows, look.rng), look)


def _postcodes(look: Look, rows: int) -> Iterable[str]:
    texts, limit = look.texts or USUAL_POSTCODES, look.column.length
    formats = read_formats(pa.chunked_array([pa.array(texts)]), limit)
    formats = loosened(formats, Loosening(digits=look.roomy), limit)
    return map(str, draw_texts(formats, rows, look.rng))


def _points(look: Look, rows: int) -> Iterable[str]:
    """In the sea where the equator meets the prime meridian; nobody lives there."""
    points = look.rng.uniform(-1, 1, (rows, 2))
    return (f"{latitude:.6f},{longitude:.6f}" for latitude, longitude in points)


MAKERS: dict[What, Make] = {
    What.EMAIL: _emails,
    What.PHONE: _numbered(What.PHONE),
    What.CARD: _numbered(What.CARD),
    What.IBAN: _numbered(What.IBAN),
    What.SSN: _numbered(What.SSN),
    What.IP: _addresses_ip,
    What.URL: _urls,
    What.FULL_NAME: _names(full_names),
    What.FIRST_NAME: _names(first_names),
    What.LAST_NAME: _names(last_names),
    What.STREET: _places(streets),
    What.CITY: _places(cities),
    What.POSTCODE: _postcodes,
    What.COORDINATES: _points,
}
# Of these anybody has only one, so as many rows share one in the twin as in the source.
OWNED = MAKERS.keys() - NAMES - {What.STREET, What.CITY, What.POSTCODE}
