"""The kinds of identifiers that columns hold, and the role that each of them has."""

from __future__ import annotations

from enum import StrEnum

from synth.domain import Role


class What(StrEnum):
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
    STREET = "street addresses"
    CITY = "places"
    POSTCODE = "postcodes"
    BIRTH = "dates of birth"
    LOGIN = "user names"
    NUMBER = "official numbers"  # passports, accounts, policies, orders, …
    NOTE = "free text"


ROLES = {
    What.EMAIL: Role.EMAIL,
    What.PHONE: Role.PHONE,
    What.IP: Role.IP,
    What.URL: Role.URL,
    What.FULL_NAME: Role.NAME,
    What.FIRST_NAME: Role.NAME,
    What.LAST_NAME: Role.NAME,
    What.STREET: Role.ADDRESS,
    What.CITY: Role.ADDRESS,
    What.POSTCODE: Role.ADDRESS,
    What.COORDINATES: Role.ADDRESS,
    What.BIRTH: Role.DATE_OF_BIRTH,
    What.NOTE: Role.FREE_TEXT,
}
# What a role means where neither the name nor the values of the column are more precise.
USUAL = {
    Role.NAME: What.FULL_NAME,
    Role.EMAIL: What.EMAIL,
    Role.PHONE: What.PHONE,
    Role.ADDRESS: What.STREET,
    Role.IP: What.IP,
    Role.URL: What.URL,
}
NAMES = frozenset({What.FULL_NAME, What.FIRST_NAME, What.LAST_NAME})


def role_of(what: What) -> Role:
    """The role of a column that holds `what`; numbers and tokens of every kind are natural keys."""
    return ROLES.get(what, Role.NATURAL_KEY)
