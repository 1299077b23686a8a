"""References of a table to itself that lead to earlier rows: a boss was there before.

Such references are shared out among all rows of the twin. Where no real row refers to a later one, those that
do are led elsewhere, to earlier rows that others refer to already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth.corrections.hierarchy import with_trees
from synth.corrections.superiors import superiority_of, with_depths, with_superiors
from synth.domain import MOMENTS, RARE, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.corrections.superiors import Superiority
    from synth.sampling.context import Case

    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Seniority:
    """Rows refer by `column` to the `key` of rows whose `time` is not later; earlier, if it is `strict`."""

    column: str
    key: str
    time: str
    strict: bool
    is_required: bool


def with_elders(case: Case, table: pa.Table, rng: np.random.Generator) -> pa.Table:
    """Return the twin without references to later rows, or in circles, where the real rows have none.

    Args:
        case: of the twin.
        table: the twin.
        rng: the source of chance.
    """
    if case.task.model.history is not None:
        return table
    real, treatments = case.source.real, case.treatments
    by_time = seniorities_of(real, treatments)
    for one in by_time:
        table = led_to_elders(table, one, rng)
    columns = {one.column for one in by_time}
    for reference in treatments:
        if (
            reference.role is Role.FOREIGN_KEY
            and reference.to_itself
            and reference.column.name not in columns
        ):
            superiority = superiority_of(real, reference, treatments)
            names = {reference.column.name} if superiority is None else _names_of(superiority)
            if superiority is not None and names <= {*table.column_names}:
                table = with_superiors(table, real, superiority, rng)
    return with_depths(with_trees(table, real, treatments, rng), real, treatments)


def _names_of(one: Superiority) -> set[str]:
    return {one.column, one.key, one.rank, one.label} - {""}


def seniorities_of(real: pa.Table, treatments: Sequence[Treatment]) -> list[Seniority]:
    """Return one for each reference of a table to itself by which enough rows refer, all to earlier ones."""
    times = [
        one.column.name for one in treatments if one.role is Role.DATETIME and one.column.kind in MOMENTS
    ]
    references = []
    for one in treatments:
        if one.role is Role.FOREIGN_KEY and one.to_itself and one.parent is not None:
            column, key = one.column.name, one.parent.parent_column
            candidates = (_seniority(real, column, key, time, is_required=one.is_required) for time in times)
            references += [candidate for candidate in candidates if candidate is not None][:1]
    return references


def _seniority(real: pa.Table, column: str, key: str, time: str, *, is_required: bool) -> Seniority | None:
    """Return it where each row that refers to another has a time, as the other has, and is not earlier."""
    moments, present = _moments(real, time)
    rows, others = _references(real, column, key)
    if len(rows) < RARE or not present[rows].all() or not present[others].all():
        return None
    apart = moments[rows] - moments[others]
    return Seniority(column, key, time, bool((apart > 0).all()), is_required) if (apart >= 0).all() else None


def led_to_elders(table: pa.Table, one: Seniority, rng: np.random.Generator) -> pa.Table:
    """Return the table in which no row refers to a later one."""
    moments, present = _moments(table, one.time)
    rows, others = _references(table, one.column, one.key)
    is_wrong = moments[others] >= moments[rows] if one.strict else moments[others] > moments[rows]
    is_wrong |= ~present[others] | ~present[rows]
    wrong = rows[is_wrong]
    if not len(wrong):
        return table
    usual = _by_time(others[present[others]], moments)
    every = _by_time(np.flatnonzero(present), moments)
    limits = moments[wrong] - int(one.strict)  # in microseconds, so that no moment lies between
    places = _drawn_until(limits, usual, moments, rng)
    places = np.where(places < 0, _drawn_until(limits, every, moments, rng), places)
    parents = np.full(table.num_rows, -1)
    parents[wrong] = np.where(present[wrong], places, -1)
    has_changed = np.zeros(table.num_rows, bool)
    has_changed[wrong[(parents[wrong] >= 0) | (not one.is_required)]] = True
    keys = table.column(one.key).combine_chunks().take(pa.array(parents, mask=parents < 0))
    place = table.column_names.index(one.column)
    values = pc.if_else(pa.array(has_changed), keys.cast(table.schema.field(place).type), table.column(place))
    return table.set_column(place, one.column, values)


def _by_time(places: Ints, moments: Ints) -> Ints:
    return places[np.argsort(moments[places], kind="stable")]


def _drawn_until(limits: Ints, pool: Ints, moments: Ints, rng: np.random.Generator) -> Ints:
    """Return for each limit one of the pool, which is ordered by time, up to then; -1 where there is none."""
    numbers = np.searchsorted(moments[pool], limits, side="right")
    draws = rng.integers(0, np.maximum(numbers, 1))
    return np.where(numbers > 0, np.append(pool, -1)[draws], -1)


def _references(table: pa.Table, column: str, key: str) -> tuple[Ints, Ints]:
    """Return the rows that refer to others, and the places of these."""
    keys = table.column(key).combine_chunks()
    places = pc.index_in(table.column(column).combine_chunks().cast(keys.type), keys, skip_nulls=True)
    others = places.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    rows = np.flatnonzero((others >= 0) & (others != np.arange(len(others))))
    return rows, others[rows]


def _moments(table: pa.Table, time: str) -> tuple[Ints, NDArray[np.bool_]]:
    """Return a time of each row in microseconds, 0 where there is none, and where there is one."""
    values = table.column(time).cast(pa.timestamp("us")).cast(pa.int64())
    return values.fill_null(0).to_numpy().copy(), values.is_valid().to_numpy()
