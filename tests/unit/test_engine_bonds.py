"""Histories end in the state that their owner is in, and begin when the owner did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from synth.histories import Histories
from synth.histories.bonds import Bond, Bonds
from synth.histories.panels import Panel

if TYPE_CHECKING:
    from numpy.typing import NDArray

STATES = np.array(["active", "resting", "gone"])
LABELS = ["state", "owner state", "group", "owner group"]


def members(seed: int, number: int = 400) -> tuple[pd.DataFrame, pd.DataFrame, NDArray[np.int64]]:
    """Members whose state is that of their last row, and who left when that began, if they are gone."""
    chance = np.random.default_rng(seed)
    counts = chance.integers(1, 5, number)
    owner = np.repeat(np.arange(number), counts)
    last = np.r_[owner[1:] != owner[:-1], True]
    first = np.r_[True, last[:-1]]
    state = np.where(chance.random(len(owner)) < 0.5, 0, 1)
    state[last & (chance.random(len(owner)) < 0.5)] = 2
    begins = pd.Timestamp("2015-01-01") + pd.to_timedelta(chance.integers(0, 2_000, number), "D")
    gaps = np.where(first, 0, chance.integers(30, 600, len(owner)))
    days = pd.Series(gaps).groupby(owner).cumsum().to_numpy()
    rows = pd.DataFrame({"since": begins[owner] + pd.to_timedelta(days, "D"), "state": STATES[state]})
    groups = chance.choice(["a", "b"], number)
    owners = pd.DataFrame({"begin": begins, "state": STATES[state[last]], "group": groups})
    owners["left"] = rows["since"][last].where(state[last] == 2).to_numpy()
    return owners, rows.assign(group=chance.choice(["a", "b"], len(rows))), owner


@pytest.mark.parametrize("seed", [0, 1])
def test_the_last_row_has_the_state_of_the_owner_and_the_first_its_beginning(seed: int) -> None:
    owners, rows, owner = members(seed)
    histories = Histories(seed=seed, time="since", categories=["state", "group"]).fit(owners, rows, owner)
    others = members(seed + 10)[0]
    sample, whose = histories.sample(others)
    last, first = sample.groupby(whose).last(), sample.groupby(whose).first()
    there = others.loc[last.index]
    assert (last["state"] == there["state"]).mean() > 0.95
    assert (first["since"] == there["begin"]).mean() > 0.98
    gone = there["left"].notna()
    assert (last["since"] == there["left"])[gone].mean() > 0.45


def test_bonds_hold_in_all_histories_and_chance_explains_none() -> None:
    owners, rows, owner = members(3)
    panel = Panel(owners.add_prefix("owner "), rows, owner)
    bonds = Bonds.of(panel, "since", LABELS, 10)
    assert bonds.labels == (Bond("owner state", "state", "last"),)
    ends = {bond.owners: bond.end for bond in bonds.times}
    assert ends == {"owner begin": "first", "owner left": "last"}
    odd = panel.rows.assign(state=panel.rows["state"].where(owner > 3, "resting"))
    assert Bonds.of(Panel(panel.owners, odd, owner), "since", LABELS, 10).labels == bonds.labels  # few differ
    odd = panel.rows.assign(state=panel.rows["state"].where(owner > 100, "resting"))
    assert Bonds.of(Panel(panel.owners, odd, owner), "since", LABELS, 10).labels == ()
    few = owner < 8
    assert Bonds.of(Panel(panel.owners[:8], rows[few], owner[few]), "since", LABELS, 10) == Bonds()


def test_times_are_set_where_rows_stay_in_order() -> None:
    owners = pd.DataFrame({"left": pd.to_datetime(["2024-05-01", "2024-01-01", "NaT"])})
    days = ["2024-02-01", "2024-04-01", "2024-03-01", "2024-03-02", "2024-03-03"]
    rows, owner = pd.DataFrame({"day": pd.to_datetime(days)}), np.array([0, 0, 1, 1, 2])
    bonds = Bonds(times=(Bond("left", "day", "last"),))
    result = bonds.with_times(owners, rows, owner)
    assert bonds.breaks(owners, rows, owner).tolist() == [0, 1, 0]
    assert result["day"].dt.strftime("%m-%d").tolist() == ["02-01", "05-01", "03-01", "03-02", "03-03"]
