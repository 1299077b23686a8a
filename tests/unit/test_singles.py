"""Rows of one owner repeat no label where a key says so."""

import numpy as np
import pandas as pd
import pytest

from synth.sampling.context import Samples
from synth.sampling.singles import labels_of_keys, single_places, with_single_labels


def histories(seed: int, *, spare: bool) -> tuple[np.ndarray, np.ndarray, int]:
    rng = np.random.default_rng(seed)
    first = np.repeat(np.arange(400), rng.integers(1, 4, 400))
    owner = np.concatenate([first, rng.permutation(first)]) if spare else first
    return owner, rng.integers(0, 5, len(owner)), len(first)


@pytest.mark.parametrize("spare", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_no_owner_has_a_label_twice_and_each_row_stands_once(seed: int, spare: bool) -> None:
    owner, labels, number = histories(seed, spare=spare)

    places = single_places(owner, labels, number, None, np.random.default_rng(seed))

    assert places is not None
    assert sorted(places) == list(range(len(owner)))
    rows = pd.DataFrame({"owner": owner[:number], "label": labels[places[:number]]})
    assert pd.DataFrame({"owner": owner[:number], "label": labels[:number]}).duplicated().sum() > 50
    assert rows.duplicated().sum() == 0


def test_rows_of_two_engines_do_not_mix() -> None:
    owner, labels, number = histories(3, spare=False)
    half = owner % 2 == 1

    places = single_places(owner, labels, number, half, np.random.default_rng(3))

    assert places is not None
    assert (half[places] == half).all()


def test_most_rows_that_repeat_make_way_for_a_spare_one_of_their_owner() -> None:
    owner, labels, number = histories(4, spare=True)

    places = single_places(owner, labels, number, None, np.random.default_rng(4))

    assert places is not None
    other_places = np.flatnonzero(places[:number] != np.arange(number))
    assert (owner[places[other_places]] == owner[other_places]).mean() > 0.5


def test_the_times_of_an_owner_stay_with_the_owner() -> None:
    owner, labels, number = histories(5, spare=False)
    rows = pd.DataFrame({"label": labels, "time": owner * 1_000})
    samples = Samples(rows, rows, rows, frozenset({"label"}), frozenset(), {}, owner=owner, rows=number)

    result = with_single_labels(samples, [["label"]], np.random.default_rng(5), time="time").synthetic

    assert (result["time"] == owner * 1_000).all()
    assert not result.assign(owner=owner).duplicated(["owner", "label"]).any()


def test_only_keys_of_the_owner_and_learned_columns_count() -> None:
    unique = [("visit_id", "kind"), ("visit_id",), ("person_id", "kind"), ("kind", "visit_id", "row_id")]

    assert labels_of_keys(unique, "visit_id", ["kind", "value"]) == [["kind"]]
