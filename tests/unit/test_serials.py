"""Keys that rise with a time of their row do so in the twin."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from synth.columns.roles import Treatment
from synth.columns.serials import with_serial_keys
from synth.domain import Column, ForeignKey, Kind, Role

FIRST = np.datetime64("2025-03-01T08:00", "us")
KEY = Treatment(Column("ticket", "integer", Kind.INTEGER, not_null=True), Role.KEY, "unique", unique=True)
CODE = Treatment(Column("code", "text", Kind.TEXT, not_null=True), Role.KEY, "unique", unique=True)
TIME = Treatment(Column("opened", "timestamp", Kind.TIMESTAMP, not_null=False), Role.DATETIME, "type")
ABOVE = Treatment(
    Column("above", "integer", Kind.INTEGER, not_null=False),
    Role.FOREIGN_KEY,
    "test",
    parent=ForeignKey("above", "model.a.t", "ticket", "test"),
    to_itself=True,
)


def tickets(rows: int, seed: int = 0, *, first: int = 1) -> dict[str, pa.Array]:
    """Rows in no order, numbered as they were opened, some within the same minute."""
    rng = np.random.default_rng(seed)
    numbers = rng.permutation(rows)
    minutes = np.sort(rng.integers(0, 40 * rows, rows))[numbers]
    return {
        "ticket": pa.array(numbers + first),
        "code": pa.array([f"HD-{number + first:05d}" for number in numbers]),
        "opened": pa.array(FIRST + minutes.astype("timedelta64[m]")),
    }


def dealt_out(columns: dict[str, pa.Array], seed: int = 1) -> dict[str, pa.Array]:
    """The same times with keys that were dealt out at random."""
    rng = np.random.default_rng(seed)
    places = {name: rng.permutation(len(columns[name])) for name in ("ticket", "code")}
    return {**columns, **{name: columns[name].take(pa.array(some)) for name, some in places.items()}}


def falls(columns: dict[str, pa.Array], key: str) -> int:
    table = pa.table(columns)
    keys = table.take(pc.sort_indices(table, [("opened", "ascending"), (key, "ascending")])).column(key)
    return sum(one > other for one, other in zip(keys.to_pylist(), keys.to_pylist()[1:], strict=False))


def serial(real: dict[str, pa.Array], twin: dict[str, pa.Array], *more: Treatment) -> dict[str, pa.Array]:
    table = pa.table(real)
    return with_serial_keys(twin, [KEY, CODE, TIME, *more], table, table, np.random.default_rng(2))


def test_keys_are_in_the_order_of_the_time_and_stay_the_same_ones() -> None:
    twin = dealt_out(tickets(300, 7, first=5001))
    result = serial(tickets(200), twin)
    for key in ("ticket", "code"):
        assert falls(twin, key) > 100
        assert falls(result, key) == 0
        assert sorted(result[key].to_pylist()) == sorted(twin[key].to_pylist())
    assert result["opened"].equals(twin["opened"])


@pytest.mark.parametrize("kind", ["any order", "one later", "no time", "few", "lengths", "referred to"])
def test_keys_stay_as_they_are_dealt_out_where_real_ones_are_in_no_order(kind: str) -> None:
    twin = dealt_out(tickets(300, 7, first=5001))
    real, more = tickets(200), []
    if kind == "any order":
        real = dealt_out(real, 5)
    elif kind == "one later":
        last = pa.array([max(real["opened"].to_pylist())])
        real["opened"] = pa.concat_arrays([last.cast(real["opened"].type), real["opened"][1:]])
    elif kind == "no time":
        real["opened"] = pa.concat_arrays([pa.nulls(1, real["opened"].type), real["opened"][1:]])
    elif kind == "few":
        real = tickets(8)
    elif kind == "lengths":
        real["code"] = pa.array([f"HD-{number}" for number in real["ticket"].to_pylist()])
    else:
        more = [ABOVE]
    result = serial(real, twin, *more)
    names = {"lengths": ["code"], "referred to": ["ticket"]}.get(kind, ["ticket", "code"])
    assert all(result[name].equals(twin[name]) for name in names)
