"""New keys look like the real ones and are none of them; children are shared out as they were."""

from __future__ import annotations

import re
import string
import time
import uuid
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.columns.keys import new_keys, share_out
from synth.domain import Column, Kind
from synth.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INTEGER = Column("id", "integer", Kind.INTEGER, not_null=True, bits=32)
SMALL = Column("id", "smallint", Kind.INTEGER, not_null=True, bits=16)
BIG = Column("id", "bigint", Kind.INTEGER, not_null=True, bits=64)
LONG = Column("id", "numeric(18,0)", Kind.INTEGER, not_null=True, precision=18, scale=0)
FREE = Column("id", "numeric", Kind.DECIMAL, not_null=True)
TEXT = Column("id", "text", Kind.TEXT, not_null=True)
UUID = Column("id", "uuid", Kind.UUID, not_null=True)
DATE = Column("id", "date", Kind.DATE, not_null=True)
MOMENT = Column("id", "timestamp", Kind.TIMESTAMP, not_null=True)
ZONED_COLUMN = Column("id", "timestamp with time zone", Kind.TIMESTAMPTZ, not_null=True)
ALPHABET = np.array(list(string.ascii_lowercase + string.digits))


def varchar(length: int) -> Column:
    return Column("id", f"character varying({length})", Kind.TEXT, not_null=True, length=length)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def keys_like(real: Sequence[Any], column: Column, rows: int, kind: pa.DataType | None = None) -> list[Any]:
    """New keys, which are different from each other and from the real ones."""
    keys: list[Any] = new_keys(pa.chunked_array([pa.array(real, kind)]), column, rows, rng()).to_pylist()
    assert len(keys) == len(set(keys)) == rows
    assert not set(keys) & set(real)
    return keys


# --- numbers


def test_running_numbers_go_on_from_the_next_round_number() -> None:
    assert keys_like(range(1, 501), INTEGER, 3) == [1001, 1002, 1003]
    assert keys_like(range(1, 10), INTEGER, 2) == [11, 12]
    assert keys_like([], INTEGER, 2, pa.int64()) == [11, 12]


def test_a_type_that_is_nearly_full_gives_what_is_free() -> None:
    real = range(1, 32_768)
    assert max(keys_like(real, SMALL, 100)) <= 0
    assert min(keys_like(real, SMALL, 32_768)) == -32_767
    with pytest.raises(ModelError, match=r"The key id \(smallint\) has no room for 32769 new values"):
        keys_like(real, SMALL, 32_769)


@pytest.mark.parametrize("column", [BIG, LONG, FREE])
def test_numbers_near_the_end_of_their_type_are_met_by_none(column: Column) -> None:
    top = 10**18 - 1 if column is LONG else 2**63 - 1
    keys = keys_like(range(top - 1000, top), column, 1000)
    assert min(keys) > 0
    assert max(keys) <= top


def test_decimal_keys_longer_than_a_float_are_not_met_either() -> None:
    real = [float(10**18 + i) for i in range(0, 10_000, 1000)]
    keys = keys_like([*real, float("nan"), float("inf")], FREE, 1000)
    assert not {float(key) for key in keys} & set(real)
    assert keys_like([1e30], FREE, 10)


# --- text


@pytest.mark.parametrize(
    ("real", "pattern"),
    [
        ([f"ORD-{i:06d}" for i in range(1, 500)], r"ORD-\d{6}"),
        (["".join(ALPHABET[rng(i).integers(0, 36, 10)]) for i in range(500)], r"[a-z0-9]{10}"),
        ([f"{i * 7919:08X}" for i in range(500)], r"[0-9A-F]{8}"),
        (
            [str(uuid.UUID(int=i * 2**64 + 7919, version=4)) for i in range(500)],
            r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        ),
        ([f"{'ab' if i % 2 else 'abc'}-{i:05d}" for i in range(500)], r"abc?-\d{5}"),
        ([f"Ключ_{i:04d}🦆" for i in range(500)], r"Ключ_\d{4}🦆"),
        ([f"{i:04d}  " for i in range(500)], r"\d{4}  "),
        ([], r"\d{10}"),
    ],
)
def test_text_keys_keep_their_format(real: list[str], pattern: str) -> None:
    for key in keys_like(real, TEXT, 700, pa.string()):
        assert re.fullmatch(pattern, key), key


