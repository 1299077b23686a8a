"""What other tables say of a column, and no real value is in, may stand in a twin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from synth.columns.roles import Treatment
from synth.domain import Across, Column, Kind, Role, Way
from synth.twins.admission import comes_of_twins, loses_labels

ORDERS, CUSTOMERS = "model.shop.orders", "model.shop.customers"
MADE_UP = {ORDERS: {"buyer"}, CUSTOMERS: {"first", "last"}}
NAME = Across(
    ORDERS, "buyer", Way.FORMULA, CUSTOMERS, "first || last", "customer", "id", order=("first", "last")
)


@pytest.mark.parametrize(
    ("fact", "is_right"),
    [
        (NAME, True),  # a made-up name, of made-up ones
        (replace(NAME, order=("first", "town")), False),  # a real town, in what must be made up
        (replace(NAME, beside=("status",)), False),
        (replace(NAME, column="length"), False),  # nothing learned follows from made-up names
        (replace(NAME, column="zone", order=("town",)), True),
        (replace(NAME, way=Way.TOTAL), False),
        (replace(NAME, way=Way.COPY, source="first", order=()), True),
        (replace(NAME, way=Way.COPY, source="town", order=()), False),
        (replace(NAME, model=CUSTOMERS, column="last", order=("first",)), True),
    ],
)
def test_made_up_values_come_of_made_up_values(fact: Across, *, is_right: bool) -> None:
    assert comes_of_twins(fact, MADE_UP, {ORDERS, CUSTOMERS}) is is_right


SPECIALITY = Across("visits", "speciality", Way.COPY, "doctors", "speciality", "doctor", "id")


@pytest.mark.parametrize(
    ("ours", "theirs", "unsure", "is_right"),
    [
        (Role.CATEGORY, Role.NATURAL_KEY, "nothing says what it is", True),
        (Role.CATEGORY, Role.FREE_TEXT, "", True),  # by guarantee
        (Role.CATEGORY, Role.NATURAL_KEY, "", False),  # a code that is named as one
        (Role.CATEGORY, Role.NAME, "", False),
        (Role.CATEGORY, Role.CATEGORY, "", False),
        (Role.NATURAL_KEY, Role.NATURAL_KEY, "nothing says what it is", False),
    ],
)
def test_labels_that_many_rows_share_stay(ours: Role, theirs: Role, unsure: str, *, is_right: bool) -> None:
    column = Column("speciality", "text", Kind.TEXT, not_null=False)
    treatments = {
        "visits": (Treatment(column, ours, "test"),),
        "doctors": (Treatment(column, theirs, "test", unsure=unsure),),
    }
    assert loses_labels(SPECIALITY, treatments) is is_right
    assert not loses_labels(replace(SPECIALITY, way=Way.TOTAL), treatments)
    assert not loses_labels(replace(SPECIALITY, other="hospitals"), treatments)
