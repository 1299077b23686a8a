"""Labels of histories that never follow one another, or never go together, do not in those drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from synth.histories import Histories
from synth.histories.pasts import Schema
from synth.histories.sequels import never_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = np.array(["B1", "B2", "B3", "M1", "M2"])
MOST = 0.03  # of the rows drawn may break what no real one does: not every try has to succeed


def enrolments(seed: int, owners: int = 300) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Levels that never fall, beside a programme that mostly stays, and the cycle that both are of."""
    chance = np.random.default_rng(seed)
    owner = np.repeat(np.arange(owners), 4)
    up = np.where(np.arange(len(owner)) % 4 == 0, 0, chance.random(len(owner)) < 0.35)
    first = chance.choice(5, owners, p=[0.6, 0.1, 0.1, 0.15, 0.05])
    level = np.minimum(up.reshape(-1, 4).cumsum(1) + first[:, None], 4).ravel()
    cycle = np.where(level < 3, "Bachelor", "Master")
    subject = chance.choice(["law", "art", "bio", "eco"], owners)[owner]
    days = owner % 50 + np.arange(len(owner)) % 4 * 90
    texts = {
        "level": LEVELS[level],
        "cycle": cycle,
        "programme": [f"{one} of {other}" for one, other in zip(cycle, subject, strict=True)],
        "mode": chance.choice(["day", "evening"], len(owner)),
    }
    rows = pd.DataFrame({"day": pd.Timestamp("2024-01-01") + pd.to_timedelta(days, "D"), **texts})
    return rows.astype(dict.fromkeys(texts, "string")), owner


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_labels_follow_one_another_as_real_ones_do(seed: int) -> None:
    rows, owner = enrolments(seed)
    owners = pd.DataFrame({"age": np.arange(300) % 40})
    histories = Histories(seed=seed, time="day", categories=["level", "cycle", "programme", "mode"])
    sample, whose = histories.fit(owners, rows, owner).sample(owners)
    again = whose[1:] == whose[:-1]
    level = sample["level"].to_numpy(object)
    assert (level[1:] < level[:-1])[again].mean() < MOST
    assert (sample["level"].str[0] != sample["cycle"].str[0]).mean() < MOST
    rises = [
        (one[1:] > one[:-1])[same].mean()
        for one, same in ((level, again), (rows["level"].to_numpy(object), owner[1:] == owner[:-1]))
    ]
    assert abs(rises[0] - rises[1]) < 0.1


def claims(seed: int, owners: int = 300) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """What is booked of claims: they are opened once, paid in parts, and most are closed."""
    chance = np.random.default_rng(seed)
    parts = chance.integers(0, 4, owners)
    kinds = [["opened", *["paid"] * n, *["closed"] * (chance.random() < 0.9)] for n in parts]
    owner = np.repeat(np.arange(owners), [len(one) for one in kinds])
    days = owner % 50 + np.concatenate([np.cumsum(chance.integers(1, 40, len(one))) for one in kinds])
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(days, "D")
    return pd.DataFrame({"day": day, "kind": pd.Series(np.concatenate(kinds), dtype="string")}), owner


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_begins_a_history_begins_each_and_comes_no_more(seed: int) -> None:
    rows, owner = claims(seed)
    owners = pd.DataFrame({"age": np.arange(300) % 40})
    histories = Histories(seed=seed, time="day", categories=["kind"])
    sample, whose = histories.fit(owners, rows, owner).sample(owners)
    is_first = np.append(True, whose[1:] != whose[:-1])
    assert ((sample["kind"] == "opened").to_numpy(bool) == is_first).mean() > 0.99
    assert (sample["kind"].to_numpy(object)[:-1][~is_first[1:]] != "closed").mean() > 0.99


def test_a_label_of_first_rows_alone_follows_none_and_others_are_never_first() -> None:
    rows, owner = claims(0)
    later = np.append(False, owner[1:] == owner[:-1])
    (pair,) = never_pairs(rows, later, owner, Schema("day", ("kind",), (), ()), ("kind",))
    ends = pd.DataFrame({"day": rows["day"].iloc[:3], "kind": ["opened", "paid", "closed"]})
    assert pair.are_odd(ends, None).tolist() == [False, True, True]
    assert pair.are_odd(ends, ends.assign(kind="paid")).tolist() == [True, False, False]
    second = np.flatnonzero(later & np.append(~later[1:], True))[:2]
    rows.loc[second, "kind"] = "opened"  # two of 300, whose times were moved
    (again,) = never_pairs(rows, later, owner, Schema("day", ("kind",), (), ()), ("kind",))
    assert again.are_odd(ends, ends.assign(kind="paid")).tolist() == [True, False, False]


def test_what_chance_explains_is_no_rule() -> None:
    rows, owner = enrolments(0, owners=12)
    later = np.append(False, owner[1:] == owner[:-1])
    names = ("level", "cycle", "programme", "mode")
    assert not never_pairs(rows, later, owner, Schema("day", names, (), ()), names)
    rows, owner = enrolments(0)
    later = np.append(False, owner[1:] == owner[:-1])
    pairs = never_pairs(rows, later, owner, Schema("day", names, (), ()), names)
    assert {one.now for one in pairs} == {
        "level",
        "cycle",
        "programme",
    }  # and no rule about days and evenings
