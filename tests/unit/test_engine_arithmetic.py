"""What is computed in every row is computed anew in rows whose values were changed one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from synth.engine import Arithmetic

ROWS = 400


def bills() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    card = np.where(rng.random(ROWS) < 0.6, rng.integers(10, 900, ROWS), 0) / 4
    coupon = np.where(rng.random(ROWS) < 0.3, rng.choice([5.0, 10.0], ROWS), 0.0)
    at = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9_000, ROWS), "h"))
    frame = pd.DataFrame({"card": card, "coupon": coupon, "total": card + coupon, "at": at})
    return frame.assign(day=at.dt.normalize(), state=rng.choice(["paid", "open"], ROWS))


def test_sums_and_days_follow_what_they_are_computed_from() -> None:
    before = bills()
    new_rows = before.copy()
    place = np.arange(ROWS)
    new_rows["card"] = new_rows["card"].where(place > 9, new_rows["card"] + 1.25)
    new_rows["at"] = new_rows["at"].where(place < 390, new_rows["at"] + pd.Timedelta(days=3))
    new_rows["total"] = new_rows["total"].where(place != 20, 9999.0)
    result = Arithmetic.of(before).restore(new_rows, before)
    assert (result["total"] == result["card"] + result["coupon"]).all()
    assert (result["day"] == result["at"].dt.normalize()).all()
    assert result[["card", "coupon", "at", "state"]].equals(new_rows[["card", "coupon", "at", "state"]])
    assert result.dtypes.equals(before.dtypes)


def test_what_is_not_so_in_every_row_is_left_alone() -> None:
    before = bills()
    before["total"] = before["total"].where(np.arange(ROWS) != 3, 0.5)
    new_rows = before.assign(card=before["card"] + 1)
    assert Arithmetic.of(before).restore(new_rows, before)["total"].equals(before["total"])
    assert Arithmetic.of(before.iloc[:0]).restore(new_rows, before).equals(new_rows)
