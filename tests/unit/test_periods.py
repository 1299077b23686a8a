"""Periods of one owner, or of one owner and label, that do not overlap in real rows do not in drawn ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.corrections.periods import find_succession, separate_periods

PEOPLE = 300


def prescriptions(seed: int = 0, *, with_overlaps: bool = False) -> tuple[pd.DataFrame, np.ndarray]:
    """Return periods on drugs, some of which a person takes at once; each drug is taken up after a pause."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[int, str, pd.Timestamp, pd.Timestamp]] = []
    for person in range(PEOPLE):
        for drug in rng.choice([*"abcde"], rng.integers(1, 4), replace=False):
            start = pd.Timestamp("2024-01-01") + pd.Timedelta(days=int(rng.integers(0, 90)))
            for _ in range(int(rng.integers(1, 4))):
                end = start + pd.Timedelta(days=int(rng.choice([14, 28, 90])))
                rows.append((person, drug, start, end))
                pause = int(rng.integers(-60 if with_overlaps else 1, 50))
                start = end + pd.Timedelta(days=pause)
    frame = pd.DataFrame(rows, columns=["person", "drug", "start", "end"])
    return frame.drop(columns="person"), frame["person"].to_numpy()


def overlaps(rows: pd.DataFrame, owner: np.ndarray, label: str) -> int:
    ordered_rows = rows.assign(owner=owner).sort_values(["owner", label, "start", "end"])
    before = ordered_rows.groupby(["owner", label])["end"].shift()
    return int((ordered_rows["start"] <= before).sum())


def test_periods_that_follow_each_other_within_a_label_are_found_and_kept() -> None:
    real, owner = prescriptions()
    succession = find_succession(real, owner, ["drug"])
    assert succession is not None
    assert (succession.start, succession.end, succession.label) == ("start", "end", "drug")
    drawn_rows, whose = prescriptions(1, with_overlaps=True)
    assert overlaps(drawn_rows, whose, "drug") > 50
    rows, stays = separate_periods(drawn_rows, whose, succession, np.random.default_rng(0))
    assert overlaps(rows, whose[stays], "drug") == 0
    assert stays.mean() > 0.9
    assert ((rows["end"] - rows["start"]) == (drawn_rows["end"] - drawn_rows["start"])[stays]).all()
    assert rows["start"].max() <= drawn_rows["start"].max()


def test_what_overlaps_once_is_no_rule() -> None:
    real, owner = prescriptions()
    again = pd.concat([real, real.iloc[[0]]], ignore_index=True)
    assert find_succession(again, np.append(owner, owner[0]), ["drug"]) is None


def test_a_label_that_parts_periods_by_chance_is_no_rule() -> None:
    start = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(0, 3000, 10), "D"))
    rows = pd.DataFrame({"start": start, "end": start + pd.Timedelta(days=2), "ward": [*"abcd"] * 75})
    owner = np.repeat(np.arange(100), 3)
    assert find_succession(rows, owner, []) is not None
    rows.loc[:1, "end"] += pd.Timedelta(days=30)  # of one owner some overlap, in different wards
    assert find_succession(rows, owner, ["ward"]) is None


def test_moments_of_a_zone_are_moved_too() -> None:
    real, owner = prescriptions()
    zoned_rows = real.assign(**{name: real[name].dt.tz_localize("UTC") for name in ("start", "end")})
    succession = find_succession(zoned_rows, owner, ["drug"])
    assert succession is not None
    drawn_rows, whose = prescriptions(1, with_overlaps=True)
    drawn_rows = drawn_rows.assign(
        **{name: drawn_rows[name].dt.tz_localize("UTC") for name in ("start", "end")}
    )
    rows, stays = separate_periods(drawn_rows, whose, succession, np.random.default_rng(0))
    assert overlaps(rows, whose[stays], "drug") == 0
    assert rows.dtypes.equals(zoned_rows.dtypes)


def visits(seed: int, least: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return one order a day at most of each of 200 customers, `least` days apart, in the evening."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(200), 3)
    day = np.cumsum(rng.integers(least, 9, (200, 3)), axis=1).ravel()
    order_time = pd.Series(pd.Timestamp("2024-03-01") + pd.to_timedelta(day, "D"))
    order_time += pd.to_timedelta(rng.integers(18 * 60, 21 * 60, 600), "min")
    delivery = order_time + pd.to_timedelta(rng.integers(5, 60, 600), "min")
    frame = {"joined": pd.Timestamp("2024-02-01"), "day": order_time.dt.normalize(), "placed": order_time}
    return pd.DataFrame({**frame, "delivered": delivery.where(pd.Series(rng.random(600) < 0.9))}), owner


def test_what_else_happened_in_a_row_moves_along_at_the_same_time_of_a_later_day() -> None:
    succession = find_succession(*visits(0, 1), [])
    assert succession is not None
    assert (succession.start, succession.end) == ("day", "placed")
    assert succession.along == ("delivered",)
    drawn_rows, owner = visits(1, 0)
    rows, stays = separate_periods(drawn_rows, owner, succession, np.random.default_rng(0))
    before = drawn_rows[stays]
    assert (rows["day"] != before["day"]).sum() > 20
    assert not rows.assign(owner=owner[stays]).duplicated(["owner", "day"]).any()
    assert (rows["placed"].dt.normalize() == rows["day"]).all()
    assert rows["placed"].dt.hour.between(18, 20).all()
    spans = (rows["delivered"] - rows["placed"]).dropna()
    assert spans.equals((before["delivered"] - before["placed"]).dropna())
    assert rows["joined"].equals(before["joined"])


@pytest.mark.parametrize("label", [None, "kind"])
def test_nothing_follows_a_period_without_an_end(label: str | None) -> None:
    start = pd.Series(pd.date_range("2024-01-01", periods=90, freq="30D"))
    real = pd.DataFrame({"start": start, "end": start + pd.Timedelta(days=20), "kind": "a"})
    real.loc[2::3, "end"] = pd.NaT
    owner = np.repeat(np.arange(30), 3)
    succession = find_succession(real, owner, [label] if label else [])
    assert succession is not None
    drawn_rows = real.copy()
    drawn_rows.loc[1::3, "end"] = pd.NaT
    rows, stays = separate_periods(drawn_rows, owner, succession, np.random.default_rng(0))
    assert len(rows) == 60
    assert not stays[2::3].any()
