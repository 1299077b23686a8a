"""Identifiers replaced by others of their kind, from ranges that belong to nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.domain import Role
from synth.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from synth.domain import Column

Rng = np.random.Generator

POOL = 4096  # made-up names and addresses to draw from; more would only be slower
TRIES = 20
# RFC 5737: addresses for documentation.
NETWORKS = ("192.0.2.", "198.51.100.", "203.0.113.")


def replacements(
    role: Role, column: Column, rows: int, rng: Rng, *, taken: pa.ChunkedArray, unique: bool
) -> pa.Array:
    """`rows` made-up values for an identifier column, none of which occurs in `taken`.

    E-mail addresses and URLs are under example.com (RFC 2606), IP addresses from the documentation ranges
    (RFC 5737), phone numbers from 555-0100 to 555-0199; names and addresses are Faker's.

    Raises:
        ModelError: the column must be unique, or is too short, and there are not enough such values.
    """
    make = MAKERS[role]
    known = pc.replace_substring_regex(taken.drop_null().unique(), r"/(32|128)$", "")  # of inet, as text
    real = pd.Index(known.to_pylist(), dtype=object)
    found: list[str] = []
    for _ in range(TRIES):
        if len(found) >= rows:
            break
        fresh = pd.Index(make(column, rows - len(found) + 8, rng), dtype=object)
        if column.length is not None:
            fresh = fresh[fresh.str.len() <= column.length]
        found += fresh[~fresh.isin(real)].to_list()
        found = list(dict.fromkeys(found)) if unique else found
    if found and not unique:  # few fit
        found += rng.choice(found, max(0, rows - len(found))).tolist()
    if len(found) < rows:
        raise ModelError(
            f"There are not enough values of role {role} for {column.name} ({column.data_type}, {rows} rows"
            f"{', unique' if unique else ''}). Next: declare natural_key or free_text, or ask for fewer rows."
        )
    return pa.array(found[:rows], pa.string())


def _numbers(rows: int, rng: Rng) -> list[str]:
    return [str(number) for number in rng.integers(10**6, 10**9, rows)]


def _emails(_: Column, rows: int, rng: Rng) -> list[str]:
    return [f"user{number}@example.com" for number in _numbers(rows, rng)]


def _urls(_: Column, rows: int, rng: Rng) -> list[str]:
    return [f"https://example.com/{number}" for number in _numbers(rows, rng)]


def _phones(_: Column, rows: int, rng: Rng) -> list[str]:
    areas, lines = rng.integers(201, 990, rows), rng.integers(0, 100, rows)
    return [f"+1-{area}-555-01{line:02d}" for area, line in zip(areas, lines, strict=True)]


def _addresses_ip(_: Column, rows: int, rng: Rng) -> list[str]:
    networks, hosts = rng.integers(0, len(NETWORKS), rows), rng.integers(1, 255, rows)
    return [f"{NETWORKS[network]}{host}" for network, host in zip(networks, hosts, strict=True)]


def _names(column: Column, rows: int, rng: Rng) -> list[str]:
    word = column.name.lower()
    part = "first_name" if "first" in word or "given" in word else "name"
    return _faked("last_name" if "last" in word or "surname" in word or "family" in word else part, rows, rng)


def _addresses(column: Column, rows: int, rng: Rng) -> list[str]:
    word = column.name.lower()
    parts = {"city": "city", "zip": "postcode", "post": "postcode", "state": "state", "country": "country"}
    part = next((value for key, value in parts.items() if key in word), "street_address")
    return _faked(part, rows, rng)


def _faked(provider: str, rows: int, rng: Rng) -> list[str]:
    from faker import Faker  # noqa: PLC0415 - a quarter of a second that few runs need

    faker = Faker()
    faker.seed_instance(int(rng.integers(2**31)))
    pool = [str(getattr(faker, provider)()) for _ in range(min(POOL, rows))]
    return [pool[i] for i in rng.integers(0, len(pool), rows)]


MAKERS: dict[Role, Callable[[Column, int, Rng], list[str]]] = {
    Role.NAME: _names,
    Role.EMAIL: _emails,
    Role.PHONE: _phones,
    Role.ADDRESS: _addresses,
    Role.IP: _addresses_ip,
    Role.URL: _urls,
}
