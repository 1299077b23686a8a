"""The kinds of identifiers that columns hold, and the role that each of them has."""

from __future__ import annotations

from enum import StrEnum

from synth.domain import Role


class IdentifierKind(StrEnum):
    """What the values of a column are, as messages say it."""

    EMAIL = "e-mail addresses"
    PHONE = "phone numbers"
    CARD = "card numbers"
    IBAN = "IBANs"
    SSN = "social security numbers"
    IP = "IP addresses"
    MAC = "MAC addresses"
    URL = "URLs"
    UUID = "UUIDs"
    TOKEN = "tokens"  # noqa: S105 - hashes, passwords and the like, none of them here
    COORDINATES = "coordinates"
    FULL_NAME = "names of people"
    FIRST_NAME = "first names"
    LAST_NAME = "surnames"
    FIRM = "names of firms"
    STREET = "street addresses"
    CITY = "places"
    POSTCODE = "postcodes"
    BIRTH = "dates of birth"
    LOGIN = "user names"
    NUMBER = "official numbers"  # passports, accounts, policies, orders, …
    NOTE = "free text"


ROLES = {
    IdentifierKind.EMAIL: Role.EMAIL,
    IdentifierKind.PHONE: Role.PHONE,
    IdentifierKind.IP: Role.IP,
    IdentifierKind.URL: Role.URL,
    IdentifierKind.FULL_NAME: Role.NAME,
    IdentifierKind.FIRST_NAME: Role.NAME,
    IdentifierKind.LAST_NAME: Role.NAME,
    IdentifierKind.FIRM: Role.NAME,
    IdentifierKind.STREET: Role.ADDRESS,
    IdentifierKind.CITY: Role.ADDRESS,
    IdentifierKind.POSTCODE: Role.ADDRESS,
    IdentifierKind.COORDINATES: Role.ADDRESS,
    IdentifierKind.BIRTH: Role.DATE_OF_BIRTH,
    IdentifierKind.NOTE: Role.FREE_TEXT,
}
# What a role means where neither the name nor the values of the column are more precise.
USUAL = {
    Role.NAME: IdentifierKind.FULL_NAME,
    Role.EMAIL: IdentifierKind.EMAIL,
    Role.PHONE: IdentifierKind.PHONE,
    Role.ADDRESS: IdentifierKind.STREET,
    Role.IP: IdentifierKind.IP,
    Role.URL: IdentifierKind.URL,
}
NAMES = frozenset({IdentifierKind.FULL_NAME, IdentifierKind.FIRST_NAME, IdentifierKind.LAST_NAME})


def role_of(what: IdentifierKind) -> Role:
    """Return the role of a column that holds `what`; numbers and tokens of every kind are natural keys."""
    return ROLES.get(what, Role.NATURAL_KEY)
