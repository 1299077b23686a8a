"""Calendars that read a list of holidays, or are files: known by days of which none is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from synth.domain import MOMENTS

if TYPE_CHECKING:
    from synth.graph.look import RelationLook
    from synth.warehouse import Warehouse

MOST_DAYS = 50_000  # of a calendar: more than a century
FEWEST_DAYS = 28  # a month; fewer may be in a row by chance


def has_every_day(look: RelationLook, warehouse: Warehouse) -> bool:
    """Return whether rows are days, one each, and none between the first and the last is left out.

    Raises:
        WarehouseError: Postgres refused.
    """
    columns = [column for column in look.columns.values() if column.kind in MOMENTS]
    if not columns or look.rows > MOST_DAYS:
        return False
    rows = warehouse.sample(look.relation, columns, MOST_DAYS + 1)
    return any(are_days_in_a_row(values) for values in rows.columns)


def are_days_in_a_row(moments: pa.ChunkedArray) -> bool:
    """Return whether moments are the days of a stretch of time, each once."""
    if moments.null_count or len(moments) < FEWEST_DAYS:
        return False
    days = moments.cast(pa.timestamp("us")).cast(pa.date32(), safe=False).cast(pa.int32())
    numbers = days.unique().to_numpy()
    return len(numbers) == len(days) == int(numbers.max() - numbers.min()) + 1
