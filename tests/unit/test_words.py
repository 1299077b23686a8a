"""What names of columns say of references."""

from __future__ import annotations

import pytest

from synth.columns.pii.lexicon import read_name
from synth.columns.pii.what import IdentifierKind
from synth.domain import with_article
from synth.domain.words import entity_words, plain_words, split_words
from synth.graph.words import ENTITIES, agree, is_premises, names_entity, stem


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


def test_who_is_named_is_one_and_not_a_number_of_them() -> None:
    assert all(map(names_entity, ("holder", "client_id", "visitor")))
    assert not any(map(names_entity, ("holders", "visitors", "accounts", "grade")))


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


def test_short_words_are_read_as_the_words_that_they_stand_for() -> None:
    assert [plain_words(name) for name in ("last_nm", "custNo", "open_amt", "cust")] == [
        ["last", "name"],
        ["customer", "no"],
        ["open", "amount"],
        ["customer"],
    ]
    assert split_words("custid", entity_words(["dim_cust"])) == ["cust", "id"]
    assert read_name("last_nm").what is IdentifierKind.LAST_NAME
    assert agree("cust_no", "cust_no", "customers", ENTITIES)


def test_many_properties_are_homes_and_few_are_hotels() -> None:
    assert is_premises("properties", 12)
    assert not is_premises("properties", 400)
    assert is_premises("dim_hostels", 400)
    assert is_premises("dim_stazioni", 400)


def test_branches_are_one_branch_each_and_caches_one_cache() -> None:
    assert [stem(name) for name in ("dim_branches", "coaches", "caches")] == ["branch", "coach", "cache"]
