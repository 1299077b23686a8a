"""Learn the ordered rows of many owners, and draw such histories for other owners.

The number of rows is drawn given the owner. The first row is drawn given the owner and that number; its time
is an offset from a date of the owner where one is close. Every further row is drawn given the owner, its
place, how many rows remain, and what went before; its time is a gap. All histories advance side by side, one
row of each at a time.

A long history is cut into stretches. The first rows of its stretches are a history of their own, drawn first;
then all stretches advance side by side, each towards the first row of the next.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from synth.engine.clocks import Clock
from synth.engine.crowd import Beside
from synth.engine.marks import Marks
from synth.engine.synthesizer import Synthesizer
from synth.engine.ticks import is_measured
from synth.histories.amounts import is_averaged
from synth.histories.bonds import Bonds
from synth.histories.habits import habits
from synth.histories.history_model import HistoryModel, first_rows_of, later_engines, next_rows_of
from synth.histories.limits import Limits
from synth.histories.panels import (
    LONG,
    Panel,
    hours_of,
    next_times,
    of_firsts,
    of_laters,
    owner_name,
    owner_part,
    places,
    spans_of,
)
from synth.histories.pasts import Past, Schema
from synth.histories.sequels import never_pairs
from synth.histories.spans import closest_date, comes_soon
from synth.histories.steps import RowEngines, StepContext
from synth.histories.tenures import do_leave, drawn_counts, of_counts, top_counts, whole_numbers
from synth.histories.weeks import Week

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from synth.engine.synthesizer import Progress
    from synth.histories.panels import Lesson
    from synth.histories.pasts import Ints
    from synth.histories.spans import Spans

STREAMS = 5  # of chance, one for each engine
HISTORY_TRIES = 7  # draws of a whole history, until it has as many rows as were drawn for it
MOST_WITHOUT_ROOM, ROOM_TRIES = 0.01, 2  # of its rows may have no room; draws until no more have none
DRAWS = 2**20  # numbers between two draws: one a step is enough,
TRY_DRAWS = 2**17  # and between two draws of whole histories
FEW_ROWS = 2_000  # of which the first of each history are learned together with the others
MOST_ROWS = 400_000  # that are learned (of more, a part of the owners), or drawn anew for room alone


class Histories:
    """Learns the histories of many owners, and draws histories that go with other owners.

    A history is the rows of one owner in order of time; an owner may have none. Values are protected as those
    of `Synthesizer` are. The same frames, arguments and library versions give the same rows.

    Args:
        seed: of everything random, at least 0.
        time: the column of the rows by which they are ordered; None where they stand in order already.
        categories: columns, of owners and of rows, whose values are labels, whatever their dtype.
        public: columns of rows whose values may be emitted, however rare.
        births: days of birth of owners: they say when rows are, and nothing else is learned of them.
        rare: how many entities must hold a value for it to be emitted as it is.
        progress: called with what is learned or drawn, how much of it is done, and of how much.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        time: str | None = None,
        categories: Collection[str] = (),
        public: Collection[str] = (),
        births: Collection[str] = (),
        rare: int = 10,
        progress: Progress | None = None,
    ) -> None:
        self._progress = progress
        self._births = frozenset(map(owner_name, births))
        self._seed, self._time, self._rare = seed, time, rare
        self._categories = frozenset(categories)
        self._public = frozenset(public)
        self._labels = frozenset(
            f"{part} {name}" for name in categories for part in ("owner", "previous", "row")
        )
        self._model: HistoryModel | None = None

    def fit(
        self,
        owners: pd.DataFrame,
        rows: pd.DataFrame,
        owner: Ints,
        *,
        entities: NDArray[Any] | None = None,
        beside: Panel | None = None,
    ) -> Self:
        """Learn the histories; all frames are left as they are.

        Args:
            owners: one row per owner, without keys.
            rows: the rows of all owners, without keys.
            owner: for each of the rows, the position of its owner in `owners`.
            entities: whom each of the rows is about; None where each owner is one.
            beside: of the same tables what is not learned, but whose entities hold values, too.

        Raises:
            ValueError: a row has no owner, or the time column holds neither dates nor numbers, or NULL.
        """
        owner, time = np.asarray(owner, np.int64), self._time
        if len(owner) != len(rows) or (len(owner) and not 0 <= owner.min() <= owner.max() < len(owners)):
            raise ValueError("each row needs the position of its owner")
        if time is not None and (not is_measured(rows[time].dtype) or rows[time].isna().any()):
            raise ValueError(f"rows cannot be ordered by {time!r}: it needs a date or a number in every row")
        own = Panel(owners, rows, owner, entities).in_order(time, self._part)
        others = beside.in_order(time, self._part) if beside and len(beside.rows) else None
        empty, spans = own.rows.iloc[:0], spans_of(own, time)
        own, others = own.with_spans(spans), others and others.with_spans(spans)
        schema = self._schema(own.rows, own.place, spans)
        times = own.rows[time] if time is not None and len(own.rows) else None
        start, end = (None, None) if times is None else (times.min(), times.max())
        base = self._base(own)
        schema = replace(schema, first_apart=schema.whole and comes_soon(own, base, time))
        both = own, others
        top = top_counts([panel for panel in both if panel is not None], self._rare)
        week = Week() if time is None or schema.clock else Week.of(own.rows[time], self._rare)
        form = HistoryModel(own.rows.iloc[:0], empty, schema, base, end, start, week=week)
        whom = own.owner if own.entities is None else np.unique(own.entities, return_inverse=True)[1]
        pairs = never_pairs(own.rows, own.place > 0, whom, schema, self._categories)
        form = replace(form, marks=self._marks(own, schema), never=pairs, bonds=self._bonds(own, spans))
        form = replace(form, limits=Limits.of(own, time, self._rare))
        hours = hours_of(form, own, self._rare)
        form = replace(form, schema=replace(schema, leaves=do_leave(form, own), hours=hours))
        beside_counts = None if others is None else of_counts(form, top, others)
        form = replace(form, counts=self._engine(of_counts(form, top, own), beside_counts, 0))
        self._model = form if own.rows.columns.empty else self._of_rows(form, own, others)
        return self

    def _bonds(self, own: Panel, spans: Spans) -> Bonds:
        """Return what rows have in common with owners; no times, where the end of a row bounds the next."""
        time = None if spans.end else self._time
        return Bonds.of(own, time, {*self._labels, *self._categories}, self._rare)

    def _marks(self, own: Panel, schema: Schema) -> Marks:
        """Return the days of the month and the year that many times are on."""
        if self._time is None or schema.clock or own.rows[self._time].dtype.kind != "M":
            return Marks()
        whom = own.owner if own.entities is None else own.entities
        return Marks.of(own.rows[self._time].to_numpy("M8[us]"), whom, self._rare)

    def _of_rows(self, form: HistoryModel, own: Panel, others: Panel | None) -> HistoryModel:
        """Learn the rows of which the number was learned."""
        both = own, others
        if len(own.rows) and not form.schema.whole:
            form = replace(form, firsts=self._engines(partial(of_firsts, form), both, 1))
        if own.place.max(initial=0) >= LONG:
            form = replace(form, heads=self._heads(own, others))
        if (own.place % LONG > 0).any() or form.schema.whole:
            laters = partial(of_laters, form, long=form.heads is not None)
            form = replace(form, laters=self._engines(laters, both, 2))
        return form

    def _heads(self, own: Panel, others: Panel | None) -> Histories:
        """Learn the first rows of the stretches of long histories."""
        names = {"categories": self._categories, "public": self._public, "births": self._births}
        heads = Histories(self._seed + 1, time=self._time, rare=self._rare, progress=self._progress, **names)
        starts = own.starts
        beside = None if others is None else others.starts
        return heads.fit(starts.owners, starts.rows, starts.owner, entities=starts.entities, beside=beside)

    def _base(self, own: Panel) -> str | None:
        """Return the owner's date from which first times are an offset."""
        if not len(own.rows):
            return None
        first = own.place == 0
        dates = own.owners.drop(columns=[*self._labels & {*own.owners}])
        return closest_date(dates, own.rows[first], own.owner[first], self._time)

    def sample(
        self, owners: pd.DataFrame, *, draw: int = 0, counts: pd.Series[Any] | None = None
    ) -> tuple[pd.DataFrame, Ints]:
        """Draw a history for each of `owners`.

        Args:
            owners: rows with the columns and dtypes of the owners that were learned.
            draw: a number; other numbers give other rows.
            counts: how many rows each has, NULL for none; None lets them be drawn.

        Returns:
            The rows, those of one owner together and in order, and for each the position of its owner.

        Raises:
            RuntimeError: nothing was learned.
        """
        if self._model is None or self._model.counts is None:
            raise RuntimeError("fit must come before sample")
        owners = owner_part(owners)
        if counts is None:
            engine = self._model.counts
            numbers = drawn_counts(
                self._model,
                owners,
                lambda context: engine.sample(len(context), given=context, draw=DRAWS * draw),
            )
        else:
            numbers = whole_numbers(counts)
        rows, owner = self._complete(self._model, owners, numbers, DRAWS * draw)
        with_dates = self._model.schema.spans.as_dates(rows)
        return with_dates.astype(self._model.original.dtypes.to_dict()), owner

    def _complete(
        self, model: HistoryModel, owners: pd.DataFrame, counts: Ints, draw: int
    ) -> tuple[pd.DataFrame, Ints]:
        """Draw histories of so many rows.

        Those that end before they have as many, or whose rows had no room before the end, are drawn anew, and
        those whose first or last row is not as their owner.
        """
        rows, owner, without_room = self._sample(model, owners, counts, draw)
        breaks = model.bonds.breaks(owners, rows, owner)
        for attempt in range(1, HISTORY_TRIES + 1):
            rows_short = counts - np.bincount(owner, minlength=len(owners)) + breaks
            no_room = (without_room > MOST_WITHOUT_ROOM * counts) & (attempt <= ROOM_TRIES)
            to_redraw = np.flatnonzero((rows_short > 0) | (no_room & (counts.sum() <= MOST_ROWS)))
            if not len(to_redraw):
                break
            some = owners.iloc[to_redraw].reset_index(drop=True)
            more, whose, without_room_now = self._sample(
                model, some, counts[to_redraw], draw + attempt * TRY_DRAWS
            )
            breaks_now = model.bonds.breaks(some, more, whose)
            missing_now = counts[to_redraw] - np.bincount(whose, minlength=len(to_redraw)) + breaks_now
            better = missing_now + without_room_now < (rows_short + without_room)[to_redraw]
            without_room[to_redraw[better]] = without_room_now[better]
            breaks[to_redraw[better]] = breaks_now[better]
            stays = ~np.isin(owner, to_redraw[better])
            rows = pd.concat([rows[stays], more[better[whose]]], ignore_index=True)
            owner = np.concatenate([owner[stays], to_redraw[whose[better[whose]]]])
            order = np.argsort(owner, kind="stable")
            rows, owner = rows.iloc[order].reset_index(drop=True), owner[order]
        return model.bonds.with_times(owners, rows, owner), owner

    def _sample(
        self, model: HistoryModel, owners: pd.DataFrame, counts: Ints, draw: int
    ) -> tuple[pd.DataFrame, Ints, Ints]:
        """Draw histories of so many rows; say of each owner how many of them had no room before the end."""
        without_room = np.zeros(len(owners), np.int64)
        if (model.firsts is None and model.laters is None) or not counts.any():  # none, or without columns
            owner = np.repeat(np.arange(len(owners)), counts)
            return model.empty.reindex(range(len(owner))), owner, without_room
        if model.heads is not None and model.heads._model is not None:  # noqa: SLF001 - one of our own
            stretches_of = -(-counts // LONG)
            rows, owner, without_room = model.heads._sample(  # noqa: SLF001 - one of our own
                model.heads._model,  # noqa: SLF001
                owners,
                stretches_of,
                draw,
            )
        else:
            owner = np.flatnonzero(counts > 0)
            rows = first_rows_of(model, owners.iloc[owner], counts[owner], draw)
        lengths = np.minimum(counts[owner] - places(owner) * LONG, LONG)
        goal = next_times(rows[model.schema.time], owner) if model.heads and model.schema.time else None
        past = Past.of_first(model.schema, rows, goal)
        known_columns: StepContext | None = None
        active = np.arange(len(owner))
        parts, stretches = [rows], [active]
        for place in range(1, int(lengths.max())):
            goes_on = (lengths[active] > place) & model.schema.spans.goes_on(past.rows)
            if not goes_on.any():
                break
            active, past = active[goes_on], past.of(goes_on)
            if self._progress:
                self._progress("rows of histories", place, int(lengths.max()))
            engines = later_engines(model)
            known_columns = known_columns or engines.read({str(name): owners[name] for name in owners})
            context = engines.next_context(past, known_columns, owner[active], lengths[active])
            beside = owners.iloc[owner[active]]
            now, late = next_rows_of(model, past, context, draw + 2 * place, beside)
            np.add.at(without_room, owner[active[late]], 1)
            if model.schema.time is not None:  # where the observation is over, there is no further row
                since = model.schema.since(past.rows)
                early = model.schema.clock.are_early(since, now[model.schema.time])
                if early.any():
                    active, past, now = active[~early], past.of(~early), now[~early].reset_index(drop=True)
            past = past.after(now)
            parts.append(past.rows)
            stretches.append(active)
        where = np.concatenate(stretches)
        order = np.argsort(where, kind="stable")
        rows = pd.concat(parts, ignore_index=True).iloc[order].reset_index(drop=True)
        return rows, owner[where[order]], without_room

    def _part(self, owner: Ints) -> Ints:
        """Return the places of all rows of so many owners, at random, that about MOST_ROWS are left."""
        if len(owner) <= MOST_ROWS:
            return np.arange(len(owner))
        ranks = np.random.default_rng([self._seed, len(owner)]).permutation(owner.max() + 1)
        return np.flatnonzero(ranks[owner] < len(ranks) * MOST_ROWS / len(owner))

    def _schema(self, rows: pd.DataFrame, place: Ints, spans: Spans) -> Schema:
        values = tuple(name for name in rows.columns if name != self._time)
        mean_columns = tuple(
            name for name in values if name not in self._categories and is_averaged(rows[name])
        )
        repeat_columns, steady_columns = habits(rows, values, self._categories, place > 0)
        # Few rows teach more together: what does not depend on the place in a history is learned from all.
        whole = bool((place > 0).any()) and len(rows) < FEW_ROWS and place.max(initial=0) < LONG
        clock = Clock() if self._time is None else Clock.of_rows(rows[self._time], place > 0)
        return Schema(
            self._time,
            values,
            mean_columns,
            repeat_columns,
            steady_columns,
            spans,
            whole,
            clock=clock,
            births=self._births,
        )

    def _engines(
        self, lesson_of: Callable[[Panel], Lesson], panels: tuple[Panel, Panel | None], stream: int
    ) -> RowEngines:
        """Learn when the rows of the first panel are, and what they hold; the second is beside it."""
        lesson, others = lesson_of(panels[0]), None if panels[1] is None else lesson_of(panels[1])
        times = self._engine(lesson.of_times, others and others.of_times, stream + 2)
        contents = self._engine(lesson.of_contents, others and others.of_contents, stream)
        return RowEngines(times, contents, self._births)

    def _engine(self, lesson: Lesson, others: Lesson | None, stream: int) -> Synthesizer | None:
        """Learn a lesson, if it has anything to draw; the other one is beside it."""
        if lesson.targets.columns.empty:
            return None
        frame = lesson.frame
        labels = [str(name) for name in frame.columns if name in self._labels]
        public = [f"row {name}" for name in self._public if f"row {name}" in frame]
        engine = Synthesizer(STREAMS * self._seed + stream, categories=labels, public=public, rare=self._rare)
        beside = None if others is None else Beside(others.frame, others.entities)
        return engine.fit(
            frame,
            given=lesson.conditioning,
            always=True,
            entities=lesson.entities,
            beside=beside,
            progress=self._progress,
        )
