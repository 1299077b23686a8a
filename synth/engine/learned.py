"""What fitting leaves before anything is modelled: the prepared columns, and how they belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from synth.engine.columns import Column


@dataclass(frozen=True, slots=True)
class Learned:
    """The columns of a training frame, ready to be modelled.

    Attributes:
        empty: the frame without its rows.
        rows: how many it had, learned or not.
        columns: one a column of the frame.
        first: places of the columns that may be given, in the order in which they are drawn.
    """

    empty: pd.DataFrame
    rows: int
    columns: tuple[Column, ...]
    first: tuple[int, ...]
