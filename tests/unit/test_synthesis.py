"""What a backend is shown of the training rows."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from synth.sampling.folding import apart, fold_rare_values, own_numbers
from synth.sampling.order import Room, date_orders, in_order
from synth.sampling.synthesis import shown_to
from synth.sampling.terms import date_pairs, whole_months_apart


def visits() -> tuple[pd.DataFrame, np.ndarray[tuple[int], np.dtype[np.uint64]]]:
    """400 visits of 40 people, one of whom has a clinic of their own."""
    units = np.repeat(np.arange(40, dtype=np.uint64), 10)
    clinic = pd.Series(np.where(units == 7, "private", np.where(units % 2 == 0, "north", "south")))
    clinic[np.arange(400) % 10 == 3] = None
    return pd.DataFrame({"clinic": clinic, "fee": np.arange(400.0)}), units


def test_a_label_of_one_entity_is_not_shown_however_many_rows_hold_it() -> None:
    frame, units = visits()
    before = frame.copy()
    shown_rows = fold_rare_values(frame, units, {"clinic"}, seed=0)
    assert set(shown_rows["clinic"].dropna()) == {"north", "south"}
    assert_frame_equal(frame, before)
    unfolded = (frame["clinic"] != "private").to_numpy()
    assert_frame_equal(shown_rows.loc[unfolded, ["clinic"]], frame.loc[unfolded, ["clinic"]])


@pytest.mark.parametrize("seed", range(4))
def test_what_an_entity_repeats_it_repeats_with_other_numbers(seed: int) -> None:
    """The rent of every month is one number, and nobody's own."""
    units = np.repeat(np.arange(60, dtype=np.uint64), 12)
    rent = pd.Series(np.repeat(300 + 7.25 * np.arange(120.0), 6))  # it rises once
    shown_rent = fold_rare_values(pd.DataFrame({"rent": rent}), units, (), seed=seed)["rent"]
    assert (shown_rent != rent).mean() > 0.9
    assert len(pd.DataFrame({"shown": shown_rent, "rent": rent}).drop_duplicates()) == rent.nunique()
    assert shown_rent.nunique() > 80
    assert abs(shown_rent.corr(rent)) > 0.95


def test_of_texts_with_numbers_that_few_have_the_words_before_remain() -> None:
    frame, units = visits()
    numbers = pd.Series(np.arange(400)).astype(str)
    frame["text"] = "Rent 11/2025"
    paid_entities, own = units % 3 == 0, units == 5
    frame.loc[paid_entities, "text"] = "Payment of V-" + numbers[paid_entities]
    frame.loc[own, "text"] = "Gift to Ann " + numbers[own]  # what one person writes
    shown_rows = fold_rare_values(frame, units, {"clinic", "text"}, seed=0)["text"]
    assert set(shown_rows[paid_entities]) == {"Payment of"}
    assert set(shown_rows[~paid_entities]) == {"Rent 11/2025", "Payment of"}
    assert (shown_rows[~paid_entities & ~own] == "Rent 11/2025").all()
    frame.loc[:, "text"] = "Phase " + pd.Series(np.arange(400) % 45).astype(str)  # a list
    assert "Phase" not in set(fold_rare_values(frame, units, {"text"}, seed=0)["text"])


def test_of_documents_that_few_have_the_members_that_many_have_remain() -> None:
    frame, units = visits()
    took = [*map(str, np.arange(400))]
    frame["text"] = [f'{{"page": "/{"ab"[n % 2]}", "took": {took[n]}}}' for n in range(400)]
    frame.loc[units == 5, "text"] = [f'{{"page": "/own", "took": {n}}}' for n in range(10)]  # of one person
    shown_rows = fold_rare_values(frame, units, {"text"}, seed=0)["text"]
    assert set(shown_rows) == {'{"page": "/a"}', '{"page": "/b"}'}
    others = units != 5
    assert (shown_rows[others] == frame["text"][others].str.replace(r", .*", "}", regex=True)).all()
    for whole in (
        "{{a b,{}}}",
        "(a b,{})",
        '{{"a": [1, {}}}',
        "<a b={}>",
    ):  # arrays, rows, and what is broken
        frame["text"] = [whole.format(number) if n % 2 else "common" for n, number in enumerate(took)]
        assert set(fold_rare_values(frame, units, {"text"}, seed=0)["text"]) == {"common"}


def test_where_every_row_is_an_entity_ten_rows_make_a_label_common() -> None:
    frame, _ = visits()
    units = np.arange(400, dtype=np.uint64)
    frame.loc[100:108, "clinic"] = "mobile"
    shown_rows = fold_rare_values(frame, units, {"clinic"}, seed=0)["clinic"]
    assert set(shown_rows.dropna()) == {"north", "south"}
    frame.loc[109:110, "clinic"] = "mobile"
    assert "mobile" in set(fold_rare_values(frame, units, {"clinic"}, seed=0)["clinic"])


