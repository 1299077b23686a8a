"""What is said of columns that are not learned: once, for all models, ready to paste."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import yaml

from synth.columns.advice import advice, cannot_be_people, in_one_block, yaml_file
from synth.columns.roles import classify
from synth.domain import Column, Kind, Model, Relation

OWN = [f"value-{i}" for i in range(900)]
PROSE = [f"what somebody wrote as number {i}" for i in range(900)]
SHOP = Model("model.shop.orders", "orders", Relation("db", "marts", "orders"), "models/shop.yml", "table")
PLAIN = replace(SHOP, unique_id="model.shop.users", name="users", path="models/core/users.sql")
TOPICS = ["Refund"] * 20 + OWN[20:]
TABLE = pa.table(
    {
        "code": OWN,
        "on": OWN,
        "remark": PROSE,
        "topic": TOPICS,
        "serial": range(1, 901),
        "kind": ["a"] * 900,
    }
)
COLUMNS = [
    Column(name, "bigint" if name == "serial" else "text", kind, not_null=False)
    for name, kind in zip(TABLE.column_names, [*[Kind.TEXT] * 4, Kind.INTEGER, Kind.TEXT], strict=True)
]


def advice_for(*models: Model) -> str:
    return in_one_block([(model, advice(classify(model, COLUMNS, TABLE), TABLE)) for model in models])


def test_all_columns_of_all_models_are_named_once_and_no_value_is() -> None:
    text = advice_for(SHOP, PLAIN)
    assert text.splitlines()[0].startswith("10 columns are not learned")
    assert text.count("orders.code is made up: it holds values that rows do not share") == 1
    assert text.count("users.remark is NULL: by its name, it is text that people wrote") == 1
    assert "kind" not in text
    assert "value-1" not in text
    assert in_one_block([(SHOP, ())]) == ""


def test_the_block_of_each_file_is_yaml_that_declares_a_role_for_each_column() -> None:
    lines = advice_for(SHOP, PLAIN).splitlines()
    starts = [place for place, line in enumerate(lines) if line.startswith("In ")]
    assert [lines[place] for place in starts] == [
        "In models/shop.yml:",
        "In models/core/_synth.yml (a new file):",
    ]
    first = yaml.safe_load("\n".join(lines[starts[0] + 1 : starts[1]]))
    (model,) = first["models"]
    roles = {one["name"]: one["config"]["meta"]["synth"]["role"] for one in model["columns"]}
    assert roles == {"topic": "category", "serial": "number"}  # of the others no value would come back
    assert yaml_file(replace(PLAIN, path="models/x.yaml")) == "models/x.yaml"


def test_what_a_formula_computes_is_not_advised_on() -> None:
    treatments = classify(SHOP, COLUMNS, TABLE)
    columns = [one.column for one in advice(treatments, TABLE, computed_columns={"code", "serial"})]
    assert columns == ["on", "remark", "topic"]


def test_a_short_list_about_nobody_may_be_copied_and_no_column_of_it_is_declared() -> None:
    rows = TABLE.select(["code"]).slice(0, 60)
    treatments = classify(SHOP, COLUMNS[:1], rows)
    text = in_one_block([(SHOP, advice(treatments, rows, about_nobody=True))])
    (model,) = yaml.safe_load(text.partition("In models/shop.yml:")[2])["models"]
    assert model["config"] == {"meta": {"synth": {"reference": True}}}
    assert "role" not in in_one_block([(SHOP, advice(treatments, rows))])


def test_labels_are_asked_for_where_they_can_be_nobodys() -> None:
    assert [name for name in ("lecturer", "room_name", "room_type", "status") if cannot_be_people(name)] == [
        "room_type",
        "status",
    ]
