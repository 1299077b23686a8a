"""Rows drawn one by one become versions: of each key in order, without a gap, and open at the end."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.columns.roles import Treatment
from synth.corrections.snapshots import Versions, in_versions, key_versions
from synth.domain import Column, History, Kind, Model, Relation, Role
from synth.errors import ModelError
from synth.sampling.context import Samples
from synth.sampling.source import SourceRows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FROM, TO = "dbt_valid_from", "dbt_valid_to"
HISTORY = History(("id",), FROM, TO)
DAY = np.datetime64("2024-01-01", "us")
FAR = dt.datetime(9999, 12, 31)  # noqa: DTZ001 - as the column has it
Version = tuple[int, int | None]


def moments(days: Sequence[int | None]) -> pd.Series[Any]:
    values = [np.datetime64("NaT") if day is None else DAY + np.timedelta64(day, "D") for day in days]
    return pd.Series(np.array(values, dtype="datetime64[us]"))


def source(versions: Sequence[tuple[int, int, int | None]], **others: Sequence[object]) -> SourceRows:
    """Real rows of key, start and end, of which nothing is held out."""
    keys, starts, ends = zip(*versions, strict=True)
    frame = pd.DataFrame({"id": keys, FROM: moments(starts), TO: moments(ends), **others})
    count = len(frame)
    return SourceRows(
        (), pa.Table.from_pandas(frame), count, np.arange(count, dtype=np.uint64), "id", np.zeros(count, bool)
    )


def samples_of(versions: Sequence[Version], **others: Sequence[object]) -> Samples:
    starts, ends = zip(*versions, strict=True)
    frame = pd.DataFrame({FROM: moments(starts), TO: moments(ends), **others})
    return Samples(frame.iloc[:0], frame.iloc[:0], frame, frozenset(), frozenset(), {})


def histories(samples: Samples, owner: NDArray[np.int64]) -> list[pd.DataFrame]:
    return [rows.sort_values(FROM) for _, rows in samples.synthetic.groupby(owner)]


def versions_of(samples: Samples, real: SourceRows) -> list[pd.DataFrame]:
    places = np.arange(len(samples.synthetic))
    changed_samples, versions = in_versions(HISTORY, samples, places, real)
    assert versions is not None
    owner = versions.owner
    assert sorted(set(owner)) == list(range(owner.max() + 1))
    pd.testing.assert_series_equal(changed_samples.synthetic[FROM], samples.synthetic[FROM])
    return histories(changed_samples, owner)


# Nobody was ever deleted, and every third key has two versions.
ALIVE = source([(key, 0, 5) for key in range(0, 30, 3)] + [(key, 5, None) for key in range(30)])
# Half of the keys were deleted.
DELETED_SOURCE = source(
    [(key, key, 40 + key) for key in range(20)] + [(key, key, None) for key in range(20, 40)]
)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.none() | st.integers(1, 60)), min_size=1, max_size=60),
    st.sampled_from([ALIVE, DELETED_SOURCE]),
)
def test_versions_follow_each_other_and_at_most_the_last_is_open(
    pairs: list[tuple[int, int | None]], real: SourceRows
) -> None:
    rows = [(start, None if length is None else start + length) for start, length in pairs]
    for history in versions_of(samples_of(rows), real):
        starts, ends = history[FROM].array, history[TO].array
        assert (ends[:-1] == starts[1:]).all()
        assert (starts[:-1] < starts[1:]).all()
        assert pd.isna(ends[-1]) or ends[-1] > starts[-1]
        if real is ALIVE:
            assert pd.isna(ends[-1])


def test_there_are_as_many_keys_for_the_rows_as_in_the_source() -> None:
    closed_too_often = [(day, day + 10) for day in range(40)]
    closed_too_rarely: list[Version] = [(day, None) for day in range(40)]
    for rows in (closed_too_often, closed_too_rarely):
        assert len(versions_of(samples_of(rows), ALIVE)) == 30


def test_about_as_many_keys_end_as_in_the_source() -> None:
    rows: list[Version] = [(day, 100) for day in range(20)] + [(day, None) for day in range(20)]
    ended_histories = [
        history for history in versions_of(samples_of(rows), DELETED_SOURCE) if history[TO].notna().iloc[-1]
    ]
    assert len(ended_histories) == 20


def test_an_end_moves_no_further_than_to_the_next_beginning() -> None:
    rows: list[Version] = [(0, 9), (1, 20), (10, None), (21, None)]
    real = source([(1, 0, 9), (2, 1, 20), (1, 9, None), (2, 20, None)])
    places = [list(history.index) for history in versions_of(samples_of(rows), real)]
    assert sorted(places) == [[0, 2], [1, 3]]


def test_what_never_changes_within_a_key_stays_the_same_in_its_versions() -> None:
    birth_years = [1950 + row[0] for row in ((key, 0, 0) for key in (*range(0, 30, 3), *range(30)))]
    real = source(
        [(key, 0, 5) for key in range(0, 30, 3)] + [(key, 5, None) for key in range(30)],
        born=birth_years,
        plan=list(range(40)),
    )
    rows: list[Version] = [(0, 5)] * 10 + [(5, None)] * 30
    for history in versions_of(samples_of(rows, born=list(range(40)), plan=list(range(40))), real):
        assert len(set(history["born"])) == 1
        assert history["plan"].nunique() == len(history)


def test_rows_without_room_among_the_keys_are_left_out() -> None:
    # All begin at one of two moments, and too few at the later one for each key to have its versions.
    rows: list[Version] = [*[(0, 5)] * 4, *[(0, None)] * 32, *[(5, None)] * 4]
    _, versions = in_versions(HISTORY, samples_of(rows), np.arange(40), ALIVE, most=30)
    assert versions is not None
    assert len(versions.owner) == versions.stays.sum() == 34
    assert sorted(np.bincount(versions.owner)) == [1] * 26 + [2] * 4


def test_an_open_end_far_away_stays_there() -> None:
    far = History(("id",), FROM, TO, far_end=True)
    real = ALIVE.real.to_pandas().fillna({TO: FAR})
    there = SourceRows((), pa.Table.from_pandas(real), 40, ALIVE.units, "id", ALIVE.held_out)
    rows = samples_of([(day, day + 3) for day in range(10)] + [(day, None) for day in range(30)])
    rows.synthetic[TO] = rows.synthetic[TO].fillna(FAR)
    changed_samples, versions = in_versions(far, rows, np.arange(40), there)
    assert versions is not None
    assert changed_samples.synthetic[TO].notna().all()
    assert all((history[TO] == FAR).sum() == 1 for history in histories(changed_samples, versions.owner))


def test_rows_to_spare_and_other_models_are_left_alone() -> None:
    rows = samples_of([(day, None) for day in range(10)])
    changed_samples, versions = in_versions(HISTORY, rows, np.array([1, 3, 5]), ALIVE)
    assert versions is not None
    assert len(versions.owner) == 3
    spare = [0, 2, 4, 6, 7, 8, 9]
    pd.testing.assert_frame_equal(changed_samples.synthetic.iloc[spare], rows.synthetic.iloc[spare])
    assert in_versions(None, rows, np.arange(10), ALIVE) == (rows, None)


def model(history: History) -> Model:
    return Model(
        "snapshot.shop.plans", "plans", Relation("d", "s", "plans"), "s.yml", "snapshot", history=history
    )


def treatment(name: str, role: Role) -> Treatment:
    return Treatment(Column(name, "integer", Kind.INTEGER, not_null=False), role, "declared")


def test_of_a_composite_key_the_column_with_the_most_values_tells_histories_apart() -> None:
    real = pa.table({"shop": [1, 1, 2], "article": [1, 2, 3]})
    both = [treatment("shop", Role.FOREIGN_KEY), treatment("article", Role.NATURAL_KEY)]
    history = History(("shop", "article"), FROM, TO)
    treatments, shared_places = key_versions(
        model(history), both, real, Versions(np.array([0, 1, 2]), (), np.ones(3, bool))
    )
    assert list(shared_places) == ["article"]
    assert [one.unique for one in treatments] == [False, True]


def test_a_name_that_never_changes_within_a_key_is_made_once_a_key() -> None:
    real = pa.table({"id": [1, 1, 2], "name": ["a", "a", "b"]})
    both = [treatment("id", Role.FOREIGN_KEY), treatment("name", Role.NAME)]
    owner = np.array([0, 0, 1])
    treatments, shared_places = key_versions(
        model(HISTORY), both, real, Versions(owner, ("name",), np.ones(3, bool))
    )
    assert set(shared_places) == {"id", "name"}
    assert [one.unique for one in treatments] == [True, False]


def test_a_key_that_is_declared_as_something_to_learn_is_refused() -> None:
    learned_columns = [treatment("id", Role.CATEGORY)]
    with pytest.raises(ModelError, match=r"snapshot plans, id, .* give it the role natural_key"):
        key_versions(
            model(HISTORY),
            learned_columns,
            pa.table({"id": [1]}),
            Versions(np.array([0]), (), np.ones(1, bool)),
        )
