"""Which columns of histories hold the value of the row before more often than chance has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pandas as pd

from synth.engine.ticks import same

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    Mask: TypeAlias = NDArray[np.bool_]

REPEAT_SHARE = 0.05  # of rows hold the previous value beyond chance, where that is a choice of its own
STEADY_SHARE = 0.9  # of rows that hold the label of the row before, from which that is what is drawn of them


def habits(
    rows: pd.DataFrame, names: Sequence[str], categories: Collection[str], later: Mask
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Return the `repeat_columns` and the `steady_columns` of a schema.

    Args:
        rows: those of one history together and in order.
        names: of the columns.
        categories: those of them that are labels.
        later: which of the rows are not the first of a history.
    """
    repeat_columns = tuple(name for name in names if _repeats(rows[name], later))
    steady_columns = [
        name
        for name in repeat_columns
        if name in categories
        and pd.api.types.is_string_dtype(rows[name])
        and same(rows[name], rows[name].shift())[later].mean() >= STEADY_SHARE
    ]
    return repeat_columns, {
        name: tuple(other for other in steady_columns if other != name and _decides(rows, other, name))
        for name in steady_columns
    }


def _decides(rows: pd.DataFrame, one: str, other: str) -> bool:
    """Return whether rows with the same label in `one` have the same in `other`."""
    return len(rows[[one, other]].drop_duplicates()) == len(rows[[one]].drop_duplicates())


def _repeats(values: pd.Series[Any], later: Mask) -> bool:
    """Return whether rows hold the value of the row before them more often than chance has it."""
    if not later.any():
        return False
    shares = values.value_counts(normalize=True, dropna=False).to_numpy()
    return bool(same(values, values.shift())[later].mean() > (shares**2).sum() + REPEAT_SHARE)
