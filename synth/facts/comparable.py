"""Types of columns whose values can be compared with each other."""

from __future__ import annotations

NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"})
TIMES = frozenset({"date", "timestamp", "timestamp without time zone", "timestamp with time zone"})
TEXTS = frozenset({"text", "character varying", "character", "uuid", "boolean"})


def family_of(kind: str) -> frozenset[str] | None:
    """Return the types with which one can be compared; None where nothing is known of it."""
    plain = kind.partition("(")[0].strip() if not kind.startswith("timestamp") else kind
    plain = "timestamp" if plain.startswith("timestamp") else plain
    return next((family for family in (NUMBERS, TIMES, TEXTS) if plain in family), None)
