"""Identifiers are replaced by others of their kind that belong to nobody."""

from __future__ import annotations

import re
from collections import Counter
from ipaddress import ip_address, ip_network
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from synth.columns.pii import IdentifierKind
from synth.columns.pii.patterns import is_card, is_iban, is_phone
from synth.columns.replace import MAKERS, replacements
from synth.domain import Column, Kind
from synth.errors import ModelError

NOBODYS = [
    ip_network(net)
    for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "2001:db8::/32")
]


def replacements_of(
    what: IdentifierKind, rows: int, real: Any = (), *, seed: int = 0, **other: Any
) -> list[str]:
    kind = other.pop("kind", Kind.TEXT)
    column = Column("thing", kind.value, kind, not_null=True, length=other.pop("length", None), bits=64)
    values = pa.chunked_array([pa.array(list(real), None if real else pa.string())])
    taken_values = other.pop("taken", None)
    known_values = values if taken_values is None else pa.chunked_array([pa.array(taken_values, pa.string())])
    new_values: list[str] = replacements(
        what,
        column,
        rows,
        np.random.default_rng(seed),
        real=values,
        existing=known_values,
        unique=other.pop("unique", False),
    ).to_pylist()
    assert len(new_values) == rows
    assert not set(new_values) & {str(value) for value in known_values.to_pylist()}
    return new_values


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        (IdentifierKind.EMAIL, r"user\d+@example\.(com|net|org)"),
        (IdentifierKind.URL, r"https://example\.com/\d+"),
        (IdentifierKind.PHONE, r"\+1-1\d\d-\d{3}-\d{4}"),  # no area code starts with 1
        (IdentifierKind.CARD, r"400000\d{10}"),
        (IdentifierKind.SSN, r"9\d\d-[0-4][1-9]-\d{4}"),
        (IdentifierKind.IBAN, r"DE\d\d00000000\d{10}"),
        (IdentifierKind.FULL_NAME, r"\w+ [\w']+"),
        (IdentifierKind.FIRST_NAME, r"\w+"),
        (IdentifierKind.LAST_NAME, r"[\w']+"),
        (IdentifierKind.FIRM, r"[\w'-]+ (Ltd|Inc|Group|Partners)"),
        (IdentifierKind.STREET, r"\d+ [\w .'-]+"),
        (IdentifierKind.CITY, r"[A-Z][\w']+"),
        (IdentifierKind.POSTCODE, r"\d{5}"),
        (IdentifierKind.COORDINATES, r"-?0\.\d{6},-?0\.\d{6}"),
    ],
)
def test_replacements_look_like_their_kind(what: IdentifierKind, pattern: str) -> None:
    for value in replacements_of(what, 200):
        assert re.fullmatch(pattern, value), value


def test_check_digits_are_right() -> None:
    assert all(
        map(
            is_card, replacements_of(IdentifierKind.CARD, 200, [f"4111-1111-1111-{i:04d}" for i in range(99)])
        )
    )
    assert all(
        map(
            is_iban,
            replacements_of(
                IdentifierKind.IBAN, 200, [f"GB29 NWBK 6016 1331 9268 {i:02d}" for i in range(99)]
            ),
        )
    )


@pytest.mark.parametrize(
    ("what", "original", "pattern"),
    [
        (IdentifierKind.PHONE, "(212) 555-{:04d}", r"\([2-9]\d\d\) 555-01\d\d"),
        (IdentifierKind.PHONE, "1 212 555 {:04d}", r"1 [2-9]\d\d 555 01\d\d"),
        (IdentifierKind.PHONE, "+49 171 123{:04d}", r"\+49 00\d \d{7}"),
        (IdentifierKind.PHONE, "+353 86 123 {:04d}", r"\+353 00 \d{3} \d{4}"),
        (IdentifierKind.PHONE, "0171/123{:04d}", r"000\d/\d{7}"),
        (IdentifierKind.CARD, "3782 822463 1{:04d}", r"4000 00\d{4} \d{5}"),
        (IdentifierKind.CARD, "5214 **** **** {:04d}", r"5\d{3} \*{4} \*{4} \d{4}"),
        (IdentifierKind.CARD, "411111XXXXXX{:04d}", r"4\d{5}X{6}\d{4}"),
        (IdentifierKind.SSN, "12345{:04d}", r"9\d{8}"),
        (IdentifierKind.IBAN, "NL91 ABNA 0417 16{:04d}", r"NL\d\d XXXX 0000 0\d{5}"),
        (IdentifierKind.POSTCODE, "{:04d} AB", r"\d{4} AB"),
        (IdentifierKind.URL, "www.corp.test/{}", r"www\.example\.com/\d+"),
        (IdentifierKind.EMAIL, "JO{}@CORP.TEST", r"USER\d+@EXAMPLE\.(COM|NET|ORG)"),
        (IdentifierKind.FULL_NAME, "Doe, Jane {}", r"[\w']+, \w+"),
        (IdentifierKind.LAST_NAME, "DOE{}", r"[A-Z']+"),
        (IdentifierKind.FIRST_NAME, "jane{}", r"[a-z]+"),
        (IdentifierKind.FIRM, "Hof & Sohn {} GmbH", r"[\w'-]+ GmbH"),
        (IdentifierKind.IP, "2001:4860::{:x}", r"2001:db8::[0-9a-f]+:[0-9a-f]+"),
    ],
)
def test_length_marks_prefix_and_case_stay(what: IdentifierKind, original: str, pattern: str) -> None:
    for value in replacements_of(what, 50, [original.format(number) for number in range(100)]):
        assert re.fullmatch(pattern, value), value


