"""References of a table to itself, of which nothing is known: a tree, as bosses, parts and categories make.

Drawn at random, rows lead to each other in circles and nobody is at the top. That there are no circles is no
fact of the real rows, so it may be used where these must not be looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from synth.domain import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.columns.roles import Treatment


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
