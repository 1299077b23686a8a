"""What fitting leaves before anything is modelled: the prepared columns, and how they belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synth.engine import ticks
from synth.engine.labels import LabelColumn
from synth.engine.numbers import NumberColumn

if TYPE_CHECKING:
    import pandas as pd

    from synth.engine.columns import ColumnCodes
    from synth.engine.crowd import Crowd
    from synth.engine.formulas import Identity


@dataclass(frozen=True, slots=True)
class TrainingTable:
    """The columns of a training frame, ready to be modelled.

    Attributes:
        empty: the frame without its rows.
        rows: how many it had, learned or not.
        columns: one a column of the frame.
        first: places of the columns that may be given, in the order in which they are drawn.
        identities: arithmetic between columns that every row keeps.
    """

    empty: pd.DataFrame
    rows: int
    columns: tuple[ColumnCodes, ...]
    first: tuple[int, ...]
    identities: tuple[Identity, ...] = ()


def open_column(
    series: pd.Series[Any], crowd: Crowd, beside: pd.Series[Any] | None = None, *, label: bool
) -> ColumnCodes:
    """Return the column behind `series`: labels if it says so or if its dtype has no order, else numbers.

    The rows `beside` it are not learned: their entities count in the `crowd`.
    """
    if label or not ticks.is_measured(series.dtype):
        return LabelColumn(series, crowd, beside)
    return NumberColumn(series, crowd, beside)
