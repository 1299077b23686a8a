"""Where values stand among many sorted ones, mostly without a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from synth.engine.columns import Ints
    from synth.engine.ticks import Native

STRETCHES = 16  # for each value, so that most hold one or none even where values are crowded
MOST_STRETCHES = 2**19  # more do not fit into a processor's cache
FEW = 3  # values of a stretch that are compared one by one
FEW_VALUES = 1024  # among which a search is as fast


class Lookup:
    """Finds the nearest of sorted values from below.

    Of stretches of equal length, from the smallest value to the largest, a table says which value each holds.
    Only those that hold several are searched, so that dates and amounts take a fifth of the time.

    Args:
        values: different ones, ascending; of any dtype that `ticks.to_native` gives.
    """

    def __init__(self, values: Native) -> None:
        self._values = values
        if len(values) <= FEW_VALUES:
            return
        self._last = min(STRETCHES * len(values), MOST_STRETCHES)
        self._low = plain(values[:1])[0]
        with np.errstate(all="ignore"):
            self._per_unit = self._last / (plain(values[-1:])[0] - self._low)
        counts = np.bincount(self._stretches(values), minlength=self._last + 1)
        self._before = (counts.cumsum() - counts - 1).astype(np.int32)
        self._counts = np.minimum(counts, FEW + 1).astype(np.int8)

    def find(self, values: Native) -> Ints:
        """Return for each the index of the largest that is no larger, or -1; where it is NaN, any index."""
        if len(self._values) <= FEW_VALUES:
            return self._search(values)
        stretch = self._stretches(values)
        places = self._before.take(stretch, mode="wrap").astype(np.int64)
        counts = self._counts.take(stretch, mode="wrap")
        for most in range(1, FEW + 1):
            some = np.flatnonzero(counts >= most)
            places[some] += self._values.take(places[some] + 1) <= values.take(some)
        many = np.flatnonzero(counts > FEW)
        places[many] = self._search(values[many])
        return places

    def _search(self, values: Native) -> Ints:
        places: Ints = np.searchsorted(self._values, values, side="right") - 1
        return places

    def _stretches(self, values: Native) -> Ints:
        """Return the stretch of each value. One that is no smaller is never in an earlier stretch."""
        with np.errstate(all="ignore"):
            place = (plain(values) - self._low) * self._per_unit
        stretch: Ints = np.fmin(np.fmax(place, 0.0), self._last).astype(np.int64)  # NaN is in the first
        return stretch


def plain(values: Native) -> Native:
    """Return values as floats, in the same order, though not all that differ may still differ."""
    return (values.view(np.int64) if values.dtype.kind in "mM" else values).astype(np.float64)
