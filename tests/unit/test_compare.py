"""How a comparison is shown."""

from __future__ import annotations

import json

import pytest

from synth.dbt.compare import Comparison, as_json, as_text, relative_error
from synth.project.manifest import Node
from synth.warehouse.comparing import Measurements

NODE = Node("model.shop.sales", "sales", "model", "shop", "sales.sql", "m.yml")
GROUPS = Measurements(
    (3, 3),
    {},
    ("language",),
    ((("de",), {"bookings": (200.0, 190.0)}), (("en",), {"bookings": (400.0, 404.0)})),
    hidden_groups=1,
)


@pytest.mark.parametrize(
    ("pair", "error"), [((200.0, 190.0), -0.05), ((-2.0, -1.0), 0.5), ((0.0, 1.0), None), ((None, 1.0), None)]
)
def test_an_error_is_a_share_of_the_real_number(
    pair: tuple[float | None, float | None], error: float | None
) -> None:
    assert relative_error(pair) == error


def test_groups_are_a_table_of_real_twin_and_error() -> None:
    title, head, first, second, note = as_text(Comparison(NODE, GROUPS))
    assert title == "sales  [median relative error 1.0%]"
    assert head.split() == ["bookings", "by", "language", "real", "twin", "error"]
    assert first.split() == ["de", "200", "190", "-5.0%"]
    assert second.split() == ["en", "400", "404", "+1.0%"]
    assert note.strip().startswith("groups not shown: 1")


def test_other_results_are_rows_and_means() -> None:
    lines = list(as_text(Comparison(NODE, Measurements((1000, 1000), {"amount": (2.5, None)}))))
    assert lines[2].split() == ["rows", "1,000", "1,000", "+0.0%"]
    assert lines[3].split() == ["mean", "of", "amount", "2.5", "NULL"]


def test_json_has_the_same_numbers() -> None:
    content = json.loads(as_json(Comparison(NODE, GROUPS)))
    assert content["groups"][0] == {
        "labels": {"language": "de"},
        "numbers": {"bookings": {"real": 200.0, "twin": 190.0, "relative_error": -0.05}},
    }
    assert content["hidden_groups"] == 1
