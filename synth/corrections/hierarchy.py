"""References of a table to itself that make trees, as those of bosses, parts and categories do.

Drawn at random, rows lead to each other in circles and nobody is at the top. `with_trees` gives them the
shape of the real trees: how many rows are at the top and on each level, and how many children parents have
there. `with_hierarchies` is for where the real rows must not be looked at: that there are no circles is no
fact of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth.domain import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment

    Ints = NDArray[np.int64]

MOST_LEVELS = 64  # of trees; what is deeper is a list of rows, each with the one before it


@dataclass(frozen=True, slots=True)
class Forest:
    """Rows of a table and those above them.

    Attributes:
        above: for each row the place of the one that it refers to; -1 for those at the top.
        level: how many rows are above each; -1 for those that a circle is above.
        self_led: rows at the top refer to themselves, and not to nobody.
    """

    above: Ints
    level: Ints
    self_led: bool

    @property
    def is_whole(self) -> bool:
        """Whether every row is below one at the top."""
        return bool((self.level >= 0).all())

    @property
    def tops(self) -> int:
        """The number of rows at the top."""
        return int((self.level == 0).sum())


def with_trees(
    table: pa.Table, real: pa.Table, treatments: Sequence[Treatment], rng: np.random.Generator
) -> pa.Table:
    """Return the twin in which rows refer to their own table in trees, where the real rows do.

    A twin without circles keeps its trees, but rows deeper than any real one refer to one above those
    that they refer to. A column of which no two rows may share a value is left as it is.

    Args:
        table: the twin.
        real: the rows of the source.
        treatments: of the columns.
        rng: decides which rows are on which level.
    """
    for one in treatments:
        key = one.parent.parent_column if one.parent else ""
        name = one.column.name
        is_free = one.role is Role.FOREIGN_KEY and one.to_itself and not one.unique
        if not is_free or not table.num_rows or not {name, key} <= set(table.column_names):
            continue
        model, twin = forest_of(real, name, key), forest_of(table, name, key)
        if model is None or not model.is_whole or (one.is_required and not model.self_led):
            continue
        most = int(model.level.max(initial=0))
        if twin is not None and twin.is_whole:
            if twin.level.max() <= most or not most:
                continue
            above = _no_deeper(twin, most)
        else:
            above = _places_above(model, table.column(name).is_null().to_numpy(), rng)
        if model.self_led:
            above = np.where(above < 0, np.arange(len(above)), above)
        values = table.column(key).combine_chunks().take(pa.array(above, mask=above < 0))
        place = table.column_names.index(name)
        table = table.set_column(place, name, values.cast(table.schema.field(place).type))
    return table


def forest_of(table: pa.Table, column: str, key: str) -> Forest | None:
    """Return what is above each row by `column`, which holds values of `key`; None where that is no tree.

    It is none where rows refer to others that are not there, or a row has more than `MOST_LEVELS` above it.
    """
    keys, values = table.column(key).combine_chunks(), table.column(column).combine_chunks()
    places = pc.index_in(values.cast(keys.type), keys, skip_nulls=True)
    above: Ints = places.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    if (values.is_valid().to_numpy(zero_copy_only=False) & (above < 0)).any():
        return None
    is_self = above == np.arange(len(above))
    above = np.where(is_self, -1, above)
    level = _levels(above)
    return None if level is None else Forest(above, level, bool(is_self.any()))


def _levels(above: Ints) -> Ints | None:
    """Return how many rows are above each; -1 for those that a circle is above, None beyond `MOST_LEVELS`."""
    level = np.where(above < 0, 0, -1)
    for depth in range(1, MOST_LEVELS + 1):
        below = (level < 0) & (level[above] == depth - 1)
        if not below.any():
            return level
        level[below] = depth
    return None


def _no_deeper(twin: Forest, most: int) -> Ints:
    """Return what is above each row where none has more than so many rows above it; all stay below one tree.

    A row that is too deep refers to one further up, which comes before it, too, where those above do.
    """
    above = twin.above.copy()
    for depth in range(most + 1, int(twin.level.max()) + 1):
        rows = twin.level == depth
        above[rows] = above[above[rows]]
    return above


def _places_above(model: Forest, is_null: NDArray[np.bool_], rng: np.random.Generator) -> Ints:
    """Return what is above each row of a twin, in trees of the shape of the model's; -1 at the top.

    Args:
        model: the real trees.
        is_null: the rows that refer to nobody so far: they are at the top, and others if they are too few.
        rng: the source of chance.
    """
    rows = len(is_null)
    sizes = np.bincount(model.level)
    tops = min(rows, max(1, int(is_null.sum()), round(rows * sizes[0] / sizes.sum())))
    order = np.concatenate(
        [rng.permutation(np.flatnonzero(is_null)), rng.permutation(np.flatnonzero(~is_null))]
    )
    above = np.full(rows, -1, np.int64)
    upper, start = order[:tops], tops
    for level, size in enumerate(_shared_out(rows - tops, sizes[1:]), 1):
        here = order[start : start + size]
        if not len(here):
            break
        children = np.unique(model.above[model.level == level], return_counts=True)[1]
        above[here] = _parents(upper, children, len(here), rng)
        upper, start = here, start + size
    return above


def _shared_out(rows: int, sizes: Ints) -> list[int]:
    """Return how many of so many rows are on each level, in proportion to its size."""
    ends = np.round(np.cumsum(sizes) * (rows / max(sizes.sum(), 1))).astype(np.int64)
    return [int(number) for number in np.diff(ends, prepend=0)]


def _parents(upper: Ints, children: Ints, rows: int, rng: np.random.Generator) -> Ints:
    """Return for so many rows one of the rows above, of which about as many have children as in reality.

    `children` has the numbers of children of those real rows of the level above that have any.
    """
    share = len(children) / children.sum()
    number = int(np.clip(round(share * rows), 1, len(upper)))
    parents = rng.choice(upper, number, replace=False)
    weights = rng.choice(children, number).astype(np.float64)
    others = rng.choice(parents, max(rows - number, 0), p=weights / weights.sum())
    return rng.permutation(np.concatenate([parents, others])[:rows])


def with_hierarchies(table: pa.Table, treatments: Sequence[Treatment], rng: np.random.Generator) -> pa.Table:
    """Return the twin in which rows refer by a column of their own table to rows that come before them.

    The first of those that refer to another has none before it, and gets NULL. What may not be NULL, and what
    no two rows may share, is left as it is.

    Args:
        table: the twin.
        treatments: of its columns.
        rng: decides which row comes before which.
    """
    for one in treatments:
        is_free = one.role is Role.FOREIGN_KEY and one.to_itself and not (one.is_required or one.unique)
        key = one.parent.parent_column if one.parent else ""
        if is_free and table.num_rows and {one.column.name, key} <= set(table.column_names):
            table = _with_hierarchy(table, one.column.name, key, rng)
    return table


def _with_hierarchy(table: pa.Table, column: str, key: str, rng: np.random.Generator) -> pa.Table:
    refers = table.column(column).is_valid().to_numpy()
    order = np.concatenate(
        [rng.permutation(np.flatnonzero(~refers)), rng.permutation(np.flatnonzero(refers))]
    )
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    above = order[rng.integers(0, np.maximum(rank, 1))]
    has_none = ~refers | (rank == 0)
    values = table.column(key).combine_chunks().take(pa.array(above, mask=has_none))
    place = table.column_names.index(column)
    return table.set_column(place, column, values.cast(table.schema.field(place).type))
