"""Owners and the rows that are theirs, in order, and what an engine learns of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.engine.ticks import to_native
from synth.histories.hours import Hours
from synth.histories.pasts import (
    AT,
    COUNT,
    HOUR,
    MONTH,
    NOW,
    contexts,
    first_targets,
    later_targets,
    starting_times,
)
from synth.histories.spans import Spans

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from synth.engine.clocks import Clock
    from synth.histories.pasts import Form, Ints

LONG = 64  # rows of a stretch
MOMENTS = NOW, MONTH  # when rows are, as their values see it


@dataclass(frozen=True, slots=True)
class Panel:
    """Owners, their rows, and whose each is.

    Attributes:
        owners: one row per owner, without keys.
        rows: of all owners, without keys.
        owner: for each of the rows, the position of its owner.
        entities: whom each of the rows is about; None where each owner is one.
        counts: how many rows each owner has, those that were left out included.
    """

    owners: pd.DataFrame
    rows: pd.DataFrame
    owner: Ints
    entities: NDArray[Any] | None = None
    counts: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def in_order(self, time: str | None, part: Callable[[Ints], Ints]) -> Panel:
        """Return it with the rows of each owner together and in order of time, the owners' columns renamed.

        Args:
            time: the column by which rows are ordered, if one does.
            part: says which of the rows to take, by their owners.
        """
        owner = np.asarray(self.owner, np.int64)
        rows = self.rows.reset_index(drop=True)
        part_rows = part(owner)
        order = part_rows[np.argsort(owner[part_rows], kind="stable")]
        if time is not None:
            by_time = part_rows[np.argsort(to_native(rows[time])[0][part_rows], kind="stable")]
            order = by_time[np.argsort(owner[by_time], kind="stable")]
        return Panel(
            owner_part(self.owners),
            rows.iloc[order].reset_index(drop=True),
            owner[order],
            None if self.entities is None else np.asarray(self.entities)[order],
            np.bincount(owner, minlength=len(self.owners)),
        )

    def with_spans(self, spans: Spans) -> Panel:
        """Return it with spans in place of some dates of its rows."""
        return replace(self, rows=spans.of_rows(self.rows)) if spans.whole else self

    @property
    def place(self) -> Ints:
        """The place of each row in its history, from 0."""
        return places(self.owner)

    @property
    def starts(self) -> Panel:
        """The first rows of all stretches, as a history of their own."""
        starts = self.place % LONG == 0
        entities = None if self.entities is None else self.entities[starts]
        return replace(self, rows=self.rows[starts], owner=self.owner[starts], entities=entities)

    @property
    def whom(self) -> NDArray[Any]:
        """Whom each of the rows is about."""
        return self.owner if self.entities is None else self.entities

    @property
    def of_owners(self) -> NDArray[Any] | None:
        """Whom each of the owners is about; who has no rows is somebody else. None where each is one."""
        if self.entities is None:
            return None
        codes = pd.factorize(self.entities)[0]
        whom: Ints = np.arange(len(self.owners)) + int(codes.max(initial=-1)) + 1
        whom[self.owner] = codes
        return whom


@dataclass(frozen=True, slots=True)
class Lesson:
    """What an engine learns.

    Attributes:
        context: columns that are given.
        targets: columns that are drawn.
        entities: whom each row is about; None where each is one.
        when: those of the targets that say when rows are.
        births: those of the columns given that say it, and nothing else.
    """

    context: pd.DataFrame
    targets: pd.DataFrame
    entities: NDArray[Any] | None
    when: tuple[str, ...] = ()
    births: frozenset[str] = frozenset()

    @property
    def frame(self) -> pd.DataFrame:
        """All columns."""
        parts = self.context.reset_index(drop=True), self.targets.reset_index(drop=True)
        return pd.concat(parts, axis=1)

    @property
    def conditioning(self) -> list[str]:
        """The names of the columns that are given."""
        return list(self.context.columns)

    @property
    def of_times(self) -> Lesson:
        """When rows are."""
        return replace(self, targets=self.targets[[name for name in self.when if name in self.targets]])

    @property
    def of_contents(self) -> Lesson:
        """What rows hold, given when they are."""
        targets = self.targets.drop(columns=HOUR, errors="ignore")  # the moments tell it
        names = [name for name in map(str, targets) if name in self.when or _is_moment(name)]
        context = self.context.drop(columns=[*self.births], errors="ignore")
        parts = context.reset_index(drop=True), targets[names].reset_index(drop=True)
        return replace(self, context=pd.concat(parts, axis=1), targets=targets.drop(columns=names))


def _is_moment(name: str) -> bool:
    return name in MOMENTS or name.startswith(f"{AT} ")


def of_firsts(form: Form, panel: Panel) -> Lesson:
    """Return the first rows, given their owners and how many rows there are."""
    first = panel.place == 0
    owner = panel.owner[first]
    context = panel.owners.iloc[owner].assign(**{COUNT: panel.counts[owner]})
    targets = first_targets(panel.owners, panel.rows[first], owner, form.schema, form.base)
    entities = None if panel.entities is None else panel.entities[first]
    return Lesson(context, targets, entities, form.schema.when, form.schema.births)


def of_laters(form: Form, panel: Panel, *, long: bool) -> Lesson:
    """Return all other rows, or all, given their owners and what was before; `long` ones are cut."""
    stretch = panel.place % LONG
    length = np.minimum(panel.counts[panel.owner] - (panel.place - stretch), LONG)
    goal = _goals(form, panel) if long else None
    owners = panel.owners.iloc[panel.owner]
    start_times = None
    if form.schema.whole and form.schema.time is not None:
        start_times = starting_times(form, owners)
    context = contexts(form, owners, length, panel.rows, stretch, goal)
    is_learned = np.ones(len(stretch), bool) if form.schema.whole else stretch > 0
    targets = later_targets(panel.rows, stretch > 0, form.schema, start_times)
    return Lesson(context, targets, panel.whom[is_learned], form.schema.when, form.schema.births)


def _goals(form: Form, panel: Panel) -> pd.Series[Any] | None:
    """Return for each row the time of the first row of the next stretch of its history."""
    if form.schema.time is None:
        return None
    starts = panel.place % LONG == 0
    next_starts = next_times(panel.rows.loc[starts, form.schema.time], panel.owner[starts])
    return next_starts.iloc[np.cumsum(starts) - 1].reset_index(drop=True)


def next_times(times: pd.Series[Any], owner: Ints) -> pd.Series[Any]:
    """Return for each first row of a stretch the time of the next, NULL for the last of a history."""
    times = times.reset_index(drop=True)
    next_starts = times.shift(-1)
    return next_starts.mask(np.r_[owner[1:] != owner[:-1], True])


def places(owner: Ints) -> Ints:
    """Return the place of each row in its history, from 0; rows of one owner stand together."""
    index = np.arange(len(owner))
    starts = np.r_[True, owner[1:] != owner[:-1]][: len(owner)]
    return index - np.maximum.accumulate(np.where(starts, index, 0)) if len(owner) else index


def owner_part(owners: pd.DataFrame) -> pd.DataFrame:
    """Return the owners under names that no column of the rows has."""
    return owners.rename(columns=owner_name).reset_index(drop=True)


def owner_name(name: str) -> str:
    """Return what a column of owners is called beside those of their rows."""
    return name if str(name).startswith("owner ") else f"owner {name}"


def spans_of(panel: Panel, time: str | None) -> Spans:
    """Return what of the rows is learned as spans; long histories need not follow each other's ends."""
    spans = Spans.of(panel.rows, panel.owner, time)
    return spans if panel.place.max(initial=0) < LONG else replace(spans, end=None)


def hours_of(form: Form, panel: Panel, rare: int) -> Hours:
    """Return how times of the day are learned: not at all, where times are counted in months or weeks."""
    if form.schema.time is None or form.schema.clock or not len(panel.rows):
        return Hours()
    starts = starting_times(form, panel.owners.iloc[panel.owner])
    since = form.schema.since(panel.rows).shift().where(panel.place > 0, starts)
    return Hours.of_rows(since, panel.rows[form.schema.time], panel.whom, rare)


def brought_back(
    times: pd.Series[Any], start: pd.Series[Any], end: pd.Series[Any], clock: Clock
) -> pd.Series[Any]:
    """Return times that are not behind the end: those that were are spread between start and end.

    At the end itself they would pile up, and it is a time of somebody.
    """
    late = times > end
    if clock:
        gap, room = clock.between(start, times), clock.between(start, end)
        return times.mask(
            late, clock.after(start, ((gap - 1) % room.clip(lower=1) + 1).where(room > 0, room))
        )
    room = (end - start)[late]
    spread = room.index[room > room * 0]
    back = times.mask(late, end)
    back[spread] = start[spread] + (times - start)[spread] % room[spread]
    return back
