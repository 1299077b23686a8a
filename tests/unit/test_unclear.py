"""Columns that may be people's by their values alone, in tables of few rows that others refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from synth.domain import Column, Kind
from synth.graph.unclear import LIKE_NAMES, UNSHARED, unclear_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

SURNAMES = ["Hinterobermaier", "Kredermann", "Wurzingerl", "Schachtner", "Zapfl", "Obermoser"]


def reason(table: str, column: str, values: Sequence[object], kind: Kind = Kind.TEXT) -> str:
    """Return why a column of a table is unclear; empty where it is not."""
    sample = pa.table({column: values})
    one = Column(column, str(kind), kind, not_null=False)
    return unclear_columns(table, [one], sample).get(column, "")


@pytest.mark.parametrize("table", ["partei", "wijk", "stg_lista", "karakol"])
@pytest.mark.parametrize(
    "values",
    [
        SURNAMES,
        [f"{name.upper()} {name[0]}." for name in SURNAMES],
        [f"{name}, Mikel" for name in SURNAMES],
        [f"Dr. Anna {name}-Gruber" for name in SURNAMES],
        ["王小明", "李国强", "张伟民明"],
    ],
)
def test_text_that_could_be_names_is_unclear(table: str, values: Sequence[object]) -> None:
    assert reason(table, "wer", values) == LIKE_NAMES
    assert reason(table, "name", values) == LIKE_NAMES


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([f"{name.lower()}" for name in SURNAMES], Kind.TEXT),
        ([f"{name}/12.03.196{n}/402{n}" for n, name in enumerate(SURNAMES)], Kind.TEXT),
        (
            [f"34 {chr(65 + n % 23)}{chr(65 + n * 5 % 21)} {1000 + 7919 * n % 9000}" for n in range(40)],
            Kind.TEXT,
        ),
        ([6_640_000_000 + 7919 * n for n in range(40)], Kind.INTEGER),
        ([f'{{"wer": "{name}"}}' for name in SURNAMES], Kind.OPAQUE),
    ],
)
def test_what_rows_do_not_share_is_unclear(values: Sequence[object], kind: Kind) -> None:
    assert reason("partei", "angabe", values, kind) == UNSHARED
    assert reason("dim_products", "angabe", values, kind) == ""


@pytest.mark.parametrize(
    ("table", "column", "values"),
    [
        ("dim_products", "product_name", ["Alder Envelope", "Basalt Card", "Comet Notebook"]),
        ("shipping_channels", "label", ["Web", "Store", "Telephone"]),
        ("partei", "city", ["Salzburg", "Innsbruck", "Klagenfurt"]),
        ("partei", "code", [f"W{n:02}" for n in range(31)]),
        ("partei", "iso", ["AT", "DE", "CH", "FR"]),
        ("partei", "kuerzel", ["ÖVP", "SPÖ", "FPÖ"]),
        ("regions", "origin", ["Austria", "Austria", "Italy", "Italy", "Italy"]),
        ("stores", "sku", ["ALFKI", "ANATR", "BERGS"]),
    ],
)
def test_things_codes_and_labels_of_things_are_clear(
    table: str, column: str, values: Sequence[object]
) -> None:
    assert reason(table, column, values) == ""


def test_days_written_as_numbers_are_clear() -> None:
    days = [20240101 + 100 * month + day for month in range(12) for day in range(28)]
    assert reason("partei", "tag", days, Kind.INTEGER) == ""
    assert reason("partei", "tag", [-1, *days], Kind.INTEGER) == ""  # a row for no day


def test_names_in_tables_of_things_are_unclear_where_the_column_is_called_as_nothing_of_them() -> None:
    assert reason("stores", "wer", SURNAMES) == LIKE_NAMES
    assert reason("stores", "wer", ["Huber", "Maier", "Gruber", "Koch", "Berger"] * 9) == LIKE_NAMES
    assert reason("stores", "store_manager", SURNAMES) == LIKE_NAMES
    assert reason("stores", "store_name", SURNAMES) == ""


@pytest.mark.parametrize("table", ["dim_stations", "schools", "stazioni"])
def test_places_that_are_called_after_saints_and_the_dead_are_clear(table: str) -> None:
    names = ["Maria Huber", "Anna Gruber", "Peter Bauer", "Eva Wagner"]
    assert reason("carriers", "name", names) == LIKE_NAMES  # who carries may be called so
    assert reason(table, "name", names) == ""
    assert reason(table, "head", names) == LIKE_NAMES


def test_numbers_below_0_that_rows_do_not_share_are_as_unclear_as_others() -> None:
    """A hash has a sign; only small numbers below 0 stand for what is not known."""
    hashes = [982451653 * (row + 7) for row in range(200)]
    assert reason("partei", "wert", hashes, Kind.INTEGER) == UNSHARED
    assert reason("partei", "wert", [-one for one in hashes], Kind.INTEGER) == UNSHARED
