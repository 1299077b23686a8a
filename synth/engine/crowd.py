"""Who counts where it is asked how many hold a value: entities of learned rows, and of rows beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synth.engine.columns import Ints, Mask
    from synth.engine.ticks import Native


SEVERAL = 2.0  # rows an entity on average


@dataclass(frozen=True, slots=True)
class Beside:
    """Rows of the same table that are not learned, whose entities count where a value must be shared.

    Attributes:
        rows: with the columns and dtypes of those that are learned.
        entities: whom each is about; None where each row is one.
    """

    rows: pd.DataFrame
    entities: NDArray[Any] | None = None


@dataclass(frozen=True, slots=True)
class Crowd:
    """The entities of the rows that are learned, which come first, and of the rows beside them.

    Attributes:
        rare: how many of them must hold a value for it to be common.
        learned_rows: how many rows are learned.
        entities: the code of each row's entity; None where each row is one.
    """

    rare: int
    learned_rows: int
    entities: Ints | None = None

    @classmethod
    def of(cls, rare: int, rows: int, entities: NDArray[Any] | None, beside: Beside | None = None) -> Crowd:
        """Return the crowd of so many rows about these entities, and of the rows beside them."""
        more = None if beside is None else beside.entities
        if entities is None and more is None:
            return cls(rare, rows)
        own = np.arange(rows) if entities is None else pd.factorize(entities)[0]
        count = 0 if beside is None else len(beside.rows)
        others = np.arange(count) if more is None else pd.factorize(more)[0]
        return cls(rare, rows, np.concatenate([own, others + own.max(initial=-1) + 1]).astype(np.int64))

    @property
    def alone(self) -> Crowd:
        """Those of the learned rows."""
        return replace(self, entities=self.of_learned)

    @property
    def each(self) -> float:
        """How many of the learned rows an entity has on average."""
        entities = self.of_learned
        return 1.0 if entities is None or not len(entities) else len(entities) / len(np.unique(entities))

    @property
    def has_several(self) -> bool:
        """Whether the entities of the learned rows have several each, on average."""
        return self.each >= SEVERAL

    @property
    def of_learned(self) -> Ints | None:
        """The codes of the entities of the learned rows; None where each row is one."""
        return None if self.entities is None else self.entities[: self.learned_rows]

    def holders(self, codes: Ints, size: int) -> Ints:
        """Return how many entities hold each code from 0 to `size` - 1; `codes` are of all rows, in order."""
        some = np.flatnonzero((codes >= 0) & (codes < size))
        if self.entities is None:
            return np.bincount(codes[some], minlength=size)
        width = int(self.entities.max(initial=0)) + 1
        pairs = np.unique(codes[some] * width + self.entities[some])
        return np.bincount(pairs // width, minlength=size)

    def size(self, which: Mask) -> int:
        """Return how many entities have one of these rows."""
        return int(which.sum() if self.entities is None else len(np.unique(self.entities[which])))

    def least(self, codes: Ints, which: Mask) -> Ints:
        """Return the smallest code of each entity that has one of these rows."""
        if self.entities is None:
            return codes[which]
        order = np.lexsort((codes[which], self.entities[which]))
        first = np.unique(self.entities[which][order], return_index=True)[1]
        smallest: Ints = codes[which][order][first]
        return smallest

    def common_side(self, null: Mask) -> Mask:
        """Return the rows to learn from, by NULL-ness alone: where few hold NULL, or few a value, the others.

        Args:
            null: of all rows, where they are NULL.
        """
        own = null[: self.learned_rows]
        if null.any() and self.size(~null) < self.rare:
            return own.copy()
        return ~own if self.size(null) < self.rare else np.ones(len(own), dtype=bool)


@dataclass(frozen=True, slots=True)
class Ranks:
    """Where values of all rows, learned and beside, stand among the different ones of the learned rows.

    Attributes:
        exact: the place of the same value; -1 where there is none, or NULL.
        low: the place of the smallest value that is no smaller; as many as there are where none is.
        high: the place of the largest value that is no larger; -1 where none is.
        null: where they are NULL.
        learned_rows: how many rows are learned.
    """

    exact: Ints
    low: Ints
    high: Ints
    null: Mask
    learned_rows: int

    @classmethod
    def of(cls, values: Native, own: tuple[Native, Mask], others: tuple[Native, Mask]) -> Ranks:
        """Find all rows among the `values` of the learned ones; each is values, and where these are NULL."""
        native = np.concatenate([own[0], others[0].astype(own[0].dtype)])
        null = np.concatenate([own[1], others[1]])
        low, high = np.searchsorted(values, native, "left"), np.searchsorted(values, native, "right")
        exact = np.where(~null & (high > low), low, -1)
        return cls(exact, low, high - 1, null, len(own[0]))

    def bounds(self, crowd: Crowd) -> tuple[int, int]:
        """Return the places of the `rare`-th smallest and largest entity's value.

        Where these cross, both are that of the median.
        """
        own = self.exact[: self.learned_rows]
        own = own[own >= 0]
        if len(own) == 0:
            return 0, 0
        least, most = crowd.least(self.low, ~self.null), -crowd.least(-self.high, ~self.null)
        if len(least) >= 2 * crowd.rare:
            low = int(np.partition(least, crowd.rare - 1)[crowd.rare - 1])
            high = int(np.partition(most, len(most) - crowd.rare)[len(most) - crowd.rare])
            if low <= high:
                return low, high
        middle = int(np.sort(own)[(len(own) - 1) // 2])
        return middle, middle