def test_only_the_local_engine_sees_rare_labels_and_only_where_every_row_is_an_entity() -> None:
    frame, units = visits()
    frame.loc[5, "clinic"] = "alone"
    own = np.arange(400, dtype=np.uint64)
    for backend, whose, is_shown in (("local", own, True), ("gretel", own, False), ("local", units, False)):
        shown_rows = shown_to(backend, frame, whose, {"clinic"}, seed=0)
        assert ("alone" in set(shown_rows["clinic"])) is is_shown


def test_what_ten_entities_of_the_whole_table_share_is_shown_in_each_half() -> None:
    frame, units = visits()
    frame["fee"] = np.random.default_rng(0).permutation(frame["fee"])
    club = np.isin(units, [*range(1, 7), *range(21, 27)])  # twelve people, six in each half
    frame.loc[club, "clinic"] = "harbour"
    frame.loc[club, "fee"] = 75.5
    few = np.isin(units, [*range(8, 12), *range(28, 33)])  # nine people
    frame.loc[few, "clinic"], frame.loc[few, "fee"] = "chapel", 150.25
    remaining = 0
    for part, seed in itertools.product((units < 20, units >= 20), range(10)):
        shown_rows = fold_rare_values(frame, units, {"clinic"}, seed=seed, part=part)
        before = frame[part].reset_index(drop=True)
        assert (shown_rows["clinic"] == "harbour").sum() >= (before["clinic"] == "harbour").sum()
        assert (shown_rows["fee"] == 75.5).sum() == (before["fee"] == 75.5).sum()
        assert "chapel" not in set(shown_rows["clinic"])
        remaining += (shown_rows["fee"] == 150.25).sum()
    assert remaining < 0.01 * 10 * few.sum()  # what is drawn from around it meets it by chance


def test_labels_are_left_where_no_commoner_one_could_take_their_place() -> None:
    frame = pd.DataFrame({"clinic": ["a", "b"] * 20})
    units = np.repeat(np.arange(4, dtype=np.uint64), 10)
    assert_frame_equal(fold_rare_values(frame, units, {"clinic"}, seed=0), frame)


def wages() -> tuple[pd.DataFrame, np.ndarray[tuple[int], np.dtype[np.uint64]]]:
    """Twelve months of 200 people with a wage and a day of entry each, an allowance that many share."""
    rng, units = np.random.default_rng(5), np.repeat(np.arange(200, dtype=np.uint64), 12)
    wage = rng.lognormal(8, 0.4, 200).round(2)[units]
    entry = (np.datetime64("2015-01-01", "us") + rng.integers(0, 3_000, 200) * np.timedelta64(1, "D"))[units]
    pay = pd.Series(rng.choice([0, 50, 100], 2_400)).astype("Int64").mask(pd.Series(rng.random(2_400) < 0.1))
    frame = pd.DataFrame({"wage": wage, "entry": entry, "allowance": pay, "hours": rng.normal(160, 9, 2_400)})
    return frame, units


def test_numbers_and_dates_that_one_entity_repeats_are_drawn_from_around_it() -> None:
    frame, units = wages()
    shown_rows = fold_rare_values(frame, units, set(), seed=0)
    assert len(set(shown_rows["wage"]) & set(frame["wage"])) < 8
    assert abs(shown_rows["wage"].median() / frame["wage"].median() - 1) < 0.03
    assert abs((shown_rows["wage"] - frame["wage"]).abs().median()) < 0.1 * frame["wage"].std()
    assert (shown_rows["wage"].round(2) == shown_rows["wage"]).all()
    assert (shown_rows["entry"] == shown_rows["entry"].dt.normalize()).all()
    assert_frame_equal(shown_rows[["allowance"]], frame[["allowance"]])
    inside = frame["hours"].between(frame["hours"].quantile(0.05), frame["hours"].quantile(0.95))
    assert (shown_rows["hours"] == frame["hours"])[inside].all()
    assert list(shown_rows.dtypes) == list(frame.dtypes)


def test_nothing_beyond_the_tenth_entity_is_shown() -> None:
    frame, units = wages()
    people = frame.groupby(units)
    remote = fold_rare_values(frame, units, set(), seed=0)
    assert remote["wage"].max() <= people["wage"].max().nlargest(10).iloc[-1]
    assert remote["hours"].min() >= people["hours"].min().nsmallest(10).iloc[-1]
    own = shown_to("gretel", frame, np.arange(2_400, dtype=np.uint64), set(), seed=0)
    assert own["hours"].max() <= frame["hours"].nlargest(10).iloc[-1]
    assert_frame_equal(fold_rare_values(frame, units, set(), public={*frame.columns}, seed=0), frame)


def test_a_number_that_is_somebodys_own_is_not_met_by_chance() -> None:
    frame, units = wages()
    drawn_rows = apart(frame, frame, units, frame.columns)
    assert not set(drawn_rows["wage"]) & set(frame["wage"])
    assert (drawn_rows["wage"] - frame["wage"]).abs().max() < 0.2
    assert_frame_equal(drawn_rows[["allowance", "hours", "entry"]], frame[["allowance", "hours", "entry"]])


