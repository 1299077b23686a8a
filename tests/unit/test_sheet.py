"""Values on their way to a service that guesses types, and back."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.backends.sheet import Sheet
from synth.domain import Request
from synth.errors import BackendError

ROWS = 40


def request_of(rows: int = ROWS, **changes: Any) -> Request:
    fields = {
        "categories": frozenset[str](),
        "public": frozenset[str](),
        "run_id": "run",
        "model": "model.a.b",
    }
    return Request(rows=rows, seed=3, **{**fields, **changes})


def there_and_back(values: pd.Series[Any], **changes: Any) -> pd.Series[Any]:
    """The values after a service has read them with its defaults and written them again."""
    frame = pd.DataFrame({"value": values})
    sheet = Sheet.of(frame, request_of(len(frame), **changes))
    guess = pd.read_csv(io.BytesIO(sheet.content)).to_csv(index=False).encode()
    series: pd.Series[Any] = sheet.read(guess, "X").first(len(frame), "X")["value"]
    return series


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(["007", "NA", "", None] * 10, dtype=object),
        pd.Series(["two\nlines", 'say "hi", twice', " led", "trailed "] * 10, dtype=object),
        pd.Series(["1e5", "true", "2024-01-01", "v:x"] * 10, dtype=object),
        pd.Series(["Øre", "naïve", "日本", "🙂"] * 10, dtype=object),
        pd.Series(pd.Categorical(["a", "b"] * 20, categories=["a", "b", "c"])),
        pd.Series([9007199254740993, 9007199254740995, None, 9007199254740993] * 10, dtype="Int64"),
        pd.Series([-(2**63), 2**63 - 1] * 20, dtype="int64"),
        pd.Series([1, 2, None, 3] * 10, dtype="Int16"),
        pd.Series([1.10, 2.05, np.nan, 0.1 + 0.2] * 10),
        pd.Series([True, False] * 20),
        pd.Series([True, None, False, True] * 10, dtype="boolean"),
        pd.Series(
            pd.to_datetime(
                ["2026-03-01T12:00:00.000001+05:30", "1999-01-01T00:00Z"] * 20, utc=True, format="ISO8601"
            )
        ),
        pd.Series(pd.to_datetime(["2026-03-01", ""] * 20)).astype("datetime64[us]"),
        pd.Series(pd.to_datetime(["2026-03-01T10:00:01"] * 40)).astype("datetime64[us]"),
    ],
    ids=str,
)
def test_values_come_back_as_they_were(values: pd.Series[Any]) -> None:
    pd.testing.assert_series_equal(there_and_back(values), values, check_names=False)


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, max_size=6
    )
)
@settings(deadline=None, max_examples=60)
def test_any_label_comes_back_as_it_was(labels: list[str]) -> None:
    values = pd.Series(labels * 10, dtype=object)
    pd.testing.assert_series_equal(there_and_back(values), values, check_names=False)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
@settings(deadline=None, max_examples=60)
def test_any_number_comes_back_as_it_was(numbers: list[float]) -> None:
    frame = pd.DataFrame({"value": numbers})
    sheet = Sheet.of(frame, request_of(len(frame)))
    pd.testing.assert_frame_equal(sheet.read(sheet.content, "X").first(len(frame), "X"), frame)


def test_labels_of_a_number_column_are_labels() -> None:
    values = pd.Series([1, 2] * 20, dtype="int16")
    content = Sheet.of(pd.DataFrame({"value": values}), request_of(categories=frozenset({"value"}))).content
    assert set(content.decode().split()[1:]) == {"v:1", "v:2"}
    pd.testing.assert_series_equal(
        there_and_back(values, categories=frozenset({"value"})), values, check_names=False
    )


def test_a_label_of_few_rows_does_not_leave_unless_it_is_public() -> None:
    frame = pd.DataFrame({"value": pd.Series(["common"] * 35 + ["rare"] * 5, dtype=object)})
    assert b"rare" not in Sheet.of(frame, request_of()).content
    assert b"rare" in Sheet.of(frame, request_of(public=frozenset({"value"}))).content


@pytest.mark.parametrize(("more", "left"), [([None], b'""'), (["same", "same"], b"same")])
def test_a_column_of_rare_labels_becomes_null_or_its_commonest(more: list[str | None], left: bytes) -> None:
    frame = pd.DataFrame({"value": pd.Series([f"own {n}" for n in range(9)] + more, dtype=object)})
    assert set(Sheet.of(frame, request_of()).content.split(b"\n")[1:-1]) == {left}


def test_a_label_that_was_not_sent_is_not_taken() -> None:
    frame = pd.DataFrame({"value": pd.Series(["common"] * 35 + ["rare"] * 5, dtype=object)})
    sheet = Sheet.of(frame, request_of())
    with pytest.raises(BackendError, match="1 of them usable") as failure:
        sheet.read(b"value\ncommon\nrare\n", "X").first(2, "X")
    assert "rare" not in str(failure.value)


def test_infinite_numbers_are_sent_as_the_largest() -> None:
    frame = pd.DataFrame({"value": [1.0, np.inf, -np.inf, 5.0]})
    assert Sheet.of(frame, request_of()).content == b"value\n1.0\n5.0\n1.0\n5.0\n"


def test_the_same_rows_and_request_give_the_same_bytes() -> None:
    frame = pd.DataFrame({"value": pd.Series(["a", "b"] * 30 + list("cdefgh"), dtype=object)})
    assert Sheet.of(frame, request_of()).content == Sheet.of(frame, request_of()).content


def test_numbers_may_come_back_as_other_words_for_the_same() -> None:
    frame = pd.DataFrame({"value": pd.Series([1, 2, None] * 10, dtype="Int64")})
    series = Sheet.of(frame, request_of()).read(b"value\n1.0\n2e0\nNaN\n +3\n1.4\n", "X").first(5, "X")
    assert series["value"].tolist() == [1, 2, pd.NA, 3, 1]


@pytest.mark.parametrize("field", ["40000", "much", "inf", "1e30", ""])
def test_what_the_type_cannot_hold_is_not_taken(field: str) -> None:
    frame = pd.DataFrame({"value": pd.Series([1, 2] * 10, dtype="int16"), "other": 1})
    with pytest.raises(BackendError, match="1 of them usable, not the 2 asked for; unusable values in value"):
        Sheet.of(frame, request_of()).read(f"value,other\n{field},1\n7,1\n".encode(), "X").first(2, "X")
