"""Keys that rise with a time of their row: numbers dealt out as rows arose, such as those of tickets.

New keys are dealt out at random. Where no real row has a larger key than a later row, the keys of the twin
are put into the order of its own times; which keys these are stays as it is.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import gammaln

from synth.domain import MOMENTS, Kind, Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment

    Ints = NDArray[np.int64]

CHANCE = log(1e-6)  # of keys in this order, were they dealt out at random
SERIAL_KINDS = frozenset({Kind.INTEGER, Kind.TEXT})


def with_serial_keys(
    columns: Mapping[str, pa.Array],
    treatments: Sequence[Treatment],
    real: pa.Table,
    existing: pa.Table,  # noqa: ARG001 - as the other steps by which codes say something of their row
    rng: np.random.Generator,
) -> dict[str, pa.Array]:
    """Return the twin's columns with keys in the order of a time, where real ones are.

    Args:
        columns: of the twin.
        treatments: of every column.
        real: the rows that are learned from.
        existing: all real values; no other ones than before are in the twin.
        rng: decides the order of rows of one time.
    """
    twin_columns = dict(columns)
    times = [one.column.name for one in treatments if _is_time(one) and one.column.name in columns]
    fixed_columns = {one.parent.parent_column for one in treatments if one.to_itself and one.parent}
    for one in treatments:
        name = one.column.name
        if one.role is not Role.KEY or one.column.kind not in SERIAL_KINDS or name in fixed_columns:
            continue
        if name not in columns or one.shared is not None or columns[name].null_count:
            continue
        time = next((time for time in times if _rises(real.column(name), real.column(time))), None)
        if time is not None and not columns[time].null_count:
            keys = columns[name].take(pc.array_sort_indices(columns[name]))
            place = np.empty(len(keys), np.int64)
            place[_order(columns[time], rng.permutation(len(keys)))] = np.arange(len(keys))
            twin_columns[name] = keys.take(pa.array(place))
    return twin_columns


def _is_time(one: Treatment) -> bool:
    return one.role is Role.DATETIME and one.column.kind in MOMENTS and one.form is None


def _rises(keys: pa.ChunkedArray, times: pa.ChunkedArray) -> bool:
    """Return whether all keys differ, and none is larger than that of a later row, as by chance it would be.

    Text is compared as it is sorted, so all of it has to have one length.
    """
    if keys.null_count or times.null_count or not len(keys):
        return False
    if pa.types.is_string(keys.type) and len(pc.unique(pc.utf8_length(keys))) > 1:
        return False
    ranks: Ints = pc.rank(keys, tiebreaker="dense").to_numpy(zero_copy_only=False).astype(np.int64)
    if ranks.max() < len(ranks):
        return False
    order = _order(times, ranks)
    if (np.diff(ranks[order]) < 0).any():
        return False
    sizes = pd.Series(_numbers(times)).value_counts().to_numpy(np.float64)
    return float(gammaln(sizes + 1).sum() - gammaln(len(ranks) + 1)) < CHANCE


def _order(times: pa.Array | pa.ChunkedArray, ranks: Ints) -> Ints:
    """Return the order of rows by time, those of one time by rank."""
    return np.lexsort((ranks, _numbers(times)))


def _numbers(times: pa.Array | pa.ChunkedArray) -> Ints:
    numbers: Ints = times.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return numbers
