"""What is never after a date of its owner in the real rows is not after it in the twin's.

A laboratory value of a stay is not taken after the patient left. Engines learn the distance to dates before a
row; where a row ends up behind such a deadline, its dates move back together, by whole weeks where there is
room, so that days of the week and times of the day stay. What is the first of a month stays one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd

from synth.sampling.precedence import DAY, FEWEST, moments_of, times_of, whole_days

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from synth.sampling.precedence import Precedence, Times

    Ints: TypeAlias = NDArray[np.int64]
    Lengths: TypeAlias = NDArray[np.timedelta64]

MOSTLY = 0.5  # of the owners
NOTHING = np.timedelta64(0, "us")
WEEK = 7 * DAY


@dataclass(frozen=True, slots=True)
class Deadline:
    """The date in `column` of a row is never after that in `later` of its owner.

    Attributes:
        by_day: `later` holds whole days, and all of the day counts.
    """

    column: str
    later: str
    by_day: bool


def find_deadlines(rows: pd.DataFrame, owner: Ints, owners: pd.DataFrame) -> tuple[Deadline, ...]:
    """Return which dates of rows are never after which dates of their owners.

    Dates that are those of the owner's latest row are left out: they are computed from the twin's rows.

    Args:
        rows: the real ones.
        owner: of each the position of its owner; -1 where it has none.
        owners: the real ones.
    """
    owned_rows = np.flatnonzero(owner >= 0)
    pairs = []
    for later in moments_of(owners):
        ends = times_of(owners[later])[owner[owned_rows]]
        by_day = bool((whole_days(ends) == ends)[~np.isnat(ends)].all())
        for column in moments_of(rows):
            times = times_of(rows[column])[owned_rows]
            both = ~np.isnat(times) & ~np.isnat(ends)
            last = ends + DAY - np.timedelta64(1, "us") if by_day else ends
            if both.sum() < FEWEST or not (times <= last)[both].all():
                continue
            if not _is_latest(times[both], last[both], owner[owned_rows][both], by_day=by_day):
                pairs.append(Deadline(column, later, by_day))
    return tuple(pairs)


def _is_latest(times: Times, last: Times, owner: Ints, *, by_day: bool) -> bool:
    """Return whether an owner's date is mostly that of its latest row, and so is counted from the rows."""
    frame = pd.DataFrame({"owner": owner, "time": times, "last": last}).groupby("owner").max()
    latest, ends = times_of(frame["time"]), times_of(frame["last"])
    if by_day:
        latest, ends = whole_days(latest), whole_days(ends)
    return bool((latest == ends).mean() > MOSTLY)


def move_before(
    rows: pd.DataFrame,
    owner: Ints,
    owners: pd.DataFrame,
    deadlines: Sequence[Deadline],
    precedence: Sequence[Precedence],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return the rows with dates that are too late moved to before those of their owners.

    Args:
        rows: those drawn.
        owner: of each the position of its owner's twin.
        owners: the owners' twins.
        deadlines: which dates are not after which.
        precedence: which dates are not before which.
        rng: the source of chance.
    """
    if not deadlines or not len(rows):
        return rows
    late: Lengths = np.full(len(rows), NOTHING)
    for one in deadlines:
        ends = times_of(owners[one.later])[owner] + (DAY - np.timedelta64(1, "us") if one.by_day else NOTHING)
        late = _greatest(late, times_of(rows[one.column]) - ends)
    is_late = late > NOTHING
    if not is_late.any():
        return rows
    columns = sorted({one.column for one in deadlines} | {one.column for one in precedence})
    starts = {name: _starts(name, owner, owners, precedence)[is_late] for name in columns}
    times = {name: times_of(rows[name])[is_late] for name in columns}
    slack = np.full(int(is_late.sum()), np.timedelta64(2**62, "us"))
    for name in columns:
        room = times[name] - starts[name]
        slack = np.where(np.isnat(room), slack, np.minimum(slack, room))
    steps = _steps(late[is_late], slack, rng)
    result = rows.copy()
    for name in columns:
        new_times = times[name] - steps
        new_times = np.where(np.isnat(starts[name]), new_times, np.maximum(new_times, starts[name]))
        new_times = _firsts(new_times) if _are_firsts(times_of(rows[name])) else new_times
        values = result[name].copy()
        change = pd.to_timedelta(new_times - times[name])
        values[is_late] = values[is_late] + change
        result[name] = values.astype(rows[name].dtype)
    return result


def _are_firsts(times: Times) -> bool:
    """Return whether all moments are the starts of months, and there are some."""
    present = times[~np.isnat(times)]
    return len(present) > 0 and bool((_firsts(present) == present).all())


def _firsts(times: Times) -> Times:
    """Return the start of the month of each moment."""
    return times.astype("datetime64[M]").astype("datetime64[us]")


def _greatest(lengths: Lengths, others: Lengths) -> Lengths:
    return np.where(np.isnat(others), lengths, np.maximum(lengths, others))


def _starts(name: str, owner: Ints, owners: pd.DataFrame, precedence: Sequence[Precedence]) -> Times:
    """Return the earliest that a date may be, by its owner; none where nothing says so."""
    starts = np.full(len(owner), np.datetime64("NaT", "us"))
    for one in precedence:
        if one.column == name:
            starts = np.fmax(starts, one.first_times(owners)[owner])
    return starts


def _steps(late: Lengths, slack: Lengths, rng: np.random.Generator) -> Lengths:
    """Return how far each row moves back: by weeks, else days, at random where there is room for more."""
    steps = late.copy()
    for unit in (DAY, WEEK):
        least = -(-late // unit) * unit
        more = np.minimum(np.maximum(slack - least, NOTHING) // unit, np.maximum(late // unit, 1))
        further = (rng.random(len(late)) * (more + 1)).astype(np.int64) * unit
        steps = np.where(least <= slack, least + further, steps)
    return steps
