"""Columns of dates of which many fall on marks: the kind of day is drawn first, then which of its kind."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from synth.engine.columns import DerivedColumn
from synth.engine.differences import told_apart
from synth.engine.marks import MONTHLY, NEITHER, YEARLY, Marks
from synth.engine.numbers import NumberColumn
from synth.engine.terms import time_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from synth.engine.columns import ColumnCodes, Ints
    from synth.engine.crowd import Crowd
    from synth.engine.ticks import Native


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedDay(DerivedColumn):
    """The column `own` is on a kind of day that is drawn, NULL with the column, and then on one of these.

    Attributes:
        kinds: of days, for each of the columns behind the first.
        marks: that the days of the kinds are.
        time: of the day that all dates have.
    """

    own: NumberColumn
    kinds: tuple[int, ...]
    marks: Marks
    time: np.timedelta64

    def code(self, codes: Mapping[int, Ints]) -> Ints:
        """Return the column's codes that go with those of what is drawn."""
        parts = [
            column.native(codes[number]) for column, number in zip(self.columns, self.numbers, strict=True)
        ]
        return self.own.nearest_codes(self.own.nearest_values(self._dates(parts)), codes[self.numbers[0]] < 0)

    def value(self, values: Mapping[int, Native], codes: Mapping[int, Ints]) -> Native:  # noqa: ARG002
        """Return the column's values that go with those of what is drawn."""
        return self.own.within(self._dates([values[number] for number in self.numbers]))

    def _dates(self, parts: Sequence[Native]) -> Native:
        kind, *days = parts
        dates = self.own.native(np.zeros(len(kind), np.int64))
        for own, drawn_days in zip(self.kinds, days, strict=True):
            plain = drawn_days
            if own != NEITHER:
                plain = self.marks.dates(drawn_days.astype(np.int64), own).astype("M8[us]") + self.time
            dates = np.where(kind == own, plain.astype(dates.dtype), dates)
        return dates


def marks_of(own: NumberColumn, crowd: Crowd) -> Marks:
    """Return the marks of a column of dates that are at one time of the day."""
    if own.raw.dtype.kind != "M" or told_apart(own) or time_of(own) is None:
        return Marks()
    rows = np.flatnonzero((own.codes >= 0) & own.learnable)
    whom = crowd.of_learned
    return Marks.of(own.raw[rows], None if whom is None else whom[rows], crowd.rare)


def find_marked_days(
    columns: Sequence[ColumnCodes], *, number: int, crowd: Crowd, fixed_columns: Collection[int] = ()
) -> dict[int, MarkedDay]:
    """Return every column of dates that has marks.

    Args:
        columns: the frame's.
        number: the first index that is free for what is drawn in their place.
        crowd: as the columns were opened with.
        fixed_columns: indices of columns that stay whole.
    """
    result: dict[int, MarkedDay] = {}
    for index, own in enumerate(columns):
        if index in fixed_columns or not isinstance(own, NumberColumn) or own.exact:
            continue
        marks = marks_of(own, crowd)
        time = time_of(own) if marks else None
        if time is None:
            continue
        kinds, parts = _parts(own, marks, crowd)
        numbers = tuple(range(number, number + len(parts)))
        result[index] = MarkedDay(
            numbers=numbers,
            columns=parts,
            redundant=numbers[1:],
            own=own,
            kinds=kinds,
            marks=marks,
            time=time,
        )
        number += len(parts)
    return result


def _parts(own: NumberColumn, marks: Marks, crowd: Crowd) -> tuple[tuple[int, ...], tuple[NumberColumn, ...]]:
    """Return the kinds of days that enough entities are on, and what is drawn in a column's place."""
    there = own.codes >= 0
    days = np.where(there, own.raw, np.datetime64(0, "D").astype(own.raw.dtype))
    kind = np.where(there, marks.kinds(days), -1)
    kinds = tuple(
        each
        for each in (YEARLY, MONTHLY, NEITHER)
        if crowd.alone.size(own.learnable & (kind == each)) >= crowd.rare
    )
    first = NumberColumn(_series(kind, there), replace(crowd, rare=1))
    first.learnable = own.learnable & (~there | np.isin(kind, kinds))
    first.rare_rows = own.rare_rows | (there & ~first.learnable)
    others, others_null = own.beside
    beside = np.where(others_null, np.datetime64(0, "D").astype(own.raw.dtype), others)
    parts = [first]
    for each in kinds:
        which = own.learnable & (kind == each)
        part = copy(own)
        if each != NEITHER:
            others_there = ~others_null & (marks.kinds(beside) == each)
            more = _series(marks.numbers(beside, each), others_there) if len(others) else None
            part = NumberColumn(_series(marks.numbers(days, each), kind == each), crowd, more)
        part.learnable = which
        parts.append(part)
    return kinds, tuple(parts)


def _series(values: Ints, there: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> pd.Series[int]:
    return pd.Series(pd.arrays.IntegerArray(values.astype(np.int64), ~there))
