"""Lists of what something costs from when on: known by what they and their columns are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.domain import MOMENTS, Kind, is_identifier, plain_words
from synth.graph.words import is_somebody

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import pyarrow as pa

    from synth.graph.look import RelationLook

AMOUNTS = frozenset({Kind.DECIMAL, Kind.FLOAT, Kind.INTEGER})
OTHERS = frozenset({Kind.TEXT, Kind.BOOLEAN})
# Words by themselves, and parts of words, that say what is paid or charged for a unit of something.
PRICES = frozenset(
    {"rate", "rates", "fee", "fees", "tax", "taxes", "vat", "fx", "tva", "taux", "kurs", "satz", "iva"}
)
PARTS_OF_PRICES = (
    "price",
    "pricing",
    "tarif",
    "preis",
    "prix",
    "precio",
    "prezz",
    "aliquot",
    "steuer",
    "mwst",
    "exchange",
)
# The same of what says from when to when something is so.
VALIDITY = frozenset({"from", "to", "until", "since", "ab", "bis", "von", "dal", "fino"})
PARTS_OF_VALIDITY = ("valid", "gueltig", "gültig", "effective", "vigueur", "vigencia", "vigore")


def is_price_list(
    look: RelationLook,
    keys: Iterable[Sequence[str]],
    own_keys: Collection[str] = (),
    rows: pa.Table | None = None,
) -> bool:
    """Return whether rows are prices of kinds of things from some day on, and name nobody and no thing.

    All days are called as those that say when something is so, one number or the table as a price. Whatever
    else there is are labels, of which there is one row a day; no other column is called as a key, and none
    as somebody.

    Args:
        look: what was seen of the relation.
        keys: columns in which no two rows are alike.
        own_keys: those by each of which others refer to a row.
        rows: all there are, where such a key stands for the labels and days that it is made of.
    """
    columns = {name: column for name, column in look.columns.items() if name not in own_keys}
    days = [name for name, column in columns.items() if column.kind in MOMENTS]
    amounts = [name for name, column in columns.items() if column.kind in AMOUNTS]
    others = [name for name in columns if name not in {*days, *amounts}]
    if not days or not amounts or look.texts or not all(map(says_when, days)):
        return False
    if any(columns[name].kind not in OTHERS for name in others) or any(map(_names_one, columns)):
        return False
    if not any({*names} & {*days} and not {*names} & {*amounts} for names in keys) and not (
        own_keys and rows is not None and any(_differ(rows, [*others, day]) for day in days)
    ):
        return False
    return any(_says(name, PRICES, PARTS_OF_PRICES) for name in (look.name, *amounts))


def _differ(rows: pa.Table, names: Sequence[str]) -> bool:
    """Return whether no two rows are alike in these columns."""
    return bool(rows.group_by([*names]).aggregate([]).num_rows == rows.num_rows)


def says_when(name: str) -> bool:
    """Return whether a day is called as the first or last on which something holds."""
    return _says(name, VALIDITY, PARTS_OF_VALIDITY)


def _names_one(name: str) -> bool:
    """Return whether a column is called as what names one person or thing."""
    return is_identifier(name) or is_somebody(name)


def _says(name: str, words: frozenset[str], parts: Iterable[str]) -> bool:
    return any(word in words or any(part in word for part in parts) for word in plain_words(name))
