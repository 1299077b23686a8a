"""Things that one row at a time refers to: in the twin no thing has two at once either."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.columns.roles import Treatment
from synth.corrections.turns import NOTHING, Things, take_turns, with_turns
from synth.domain import Across, Column, ForeignKey, Kind, Role, Way
from synth.sampling.context import Case, TwinTable

CONTRACTS, METERS = "model.power.contracts", "model.power.meters"
PARENT = ForeignKey("meter", METERS, "id", "test")
NUMBER, ROWS = 60, 300
DAY = pd.Timedelta(days=1)


def contracts(seed: int, *, in_turns: bool) -> pa.Table:
    """Return contracts of meters, one after the other on each; or at any time."""
    rng = np.random.default_rng(seed)
    meter = np.arange(ROWS) % NUMBER
    first = pd.Timestamp("2020-01-01") + (meter % 7) * DAY
    turn = np.arange(ROWS) // NUMBER if in_turns else rng.integers(0, 9, ROWS)
    start = first + turn * 200 * DAY
    end = start + pd.to_timedelta(rng.integers(20, 190, ROWS), "D")
    ids = np.array([f"m{number}" for number in range(NUMBER)])
    meters = ids[meter] if in_turns else rng.permutation(ids[meter])
    kind = np.where(np.char.lstrip(meters, "m").astype(int) % 3 == 0, "gas", "power")
    frame = pd.DataFrame({"meter": meters, "kind": kind, "start": start, "end": end})
    frame.loc[frame["start"] > "2024-03-01", "end"] = pd.NaT
    return pa.Table.from_pandas(frame, preserve_index=False)


METERS_TWIN = {
    "id": pa.chunked_array([[f"m{number}" for number in range(NUMBER)]]),
    "kind": pa.chunked_array([["power" if number % 3 else "gas" for number in range(NUMBER)]]),
}


def case_of(real: pa.Table, owner: str = "") -> Any:
    kinds = {"meter": Kind.TEXT, "kind": Kind.TEXT, "start": Kind.TIMESTAMP, "end": Kind.TIMESTAMP}
    roles = {"meter": Role.FOREIGN_KEY, "kind": Role.CATEGORY, "start": Role.DATETIME, "end": Role.DATETIME}
    treatments = tuple(
        Treatment(
            Column(name, "text", kinds[name], not_null=False),
            roles[name],
            "test",
            parent=PARENT if name == "meter" else None,
        )
        for name in real.column_names
    )
    copy = Across(CONTRACTS, "kind", Way.COPY, METERS, "kind", "meter", "id")
    return SimpleNamespace(
        task=SimpleNamespace(model=SimpleNamespace(unique_id=CONTRACTS, ownership=None, history=None)),
        context=SimpleNamespace(facts=SimpleNamespace(every=(copy,))),
        source=SimpleNamespace(real=real),
        treatments=treatments,
        owner=owner,
    )


def twin_of(table: pa.Table) -> TwinTable:
    return TwinTable(table, None, 0, places=np.arange(table.num_rows))


def overlaps(table: pa.Table) -> int:
    rows = table.to_pandas().sort_values(["meter", "start", "end"])
    before = rows.groupby("meter")["end"].shift()
    again = rows.duplicated("meter")
    return int(((rows["start"] <= before) | (again & before.isna())).sum())


def test_no_thing_has_two_periods_at_once_and_its_kind_is_that_of_the_row() -> None:
    twin = contracts(1, in_turns=False)
    assert overlaps(twin) > 30
    result = with_turns(case_of(contracts(0, in_turns=True)), twin_of(twin), {METERS: METERS_TWIN})
    assert overlaps(result.table) == 0
    rows = result.table.to_pandas()
    kinds = dict(zip(*(column.to_pylist() for column in METERS_TWIN.values()), strict=True))
    assert (rows["kind"] == rows["meter"].map(kinds)).all()
    assert len(rows) >= 0.95 * ROWS
    assert len(result.places) == len(rows)
    assert rows["start"].tolist() == twin.take(pa.array(result.places)).to_pandas()["start"].tolist()


def test_where_real_periods_overlap_keys_stay() -> None:
    twin = contracts(1, in_turns=False)
    result = with_turns(case_of(contracts(2, in_turns=False)), twin_of(twin), {METERS: METERS_TWIN})
    assert result.table.equals(twin)


def test_what_rows_are_drawn_as_histories_of_is_no_thing_that_they_change() -> None:
    """Invoices of a policy are about its holder, and drawn given the policy."""
    twin = contracts(1, in_turns=False)
    case = case_of(contracts(0, in_turns=True), owner="meter")
    assert with_turns(case, twin_of(twin), {METERS: METERS_TWIN}).table.equals(twin)


@pytest.mark.parametrize("family", [None, "policy"])
def test_the_owner_of_a_row_is_the_nearest_where_rows_are_histories(family: str | None) -> None:
    holder = SimpleNamespace(model=SimpleNamespace(ownership=SimpleNamespace(column="holder")))
    case: Any = SimpleNamespace(task=holder, family=family and SimpleNamespace(key=family))
    assert Case.owner.fget(case) == (family or "holder")  # type: ignore[attr-defined]


def test_a_thing_of_which_nothing_is_known_but_the_key_takes_turns_too() -> None:
    result = with_turns(case_of(contracts(0, in_turns=True)), twin_of(contracts(1, in_turns=False)), {})
    assert overlaps(result.table) == 0


@given(
    st.lists(st.tuples(st.integers(-1, 7), st.integers(0, 50), st.integers(-2, 9)), min_size=1, max_size=60),
    st.booleans(),
)
def test_what_stays_is_apart_or_all_rows_stay(rows: list[tuple[int, int, int]], strict: bool) -> None:
    place, start, length = (np.array(part, np.int64) for part in zip(*rows, strict=True))
    things = Things(pa.array(range(8)), np.array([0, 0, 0, 0, 1, 1, 1, 1]), place)
    places, stays = take_turns(things, start, start + length, strict=strict)
    assert (places[place == NOTHING] == NOTHING).all()
    some = (place != NOTHING) & stays
    assert (things.kinds[places[some]] == things.kinds[place[some]]).all()
    is_apart = True
    for thing in range(8):
        own = some & (places == thing)
        low, high = np.minimum(start, start + length)[own], np.maximum(start, start + length)[own]
        order = np.lexsort((high, low))
        gaps = low[order][1:] - np.maximum.accumulate(high[order])[:-1]
        is_apart &= bool((gaps > 0 if strict else gaps >= 0).all())
    assert is_apart or stays.all()


@pytest.mark.parametrize("end", [5, 4])
def test_what_begins_as_another_ends_follows_it_where_real_ones_do(end: int) -> None:
    things = Things(pa.array(range(2)), np.zeros(2, np.int64), np.array([0, 0]))
    places, _ = take_turns(things, np.array([1, 5]), np.array([end, 9]), strict=True)
    assert places.tolist() == ([0, 0] if end < 5 else [0, 1])
