"""What is made of new values of the row is new, whatever few digits it has in common with real ones."""

from __future__ import annotations

from synth.columns.roles import Treatment
from synth.corrections.compounds import pieces_of_row
from synth.domain import Column, Formula, Kind, Role, Scope


def of(name: str, role: Role) -> Treatment:
    return Treatment(Column(name, "text", Kind.TEXT, not_null=False), role, "test")


ROW = [
    of("iban", Role.NATURAL_KEY),
    of("last_four", Role.NATURAL_KEY),
    of("holder", Role.NAME),
    of("note", Role.FREE_TEXT),
    of("bank", Role.CATEGORY),
]


def pieces(**formulas: tuple[str, ...]) -> frozenset[str]:
    columns_of = {Formula(column, "…"): frozenset(names) for column, names in formulas.items()}
    return pieces_of_row(ROW, columns_of)


def test_the_last_digits_of_a_new_number_are_a_piece_of_it() -> None:
    assert pieces(last_four=("iban",)) == {"last_four"}
    assert pieces(last_four=("last_four", "iban", "bank")) == {"last_four"}


def test_what_is_made_of_anything_else_is_looked_at() -> None:
    assert pieces(last_four=("note",)) == frozenset()
    assert pieces(last_four=("elsewhere", "iban")) == frozenset()
    assert pieces(last_four=()) == frozenset()
    assert pieces_of_row(ROW, {Formula("last_four", "…", Scope.WINDOW): frozenset({"iban"})}) == frozenset()


def test_of_columns_made_of_each_other_none_is_left_out() -> None:
    assert pieces(last_four=("iban",), iban=("last_four", "bank")) == frozenset()
    assert pieces(last_four=("iban",), iban=("holder",)) == {"iban"}
