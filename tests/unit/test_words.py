"""What names of columns say of references."""

from __future__ import annotations

import pytest

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
