"""Things that one row at a time refers to: a meter has one contract, a room one guest, a copy one borrower.

Keys beside that of the owner are dealt out without a look at dates. Where real periods of no thing overlap,
a row whose thing is taken by then gets another of the same kind that is free.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.conform import learnable
from synth.corrections.fits import LABELS
from synth.corrections.periods import codes_of, find_succession, times_of, with_succession
from synth.domain import Role, Way

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.corrections.periods import Succession
    from synth.domain import Across
    from synth.sampling.context import Case, Samples, TwinTable

    Ints: TypeAlias = NDArray[np.int64]
    Mask: TypeAlias = NDArray[np.bool_]
    Parents: TypeAlias = Mapping[str, Mapping[str, pa.ChunkedArray]]

MOST_LEFT_OUT = 0.05  # of the rows, for which no thing is free; where there are more, none is
NOTHING = -1  # the place of a key that is NULL or unknown
LONG_AGO, FOREVER = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Things:
    """What rows refer to by one key.

    Attributes:
        keys: all there are.
        kinds: of each, a number that is the same where rows copy the same from it.
        place: of each row, the position of its key; NOTHING where it has none.
    """

    keys: pa.Array
    kinds: Ints
    place: Ints


def with_periods_apart(
    case: Case, twin_table: TwinTable, samples: Samples, parents: Parents
) -> tuple[TwinTable, Samples]:
    """Return the twin with periods of each owner and of each thing apart where real ones are.

    Args:
        case: of the twin.
        twin_table: the twin; its keys are dealt out.
        samples: the rows that it was made of.
        parents: columns of the twins already made, by `unique_id`.
    """
    twin_table, samples = with_succession(case, twin_table, samples)
    return with_turns(case, twin_table, parents), samples


def with_turns(case: Case, twin_table: TwinTable, parents: Parents) -> TwinTable:
    """Return the twin with periods of each thing that follow each other, where real ones do.

    Args:
        case: of the twin.
        twin_table: the twin; its keys are dealt out.
        parents: columns of the twins already made, by `unique_id`.
    """
    for treatment, succession in _taken_in_turns(case, twin_table.table):
        table, name = twin_table.table, treatment.column.name
        dates = [one for one in case.treatments if one.column.name in {succession.start, succession.end}]
        rows = learnable(table, dates)
        start, end = (times_of(rows[each]).astype(np.int64) for each in (succession.start, succession.end))
        has_end = rows[succession.end].notna().to_numpy(bool)
        things = _things(case, treatment, table, parents)
        places, stays = take_turns(things, start, np.where(has_end, end, FOREVER), strict=succession.strict)
        keys = things.keys.take(pa.array(places, mask=places == NOTHING))
        position = table.column_names.index(name)
        column = pa.chunked_array([keys.cast(table.schema.field(position).type)])
        table = table.set_column(position, name, column).filter(pa.array(stays))
        twin_table = replace(twin_table, table=table, places=twin_table.places[stays])
    return twin_table


def _taken_in_turns(case: Case, table: pa.Table) -> Iterator[tuple[Treatment, Succession]]:
    """Yield the keys of things, beside the owner, whose real periods follow each other."""
    model = case.task.model
    dates = [
        one for one in case.treatments if one.role is Role.DATETIME and one.column.name in table.column_names
    ]
    if model.history or len(dates) < 2:  # noqa: PLR2004 - a start and an end
        return
    real = learnable(case.source.real, dates)
    for one in case.treatments:
        name = one.column.name
        if one.role is Role.FOREIGN_KEY and not one.to_itself and not one.unique and name != case.owner:
            succession = find_succession(real, codes_of(case.source.real.column(name)), ())
            if succession is not None and name in table.column_names:
                yield one, succession


def _things(case: Case, treatment: Treatment, table: pa.Table, parents: Parents) -> Things:
    name, key = treatment.column.name, treatment.parent
    values = table.column(name).combine_chunks()
    parent = {} if key is None else parents.get(key.parent, {})
    keys, kinds = values.drop_null().unique(), None
    if key is not None and key.parent_column in parent:
        keys = parent[key.parent_column].combine_chunks().cast(values.type)
        labels = {one.column.name for one in case.treatments if one.role in LABELS}
        every = case.context.facts.every
        copies = [one.source for one in every if one.column in labels and _is_copy(one, case, name)]
        some = pd.DataFrame({one: parent[one].to_pandas() for one in copies if one in parent})
        if len(some.columns):
            groups = some.groupby(list(some.columns), dropna=False, sort=False)
            kinds = groups.ngroup().to_numpy().astype(np.int64)
    kinds = np.zeros(len(keys), np.int64) if kinds is None else kinds
    places = pc.index_in(values, keys, skip_nulls=True).fill_null(NOTHING)
    return Things(keys, kinds, places.to_numpy(zero_copy_only=False).astype(np.int64))


def _is_copy(fact: Across, case: Case, key: str) -> bool:
    return fact.model == case.task.model.unique_id and fact.way is Way.COPY and fact.own == key


def take_turns(things: Things, start: Ints, end: Ints, *, strict: bool) -> tuple[Ints, Mask]:
    """Return for each row the place of a key that is free by then, and which rows stay.

    Each key keeps as many rows as were dealt to it, where that can be; else another of its kind steps in. A
    row for which none is free is left out, or keeps its key where there are many such rows.

    Args:
        things: what rows refer to.
        start: when each row's period begins.
        end: when it ends; FOREVER where it does not.
        strict: the next period begins later than the last one ends.
    """
    low, high = np.minimum(start, end), np.maximum(start, end)
    free = np.full(len(things.keys), LONG_AGO)
    number = np.bincount(things.place[things.place >= 0], minlength=len(things.keys))
    members = {kind: np.flatnonzero(things.kinds == kind) for kind in np.unique(things.kinds).tolist()}
    places, stays = things.place.copy(), np.ones(len(start), bool)
    for now in np.lexsort((high, low)).tolist():
        place = int(places[now])
        if place == NOTHING:
            continue
        if number[place] < 1 or not _is_free(free[place], low[now], strict=strict):
            able = members[int(things.kinds[place])]
            able = able[_is_free(free[able], low[now], strict=strict)]
            if not len(able):
                stays[now] = False
                continue
            place = int(able[np.argmax(number[able])])
        places[now], free[place] = place, max(free[place], high[now])
        number[place] -= 1
    return places, stays if stays.mean() >= 1 - MOST_LEFT_OUT else np.ones(len(start), bool)


def _is_free(free: Ints, low: np.int64, *, strict: bool) -> Mask:
    is_free: Mask = free < low if strict else free <= low
    return is_free
