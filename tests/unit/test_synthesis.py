"""What a backend is shown of the training rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.testing import assert_frame_equal

from synth.twins.synthesis import folded, shown_to


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


def test_where_every_row_is_an_entity_ten_rows_make_a_label_common() -> None:
    frame, _ = visits()
    units = np.arange(400, dtype=np.uint64)
    frame.loc[100:108, "clinic"] = "mobile"
    shown = folded(frame, units, {"clinic"}, seed=0)["clinic"]
    assert set(shown.dropna()) == {"north", "south"}
    frame.loc[109:110, "clinic"] = "mobile"
    assert "mobile" in set(folded(frame, units, {"clinic"}, seed=0)["clinic"])


def test_only_the_local_engine_sees_rare_labels_and_only_where_every_row_is_an_entity() -> None:
    frame, units = visits()
    frame.loc[5, "clinic"] = "alone"
    own = np.arange(400, dtype=np.uint64)
    for backend, whose, seen in (("local", own, True), ("gretel", own, False), ("local", units, False)):
        shown = shown_to(backend, frame, whose, {"clinic"}, seed=0)
        assert ("alone" in set(shown["clinic"])) is seen


def test_labels_are_left_where_no_commoner_one_could_take_their_place() -> None:
    frame = pd.DataFrame({"clinic": ["a", "b"] * 20})
    units = np.repeat(np.arange(4, dtype=np.uint64), 10)
    assert_frame_equal(folded(frame, units, {"clinic"}, seed=0), frame)
