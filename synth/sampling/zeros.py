"""Which numbers of a row are 0 or NULL together: an order is paid in one way or two, and others are 0.

Engines learn which two columns go together so. Of three and more, rows come out that no real row is like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd

from synth.domain import RARE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]
    Mask: TypeAlias = NDArray[np.bool_]

FEWEST, MOST = 3, 12  # columns that are looked at together
SELDOM = 0.01  # share of the rows in which a column is 0, or is not, from which that tells something
SURELY = 0.995  # share of the rows that are like those of enough entities, from which all are to be
NOTHING, ZERO, NUMBER = range(3)  # what stands in a column


def unlike_any(rows: pd.DataFrame, real: pd.DataFrame, units: NDArray[np.uint64]) -> Mask:
    """Return which rows are 0 or NULL in other columns than those of `RARE` real entities together.

    None is where real rows are of too many kinds for that.

    Args:
        rows: that were drawn.
        real: the real ones.
        units: the entity that each of these is about.
    """
    columns = [name for name in real.columns if name in rows.columns and _tells(real[name])]
    if not FEWEST <= len(columns) <= MOST:
        return np.zeros(len(rows), bool)
    kinds = _kinds(real[columns])
    holders = pd.DataFrame({"kind": kinds, "unit": units}).drop_duplicates()["kind"].value_counts()
    common = holders.index[holders >= RARE].to_numpy(np.int64)
    if np.isin(kinds, common).mean() < SURELY:
        return np.zeros(len(rows), bool)
    unlike: Mask = ~np.isin(_kinds(rows[columns]), common)
    return unlike


def _tells(values: pd.Series[float]) -> bool:
    """Return whether a column of numbers is 0 in some rows and something else in others."""
    if not pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
        return False
    return bool(SELDOM <= _zeros(values).mean() <= 1 - SELDOM)


def _zeros(values: pd.Series[float]) -> Mask:
    """Return which values are 0; NULL is not, of whatever dtype."""
    zeros: Mask = (values == 0).to_numpy(bool, na_value=False)
    return zeros


def _kinds(rows: pd.DataFrame) -> Ints:
    """Return a number for each row that says what stands in its columns."""
    kinds = np.zeros(len(rows), np.int64)
    for name in rows.columns:
        state = np.where(rows[name].isna(), NOTHING, np.where(_zeros(rows[name]), ZERO, NUMBER))
        kinds = kinds * (NUMBER + 1) + state
    return kinds
