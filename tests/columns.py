"""Columns as warehouses have them, with what they hold: identifiers, and what only looks like them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from faker import Faker

from synth.columns.pii import IdentifierKind
from synth.domain import Column, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 600
TYPES = {
    Kind.TEXT: "text",
    Kind.INTEGER: "bigint",
    Kind.FLOAT: "double precision",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "timestamp without time zone",
}


@dataclass(frozen=True)
class LabelledColumn:
    """A column and the truth about it; `what` is None where it identifies nobody."""

    column: Column
    values: pa.ChunkedArray
    what: IdentifierKind | None

    @property
    def name(self) -> str:
        return self.column.name


@cache
def fakers(locale: str) -> Faker:
    """Names are from countries whose names the detector was not given, wherever Faker has some."""
    faker = Faker(locale)
    faker.seed_instance(20261123)
    return faker


def labelled_columns() -> list[LabelledColumn]:
    """Every column of the benchmark, the same each time."""
    chance = random.Random(7)
    return [
        _column_of(name, what, make, chance, kind)
        for kind, columns in ((Kind.TEXT, TEXTS), (Kind.INTEGER, NUMBERS))
        for name, what, make in columns
    ] + [_column_of(name, what, make, chance, kind) for kind, name, what, make in OTHERS]


def _column_of(
    name: str,
    what: IdentifierKind | None,
    make: Callable[[random.Random], Any],
    chance: random.Random,
    kind: Kind,
) -> LabelledColumn:
    values = [None if chance.random() < 0.06 else make(chance) for _ in range(ROWS)]
    column = Column(name, TYPES[kind], kind, not_null=False, bits=64 if kind is Kind.INTEGER else None)
    return LabelledColumn(column, pa.chunked_array([pa.array(values)]), what)


def of(locale: str, provider: str, **options: Any) -> Callable[[random.Random], Any]:
    return lambda _: getattr(fakers(locale), provider)(**options)


def few(locale: str, provider: str, number: int) -> Callable[[random.Random], Any]:
    """One of `number` values, each of which many rows share."""
    pool = [getattr(fakers(locale), provider)() for _ in range(number)]
    return lambda chance: chance.choice(pool)


def one_of(words: str) -> Callable[[random.Random], str]:
    return lambda chance: chance.choice(words.split(","))


def digits(pattern: str) -> Callable[[random.Random], str]:
    """The pattern with a digit for each #."""
    return lambda chance: "".join(str(chance.randrange(10)) if c == "#" else c for c in pattern)


def whole(low: int, high: int) -> Callable[[random.Random], int]:
    return lambda chance: chance.randrange(low, high)


def hexadecimal(length: int) -> Callable[[random.Random], str]:
    return lambda chance: f"{chance.getrandbits(4 * length):0{length}x}"


def mostly(make: Callable[[random.Random], Any], other: str, share: float) -> Callable[[random.Random], Any]:
    return lambda chance: make(chance) if chance.random() < share else other


