"""Numbers that count rows are counted again when rows were drawn, moved or left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.corrections.numbering import Numbering, counted_again, find_numberings, with_followers


def attempts(rows: int = 900) -> pd.DataFrame:
    """Attempts at tests: counted for each pupil, and for each pupil and test, in the order of time."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"pupil": rng.integers(0, 150, rows), "test": rng.choice([*"abc"], rows)})
    frame["at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.permutation(rows), unit="h")
    ordered_rows = frame.sort_values("at")
    frame["all"] = ordered_rows.groupby("pupil").cumcount() + 1
    frame["again"] = ordered_rows.groupby(["pupil", "test"]).cumcount() + 1
    frame["score"] = rng.integers(1, 6, rows)
    return frame


def test_rows_are_counted_by_the_fewest_columns_that_part_them() -> None:
    rows, numbers = attempts(), ["all", "again", "score"]
    numberings = Numbering("all", ("pupil",), "at"), Numbering("again", ("pupil", "test"), "at")
    assert find_numberings(rows, numbers, ["pupil"], ["test"]) == numberings
    twice = rows.assign(again=rows["again"].mask(rows.index == 5, 9))
    assert find_numberings(twice, numbers, ["pupil"], ["test"]) == numberings[:1]
    rows_without_time = rows.drop(columns="at")
    assert find_numberings(rows_without_time, ["all"], ["pupil"], []) == (Numbering("all", ("pupil",), None),)


@pytest.mark.parametrize("falls", [False, True])
def test_places_follow_the_number_that_decides_them(falls: bool) -> None:
    rng = np.random.default_rng(4)
    rows = pd.DataFrame({"race": np.repeat(np.arange(60), 12), "driver": rng.integers(0, 90, 720)})
    rows["points"] = rng.integers(0, 40, 720).astype("float64")
    rows["laps"] = rng.integers(0, 40, 720)
    sign = -1 if falls else 1
    rows["place"] = (
        rows.assign(by=sign * rows["points"]).groupby("race")["by"].rank(method="first").astype(int)
    )
    numbering = Numbering("place", ("race",), "points", falls)
    assert find_numberings(rows, ["place", "laps"], ["race", "driver"], []) == (numbering,)
    twin = rows.assign(points=rng.permutation(rows["points"]), place=rng.permutation(rows["place"]))
    twin["place"] = counted_again(twin, numbering)
    in_order = twin.sort_values(["race", "place"])
    change = sign * in_order.groupby("race")["points"].diff().dropna()
    assert (change >= 0).all()
    assert (in_order["place"] == in_order.groupby("race").cumcount() + 1).all()
    shuffled_rows = rows.assign(points=rng.permutation(rows["points"]))
    freely = Numbering("place", ("race",), None)
    assert find_numberings(shuffled_rows, ["place", "laps"], ["race", "driver"], []) == (freely,)


def test_rows_that_were_left_out_or_moved_are_counted_again() -> None:
    rows = attempts().sample(frac=0.7, random_state=1)
    rows["at"] = rows["at"].sample(frac=1, random_state=2).to_numpy()
    numbers = counted_again(rows, Numbering("again", ("pupil", "test"), "at"))
    place = rows.groupby(["pupil", "test"])["at"].rank()
    assert (numbers == place).all()
    gapless = counted_again(rows, Numbering("again", ("pupil", "test"), None))
    again = rows.assign(gapless=gapless).sort_values(["pupil", "test", "again"])
    assert (again["gapless"] == again.groupby(["pupil", "test"]).cumcount() + 1).all()


def test_what_follows_from_a_number_follows_from_the_one_that_is_counted_again() -> None:
    rng = np.random.default_rng(0)
    race, place = np.divmod(np.arange(1_200), 20)
    is_finisher = rng.random(len(race)) < 0.9
    points = np.where(is_finisher, np.array([9, 6, 3] + [0] * 17)[place], 0)
    position = pd.array(np.where(is_finisher, place + 1, 0), "Int64")
    position[~is_finisher] = pd.NA
    real = pd.DataFrame({"place": place + 1, "position": position, "points": points, "laps": 50 - place})
    drawn_rows = real.assign(place=rng.permutation(real["place"]))
    rows = with_followers(drawn_rows, real, {"place"}, race.astype(np.uint64))
    assert rows["place"].equals(drawn_rows["place"])
    assert rows["position"].isna().equals(drawn_rows["position"].isna())
    assert (rows["position"] == rows["place"])[rows["position"].notna()].all()
    points_by_place = np.where(rows["position"].isna(), 0, np.array([9, 6, 3] + [0] * 17)[rows["place"] - 1])
    assert (rows["points"] == points_by_place).all()
