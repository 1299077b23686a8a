"""Rows are 0 in the columns in which real rows are 0 together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from synth.sampling.zeros import unlike_any

WAYS = ["card", "voucher", "transfer"]


def orders(rows: int = 600) -> pd.DataFrame:
    """Orders that are paid in one way, or in two of which one is a voucher."""
    way = np.arange(rows) % 5
    payments = {
        "card": np.isin(way, [0, 3]),
        "voucher": np.isin(way, [1, 3, 4]),
        "transfer": np.isin(way, [2, 4]),
    }
    frame = pd.DataFrame(
        {name: np.where(mask, 5.0 + np.arange(rows) % 7, 0.0) for name, mask in payments.items()}
    )
    return frame.assign(age=20 + np.arange(rows) % 40, place="x")


def units(real: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.arange(len(real), dtype=np.uint64)


def test_a_row_that_is_paid_in_more_ways_than_any_real_one_is_like_none() -> None:
    real, rows = orders(), orders(40)
    rows.loc[7, WAYS] = 3.0
    rows.loc[8, WAYS] = 0.0
    rows.loc[9, ["card", "transfer"]] = [0.0, 4.0]
    assert np.flatnonzero(unlike_any(rows, real, units(real))).tolist() == [7, 8]


def test_what_one_person_has_alone_however_often_is_nobody_elses() -> None:
    real = orders(5_000)
    real.loc[100:119, WAYS] = 2.0
    rows = real.loc[100:104].reset_index(drop=True)
    assert not unlike_any(rows, real, units(real)).any()
    whose = units(real)
    whose[100:120] = 100
    assert unlike_any(rows, real, whose).all()


def test_nothing_follows_from_rows_of_very_many_kinds_or_few_columns() -> None:
    rng = np.random.default_rng(0)
    many = pd.DataFrame({f"n{place}": rng.integers(0, 2, 600) for place in range(9)})
    assert not unlike_any(1 - many, many, units(many)).any()
    real = orders()
    rows = real.assign(card=1.0, transfer=1.0)
    assert not unlike_any(rows[["card", "transfer"]], real, units(real)).any()


def test_null_is_told_from_nothing() -> None:
    real = orders()
    real.loc[real["card"] == 0, "voucher"] = None
    rows = real.iloc[:20].assign(voucher=lambda frame: frame["voucher"].fillna(0.0))
    unlike = unlike_any(rows, real, units(real))
    assert unlike.tolist() == (rows["card"] == 0).tolist()


def test_columns_of_any_dtype_are_looked_at() -> None:
    real = orders().astype({"card": "Float64", "voucher": "Int64"})
    real = real.assign(nothing=pd.Series([None] * len(real), dtype="Float64"), flag=True)
    rows = real.iloc[:10].copy()
    assert not unlike_any(rows, real, units(real)).any()
    rows.loc[3, WAYS] = 1
    assert np.flatnonzero(unlike_any(rows, real, units(real))).tolist() == [3]
    assert unlike_any(rows.assign(card=rows["card"].astype(object)), real, units(real)).tolist()[3]
