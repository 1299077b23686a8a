"""Arithmetic between columns that every training row keeps is kept by every synthetic one, without a word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synth.engine import Synthesizer
from synth.engine.crowd import Crowd
from synth.engine.identities import find_identities
from synth.engine.synthesizer import open_column
from tests.arithmetic import ROWS, arithmetic, holds, moments, numbers, order_lines, twin


@pytest.mark.parametrize(
    ("result", "rule", "sources"),
    [
        (lambda f: f["count"] + f["other"], "sum", {"count", "other"}),
        (lambda f: (f["price"] + f["other"]).round(2), "sum", {"price", "other"}),
        (lambda f: (f["price"] + f["other"] - f["share"] - f["count"]).round(3), "sum", None),
        (lambda f: (f["price"] * f["count"]).round(2), "product", {"price", "count"}),
        (lambda f: f["other"] // f["count"], "ratio", {"other", "count"}),
        (lambda f: (f["price"] * 100).round().astype(int), "copy", {"price"}),
        (lambda f: f["price"], "copy", {"price"}),
        (lambda f: f["other"] * 100 + f["count"], "sum", {"other", "count"}),
        (lambda f: np.floor(f["price"] * 100 * 0.19 + 0.5) / 100, "copy", {"price"}),
        (lambda f: f["price"] // 10, "copy", {"price"}),
        (lambda f: f["count"] + f["other"] - 6, "sum", {"count", "other"}),
        (lambda f: 2026 - f["other"], "sum", {"other"}),
        (lambda f: (12.5 - f["price"] - f["other"]).round(2), "sum", {"price", "other"}),
        (lambda f: np.log(f["price"] + 1), "ln of one more", {"price"}),
        (lambda f: np.log(f["other"] + 1).round(4), "ln of one more", {"other"}),
        (lambda f: np.log10(f["price"].where(f["price"] > 0)), "log10", {"price"}),
        (lambda f: np.log(f["count"] * 1.0).where(f["count"] > 0), "ln", {"count"}),
        (lambda f: f["other"] ** 2, "square", {"other"}),
        (lambda f: (100 * np.sqrt(f["price"])).round(1), "sqrt", {"price"}),
    ],
)
def test_arithmetic_over_other_columns_is_found_and_kept(
    result: Any, rule: str, sources: set[str] | None
) -> None:
    frame = pd.DataFrame(numbers())
    frame["made"] = result(frame)
    identities = arithmetic(frame)
    engine = Synthesizer(seed=4).fit(frame)
    assert all(holds(each, engine.sample(ROWS)) for each in engine._identities)
    assert len(identities) == 1
    ((target, (by, over)),) = identities.items()
    assert by == rule
    if sources:
        assert sources <= {target, *over}


def test_what_is_computed_from_computed_columns_is_kept_too() -> None:
    assert arithmetic(order_lines()) == {
        "net": ("product", ("count", "price")),
        "total": ("sum", ("shipping", "net", "off")),
        "cents": ("copy", ("total",)),
    }
    rows = twin(order_lines())
    assert ((rows["count"] * rows["price"]).round(2) == rows["net"]).all()
    assert ((rows["net"] + rows["shipping"] - rows["off"]).round(2) == rows["total"]).all()
    assert ((rows["total"] * 100).round() == rows["cents"]).all()


@pytest.mark.parametrize("as_end", [True, False])
def test_days_that_count_the_first_and_the_last_are_one_more_than_lie_between(*, as_end: bool) -> None:
    days = np.random.default_rng(5).geometric(0.3, ROWS)
    start = pd.Series(pd.date_range("2024-01-01", periods=ROWS).as_unit("us"))
    length = pd.Series(pd.to_timedelta(days - 1, unit="D").as_unit("us"))
    frame = pd.DataFrame({"start": start, "end": start + length if as_end else length, "days": days})
    rows = twin(frame)
    between = rows["end"] - rows["start"] if as_end else rows["end"]
    assert (between.dt.days + 1 == rows["days"]).all()


@pytest.mark.parametrize("until", [True, False])
def test_days_until_one_day_follow_from_the_date(*, until: bool) -> None:
    at, today = moments(), pd.Timestamp("2026-03-01 07:30")
    frame = pd.DataFrame({"at": at, "days": ((today - at) if until else (at - today)).dt.days, **numbers()})
    rows = twin(frame)
    apart = today - rows["at"] if until else rows["at"] - today
    assert (abs(apart.dt.days - rows["days"]) <= 1).all()
    assert (apart.dt.days == rows["days"]).mean() > 0.99  # the hour of the day is known to within a few


def test_of_a_sum_the_column_with_the_fewest_common_values_is_computed() -> None:
    frame = pd.DataFrame({"paid": numbers()["price"], "fee": np.tile([0.0, 2.5, 5.0, 9.9], ROWS // 4)})
    frame["all"] = (frame["paid"] + frame["fee"]).round(2)
    rows = twin(frame)
    assert set(rows["fee"]) == {0.0, 2.5, 5.0, 9.9}
    assert ((rows["paid"] + rows["fee"]).round(2) == rows["all"]).all()


@pytest.mark.parametrize("row", [0, 499, ROWS - 1])
def test_what_a_single_row_breaks_is_no_identity(row: int) -> None:
    frame = order_lines()
    frame.loc[row, ["net", "cents", "total"]] += [1.0, 3, 5.0]
    assert not arithmetic(frame)
    frame = pd.DataFrame({"at": moments(), "month": moments().dt.month})
    frame["month"] += frame.index == row
    assert not arithmetic(frame)


def test_few_rows_and_few_values_prove_nothing() -> None:
    assert not arithmetic(order_lines(6))
    assert len(arithmetic(order_lines(60))) == 3
    frame = pd.DataFrame({"a": np.arange(ROWS) % 3, "b": np.arange(ROWS) % 7})
    frame["positive"] = frame["a"].clip(upper=1)
    assert not arithmetic(frame)


@pytest.mark.parametrize("rows", [3, 30])
def test_a_column_that_is_the_same_in_nearly_all_rows_may_be_part_of_a_sum(rows: int) -> None:
    frame = pd.DataFrame(numbers())
    frame["bonus"] = np.where(np.arange(ROWS) % (ROWS // rows) == 0, 6, 5)
    frame["made"] = frame["other"] + frame["bonus"] - 2
    result = twin(frame)
    assert (result["other"] + result["bonus"] - 2 == result["made"]).all()


def test_what_is_computed_has_the_last_digits_of_common_values() -> None:
    frame = pd.DataFrame(numbers())
    frame["level"] = np.nextafter(np.log(frame["other"] + 1), 9)
    assert arithmetic(frame)["level"] == ("ln of one more", ("other",))
    counts = frame["level"].value_counts()
    near = np.log(twin(frame)["other"] + 1)
    rows = twin(frame)["level"]
    common = counts[counts >= 10].index.to_numpy()
    nearest = common[np.abs(common - near.to_numpy()[:, None]).argmin(axis=1)]
    is_common = np.isclose(nearest, near, rtol=1e-6)
    assert is_common.mean() > 0.8
    assert (rows[is_common] == nearest[is_common]).all()


def test_null_is_where_a_source_is_null_and_nowhere_else() -> None:
    frame = pd.DataFrame(numbers()).astype("Float64")
    rng = np.random.default_rng(1)
    for name in ("price", "other"):
        frame[name] = frame[name].mask(pd.Series(rng.random(ROWS) < 0.2))
    frame["sum"] = (frame["price"] + frame["other"]).round(2)
    rows = twin(frame)
    assert 0.1 < rows["sum"].isna().mean() < 0.6
    sums = (rows["price"] + rows["other"]).round(2)
    pd.testing.assert_series_equal(sums, rows["sum"], check_names=False)
    frame.loc[frame["sum"].notna().idxmax(), "sum"] = pd.NA
    assert not arithmetic(frame)


def test_division_by_zero_gives_what_it_gave() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"spent": rng.gamma(2, 50, ROWS).round(2), "orders": rng.poisson(1.5, ROWS)})
    average = (frame["spent"] / frame["orders"].where(frame["orders"] > 0)).round(2)
    for instead in (np.nan, 0.0):
        frame["average"] = average.fillna(instead)
        rows = twin(frame)
        ratios = (rows["spent"] / rows["orders"].where(rows["orders"] > 0)).round(2).fillna(instead)
        assert np.allclose(rows["average"], ratios, atol=0.006, equal_nan=True)


def test_given_and_public_columns_and_labels_are_drawn_not_computed() -> None:
    frame = order_lines()
    assert "total" not in arithmetic(frame, unchanged_columns=(5, 6))
    engine = Synthesizer().fit(frame, given=["total"])
    totals = frame[["total"]].sample(300, random_state=1).reset_index(drop=True)
    rows = engine.sample(300, given=totals)
    pd.testing.assert_frame_equal(rows[["total"]], totals)
    public = twin(frame, public={"total"})
    assert set(public["total"]) <= set(frame["total"])
    with_labels = twin(frame, categories={"total"})
    assert with_labels["total"].isin(frame["total"]).all()


def test_a_computed_column_can_be_balanced() -> None:
    frame = pd.DataFrame(numbers(rows=4000))[["count", "other"]].clip(upper=8)
    frame["all"] = frame["count"] + frame["other"]
    engine = Synthesizer().fit(frame)
    assert len(engine._identities) == 1
    rows = engine.sample(2000, balance={"all": {5: 0.6}})
    assert abs((rows["all"] == 5).mean() - 0.6) < 0.04
    assert (rows["count"] + rows["other"] == rows["all"]).all()


def test_inequalities_with_a_computed_column_are_kept() -> None:
    frame = order_lines(3000)
    frame["paid"] = (frame["total"] * np.random.default_rng(5).choice([0.5, 1.0], 3000)).round(2)
    rows = twin(frame, 3000)
    assert (rows["paid"] <= rows["total"]).all()
    assert ((rows["count"] * rows["price"]).round(2) == rows["net"]).all()


def test_no_rows_and_few_rows_can_be_drawn() -> None:
    engine = Synthesizer().fit(order_lines().assign(at=moments(), hour=moments().dt.hour))
    assert len(engine.sample(0)) == 0
    assert len(engine.sample(1)) == 1


WAYS: dict[str, Any] = {
    "sum": lambda a, b: a + b,
    "difference": lambda a, b: a - b,
    "product": lambda a, b: a * b,
    "copy": lambda a, _: a * 7,
    "half": lambda a, _: a // 2,
    "ratio": lambda a, b: a // (b.abs() + 1),
    "sum and constant": lambda a, b: 40 - a - b,
    "square": lambda a, _: a * a,
    "ln": lambda a, _: np.log(a.astype("Float64").abs() + 1),
    "sqrt": lambda a, _: np.sqrt(a.astype("Float64").abs()).round(3),
}


@given(
    ways=st.lists(st.sampled_from(sorted(WAYS)), min_size=1, max_size=4),
    dtypes=st.tuples(*[st.sampled_from(["int64", "Int64", "Float64", "int32", "float64"])] * 3),
    rows=st.integers(1, 400),
    wide=st.sampled_from([3, 20, 5000]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_found_in_any_frame_holds_in_its_twin(
    ways: list[str], dtypes: tuple[str, ...], rows: int, wide: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    result = {f"c{i}": pd.Series(rng.integers(-2, wide, rows), dtype=dtypes[i]) for i in range(3)}
    frame = pd.DataFrame(result)
    if dtypes[1] in {"Int64", "Float64", "float64"}:
        frame["c1"] = frame["c1"].mask(pd.Series(rng.random(rows) < rng.choice([0, 0.1]), dtype=bool))
    frame["at"] = moments(seed % 1000, rows)
    frame["day"] = frame["at"].dt.floor("D")
    frame["weekday"] = frame["day"].dt.day_of_week
    for place, way in enumerate(ways):
        one, other = (frame[f"c{i}"] for i in rng.integers(0, 3 + place, 2))
        frame[f"c{3 + place}"] = WAYS[way](one, other)
    engine = Synthesizer(seed=1).fit(frame)
    twin_rows = engine.sample(150)
    assert twin_rows.dtypes.to_dict() == frame.dtypes.to_dict()
    assert all(holds(each, frame) and holds(each, twin_rows) for each in engine._identities)
    assert len(engine._identities) > 0 or rows < 250
    pd.testing.assert_frame_equal(twin_rows, Synthesizer(seed=1).fit(frame).sample(150))


@pytest.mark.parametrize("share", [0.19, 0.075])
def test_a_rounded_share_of_two_columns_together_is_computed(share: float) -> None:
    rng = np.random.default_rng(4)
    fee, used = rng.choice([8.5, 12.9, 19.9], 600), np.exp(rng.normal(4, 1, 600)).round(2)
    real = pd.DataFrame({"fee": fee, "used": used, "tax": ((fee + used) * share + 1e-9).round(2)})
    real["total"] = (real["fee"] + real["used"] + real["tax"]).round(2)
    twin = Synthesizer(1).fit(real).sample(600)
    assert ((twin["fee"] + twin["used"]) * share - twin["tax"]).abs().max() < 0.0051
    assert (twin["fee"] + twin["used"] + twin["tax"] - twin["total"]).abs().max() < 0.0001


def test_noise_is_no_share_of_any_two_columns() -> None:
    rng = np.random.default_rng(5)
    real = pd.DataFrame({name: np.exp(rng.normal(3, 1, 400)).round(2) for name in "abcdefgh"})
    crowd = Crowd(10, len(real))
    columns = [open_column(real[name], crowd, label=False) for name in real]
    assert find_identities(real, columns) == ()
