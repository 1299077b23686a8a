"""Keys that lead to rows which are what the row says of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from synth.columns.roles import Treatment
from synth.corrections.fits import with_fitting_keys
from synth.domain import Across, Column, ForeignKey, Kind, Role, Way

LINES, PRODUCTS = "model.shop.lines", "model.shop.products"
PARENT = ForeignKey("product", PRODUCTS, "id", "test")


def case_of(real: pa.Table, *columns: str, family: Any = None) -> Any:
    """Return a case whose rows copy these columns of their product."""
    kinds = {"product": Kind.TEXT, "category": Kind.TEXT, "price": Kind.FLOAT}
    roles = {"product": Role.FOREIGN_KEY, "category": Role.CATEGORY, "price": Role.NUMBER}
    treatments = tuple(
        Treatment(Column(name, "text", kinds[name], not_null=False), roles[name], "test", parent=PARENT)
        for name in real.column_names
    )
    facts = tuple(Across(LINES, one, Way.COPY, PRODUCTS, one, "product", "id") for one in columns)
    return SimpleNamespace(
        task=SimpleNamespace(model=SimpleNamespace(unique_id=LINES)),
        context=SimpleNamespace(facts=SimpleNamespace(every=facts)),
        source=SimpleNamespace(real=real),
        treatments=treatments,
        family=family,
    )


PRODUCTS_TWIN = {
    "id": pa.chunked_array([["a", "b", "c", "d"]]),
    "category": pa.chunked_array([["toys", "toys", "lamps", "chairs"]]),
    "price": pa.chunked_array([[1.0, 9.0, 5.0, 7.0]]),
}
REAL = pa.table(
    {
        "product": [f"p{number}" for number in range(30)] * 2,
        "category": ["toys", "lamps", "toys"] * 20,
        "price": [1.0, 2.0, 3.0] * 20,
    }
)
TWIN = pa.table(
    {
        "product": pa.array([*["d"] * 10, *["d"] * 10, None, "a"]),
        "category": pa.array([*["toys"] * 10, *["lamps"] * 10, "lamps", "books"]),
        "price": pa.array([*[8.0, 2.0] * 5, *[4.0] * 10, 4.0, 4.0]),
    }
)


def refit(case: Any, parents: Any = None) -> pa.Table:
    parents = {PRODUCTS: PRODUCTS_TWIN} if parents is None else parents
    return with_fitting_keys(TWIN, case, parents, np.random.default_rng(1))


def test_a_line_leads_to_a_product_of_its_category() -> None:
    """NULL leads nowhere, and a label that no product has to where it led."""
    table = refit(case_of(REAL, "category"))

    keys = table["product"].to_pylist()
    assert set(keys[:10]) == {"a", "b"}
    assert keys[10:] == [*["c"] * 10, None, "a"]
    assert table.drop_columns(["product"]).equals(TWIN.drop_columns(["product"]))


def test_the_dearer_line_leads_to_the_dearer_product() -> None:
    keys = refit(case_of(REAL, "category", "price"))["product"].to_pylist()

    prices = dict(zip(PRODUCTS_TWIN["id"].to_pylist(), PRODUCTS_TWIN["price"].to_pylist(), strict=True))
    dear, cheap = ([prices[key] for key in keys[start:10:2]] for start in (0, 1))
    assert min(dear) >= max(cheap)
    assert {*dear, *cheap} == {1.0, 9.0}


def test_keys_of_owners_and_of_parents_without_these_columns_stay() -> None:
    case_of_owners = case_of(REAL, "category", family=SimpleNamespace(key="product"))
    assert refit(case_of_owners).equals(TWIN)
    assert refit(case_of(REAL, "category"), {}).equals(TWIN)


def test_what_belongs_to_the_owner_of_a_row_is_one_of_those_that_do() -> None:
    cards = {
        "id": pa.chunked_array([["x", "y", "z", "w"]]),
        "account": pa.chunked_array([[2, 1, 2, None]]),
    }
    card, account = (ForeignKey(name, f"model.bank.{name}s", "id", "test") for name in ("card", "account"))
    table = pa.table({"account": [1, 2, 3, 2, 2] * 40, "card": ["x", "y", "z", None, "w"] * 40})
    for is_required in (False, True):
        treatments = tuple(
            Treatment(
                Column(key.column, "text", Kind.TEXT, not_null=False),
                Role.FOREIGN_KEY,
                "test",
                parent=key,
                is_required=is_required,
            )
            for key in (card, account)
        )
        fact = Across(LINES, "account", Way.COPY, "model.bank.cards", "account", "card", "id")
        case: Any = SimpleNamespace(
            task=SimpleNamespace(model=SimpleNamespace(unique_id=LINES)),
            context=SimpleNamespace(facts=SimpleNamespace(every=(fact,))),
            source=SimpleNamespace(real=table),
            treatments=treatments,
            family=SimpleNamespace(key="account"),
        )
        twin = with_fitting_keys(table, case, {"model.bank.cards": cards}, np.random.default_rng(1))
        chosen = twin.to_pandas().fillna("none").groupby("account")["card"].unique().map(sorted)
        assert chosen.tolist() == [["y"], ["none", "x", "z"], ["z" if is_required else "none"]]