def test_lengths_are_mixed_as_they_were() -> None:
    real = [f"A{i:07d}" for i in range(900)] + [f"B{i:09d}" for i in range(100)] + ["x" * 50]
    keys = keys_like(real, TEXT, 2000)
    short = sum(len(key) == 8 for key in keys) / len(keys)
    assert 0.85 < short < 0.95
    assert {len(key) for key in keys} == {8, 10}


@pytest.mark.parametrize(
    ("column", "pattern"), [(TEXT, r"C\d{4,}"), (varchar(5), r"C\d{4}"), (varchar(4), r"[A-Z]\d{3}")]
)
def test_a_format_that_is_nearly_full_is_loosened(column: Column, pattern: str) -> None:
    for key in keys_like([f"C{i:03d}" for i in range(1, 1000)], column, 999):
        assert re.fullmatch(pattern, key), key


def test_marks_stay_where_keys_of_their_kind_have_them() -> None:
    random = rng()
    letters = np.array([*"ABCDEFGHJKLMNPRSTUVWXYZ"])  # none that looks like a digit

    def plate(number: int) -> str:
        town, pair = ("HB", "H")[number % 2], "".join(random.choice(letters, 2))
        return f"{town}-{pair} {100 + number % 900 if number % 2 else 1000 + number}"

    keys = keys_like([plate(number) for number in range(1_500)], TEXT, 1_000)
    form = r"[A-Z]{2}-[A-Z]{2} \d{4}|[A-Z]-[A-Z]{2} \d{3}"
    assert all(re.fullmatch(form, key) for key in keys)
    assert not {*"IOQ"} & {*"".join(key.partition("-")[2] for key in keys)}


def luhn(digits: str) -> str:
    total = sum(sum(divmod(int(d) * (2 - i % 2), 10)) for i, d in enumerate(reversed(digits)))
    return str(-total % 10)


@pytest.mark.parametrize(
    ("write", "digit"),
    [
        ("K{}{}", luhn),
        ("U17{}{}", luhn),  # of what stands behind the series
        ("AB {}-{}", lambda digits: "0123456789X"[int(digits) % 11]),
        (
            "40{}{}",
            lambda digits: str(-sum(int(d) * (1, 3)[i % 2] for i, d in enumerate("40" + digits)) % 10),
        ),
    ],
)
def test_what_the_last_character_follows_from_it_follows_from_in_new_keys(
    write: str, digit: Callable[[str], str]
) -> None:
    bodies = [f"{(7919 * number) % 1_000_000:06d}" for number in range(1_500)]
    real = [write.format(body, digit(body)) for body in bodies]
    for key in keys_like(real, TEXT, 900):
        body = key[len(write.partition("{")[0]) :].replace("-", "")
        assert key[-1] == digit(body[:-1]), key


def test_a_crowded_format_stays_where_twice_as_many_texts_are_free() -> None:
    keys = keys_like([f"{7 * i % 10_000:04d}" for i in range(3_000)], TEXT, 3_000)
    assert all(re.fullmatch(r"\d{4}", key) for key in keys)


def test_a_format_without_room_is_refused_without_a_value() -> None:
    with pytest.raises(
        ModelError, match=r"The key id \(character varying\(1\)\) has no room for 20"
    ) as error:
        keys_like([chr(97 + i) for i in range(20)], varchar(1), 20)
    assert "'" not in str(error.value)


def test_keys_that_differ_only_in_case_are_one_where_the_type_says_so() -> None:
    folded_column = Column("id", "citext", Kind.TEXT, not_null=True)
    keys = keys_like([f"{chr(65 + i % 26)}{chr(97 + i // 26)}" for i in range(300)], folded_column, 300)
    assert len({key.lower() for key in keys}) == 300


