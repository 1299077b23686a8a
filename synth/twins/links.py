"""Whose each row of a twin by guarantee is: parents have about as many rows as real ones, by noisy counts."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.roles import KEYS
from synth.guarantee import ParentCounts
from synth.guarantee.contributions import rows_within
from synth.sampling.source import read_parents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import Model
    from synth.guarantee import ChildCounts
    from synth.sampling.context import RunContext

    Ints = NDArray[np.int64]


def link_column(model: Model, treatments: Sequence[Treatment]) -> Treatment | None:
    """Return the key that leads from the rows of a model to whom they are about, if one does."""
    whose = model.ownership
    if whose is None or not whose.column or model.history:
        return None
    for one in treatments:
        if one.column.name == whose.column:
            return one if one.role in KEYS and not one.to_itself and not one.unique else None
    return None


def count_parents(
    model: Model, link: Treatment, real: pa.Table, most: int, context: RunContext, secret: bytes
) -> ParentCounts:
    """Return how many rows real parents have; of one entity at most so many parents are counted.

    Raises:
        WarehouseError: Postgres refused.
    """
    whose = model.ownership
    keys = real.column(link.column.name).combine_chunks().drop_null()
    counts = keys.value_counts()
    numbers = counts.field("counts").to_numpy().astype(np.int64)
    if whose is None or not whose.path:
        return ParentCounts(numbers)
    parents, owners = read_parents(whose, context.warehouse, context.snapshot)
    parents = parents.combine_chunks()
    places = pc.index_in(parents.cast(keys.type), counts.field("values"))
    of_parents = np.append(numbers, 0)[places.fill_null(-1).to_numpy(zero_copy_only=False)]
    texts = parents.cast(pa.string()).to_numpy(zero_copy_only=False)
    frame = pd.DataFrame({"key": texts, "rows": of_parents})
    numbers_within = rows_within(frame, owners, most, secret)["rows"].to_numpy(np.int64)
    return ParentCounts(numbers_within, per_entity=most, all=True)


def link_rows(children: ChildCounts, pool: pa.Array | None, rows: int, rng: np.random.Generator) -> Ints:
    """Return the parent of each row of a twin: its place among the keys, or its number where keys are new.

    Args:
        children: how many rows parents have.
        pool: the keys of the parent's twin; None where the keys are new.
        rows: how many there are by the noisy count, where nothing else says how many parents there are.
        rng: the source of chance.
    """
    number = ceil(rows / max(children.mean, 1e-9)) if children.all else children.parents
    if pool is None:
        places = np.arange(number)
    elif children.all:
        places = rng.permutation(len(pool))
    else:
        places = rng.permutation(len(pool))[:number]
    return np.repeat(places, children.draw(len(places), rng))
