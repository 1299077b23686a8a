"""Arithmetic between the columns of a frame, restored in rows whose values are changed one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from synth.engine import ticks
from synth.engine.computations import ComputedColumn
from synth.engine.crowd import Crowd
from synth.engine.identities import find_identities
from synth.engine.numbers import NumberColumn
from synth.engine.synthesizer import open_column
from synth.engine.ticks import same

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pandas as pd


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """What is computed from what in every row of a frame, each after those that it is computed from."""

    computed_columns: tuple[ComputedColumn, ...]

    @classmethod
    def of(cls, frame: pd.DataFrame, categories: Collection[str] = ()) -> Self:
        """Find the arithmetic that all rows keep, but that of moments with lengths of time.

        Args:
            frame: the rows.
            categories: columns whose values are labels.
        """
        if not len(frame):
            return cls(())
        crowd = Crowd.of(1, len(frame), None)
        columns = [open_column(frame[name], crowd, label=name in categories) for name in frame.columns]
        numbers = {place: one for place, one in enumerate(columns) if isinstance(one, NumberColumn)}
        moments = {place for place, one in numbers.items() if one.native(one.codes[:1]).dtype.kind in "mM"}
        # Moments that are moved one by one leave lengths of time between them that nobody ever saw.
        identities = [
            each
            for each in find_identities(frame, columns)
            if each.is_timed or not moments & {each.target, *each.sources}
        ]
        return cls(tuple(ComputedColumn.of(each, numbers) for each in identities))

    def names(self, columns: Sequence[str]) -> frozenset[str]:
        """Return which of the frame's columns are computed, or others are from them."""
        return frozenset(
            columns[place]
            for each in self.computed_columns
            for place in (each.identity.target, *each.identity.sources)
        )

    def restore(self, new_rows: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
        """Return the changed rows with what is computed, where something is not as it was in the row before.

        Args:
            new_rows: with the columns of the frame that the arithmetic was found in.
            before: the same rows, in which it held.
        """
        result = new_rows.copy()
        for each in self.computed_columns:
            target = new_rows.columns[each.identity.target]
            names = [new_rows.columns[source] for source in each.identity.sources]
            is_different = np.logical_or.reduce(
                [~same(result[name], before[name]) for name in (target, *names)]
            )
            rows = np.flatnonzero(is_different)
            if not len(rows):
                continue
            parts = {
                place: ticks.to_native(result[name].iloc[rows])
                for place, name in zip(each.identity.sources, names, strict=True)
            }
            native, null = each.stored_value(
                {place: part[0] for place, part in parts.items()},
                {place: part[1] for place, part in parts.items()},
            )
            values = result[target].copy()
            values.iloc[rows] = each.own.to_series(native, null).array
            result[target] = values
        return result
