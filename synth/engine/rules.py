"""What holds in every training row and so must hold in every synthetic one: dependencies and inequalities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from synth.engine.evidence import LEVEL, surely_more
from synth.engine.numbers import NumberColumn

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from synth.engine.columns import ColumnCodes, Ints, Mask
    from synth.engine.ticks import Native

PROBE_ROWS = 500  # enough to dismiss almost every pair before the full check
MOST = 0.5  # of the rows must have plain codes, if these are to decide another column
MOST_BROKEN = 0.005  # of the rows may come out NULL, or not, that a tie would have otherwise
FEWEST_STRICT = 20  # rows of which none holds two equal values, from which these are never equal
TINY = 1e-300  # instead of no share at all, which has no logarithm
FREE = -2  # stands for what decides nothing


@dataclass(frozen=True, slots=True)
class Tie:
    """Two columns of which `given[code of the one]` equals `own[code of the other]` in every row.

    The tables have a last entry for NULL, which the code -1 finds, and FREE where nothing is known.
    """

    column: int
    condition: Ints
    own: Ints
    decides: bool = False  # the one column leaves the other no choice


def find_ties(
    columns: Sequence[ColumnCodes], codes: Mapping[int, Ints], target: int, earlier: Sequence[int]
) -> list[Tie]:
    """Return the ties of a column to columns drawn before it; but one if that decides all of it, or most.

    A tie of values is looked for where both are known. When the column is NULL is to hold in every row in
    which that is known of it, whatever the earlier column is given there.

    Args:
        columns: all columns.
        codes: for each earlier column its training codes, every unknown one filled in.
        target: the index of the column.
        earlier: indices of the columns before it.
    """
    own = columns[target]
    certain = np.flatnonzero(own.learnable | own.rare_rows)
    null = ((own.codes < 0) & ~own.rare_rows)[certain].astype(np.int64)
    mostly: Tie | None = None
    ties: list[Tie] = []
    partly: list[tuple[int, Ints, int]] = []
    for index in earlier:
        other, beside = columns[index], codes[index][certain]
        known_rows = np.flatnonzero(own.learnable & other.learnable)
        from_codes, to_codes = other.codes[known_rows], own.codes[known_rows]
        forward = decide_codes(other, from_codes, to_codes)
        if forward is None:
            partly.append((index, *decided_in_part(other, own, known_rows)))
        if forward is not None and keeps_nulls(forward, np.append(np.arange(own.size), -1), beside, null):
            tie = Tie(index, forward, np.append(np.arange(own.size), -1), decides=True)
            if other.exact:
                return [tie]  # nothing is left to decide
            mostly = mostly or tie
            continue
        strata_codes = strata(other, own, from_codes, to_codes)
        if strata_codes and keeps_nulls(*strata_codes, beside, null):
            ties.append(Tie(index, *strata_codes))
        else:
            ties += null_ties(index, other, own, codes[index], certain, null)
    if mostly:
        return [mostly]
    every = np.append(np.arange(own.size), -1)
    for index, other_codes, rows in sorted(partly, key=lambda each: -each[-1]):
        if rows and keeps_nulls(other_codes, every, codes[index][certain], null):
            return [Tie(index, other_codes, every, decides=True), *ties]
    return ties


def keeps_nulls(other_codes: Ints, own: Ints, codes: Ints, null: Ints) -> bool:
    """Return whether a tie lets a column be NULL in the rows that are, and hold a value in the others.

    Args:
        other_codes: by code of the one column what the other must agree with.
        own: by code of the other.
        codes: of the one column, in some rows.
        null: 1 where the other is NULL.
    """
    target_codes = other_codes[codes]
    values = np.unique(own[:-1])
    place = np.minimum(np.searchsorted(values, target_codes), max(len(values) - 1, 0))
    has_value = values[place] == target_codes if len(values) else np.zeros(len(target_codes), dtype=bool)
    is_broken = (target_codes != FREE) & np.where(null == 1, target_codes != own[-1], ~has_value)
    return not surely_more(int(is_broken.sum()), len(is_broken), MOST_BROKEN)


def decide_codes(other: ColumnCodes, from_codes: Ints, to_codes: Ints) -> Ints | None:
    """Return the table that leads from plain codes of `other` to the target, if MOST rows have such.

    The others decide nothing: a few rows prove no rule, and their value is not emitted as it is.
    """
    plain = np.append(other.plain, True)[from_codes]
    return (
        None
        if plain.sum() < MOST * len(plain)
        else imply_codes(from_codes[plain], to_codes[plain], other.size)
    )


def decided_in_part(other: ColumnCodes, own: ColumnCodes, known_rows: Ints) -> tuple[Ints, int]:
    """Return the table from some common codes of `other` to a common value of the target, and their rows.

    If such a code meant nothing, all of its rows would hold that value less often than LEVEL, all codes
    counted in. Rows whose value of `other` is cut off are no rows of the code that it is cut to.
    """
    if isinstance(other, NumberColumn):
        known_rows = known_rows[~other.is_cut[known_rows]]
    from_codes, to_codes = other.codes[known_rows], own.codes[known_rows]
    possible = np.append(as_it_is(other), True) & ~contradictions(
        from_codes[:PROBE_ROWS], to_codes[:PROBE_ROWS], other.size
    )
    table = np.full(other.size + 1, FREE, dtype=np.int64)
    some = possible[from_codes]
    if not some.any():
        return table, 0
    shares = np.bincount(to_codes + 1, minlength=own.size + 1) / len(to_codes)
    from_codes, to_codes = from_codes[some], to_codes[some]
    table[from_codes] = to_codes
    rows = np.bincount(from_codes + 1, minlength=other.size + 1)
    chance = np.log(np.maximum(shares, TINY)).take(table + 1, mode="clip") * np.roll(rows, -1)
    certain = np.append(as_it_is(own), [False, True])[table]  # the last is NULL, that before it FREE
    level = math.log(LEVEL) - math.log(other.size + 1)
    table[contradictions(from_codes, to_codes, other.size) | ~certain | (chance > level)] = FREE
    return table, int((table[from_codes] != FREE).sum())


def contradictions(from_codes: Ints, to_codes: Ints, size: int) -> Mask:
    """Return for each code, NULL last, whether rows that hold it hold different codes of another column."""
    table, is_broken = np.full(size + 1, FREE, dtype=np.int64), np.zeros(size + 1, dtype=bool)
    table[from_codes] = to_codes
    is_broken[from_codes[table[from_codes] != to_codes]] = True
    return is_broken


def as_it_is(column: ColumnCodes) -> Mask:
    """Return which codes are emitted as the values that they stand for."""
    return column.spike if isinstance(column, NumberColumn) else column.plain


def strata(
    other: ColumnCodes, own: ColumnCodes, from_codes: Ints, to_codes: Ints
) -> tuple[Ints, Ints] | None:
    """Return for codes of either column the stratum of both: the code of `other` that `own` implies."""
    plain = np.append(own.plain, True)[to_codes]
    if plain.sum() < MOST * len(plain) or imply_codes(to_codes[plain], from_codes[plain], own.size) is None:
        return None
    other_codes = np.append(np.where(other.plain, np.arange(other.size), FREE), -1)
    implications = np.full(own.size + 1, FREE, dtype=np.int64)
    implications[to_codes] = other_codes[from_codes]
    return other_codes, implications


def null_ties(
    index: int, other: ColumnCodes, own: ColumnCodes, codes: Ints, certain: Ints, null: Ints
) -> list[Tie]:
    """Return what a column says of whether another, whose index it is, is NULL, or the other of it.

    Args:
        index: of the other column.
        other: the column drawn before.
        own: the column.
        codes: the other's, every unknown one filled in.
        certain: rows in which it is known whether the column is NULL.
        null: 1 where it is, in these rows.
    """
    other_codes = _null_given(other, codes[certain], null)
    if other_codes is not None:
        return [Tie(index, other_codes, null_table(own.size))]
    rows = np.flatnonzero(own.learnable & (other.learnable | other.rare_rows))
    null_codes = null_table(other.size)
    implications = imply_codes(own.codes[rows], null_codes[codes[rows]], own.size) if own.exact else None
    if implications is None or not keeps_nulls(null_codes, implications, codes[certain], null):
        return []
    return [Tie(index, null_codes, implications)]


def _null_given(other: ColumnCodes, codes: Ints, null: Ints) -> Ints | None:
    """Return for each code of `other` whether the target is NULL beside it, if that decides it."""
    if other.exact:
        return imply_codes(codes, null, other.size)
    flag = imply_codes(null_table(other.size)[codes] - 1, null, 1)
    return None if flag is None else np.append(np.full(other.size, flag[1]), flag[0])


def null_table(size: int) -> Ints:
    """Return a table over codes that is 1 for NULL and 0 for every value."""
    return np.append(np.zeros(size, dtype=np.int64), 1)


def imply_codes(other_codes: Ints, result: Ints, size: int) -> Ints | None:
    """Return the table from each of `other_codes` to its only `result`; None without one, or if constant."""
    for rows in (slice(PROBE_ROWS), slice(None)):
        table = np.full(size + 1, FREE, dtype=np.int64)
        table[other_codes[rows]] = result[rows]
        if (table[other_codes[rows]] != result[rows]).any():
            return None
    return table if len(result) and (result != result[0]).any() else None


@dataclass(frozen=True, slots=True)
class Order:
    """In every training row `low` is at most `high`; both are indices of number columns.

    Where it is `strict`, `low` is less in all of them. Where it is `by_day`, `high` holds whole days, and
    `low` a time that may be any of the same day.
    """

    low: int
    high: int
    strict: bool = False
    by_day: bool = False

    def enforce(self, index: int, column: NumberColumn, native: Native, beside: Native) -> Native:
        """Return values of one of the columns, moved to the nearest in order with those beside them."""
        if not self.by_day:
            return column.clamp(native, beside, up=index == self.high, strict=self.strict)
        if index == self.high:
            return column.clamp(native, days(beside), up=True, strict=self.strict)
        late = days(native) - beside + np.timedelta64(int(self.strict), "D")
        return np.where(late > np.timedelta64(0, "D"), native - late, native)


def days(moments: Native) -> Native:
    """Return the beginnings of the days of moments."""
    return moments.astype("datetime64[D]").astype(moments.dtype)


def find_orders(columns: Sequence[ColumnCodes], context: Collection[int] = frozenset()) -> list[Order]:
    """Return the inequalities, none trivial, between number columns of one kind that all rows keep.

    Those between columns of the `context`, which nobody draws, are left out.
    """
    numbers = {i: c for i, c in enumerate(columns) if isinstance(c, NumberColumn) and c.size > 1}
    values = {i: c.native(c.codes) for i, c in numbers.items()}
    valid = {i: c.learnable & (c.codes >= 0) & ~c.is_cut for i, c in numbers.items()}
    orders = []
    for low, high in permutations(numbers, 2):
        if family(values[low]) != family(values[high]) or (low in context and high in context):
            continue
        rows = np.flatnonzero(valid[low] & valid[high])
        small, large = values[low][rows], values[high][rows]
        by_day = bool(len(rows)) and _by_day(small, large)
        small = days(small) if by_day else small
        if len(rows) and _keeps(small, large):
            strict = len(rows) >= FEWEST_STRICT and bool((small < large).all())
            orders.append(Order(low, high, strict, by_day))
    return orders


def _by_day(low: Native, high: Native) -> bool:
    """Return whether the one holds times and the other whole days."""
    if low.dtype.kind != "M" or high.dtype.kind != "M":
        return False
    return bool((days(low[:PROBE_ROWS]) != low[:PROBE_ROWS]).any() and (days(high) == high).all())


def family(values: Native) -> str:
    """Return what may be compared with what: numbers, dates or durations."""
    return "number" if values.dtype.kind in "iuf" else values.dtype.kind


def _keeps(low: Native, high: Native) -> bool:
    if not (low[:PROBE_ROWS] <= high[:PROBE_ROWS]).all():
        return False
    return bool((low <= high).all() and low.max() > high.min())


def keep_orders(
    values: dict[int, Native],
    nulls: dict[int, Mask],
    numbers: Mapping[int, NumberColumn],
    orders: Sequence[Order],
    *,
    fixed_columns: Collection[int] = (),
) -> None:
    """Move values that break an inequality to the nearest that keep it: the later of two, no fixed one."""
    done_columns = {index for index in numbers if index in fixed_columns}
    for index, column in numbers.items():
        if index in fixed_columns:
            continue
        for rule in orders:
            other = rule.low if rule.high == index else rule.high
            if index in (rule.low, rule.high) and other in done_columns:
                both = ~nulls[index] & ~nulls[other]
                new_values = rule.enforce(index, column, values[index][both], values[other][both])
                values[index][both] = new_values
        done_columns.add(index)