def test_a_date_that_is_somebody_s_own_moves_to_another_of_the_same_day_of_the_week() -> None:
    rng = np.random.default_rng(0)
    days = pd.bdate_range("2020-01-01", periods=1_000)
    real = pd.DataFrame({"day": np.repeat(rng.choice(days, 40, replace=False), 2)})
    units = np.repeat(np.arange(40, dtype=np.uint64), 2)  # whose own it is, both of the rows say
    drawn_rows = pd.DataFrame({"day": pd.concat([pd.Series(rng.choice(days, 30)), real["day"].iloc[:20]])})
    moved_rows = apart(drawn_rows.reset_index(drop=True), real, units, {"day"})["day"]
    assert not moved_rows.isin(real["day"]).any()
    assert (moved_rows.dt.day_of_week < 5).all()
    assert moved_rows.between(days[0] - pd.Timedelta(days=60), days[-1]).all()


def stays() -> tuple[pd.DataFrame, np.ndarray[tuple[int], np.dtype[np.uint64]]]:
    """Ten short stays of 60 people each: to the minute, with the day of the booking, and some that go on."""
    rng, units = np.random.default_rng(3), np.repeat(np.arange(60, dtype=np.uint64), 10)
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 200 * 24 * 60, 600), "min")
    frame = pd.DataFrame({"start": start, "end": start + pd.to_timedelta(rng.integers(3, 90, 600), "min")})
    frame["booked"] = frame["start"].dt.normalize() - pd.to_timedelta(rng.integers(0, 4, 600), "D")
    frame.loc[rng.random(600) < 0.1, "end"] = pd.NaT
    return frame, units


def is_as_real(shown_rows: pd.DataFrame) -> bool:
    minutes = (shown_rows["end"] - shown_rows["start"]).dropna().dt.total_seconds() / 60
    days = (shown_rows["start"].dt.normalize() - shown_rows["booked"]).dt.days
    return bool(minutes.between(3, 90).all() and days.between(0, 3).all())


def test_dates_drawn_anew_one_by_one_do_not_pass_each_other() -> None:
    frame, units = stays()
    shown_rows = shown_to("local", frame, units, set(), seed=0)
    changed_values = (shown_rows != frame) & frame.notna()
    assert (changed_values["start"] & changed_values["end"]).sum() > 10
    assert is_as_real(shown_rows)
    assert (shown_rows["booked"] == shown_rows["booked"].dt.normalize()).all()
    assert shown_rows["end"].isna().equals(frame["end"].isna())
    latest = frame.groupby(units).max()
    for name in frame.columns:  # and what nine people reach alone is still not shown
        assert shown_rows[name].max() <= latest[name].nlargest(10).iloc[-1]


@pytest.mark.parametrize("distances", [(1, 2, 3, 4, 5), (14, 28, 42)])
def test_dates_that_make_way_for_somebodys_own_stay_as_far_apart(distances: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    days = pd.DataFrame({"start": pd.date_range("2020-01-01", periods=1_400)})
    days["end"] = days["start"] + pd.to_timedelta(rng.choice(distances, 1_400), "D")
    own = days.iloc[rng.choice(1_400, 60, replace=False)]
    real = own.iloc[np.repeat(np.arange(60), 2)].reset_index(drop=True)  # everybody's in two rows
    drawn_rows = days.iloc[100:1_300].reset_index(drop=True)
    units, names = np.repeat(np.arange(60, dtype=np.uint64), 2), ["start", "end"]
    rooms = {name: Room.of(real[name], own_numbers(real[name], units)) for name in names}
    moved_rows = in_order(apart(drawn_rows, real, units, names), drawn_rows, date_orders(real, names), rooms)
    changed_values = (moved_rows != drawn_rows).any(axis=1)
    assert changed_values.sum() > 40
    assert (moved_rows["end"] - moved_rows["start"]).dt.days.isin(distances).all()
    for name in names:
        assert not moved_rows[name].isin(real[name]).any()


@pytest.mark.parametrize("seed", [3, 4])
def test_contracts_whose_dates_make_way_for_somebodys_own_still_last_whole_months(seed: int) -> None:
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2016-01-05") + pd.to_timedelta(rng.integers(0, 3_000, 900), "D")
    days = pd.DataFrame({"start": start})
    years = rng.integers(1, 5, 900)
    days["end"] = [start + pd.DateOffset(years=n) for start, n in zip(days["start"], years, strict=True)]
    units, names = np.repeat(np.arange(60, dtype=np.uint64), 2), ["start", "end"]
    real = days.iloc[np.repeat(np.arange(60), 2)].reset_index(drop=True)  # everybody's in two rows
    pairs = date_pairs(real, names, units)
    assert [pair.names for pair in pairs] == [("start", "end")]
    rooms = {name: Room.of(real[name], own_numbers(real[name], units)) for name in names}
    moved_rows = apart(days, real, units, names)
    together = whole_months_apart(moved_rows, days, pairs, rooms)
    apart_rows = moved_rows["start"].dt.day != moved_rows["end"].dt.day
    assert apart_rows.sum() > 15
    assert (together["start"].dt.day == together["end"].dt.day)[apart_rows].mean() > 0.9
    assert not ((together == days) & (moved_rows != days)).any(axis=None)  # none came back
