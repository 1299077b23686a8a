"""New keys begin with the new key of what their row refers to, where all real ones do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth.columns.prefixes import with_prefix

ROWS = 400


def rows(seed: int, form: str, first: int) -> pd.DataFrame:
    """Lines of orders, several of each."""
    rng = np.random.default_rng(seed)
    order = pd.Series([f"A-{first + number}" for number in np.sort(rng.integers(0, 150, ROWS))])
    place = order.groupby(order).cumcount() + 1
    spare = rng.permutation(9_000)[:ROWS] + 1_000
    lines = [form.format(one, n, part) for one, n, part in zip(order, place, spare, strict=True)]
    return pd.DataFrame({"order": order, "line": lines})


def new_lines(real: pd.DataFrame, orders: pd.Series[str]) -> pd.Series[str]:
    values = pa.chunked_array([[f"X{number:07d}" for number in range(len(orders))]])
    before, keys, real_before = (
        pa.chunked_array([pa.array(one, pa.string())]) for one in (orders, real["line"], real["order"])
    )
    rng = np.random.default_rng(0)
    lines: pd.Series[str] = with_prefix(values, before, keys, real_before, rng).to_pandas()
    return lines


@pytest.mark.parametrize(
    ("form", "end"), [("{0}/{1}", r"/\d"), ("{0}-{1:02d}", r"-\d\d"), ("{0}.{2}K", r"\.\d{4}K")]
)
def test_lines_begin_with_their_order(form: str, end: str) -> None:
    orders = rows(1, form, 5_000)["order"]
    lines = new_lines(rows(0, form, 1_000), orders)
    assert lines.is_unique
    pairs = zip(lines, orders, strict=True)
    assert all(line.startswith(order) for line, order in pairs)
    ends = pd.Series([line[len(order) :] for line, order in zip(lines, orders, strict=True)])
    assert ends.str.fullmatch(end).mean() > 0.95
    if "{1" in form:
        assert lines.tolist() == rows(1, form, 5_000)["line"].tolist()


def test_lines_that_begin_otherwise_or_have_no_room_stay_as_they_are() -> None:
    orders = rows(1, "{0}/{1}", 5_000)["order"]
    for real in (
        rows(0, "L{2}-{0}", 1_000),
        rows(0, "{0}/{1}", 5_000).assign(line=lambda one: "A" + one["line"]),
    ):
        assert new_lines(real, orders).str.startswith("X").all()
    one_letter = rows(0, "{0}k", 1_000).drop_duplicates("order")
    assert new_lines(one_letter, orders).str.startswith("X").all()


def test_no_real_key_comes_back() -> None:
    real = rows(0, "{0}/{1}", 1_000)
    assert new_lines(real, real["order"]).str.startswith("X").all()
