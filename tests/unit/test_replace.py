"""Identifiers are replaced by others of their kind that belong to nobody."""

from __future__ import annotations

import re
import time
from ipaddress import ip_address, ip_network
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from synth.domain import Column, Kind, Role
from synth.errors import ModelError
from synth.replace import MAKERS, replacements

DOCUMENTATION = [ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


def made(role: Role, rows: int, *, name: str = "thing", seed: int = 0, **other: Any) -> list[str]:
    column = Column(name, "text", Kind.TEXT, not_null=True, length=other.pop("length", None))
    taken = pa.chunked_array([pa.array(other.pop("taken", []), pa.string())])
    values: list[str] = replacements(
        role, column, rows, np.random.default_rng(seed), taken=taken, unique=other.pop("unique", False)
    ).to_pylist()
    assert len(values) == rows
    assert not set(values) & set(taken.to_pylist())
    return values


@pytest.mark.parametrize(
    ("role", "pattern"),
    [
        (Role.EMAIL, r"user\d+@example\.com"),
        (Role.URL, r"https://example\.com/\d+"),
        (Role.PHONE, r"\+1-\d{3}-555-01\d\d"),
        (Role.NAME, r"\w[\w .'-]+"),
        (Role.ADDRESS, r"\d+ [\w .'-]+"),
    ],
)
def test_replacements_look_like_their_kind(role: Role, pattern: str) -> None:
    for value in made(role, 200):
        assert re.fullmatch(pattern, value), value


def test_network_addresses_are_those_kept_for_documentation() -> None:
    for value in made(Role.IP, 200):
        assert any(ip_address(value) in network for network in DOCUMENTATION)


def test_names_and_addresses_follow_the_name_of_the_column() -> None:
    assert all(" " not in value for value in made(Role.NAME, 50, name="first_name"))
    assert all(re.fullmatch(r"\d{5}", value) for value in made(Role.ADDRESS, 50, name="zip_code"))
    assert not any(value[0].isdigit() for value in made(Role.ADDRESS, 50, name="home_city"))


@pytest.mark.parametrize("role", MAKERS)
def test_the_same_seed_gives_the_same_values(role: Role) -> None:
    assert made(role, 50, seed=1) == made(role, 50, seed=1) != made(role, 50, seed=2)


@pytest.mark.parametrize("role", [Role.EMAIL, Role.URL, Role.PHONE, Role.NAME, Role.IP])
def test_values_are_unique_where_they_must_be_and_none_is_real(role: Role) -> None:
    real = made(role, 300)
    values = made(role, 300, unique=True, taken=real)
    assert len(set(values)) == 300


def test_the_network_mask_of_a_real_address_hides_nothing() -> None:
    first = made(Role.IP, 5)
    assert not set(made(Role.IP, 5)) - set(first)
    assert not set(made(Role.IP, 5, taken=[f"{value}/32" for value in first])) & set(first)


def test_values_that_do_not_fit_are_not_made() -> None:
    assert max(map(len, made(Role.NAME, 100, length=10))) <= 10
    with pytest.raises(ModelError, match=r"not enough values of role email for thing \(text, 10 rows\)"):
        made(Role.EMAIL, 10, length=5)


def test_more_unique_values_than_there_are_is_refused() -> None:
    with pytest.raises(ModelError, match=r"role ip for thing \(text, 763 rows, unique\)"):
        made(Role.IP, 763, unique=True)


def test_a_million_values_take_seconds() -> None:
    started = time.process_time()
    made(Role.EMAIL, 1_000_000, unique=True)
    made(Role.NAME, 1_000_000)
    assert time.process_time() - started < 10
