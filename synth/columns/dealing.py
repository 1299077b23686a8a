"""Owners of rows that repeat a composite key, so that fewer do: exchanged, moved or dealt out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]
    Rng = np.random.Generator

ROUNDS = 20  # attempts to part those that repeat


def shuffle(owners: Codes, groups: Codes, rng: Rng) -> Codes:
    """Return where pairs are few among those possible, some random exchanges part those that are equal."""
    owners = owners.copy()
    for _ in range(ROUNDS):
        repeats = np.flatnonzero(pd.DataFrame({"owner": owners, "group": groups}).duplicated())
        if not len(repeats):
            break
        others = rng.choice(len(owners), len(repeats), replace=False)
        places = np.unique(np.concatenate([repeats, others]))
        owners[places] = owners[rng.permutation(places)]
    return owners


def move(owners: Codes, groups: Codes, rng: Rng) -> Codes:
    """Return where rows of an owner stay together: those that are equal go to the owners of random rows."""
    owners, is_new = owners.copy(), np.zeros(len(owners), bool)
    for _ in range(ROUNDS):
        order = np.argsort(is_new, kind="stable")  # who came makes way, not who was there
        repeats = order[pd.DataFrame({0: owners[order], 1: groups[order]}).duplicated()]
        owners[repeats], is_new[repeats] = owners[rng.choice(len(owners), len(repeats))], True
    return owners


def deal(owners: Codes, groups: Codes, rng: Rng) -> Codes:
    """Return where most possible pairs are needed, as of months and users: the largest group first.

    Each of its rows goes to another of the owners who want most rows still, which finds the pairs if there
    are any (Gale 1957, Ryser 1957). Rows that nobody wants go to whoever has none of the group.
    """
    demand = np.bincount(owners).astype(float)
    assignment = owners.copy()
    sizes = np.bincount(groups)
    rows = np.split(np.argsort(groups, kind="stable"), np.cumsum(sizes)[:-1])
    for group in np.argsort(-sizes, kind="stable"):
        mine = rng.permutation(rows[group])[: len(demand)]
        picks = np.argsort(-(demand + rng.random(len(demand))), kind="stable")[: len(mine)]
        assignment[mine] = picks
        demand[picks] -= 1
    return assignment
