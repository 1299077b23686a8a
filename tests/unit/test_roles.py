"""What a column is: as declared, else as dbt and the type say, else as its name and values suggest."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from synth.columns.pii import IdentifierKind
from synth.columns.roles import (
    Treatment,
    assign,
    check_declarations,
    classify,
    lead_nowhere,
    treatments_to_replace,
)
from synth.domain import (
    Column,
    ForeignKey,
    Kind,
    Model,
    PublicValues,
    Relation,
    Role,
    entity_words,
    is_identifier,
    is_numbering,
    split_words,
)
from synth.errors import ConfigError, ModelError

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


SHARED_LABELS = [f"label {i % 9}" for i in range(900)]
OWN = [f"value-{i}" for i in range(900)]
PROSE = [f"what somebody wrote as number {i}" for i in range(900)]
EMAILS = [f"somebody.{i}@corp.test" for i in range(900)]
FIRST = ["Hanna", "Mehmet", "Chloé", "Søren", "María", "Giulia", "Piotr", "Ruth", "Omar", "Ines"]
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
    assert role(SHARED_LABELS, column(kind=kind)) == (Role.CATEGORY, "shared values")
    assert role(["common"] * 450 + PROSE[:450], column(kind=kind))[0] is Role.CATEGORY
    assert role(["common"] * 449 + PROSE[:451], column(kind=kind))[0] is Role.FREE_TEXT
    assert role([None] * 9 + ["x"] * 10, column(kind=kind))[0] is Role.CATEGORY
    assert role([None, None], column(kind=kind))[0] is Role.CATEGORY


def test_other_types_and_prose_that_rows_do_not_share_are_free_text() -> None:
    assert role(OWN, column(kind=Kind.OPAQUE)) == (Role.FREE_TEXT, "unshared values")
    assert role(PROSE, column()) == (Role.FREE_TEXT, "values")
    assert role(OWN, column("comments")) == (Role.FREE_TEXT, "name")


def test_text_of_which_nothing_is_known_is_replaced_by_something_alike() -> None:
    first, second = classify(MODEL, [column("a"), column("b")], pa.table({"a": OWN, "b": SHARED_LABELS}))
    assert (first.role, first.origin) == (Role.NATURAL_KEY, "unshared values")
    assert first.unsure.startswith("holds values that rows do not share")
    assert (second.role, second.unsure) == (Role.CATEGORY, "")
    assert not first.doubt


def test_a_text_that_hardly_anybody_has_is_null() -> None:
    assert role([None] * 900 + ["x", "y"], column()) == (Role.FREE_TEXT, "few values")
    assert role([None] * 900 + [f"x{i}" for i in range(10)], column())[0] is Role.NATURAL_KEY


def test_text_that_a_type_or_a_test_lists_is_a_category_however_few_rows_hold_it() -> None:
    few = ["sale", "rent", "lease"] * 4
    assert role(few, column())[0] is Role.NATURAL_KEY
    assert role(few, column(data_type="sales.kind", is_enum=True)) == (Role.CATEGORY, "type")
    public_values = (PublicValues("thing", labels=("lease", "rent", "sale"), source="accepted_values_thing"),)
    assert role(few, column(), public=public_values) == (Role.CATEGORY, "accepted_values_thing")
    assert role(few, column(), public=(PublicValues("thing", low=1.0),))[0] is Role.NATURAL_KEY


def test_a_table_that_may_be_about_nobody_holds_nothing_that_leads_to_somebody() -> None:
    plain = [
        Treatment(column("code"), Role.KEY, "unique"),
        Treatment(column("region"), Role.CATEGORY, "shared values"),
        Treatment(column("rooms", Kind.INTEGER), Role.NUMBER, "type"),
    ]
    assert lead_nowhere(plain)
    assert not lead_nowhere([*plain, Treatment(column("mail"), Role.EMAIL, "name")])
    to_data = ForeignKey("owner", "model.shop.owners", "owner", "test")
    assert not lead_nowhere([*plain, Treatment(column("owner"), Role.FOREIGN_KEY, "test", parent=to_data)])
    public = replace(to_data, public=True)
    assert lead_nowhere([*plain, Treatment(column("owner"), Role.CATEGORY, "public keys", parent=public)])


def test_names_of_people_are_replaced_however_many_rows_share_them() -> None:
    assert role(FIRST * 90, column("first_name")) == (Role.NAME, "name and values")
    assert role(FIRST * 90, column("Vorname")) == (Role.NAME, "name and values")


@pytest.mark.parametrize(
    ("values", "name", "expected", "unsure"),
    [
        (FIRST * 90, "thing", Role.NAME, "seems to hold names of people, though its name does not say so"),
        (
            [f"A{i % 9}/{i % 7}" for i in range(900)],
            "first_name",
            Role.NATURAL_KEY,
            "is called as if it held names of people, which its values do not look like",
        ),
        (
            [2.125e9 + i for i in range(900)],
            "phone",
            Role.NATURAL_KEY,
            "seems to hold phone numbers, but as floating-point numbers",
        ),
    ],
)
def test_where_name_and_values_disagree_what_reveals_less_is_done(
    values: list[Any], name: str, expected: Role, unsure: str
) -> None:
    kind = Kind.FLOAT if name == "phone" else Kind.TEXT
    (treatment,) = assign(MODEL, [column(name, kind)], pa.table({name: values}))
    assert (treatment.role, treatment.unsure) == (expected, unsure)


def test_places_are_labels_if_rows_share_them_and_made_up_if_not() -> None:
    assert role(["Paris", "Florence", "Sydney"] * 300, column("city")) == (Role.CATEGORY, "shared values")
    assert role([f"{i:05d}" for i in range(900)], column("zip"))[0] is Role.ADDRESS
    assert role(list(range(10_000, 10_900)), column("zip", Kind.INTEGER))[0] is Role.NATURAL_KEY


def test_labels_that_mention_somebody_are_emptied() -> None:
    values = ["none"] * 500 + ["ask Jo, jo@corp.test"] * 400
    assert role(values, column("thing")) == (Role.FREE_TEXT, "mentions e-mail addresses")
    assert role(["none"] * 500 + ["card 4111 1111 1111 1111"] * 400, column())[0] is Role.FREE_TEXT
    assert role(["none"] * 891 + ["jo@corp.test"] * 9, column())[0] is Role.CATEGORY  # too rare to come back


def test_unique_addresses_are_replaced_as_such() -> None:
    (treatment,) = assign(
        replace(MODEL, unique=(("login",),)), [column("login")], pa.table({"login": EMAILS})
    )
    assert (treatment.role, treatment.what, treatment.unique) == (Role.EMAIL, IdentifierKind.EMAIL, True)
    assert treatment.origin == "unique, values"


def test_references_to_addresses_know_what_they_hold() -> None:
    parent = ForeignKey("thing", "model.shop.users", "email", "relationships_users")
    (treatment,) = assign(replace(MODEL, foreign_keys=(parent,)), [column()], pa.table({"thing": EMAILS}))
    assert (treatment.role, treatment.what) == (Role.FOREIGN_KEY, IdentifierKind.EMAIL)


def test_a_declared_identifier_is_refined_by_its_name_or_its_values() -> None:
    for name, values, public_labels, what in (
        ("thing", FIRST * 90, Role.NAME, IdentifierKind.FULL_NAME),
        ("surname", FIRST * 90, Role.NAME, IdentifierKind.LAST_NAME),
        ("thing", [f"4{i:015d}" for i in range(900)], Role.NATURAL_KEY, None),
        ("iban", OWN, Role.NATURAL_KEY, IdentifierKind.IBAN),
        ("zip", OWN, Role.ADDRESS, IdentifierKind.POSTCODE),
        ("thing", OWN, Role.ADDRESS, IdentifierKind.STREET),
    ):
        (treatment,) = assign(
            replace(MODEL, roles={name: public_labels}), [column(name)], pa.table({name: values})
        )
        assert (treatment.role, treatment.what, treatment.origin) == (public_labels, what, "declared")


@pytest.mark.parametrize("name", ["company_nm", "employer", "Firma", "organisationName"])
def test_firms_that_rows_do_not_share_are_replaced_by_others(name: str) -> None:
    firms = [f"Smith, Hall and Partners {number} Limited" for number in range(900)]
    (treatment,) = assign(MODEL, [column(name)], pa.table({name: firms}))
    assert (treatment.role, treatment.what) == (Role.NAME, IdentifierKind.FIRM)


@pytest.mark.parametrize("name", ["company", "company_size", "organisation_id"])
def test_what_rows_share_or_is_only_about_firms_is_no_name_of_one(name: str) -> None:
    (treatment,) = assign(MODEL, [column(name)], pa.table({name: ["Acme Ltd", "Hof GmbH"] * 450}))
    assert treatment.what is None


# --- what dbt calls a column


def role_of_label(values: list[Any], label: str, **facts: Any) -> tuple[Role, str]:
    return role(values, column(), labels={"thing": (label,)}, **facts)


def test_labels_that_say_a_kind_decide() -> None:
    assert role_of_label(SHARED_LABELS, "pii.email") == (Role.EMAIL, "label pii.email")
    assert role_of_label(SHARED_LABELS, "phone") == (Role.PHONE, "label phone")
    assert role_of_label(SHARED_LABELS, "pii.hashed") == (Role.NATURAL_KEY, "label pii.hashed")
    assert role_of_label(SHARED_LABELS, "finance.card_number") == (
        Role.NATURAL_KEY,
        "label finance.card_number",
    )
    assert role_of_label(SHARED_LABELS, "nightly") == (Role.CATEGORY, "shared values")
    assert role_of_label(SHARED_LABELS, "pii.dob") == (Role.NATURAL_KEY, "label pii.dob")


def test_a_personal_column_of_no_kind_is_what_is_found_in_it_or_replaced() -> None:
    assert role_of_label(EMAILS, "pii") == (Role.EMAIL, "label pii, values")
    assert role_of_label(SHARED_LABELS, "pii") == (Role.NATURAL_KEY, "label pii")
    with pytest.raises(ModelError, match="is labelled pii, and neither its name nor its values say"):
        role(NUMBERS, column(kind=Kind.DECIMAL), labels={"thing": ("pii",)})
    assert role_of_label(OWN, "pii", unique=(("thing",),)) == (Role.KEY, "unique")


def test_declarations_beat_labels_and_references_stay_references() -> None:
    parent = ForeignKey("thing", "model.shop.users", "id", "relationships_users")
    assert role_of_label(SHARED_LABELS, "pii.email", roles={"thing": Role.CATEGORY}) == (
        Role.CATEGORY,
        "declared",
    )
    assert role_of_label(SHARED_LABELS, "pii.email", foreign_keys=(parent,))[0] is Role.FOREIGN_KEY


def test_every_column_with_which_nothing_can_be_done_is_named_at_once() -> None:
    columns = [column("one", Kind.OPAQUE), column("two", Kind.OPAQUE), column("age", Kind.INTEGER)]
    table = pa.table({"one": OWN, "two": OWN, "age": NUMBERS})
    model = replace(MODEL, unique=(("one",), ("two",)))
    assert [bool(one.doubt) for one in classify(model, columns, table)] == [True, True, False]
    with pytest.raises(ModelError, match=r"users\.one .*; users\.two ") as error:
        assign(model, columns, table)
    for word in ("models/users.yml", "natural_key", "category", "drop", "free_text"):
        assert word in str(error.value)
    assert "value-1" not in str(error.value)


def test_no_value_of_keys_replacements_and_free_text_may_be_in_the_twin() -> None:
    names = ("email", "user_id", "comments", "city", "born")
    columns = [column(name) for name in names[:-1]] + [column("born", Kind.INTEGER)]
    table = pa.table(
        {"email": EMAILS, "user_id": OWN, "comments": OWN, "city": SHARED_LABELS, "born": NUMBERS}
    )
    treatments = assign(MODEL, columns, table)
    assert [one.column.name for one in treatments_to_replace(treatments)] == ["email", "user_id", "comments"]


def test_addresses_on_the_network_are_known_by_their_type() -> None:
    inet = column(kind=Kind.OPAQUE, data_type="inet")
    assert role(SHARED_LABELS, inet) == (Role.IP, "type")
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


@pytest.mark.parametrize(
    ("name", "numbers"),
    [("order_no", True), ("smoking_yes_cancer_no", False), ("smoking_no_cancer_no", False)],
)
def test_an_answer_is_no_number(name: str, numbers: bool) -> None:
    assert is_numbering(name) == numbers


def test_words_that_are_run_together_are_split_by_what_the_project_calls_its_things() -> None:
    vocabulary = entity_words(["stg_drivers", "driver_standings", "companies"], ["grid", "paid", "val"])
    for name, words in (
        ("driverid", ["driver", "id"]),
        ("driverstandingsid", ["driver", "standings", "id"]),
        ("companykey", ["company", "key"]),
        ("iddriver", ["id", "driver"]),
    ):
        assert split_words(name, vocabulary) == words
        assert is_identifier(name, vocabulary)
        assert not is_identifier(name)
    for name in ("grid", "paid", "valid", "liquid", "monkey", "stgid"):
        assert not is_identifier(name, vocabulary)


def test_a_run_together_name_of_a_thing_of_the_project_makes_a_key() -> None:
    drivers = [i % 60 for i in range(900)]
    more_words = {"vocabulary": entity_words(["stg_drivers"])}
    assert role(drivers, column("driverid", Kind.INTEGER)) == (Role.NUMBER, "type")
    assert role(drivers, column("driverid", Kind.INTEGER), **more_words) == (Role.NATURAL_KEY, "name")
    assert role(drivers, column("grid", Kind.INTEGER), **more_words) == (Role.NUMBER, "type")


@pytest.mark.parametrize("kind", [Kind.INTEGER, Kind.TEXT])
def test_what_is_named_as_an_identifier_is_never_learned(kind: Kind) -> None:
    users = [i % 60 if kind is Kind.INTEGER else f"u{i % 60}" for i in range(900)]
    assert role(users, column("user_id", kind)) == (Role.NATURAL_KEY, "name")
    assert role(users[:40], column("user_id", kind)) == (Role.NATURAL_KEY, "name")
    codes = [value if i % 60 < 50 else users[0] for i, value in enumerate(users)]
    assert role(codes, column("user_id", kind)) == (Role.CATEGORY, "name")


@pytest.mark.parametrize(
    "numbers",
    [
        list(range(900)),
        [*range(0, 1700, 2), None],
        list(range(0, 9_000, 10)),
        [40_000_000 + 37 * i for i in range(3_000)],
        [7_919 * i for i in range(2_500)],
        [100_000_000 + 37 * i + i * i % 31 for i in range(2_000)],
        [float(1_000 + 7 * i) for i in range(600)],
        [*range(0, 9_000, 10), *range(0, 400, 10)],
        Random(5).sample(range(1_000, 10_000), 480),  # four digits, dealt out at random
    ],
)
def test_whole_numbers_that_something_made_differ_are_never_learned(numbers: list[Any]) -> None:
    kind = Kind.FLOAT if isinstance(numbers[0], float) else Kind.INTEGER
    assert role(numbers, column(kind=kind)) == (Role.NATURAL_KEY, "all different")
    assert role(numbers, column(kind=Kind.DECIMAL))[0] is Role.NATURAL_KEY


def test_numbers_that_differ_by_chance_or_are_called_measures_are_learned() -> None:
    chance = Random(3)
    for numbers in (
        [chance.randrange(10**9) for _ in range(900)],
        [round(chance.lognormvariate(10, 1)) for _ in range(900)],
        [chance.randrange(5_000) for _ in range(900)],
        [100 * chance.randrange(20_000) for _ in range(300)],
        [chance.randrange(9_000) for _ in range(480)],
        list(range(19)),
        [None, None],
    ):
        assert role(numbers, column(kind=Kind.INTEGER)) == (Role.NUMBER, "type")
    for name in ("year", "rank", "total_miles", "population_2010"):
        assert role(list(range(1, 901)), column(name, Kind.INTEGER)) == (Role.NUMBER, "type")
    assert role([i / 7 for i in range(900)], column(kind=Kind.DECIMAL)) == (Role.NUMBER, "type")


def test_numbers_written_as_text_are_identifiers_and_nobody_is_asked_about_them() -> None:
    for name, values, origin in (("studentNo", OWN, "name and values"), ("thing", OWN, "unshared values")):
        rows = pa.table({name: pa.chunked_array([pa.array(values)])})
        (treatment,) = classify(MODEL, [column(name)], rows)
        assert (treatment.role, treatment.origin) == (Role.NATURAL_KEY, origin)
        assert bool(treatment.unsure) == (name == "thing")
    assert role(SHARED_LABELS, column("flight_no")) == (Role.CATEGORY, "shared values")


def test_what_is_called_a_number_is_one_where_it_is_long_or_differs() -> None:
    chance = Random(4)
    for name in ("ledger_no", "rate_number"):
        numbers = [chance.randrange(10**9) for _ in range(400)]
        assert role(numbers, column(name, Kind.INTEGER)) == (Role.NATURAL_KEY, "name and values")
        assert role(numbers[:30] * 30, column(name, Kind.INTEGER))[0] is Role.NATURAL_KEY
        assert role([i % 40 for i in range(900)], column(name, Kind.INTEGER)) == (Role.NUMBER, "type")


def test_numbers_differ_among_entities_not_among_their_rows() -> None:
    table = pa.table(
        {"who": [f"u{i // 12}" for i in range(3_600)], "n": [500 + i // 12 for i in range(3_600)]}
    )
    columns = [column("who"), column("n", Kind.INTEGER)]
    assert classify(MODEL, columns, table)[1].role is Role.NUMBER
    assert classify(MODEL, columns, table, owners=table.column("who"))[1].role is Role.NATURAL_KEY


def test_parts_of_a_composite_key_are_learned_only_if_they_are_shared() -> None:
    key = {"primary_key": ("thing", "month"), "unique": (("thing", "month"),)}
    assert role(OWN, column(not_null=True), **key) == (Role.NATURAL_KEY, "composite key")
    assert role([i // 3 for i in range(900)], column(kind=Kind.INTEGER), **key)[0] is Role.NATURAL_KEY
    assert role([i % 12 for i in range(900)], column(kind=Kind.INTEGER), **key) == (Role.NUMBER, "type")


def test_labels_are_shared_by_entities_not_by_their_rows() -> None:
    devices = [f"phone.of.{i // 30}" for i in range(900)]
    columns, model = [column("user_id"), column("device")], replace(MODEL, entity="user_id")
    table = {"user_id": [f"u{i // 30}" for i in range(900)], "device": devices}
    assert assign(model, columns, pa.table(table))[1].role is Role.NATURAL_KEY
    table["device"] = [f"phone.of.{i // 30 % 3}" for i in range(900)]
    assert assign(model, columns, pa.table(table))[1].role is Role.CATEGORY


def test_what_dbt_knows_beats_what_values_suggest() -> None:
    parent = ForeignKey("thing", "model.shop.orders", "id", "relationships_orders")
    assert role(SHARED_LABELS, column(), unique=(("thing",),)) == (Role.KEY, "unique")
    assert role(SHARED_LABELS, column(), primary_key=("thing",)) == (Role.KEY, "unique")
    assert role(SHARED_LABELS, column(), foreign_keys=(parent,)) == (Role.FOREIGN_KEY, "references orders")
    assert role(SHARED_LABELS, column(), entity="thing") == (Role.FOREIGN_KEY, "entity")


def test_codes_of_a_table_without_a_twin_stay_labels_and_keys_do_not() -> None:
    codes = [f"{i * i % 24:02d}X" for i in range(900)]
    many = [f"code{i % 60}" for i in range(900)]
    people = [f"u{i % 60}" for i in range(900)]

    def of(name: str, values: list[str], parent: str, twins: tuple[str, ...] = ()) -> Role:
        keys = (ForeignKey(name, parent, "id", "relationships"),)
        model, table = replace(MODEL, foreign_keys=keys), pa.table({name: values})
        return classify(model, [column(name)], table, twins=twins)[0].role

    assert of("country", codes, "model.shop.countries") is Role.CATEGORY
    assert of("country", codes, "model.shop.countries", ("model.shop.countries",)) is Role.FOREIGN_KEY
    assert of("condition", many, "seed.shop.vocabulary") is Role.CATEGORY
    assert of("user_id", people, "model.shop.people") is Role.FOREIGN_KEY
    assert of("user_id", people, "seed.shop.people") is Role.FOREIGN_KEY
    assert of("who", [f"u{i // 3}" for i in range(900)], "seed.shop.people") is Role.FOREIGN_KEY


def test_a_declaration_beats_everything() -> None:
    declarations = {"roles": {"thing": Role.CATEGORY}, "unique": (("thing",),)}
    assert role(OWN, column(), **declarations) == (Role.CATEGORY, "declared")


def test_a_reference_to_the_own_model_is_known_as_such() -> None:
    boss = ForeignKey("boss", MODEL.unique_id, "id", "relationships_users")
    model = replace(MODEL, foreign_keys=(boss,))
    (treatment,) = assign(model, [column("boss", Kind.INTEGER)], pa.table({"boss": [1, 2]}))
    assert treatment.to_itself


@pytest.mark.parametrize("facts", [{"not_null": frozenset({"thing"})}, {}])
def test_prose_that_may_not_be_null_gets_placeholders(facts: dict[str, Any]) -> None:
    of = column(not_null=not facts)
    (treatment,) = assign(replace(MODEL, **facts), [of], pa.table({"thing": PROSE}))
    assert (treatment.role, treatment.is_required, treatment.doubt) == (Role.FREE_TEXT, True, "")
    opaque = column(kind=Kind.OPAQUE, not_null=not facts, data_type="int4[]")
    assert assign(replace(MODEL, **facts), [opaque], pa.table({"thing": OWN}))[0].is_required
    with pytest.raises(ModelError, match=r"users\.thing \(geometry\) .* nothing can stand in for them"):
        role(OWN, replace(opaque, data_type="geometry"), **facts)


def test_a_key_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(
        ModelError, match=r"users\.thing \(jsonb\) is a key of a type that cannot be regenerated"
    ):
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
