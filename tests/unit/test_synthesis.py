"""What a backend is shown of the training rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.testing import assert_frame_equal

from synth.synthesis import folded


def visits() -> tuple[pd.DataFrame, np.ndarray[tuple[int], np.dtype[np.uint64]]]:
    """400 visits of 40 people, one of whom has a clinic of their own."""
    units = np.repeat(np.arange(40, dtype=np.uint64), 10)
    clinic = pd.Series(np.where(units == 7, "private", np.where(units % 2 == 0, "north", "south")))
    clinic[np.arange(400) % 10 == 3] = None
    return pd.DataFrame({"clinic": clinic, "fee": np.arange(400.0)}), units


def test_a_label_of_one_entity_is_not_shown_however_many_rows_hold_it() -> None:
    frame, units = visits()
    before = frame.copy()
    shown = folded(frame, units, {"clinic"}, seed=0)
    assert set(shown["clinic"].dropna()) == {"north", "south"}
    assert_frame_equal(frame, before)
    untouched = (frame["clinic"] != "private").to_numpy()
    assert_frame_equal(shown[untouched], frame[untouched])


def test_where_a_row_is_an_entity_the_backend_counts_for_itself() -> None:
    frame, _ = visits()
    assert folded(frame, np.arange(400, dtype=np.uint64), {"clinic"}, seed=0) is frame


def test_labels_are_left_where_no_commoner_one_could_take_their_place() -> None:
    frame = pd.DataFrame({"clinic": ["a", "b"] * 20})
    units = np.repeat(np.arange(4, dtype=np.uint64), 10)
    assert_frame_equal(folded(frame, units, {"clinic"}, seed=0), frame)
