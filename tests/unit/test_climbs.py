"""Numbers that never fall from row to row of an owner do not fall in the twin."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.sampling.climbs import Climb, climbs_of, with_climbs

FIRST = pd.Timestamp("2025-01-06")


def readings(owners: int = 30, rows: int = 6, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Meters read every week, in no order: what they show, what is left, a version, and a temperature."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(owners), rows)
    week = np.tile(np.arange(rows), owners)
    shown = np.concatenate(
        [np.cumsum(rng.integers(0, 9, rows)) + rng.integers(0, 500) for _ in range(owners)]
    )
    version = np.concatenate([np.cumsum(rng.integers(1, 3, rows)) for _ in range(owners)])
    frame = pd.DataFrame(
        {
            "read_at": FIRST + pd.to_timedelta(week * 7, unit="D"),
            "shown": shown,
            "left": 1000.5 - shown,
            "version": version,
            "degrees": rng.integers(-5, 30, owners * rows),
            "room": np.repeat(rng.integers(0, 9, owners), rows),
        }
    )
    order = rng.permutation(len(frame))
    return frame.iloc[order].reset_index(drop=True), owner[order]


def drops(rows: pd.DataFrame, owner: np.ndarray, column: str) -> int:
    in_order = rows.assign(owner=owner).sort_values(["owner", "read_at"], kind="stable")
    return int((in_order.groupby("owner")[column].diff() < 0).sum())


def test_what_climbs_or_sinks_with_every_owner_is_seen() -> None:
    rows, owner = readings()
    climbs = climbs_of(rows, owner, "read_at")
    assert climbs == (Climb("left", sinks=True, is_strict=False), *climbs[1:])
    assert [(one.column, one.sinks, one.is_strict) for one in climbs[1:]] == [
        ("shown", False, False),
        ("version", False, True),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_what_is_dealt_out_by_chance_never_climbs(seed: int) -> None:
    rows, owner = readings(owners=12, rows=2, seed=seed)
    labels = np.random.default_rng(seed).integers(0, 2, len(rows))
    assert not {"degrees", "few"} & {
        one.column for one in climbs_of(rows.assign(few=labels), owner, "read_at")
    }


def test_one_fall_one_missing_value_no_time_or_few_owners_are_no_rule() -> None:
    rows, owner = readings()
    last = rows["read_at"].idxmax()
    one_fall = rows.assign(shown=rows["shown"].where(rows.index != last, -1))
    assert "shown" not in {one.column for one in climbs_of(one_fall, owner, "read_at")}
    gaps = rows.assign(shown=rows["shown"].astype("Int64").where(rows.index != last))
    assert "shown" not in {one.column for one in climbs_of(gaps, owner, "read_at")}
    assert climbs_of(rows, owner, None) == ()
    assert climbs_of(*readings(owners=9, rows=20), "read_at") == ()


def test_numbers_of_an_owner_are_put_into_order_and_stay_its_own() -> None:
    rows, owner = readings()
    climbs = climbs_of(rows, owner, "read_at")
    before = rows.copy()
    rng = np.random.default_rng(3)
    for name in ("shown", "left", "version"):
        before[name] = rng.permutation(before[name].to_numpy())
    assert drops(before, owner, "shown") > 30
    twin = with_climbs(before, owner, "read_at", climbs)
    assert drops(twin, owner, "shown") == drops(twin, owner, "version") == 0
    assert drops(twin.assign(left=-twin["left"]), owner, "left") == 0
    for name in ("shown", "left"):
        pairs = [sorted(zip(owner, frame[name], strict=True)) for frame in (before, twin)]
        assert pairs[0] == pairs[1]
    in_order = twin.assign(owner=owner).sort_values(["owner", "read_at"])
    steps = in_order.groupby("owner")["version"].diff().dropna()
    assert (steps == 0).mean() < 0.1  # only where the largest number of all leaves no room
    assert twin["version"].max() == before["version"].max()
    assert twin.dtypes.equals(before.dtypes)
    assert twin["degrees"].equals(before["degrees"])
