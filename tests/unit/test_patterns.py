"""Text is made that matches a pattern which a test or constraint states."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest

from synth.columns.formats import draw_texts
from synth.columns.keys import new_keys
from synth.columns.patterns import read_pattern
from synth.columns.pii import IdentifierKind
from synth.columns.placeholders import placeholders
from synth.columns.replace import replacements
from synth.domain import Column, Kind, Rule
from synth.facts.values import labels_of, patterns_of

CODE = Column("code", "text", Kind.TEXT, not_null=True)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    "expression",
    [
        r"^\+49 [0-9]{3,4} [0-9]{5,8}$",
        r"^[+](49|33) ?\d{8,}$",
        r"^(?:AB|[C-E]x)-[[:upper:]]*[0-9]+$",
        r"^[^@ ]+@[^@ ]+\.[a-z]{2,}$",
        r"^[]a-]{3}$",
        r"^\w.\s\.$",
        r"[0-9]{4}",
        r"^Z",
        r"x$",
    ],
)
def test_text_of_a_pattern_matches_it(expression: str) -> None:
    pattern = read_pattern(expression)
    assert pattern is not None
    texts = draw_texts(pattern.formats, 200, rng()).tolist()
    plain = expression.replace("[:upper:]", "A-Z")
    assert all(re.search(plain, text) for text in texts)
    assert all(map(pattern.fits, texts))
    assert len(set(texts)) > 20


@pytest.mark.parametrize(
    "expression",
    [
        "(?=x)y",
        r"(a)\1",
        r"\mword",
        "a{2000}",
        "(a|b|c|d|e|f){9}",
        "^a$|^b$",
        "(",
        "[",
        "[]",
        "a**",
        "\\",
    ],
)
def test_a_pattern_that_cannot_be_read_is_none(expression: str) -> None:
    assert read_pattern(expression) is None


def test_text_of_a_pattern_is_not_longer_than_the_column() -> None:
    pattern = read_pattern("^[0-9]{3,9}$", limit=5)
    assert pattern is not None
    assert {len(text) for text in draw_texts(pattern.formats, 200, rng())} == {3, 4, 5}
    assert read_pattern("^[0-9]{6}$", limit=5) is None


@pytest.mark.parametrize(
    ("holds", "expectation"),
    [
        ("((phone)::text ~ '^0[0-9]+$'::text)", ["^0[0-9]+$"]),
        ("((phone IS NULL) OR (phone ~ '^x$'::text))", ["^x$"]),
        ("(phone ~ '^x$'::text) OR (phone ~ '^y$'::text)", []),
        ("(phone ~* '^x$'::text)", []),
        ("(phone ~ other)", []),
        ("not (phone ~ '^x$')", []),
        ("(phone ~~ '+4_ %'::text)", [r"^\+4.\ .*$"]),
        (r"phone like '10\% %'", [r"^10%\ .*$"]),
        ("phone not like 'x%'", []),
        ("(regexp_match(phone, '^x') is not null)", ["^x"]),
        ("(regexp_match(phone, '^x', 'i') is not null)", []),
        ("(regexp_match(phone, '^x') is null)", []),
        ("phone is not null or phone ~ '^x'", []),
        ("(\"left\"(phone, 2) = '+4'::text)", [r"^\+4"]),
        ("substring(phone from 1 for 2) = '+4'", [r"^\+4"]),
        ("substr(phone, 3, 2) = '+4'", []),
        ("starts_with(phone, 'x')", ["^x"]),
        ("length(phone) = 5", ["^.{5,5}$"]),
        ("(length((phone)::text) >= 3) AND (char_length(phone) < 9)", ["^.{3,}$", "^.{0,8}$"]),
        ("length(phone) between 3 and 5", ["^.{3,5}$"]),
        ("length(phone) = n", []),
        ("phone = lower(phone)", ["^[^A-Z]*$"]),
        ("upper(phone) = phone", ["^[^a-z]*$"]),
        ("phone = lower(other)", []),
        ("(phone ~ '^x' and length(phone) > 4) or phone is null", ["^x", "^.{5,}$"]),
    ],
)
def test_rules_tell_patterns(holds: str, expectation: list[str]) -> None:
    assert patterns_of(Rule("check", holds)) == tuple(("phone", pattern) for pattern in expectation)


@pytest.mark.parametrize(
    ("expressions", "right"),
    [
        (["^.{32,32}$", "^[0-9a-f]*$"], "[0-9a-f]{32}"),
        (["^[^A-Z]*$", "^.{5,5}$"], "[a-z0-9]{5}"),
        (["^DE", "^.{8,8}$"], "DE.{6}"),
        (["^[A-Z]{2}[0-9]{2,6}$", "^.{6,7}$"], "[A-Z]{2}[0-9]{4,5}"),
        ([r"^\mx", "^y.{3}$"], "y.{3}"),
    ],
)
def test_text_matches_all_of_several_expressions(expressions: list[str], right: str) -> None:
    pattern = read_pattern(*expressions)
    assert pattern is not None
    texts = draw_texts(pattern.formats, 100, rng())
    assert all(re.fullmatch(right, text) for text in texts if pattern.fits(text))
    assert sum(map(pattern.fits, texts)) >= 50


def test_expressions_that_contradict_each_other_are_no_pattern() -> None:
    assert read_pattern("^A[0-9]$", "^.{5,5}$") is None


def test_words_stand_in_a_column_of_prose_where_they_match() -> None:
    nothing = pa.chunked_array([], pa.string())

    def texts(*expressions: str) -> list[str]:
        pattern = read_pattern(*expressions)
        made_up = placeholders(CODE, 50, rng(), real=nothing, existing=nothing, unique=False, pattern=pattern)
        return list(made_up.to_pylist())

    assert all(re.fullmatch("[A-Z][a-z ]{2,4}", text) for text in texts("^.{3,5}$"))
    assert all(re.fullmatch("[a-z ]{3,5}", text) for text in texts("^.{3,5}$", "^[^A-Z]*$"))
    assert all(re.fullmatch("[0-9]{4}", text) for text in texts("^[0-9]{4}$"))


@pytest.mark.parametrize(
    ("holds", "expectation"),
    [
        ("(plan = ANY (ARRAY['a'::text, 'b'::text]))", ("plan", ("a", "b"))),
        ("(plan IS NULL) OR ((plan)::text = ANY ((ARRAY['a'::varchar])::text[]))", ("plan", ("a",))),
        ("grade in (1, 2)", ("grade", ("1", "2"))),
        ("grade in (1, other)", None),
        ("plan = 'a'", None),
        ("plan in (select 1)", None),
        ("nothing (", None),
    ],
)
def test_rules_tell_labels(holds: str, expectation: tuple[str, tuple[str, ...]] | None) -> None:
    assert labels_of(Rule("check", holds)) == expectation


def test_new_keys_match_where_those_like_the_real_ones_would_not() -> None:
    real = pa.chunked_array([[f"{letter}{number}" for letter in "ABC" for number in range(10, 99)]])
    pattern = read_pattern("^[ABC][0-9]{2,3}$")
    keys = new_keys(real, CODE, 50, rng(), pattern=pattern).to_pylist()
    assert all(re.fullmatch("[ABC][0-9]{2,3}", key) for key in keys)
    assert not {*keys} & {*real.to_pylist()}
    assert len({*keys}) == 50


def test_made_up_phones_match_also_where_no_number_with_zeros_does() -> None:
    real = pa.chunked_array([[f"06{number}" for number in range(10_000_000, 10_000_100)]])
    pattern = read_pattern("^0[67][0-9]{8}$")
    phones = replacements(
        IdentifierKind.PHONE, CODE, 80, rng(), real=real, existing=real, unique=True, pattern=pattern
    ).to_pylist()
    assert all(re.fullmatch("0[67]00[0-9]{6}", phone) for phone in phones)
