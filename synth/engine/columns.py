"""One column of the training frame as integer codes that a tree can learn, and codes back as values.

A code is an index into the column's values; -1 is NULL. `learnable` marks the rows whose own value may be
learned: what fewer than `rare` entities hold is not, and such rows get a learned value later. Those of them
that are `rare_rows` get one that is not NULL, because their own is not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from synth.engine.numbers import NumberColumn
    from synth.engine.ticks import Native

    Ints: TypeAlias = NDArray[np.int64]
    Mask: TypeAlias = NDArray[np.bool_]

NO_CODE = -2  # the code of a given value that was not learned


class ColumnCodes(Protocol):
    """What the model needs to know of a column, whatever its dtype."""

    codes: Ints  # one a training row, -1 for NULL
    learnable: Mask  # one a training row
    rare_rows: Mask  # one a training row: it holds a value, though none that may be learned
    size: int  # codes run from 0 to size - 1
    is_ordered: bool
    plain: Mask  # one a code: whether all its rows have one value, which is emitted as it is
    exact: bool  # whether what is emitted is always a code's value

    def restore(self, codes: Ints, rng: np.random.Generator) -> pd.Series[Any]:
        """Return values for codes, in the dtype of the training column."""

    def encode(self, series: pd.Series[Any]) -> Ints:
        """Return codes for values from outside; NO_CODE where none is near enough.

        Raises:
            ValueError: values of that dtype cannot be compared with those that were learned.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedColumn(ABC):
    """A column in whose place other columns are drawn, or none.

    Attributes:
        numbers: the indices of what is drawn, behind those of the frame's columns.
        columns: what is drawn.
        needs: the indices of the columns that must be drawn before.
        redundant: the indices of what says nothing that the column itself does not.
    """

    numbers: tuple[int, ...] = ()
    columns: tuple[NumberColumn, ...] = ()
    needs: tuple[int, ...] = ()
    redundant: tuple[int, ...] = ()

    @abstractmethod
    def code(self, codes: Mapping[int, Ints]) -> Ints:
        """Return the column's codes, given those of what is drawn."""

    @abstractmethod
    def value(self, values: Mapping[int, Native], codes: Mapping[int, Ints]) -> Native | None:
        """Return the column's values, given those of what is drawn; None if its own codes say them."""
