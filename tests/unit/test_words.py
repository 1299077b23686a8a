"""What names of columns say of references."""

from __future__ import annotations

import pytest

from synth.domain import with_article
from synth.graph.words import ENTITIES, agree


@pytest.mark.parametrize(
    ("child", "parent", "model", "may_refer"),
    [
        ("payment", "payment_id", "fct_payments", True),
        ("home_address_id", "address_id", "addresses", True),
        ("first_payment_id", "id", "payments", True),
        ("series", "series", "dim_series", True),
        ("match_id", "id", "dim_matches", True),
        ("box_no", "id", "boxes", True),
        ("payments", "payment_id", "fct_payments", False),
        ("number_of_payments", "payment_id", "fct_payments", False),
        ("open_orders", "order_no", "orders", False),
    ],
)
def test_a_name_of_many_counts_them_and_refers_to_none(
    child: str, parent: str, model: str, may_refer: bool
) -> None:
    assert agree(child, parent, model, ENTITIES) is may_refer


def test_names_have_the_article_that_is_heard() -> None:
    names = ("offering_id", "user_id", "hour_id", "house_id", "unit_id", "umpire_id", "euro_id", "item_id")
    assert [with_article(name).partition(" ")[0] for name in names] == [
        "an",
        "a",
        "an",
        "a",
        "a",
        "an",
        "a",
        "an",
    ]
