"""Columns of ordered values: numbers, dates, durations."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from synth.engine import ticks
from synth.engine.cells import open_cells
from synth.engine.clocks import Clock
from synth.engine.crowd import Ranks
from synth.engine.far_dates import far_date
from synth.engine.rounding import (
    MAX_DECIMALS,
    SAFE_DECIMALS,
    decimals_of,
    habitual,
    lattice_of,
    on_lattice,
    round_to,
    zeros_of,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from synth.engine.cells import Cells
    from synth.engine.columns import Ints, Mask
    from synth.engine.crowd import Crowd

WEEK = 7
WEEK_ROWS = 200  # of smoothed dates show which days of the week are busy
WEEK_TRIES = 6  # of dates, until one falls on a day of the week that suits
FEWEST_WEEKS = 3  # of which a date is moved to one, beside its own
SAFE = 2.0**62  # the difference of two such is still a 64-bit integer


class NumberColumn:
    """Ordered values: those that `rare` entities hold are returned as they are, others only smoothed.

    Values beyond the `rare`-th smallest and largest entity's are moved there before anything is learned.
    Where fewer than 2 x `rare` entities leave nothing between the two, the column is its median. A date far
    from all others that many hold, such as 9999-12-31, is learned as if it were NULL. Smoothed
    values keep the decimals, or the zeros at the end, of the value they stand for, and the grain (whole
    numbers, days, …) of the column.

    Args:
        series: the rows that are learned.
        crowd: of these, and of the rows beside them.
        beside: the rows beside them, if there are any; they count, and nothing else of them is used.
    """

    is_ordered = True

    def __init__(self, series: pd.Series[Any], crowd: Crowd, beside: pd.Series[Any] | None = None) -> None:
        crowd = crowd.alone if beside is None else crowd
        native, null = ticks.to_native(series)
        others, others_null = ticks.to_native(series.iloc[:0] if beside is None else beside)
        self._dtype = series.dtype
        self._native_dtype = native.dtype
        self._far = far_date((native, null), (others, others_null), crowd)
        if self._far is not None:  # it is no date, as if it were NULL
            null, others_null = native == self._far, others == self._far
        self.raw, self.beside = native, (others, others_null)
        self._clock = Clock.of_months(native[~null])
        values, self._base, self._step = ticks.to_ticks(native[~null])
        distinct, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
        among = Ranks.of(np.unique(native[~null]), (native, null), (others, others_null))
        low, high = among.bounds(crowd)
        near_codes = np.clip(inverse, low, high)
        self.codes: Ints = np.full(len(series), -1, dtype=np.int64)
        self.codes[~null] = near_codes - low
        self.is_cut: Mask = np.zeros(len(series), dtype=bool)  # a training row's value is not its own
        self.is_cut[~null] = near_codes != inverse
        self.learnable: Mask = crowd.common_side(among.null)
        self.rare_rows: Mask = np.zeros(len(series), dtype=bool)
        self._distinct = distinct[low : high + 1]
        self.size = len(self._distinct)
        self.spike: Mask = crowd.holders(among.exact, len(distinct))[low : high + 1] >= crowd.rare
        self.exact = bool(self.spike.all()) or self.size == 1
        self.plain: Mask = self.spike.copy()
        self.plain[self.codes[self.is_cut]] = False
        self._decimals = (
            -zeros_of(self.native(np.arange(self.size)))
            if native.dtype.kind == "i" and self.size and self.safe
            else decimals_of(self._distinct, native.dtype if series.dtype != np.float32 else series.dtype)
        )
        self._rare = crowd.rare
        self._cells = self._open_cells(crowd.each)
        if len(self._decimals):
            counts = np.bincount(self.codes[self.codes >= 0], minlength=self.size)
            self._decimals = habitual(self._decimals, self._cells.cell, np.where(self.spike, 0, counts))
        self.keeps_weekdays = False  # whether something depends on the day of the week of each value
        self._lattice = lattice_of(self._distinct, self.decimals)

    def refine(self) -> None:
        """Smooth values as if each row were of another entity: those that are sums are nobody's own."""
        self._cells = self._open_cells(1.0)

    def _open_cells(self, each: float) -> Cells:
        return open_cells(self.codes[self.codes >= 0], self.spike, self._distinct, self._rare, each)

    def restore(self, codes: Ints, rng: np.random.Generator) -> pd.Series[Any]:
        """Return common values as they are, others drawn from their cell."""
        return self.to_series(self.native(codes, rng), codes < 0)

    def to_series(self, native: ticks.Native, null: Mask) -> pd.Series[Any]:
        """Return the column's own dtype around native values."""
        if self._far is not None:
            native, null = np.where(null, self._far, native), np.zeros(len(null), dtype=bool)
        return ticks.from_native(native, null, self._dtype)

    def native(self, codes: Ints, rng: np.random.Generator | None = None) -> ticks.Native:
        """Return ordered values for codes, smoothed where `rng` is given.

        What stands at a NULL means nothing.
        """
        if self.size == 0:
            return np.zeros(len(codes), dtype=self._native_dtype)
        steps = self._distinct.take(codes, mode="wrap")
        if rng is not None and len(self._cells.low):
            smooth = np.flatnonzero(~self.spike.take(codes, mode="wrap") & (codes >= 0))
            steps[smooth] = self._smooth(codes[smooth], rng)
        return self._native_of(steps)

    def _smooth(self, codes: Ints, rng: np.random.Generator) -> NDArray[Any]:
        cell = self._cells.cell[codes]
        low, high = self._distinct[self._cells.low[cell]], self._distinct[self._cells.high[cell]]
        if self._distinct.dtype.kind != "f":
            above, below = (
                mask[cell].astype(np.uint64) for mask in (self._cells.excludes_low, self._cells.excludes_high)
            )
            steps = rng.integers(low + above, high - below, dtype=np.uint64, endpoint=True)
            if self._clock:
                return self._steps(self.nearest_values(self._native_of(steps)))
            if self.keeps_weekdays:
                self._keep_weekdays(steps, codes, rng)
            else:
                self._prefer_busy_days(steps, low + above, high - below, rng)
            return self._round_whole(steps, codes)
        share = rng.random(len(codes))
        with np.errstate(invalid="ignore"):  # a cell that reaches to infinity stays at its finite end
            values = np.where(np.isfinite(high), low * (1 - share) + high * share, low)
        values = np.where(np.isfinite(low), values, high)
        return np.clip(self._round(values, self._decimals[codes]), self._distinct[0], self._distinct[-1])

    def _round(self, values: NDArray[np.float64], decimals: Ints | None = None) -> NDArray[np.float64]:
        """Return values with so many decimals, or those of the column, in the column's steps."""
        decimals = np.full(len(values), self.decimals) if decimals is None else decimals
        return on_lattice(round_to(values, decimals), *self._lattice, self.decimals)

    def _prefer_busy_days(
        self,
        steps: NDArray[np.uint64],
        low: NDArray[np.uint64],
        high: NDArray[np.uint64],
        rng: np.random.Generator,
    ) -> None:
        """Draw dates anew, between `low` and `high`, until most fall on days of the week that are busy."""
        rest = np.arange(len(steps))
        for _ in range(WEEK_TRIES if len(self._busy) else 0):
            rest = rest[rng.random(len(rest)) > self._busy[steps[rest] % np.uint64(WEEK)]]
            steps[rest] = rng.integers(low[rest], high[rest], dtype=np.uint64, endpoint=True)

    @cached_property
    def _busy(self) -> NDArray[np.float64]:
        """For dates how common each day of the week is, by steps modulo seven, beside the commonest."""
        codes = self.codes[self.codes >= 0]
        steps = self._distinct[codes[~self.spike[codes]]]
        if not self._has_weekdays or len(steps) < WEEK_ROWS:
            return np.zeros(0)
        rows = np.bincount((steps % np.uint64(WEEK)).astype(np.int64), minlength=WEEK)
        return np.asarray(rows / rows.max())

    def _keep_weekdays(self, steps: NDArray[np.uint64], codes: Ints, rng: np.random.Generator) -> None:
        """Move dates to the day of the week of the value that they stand for, at least a week from it.

        The value itself would come back seven times as often as by chance.
        """
        if not len(self._weeks[0]):
            return
        cell, value = self._cells.cell[codes], self._distinct[codes]
        week = np.uint64(WEEK)
        before, after = (value - self._weeks[0][cell]) // week, (self._weeks[1][cell] - value) // week
        enough = before + after >= FEWEST_WEEKS
        before, after = before[enough], after[enough]
        weeks = rng.integers(np.ones_like(before), before + after, dtype=np.uint64, endpoint=True)
        weeks -= weeks <= before  # those before it, and those behind it
        steps[enough] = value[enough] - before * week + weeks * week

    @cached_property
    def _weeks(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """The first and the last day to which dates of each cell may move; none where days do not count.

        They lie in the cell, and in those beside it where it is short.
        """
        smooth = self.codes[self.codes >= 0]
        nothing = np.zeros(0, np.uint64)
        if not self._has_weekdays or self.spike[smooth].all():
            return nothing, nothing
        low, high = self._cells.low.copy(), self._cells.high.copy()
        reaches_next = self._cells.excludes_high & ~self._cells.excludes_low
        for place in range(len(low)):
            first = last = place
            while self._distinct[high[place]] - self._distinct[low[place]] < WEEK * (FEWEST_WEEKS + 2):
                wider = (
                    (first > 0 and bool(reaches_next[first - 1])),
                    bool(reaches_next[last]) and last + 1 < len(low),
                )
                if not any(wider):
                    break
                first, last = first - wider[0], last + wider[1]
                low[place], high[place] = self._cells.low[first], self._cells.high[last]
        return self._distinct[low], self._distinct[high]

    @property
    def _has_weekdays(self) -> bool:
        """Whether the values are dates without a time."""
        if self._native_dtype.kind != "M":
            return False
        unit: Any = np.datetime_data(self._native_dtype)[0]
        return bool(np.timedelta64(self._step, unit) == np.timedelta64(1, "D"))

    def _round_whole(self, steps: NDArray[np.uint64], codes: Ints) -> NDArray[np.uint64]:
        """Return steps that end with as many zeros as the whole numbers that the codes stand for."""
        if not len(self._decimals):
            return steps
        round_ones = np.flatnonzero(self._decimals[codes] < 0)
        whole = self._native_of(steps[round_ones])
        unit = 10 ** -self._decimals[codes[round_ones]]
        rounded_values = self.nearest_values(
            ((whole.astype(np.int64) + unit // 2) // unit * unit).astype(whole.dtype)
        )
        steps[round_ones] = self._steps(rounded_values)
        return steps

    @property
    def dtype(self) -> Any:
        """Of the series that it was opened with."""
        return self._dtype

    @property
    def decimals(self) -> int:
        """The most decimals that any value needs."""
        return int(self._decimals.max(initial=0))

    @property
    def safe(self) -> bool:
        """Whether differences of values cannot overflow."""
        ends = self._native_of(self._distinct[[0, -1]])
        return bool((np.abs(ticks.as_floats(ends)) < SAFE).all())

    def nearest_values(self, native: ticks.Native) -> ticks.Native:
        """Return the nearest values that the column could hold: in its bounds, on its grain."""
        if self._native_dtype.kind == "f":
            low, high = self._distinct[[0, -1]]
            values = self._round(self._mirror(native, low, high))
            return np.asarray(np.clip(values, low, high))
        if native.dtype.kind == "f":
            native = np.rint(native).astype(self._native_dtype)
        ends = self._native_of(self._distinct[[0, -1]])
        native = self._mirror(native, ends[0], ends[1]) if self.safe else native
        above = np.clip(native, ends[0], ends[1]).view(np.uint64) - np.uint64(self._base)
        whole = (above + np.uint64(self._step // 2)) // np.uint64(self._step)
        return self._clock.nearest(self._native_of(whole))

    def _native_of(self, steps: NDArray[Any]) -> ticks.Native:
        return ticks.from_ticks(steps, self._base, self._step, self._native_dtype)

    def _steps(self, native: ticks.Native) -> NDArray[np.uint64]:
        """Return the steps of whole numbers that lie on the column's grain."""
        return (native.view(np.uint64) - np.uint64(self._base)) // np.uint64(self._step)

    def _mirror(self, native: ticks.Native, low: Any, high: Any) -> ticks.Native:
        """Return values beyond an end, as far inside of it; the end itself may be one person's own value."""
        width = high - low
        if isinstance(width, float) and not np.isfinite(width):
            return native
        if not self.spike[-1]:
            native = np.where(native > high, high - (np.minimum(native, high + width) - high), native)
        if not self.spike[0]:
            native = np.where(native < low, low + (low - np.maximum(native, low - width)), native)
        return native

    def within(self, native: ticks.Native) -> ticks.Native:
        """Return the nearest values on the column's grain, in the range of its training rows, cut or not.

        What lies beyond all of these is moved into its bounds. The column must be safe.
        """
        nearest = self.nearest_values(native)
        values = self.raw[self.codes >= 0]
        there = (native >= values.min()) & (native <= values.max())
        if self._native_dtype.kind == "f":
            return np.where(there, self._round(native), nearest)
        base = int(np.array(self._base, dtype=np.uint64).view(np.int64))
        plain = np.rint(native) if native.dtype.kind == "f" else native
        above = plain.astype(self._native_dtype).view(np.int64) - base
        grain = (above + self._step // 2) // self._step * self._step + base
        return np.where(there, self._clock.nearest(grain.view(self._native_dtype)), nearest)

    def encode(self, series: pd.Series[Any]) -> Ints:
        """Return codes of the nearest values from below."""
        return self.nearest_codes(*self.own(series))

    def own(self, series: pd.Series[Any]) -> tuple[ticks.Native, Mask]:
        """Return values from outside as this column's native ones, beside a mask of the NULLs."""
        native, null = ticks.convert(series, self._dtype, self._native_dtype)
        return native, null if self._far is None else null | (native == self._far)

    def nearest_codes(self, native: ticks.Native, null: Mask) -> Ints:
        """Return the codes of the nearest values from below, or of the smallest; -1 where `null`."""
        places = np.searchsorted(self._sorted_values, native, side="right") - 1
        return np.where(null, -1, np.maximum(places, 0))

    def snap(self, native: NDArray[np.float64], noise: float) -> NDArray[np.float64]:
        """Return floats, each the common value that it misses by at most this share of itself, if any.

        Two libraries give a logarithm two last digits, by which whoever looks closely would tell a twin.
        """
        below = self.nearest_codes(native, np.zeros(len(native), dtype=bool))
        for codes in (below, np.minimum(below + 1, self.size - 1)):
            common = self.native(codes)
            near = self.spike[codes] & (np.abs(common - native) <= noise * np.abs(native))
            native = np.where(near, common, native)
        return native

    @cached_property
    def _sorted_values(self) -> ticks.Native:
        return self._native_of(self._distinct)

    def clamp(
        self, native: ticks.Native, limit: ticks.Native, *, up: bool, strict: bool = False
    ) -> ticks.Native:
        """Return values, each raised (`up`) or lowered to its bound where it lies on the wrong side of it.

        Where the order is `strict`, those that equal their bound go one step further, if there is room.
        """
        whole = np.ceil if up else np.floor
        if limit.dtype.kind == "f" and self._native_dtype.kind != "f":
            limit = whole(limit)
        elif self._native_dtype.kind == "f" and self.decimals <= MAX_DECIMALS:
            scale = 10.0**self.decimals
            limit = whole(np.round(limit * scale, SAFE_DECIMALS)) / scale
        inside = native >= limit if up else native <= limit
        values = np.where(inside, native, limit).astype(self._native_dtype)
        values = values if self._step == 1 else np.where(inside, values, self._on_grain(values, up=up))
        return self._further(values, limit, up=up) if strict else values

    def _further(self, native: ticks.Native, limit: ticks.Native, *, up: bool) -> ticks.Native:
        """Return values, those at their bound one grain above (`up`) or below it, but not beyond an end."""
        if self._native_dtype.kind == "f":
            grain = self._lattice[0] * 10.0**-self.decimals if self.decimals <= MAX_DECIMALS else 0.0
            further = self._round(native + (grain if up else -grain))
        else:
            step = np.int64(self._step)
            further = (native.view(np.int64) + (step if up else -step)).view(self._native_dtype)
            further = self._clock.on_side(further, up=up)
        ends = self.native(np.array([0, self.size - 1]))
        return np.where((native == limit) & (further >= ends[0]) & (further <= ends[1]), further, native)

    def _on_grain(self, native: ticks.Native, *, up: bool) -> ticks.Native:
        """Return values of a column that goes in steps, each raised (`up`) or lowered to the next one."""
        whole, step = native.view(np.uint64) - np.uint64(self._base), np.uint64(self._step)
        steps = whole.view(np.int64) // self._step + (up & (whole % step != 0))
        return self._clock.on_side(self._native_of(steps.view(np.uint64)), up=up)
