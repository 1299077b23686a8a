"""What a twin keeps of its table, and what it must not."""

from __future__ import annotations

import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synth.domain import RARE
from synth.engine import Synthesizer
from synth.engine.synthesizer import FIT_ROWS, SHARD_ROWS
from synth.histories.histories import Histories

threads = pytest.importorskip("threadpoolctl")
SHOPPERS = Path(__file__).parents[1] / "projects/shoppers/seeds/raw_online_shoppers.csv"
ROWS = 3000


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    city = rng.choice([f"city {n}" for n in range(40)], ROWS, p=np.arange(1, 41) / np.arange(1, 41).sum())
    number = pd.Series(city).str[5:].astype(int).to_numpy()
    low, spread = rng.gamma(2.0, 5.0, ROWS).round(2), rng.gamma(1.0, 9.0, ROWS)
    largest = (low + spread).round(2)
    start = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 300, ROWS), unit="D")
    is_cancelled = rng.random(ROWS) < 0.2
    return pd.DataFrame(
        {
            "city": city,
            "country": np.array(["it", "fr", "de", "es"])[number % 4],
            "country_code": number % 4 + 100,
            "smallest": low,
            "mean": np.minimum((low + spread / 2).round(3), largest),  # rounding alone may put it above
            "largest": largest,
            "start": start,
            "end": start + pd.to_timedelta(rng.poisson(1.5, ROWS), unit="D"),
            "status": np.where(is_cancelled, "cancelled", "paid"),
            "cancelled_at": pd.Series(start + pd.to_timedelta(rng.integers(1, 10**6, ROWS), unit="s")).where(
                is_cancelled
            ),
            "duration": np.where(rng.random(ROWS) < 0.6, 0.0, rng.exponential(100, ROWS).round(1)),
            "price": rng.integers(10, 400, ROWS) * 100,
            "slot": pd.Timestamp("2025-03-01")
            + pd.to_timedelta(rng.integers(0, 5000, ROWS) * 15, unit="min"),
            "weight": rng.normal(70, 10, ROWS),
        }
    )


@pytest.fixture(scope="module")
def twin(orders: pd.DataFrame) -> pd.DataFrame:
    return Synthesizer(seed=2).fit(orders).sample(6000)


def test_spikes_stay_spikes(orders: pd.DataFrame, twin: pd.DataFrame) -> None:
    assert abs((twin["duration"] == 0).mean() - (orders["duration"] == 0).mean()) < 0.03


def test_decimals_stay_those_of_the_column(twin: pd.DataFrame) -> None:
    assert (twin["smallest"].round(2) == twin["smallest"]).all()
    assert (twin["duration"].round(1) == twin["duration"]).all()
    assert (twin["mean"].round(3) == twin["mean"]).all()


def test_whole_steps_stay_whole(twin: pd.DataFrame) -> None:
    assert (twin["price"] % 100 == 0).all()
    assert twin["price"].nunique() > 100


def test_dates_stay_dates_and_slots_stay_slots(twin: pd.DataFrame) -> None:
    assert (twin["start"] == twin["start"].dt.normalize()).all()
    assert (twin["slot"] == twin["slot"].dt.floor("15min")).all()
    assert twin["slot"].nunique() > 1000


@pytest.mark.parametrize("pair", [("city", "country"), ("city", "country_code"), ("country", "country_code")])
def test_what_one_column_decides_about_another_holds_in_every_row(
    orders: pd.DataFrame, twin: pd.DataFrame, pair: tuple[str, str]
) -> None:
    assert set(twin[list(pair)].itertuples(index=False)) <= set(orders[list(pair)].itertuples(index=False))


