"""References of a table to itself that lead to rows of a higher rank: a boss has a higher grade.

Such references are shared out among all rows of the twin. Where each real row refers to one of which a number
is higher, or lower, those that others refer to stand in the twin as high among all rows as the real ones do,
and each row refers to a higher one. Where most rows have a label in common with the one above, such as the
department, as many do. A number that says how many rows are above a row is counted in the twin.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.corrections.hierarchy import forest_of
from synth.domain import RARE, Kind, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

SURELY = 1e-3  # chance that rows of some table are in such an order by accident, all columns counted in
MOSTLY = 0.5  # share of the rows that have a label in common with the one above
CLEAR = (
    4.0  # standard deviations by which that share is above the one of rows that know nothing of each other
)
COUNTS = frozenset({Role.NUMBER, Role.CATEGORY})
NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})
LABELS = frozenset({Role.CATEGORY, Role.FOREIGN_KEY, Role.NATURAL_KEY})


@dataclass(frozen=True, slots=True)
class Superiority:
    """Rows refer by `column` to the `key` of rows whose `rank`, times `sign`, is higher.

    Attributes:
        label: what most rows have in common with the one that they refer to; "" for nothing.
        share: of the rows that do.
    """

    column: str
    key: str
    rank: str
    sign: int
    label: str = ""
    share: float = 0.0


def superiority_of(
    real: pa.Table, reference: Treatment, treatments: Sequence[Treatment]
) -> Superiority | None:
    """Return by which number the real rows refer to higher ones; None where chance would have it so, too.

    A number that only counts the rows above is the last that is asked.
    """
    column, key = reference.column.name, reference.parent.parent_column if reference.parent else ""
    if reference.unique or not {column, key} <= {*real.column_names}:
        return None
    forest = forest_of(real, column, key)
    if forest is None or not forest.is_whole or forest.self_led:
        return None
    above = forest.above
    names = [one.column.name for one in treatments if _is_number(one, real)]
    depths = {name for name in names if _is_depth(real.column(name), forest.level)}
    for rank in sorted(names, key=lambda name: name in depths):
        for sign in (1, -1):
            one = Superiority(column, key, rank, sign)
            if _is_higher(_ranks(real, one), above, 2 * len(names)):
                labels = [two for two in treatments if two.role in LABELS and two.column.name != column]
                return _with_label(one, real, above, [two.column.name for two in labels])
    return None


def with_superiors(table: pa.Table, real: pa.Table, one: Superiority, rng: np.random.Generator) -> pa.Table:
    """Return the twin in which each row refers to one of a higher rank, or to one at the top.

    Args:
        table: the twin; where all rows refer to higher ones it stays as it is.
        real: the real rows.
        one: what they have in common.
        rng: the source of chance.
    """
    ranks, above = _ranks(table, one), above_of(table, one.column, one.key)
    rows = np.flatnonzero(above >= 0)
    if not len(rows) or _is_in_order(ranks, above, rows):
        return table
    order = np.lexsort((rng.random(len(ranks)), ranks))
    tops = order[len(order) - max(1, len(above) - len(rows)) :]
    theirs = above_of(real, one.column, one.key)
    level = _standings(_ranks(real, one), rng)[np.unique(theirs[theirs >= 0])]
    sizes = np.unique(above[rows], return_counts=True)[1]
    bosses = order[_spread(level, len(sizes), len(order))]
    codes = pd.factorize(table.column(one.label or one.key).to_pandas(), use_na_sentinel=False)[0]
    bosses = np.union1d(_of_each_label(bosses, codes, order) if one.label else bosses, tops)
    weights = sizes[rng.permutation(len(bosses)) % len(sizes)].astype(np.float64)
    others = np.setdiff1d(np.arange(len(above)), tops)
    result = np.full(len(above), -1)
    result[others] = _drawn_higher(ranks, others, bosses, weights, rng)
    own = others[rng.random(len(others)) < one.share]
    for code in np.unique(codes[own]):
        some, theirs = own[codes[own] == code], codes[bosses] == code
        alike = _drawn_higher(ranks, some, bosses[theirs], weights[theirs], rng)
        result[some] = np.where(alike < 0, result[some], alike)
    orphans = others[result[others] < 0]
    result[orphans] = tops[rng.integers(0, len(tops), len(orphans))]
    values = table.column(one.key).combine_chunks().take(pa.array(result, mask=result < 0))
    place = table.column_names.index(one.column)
    return table.set_column(place, one.column, values.cast(table.schema.field(place).type))


def with_depths(table: pa.Table, real: pa.Table, treatments: Sequence[Treatment]) -> pa.Table:
    """Return the twin in which numbers say how many rows are above a row, where all real ones do."""
    for reference in treatments:
        key = reference.parent.parent_column if reference.parent else ""
        column = reference.column.name
        if not reference.to_itself or not {column, key} <= {*real.column_names} & {*table.column_names}:
            continue
        model, twin = forest_of(real, column, key), forest_of(table, column, key)
        if model is None or twin is None or not model.is_whole or not twin.is_whole:
            continue
        numbers = [one.column for one in treatments if _is_number(one, real)]
        for name in [one.name for one in numbers if one.kind is Kind.INTEGER]:
            if name in table.column_names and _is_depth(real.column(name), model.level):
                first = int(real.column(name)[0].as_py()) - int(model.level[0])
                place = table.column_names.index(name)
                values = pa.array(twin.level + first).cast(table.schema.field(place).type)
                table = table.set_column(place, name, values)
    return table


def above_of(table: pa.Table, column: str, key: str) -> Ints:
    """Return the place of the row that each row refers to; -1 for none."""
    keys = table.column(key).combine_chunks()
    places = pc.index_in(table.column(column).combine_chunks().cast(keys.type), keys, skip_nulls=True)
    return np.array(places.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)


def _is_number(one: Treatment, real: pa.Table) -> bool:
    """Return whether every row has a number in a column that is learned."""
    name = one.column.name
    is_learned = one.role in COUNTS and one.column.kind in NUMBERS and name in real.column_names
    return is_learned and not real.column(name).null_count


def _is_depth(values: pa.ChunkedArray, level: Ints) -> bool:
    """Return whether a number says how many rows are above each, from some number on."""
    apart = values.to_numpy().astype(np.float64) - level
    deep = int((level > 0).sum()) >= RARE and int(level.max(initial=0)) > 1
    return deep and bool((apart == apart[0]).all())


def _is_higher(ranks: Floats, above: Ints, tries: int) -> bool:
    """Return whether all rows refer to higher ones, where chance would not have it so.

    Rows below one row count as one: so no more is taken for evidence than there is.
    """
    below = np.flatnonzero(above >= 0)
    bosses = np.unique(above[below])
    if len(bosses) < RARE or not (ranks[below] < ranks[above[below]]).all():
        return False
    lower = np.searchsorted(np.sort(ranks), ranks[below], side="right")
    chance = float(1 - lower.mean() / len(ranks))  # that any other row is higher
    return bool(len(bosses) * log(max(chance, 1e-9)) < log(SURELY / tries))


def _with_label(one: Superiority, real: pa.Table, above: Ints, names: Sequence[str]) -> Superiority:
    """Return it with the label that most rows have in common with the one above, if there is one."""
    below = np.flatnonzero(above >= 0)
    number = len(np.unique(above[below]))
    best = one
    for name in names:
        codes = pd.factorize(real.column(name).to_pandas(), use_na_sentinel=False)[0]
        share = float((codes[below] == codes[above[below]]).mean())
        every = np.bincount(codes) / len(codes)
        chance = float((np.bincount(codes[below], minlength=len(every)) / len(below)) @ every)
        deviation = np.sqrt(max(chance * (1 - chance), 1e-9) / number)
        if share > max(MOSTLY, chance + CLEAR * deviation, best.share):
            best = Superiority(one.column, one.key, one.rank, one.sign, name, share)
    return best


def _ranks(table: pa.Table, one: Superiority) -> Floats:
    ranks: Floats = one.sign * table.column(one.rank).to_numpy().astype(np.float64)
    return ranks


def _is_in_order(ranks: Floats, above: Ints, rows: Ints) -> bool:
    """Return whether all rows refer to higher ones, or to one at the top that is not lower."""
    bosses = above[rows]
    at_top = (above[bosses] < 0) & (ranks[rows] <= ranks[bosses])
    return bool(((ranks[rows] < ranks[bosses]) | at_top).all())


def _standings(ranks: Floats, rng: np.random.Generator) -> Floats:
    """Return which share of the rows is below each, those of one rank in an order of chance."""
    sorted_ranks = np.sort(ranks)
    first, last = np.searchsorted(sorted_ranks, ranks, "left"), np.searchsorted(sorted_ranks, ranks, "right")
    result: Floats = (first + rng.random(len(ranks)) * (last - first)) / len(ranks)
    return result


def _spread(level: Floats, number: int, rows: int) -> Ints:
    """Return so many different places among the rows, which stand where these do."""
    shares = np.quantile(level, (np.arange(number)[::-1] + 0.5) / number)
    places = np.minimum((shares * rows).astype(np.int64), rows - 1)
    down = np.arange(number)
    return np.maximum(np.minimum.accumulate(places + down) - down, 0)


def _of_each_label(bosses: Ints, codes: Ints, order: Ints) -> Ints:
    """Return bosses of as many labels as can be: the highest rows of others take the place of second ones.

    Args:
        bosses: rows that others refer to.
        codes: the label of each row.
        order: the rows, the highest last.
    """
    result, numbers = bosses.copy(), np.bincount(codes[bosses], minlength=int(codes.max()) + 1)
    sizes = np.bincount(codes)
    for code in np.argsort(-sizes, kind="stable"):
        if numbers[code] or numbers.max() < 2:  # noqa: PLR2004 - a second one
            continue
        most = int(np.argmax(numbers))
        place = int(np.flatnonzero(codes[result] == most)[0])
        result[place] = order[codes[order] == code][-1]
        numbers[most], numbers[code] = numbers[most] - 1, 1
    return result


def _drawn_higher(ranks: Floats, rows: Ints, bosses: Ints, weights: Floats, rng: np.random.Generator) -> Ints:
    """Return for each row one of those of a higher rank, by weight; -1 where there is none."""
    order = np.argsort(-ranks[bosses], kind="stable")
    sums = np.cumsum(weights[order])
    higher = np.searchsorted(-ranks[bosses][order], -ranks[rows], side="left")
    if not len(bosses):
        return np.full(len(rows), -1)
    limits = np.where(higher > 0, sums[np.maximum(higher, 1) - 1], 0.0)
    picks = np.minimum(np.searchsorted(sums, rng.random(len(rows)) * limits, side="right"), len(bosses) - 1)
    return np.where(higher > 0, bosses[order][picks], -1)
