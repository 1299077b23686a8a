"""The portrait of three tables: true to them, and safe to show."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synth.domain import RARE
from synth.domain.figures import Distribution, Portrait
from synth.evaluate import Entities
from synth.evaluate.portrait import portrait

CANARY = "ZZCANARY"
ROWS = 2_000


def table(seed: int, rows: int = ROWS) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    city = rng.choice(["Oslo", "Rome", "Bern"], rows, p=[0.6, 0.3, 0.1])
    amount = np.round(rng.lognormal(3, 1.5, rows), 2)
    return pd.DataFrame(
        {
            "city": city,
            "amount": amount,
            "age": rng.integers(18, 80, rows),
            "visits": rng.poisson(0.6, rows),
            "seen": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D"),
            "member": rng.random(rows) < np.where(city == "Oslo", 0.8, 0.1),
            "score": np.where(rng.random(rows) < 0.2, np.nan, amount / 10 + rng.normal(0, 1, rows)),
        }
    )


def ends_of(label: str) -> tuple[float, float]:
    """The least and the greatest whole number of a range."""
    numbers = [int(number) for number in re.findall(r"\d+", label)]
    if label.startswith("up to"):
        return -1, numbers[0]
    return numbers[0], 999 if label.startswith("from") else numbers[-1]


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return table(1), table(2, 500), table(3)


@pytest.fixture(scope="module")
def picture(tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]) -> Portrait:
    return portrait(*tables)


def of(picture: Portrait, name: str) -> Distribution:
    return next(item for item in picture.distributions if item.name == name)


def shares(item: Distribution) -> dict[str, float]:
    return {cell.label: cell.training for cell in item.cells}


def single(values: Any, **more: Any) -> Distribution:
    frame = pd.DataFrame({"x": values})
    if (whose := more.pop("entities", None)) is not None:
        more["entities"] = Entities(whose, whose, whose)
    return portrait(frame, frame, frame, **more).distributions[0]


def test_every_column_is_drawn_and_its_shares_add_up(picture: Portrait) -> None:
    assert picture.missing == ()
    assert [item.name for item in picture.distributions] == list(table(1).columns)
    for item in picture.distributions:
        assert sum(cell.training for cell in item.cells) == pytest.approx(1, abs=0.005)
        assert sum(cell.synthetic for cell in item.cells) == pytest.approx(1, abs=0.005)


def test_shares_of_labels_are_those_of_the_rows(picture: Portrait, tables: Any) -> None:
    shares_of_labels = tables[0]["city"].value_counts(normalize=True)
    assert shares(of(picture, "city")) == pytest.approx(dict(shares_of_labels), abs=1e-4)
    assert list(shares(of(picture, "member"))) in (["false", "true"], ["true", "false"])


def test_shares_of_ranges_are_those_of_the_rows(picture: Portrait, tables: Any) -> None:
    training = tables[0]
    for label, share in shares(of(picture, "age")).items():
        low, high = ends_of(label)
        assert share == pytest.approx(training["age"].between(low, high).mean(), abs=1e-4), label
    assert shares(of(picture, "seen"))["2020-04 to 2020-06"] == pytest.approx(
        training["seen"].between("2020-04-01", "2020-06-30").mean(), abs=1e-4
    )
    nulls = shares(of(picture, "score"))["NULL"]
    assert nulls == pytest.approx(training["score"].isna().mean(), abs=1e-4)


def test_a_range_stands_for_ten_people_at_least(picture: Portrait) -> None:
    for item in picture.distributions:
        for cell in item.cells:
            assert cell.training == 0 or cell.training * ROWS >= RARE - 0.5, (item.name, cell.label)


def test_labels_of_few_people_are_folded_so_that_nobody_can_be_subtracted() -> None:
    item = single(["a"] * 500 + ["b"] * 30 + ["c"] * 12 + ["d"] * 4)
    assert shares(item) == pytest.approx({"a": 500 / 546, "b": 30 / 546, "all others": 16 / 546}, abs=1e-4)
    assert item.folded == 1


def test_people_are_counted_not_rows() -> None:
    rows = ["common"] * 200 + ["one person's"] * 40
    people = np.array([*range(200), *[1000] * 40])
    assert "one person's" in shares(single(rows))
    assert "one person's" not in str(single(rows, entities=people))


def test_public_labels_are_shown_however_rare() -> None:
    rows = ["a"] * 50 + ["b"]
    assert "b" in shares(single(rows, public=["x"]))
    assert "b" not in shares(single(rows))


def test_a_column_that_too_few_people_have_shows_nothing() -> None:
    item = single([1.5, 2.5, None, None])
    assert item.cells == ()
    assert "NULL" not in str(single([7.0] * 500 + [None] * 3))


def test_zeros_and_other_spikes_are_ranges_of_their_own() -> None:
    rng = np.random.default_rng(0)
    bin_shares = shares(single(np.concatenate([np.zeros(500), rng.random(500) * 100 + 1])))
    assert bin_shares["up to 0"] == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize(
    "values",
    [
        [np.nan] * 30,
        [2**62 + n for n in range(60)],
        [float("inf"), *range(60)],
        [1e300, -1e300, *range(60)],
        [f"label {n}" for n in range(60)],
        pd.to_timedelta(range(60), unit="h"),
        pd.date_range("1700-01-01", periods=60, freq="YE"),
        [pd.Timestamp("2020-01-01").date()] * 60,
        pd.Series([True, None] * 30, dtype="boolean"),
    ],
    ids=str,
)
def test_no_column_stops_the_others(values: Any) -> None:
    frame = pd.DataFrame({"odd": values, "even": ["a", "b"] * (len(values) // 2) + ["a"] * (len(values) % 2)})
    picture = portrait(frame, frame.iloc[:20], frame)
    assert of(picture, "even").cells
    assert set(picture.missing) <= {"the column odd"}


def test_empty_tables_and_a_missing_holdout_leave_pictures_out() -> None:
    frame = table(1, 200)
    assert portrait(frame.iloc[:0], frame, frame) == Portrait()
    picture = portrait(frame, frame.iloc[:0], frame)
    assert picture.distributions
    assert (picture.roc, picture.distances, picture.missing) == (None, None, ())


def test_associations_tell_a_dependence_from_none(picture: Portrait, tables: Any) -> None:
    associations = picture.associations
    assert associations is not None
    names = associations.columns
    assert associations.training[names.index("member")][names.index("city")] > 0.5
    assert associations.training[names.index("age")][names.index("city")] < 0.1
    shuffled_twin = tables[2].assign(member=np.random.default_rng(0).permutation(tables[2]["member"]))
    apart = portrait(tables[0], tables[1], shuffled_twin).associations
    assert apart is not None
    assert apart.synthetic[names.index("member")][names.index("city")] < 0.1


def test_associations_of_many_columns_show_those_that_differ_most() -> None:
    rng = np.random.default_rng(0)
    real = pd.DataFrame({f"c{n}": rng.integers(0, 5, 300) for n in range(40)})
    twin = real.assign(c37=0)
    associations = portrait(real, real, twin).associations
    assert associations is not None
    assert (len(associations.columns), associations.of) == (30, 40)
    assert "c37" in associations.columns


def test_the_attack_finds_copies_and_nobody_in_fresh_rows(picture: Portrait, tables: Any) -> None:
    training, holdout, _ = tables
    picture_of_copy = portrait(training, holdout, training)
    assert picture.roc is not None
    assert picture_of_copy.roc is not None
    assert picture.roc.auc == pytest.approx(0.5, abs=0.05)
    assert picture_of_copy.roc.auc > 0.9
    assert picture_of_copy.roc.false_positives[0] * len(holdout) >= RARE
    assert picture_of_copy.distances is not None
    assert picture_of_copy.distances.to_training[0] > 0.2 > picture_of_copy.distances.to_holdout[0]


def test_the_same_tables_and_seed_give_the_same_portrait(picture: Portrait, tables: Any) -> None:
    assert portrait(*tables) == picture


def test_nothing_that_singles_somebody_out_is_in_a_portrait() -> None:
    training, holdout, synthetic = table(1), table(2, 500), table(3)
    secrets = (987_654_321, 123_456_789)
    for frame, age in ((training, secrets[0]), (holdout, secrets[1])):
        frame.loc[frame.index[0], "city"] = f"{CANARY}{age}"
        frame.loc[frame.index[0], "amount"] = age + 0.25
        frame.loc[frame.index[0], "age"] = age
        frame.loc[frame.index[1], "seen"] = pd.Timestamp("1931-03-07")
    ends = [
        str(frame[name].agg(end))
        for frame in (training, holdout)
        for name in ("age", "amount", "score")
        for end in ("min", "max")
    ]
    for twin in (synthetic, training):  # also of a twin that is a copy
        text = json.dumps(asdict(portrait(training, holdout, twin)))
        assert CANARY not in text
        assert "1931" not in text
        for value in (*map(str, secrets), "987,654,321", "123,456,789"):
            assert value not in text
        items = portrait(training, holdout, twin).distributions
        labels = " ".join(f" {cell.label} " for item in items for cell in item.cells)
        for end in ends:
            assert len(end) <= 3 or f" {end} " not in labels  # shorter ones are round by chance