def test_keys_beside_those_learned_from_are_not_made_either() -> None:
    learned_keys = pa.chunked_array([pa.array([f"{i:04d}" for i in range(0, 9999, 20)])])
    taken_keys = pa.chunked_array([pa.array([f"{i:04d}" for i in range(990)])])
    keys = new_keys(learned_keys, varchar(4), 500, rng(), existing=taken_keys).to_pylist()
    assert not set(keys) & set(taken_keys.to_pylist())
    assert new_keys(
        pa.chunked_array([[1, 2]]), BIG, 1, rng(), existing=pa.chunked_array([[99_999]])
    ).to_pylist() == [100_001]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12), unique=True, max_size=60
    ),
    st.integers(0, 50),
    st.integers(0, 99),
)
def test_whatever_text_the_keys_are_new_ones_are_different(real: list[str], rows: int, seed: int) -> None:
    keys = new_keys(pa.chunked_array([pa.array(real, pa.string())]), TEXT, rows, rng(seed)).to_pylist()
    assert len(set(keys)) == len(keys) == rows
    assert not set(keys) & set(real)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([SMALL, INTEGER, BIG, LONG]), st.data())
def test_whatever_numbers_the_keys_are_new_ones_are_different(column: Column, data: st.DataObject) -> None:
    top = 10**18 - 1 if column is LONG else 2 ** ((column.bits or 64) - 1) - 1
    real = data.draw(st.lists(st.integers(-top, top), unique=True, max_size=50))
    keys = keys_like(real, column, 50, pa.int64())
    assert all(abs(key) <= top for key in keys)


# --- dates and uuids


def test_days_and_moments_go_on_in_the_next_year() -> None:
    assert keys_like([date(2020, 5, 17)], DATE, 2) == [date(2021, 1, 1), date(2021, 1, 2)]
    assert keys_like([datetime(2020, 5, 17, 8)], MOMENT, 2, pa.timestamp("us")) == [  # noqa: DTZ001 - has no zone
        datetime(2021, 1, 1, 0, 0, second)  # noqa: DTZ001 - as above
        for second in (0, 1)
    ]
    zoned_keys = keys_like([datetime(2020, 5, 17, 8, tzinfo=UTC)], ZONED_COLUMN, 1, pa.timestamp("us", "UTC"))
    assert zoned_keys == [datetime(2021, 1, 1, tzinfo=UTC)]


def test_days_after_which_the_calendar_ends_go_back_instead() -> None:
    assert keys_like([date(2020, 5, 17), date(9999, 12, 31)], DATE, 2) == [
        date(1998, 12, 30),
        date(1998, 12, 31),
    ]
    with pytest.raises(ModelError, match="no room"):
        keys_like([date(1, 1, 1), date(9999, 12, 31)], DATE, 2)


def test_uuids_are_of_version_4() -> None:
    real = [str(uuid.uuid4()) for _ in range(50)]
    assert {uuid.UUID(key).version for key in keys_like(real, UUID, 100)} == {4}


# --- children


def child_keys(counts: Sequence[int], rows: int, **options: Any) -> list[Any]:
    real = pa.chunked_array([pa.array(np.repeat(np.arange(1, len(counts) + 1), counts))])
    arguments = {
        "parents": None,
        "unique": False,
        "make": lambda number: new_keys(real, INTEGER, number, rng()),
        **options,
    }
    keys: list[Any] = share_out(real, INTEGER, rows, rng(), **arguments).to_pylist()
    return keys


def test_parents_have_as_many_children_as_they_had() -> None:
    before = rng().geometric(0.2, 2000)
    keys = child_keys(before.tolist(), int(before.sum()))
    after = np.unique(keys, return_counts=True)[1]
    for quantile in (0.1, 0.5, 0.9, 0.99):
        assert abs(np.quantile(after, quantile) - np.quantile(before, quantile)) <= 1
    assert not set(keys) & set(range(1, 2001))


