"""What may be learned goes in, the exact relation comes out, and nothing of it is lost on the way."""

from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.columns.conform import as_plain, assemble, labels, learnable, made_up, without_duplicates
from synth.columns.encoding import arrow_type, as_in_files, encode
from synth.columns.roles import Treatment
from synth.domain import Column, ForeignKey, Kind, Role
from synth.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

UTC = dt.UTC
FIRST, LAST = dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001 - naive
# Each kind with the Arrow type in which it is extracted and values that it can have.
LEARNABLE: dict[str, tuple[Column, pa.DataType, st.SearchStrategy[Any]]] = {
    "boolean": (Column("c", "boolean", Kind.BOOLEAN, not_null=False), pa.bool_(), st.booleans()),
    "smallint": (
        Column("c", "smallint", Kind.INTEGER, not_null=False, bits=16),
        pa.int64(),
        st.integers(-(2**15), 2**15 - 1),
    ),
    "integer": (
        Column("c", "integer", Kind.INTEGER, not_null=False, bits=32),
        pa.int64(),
        st.integers(-(2**31), 2**31 - 1),
    ),
    "bigint": (
        Column("c", "bigint", Kind.INTEGER, not_null=False, bits=64),
        pa.int64(),
        st.integers(-(2**63), 2**63 - 1),
    ),
    "oid": (Column("c", "oid", Kind.INTEGER, not_null=False, bits=33), pa.int64(), st.integers(0, 2**32 - 1)),
    "whole": (
        Column("c", "numeric(18,0)", Kind.INTEGER, not_null=False, precision=18, scale=0),
        pa.int64(),
        st.integers(-(10**18) + 1, 10**18 - 1),
    ),
    "numeric": (
        Column("c", "numeric(9,2)", Kind.DECIMAL, not_null=False, precision=9, scale=2),
        pa.float64(),
        st.decimals(-9999999, 9999999, places=2).map(float),
    ),
    "free": (
        Column("c", "numeric", Kind.DECIMAL, not_null=False),
        pa.float64(),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    "double": (
        Column("c", "double precision", Kind.FLOAT, not_null=False, bits=64),
        pa.float64(),
        st.floats(allow_nan=False),
    ),
    "real": (
        Column("c", "real", Kind.FLOAT, not_null=False, bits=32),
        pa.float64(),
        st.floats(width=32, allow_nan=False),
    ),
    "date": (Column("c", "date", Kind.DATE, not_null=False), pa.date32(), st.dates()),
    "timestamp": (
        Column("c", "timestamp", Kind.TIMESTAMP, not_null=False),
        pa.timestamp("us"),
        st.datetimes(FIRST, LAST),
    ),
    "timestamptz": (
        Column("c", "timestamptz", Kind.TIMESTAMPTZ, not_null=False),
        pa.timestamp("us", "UTC"),
        st.datetimes(FIRST, LAST, timezones=st.just(UTC)),
    ),
    "text": (
        Column("c", "text", Kind.TEXT, not_null=False),
        pa.string(),
        st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    ),
    "json": (
        Column("c", "json", Kind.OPAQUE, not_null=False),
        pa.string(),
        st.sampled_from(["{}", "[1]", "null"]),
    ),
}
TIME = Column("c", "time", Kind.TIME, not_null=False)
INTERVAL = Column("c", "interval", Kind.INTERVAL, not_null=False)
NUMERIC = LEARNABLE["numeric"][0]


def treatment(column: Column, role: Role = Role.CATEGORY, **other: Any) -> Treatment:
    return Treatment(column, role, "declared", **other)


def table(columns: Mapping[str, Any]) -> pa.Table:
    return pa.table({name: pa.chunked_array([pa.array(values)]) for name, values in columns.items()})


# --- encoding


@pytest.mark.parametrize("kind", LEARNABLE)
@settings(max_examples=40)
@given(st.data())
def test_what_goes_in_comes_out(kind: str, data: st.DataObject) -> None:
    column, arrow, values = LEARNABLE[kind]
    content = data.draw(st.lists(st.one_of(st.none(), values), max_size=20))
    rows = pa.table({"c": pa.chunked_array([pa.array(content, arrow)])})
    frame = learnable(rows, [treatment(column)])
    twin = encode(frame["c"], column)
    assert twin.type == arrow_type(column)
    back = [float(value) if isinstance(value, Decimal) else value for value in twin.to_pylist()]
    assert back == content


def test_times_and_intervals_come_out_as_postgres_reads_them() -> None:
    times = pd.Series([0, 86_399_999_999, 86_400_000_000, None], dtype="Int64")
    assert encode(times, TIME).to_pylist() == [dt.time(0), dt.time.max, dt.time.max, None]
    spans = pd.Series([0, 1, -1, 90_061_000_001, -90_061_000_001, None], dtype="Int64")
    assert encode(spans, INTERVAL).to_pylist() == [
        "P0DT0.000000S",
        "P0DT0.000001S",
        "P-0DT-0.000001S",
        "P1DT3661.000001S",
        "P-1DT-3661.000001S",
        None,
    ]


SPANS = pd.Series([0, 1, -1, 90_061_000_001, -90_061_000_001, None], dtype="Int64")


def test_intervals_of_a_twin_are_learned_as_those_of_real_rows() -> None:
    # Children of a twin learn from its rows.
    real = pa.table({"c": pa.array(SPANS)})
    twin = pa.table({"c": encode(SPANS, INTERVAL)})
    pd.testing.assert_frame_equal(
        learnable(twin, [treatment(INTERVAL)]), learnable(real, [treatment(INTERVAL)])
    )


def test_intervals_that_postgres_computed_are_intervals_in_the_twin() -> None:
    twin = encode(SPANS, INTERVAL)
    computed_spans = pa.chunked_array([pa.array(SPANS)])
    assert as_in_files(computed_spans, twin.type).to_pylist() == twin.to_pylist()


def test_values_beyond_a_type_become_the_nearest_that_it_holds() -> None:
    small, whole, oid = (LEARNABLE[name][0] for name in ("smallint", "whole", "oid"))
    wide = pd.Series([-(2**63), 2**63 - 1])
    assert encode(wide, small).to_pylist() == [-32768, 32767]
    assert encode(wide, whole).to_pylist() == [1 - 10**18, 10**18 - 1]
    assert encode(wide, oid).to_pylist() == [0, 2**32 - 1]
    assert encode(pd.Series([1.5, 2.4, np.nan]), small).to_pylist() == [2, 2, None]
    assert encode(pd.Series([1e30, -1e30, 0.125]), NUMERIC).to_pylist() == [
        Decimal("9999999.99"),
        Decimal("-9999999.99"),
        Decimal("0.12"),
    ]


@pytest.mark.parametrize(
    ("precision", "scale"), [(4, 2), (38, 18), (38, 0), (2, 2), (1, 0), (38, 38), (18, 9)]
)
def test_decimals_of_every_size_stay_below_their_limit(precision: int, scale: int) -> None:
    column = Column("c", "numeric", Kind.DECIMAL, not_null=False, precision=precision, scale=scale)
    assert encode(pd.Series([1e300, -1e300, 0.0, np.nan]), column).type == pa.decimal128(precision, scale)


def test_a_decimal_has_no_digits_of_noise() -> None:
    column = Column("c", "numeric(38,18)", Kind.DECIMAL, not_null=False, precision=38, scale=18)
    assert encode(pd.Series([1.1, 1e15]), column).to_pylist() == [Decimal("1.1"), Decimal(10**15)]


def test_nan_is_null_where_null_may_be() -> None:
    numbers = pd.Series([1.5, np.nan])
    assert encode(numbers, NUMERIC).null_count == 1
    for column in (NUMERIC, LEARNABLE["double"][0]):
        strict = Column(column.name, column.data_type, column.kind, not_null=True, precision=9, scale=2)
        assert np.isnan(encode(numbers, strict).to_pylist()[1])


def test_moments_of_another_zone_are_the_same_moments() -> None:
    moments = pd.Series(pd.to_datetime(["2024-07-01 12:00"])).dt.tz_localize("Asia/Kathmandu")
    column = LEARNABLE["timestamptz"][0]
    assert encode(moments, column).to_pylist() == [dt.datetime(2024, 7, 1, 6, 15, tzinfo=UTC)]


def test_a_million_intervals_take_seconds() -> None:
    start = time.process_time()
    encode(pd.Series(np.arange(1_000_000) * 1_234_567), INTERVAL)
    assert time.process_time() - start < 6


# --- what is learned


KEY = Column("id", "bigint", Kind.INTEGER, not_null=True, bits=64)
EMAIL = Column("email", "text", Kind.TEXT, not_null=False)
BIRTH_DAY = Column("born", "date", Kind.DATE, not_null=False)
NOTE = Column("note", "text", Kind.TEXT, not_null=False)
CITY = Column("city", "text", Kind.TEXT, not_null=False)
PEOPLE = [
    treatment(KEY, Role.KEY, unique=True),
    treatment(EMAIL, Role.EMAIL),
    treatment(BIRTH_DAY, Role.DATE_OF_BIRTH),
    treatment(NOTE, Role.FREE_TEXT),
    treatment(Column("secret", "text", Kind.TEXT, not_null=False), Role.DROP),
    treatment(CITY, Role.CATEGORY),
]


def people(rows: int = 200) -> pa.Table:
    return table(
        {
            "id": range(rows),
            "email": [None if i % 4 == 0 else f"p{i}@corp.test" for i in range(rows)],
            "born": [
                dt.date(1980 + i % 9, 2, 29 if i % 4 == 0 and i % 9 in {0, 4, 8} else 28) for i in range(rows)
            ],
            "note": [f"note {i}" for i in range(rows)],
            "secret": ["s"] * rows,
            "city": [f"c{i % 3}" for i in range(rows)],
        }
    )


def test_a_backend_sees_neither_keys_nor_identifiers() -> None:
    frame = learnable(people(), PEOPLE)
    assert list(frame) == ["email", "born", "city"]
    assert frame["email"].dtype == bool
    assert set(frame["born"]) == set(range(1980, 1989))
    assert labels(PEOPLE) == {"city"}
    assert [column.name for column in made_up(PEOPLE)] == ["id", "email"]


def assemble_table(
    synthetic: pd.DataFrame, treatments: list[Treatment], real: pa.Table, **other: Any
) -> pa.Table:
    arguments = {"parents": lambda _: None, "rng": np.random.default_rng(0), **other}
    return assemble(synthetic, treatments, real=real, **arguments)


def test_the_twin_has_the_columns_of_the_source_and_none_of_its_identifiers() -> None:
    real = people()
    twin = assemble_table(learnable(real, PEOPLE), PEOPLE, real)
    assert twin.column_names == ["id", "email", "born", "note", "city"]
    assert twin["note"].null_count == 200
    assert twin["email"].null_count == 50
    for name in ("id", "email"):
        assert not set(twin[name].drop_null().to_pylist()) & set(real[name].to_pylist())
    assert [day.year for day in twin["born"].to_pylist()] == [day.year for day in real["born"].to_pylist()]


def test_keys_that_only_the_rest_of_the_source_has_are_not_made() -> None:
    real, every = people(20), people(2000)
    twin = assemble_table(learnable(real, PEOPLE), PEOPLE, real, existing=every)
    assert not set(twin["id"].to_pylist()) & set(every["id"].to_pylist())


def test_a_table_that_references_itself_does_so_in_its_twin() -> None:
    boss = Column("boss", "integer", Kind.INTEGER, not_null=False, bits=32)
    own = ForeignKey("boss", "model.shop.staff", "id", "relationships")
    treatments = [treatment(boss, Role.FOREIGN_KEY, parent=own, to_itself=True), treatment(KEY, Role.KEY)]
    real = table({"boss": [None if i < 9 else i // 9 for i in range(200)], "id": range(200)})
    twin = assemble_table(learnable(real, treatments), treatments, real)
    assert twin.column_names == ["boss", "id"]
    assert twin.schema.field("boss").type == pa.int32()
    assert set(twin["boss"].drop_null().to_pylist()) <= set(twin["id"].to_pylist())


def test_parents_keys_that_do_not_fit_are_refused_without_a_value() -> None:
    treatments = [
        treatment(Column("user_id", "integer", Kind.INTEGER, not_null=True, bits=32), Role.FOREIGN_KEY)
    ]
    real = table({"user_id": range(50)})
    frame = pd.DataFrame(index=pd.RangeIndex(50))
    for pool in (pa.array([2**40]), pa.array(["abc"])):
        with pytest.raises(ModelError, match=r"user_id \(integer\) cannot hold the keys") as error:
            assemble_table(frame, treatments, real, parents=lambda _, pool=pool: pool)
        assert "abc" not in str(error.value)
    twin = assemble_table(frame, treatments, real, parents=lambda _: pa.array(["7", "8"]))
    assert set(twin["user_id"].to_pylist()) == {7, 8}


def test_no_rows_make_no_rows() -> None:
    real = people(8).slice(0, 0)
    twin = assemble_table(learnable(real, PEOPLE), PEOPLE, real)
    assert twin.num_rows == 0
    assert twin.column_names == ["id", "email", "born", "note", "city"]


# --- composite keys


def apart(
    columns: Mapping[str, Any], key: tuple[str, ...], movable: str | None = None
) -> tuple[pa.Table, int]:
    twin = table(columns)
    result, rest = without_duplicates(
        twin, [key], {movable: True} if movable else {}, np.random.default_rng(0)
    )
    removed_rows = int((~rest).sum())
    assert not result.select(list(key)).to_pandas().duplicated().any()
    assert result.num_rows + removed_rows == twin.num_rows
    return result, removed_rows


def test_rows_that_repeat_a_composite_key_of_learned_columns_are_dropped() -> None:
    assert apart({"a": [1, 1, 2, 2], "b": [1, 1, 1, 2], "c": range(4)}, ("a", "b"))[1] == 1


def test_foreign_keys_change_places_before_a_row_is_dropped() -> None:
    chance = np.random.default_rng(0)
    users = chance.integers(0, 500, 3000)
    result, removed_rows = apart(
        {"user": users, "day": chance.integers(0, 365, 3000)}, ("user", "day"), "user"
    )
    assert removed_rows == 0
    assert sorted(result["user"].to_pylist()) == sorted(users)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("share", "is_few"), [(0.03, True), (0.3, False)])
def test_rows_of_an_owner_stay_together_where_some_repeat_a_key(
    seed: int, share: float, is_few: bool
) -> None:
    chance = np.random.default_rng(seed)
    owners = np.repeat(np.arange(600), 4)
    terms = chance.random((600, 8)).argsort(axis=1)[:, :4].ravel()
    again = np.flatnonzero(chance.random(len(terms)) < share)
    terms[again] = terms[again - again % 4]  # as in the first row of the owner
    twin = table({"student": owners, "term": terms, "subject": owners % 7})
    key, movable = ("student", "term"), {"student": True}
    result, stays = without_duplicates(twin, [key], movable, chance, together={"student"})
    repeats = int(twin.select(list(key)).to_pandas().duplicated().sum())
    strangers = (result["student"].to_numpy() % 7 != result["subject"].to_numpy()).sum()
    assert strangers <= (0 if is_few else repeats)
    assert (~stays).sum() == (repeats if is_few else 0)


def test_another_key_changes_places_before_rows_leave_their_owner() -> None:
    chance = np.random.default_rng(0)
    students, courses = np.repeat(np.arange(500), 4), chance.integers(0, 30, 2000)
    twin, movable = table({"student": students, "course": courses}), {"student": True, "course": True}
    result, stays = without_duplicates(twin, [("student", "course")], movable, chance, together={"student"})
    assert stays.all()
    assert result["student"].to_pylist() == students.tolist()
    assert sorted(result["course"].to_pylist()) == sorted(courses)


def test_lines_of_orders_and_months_of_users_keep_nearly_all_rows() -> None:
    chance = np.random.default_rng(0)
    for parents, each in ((200, 5), (1000, 12)):
        owners = np.repeat(np.arange(parents), each)
        lines = chance.integers(
            0, each, len(owners)
        )  # as learned, so not exactly as often as there are parents
        result, removed_rows = apart(
            {"n": lines, "owner": chance.permutation(owners)}, ("owner", "n"), "owner"
        )
        assert removed_rows / len(owners) < 0.06
        counts = np.unique(result["owner"].to_numpy(), return_counts=True)[1]
        assert np.quantile(counts, 0.05) >= each - 2


def test_a_counter_within_its_parent_is_dealt_out_as_one() -> None:
    sizes = np.random.default_rng(0).integers(1, 9, 300)
    lines = np.concatenate([np.arange(size) for size in sizes])
    owners = np.random.default_rng(1).permutation(np.repeat(np.arange(300), sizes))
    result, removed_rows = apart({"owner": owners, "line": lines}, ("owner", "line"), "owner")
    assert removed_rows == 0
    frame = result.to_pandas()
    assert (frame.groupby("owner")["line"].max() + 1 == frame.groupby("owner").size()).all()


def test_a_million_rows_are_parted_in_seconds() -> None:
    chance = np.random.default_rng(0)
    start = time.process_time()
    dense = {"user": np.repeat(np.arange(100_000), 10), "month": chance.integers(0, 12, 1_000_000)}
    apart(dense, ("user", "month"), "user")
    sparse = {"user": np.repeat(np.arange(100_000), 10), "at": chance.integers(0, 10**6, 1_000_000)}
    apart(sparse, ("user", "at"), "user")
    assert time.process_time() - start < 15


def test_times_of_a_twin_are_learned_as_those_of_the_source_are() -> None:
    noon = 12 * 3_600 * 1_000_000
    source = pa.chunked_array([pa.array([noon, None], pa.int64())])
    twin = pa.chunked_array([pa.array([noon, None], pa.time64("us"))])
    pd.testing.assert_series_equal(as_plain(twin), as_plain(source))
