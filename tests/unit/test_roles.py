"""What a column is: as declared, else as dbt and the type say, else as its name and values suggest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from synth.domain import Column, ForeignKey, Kind, Model, Relation, Role
from synth.errors import ConfigError, ModelError
from synth.roles import assign, check_declarations, is_identifier

MODEL = Model("model.shop.users", "users", Relation("db", "marts", "users"), "models/users.yml", "table")
TYPES = {
    Kind.INTEGER: "integer",
    Kind.TEXT: "text",
    Kind.OPAQUE: "jsonb",
    Kind.FLOAT: "double precision",
    Kind.UUID: "uuid",
}


def column(name: str = "thing", kind: Kind = Kind.TEXT, **other: Any) -> Column:
    return Column(
        name, **{"data_type": TYPES.get(kind, kind.value), "kind": kind, "not_null": False, **other}
    )


def role(values: list[Any], of: Column, **facts: Any) -> tuple[Role, str]:
    (treatment,) = assign(
        replace(MODEL, **facts), [of], pa.table({of.name: pa.chunked_array([pa.array(values)])})
    )
    return treatment.role, treatment.origin


SHARED = [f"label {i % 9}" for i in range(900)]
OWN = [f"value {i}" for i in range(900)]
NUMBERS = [(i * i) % 400 for i in range(900)]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Kind.BOOLEAN, Role.BOOLEAN),
        (Kind.INTEGER, Role.NUMBER),
        (Kind.DECIMAL, Role.NUMBER),
        (Kind.FLOAT, Role.NUMBER),
        (Kind.INTERVAL, Role.NUMBER),
        (Kind.DATE, Role.DATETIME),
        (Kind.TIMESTAMP, Role.DATETIME),
        (Kind.TIMESTAMPTZ, Role.DATETIME),
        (Kind.TIME, Role.DATETIME),
        (Kind.UUID, Role.NATURAL_KEY),
    ],
)
def test_the_type_decides_where_nothing_else_is_known(kind: Kind, expected: Role) -> None:
    assert role(NUMBERS, column(kind=kind)) == (expected, "type")


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.OPAQUE])
def test_text_is_a_category_if_most_rows_hold_a_common_value(kind: Kind) -> None:
    assert role(SHARED, column(kind=kind)) == (Role.CATEGORY, "shared values")
    assert role(OWN, column(kind=kind)) == (Role.FREE_TEXT, "unshared values")
    assert role(["common"] * 450 + OWN[:450], column(kind=kind))[0] is Role.CATEGORY
    assert role(["common"] * 449 + OWN[:451], column(kind=kind))[0] is Role.FREE_TEXT
    assert role(["x"] * 9, column(kind=kind))[0] is Role.FREE_TEXT
    assert role([None] * 9 + ["x"] * 10, column(kind=kind))[0] is Role.CATEGORY
    assert role([None, None], column(kind=kind))[0] is Role.CATEGORY


def test_addresses_on_the_network_are_known_by_their_type() -> None:
    inet = column(kind=Kind.OPAQUE, data_type="inet")
    assert role(SHARED, inet) == (Role.IP, "type")
    assert role(OWN, inet, unique=(("thing",),)) == (Role.IP, "type")


@pytest.mark.parametrize(
    "name",
    ["id", "user_id", "userId", "UserID", "ID", "id_user", "order_key", "account_uuid", "dim_customer_sk"],
)
def test_names_of_identifiers_are_known(name: str) -> None:
    assert is_identifier(name)


@pytest.mark.parametrize(
    "name", ["paid", "valid", "idea", "keyboard", "uuids_seen", "monkey", "grid", "identity"]
)
def test_words_that_end_like_them_are_none(name: str) -> None:
    assert not is_identifier(name)


@pytest.mark.parametrize("kind", [Kind.INTEGER, Kind.TEXT])
def test_what_is_named_as_an_identifier_is_never_learned(kind: Kind) -> None:
    users = [i % 60 if kind is Kind.INTEGER else f"u{i % 60}" for i in range(900)]
    assert role(users, column("user_id", kind)) == (Role.NATURAL_KEY, "name")
    assert role(users[:40], column("user_id", kind)) == (Role.NATURAL_KEY, "name")
    codes = [value if i % 60 < 50 else users[0] for i, value in enumerate(users)]
    assert role(codes, column("user_id", kind)) == (Role.CATEGORY, "name")


def test_a_counter_is_never_learned() -> None:
    assert role(list(range(900)), column(kind=Kind.INTEGER)) == (Role.NATURAL_KEY, "running number")
    assert role([*range(0, 1700, 2), None], column(kind=Kind.INTEGER))[0] is Role.NATURAL_KEY
    assert role(list(range(0, 9000, 10)), column(kind=Kind.INTEGER))[0] is Role.NUMBER
    assert role(list(range(99)), column(kind=Kind.INTEGER))[0] is Role.NUMBER
    assert role([None, None], column(kind=Kind.INTEGER))[0] is Role.NUMBER


def test_parts_of_a_composite_key_are_learned_only_if_they_are_shared() -> None:
    key = {"primary_key": ("thing", "month"), "unique": (("thing", "month"),)}
    assert role(OWN, column(not_null=True), **key) == (Role.NATURAL_KEY, "composite key")
    assert role([i // 3 for i in range(900)], column(kind=Kind.INTEGER), **key)[0] is Role.NATURAL_KEY
    assert role([i % 12 for i in range(900)], column(kind=Kind.INTEGER), **key) == (Role.NUMBER, "type")


def test_what_dbt_knows_beats_what_values_suggest() -> None:
    parent = ForeignKey("thing", "model.shop.orders", "id", "relationships_orders")
    assert role(SHARED, column(), unique=(("thing",),)) == (Role.KEY, "unique")
    assert role(SHARED, column(), primary_key=("thing",)) == (Role.KEY, "unique")
    assert role(SHARED, column(), foreign_keys=(parent,)) == (Role.FOREIGN_KEY, "relationships_orders")
    assert role(SHARED, column(), entity="thing") == (Role.FOREIGN_KEY, "entity")


def test_a_declaration_beats_everything() -> None:
    declared = {"roles": {"thing": Role.CATEGORY}, "unique": (("thing",),)}
    assert role(OWN, column(), **declared) == (Role.CATEGORY, "declared")


def test_a_reference_to_the_own_model_is_known_as_such() -> None:
    boss = ForeignKey("boss", MODEL.unique_id, "id", "relationships_users")
    model = replace(MODEL, foreign_keys=(boss,))
    (treatment,) = assign(model, [column("boss", Kind.INTEGER)], pa.table({"boss": [1, 2]}))
    assert treatment.to_itself


@pytest.mark.parametrize("facts", [{"not_null": frozenset({"thing"})}, {}])
def test_text_that_may_be_neither_learned_nor_null_is_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"users\.thing \(text\) holds text that rows do not share") as error:
        role(OWN, column(not_null=not facts), **facts)
    assert "models/users.yml" in str(error.value)
    assert "value 1" not in str(error.value)


def test_a_key_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(ModelError, match=r"users\.thing is a key of type jsonb, which cannot be regenerated"):
        role(OWN, column(kind=Kind.OPAQUE), unique=(("thing",),))


def test_declarations_that_do_not_fit_are_refused_before_a_row_is_read() -> None:
    columns = [column("n", Kind.INTEGER), column("t")]
    check_declarations(replace(MODEL, roles={"n": Role.NUMBER, "t": Role.EMAIL}, entity="t"), columns)
    for facts, message in (
        ({"roles": {"x": Role.KEY}}, "declares the role x, but marts.users has no such column; it has n, t"),
        ({"entity": "x"}, "declares the entity x"),
        ({"primary_key": ("x",)}, "declares the primary key x"),
        ({"roles": {"n": Role.EMAIL}}, r"users.n is declared as email, which does not fit its type integer"),
        ({"roles": {"t": Role.DATE_OF_BIRTH}}, "does not fit its type text"),
    ):
        with pytest.raises(ConfigError, match=message):
            check_declarations(replace(MODEL, **facts), columns)
