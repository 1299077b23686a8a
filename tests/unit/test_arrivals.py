"""Rows refer to what was there before, where all real ones do."""

from __future__ import annotations

import numpy as np

from synth.corrections.arrivals import ALWAYS, NEVER, Moments, places_in_order, places_of_earlier


def orders(seed: int = 0, rows: int = 2_000, parents: int = 60) -> tuple[np.ndarray, list[Moments]]:
    """Rows and parents from days 0 to 400, dealt out at random; some have no time."""
    rng = np.random.default_rng(seed)
    times, starts = rng.integers(100, 400, rows), rng.integers(0, 330, parents)
    times[:20], starts[0], starts[1] = NEVER, ALWAYS, 0
    return rng.integers(0, parents, rows), [Moments(times, starts)]


def early(places: np.ndarray, pairs: list[Moments]) -> int:
    return int(np.any([one.rows < one.parents[places] for one in pairs], axis=0).sum())


def test_rows_change_keys_until_none_is_before_what_it_refers_to() -> None:
    places, pairs = orders()
    assert early(places, pairs) > 400
    result = places_of_earlier(places, pairs, np.zeros(len(places), np.int64), np.random.default_rng(1))
    assert early(result, pairs) <= 0.01 * len(places)
    assert np.array_equal(np.bincount(result), np.bincount(places))


def test_only_rows_of_one_group_change_keys() -> None:
    places, pairs = orders()
    groups = places % 3
    result = places_of_earlier(places, pairs, groups, np.random.default_rng(1))
    assert early(result, pairs) < early(places, pairs) / 4
    assert np.array_equal(result % 3, groups)


def test_rows_that_are_late_enough_stay_where_nothing_is_wrong() -> None:
    places, pairs = orders()
    later = [Moments(one.rows + 1_000 * (one.rows < NEVER), one.parents) for one in pairs]
    result = places_of_earlier(places, later, np.zeros(len(places), np.int64), np.random.default_rng(1))
    assert np.array_equal(result, places)


def test_later_rows_refer_to_later_ones_and_those_without_a_time_keep_theirs() -> None:
    places = np.array([0, 1, 2, 3, 3])
    rows, parents = np.array([40, 10, NEVER, 30, 20]), np.array([1, 2, 3, 4])
    moments, groups = Moments(rows, parents), np.array([0, 0, 0, 0, 1])
    result = places_in_order(places, moments, groups, np.random.default_rng(0))
    assert result.tolist() == [3, 0, 2, 1, 3]
