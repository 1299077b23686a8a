"""What is never before a date of its owner in the real rows is not before it in the twin's.

An order is not placed before the customer signed up. Engines draw it so where they can; what they smooth, and
what is moved away from somebody's own date, may fall before it all the same, and is moved to that date.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]
    Times: TypeAlias = NDArray[np.datetime64]

FEWEST = 20  # rows that have both dates, from which it is a rule
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True)
class Precedence:
    """The date in `column` of a row is never before that in `earlier` of its owner.

    Attributes:
        by_day: it holds whole days, and may be the day of the owner's time.
    """

    column: str
    earlier: str
    by_day: bool


def find_precedence(rows: pd.DataFrame, owner: Ints, owners: pd.DataFrame) -> tuple[Precedence, ...]:
    """Return which dates of rows are never before which dates of their owners.

    Args:
        rows: the real ones.
        owner: of each the position of its owner; -1 where it has none.
        owners: the real ones.
    """
    pairs: list[Precedence] = []
    owned_rows = np.flatnonzero(owner >= 0)
    dates = {str(name): _times(owners[name])[owner[owned_rows]] for name in _moments(owners)}
    for column in _moments(rows):
        times = _times(rows[column])[owned_rows]
        whole = bool((_days(times) == times)[~np.isnat(times)].all())
        for earlier, owner_times in dates.items():
            both = ~np.isnat(times) & ~np.isnat(owner_times)
            first = _days(owner_times) if whole else owner_times
            if both.sum() >= FEWEST and (times >= first)[both].all():
                pairs.append(Precedence(column, earlier, whole))
    return tuple(pairs)


def move_behind(
    rows: pd.DataFrame, owner: Ints, owners: pd.DataFrame, pairs: Sequence[Precedence]
) -> pd.DataFrame:
    """Return the rows with dates that are too early moved to those of their owners.

    Other such dates of the row move with them, so that what lasts a while still does.

    Args:
        rows: those drawn.
        owner: of each the position of its owner's twin.
        owners: the owners' twins.
        pairs: which dates are not before which.
    """
    if not pairs or not len(rows):
        return rows
    late = np.zeros(len(rows), "m8[us]")
    for pair in pairs:
        owner_times = _times(owners[pair.earlier])[owner]
        lag = (_days(owner_times) if pair.by_day else owner_times) - _times(rows[pair.column])
        late = np.fmax(late, np.where(np.isnat(lag), np.timedelta64(0, "us"), lag))
    is_early = late > np.timedelta64(0, "us")
    if not is_early.any():
        return rows
    result = rows.copy()
    for column, whole in {pair.column: pair.by_day for pair in pairs}.items():
        step = -(-late // DAY) * DAY if whole else late
        values = result[column].copy()
        values[is_early] = values[is_early] + pd.to_timedelta(step[is_early])
        result[column] = values.astype(rows[column].dtype)
    return result


def _moments(frame: pd.DataFrame) -> list[str]:
    return [str(name) for name in frame.columns if pd.api.types.is_datetime64_any_dtype(frame[name].dtype)]


def _times(values: pd.Series[Any]) -> Times:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    return values.to_numpy("datetime64[us]")


def _days(times: Times) -> Times:
    return times.astype("datetime64[D]").astype("datetime64[us]")
