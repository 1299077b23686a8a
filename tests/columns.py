"""Columns as warehouses have them, with what they hold: identifiers, and what only looks like them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from faker import Faker

from synth.columns.pii import What
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
class Labelled:
    """A column and the truth about it; `what` is None where it identifies nobody."""

    column: Column
    values: pa.ChunkedArray
    what: What | None

    @property
    def name(self) -> str:
        return self.column.name


@cache
def fakers(locale: str) -> Faker:
    """Names are from countries whose names the detector was not given, wherever Faker has some."""
    faker = Faker(locale)
    faker.seed_instance(20261123)
    return faker


def labelled() -> list[Labelled]:
    """Every column of the benchmark, the same each time."""
    chance = random.Random(7)
    return [
        _made(name, what, make, chance, kind)
        for kind, columns in ((Kind.TEXT, TEXTS), (Kind.INTEGER, NUMBERS))
        for name, what, make in columns
    ] + [_made(name, what, make, chance, kind) for kind, name, what, make in OTHERS]


def _made(
    name: str, what: What | None, make: Callable[[random.Random], Any], chance: random.Random, kind: Kind
) -> Labelled:
    values = [None if chance.random() < 0.06 else make(chance) for _ in range(ROWS)]
    column = Column(name, TYPES[kind], kind, not_null=False, bits=64 if kind is Kind.INTEGER else None)
    return Labelled(column, pa.chunked_array([pa.array(values)]), what)


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


TEXTS: list[tuple[str, What | None, Callable[[random.Random], Any]]] = [
    # --- e-mail, telephone, net
    ("email", What.EMAIL, of("en_NZ", "email")),
    ("contactMail", What.EMAIL, of("de_CH", "email")),
    ("login", What.EMAIL, of("fr_CA", "ascii_email")),
    ("field_7", What.EMAIL, mostly(of("en_NZ", "email"), "unknown", 0.9)),
    ("user_id", What.EMAIL, of("en_NZ", "email")),
    ("phone_number", What.PHONE, of("en_US", "phone_number")),
    ("telefon", What.PHONE, of("de_DE", "phone_number")),
    ("tel", What.PHONE, of("fr_FR", "phone_number")),
    ("movil", What.PHONE, of("es_ES", "phone_number")),
    ("mobile", What.PHONE, digits("04########")),
    ("phone", What.PHONE, digits("212555####")),
    ("col_3", What.PHONE, digits("+49 171 #######")),
    ("attribute", What.PHONE, digits("(415) 2##-####")),
    ("ip_address", What.IP, of("en_US", "ipv4")),
    ("last_seen_from", What.IP, of("en_US", "ipv4_public")),
    ("remote", What.IP, of("en_US", "ipv6")),
    ("mac", What.MAC, of("en_US", "mac_address")),
    ("referrer", What.URL, lambda c: f"https://shop.test/u/{c.getrandbits(32)}?s={c.getrandbits(20)}"),
    ("website", What.URL, of("en_US", "url")),
    # --- numbers with check digits, keys
    ("credit_card", What.CARD, of("en_US", "credit_card_number")),
    ("paid_with", What.CARD, lambda _: _grouped(fakers("en_US").credit_card_number("visa16"))),
    ("iban", What.IBAN, of("de_DE", "iban")),
    ("konto", What.IBAN, of("en_GB", "iban")),
    ("ssn", What.SSN, of("en_US", "ssn")),
    ("attr_9", What.SSN, of("en_US", "ssn")),
    ("external_ref", What.UUID, of("en_US", "uuid4")),
    ("session_token", What.TOKEN, hexadecimal(32)),
    ("value", What.TOKEN, hexadecimal(40)),
    ("password", What.TOKEN, of("en_US", "password")),
    ("passport_no", What.NUMBER, digits("C0#######")),
    ("account_number", What.NUMBER, digits("####-######")),
    ("licence_plate", What.NUMBER, of("en_GB", "license_plate")),
    ("username", What.LOGIN, of("fr_CA", "user_name")),
    # --- people
    ("first_name", What.FIRST_NAME, of("en_NZ", "first_name")),
    ("FirstName", What.FIRST_NAME, few("de_CH", "first_name", 20)),
    ("vorname", What.FIRST_NAME, few("de_AT", "first_name", 40)),
    ("prénom", What.FIRST_NAME, of("fr_CA", "first_name")),
    ("last_name", What.LAST_NAME, of("en_NZ", "last_name")),
    ("surname", What.LAST_NAME, few("en_IE", "last_name", 25)),
    ("nachname", What.LAST_NAME, few("de_CH", "last_name", 30)),
    ("apellidos", What.LAST_NAME, of("es_MX", "last_name")),
    ("full_name", What.FULL_NAME, of("fr_CA", "name")),
    ("customer_name", What.FULL_NAME, of("pt_PT", "name")),
    ("name", What.FULL_NAME, of("en_NZ", "name")),
    ("nom", What.FULL_NAME, few("fr_CH", "name", 30)),
    ("patient", What.FULL_NAME, of("es_MX", "name")),
    ("sales_rep", What.FULL_NAME, few("en_AU", "name", 8)),
    ("doctor_on_duty", What.FULL_NAME, few("es_MX", "name", 12)),
    ("handled", What.FULL_NAME, of("en_NZ", "name")),  # only the values say so
    ("value_2", What.FIRST_NAME, few("fr_CH", "first_name", 25)),  # likewise
    # --- places
    ("address", What.STREET, of("en_US", "street_address")),
    ("adresse", What.STREET, of("de_DE", "street_address")),
    ("calle", What.STREET, of("es_ES", "street_address")),
    ("delivery", What.STREET, of("fr_FR", "address")),
    ("home", What.COORDINATES, lambda c: f"{c.uniform(47, 54):.6f},{c.uniform(6, 15):.6f}"),
    ("zip", What.POSTCODE, digits("#####")),
    ("city", What.CITY, of("en_US", "city")),
    # --- prose
    ("notes", What.NOTE, lambda _: f"Called {fakers('en_NZ').name()}, {fakers('en_NZ').email()}"),
    ("bemerkung", What.NOTE, of("de_DE", "sentence")),
    ("field_12", What.NOTE, of("fr_FR", "sentence")),
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
NUMBERS: list[tuple[str, What | None, Callable[[random.Random], Any]]] = [
    ("phone", What.PHONE, whole(2_120_000_000, 9_890_000_000)),
    ("mobile_no", What.PHONE, whole(491_510_000_000, 491_799_999_999)),
    ("card_number", What.CARD, lambda _: int(fakers("en_US").credit_card_number("visa16"))),
    ("pan_raw", What.CARD, lambda _: int(fakers("en_US").credit_card_number("mastercard"))),
    ("ssn", What.SSN, whole(101_000_000, 772_000_000)),
    ("taxId", What.NUMBER, whole(10_000_000_000, 99_999_999_999)),
    ("account_no", What.NUMBER, whole(10_000_000, 99_999_999)),
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
OTHERS: list[tuple[Kind, str, What | None, Callable[[random.Random], Any]]] = [
    (Kind.DATE, "date_of_birth", What.BIRTH, of("en_US", "date_of_birth")),
    (Kind.DATE, "geburtsdatum", What.BIRTH, of("en_US", "date_of_birth")),
    (Kind.TIMESTAMP, "dob", What.BIRTH, of("en_US", "date_time")),
    (Kind.DATE, "order_date", None, of("en_US", "date_object")),
    (Kind.TIMESTAMP, "created_at", None, of("en_US", "date_time")),
    (Kind.TIMESTAMP, "email_sent_at", None, of("en_US", "date_time")),
    (Kind.FLOAT, "latitude", None, lambda c: round(c.uniform(-90, 90), 6)),
    (Kind.FLOAT, "lon", None, lambda c: round(c.uniform(-180, 180), 6)),
    (Kind.FLOAT, "score", None, lambda c: c.random()),
]


def _grouped(number: str) -> str:
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))
