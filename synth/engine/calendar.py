"""What a tree sees of a date beside its place in time: hour, day of the week and month, where they matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from synth.engine.dateparts import PARTS
from synth.engine.goals import goal_of, level_means, principal
from synth.engine.numbers import NumberColumn
from synth.engine.order import MANY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.engine.columns import ColumnCodes, Ints
    from synth.engine.goals import Goal

    Calendar: TypeAlias = Mapping[int, Sequence["DatePart"]]  # by the index of the date

SHORTEST = {"hour": 2, "weekday": 14, "month": 640}  # days that show a cycle twice, or most of it
MATTERS = 4.0  # of an F statistic: chance exceeds it once in 2,000 for seven days of the week


@dataclass(frozen=True, slots=True)
class DatePart:
    """A part of a date.

    Attributes:
        name: such as weekday.
        values: for each code of the date, from 0.
        order: for each value its place among the others, as the column has it that depends on it most.
        strength: the F statistic of that column.
    """

    name: str
    values: Ints
    order: NDArray[np.float32]
    strength: float

    def feature(self, codes: Ints, goal: Goal) -> NDArray[np.float32]:
        """Return what a tree sees at each code, NULL last: how the goal orders the values if it does.

        Args:
            codes: of the rows that are learned, -1 for NULL.
            goal: what the tree tells apart.
        """
        order = _order(self.values, codes, goal) if _f(self.values, codes, goal) > MATTERS else self.order
        return np.append(order[self.values], np.float32(-1))


def find_calendar(columns: Sequence[ColumnCodes]) -> tuple[dict[int, list[DatePart]], dict[int, list[int]]]:
    """Find the parts of dates that some other column depends on.

    A column depends on a part where it differs between the part's values by more than chance has it (analysis
    of variance, Fisher 1925). A part that matters to one column is seen by all: to another it may matter only
    for some labels.

    Args:
        columns: the frame's.

    Returns:
        For each date that matters its parts, and for each column that depends on dates their indices.
    """
    parts = {index: list(_parts(column)) for index, column in enumerate(columns)}
    best: dict[tuple[int, int], DatePart] = {}
    targets: dict[int, list[int]] = {}
    for index, column in enumerate(columns):
        rows = np.flatnonzero(column.learnable)
        has_goal = column.size > 1 and (column.is_ordered or column.size <= MANY)
        if parts[index] or not has_goal or not any(parts.values()) or not (column.codes[rows] >= 0).any():
            continue
        goal = goal_of(column, column.codes[rows], [])
        for date, place in ((date, place) for date, own in parts.items() for place in range(len(own))):
            (name, values), codes = parts[date][place], columns[date].codes[rows]
            strength = _f(values, codes, goal)
            if strength > MATTERS:
                targets[index] = list(dict.fromkeys([*targets.get(index, ()), date]))
                if (date, place) not in best or strength > best[date, place].strength:
                    best[date, place] = DatePart(name, values, _order(values, codes, goal), strength)
    calendar: dict[int, list[DatePart]] = {}
    for date, place in sorted(best):
        calendar.setdefault(date, []).append(best[date, place])
    return calendar, targets


def dates_first(
    draw_order: Sequence[int], dates: Mapping[int, Sequence[int]], *, first: Collection[int]
) -> list[int]:
    """Return the order, changed so that a date is drawn before the columns that depend on its parts."""
    order = list(draw_order)
    for date in [index for index in draw_order if index not in first]:
        targets = [
            order.index(target) for target, own in dates.items() if date in own and target not in first
        ]
        if targets and min(targets) < order.index(date):
            order.remove(date)
            order.insert(min(targets), date)
    return order


def _parts(column: ColumnCodes) -> Iterator[tuple[str, Ints]]:
    """Yield those parts of a date that the column's span shows twice, by name and for each code."""
    if not isinstance(column, NumberColumn) or column.size < 2:  # noqa: PLR2004 - one date has no rhythm
        return
    native = column.native(np.arange(column.size))
    if native.dtype.kind != "M":
        return
    moments = native.astype("datetime64[us]")
    span = (moments.max() - moments.min()) / np.timedelta64(1, "D")
    for name, days in SHORTEST.items():
        part = PARTS[name](moments)
        if span >= days and (part != part[0]).any():
            yield name, part


def _order(part: Ints, codes: Ints, goal: Goal) -> NDArray[np.float32]:
    """Return for each value of a part its place on the goal's axis, as a rank."""
    levels = int(part.max()) + 1
    of_row = np.where(codes < 0, -1, part[codes])
    means = level_means(of_row, levels, goal)
    counts = np.bincount(np.where(of_row < 0, levels, of_row), minlength=levels + 1)
    place = np.round(principal(means, counts)[:levels, 0], 7)
    return np.unique(place, return_inverse=True)[1].astype(np.float32)


def _f(part: Ints, codes: Ints, goal: Goal) -> float:
    """Return the F statistic of the goal's places between the values of a part; NULL is left out."""
    rows = codes >= 0
    groups, levels = len(goal.places), int(part.max()) + 1
    joint = np.bincount(part[codes[rows]] * groups + goal.groups[rows], minlength=levels * groups)
    table = joint.reshape(levels, groups)
    table = table[table.any(1)]
    size, count = table.sum(1), int(table.sum())
    if len(size) < 2 or count <= len(size):  # noqa: PLR2004 - one value differs from none
        return 0.0
    sums = table @ goal.places
    centre = float(sums.sum(0) @ sums.sum(0)) / count
    between = float(((sums**2).sum(1) / size).sum()) - centre
    within = max(float(table.sum(0) @ (goal.places**2).sum(1)) - centre - between, 0.0)
    freedom = (count - len(size)) / (len(size) - 1)
    return between / within * freedom if within > 0 else np.inf if between > 0 else 0.0