@pytest.mark.parametrize(("first", "least"), [("product", 0.97), ("category", 0.9), ("price", 0.97)])
def test_what_common_products_decide_holds_beside_rare_ones(first: str, least: float) -> None:
    rng = np.random.default_rng(5)
    number, category, price = rng.integers(10**6, 10**9, 400), rng.integers(0, 9, 400), rng.gamma(3, 20, 400)
    share = rng.permutation(1 / np.arange(1, 401))
    products = rng.choice(400, 4000, p=share / share.sum())
    frame = pd.DataFrame({"product": number[products], "price": price.round(2)[products]})
    frame["category"] = [f"category {each}" for each in category[products]]
    groups = frame.groupby("product").agg(["first", "size"])
    common = groups[groups["price", "size"].between(10, 200)].index
    twins = [Synthesizer(seed).fit(frame, given=[first]).sample(2000) for seed in range(4)]
    rows = pd.concat(twins, ignore_index=True)
    rows = rows[rows["product"].isin(common)]
    assert 0.2 < frame["product"].isin(common).mean() < 0.6
    assert len(rows) > 2000
    for column in ("category", "price"):
        real = rows["product"].map(groups[column, "first"])
        assert (rows[column] == real).mean() > least  # the dearest may have another price: it is top-coded


def test_a_value_is_null_exactly_where_its_status_says_so(twin: pd.DataFrame) -> None:
    assert (twin["cancelled_at"].notna() == (twin["status"] == "cancelled")).all()


@pytest.mark.parametrize(("low", "high"), [("smallest", "mean"), ("mean", "largest"), ("start", "end")])
def test_inequalities_hold_in_every_row(twin: pd.DataFrame, low: str, high: str) -> None:
    assert (twin[low] <= twin[high]).all()


def test_dependence_between_columns_is_kept(orders: pd.DataFrame, twin: pd.DataFrame) -> None:
    correlation = twin["smallest"].corr(twin["mean"], method="spearman")
    assert abs(correlation - orders["smallest"].corr(orders["mean"], method="spearman")) < 0.1
    stay = [(frame["end"] - frame["start"]).dt.days.mean() for frame in (orders, twin)]
    assert abs(stay[0] - stay[1]) < 0.5


def test_values_of_single_rows_are_not_repeated(orders: pd.DataFrame, twin: pd.DataFrame) -> None:
    assert twin["weight"].isin(set(orders["weight"])).mean() < 0.001


def test_numbers_end_at_the_tenth_smallest_and_largest(orders: pd.DataFrame, twin: pd.DataFrame) -> None:
    real = orders["weight"].sort_values()
    assert real.iloc[9] <= twin["weight"].min()
    assert twin["weight"].max() <= real.iloc[-10]


def test_rare_labels_are_never_emitted() -> None:
    common = ["a"] * 300 + ["b"] * 200
    frame = pd.DataFrame({"x": [*common, *["nine"] * 9, *["ten"] * 10], "y": range(519)})
    twin = Synthesizer().fit(frame).sample(20_000)
    assert set(twin["x"]) == {"a", "b", "ten"}


def test_rare_labels_are_replaced_by_what_their_row_suggests() -> None:
    rng = np.random.default_rng(0)
    side = rng.random(4000) < 0.5
    label = np.where(
        rng.random(4000) < 0.4, [f"own {n}" for n in range(4000)], np.where(side, "left", "right")
    )
    twin = Synthesizer().fit(pd.DataFrame({"label": label, "side": side})).sample(2000)
    assert ((twin["label"] == "left") == twin["side"]).mean() > 0.97


def test_a_null_of_few_rows_is_not_repeated() -> None:
    frame = pd.DataFrame({"x": [None] * 9 + ["a"] * 500, "y": [np.nan] * 9 + list(range(500))})
    assert not Synthesizer().fit(frame).sample(5000).isna().any(axis=None)


def test_drawing_rows_anew_makes_nulls_no_more_frequent() -> None:
    """Parts of a hundred are often drawn so that the last one would be below 0; NULL never is."""
    rng = np.random.default_rng(0)
    parts = (rng.dirichlet([0.6] * 4, 120) * 100).round()
    frame = pd.DataFrame(parts[:, :3], columns=["a", "b", "c"]).assign(total=rng.choice([100, 101], 120))
    frame["d"] = frame["total"] - frame["a"] - frame["b"] - frame["c"]
    frame = frame.astype("Int64").mask(pd.Series(np.arange(120) % 10 == 0))
    twin = Synthesizer(0).fit(frame).sample(10_000)
    assert (twin["a"] + twin["b"] + twin["c"] + twin["d"] == twin["total"]).dropna().all()
    assert (twin.isna().mean() - 0.1).abs().max() < 0.008


