"""What leads to people is recognised, and what only looks so is left alone."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from synth.columns.pii import (
    IdentifierKind,
    detect,
    is_personal,
    mentions,
    names_firm,
    read_beside,
    read_label,
    read_name,
)
from synth.columns.pii.patterns import MATCHERS, find_embedded, is_card, is_iban, luhn, mod97
from synth.columns.roles import classify
from synth.domain import Column, Kind, Model, Relation, Role
from tests.columns import LabelledColumn, labelled_columns

MODEL = Model("model.shop.users", "users", Relation("db", "marts", "users"), "models/users.yml", "table")
LEARNED_ROLES = {Role.CATEGORY, Role.NUMBER, Role.DATETIME, Role.BOOLEAN}
COLUMNS = labelled_columns()


def kind_of(name: str, values: list[Any], kind: Kind = Kind.TEXT) -> IdentifierKind | None:
    column = Column(name, kind.value, kind, not_null=False)
    what = detect(column, pa.chunked_array([pa.array(values)]))
    return what.what if what else None


# --- names of columns


@pytest.mark.parametrize(
    ("name", "others", "what"),
    [
        ("nom", ["prenom", "nom", "ville"], IdentifierKind.LAST_NAME),
        ("Name", ["Vorname", "Name"], IdentifierKind.LAST_NAME),
        ("nombre", ["nombre", "apellidos"], IdentifierKind.FIRST_NAME),
        ("nom_client", ["prenom_client", "nom_client", "nom_produit"], IdentifierKind.LAST_NAME),
        ("nome", ["nome", "cognome", "stazione_nome"], IdentifierKind.FIRST_NAME),
        ("nom_produit", ["prenom_client", "nom_client", "nom_produit"], None),
        ("nom", ["prenom_contact", "nom"], None),
        ("name", ["first_name", "last_name", "name"], None),
        ("nom", ["nom", "ville"], None),
    ],
)
def test_what_is_called_a_name_is_the_other_part_of_one_beside_it(
    name: str, others: list[str], what: IdentifierKind | None
) -> None:
    assert read_beside(name, others).what is what


def test_surnames_that_many_share_are_replaced_beside_first_names() -> None:
    surnames = [one for one in ("LHÉRITIER", "MARTIN", "OBERT") for _ in range(30)]
    column, beside = Column("nom", "text", Kind.TEXT, not_null=False), ["prenom", "nom"]
    detection = detect(column, pa.chunked_array([pa.array(surnames)]), beside)
    assert detection is not None
    assert detection.what is IdentifierKind.LAST_NAME
    whole_names = [f"Anna {one}" for one in surnames]
    detection = detect(column, pa.chunked_array([pa.array(whole_names)]), beside)
    assert detection is not None
    assert detection.what is IdentifierKind.FULL_NAME
    rows = pa.table({"prenom": ["Anna", "Marie", "Lucas"] * 30, "nom": surnames})
    columns = [Column(one, "text", Kind.TEXT, not_null=False) for one in beside]
    assert [one.role for one in classify(MODEL, columns, rows)] == [Role.NAME, Role.NAME]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("email", IdentifierKind.EMAIL),
        ("customerEmailAddress", IdentifierKind.EMAIL),
        ("phone_number_2", IdentifierKind.PHONE),
        ("Telefonnummer", IdentifierKind.PHONE),
        ("IPAddress", IdentifierKind.IP),
        ("mac_address", IdentifierKind.MAC),
        ("billing_address_city", IdentifierKind.CITY),
        ("Straße", IdentifierKind.STREET),
        ("prénom", IdentifierKind.FIRST_NAME),
        ("apellidos", IdentifierKind.LAST_NAME),
        ("employee_name", IdentifierKind.FULL_NAME),
        ("project_manager_name", IdentifierKind.FULL_NAME),
        ("course_teacher_name", IdentifierKind.FULL_NAME),
        ("nom_enseignant_cours", IdentifierKind.FULL_NAME),
        ("fecha_nacimiento", IdentifierKind.BIRTH),
        ("password_hash", IdentifierKind.TOKEN),
        ("first_name_sha256", IdentifierKind.TOKEN),
        ("codePostal", IdentifierKind.POSTCODE),
        ("customer_zip_code_prefix", IdentifierKind.POSTCODE),
        ("kommentar", IdentifierKind.NOTE),
        ("passport_no", IdentifierKind.NUMBER),
        ("cognome", IdentifierKind.LAST_NAME),
        ("nominativo_cliente", IdentifierKind.FULL_NAME),
        ("data_di_nascita", IdentifierKind.BIRTH),
        ("codiceFiscale", IdentifierKind.NUMBER),
        ("nr_patente", None),  # how many there are
        ("patente_nr", IdentifierKind.NUMBER),
        ("cellulare_2", IdentifierKind.PHONE),
        ("indirizzo", IdentifierKind.STREET),
        ("città", IdentifierKind.CITY),
    ],
)
def test_names_of_columns_are_read_in_five_languages_and_any_spelling(
    name: str, what: IdentifierKind
) -> None:
    assert read_name(name).what is what


@pytest.mark.parametrize(
    "name",
    ["email_status", "is_phone", "phone_type", "number_of_cards", "birth_year", "email_sent_at", "ip_version",
     "shipping", "zipped", "telling", "product_name", "host_name", "name", "nome_prodotto", "stazione_nome"],
)  # fmt: skip
def test_names_that_are_about_something_else_say_nothing(name: str) -> None:
    assert read_name(name).what is None


def test_a_name_may_be_about_people_or_about_things() -> None:
    assert read_name("name").person
    assert read_name("doctor_on_duty").person
    assert read_name("product_name").thing
    assert not read_name("product_name").person


@pytest.mark.parametrize(
    ("label", "what"),
    [
        ("pii.email", IdentifierKind.EMAIL),
        ("pii.name", IdentifierKind.FULL_NAME),
        ("pii.last_name", IdentifierKind.LAST_NAME),
        ("pii.dob", IdentifierKind.BIRTH),
        ("pii.hashed", IdentifierKind.TOKEN),
        ("contains_phone", IdentifierKind.PHONE),
        ("email_marketing", None),
        ("product_name", None),
        ("pii", None),
    ],
)
def test_labels_name_a_kind_only_if_they_end_with_it(label: str, what: IdentifierKind | None) -> None:
    assert read_label(label) is what


def test_a_label_can_say_that_a_column_is_personal_without_a_kind() -> None:
    assert is_personal("PII")
    assert is_personal("personal_data")
    assert is_personal("pii.high")
    assert not is_personal("internal")


# --- values


def test_check_digits_are_checked() -> None:
    assert luhn("4111111111111111")
    assert not luhn("4111111111111112")
    assert mod97("GB29NWBK60161331926819") == 1
    assert is_iban("de89 3704 0044 0532 0130 00")
    assert not is_iban("DE88370400440532013000")
    assert is_card("3782 822463 10005")
    assert not is_card("1234567890123456")


@pytest.mark.parametrize(
    ("what", "texts"),
    [
        (IdentifierKind.EMAIL, ["a@b.de", "Jo.Doe+x@mail.corp.test", "jürgen@müller.test"]),
        (IdentifierKind.URL, ["https://a.test/x?y=1", "www.corp.test", "ftp://a.test"]),
        (IdentifierKind.MAC, ["08:00:2b:01:02:03", "0800.2b01.0203", "08-00-2B-01-02-03"]),
        (IdentifierKind.IP, ["10.0.0.1", "2001:db8::1", "10.0.0.0/8"]),
        (IdentifierKind.SSN, ["078-05-1120"]),
        (IdentifierKind.PHONE, ["+49 171 1234567", "(212) 555-0100", "212-555-0100", "01 23 45 67 89",
                      "+12125550100", "030/1234567", "+1-212-555-0100x12"]),
        (IdentifierKind.UUID, ["7d444840-9dc0-11d1-b245-5ffdce74fad2"]),
        (IdentifierKind.TOKEN, ["5d41402abc4b2a76b9719d911017c592", "ghp_Zk3J9x0Q2wE5rT7yU1iO"]),
        (IdentifierKind.COORDINATES, ["52.5200, 13.4050", "(-33.86,151.20)"]),
    ],
)  # fmt: skip
def test_forms_are_recognised(what: IdentifierKind, texts: list[str]) -> None:
    for text in texts:
        assert MATCHERS[what](text), text


@pytest.mark.parametrize(
    "text",
    ["1234567890", "2024-01-05 10:00:00", "2024-01-05", "1.2.3", "ORD-000123", "12:30", "1200.00", "a@b",
     "on hold", "supercalifragilistic", "12345678901234567890123456789012", "05/01/2024",
     "01.02.2024", "01-15-2024", "0815-4711", "US", ""],
)  # fmt: skip
def test_what_looks_alike_is_none_of_them(text: str) -> None:
    assert [what for what, matches in MATCHERS.items() if matches(text)] == []


def test_a_column_is_what_four_fifths_of_its_values_are() -> None:
    mails = [f"p{i}@corp.test" for i in range(80)]
    assert kind_of("x", [*mails, *["-"] * 20, None, ""]) is IdentifierKind.EMAIL
    assert kind_of("x", [*mails[:-1], *["-"] * 21]) is None
    assert (
        kind_of("email", [*mails, *["none given"] * 80]) is IdentifierKind.EMAIL
    )  # half, where the name says so


def test_digits_are_telephones_only_if_the_column_is_called_so() -> None:
    numbers = [2_125_550_000 + i * 7919 for i in range(300)]
    assert kind_of("order_ref", numbers, Kind.INTEGER) is None
    assert kind_of("phone", numbers, Kind.INTEGER) is IdentifierKind.PHONE
    assert kind_of("phone", [i % 4 for i in range(300)], Kind.INTEGER) is None
    assert kind_of("telephone", [str(number) for number in numbers]) is IdentifierKind.PHONE
    assert kind_of("order_ref", [str(number) for number in numbers]) is None


def test_versions_are_no_addresses() -> None:
    versions = [f"{i % 3}.{i % 7}.{i % 2}.0" for i in range(300)]
    assert kind_of("release", versions) is None
    assert kind_of("ip", versions) is IdentifierKind.IP


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("write to jo@corp.test today", IdentifierKind.EMAIL),
        ("paid with 4111 1111 1111 1111.", IdentifierKind.CARD),
        ("to DE89 3704 0044 0532 0130 00", IdentifierKind.IBAN),
        ("call +49 171 1234567", IdentifierKind.PHONE),
        ("call (212) 555-0100", IdentifierKind.PHONE),
        ("version 1.2.3 of 2024-01-05, 12 pieces", None),
        ("order 1234567890123456", None),
    ],
)
def test_what_a_label_mentions_is_seen(text: str, what: IdentifierKind | None) -> None:
    assert find_embedded(text) is what
    repeats = pa.chunked_array([pa.array([text] * 10)])
    assert mentions(repeats, fewest=10) is what
    assert mentions(repeats, fewest=11) is None


def test_a_column_of_names_is_asked_about_where_few_of_them_are_known() -> None:
    rare_names = ["Xhoana", "Nqobile", "Thandeka", "Bukola", "Oyelaran", "Zviadi", "Anna", "Maria", "Wangui"]
    column = Column("name", "text", Kind.TEXT, not_null=False)
    kind = detect(column, pa.chunked_array([pa.array(rare_names * 40)]))
    assert kind is not None
    assert kind.doubt == "is called as if it held names of people, of which few are known"
    assert kind_of("name", ["coffee", "tea", "cake", "sandwich", "beans", "mug"] * 40) is None


# --- the benchmark


def protects(one: LabelledColumn) -> bool:
    """Whether nothing of the column would come back: it is replaced, emptied, or the user is asked."""
    (treatment,) = classify(MODEL, [one.column], pa.table({one.name: one.values}))
    return bool(treatment.doubt) or treatment.role not in LEARNED_ROLES


def test_the_benchmark_is_large_and_has_both_kinds() -> None:
    assert len(COLUMNS) >= 60
    assert 0.4 < sum(one.what is None for one in COLUMNS) / len(COLUMNS) < 0.6


@pytest.mark.parametrize("one", COLUMNS, ids=lambda one: f"{one.name}-{one.column.kind}")
def test_identifiers_are_protected_and_other_columns_learned(one: LabelledColumn) -> None:
    assert protects(one) == (one.what is not None)


def test_firms_have_names_that_are_called_otherwise() -> None:
    assert all(
        map(names_firm, ("company", "employer_name", "trading_name", "doing_business_as", "legal_name"))
    )
    assert not any(
        map(names_firm, ("first_name", "business_unit", "legal_status", "same_as", "registered_on"))
    )