def test_the_number_of_children_of_a_few_large_parents_is_not_repeated() -> None:
    keys = child_keys([2] * 990 + [50] * 9 + [5000], 2000 + 450 + 5000)
    assert np.unique(keys, return_counts=True)[1].max() <= 50


def test_few_large_parents_keep_their_shares_and_their_number() -> None:
    before = [1_200, 700, 300, 200, 100]
    after = np.sort(np.unique(child_keys(before, 2_500), return_counts=True)[1])[::-1]
    assert np.abs(after - before).max() < 100
    arguments = child_keys(before, 2_500, parents=pa.array([f"shop {i}" for i in range(5)]))
    assert len(set(arguments)) == 5
    assert np.abs(np.sort(np.unique(arguments, return_counts=True)[1])[::-1] - before).max() < 100
    people = np.unique(child_keys([30] * 9 + [31] * 20 + [90], 980), return_counts=True)[1]
    assert people.max() <= 31


def test_children_go_to_the_parents_given() -> None:
    parents = pa.array([f"p{i}" for i in range(40)])
    keys = child_keys([3] * 100, 300, parents=parents)
    assert set(keys) <= set(parents.to_pylist())
    counts = np.unique(keys, return_counts=True)[1]
    assert len(counts) == 40
    assert counts.max() - counts.min() <= 6


def test_a_parent_has_one_child_where_keys_are_unique() -> None:
    parents = pa.array(range(500))
    keys = child_keys([1] * 400, 400, parents=parents, unique=True)
    assert len(set(keys)) == 400
    assert set(keys) <= set(range(500))
    with pytest.raises(ModelError, match="id needs 400 rows of the parent's twin, which has 300"):
        child_keys([1] * 400, 400, parents=pa.array(range(300)), unique=True)


def test_without_parents_there_are_no_children() -> None:
    with pytest.raises(ModelError, match="which has 0"):
        child_keys([1], 10, parents=pa.array([], pa.int64()))
    assert child_keys([1], 0, parents=pa.array([], pa.int64())) == []


def test_keys_that_were_all_null_have_one_child_each() -> None:
    assert len(set(child_keys([], 50))) == 50


# --- cost


MILLION = 1_000_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "real"),
    [
        (INTEGER, np.arange(1, MILLION + 1)),
        (BIG, 2**62 + np.arange(MILLION) * 3),
        (TEXT, [f"ORD-{i:09d}" for i in range(MILLION)]),
        (varchar(7), [f"{i:06d}" for i in range(MILLION)]),
        (UUID, [str(uuid.UUID(int=7919))]),
        (TEXT, [str(uuid.UUID(int=i * 2**64 + i, version=4)) for i in range(1000)]),
        (MOMENT, np.arange(MILLION).astype("datetime64[s]").astype("datetime64[us]")),
    ],
)
def test_a_million_keys_take_seconds(column: Column, real: Any) -> None:
    real_keys = pa.chunked_array([pa.array(real)])
    start = time.process_time()
    keys = new_keys(real_keys, column, MILLION, rng())
    assert time.process_time() - start < 8
    assert len(keys) == MILLION


def test_a_million_children_of_one_parent_take_seconds() -> None:
    start = time.process_time()
    assert set(child_keys([1] * 50, MILLION, parents=pa.array([7]))) == {7}
    assert time.process_time() - start < 8


@pytest.mark.parametrize("seed", range(5))
def test_a_way_of_writing_that_most_keys_fill_makes_room_though_a_few_others_have_plenty(seed: int) -> None:
    words = ALPHABET[np.random.default_rng(seed).integers(0, 26, (20, 9))]
    real = [*(f"Order {n}" for n in range(100, 1000)), *(f"for {''.join(one)}" for one in words)]
    keys = new_keys(pa.chunked_array([real]), TEXT, 920, np.random.default_rng(seed)).to_pylist()
    assert len({*keys} - {*real}) == 920
    assert sum(key.startswith("Order ") for key in keys) > 800
