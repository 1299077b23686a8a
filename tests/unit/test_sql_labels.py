"""What a `case` in the project's SQL can come to is public; what else may stand there makes it unknown."""

from __future__ import annotations

import pytest

from synth.domain import Column, Kind, Model, PublicValues, Relation
from synth.graph.constants import with_sql_labels
from synth.graph.look import RelationLook
from tests.unit.test_column_lineage import lineages

RELATION = Relation("db", "zoo", "x")
LOOK = RelationLook("model.zoo.x", "x", RELATION, {"c": Column("c", "text", Kind.TEXT, not_null=False)})
MODEL = Model("model.zoo.x", "x", RELATION, "models/x.yml", "table")


def labels_of(model: Model = MODEL, **statements: str) -> list[tuple[str, ...]]:
    labelled_model = with_sql_labels(model, lineages(**statements), LOOK)
    return [one.labels for one in labelled_model.public if one.source == "its SQL"]


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("case keeper when 1 then 'lion' when 2 then 'ape' else 'other' end", ["lion", "ape", "other"]),
        ("case when keeper > 5 then 'late' end", ["late"]),
        ("coalesce(case when fee > 5 then 'dear' end, 'cheap')", ["dear", "cheap"]),
        (
            "(case when fee > 5 then case when keeper = 1 then 'a' else 'b' end else 'b' end)::text",
            ["a", "b"],
        ),
        ("case when fee > 5 then 'dear' else keeper::text end", []),
        ("case when fee > 5 then upper('dear') else 'cheap' end", []),
        ("case when fee > 5 then 1 else 2 end", []),
        ("'lion'", []),
    ],
)
def test_labels_of_a_case_are_public(expression: str, labels: list[str]) -> None:
    both = [tuple(labels)] if labels else []
    assert labels_of(x=f"select {expression} as c from zoo.visits") == both
    staging = f"select visit, {expression} as kind from zoo.visits"
    assert labels_of(stg=staging, x="select kind as c from zoo.stg where visit > 3") == both


def test_sums_may_decide_and_stated_labels_stay() -> None:
    sql = "select keeper, case when sum(fee) > 9 then 'gold' else 'tin' end as c from zoo.visits group by 1"
    assert labels_of(x=sql) == [("gold", "tin")]
    stated_model = Model(
        "model.zoo.x", "x", RELATION, "", "table", public=(PublicValues("c", ("gold",), source="a test"),)
    )
    assert labels_of(stated_model, x=sql) == []
