"""References of a table to itself lead to earlier rows in the twin, where they do in all real rows."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from synth.columns.roles import Treatment
from synth.corrections.seniority import Seniority, led_to_elders, seniorities_of
from synth.domain import Column, ForeignKey, Kind, Role

BOSS = ForeignKey("boss", "model.firm.staff", "staff", "test")
TREATMENTS = (
    Treatment(Column("staff", "integer", Kind.INTEGER, not_null=True), Role.KEY, "unique", unique=True),
    Treatment(
        Column("boss", "integer", Kind.INTEGER, not_null=False),
        Role.FOREIGN_KEY,
        "references staff",
        parent=BOSS,
        to_itself=True,
    ),
    Treatment(Column("left_on", "date", Kind.DATE, not_null=False), Role.DATETIME, "type"),
    Treatment(Column("since", "date", Kind.DATE, not_null=True), Role.DATETIME, "type"),
)


def staff(rows: int, *, seed: int = 0, apart: int = 1) -> pa.Table:
    """Return rows of which each but the first few refers to one that came before."""
    rng = np.random.default_rng(seed)
    bosses = [None, *(int(rng.integers(0, max(1, place // 2))) for place in range(1, rows))]
    since = [dt.date(2001, 1, 1) + dt.timedelta(days=place * apart) for place in range(rows)]
    left = [None if place % 2 else day + dt.timedelta(days=9) for place, day in enumerate(since)]
    return pa.table({"staff": range(rows), "boss": bosses, "left_on": left, "since": since})


def later(table: pa.Table) -> int:
    """Return how many rows refer to one that is not earlier."""
    since = dict(zip(table["staff"].to_pylist(), table["since"].to_pylist(), strict=True))
    pairs = zip(table["staff"].to_pylist(), table["boss"].to_pylist(), strict=True)
    return sum(boss is not None and since[boss] >= since[row] for row, boss in pairs)


def test_an_order_is_what_all_rows_that_refer_keep() -> None:
    (one,) = seniorities_of(staff(60), TREATMENTS)
    assert one == Seniority("boss", "staff", "since", strict=True, is_required=False)
    same_days = staff(60).set_column(3, "since", pa.array([dt.date(2001, 1, 1)] * 60))
    assert not seniorities_of(same_days, TREATMENTS)[0].strict
    upside_down = staff(60)
    bosses = upside_down["boss"].to_pylist()
    bosses[3] = 50
    assert not seniorities_of(upside_down.set_column(1, "boss", pa.array(bosses)), TREATMENTS)
    assert not seniorities_of(staff(8), TREATMENTS)  # too few to tell


@pytest.mark.parametrize("is_required", [False, True])
def test_references_to_later_rows_lead_to_earlier_ones(*, is_required: bool) -> None:
    rng = np.random.default_rng(1)
    (one,) = seniorities_of(staff(200), TREATMENTS)
    twin = staff(200)
    bosses = pa.array(rng.permutation([*twin["boss"].to_pylist()[1:], 5]))
    twin = twin.set_column(1, "boss", bosses)
    assert later(twin) > 20
    result = led_to_elders(twin, replace(one, is_required=is_required), rng)
    assert later(result) == int(
        is_required and bosses[0].as_py() is not None
    )  # before the first there is nobody
    right = [row for row in range(200) if bosses[row].as_py() < row]
    assert result["boss"].take(right).to_pylist() == bosses.take(pa.array(right)).to_pylist()
    former, now = len(set(bosses.to_pylist())), len(set(result["boss"].to_pylist()) - {None})
    assert now <= former + 1  # mostly who is a boss already


def test_a_table_in_order_stays_as_it_is() -> None:
    twin = staff(50)
    (one,) = seniorities_of(twin, TREATMENTS)
    assert led_to_elders(twin, one, np.random.default_rng(0)) is twin
