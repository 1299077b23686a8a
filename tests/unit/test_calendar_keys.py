"""Keys of events and of days are learned as their times, where rows are at these times."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth.columns.calendars import CalendarForm, at_no_time, calendar_form, orders_rows, with_real_rows

WEEKS = pd.Timestamp("2020-03-01") + pd.to_timedelta(7 * np.arange(200), unit="D")


def races(keys: pa.Array | None = None, times: pd.DatetimeIndex = WEEKS) -> CalendarForm | None:
    keys = pa.array(3_000 + 2 * np.arange(len(times))[::-1]) if keys is None else keys
    order = np.random.default_rng(1).permutation(len(times))
    moments = pa.array(times.to_numpy("datetime64[us]")[order])
    return calendar_form(
        pa.chunked_array([keys.take(pa.array(order))]), pa.chunked_array([moments]), "held_on"
    )


def some_races() -> CalendarForm:
    form = races()
    assert form is not None
    return form


def test_keys_become_times_and_times_the_nearest_keys() -> None:
    form = some_races()
    keys = pa.chunked_array([pa.array([3_398, 3_000, None, 3_396])])
    times = form.read(keys)
    assert times.tolist()[:2] == [WEEKS[0], WEEKS[-1]]
    assert times.isna().tolist() == [False, False, True, False]
    assert form.write(times).tolist()[:2] == [3_398, 3_000]
    assert form.write(times).isna().tolist() == [False, False, True, False]
    later_times = WEEKS[1] + pd.to_timedelta(pd.Series([3, -3, -400]), unit="D")
    assert form.write(later_times).tolist() == [3_396, 3_396, 3_398]
    assert form.read(pa.chunked_array([pa.array([7])])).isna().all()


@pytest.mark.parametrize("kind", [pa.int32(), pa.string()])
def test_keys_of_any_type_come_back(kind: pa.DataType) -> None:
    keys = pa.array(np.arange(len(WEEKS))).cast(kind)
    form = races(keys)
    assert form is not None
    values = pa.chunked_array([keys.take(pa.array([5, 1, 5]))])
    written_keys = form.write(form.read(values))
    assert pa.array(written_keys).cast(kind).equals(values.combine_chunks())


def test_what_has_no_time_of_its_own_is_no_event() -> None:
    assert races(times=WEEKS.repeat(2)[:200]) is None
    assert races(times=WEEKS[:1]) is None
    assert calendar_form(pa.chunked_array([[1, 2]]), pa.chunked_array([[None, WEEKS[0]]]), "held_on") is None
    two = pa.chunked_array([[None, None, *WEEKS[:3]]])
    assert calendar_form(pa.chunked_array([[1, 2, 3, 4, 5]]), two, "held_on") is None
    assert (
        calendar_form(pa.chunked_array([[1, 1]]), pa.chunked_array([WEEKS[:2].to_numpy()]), "held_on") is None
    )


@pytest.mark.parametrize("kind", [pa.int32(), pa.int64(), pa.string()])
def test_the_key_of_a_row_without_a_time_is_no_time_and_comes_back(kind: pa.DataType) -> None:
    keys = pa.chunked_array([pa.array([-1, 8, 9, 7]).cast(kind)])
    form = calendar_form(keys, pa.chunked_array([[None, WEEKS[1], WEEKS[2], WEEKS[0]]]), "day")
    assert form is not None
    values = pa.chunked_array([pa.array([9, -1, 7]).cast(kind)])
    own_form = at_no_time(form, values)
    assert own_form is form
    assert form.read(values).isna().tolist() == [False, True, False]
    assert pa.array(form.write(form.read(values))).cast(kind).equals(values.combine_chunks())
    plain = at_no_time(form, values.slice(2))
    assert plain is not None
    assert plain.write(pd.Series([WEEKS[0], pd.NaT])).isna().tolist() == [False, True]
    assert at_no_time(form, pa.chunked_array([pa.array([9, -1, None]).cast(kind)])) is None


def careers(form: CalendarForm, length: int, rng: np.random.Generator) -> tuple[pa.ChunkedArray, np.ndarray]:
    """Rows of 80 owners at events of their own, within so many one after the other."""
    starts = rng.integers(0, len(form.keys) - length + 1, 80)
    places = np.concatenate([start + rng.choice(length, 6, replace=False) for start in starts])
    return pa.chunked_array([form.keys.take(pa.array(places))]), np.repeat(np.arange(80), 6)


@pytest.mark.parametrize("seed", range(5))
def test_rows_that_lie_together_in_time_are_at_the_events(seed: int) -> None:
    form, rng = some_races(), np.random.default_rng(seed)
    assert orders_rows(form, *careers(form, 60, rng))
    assert not orders_rows(form, *careers(form, 200, rng))


def test_products_are_bought_again() -> None:
    form, rng = some_races(), np.random.default_rng(3)
    values, owner = careers(form, 60, rng)
    again = pa.chunked_array([*values.chunks, *values.slice(0, 60).chunks])
    assert not orders_rows(form, again, np.append(owner, owner[:60]))
    assert not orders_rows(form, pa.chunked_array([pa.array([3_000, None])]), owner[:2])


@pytest.mark.parametrize("seed", range(3))
def test_nobody_is_twice_at_one_event(seed: int) -> None:
    form, rng = some_races(), np.random.default_rng(seed)
    owner = rng.integers(0, 40, 2_000)
    times = WEEKS[0] + pd.to_timedelta(pd.Series(rng.uniform(-50, 1_400, 2_000)), unit="D")
    apart = form.nearest(times, owner)
    assert set(apart) <= set(WEEKS)
    assert not pd.DataFrame({"owner": owner, "time": apart}).duplicated().any()
    order = np.lexsort((times, owner))
    gaps = apart.iloc[order].diff()[owner[order] == np.roll(owner[order], 1)]
    assert (gaps > pd.Timedelta(0)).all()
    assert ((form.nearest(times) - apart).abs() <= pd.Timedelta(weeks=20)).mean() > 0.95
    crowd = form.nearest(times, np.zeros(2_000, np.int64))
    assert crowd.nunique() == len(WEEKS)


@pytest.mark.parametrize("seed", range(3))
def test_events_have_their_shares_of_the_rows(seed: int) -> None:
    form, rng = some_races(), np.random.default_rng(seed)
    field = np.where(np.arange(len(WEEKS)) < 100, 10, 30)
    values = pa.chunked_array([form.keys.take(pa.array(np.repeat(np.arange(len(WEEKS)), field)))])
    counted_form = with_real_rows(form, values, np.arange(len(values)))
    times = WEEKS[0] + pd.to_timedelta(pd.Series(1_400 * rng.beta(2, 5, 2_000)), unit="D")
    events = counted_form.nearest(times).value_counts().sort_index()
    assert np.abs(events.to_numpy() - field / 2).max() <= 1
    order = np.argsort(times.to_numpy(), kind="stable")
    assert counted_form.nearest(times).iloc[order].is_monotonic_increasing
    lonely = np.arange(len(values)) // 10  # some race is of one person alone
    assert with_real_rows(form, values, lonely).rows is None