def test_ways_of_writing_come_as_often_as_they_did_and_rare_ones_not_at_all() -> None:
    real = (
        [f"+1 212 555 {i:04d}" for i in range(90)]
        + [f"030-55{i:04d}" for i in range(30)]
        + ["+44 1 2 3 4567"]
    )
    shapes = Counter(re.sub(r"\d", "0", value) for value in replacements_of(IdentifierKind.PHONE, 1200, real))
    assert set(shapes) == {"+0 000 000 0000", "000-000000"}
    assert 850 < shapes["+0 000 000 0000"] < 950


@pytest.mark.parametrize(
    ("what", "first", "pattern"),
    [
        (IdentifierKind.PHONE, 2_125_550_000, r"[2-9]\d\d55501\d\d"),
        (IdentifierKind.PHONE, 4_915_112_345_000, r"4900\d{9}"),
        (IdentifierKind.CARD, 5_105_105_105_105_100, r"400000\d{10}"),
        (IdentifierKind.SSN, 123_450_000, r"9\d{8}"),
    ],
)
def test_whole_numbers_are_replaced_by_whole_numbers(what: IdentifierKind, first: int, pattern: str) -> None:
    for value in replacements_of(what, 50, range(first, first + 100), kind=Kind.INTEGER):
        assert re.fullmatch(pattern, value), value


def test_made_up_numbers_are_still_recognised_as_their_kind() -> None:
    for template in ("(212) 555-{:04d}", "+49 171 123{:04d}"):
        assert all(
            map(is_phone, replacements_of(IdentifierKind.PHONE, 50, [template.format(i) for i in range(50)]))
        )


def test_network_addresses_are_nobodys_even_where_those_for_documentation_are_used_up() -> None:
    for value in replacements_of(IdentifierKind.IP, 5000, unique=True):
        assert any(ip_address(value) in network for network in NOBODYS)


@pytest.mark.parametrize("what", MAKERS)
def test_the_same_seed_gives_the_same_values(what: IdentifierKind) -> None:
    assert (
        replacements_of(what, 50, seed=1)
        == replacements_of(what, 50, seed=1)
        != replacements_of(what, 50, seed=2)
    )


@pytest.mark.parametrize("what", MAKERS)
def test_values_are_unique_where_they_must_be_and_none_is_real(what: IdentifierKind) -> None:
    real = replacements_of(what, 300)
    values = replacements_of(what, 300, unique=True, taken=real)
    assert len(set(values)) == 300


def test_where_all_known_names_are_taken_others_are_made_up() -> None:
    names = replacements_of(IdentifierKind.FIRST_NAME, 20_000)
    assert len(set(replacements_of(IdentifierKind.FIRST_NAME, 500, taken=names, unique=True))) == 500


def test_the_network_mask_of_a_real_address_hides_nothing() -> None:
    first = replacements_of(IdentifierKind.IP, 5)
    assert not set(replacements_of(IdentifierKind.IP, 5)) - set(first)
    assert not set(replacements_of(IdentifierKind.IP, 5, taken=[f"{value}/32" for value in first])) & set(
        first
    )


def test_values_that_do_not_fit_are_not_made() -> None:
    assert max(map(len, replacements_of(IdentifierKind.FULL_NAME, 100, length=10))) <= 10
    with pytest.raises(ModelError, match=r"not enough made-up e-mail addresses for thing \(text, 10 rows\)"):
        replacements_of(IdentifierKind.EMAIL, 10, length=5)


def test_more_unique_values_than_there_are_is_refused() -> None:
    with pytest.raises(ModelError, match=r"made-up postcodes for thing \(text, 101 rows, unique\)"):
        replacements_of(IdentifierKind.POSTCODE, 101, [f"{i}" for i in range(10, 20)], unique=True)
