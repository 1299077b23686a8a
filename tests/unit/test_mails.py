"""Addresses made of names are made of the new names; none of them is a real one, and none is there twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from synth.columns.conform import assemble, learnable
from synth.columns.mails import WITHOUT_MARKS, WRITTEN_OUT, NamedMail, named_mails
from synth.columns.pii import IdentifierKind
from synth.columns.roles import Treatment
from synth.domain import Column, Kind, Role

if TYPE_CHECKING:
    from collections.abc import Callable

FIRSTS, LASTS = ["Ann", "Bo", "Zoë", "Jean-Luc"], ["Smith", "Weiß", "O'Neil", "Lund"]
PLAIN = {"Zoë": "zoe", "Weiß": "weiss", "O'Neil": "oneil", "Jean-Luc": "jeanluc"}
FIRST, LAST = "first_name", "last_name"


def treatment(name: str, role: Role, what: IdentifierKind, length: int | None = None) -> Treatment:
    column = Column(name, "text", Kind.TEXT, not_null=False, length=length)
    return Treatment(column, role, "test", unique=role is Role.EMAIL, what=what)


NAMES = (
    treatment(FIRST, Role.NAME, IdentifierKind.FIRST_NAME),
    treatment(LAST, Role.NAME, IdentifierKind.LAST_NAME),
)
MAIL = treatment("email", Role.EMAIL, IdentifierKind.EMAIL)


def people(form: str = "{}.{}", rows: int = 200) -> pa.Table:
    rng = np.random.default_rng(0)
    firsts, lasts = rng.choice(FIRSTS, rows).tolist(), rng.choice(LASTS, rows).tolist()
    mails: list[str | None] = [
        form.format(PLAIN.get(one, one.lower()), PLAIN.get(other, other.lower())) + f"{place}@firm.test"
        for place, (one, other) in enumerate(zip(firsts, lasts, strict=True))
    ]
    mails[3] = None
    return pa.table({FIRST: firsts, LAST: lasts, "email": mails})


def twin_of(real: pa.Table, *treatments: Treatment) -> list[dict[str, str | None]]:
    rng = np.random.default_rng(1)
    table = assemble(
        learnable(real, treatments).reindex(range(real.num_rows)),
        treatments,
        real=real,
        parents=lambda _: None,
        rng=rng,
    )
    rows: list[dict[str, str | None]] = table.to_pylist()
    return rows


@pytest.mark.parametrize("form", ["{}.{}", "{}_{}", "{}{}"])
def test_addresses_are_made_of_the_new_names_as_the_real_ones_are_of_real_names(form: str) -> None:
    real = people(form)
    rows = twin_of(real, *NAMES, MAIL)
    mails = [row["email"] for row in rows if row["email"] is not None]
    assert 0.8 * len(rows) < len(mails) == len(set(mails))
    assert not set(mails) & set(real.column("email").to_pylist())
    for row in rows:
        if row["email"] is not None:
            assert row["email"].startswith(form.format((row[FIRST] or "").lower(), (row[LAST] or "").lower()))
            assert row["email"].partition("@")[2] in {"example.com", "example.net", "example.org"}


@pytest.mark.parametrize(
    ("words", "letters"),
    [
        ({"Jörg": "joerg", "Åse": "aase", "Müller": "mueller"}, WRITTEN_OUT),
        ({"Jörg": "jorg", "Åse": "ase", "Müller": "muller"}, WITHOUT_MARKS),
    ],
)
def test_letters_that_addresses_lack_are_written_out_or_bare(
    words: dict[str, str], letters: dict[int, str]
) -> None:
    firsts, lasts = ["Jörg", "Åse", "Ann"] * 40, ["Müller", "Lund"] * 60
    pairs = [*zip(firsts, lasts, strict=True)]
    mails = [".".join(words.get(one, one.lower()) for one in pair) + "@firm.test" for pair in pairs]
    [mail] = named_mails([*NAMES, MAIL], pa.table({FIRST: firsts, LAST: lasts, "email": mails}))
    assert (mail.form, mail.letters) == ("{first}.{last}", letters)


@pytest.mark.parametrize("form", ["{}.{}", "{}_{}"])
@pytest.mark.parametrize("spell", [str, str.upper])
def test_letters_are_written_as_in_real_addresses(form: str, spell: Callable[[str], str]) -> None:
    firsts, lasts = ([spell(name) for name in names] * 50 for names in (["Ann", "Bo"], ["Smith", "Lund"]))
    pairs = zip(firsts, lasts, strict=True)
    mails = [f"{form.format(*pair)}{place}@firm.test" for place, pair in enumerate(pairs)]
    real = pa.table({FIRST: firsts, LAST: lasts, "email": mails})
    for row in twin_of(real, *NAMES, MAIL):
        assert (row["email"] or "").startswith(form.format(row[FIRST], row[LAST]))


def test_full_names_do_as_well() -> None:
    real = people()
    names = [f"{row[FIRST]} {row[LAST]}" for row in real.to_pylist()]
    real = pa.table({"name": names, "email": real.column("email")})
    name = treatment("name", Role.NAME, IdentifierKind.FULL_NAME)
    for row in twin_of(real, name, MAIL):
        if row["email"] is not None:
            first, last = (row["name"] or "").lower().split()
            assert row["email"].startswith(f"{first}.{last}")


def test_addresses_that_say_nothing_of_the_name_are_made_up_as_ever() -> None:
    real = people()
    shuffled_table = real.set_column(2, "email", pa.array(real.column("email").to_pylist()[::-1]))
    assert named_mails([*NAMES, MAIL], shuffled_table) == []
    assert named_mails([*NAMES, MAIL], real.slice(0, 10)) == []
    assert named_mails([*NAMES, MAIL], real) == [NamedMail("email", (FIRST, LAST), "{first}.{last}")]
    assert all((row["email"] or "user").startswith("user") for row in twin_of(shuffled_table, *NAMES, MAIL))


def test_an_address_that_is_too_long_stays_as_it_was_made_up() -> None:
    short = treatment("email", Role.EMAIL, IdentifierKind.EMAIL, length=26)
    mails = [row["email"] for row in twin_of(people(), *NAMES, short) if row["email"]]
    assert all(len(mail) <= 26 for mail in mails)
    assert any("." in mail.partition("@")[0] for mail in mails)
