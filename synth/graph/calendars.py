"""Calendars that read a list of holidays, or are files: known by days of which none is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from synth.domain import MOMENTS

if TYPE_CHECKING:
    from synth.graph.look import RelationLook
    from synth.warehouse import Warehouse

MOST_DAYS = 50_000  # of a calendar: more than a century
FEWEST_DAYS = 28  # a month; fewer may be in a row by chance
MOST_OTHERS = 3  # rows of no day: it is not known, not yet there, or does not apply
FIRST_DAY, LAST_DAY = np.datetime64("1901-01-01"), np.datetime64("2200-01-01")  # what lies beyond stands in


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
    """Return whether moments are the days of a stretch of time, each once, beside few rows of no day.

    Rows that refer to no day find one: it is NULL there, or long ago, or never.
    """
    dates = moments.drop_null().cast(pa.timestamp("us")).cast(pa.date32(), safe=False).to_numpy()
    days = dates[(dates >= FIRST_DAY) & (dates < LAST_DAY)]
    if len(days) < FEWEST_DAYS or len(moments) - len(days) > MOST_OTHERS:
        return False
    numbers = np.unique(days.astype("datetime64[D]").astype(int))
    return len(numbers) == len(days) == int(numbers.max() - numbers.min()) + 1
