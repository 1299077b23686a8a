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
    changed = before.copy()
    place = np.arange(ROWS)
    changed["card"] = changed["card"].where(place > 9, changed["card"] + 1.25)
    changed["at"] = changed["at"].where(place < 390, changed["at"] + pd.Timedelta(days=3))
    changed["total"] = changed["total"].where(place != 20, 9999.0)
    restored = Arithmetic.of(before).restore(changed, before)
    assert (restored["total"] == restored["card"] + restored["coupon"]).all()
    assert (restored["day"] == restored["at"].dt.normalize()).all()
    assert restored[["card", "coupon", "at", "state"]].equals(changed[["card", "coupon", "at", "state"]])
    assert restored.dtypes.equals(before.dtypes)


def test_what_is_not_so_in_every_row_is_left_alone() -> None:
    before = bills()
    before["total"] = before["total"].where(np.arange(ROWS) != 3, 0.5)
    changed = before.assign(card=before["card"] + 1)
    assert Arithmetic.of(before).restore(changed, before)["total"].equals(before["total"])
    assert Arithmetic.of(before.iloc[:0]).restore(changed, before).equals(changed)