TEXTS: list[tuple[str, IdentifierKind | None, Callable[[random.Random], Any]]] = [
    # --- e-mail, telephone, net
    ("email", IdentifierKind.EMAIL, of("en_NZ", "email")),
    ("contactMail", IdentifierKind.EMAIL, of("de_CH", "email")),
    ("login", IdentifierKind.EMAIL, of("fr_CA", "ascii_email")),
    ("field_7", IdentifierKind.EMAIL, mostly(of("en_NZ", "email"), "unknown", 0.9)),
    ("user_id", IdentifierKind.EMAIL, of("en_NZ", "email")),
    ("phone_number", IdentifierKind.PHONE, of("en_US", "phone_number")),
    ("telefon", IdentifierKind.PHONE, of("de_DE", "phone_number")),
    ("tel", IdentifierKind.PHONE, of("fr_FR", "phone_number")),
    ("movil", IdentifierKind.PHONE, of("es_ES", "phone_number")),
    ("mobile", IdentifierKind.PHONE, digits("04########")),
    ("phone", IdentifierKind.PHONE, digits("212555####")),
    ("col_3", IdentifierKind.PHONE, digits("+49 171 #######")),
    ("attribute", IdentifierKind.PHONE, digits("(415) 2##-####")),
    ("ip_address", IdentifierKind.IP, of("en_US", "ipv4")),
    ("last_seen_from", IdentifierKind.IP, of("en_US", "ipv4_public")),
    ("remote", IdentifierKind.IP, of("en_US", "ipv6")),
    ("mac", IdentifierKind.MAC, of("en_US", "mac_address")),
    (
        "referrer",
        IdentifierKind.URL,
        lambda c: f"https://shop.test/u/{c.getrandbits(32)}?s={c.getrandbits(20)}",
    ),
    ("website", IdentifierKind.URL, of("en_US", "url")),
    # --- numbers with check digits, keys
    ("credit_card", IdentifierKind.CARD, of("en_US", "credit_card_number")),
    ("paid_with", IdentifierKind.CARD, lambda _: _in_groups(fakers("en_US").credit_card_number("visa16"))),
    ("iban", IdentifierKind.IBAN, of("de_DE", "iban")),
    ("konto", IdentifierKind.IBAN, of("en_GB", "iban")),
    ("ssn", IdentifierKind.SSN, of("en_US", "ssn")),
    ("attr_9", IdentifierKind.SSN, of("en_US", "ssn")),
    ("external_ref", IdentifierKind.UUID, of("en_US", "uuid4")),
    ("session_token", IdentifierKind.TOKEN, hexadecimal(32)),
    ("value", IdentifierKind.TOKEN, hexadecimal(40)),
    ("password", IdentifierKind.TOKEN, of("en_US", "password")),
    ("passport_no", IdentifierKind.NUMBER, digits("C0#######")),
    ("account_number", IdentifierKind.NUMBER, digits("####-######")),
    ("licence_plate", IdentifierKind.NUMBER, of("en_GB", "license_plate")),
    ("username", IdentifierKind.LOGIN, of("fr_CA", "user_name")),
    # --- people
    ("first_name", IdentifierKind.FIRST_NAME, of("en_NZ", "first_name")),
    ("FirstName", IdentifierKind.FIRST_NAME, few("de_CH", "first_name", 20)),
    ("vorname", IdentifierKind.FIRST_NAME, few("de_AT", "first_name", 40)),
    ("prénom", IdentifierKind.FIRST_NAME, of("fr_CA", "first_name")),
    ("last_name", IdentifierKind.LAST_NAME, of("en_NZ", "last_name")),
    ("surname", IdentifierKind.LAST_NAME, few("en_IE", "last_name", 25)),
    ("nachname", IdentifierKind.LAST_NAME, few("de_CH", "last_name", 30)),
    ("apellidos", IdentifierKind.LAST_NAME, of("es_MX", "last_name")),
    ("full_name", IdentifierKind.FULL_NAME, of("fr_CA", "name")),
    ("customer_name", IdentifierKind.FULL_NAME, of("pt_PT", "name")),
    ("name", IdentifierKind.FULL_NAME, of("en_NZ", "name")),
    ("nom", IdentifierKind.FULL_NAME, few("fr_CH", "name", 30)),
    ("patient", IdentifierKind.FULL_NAME, of("es_MX", "name")),
    ("sales_rep", IdentifierKind.FULL_NAME, few("en_AU", "name", 8)),
    ("doctor_on_duty", IdentifierKind.FULL_NAME, few("es_MX", "name", 12)),
    ("handled", IdentifierKind.FULL_NAME, of("en_NZ", "name")),  # only the values say so
    ("value_2", IdentifierKind.FIRST_NAME, few("fr_CH", "first_name", 25)),  # likewise
    # --- places
    ("address", IdentifierKind.STREET, of("en_US", "street_address")),
    ("adresse", IdentifierKind.STREET, of("de_DE", "street_address")),
    ("calle", IdentifierKind.STREET, of("es_ES", "street_address")),
    ("delivery", IdentifierKind.STREET, of("fr_FR", "address")),
    ("home", IdentifierKind.COORDINATES, lambda c: f"{c.uniform(47, 54):.6f},{c.uniform(6, 15):.6f}"),
    ("zip", IdentifierKind.POSTCODE, digits("#####")),
    ("city", IdentifierKind.CITY, of("en_US", "city")),
    # --- prose
    ("notes", IdentifierKind.NOTE, lambda _: f"Called {fakers('en_NZ').name()}, {fakers('en_NZ').email()}"),
    ("bemerkung", IdentifierKind.NOTE, of("de_DE", "sentence")),
    ("field_12", IdentifierKind.NOTE, of("fr_FR", "sentence")),
    # --- what identifies nobody
    ("country_code", None, one_of("US,DE,FR,GB,ES")),
    ("country", None, few("en_US", "country", 30)),
    (
        "home_city",
        None,
        one_of("Paris,Sydney,Austin,Madison,Florence,Sofia,Orlando,Jackson,Victoria,Charlotte"),
    ),
    ("zip_code", None, one_of("10115,80331,20095,50667")),
    ("state", None, few("en_US", "state", 25)),
    ("status", None, one_of("active,closed,on hold")),
    ("gender", None, one_of("FEMALE,MALE,OTHER")),
    ("product_name", None, one_of("Jordan,Stella,Rose,Victor,Harley,Lincoln,Grace,Max,Ruby")),
    ("name_of_plan", None, one_of("Basic,Pro,Team,Enterprise")),
    ("product", None, one_of("coffee,tea,cake,sandwich,beans 1 kg,mug")),
    ("month", None, one_of("January,April,May,June,August,March,July")),
    ("email_status", None, one_of("verified,bounced,unknown")),
    ("email_domain", None, one_of("gmail,yahoo,outlook")),
    ("phone_type", None, one_of("home,work,mobile")),
    ("card", None, one_of("visa,mastercard,amex")),
    ("app_version", None, lambda c: f"{c.randrange(3)}.{c.randrange(4)}.{c.randrange(4)}.0"),
    ("browser", None, one_of("Chrome,Safari,Firefox,Mobile Safari")),
    ("notes_flag", None, one_of("y,n")),
    ("job", None, few("en_US", "job", 20)),
    ("employer", None, few("en_US", "company", 20)),
    ("neighbourhood", None, few("en_NZ", "city", 20)),
    ("team", None, one_of("Red Lions,Blue Sharks,City Rangers,Old Boys,Northern Stars")),
    ("food", None, one_of("Basil,Olive,Ginger,Rosemary,Pepper,Bread,Milk,Rice,Salt,Beans,Apple,Fish")),
    ("company_name", None, few("en_US", "company", 15)),
    ("page", None, one_of("/home,/cart,/checkout,https://shop.test/help")),
    ("color", None, few("en_US", "color_name", 30)),
    ("hour", None, one_of("08:00,09:00,10:00,11:30")),
    ("price_text", None, one_of("12.50,13.00,1200.00,7.99")),
    ("date_text", None, lambda c: f"2024-01-{1 + c.randrange(28):02d}"),
    ("sku", None, lambda c: f"SKU-{c.randrange(30):05d}"),
    ("language", None, few("en_US", "language_name", 30)),
    ("event_name", None, one_of("login,logout,view,click,purchase")),
]
NUMBERS: list[tuple[str, IdentifierKind | None, Callable[[random.Random], Any]]] = [
    ("phone", IdentifierKind.PHONE, whole(2_120_000_000, 9_890_000_000)),
    ("mobile_no", IdentifierKind.PHONE, whole(491_510_000_000, 491_799_999_999)),
    ("card_number", IdentifierKind.CARD, lambda _: int(fakers("en_US").credit_card_number("visa16"))),
    ("pan_raw", IdentifierKind.CARD, lambda _: int(fakers("en_US").credit_card_number("mastercard"))),
    ("ssn", IdentifierKind.SSN, whole(101_000_000, 772_000_000)),
    ("taxId", IdentifierKind.NUMBER, whole(10_000_000_000, 99_999_999_999)),
    ("account_no", IdentifierKind.NUMBER, whole(10_000_000, 99_999_999)),
    ("age", None, whole(18, 90)),
    ("number_of_phones", None, whole(0, 4)),
    ("order_total", None, whole(1_000_000_000, 9_999_999_999)),
    ("phone_count", None, whole(0, 5)),
    ("created_epoch", None, whole(1_600_000_000, 1_760_000_000)),
    ("bytes_sent", None, whole(10**12, 10**16)),
    ("birth_year", None, whole(1930, 2010)),
    ("revenue", None, whole(100_000_000, 999_999_999)),
    ("distance", None, whole(10**15, 10**16)),
]
OTHERS: list[tuple[Kind, str, IdentifierKind | None, Callable[[random.Random], Any]]] = [
    (Kind.DATE, "date_of_birth", IdentifierKind.BIRTH, of("en_US", "date_of_birth")),
    (Kind.DATE, "geburtsdatum", IdentifierKind.BIRTH, of("en_US", "date_of_birth")),
    (Kind.TIMESTAMP, "dob", IdentifierKind.BIRTH, of("en_US", "date_time")),
    (Kind.DATE, "order_date", None, of("en_US", "date_object")),
    (Kind.TIMESTAMP, "created_at", None, of("en_US", "date_time")),
    (Kind.TIMESTAMP, "email_sent_at", None, of("en_US", "date_time")),
    (Kind.FLOAT, "latitude", None, lambda c: round(c.uniform(-90, 90), 6)),
    (Kind.FLOAT, "lon", None, lambda c: round(c.uniform(-180, 180), 6)),
    (Kind.FLOAT, "score", None, lambda c: c.random()),
]


def _in_groups(number: str) -> str:
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))
