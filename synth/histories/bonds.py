"""What the first or last row of an owner has in common with the owner: the state that an account is in now.

Trees see that a row is the last one, and what the owner has, but seldom both at once. Histories that end in
another state than their owner are drawn anew; a time that is the owner's is set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.engine.evidence import LEVEL
from synth.histories.spans import SURELY

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from synth.histories.panels import Panel
    from synth.histories.pasts import Ints

FIRST, LAST = "first", "last"


@dataclass(frozen=True, slots=True)
class Bond:
    """The row at one `end` of each history has in `column` what its owner has in `owners`, if it has any."""

    owners: str
    column: str
    end: str


@dataclass(frozen=True, slots=True)
class Bonds:
    """What rows have in common with their owners.

    Attributes:
        labels: that they share; `times`, of the column by which rows are ordered.
    """

    labels: tuple[Bond, ...] = ()
    times: tuple[Bond, ...] = ()

    @classmethod
    def of(cls, panel: Panel, time: str | None, labels: Collection[str], rare: int) -> Bonds:
        """Return what owners have in common with a row, where chance would not have it so.

        Args:
            panel: owners and their rows in order.
            time: the column by which rows are ordered, if one does.
            labels: the columns of labels, of owners and of rows.
            rare: how many entities must hold it.
        """
        names = [name for name in map(str, panel.rows) if name in labels]
        own = [name for name in map(str, panel.owners) if name in labels]
        pairs = [Bond(one, other, end) for one, other, end in product(own, names, (FIRST, LAST))]
        codes = [bond for bond in pairs if _holds(bond, panel, len(pairs), rare)]
        if time is None or not _is_moment(panel.rows[time]):
            return cls(tuple(codes))
        moments = [name for name in map(str, panel.owners) if _is_moment(panel.owners[name])]
        dates = [name for name in moments if _zone(panel.owners[name]) == _zone(panel.rows[time])]
        times = [Bond(name, time, end) for end in (FIRST, LAST) for name in dates]
        first = [bond for bond in times if _holds(bond, panel, len(times), rare)]
        return cls(tuple(codes), tuple({bond.end: bond for bond in reversed(first)}.values()))

    def breaks(self, owners: pd.DataFrame, rows: pd.DataFrame, owner: Ints) -> Ints:
        """Return for each owner how many labels at an end of its rows are not its own, or times cannot be."""
        result = np.zeros(len(owners), np.int64)
        for bond in self.times:
            where, times, fits = _times(bond, owners, rows, owner)
            result[owner[where]] += times.notna().to_numpy(bool) & ~fits
        for bond in self.labels:
            whose, where = _ends(owner, bond.end)
            theirs, ours = owners[bond.owners].iloc[whose], rows[bond.column].iloc[where]
            result[whose] += _differ(theirs, ours)
        return result

    def with_times(self, owners: pd.DataFrame, rows: pd.DataFrame, owner: Ints) -> pd.DataFrame:
        """Return the rows with times that are those of their owners, where the order of rows allows that."""
        for bond in self.times:
            where, times, fits = _times(bond, owners, rows, owner)
            values = rows[bond.column].copy()
            values.iloc[where[fits]] = times[fits].array
            rows = rows.assign(**{bond.column: values})
        return rows


def _times(
    bond: Bond, owners: pd.DataFrame, rows: pd.DataFrame, owner: Ints
) -> tuple[Ints, pd.Series[Any], NDArray[np.bool_]]:
    """Return the rows at one end, the times of their owners, and which rows stay in order with these."""
    where = _ends(owner, bond.end)[1]
    values = rows[bond.column]
    times = owners[bond.owners].iloc[owner[where]].astype(values.dtype).reset_index(drop=True)
    beside = np.clip(where + (1 if bond.end == FIRST else -1), 0, max(len(rows) - 1, 0))
    others = values.iloc[beside].reset_index(drop=True)
    in_order = (times < others if bond.end == FIRST else times > others).to_numpy(bool)
    is_alone = (owner[beside] != owner[where]) | (beside == where)
    return where, times, times.notna().to_numpy(bool) & (is_alone | in_order)


def _holds(bond: Bond, panel: Panel, tries: int, rare: int) -> bool:
    """Return whether owners have it in common with their row, where many would not by chance.

    What was drawn anew because it is rare may break it.
    """
    whose, where = _ends(panel.owner, bond.end)
    theirs, ours = panel.owners[bond.owners].iloc[whose], panel.rows[bond.column].iloc[where]
    there = theirs.notna().to_numpy(bool)
    whom = pd.unique(pd.Series(panel.whom[where[there]]))
    if len(whom) < rare or _differ(theirs, ours).sum() > (1 - SURELY) * there.sum():
        return False
    shares = theirs[there].astype(object).value_counts(normalize=True).to_numpy()
    chance = min(float((shares**2).sum()), 1.0)
    return bool(len(whom) * math.log(max(chance, 1e-9)) < math.log(LEVEL / max(tries, 1)))


def _ends(owner: Ints, end: str) -> tuple[Ints, Ints]:
    """Return the owners that have rows, and where the first or last row of each is."""
    whose, where, counts = np.unique(owner, return_index=True, return_counts=True)
    return whose, where if end == FIRST else where + counts - 1


def _differ(theirs: pd.Series[Any], ours: pd.Series[Any]) -> NDArray[np.bool_]:
    """Return where owners have something, and their row does not have it."""
    there = theirs.notna().to_numpy(bool)
    both = pd.concat([theirs, ours], ignore_index=True).astype(object)
    codes = pd.factorize(both)[0]
    differs: NDArray[np.bool_] = there & (codes[: len(theirs)] != codes[len(theirs) :])
    return differs


def _is_moment(values: pd.Series[Any]) -> bool:
    return pd.api.types.is_datetime64_any_dtype(values.dtype)


def _zone(values: pd.Series[Any]) -> str:
    return str(getattr(values.dtype, "tz", ""))