def test_a_small_number_is_no_difference_to_one_beside_which_its_digits_are_lost() -> None:
    row = np.arange(500)
    frame = pd.DataFrame({"share": row % 501 / 10, "longest": 900719925474099301 + row % 7})
    frame["longest"] = frame["longest"].astype("Int64")
    frame = frame.mask(pd.Series(row % 11 == 0))
    twin = Synthesizer(0).fit(frame).sample(2_000)
    assert (twin.isna().mean() - 1 / 11).abs().max() < 0.02
    assert twin["share"].between(0, 50).sum() == twin["share"].notna().sum()
    assert twin["share"].nunique() > 200


def test_many_labels_keep_their_meaning() -> None:
    rng = np.random.default_rng(0)
    shop = rng.integers(0, 150, 9000)
    frame = pd.DataFrame(
        {"shop": "shop " + pd.Series(shop).astype(str), "size": shop + rng.normal(0, 5, 9000)}
    )
    twin = Synthesizer().fit(frame).sample(9000)
    assert twin["shop"].nunique() > 140
    assert np.corrcoef(twin["shop"].str[5:].astype(int), twin["size"])[0, 1] > 0.95


@pytest.mark.parametrize("rows", [1, 5, 9, 15, 25])
def test_a_small_table_gives_no_more_than_its_middle(rows: int) -> None:
    frame = pd.DataFrame(
        {
            "number": np.linspace(0.5, 900.25, rows),
            "name": pd.Series([f"person {n}" for n in range(rows)], dtype=object),
            "maybe": pd.Series([None, *[f"p{n}" for n in range(1, rows)]], dtype=object),
        }
    )
    twin = Synthesizer().fit(frame).sample(100)
    assert len(set(twin["name"])) == 1
    assert twin["maybe"].isna().all()
    if rows < 20:
        assert set(twin["number"]) == {sorted(frame["number"])[(rows - 1) // 2]}


def test_a_table_without_rows_has_a_twin_without_rows() -> None:
    frame = pd.DataFrame({"a": pd.Series([], dtype="Int64"), "b": pd.Series([], dtype="datetime64[us]")})
    twin = Synthesizer().fit(frame).sample(10)
    pd.testing.assert_frame_equal(twin, frame)


def test_a_table_without_columns_keeps_its_rows() -> None:
    assert Synthesizer().fit(pd.DataFrame(index=range(5))).sample(7).shape == (7, 0)


def test_columns_of_the_same_name_are_told_apart() -> None:
    frame = pd.DataFrame([[1, "a"], [2, "b"]] * 50, columns=pd.Index(["x", "x"]))
    twin = Synthesizer().fit(frame).sample(30)
    assert twin.dtypes.tolist() == frame.dtypes.tolist()


def test_categories_are_not_smoothed() -> None:
    frame = pd.DataFrame({"code": np.repeat([3, 50, 900], 40)})
    twin = Synthesizer(categories={"code"}).fit(frame).sample(500)
    assert set(twin["code"]) == {3, 50, 900}
    assert twin["code"].dtype == frame["code"].dtype


def test_shards_put_together_are_the_sample() -> None:
    engine = Synthesizer(seed=4).fit(pd.DataFrame({"x": np.arange(500.0), "y": np.arange(500) % 7}))
    rows = 2 * SHARD_ROWS + 5
    shards = list(engine.shards(rows))
    assert [len(shard) for shard in shards] == [SHARD_ROWS, SHARD_ROWS, 5]
    pd.testing.assert_frame_equal(pd.concat(shards, ignore_index=True), engine.sample(rows))


def test_rows_do_not_depend_on_the_number_of_threads(orders: pd.DataFrame) -> None:
    twins = []
    for limit in (1, 2):
        with threads.threadpool_limits(limit):
            twins.append(Synthesizer(seed=5).fit(orders).sample(1000))
    pd.testing.assert_frame_equal(twins[0], twins[1])


def test_a_long_table_is_learned_from_a_sample() -> None:
    rows = FIT_ROWS + 1000
    frame = pd.DataFrame({"x": np.arange(rows) % 50, "y": np.arange(rows) % 2 == 0})
    twin = Synthesizer().fit(frame).sample(1000)
    assert ((twin["x"] % 2 == 0) == twin["y"]).all()


def test_naming_the_backend_costs_no_import_of_the_engine() -> None:
    code = (
        "import sys, synth.backends.local; sys.exit(bool({'sklearn', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


@pytest.fixture(scope="module")
def sessions() -> dict[str, pd.DataFrame]:
    table = pd.read_csv(SHOPPERS)
    rows = np.random.default_rng(0).permutation(len(table))
    half = len(table) // 2
    train, holdout = table.iloc[rows[:half]], table.iloc[rows[half:]]
    return {"train": train, "holdout": holdout, "twin": Synthesizer(seed=0).fit(train).sample(half)}


def test_no_more_real_sessions_are_copied_than_fresh_ones_coincide(sessions: dict[str, pd.DataFrame]) -> None:
    real = set(rows_of(sessions["train"]))
    copy_shares = {key: np.mean([row in real for row in rows_of(table)]) for key, table in sessions.items()}
    assert copy_shares["twin"] <= 1.2 * copy_shares["holdout"]


def test_sessions_lie_no_nearer_to_training_than_to_holdout(sessions: dict[str, pd.DataFrame]) -> None:
    points = {name: embed(table, sessions["train"]) for name, table in sessions.items()}
    sample = points["twin"][:1500]
    near, far = nearest(sample, points["train"]), nearest(sample, points["holdout"])
    assert np.mean((near < far) + 0.5 * (near == far)) < 0.56


def test_values_of_one_session_alone_recur_as_often_as_unseen_ones(sessions: dict[str, pd.DataFrame]) -> None:
    parts = {name: table["ProductRelated_Duration"] for name, table in sessions.items()}
    counts = pd.concat([parts["train"], parts["holdout"]]).value_counts()
    single = {name: parts[name][parts[name].map(counts) == 1] for name in ("train", "holdout")}
    of_training, of_holdout = (single[name].isin(parts["twin"]).mean() for name in ("train", "holdout"))
    assert of_training - of_holdout < 0.06


def test_shares_of_every_column_of_sessions_stay_near(sessions: dict[str, pd.DataFrame]) -> None:
    for name, real in sessions["train"].items():
        many = real.nunique() > 30
        edges = np.unique(real.quantile(np.arange(1, 10) / 10)) if many else None
        first, second = (share(sessions[key][name], edges) for key in ("train", "twin"))
        assert first.sub(second, fill_value=0).abs().sum() / 2 < 0.05, name


def rows_of(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    return list(table.itertuples(index=False, name=None))


def share(values: pd.Series[Any], edges: np.ndarray[Any, Any] | None) -> pd.Series[float]:
    groups = values if edges is None else pd.Series(np.searchsorted(edges, values))
    return groups.value_counts(normalize=True)


def embed(table: pd.DataFrame, train: pd.DataFrame) -> np.ndarray[Any, Any]:
    parts = []
    for name, real in train.items():
        if real.dtype.kind in "if":
            parts.append(np.searchsorted(np.sort(real), table[name])[:, None] / len(real))
        else:
            parts.append(0.7 * (table[name].to_numpy(object)[:, None] == real.unique().astype(object)))
    return np.hstack(parts)


def nearest(rows: np.ndarray[Any, Any], others: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    squares = (rows**2).sum(1)[:, None] + (others**2).sum(1) - 2 * rows @ others.T
    return np.asarray(squares.min(1).round(6))


def test_engines_know_the_number_of_people_that_makes_a_value_common() -> None:
    for engine in (Synthesizer, Histories):
        assert signature(engine).parameters["rare"].default == RARE
