"""Which signs of a number go with which labels: refunds are below zero, and only deliveries have a tip.

Where a column is drawn from rows of several labels, a number may come out with a sign that no training row of
its label has. Such rows are drawn anew.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from synth.engine.evidence import LEVEL
from synth.engine.numbers import NumberColumn
from synth.engine.rules import TINY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.engine.columns import ColumnCodes, Ints, Mask
    from synth.engine.ticks import Native

SIGNS = 3  # below zero, zero, above
NONE = SIGNS  # instead of a sign, of what is NULL


@dataclass(frozen=True, slots=True)
class Sign:
    """The signs that a number never has beside a label.

    Attributes:
        label: index of the column of labels.
        number: index of the column of numbers.
        never: for each code of the label, NULL last, and each sign whether the two do not go together.
    """

    label: int
    number: int
    never: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Signs:
    """All that labels say about the signs of numbers."""

    every: tuple[Sign, ...]

    @classmethod
    def of(
        cls, columns: Sequence[ColumnCodes], context: Collection[int], entities: Ints | None = None
    ) -> Signs:
        """Return what all training rows keep, and would hardly keep by chance.

        If a label meant nothing, none of the entities that have it would have a sign less often than LEVEL,
        all labels and signs counted in.

        Args:
            columns: the frame's.
            context: indices of those that nobody draws; what they say of each other is left out.
            entities: whom each training row is about; None where each is one.
        """
        numbers = {i: _training_signs(c) for i, c in enumerate(columns) if isinstance(c, NumberColumn)}
        signs = {i: own for i, own in numbers.items() if own is not None}
        labels = {i: c for i, c in enumerate(columns) if not isinstance(c, NumberColumn) and c.exact}
        tries = SIGNS * len(signs) * sum(column.size + 1 for column in labels.values())
        level = math.log(LEVEL) - math.log(max(tries, 1))
        every = (
            Sign(i, j, never)
            for i, column in labels.items()
            for holders in [_holders(column, entities)]
            for j, own in signs.items()
            if not (i in context and j in context)
            and (never := _never(column, holders, columns[j], own, level)).any()
        )
        return cls(tuple(every))

    def broken(
        self, values: Mapping[int, Native], nulls: Mapping[int, Mask], codes: Mapping[int, Ints]
    ) -> Mask:
        """Return the drawn rows in which a number has a sign that its label never has."""
        wrong = np.zeros(len(next(iter(values.values()), ())), dtype=bool)
        for one in self.every:
            sign = np.where(nulls[one.number], 0, _signs(values[one.number]))
            wrong |= ~nulls[one.number] & one.never[codes[one.label], sign]
        return wrong


def _signs(values: Native) -> Ints:
    return np.where(np.isnan(values), NONE, np.sign(values) + 1).astype(np.int64)


def _training_signs(column: NumberColumn) -> Ints | None:
    """Return the sign of each training row, NONE of NULL; None if the column has no numbers, or one sign."""
    if column.raw.dtype.kind not in "iuf":
        return None
    signs = np.where(column.codes < 0, NONE, _signs(column.raw))
    return signs if len(np.unique(signs[signs < NONE])) > 1 else None


def _holders(label: ColumnCodes, entities: Ints | None) -> Ints:
    """Return how many entities have each code of a label, NULL last."""
    rows = np.flatnonzero(label.learnable)
    codes = label.codes[rows] % (label.size + 1)
    if entities is None:
        return np.bincount(codes, minlength=label.size + 1)
    width = int(entities.max(initial=0)) + 1
    return np.bincount(np.unique(codes * width + entities[rows]) // width, minlength=label.size + 1)


def _never(
    label: ColumnCodes, holders: Ints, number: ColumnCodes, signs: Ints, level: float
) -> NDArray[np.bool_]:
    """Return for each code of a label, NULL last, which signs surely do not go with it."""
    rows = np.flatnonzero(label.learnable & number.learnable)
    codes = label.codes[rows] % (label.size + 1)  # that of NULL is the last
    both = np.bincount(codes * (SIGNS + 1) + signs[rows], minlength=(label.size + 1) * (SIGNS + 1))
    both = both.reshape(label.size + 1, SIGNS + 1)[:, :SIGNS]
    shares = both.sum(axis=0) / max(len(rows), 1)
    chance = holders[:, None] * np.log(np.maximum(1 - shares, TINY))[None, :]
    never: NDArray[np.bool_] = (both == 0) & (shares > 0) & (chance <= level)
    return never
