"""Lists of prices are told by what they and their columns are called, and no table of somebody is one."""

from __future__ import annotations

import pyarrow as pa
import pytest

from synth.domain import Column, Kind, Relation
from synth.graph.look import RelationLook
from synth.graph.prices import is_price_list

KINDS = {"t": Kind.TEXT, "d": Kind.DATE, "n": Kind.DECIMAL, "i": Kind.INTEGER, "o": Kind.OPAQUE}


def look(name: str, columns: str, texts: frozenset[str] = frozenset()) -> RelationLook:
    """Return what is seen of a relation whose columns are given as `name:kind name:kind`."""
    pairs = [one.split(":") for one in columns.split()]
    column_looks = {
        column: Column(column, str(KINDS[kind]), KINDS[kind], not_null=False) for column, kind in pairs
    }
    return RelationLook(f"model.x.{name}", name, Relation("d", "s", name), column_looks, texts=texts, rows=40)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("tarif", "kategorie:t valid_from:d prix_m2:n devise:t"),
        ("vat_rates", "country:t percent:n effective_date:d"),
        ("preisliste", "artikelgruppe:t gueltig_ab:d gueltig_bis:d einzelpreis:n"),
        ("fx", "currency:t validFrom:d validTo:d rate:n"),
    ],
)
def test_prices_by_label_and_day_are_a_price_list(name: str, columns: str) -> None:
    kinds = dict(one.split(":") for one in columns.split())
    key = [column for column, kind in kinds.items() if kind == "d" or (kind == "t" and column != "devise")]
    assert is_price_list(look(name, columns), [key])
    assert not is_price_list(look(name, columns), [[*kinds]])  # two prices of one thing on a day
    assert not is_price_list(look(name, columns), [])


def test_a_key_that_stands_for_label_and_day_is_no_thing_of_its_own() -> None:
    relation = look("rates", "rate_sk:t grade:t valid_from:d price:n")
    days = pa.array([19_000, 19_000, 19_091], pa.date32())
    rows = pa.table(
        {"rate_sk": ["a", "b", "c"], "grade": ["x", "y", "x"], "valid_from": days, "price": [1, 2, 2]}
    )
    assert is_price_list(relation, [["rate_sk"]], ["rate_sk"], rows)
    assert not is_price_list(relation, [["rate_sk"]], [], rows)
    assert not is_price_list(relation, [["rate_sk"]], ["rate_sk"], pa.concat_tables([rows, rows]))


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("prices", "customer_code:t valid_from:d price:n"),  # what one customer pays
        ("prices", "contract_id:i valid_from:d price:n"),
        ("prices", "grade:t sold_on:d price:n"),  # events
        ("loans", "region:t start:d end:d rate:n"),
        ("prices", "grade:t price:n"),
        ("prices", "grade:t valid_from:d"),
        ("heights", "species:t valid_from:d height:n"),
        ("prices", "grade:t valid_from:d price:n terms:o"),
        ("employee_rates", "employee:t valid_from:d hourly_rate:n"),
    ],
)
def test_other_tables_are_none(name: str, columns: str) -> None:
    assert not is_price_list(look(name, columns), [[one.split(":")[0] for one in columns.split()[:2]]])


def test_a_table_with_prose_is_none() -> None:
    relation = look("tarif", "remark:t valid_from:d price:n", frozenset({"remark"}))
    assert not is_price_list(relation, [["remark", "valid_from"]])
