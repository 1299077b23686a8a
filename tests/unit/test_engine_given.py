"""Columns that are given, balanced or public, and the rest that goes with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import recall_score, roc_auc_score

from synth.engine import Synthesizer
from synth.engine.synthesizer import SHARD_ROWS

ROWS = 6000


def people(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Few are ill; age and dose say who."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, rows)
    group = rng.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1])
    dose = rng.gamma(2.0, 1.0 + (group == "c"), rows).round(2)
    risk = (age - 50) / 9 + dose / 2 + (group == "c")
    start = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 300, rows), unit="D")
    return pd.DataFrame(
        {
            "dose": dose,
            "age": age,
            "group": group,
            "ill": risk + rng.logistic(size=rows) > 4.5,
            "start": start,
            "end": start + pd.to_timedelta(rng.poisson(3, rows) + (group == "c"), unit="D"),
        }
    )


@pytest.fixture(scope="module")
def engine() -> Synthesizer:
    return Synthesizer(seed=1).fit(people(), given=["group", "age"])


def told_apart(real: pd.DataFrame, twin: pd.DataFrame) -> float:
    both = pd.concat([real, twin], ignore_index=True)
    for name in ("group", "start", "end"):
        both[name] = both[name].rank(method="dense")
    side = np.repeat([0, 1], [len(real), len(twin)])
    odd = np.arange(len(both)) % 2 == 1
    model = HistGradientBoostingClassifier(random_state=0, max_iter=50).fit(both[odd], side[odd])
    return float(roc_auc_score(side[~odd], model.predict_proba(both[~odd])[:, 1]))


def test_given_columns_come_back_row_by_row_and_the_rest_goes_with_them(engine: Synthesizer) -> None:
    real = people(seed=7)
    only_c = real[(real["group"] == "c") | (real["age"] > 60)].reset_index(drop=True)
    rows = only_c[["age", "group"]]
    twin = engine.sample(len(rows), given=rows)
    pd.testing.assert_frame_equal(twin[["age", "group"]], rows)
    assert list(twin.columns) == list(real.columns)
    assert told_apart(only_c, twin) < 0.6


def test_some_of_the_columns_may_be_given_if_they_are_the_first(engine: Synthesizer) -> None:
    rows = pd.DataFrame({"group": ["c"] * 3000})
    twin = engine.sample(3000, given=rows)
    real = people()
    assert (twin["group"] == "c").all()
    assert abs(twin["dose"].mean() - real.loc[real["group"] == "c", "dose"].mean()) < 0.3
    with pytest.raises(ValueError, match="first"):
        engine.sample(3, given=pd.DataFrame({"age": [20, 30, 40]}))


def test_without_anything_given_the_columns_are_drawn_too(engine: Synthesizer) -> None:
    assert told_apart(people(seed=7), engine.sample(ROWS)) < 0.6


def test_values_never_seen_come_back_and_crash_nothing(engine: Synthesizer) -> None:
    rows = pd.DataFrame({"group": ["new", None, "a", 7], "age": [-5.5, 1e30, np.nan, 40]}, index=[4, 4, 1, 2])
    twin = engine.sample(4, given=rows)
    pd.testing.assert_frame_equal(twin[["group", "age"]], rows.reset_index(drop=True))
    assert twin[["dose", "ill", "start", "end"]].notna().all(axis=None)


def test_a_given_start_is_before_the_drawn_end() -> None:
    engine = Synthesizer().fit(people(), given=["start"])
    start = pd.Series(pd.date_range("2025-12-20", periods=3000, freq="3h"))
    twin = engine.sample(3000, given=start.to_frame("start"))
    pd.testing.assert_series_equal(twin["start"], start, check_names=False)
    inside = start.between("2026-01-02", "2026-10-20")
    assert (twin["start"] <= twin["end"])[inside].all()


def test_given_rows_do_not_depend_on_where_shards_are_cut() -> None:
    engine = Synthesizer(seed=2).fit(people(), given=["age"])
    rows = pd.DataFrame({"age": np.arange(SHARD_ROWS + 7) % 60 + 18})
    shards = list(engine.shards(len(rows), given=rows))
    assert [len(shard) for shard in shards] == [SHARD_ROWS, 7]
    pd.testing.assert_frame_equal(pd.concat(shards, ignore_index=True), engine.sample(len(rows), given=rows))


@pytest.mark.parametrize(
    ("shares", "share"),
    [("uniform", 0.5), ({True: 0.5}, 0.5), ({True: 0.2, False: 0.8}, 0.2), ({True: 1}, 1.0)],
)
def test_a_balanced_column_is_drawn_from_the_shares_asked_for(shares: Any, share: float) -> None:
    twin = Synthesizer().fit(people(), given=["ill"]).sample(5000, balance={"ill": shares})
    assert abs(twin["ill"].mean() - share) < 0.03
    assert twin["ill"].dtype == bool


def test_shares_left_open_are_divided_as_in_training() -> None:
    twin = Synthesizer().fit(people(), given=["group"]).sample(9000, balance={"group": {"c": 0.4}})
    shares = twin["group"].value_counts(normalize=True)
    assert shares.sub(pd.Series({"a": 0.4, "b": 0.2, "c": 0.4})).abs().max() < 0.03


def test_balanced_rows_find_more_of_a_rare_class_than_real_ones_do() -> None:
    train, fresh = people(), people(seed=9)
    twin = Synthesizer(seed=3).fit(train, given=["ill"]).sample(ROWS, balance={"ill": "uniform"})
    features = ["dose", "age"]
    recalls = {}
    for name, table in (("real", train), ("twin", twin)):
        model = HistGradientBoostingClassifier(random_state=0, max_iter=60).fit(table[features], table["ill"])
        chance = model.predict_proba(fresh[features])[:, 1]
        recalls[name] = roc_auc_score(fresh["ill"], chance), recall_score(fresh["ill"], chance > 0.5)
    assert recalls["twin"][0] > 0.985 * recalls["real"][0]
    assert recalls["twin"][1] > recalls["real"][1] + 0.15


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        ({"given": pd.DataFrame({"group": ["a"], "age": [30]})}, "1 rows are given, 5"),
        ({"given": pd.DataFrame({"dose": [0.5] * 5})}, "those that fit was given"),
        ({"given": pd.DataFrame({"nothing": [0.5] * 5})}, "'nothing'"),
        ({"given": pd.DataFrame({"group": ["a"] * 5, "age": ["x"] * 5})}, "'age'.*another type"),
        ({"balance": {"nothing": "uniform"}}, "'nothing'"),
        ({"balance": {"group": "even"}}, "'uniform' or by shares"),
        ({"balance": {"group": {"z": 0.5}}}, "not learned"),
        ({"balance": {"group": {"a": 0.7, "b": 0.7}}}, "at most 1"),
        ({"balance": {"group": {"a": -0.1, "b": 0.7}}}, "at least 0"),
        ({"balance": {"group": {"a": 1}}, "given": pd.DataFrame({"group": ["a"] * 5})}, "not both"),
    ],
)
def test_what_cannot_be_given_is_refused_with_the_reason(
    engine: Synthesizer, ask: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        engine.sample(5, **ask)


def test_a_measured_column_cannot_be_balanced() -> None:
    engine = Synthesizer().fit(people(), given=["dose"])
    with pytest.raises(ValueError, match="'dose' cannot be balanced"):
        engine.sample(5, balance={"dose": "uniform"})


def test_only_columns_of_the_frame_can_be_given() -> None:
    with pytest.raises(ValueError, match="'colour'"):
        Synthesizer().fit(people(50), given=["colour"])


def test_public_values_are_emitted_however_rare() -> None:
    frame = pd.DataFrame(
        {
            "plan": ["common"] * 990 + [f"rare {n}" for n in range(10)],
            "other": ["common"] * 990 + [f"own {n}" for n in range(10)],
            "area": np.append(np.full(990, 1000.0), 10.0 ** np.arange(4, 14)),
        }
    )
    twin = Synthesizer(public={"plan", "area"}).fit(frame).sample(20_000)
    assert set(twin["plan"]) == set(frame["plan"])
    assert set(twin["area"]) == set(frame["area"])
    assert set(twin["other"]) == {"common"}


def test_progress_names_each_column_once_an_order_and_counts_to_all() -> None:
    calls: list[tuple[str, int, int]] = []
    frame = people(300)
    Synthesizer().fit(frame, progress=lambda *call: calls.append(call))
    names = [name for name, _, _ in calls]
    assert sorted(names[:6]) == sorted(names[6:]) == sorted(frame.columns)
    assert [count for _, count, _ in calls] == list(range(1, 13))
    assert {total for _, _, total in calls} == {12}


def test_what_progress_raises_ends_the_fit() -> None:
    def stop(name: str, count: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Synthesizer().fit(people(300), progress=stop)


def test_values_that_were_read_once_give_the_rows_that_values_give() -> None:
    frame = people(600)
    names = [*frame.columns[:2]]
    engine = Synthesizer().fit(frame, given=names)
    conditions = frame[names].sample(300, random_state=1).reset_index(drop=True)
    whole = engine.sample(300, given=conditions, draw=3)
    rest = engine.sample_beside(300, engine.read_given({name: conditions[name] for name in names}), draw=3)
    pd.testing.assert_frame_equal(rest, whole.drop(columns=names))
