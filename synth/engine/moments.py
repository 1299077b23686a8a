"""Timestamps are learned as a day and a time of the day, so that nights stay quiet and mornings busy.

Smoothed as a whole, a timestamp would keep its week and lose its hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from synth.engine import ticks
from synth.engine.columns import DerivedColumn
from synth.engine.numbers import NumberColumn

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from synth.engine.columns import ColumnCodes, Ints
    from synth.engine.crowd import Crowd
    from synth.engine.ticks import Native

FEW_VALUES = 30  # different timestamps that need no taking apart
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment(DerivedColumn):
    """The column `own` is in every row the sum of the two that are drawn: a day, and a time of the day."""

    own: NumberColumn

    def code(self, codes: Mapping[int, Ints]) -> Ints:
        """Return the column's codes that go with those of its day and its time."""
        day, time = (codes[number] for number in self.numbers)
        plain = self.own.nearest_values(self.columns[0].native(day) + self.columns[1].native(time))
        return self.own.nearest_codes(plain, (day < 0) | (time < 0))

    def value(self, values: Mapping[int, Native], codes: Mapping[int, Ints]) -> Native:  # noqa: ARG002
        """Return the column's values that go with those of its day and its time."""
        day, time = (values[number] for number in self.numbers)
        return self.own.nearest_values(day + time)


def find_moments(
    columns: Sequence[ColumnCodes], *, number: int, crowd: Crowd, fixed_columns: Collection[int] = ()
) -> dict[int, Moment]:
    """Return every timestamp that is on more than one day and at more than one time of it.

    Args:
        columns: the frame's.
        number: the first index that is free for what is drawn in their place.
        crowd: as the columns were opened with.
        fixed_columns: indices of columns that stay whole.
    """
    result: dict[int, Moment] = {}
    for index, own in enumerate(columns):
        if index in fixed_columns or not isinstance(own, NumberColumn) or own.size <= FEW_VALUES:
            continue
        native, null = own.native(own.codes), own.codes < 0
        if native.dtype.kind != "M" or own.exact:
            continue
        others, others_null = own.beside
        day, time = (
            NumberColumn(
                ticks.from_native(part, null, part.dtype),
                crowd,
                ticks.from_native(more, others_null, more.dtype),
            )
            for part, more in zip(day_and_time(native), day_and_time(others), strict=True)
        )
        if day.size > 1 and time.size > 1:
            numbers = number, number + 1  # what the day says, the column itself tells, too
            result[index] = Moment(numbers=numbers, columns=(day, time), redundant=numbers[:1], own=own)
            number += 2
    return result


def day_and_time(moments: Native) -> tuple[Native, Native]:
    """Return the days of moments, and the times of these days."""
    days = moments.astype("datetime64[D]").astype(moments.dtype)
    return days, moments - days
