"""Keys of rows that were there before: nothing is sold before it is launched, or by who was not hired yet.

Keys beside that of the owner are dealt out without a look at times. Where no real row is before what it
refers to, rows of the twin that are change keys with others; where each is on the day of that, all rows take
these keys in the order of both times. What is referred to has as many rows as before.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth.domain import Role, Way

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.domain import Across
    from synth.sampling.context import Case

    Ints: TypeAlias = NDArray[np.int64]
    Parents: TypeAlias = Mapping[str, Mapping[str, pa.ChunkedArray]]

ROUNDS = 400  # partners that are tried at random for each row
NEVER, ALWAYS = np.iinfo(np.int64).max, np.iinfo(np.int64).min  # stand for no time of a row, and of a parent


class Moments(NamedTuple):
    """The times of rows in microseconds, and those of the rows that may be referred to."""

    rows: Ints
    parents: Ints


def with_keys_of_earlier(table: pa.Table, case: Case, parents: Parents, rng: np.random.Generator) -> pa.Table:
    """Return the twin with keys of rows that are not later, where all real rows have such.

    Args:
        table: the twin; what it copies of its parents is still what was drawn.
        case: of the twin.
        parents: columns of the twins already made, by `unique_id`.
        rng: the source of chance.
    """
    for own, facts in _by_key(case):
        parent = parents.get(facts[0].other, {})
        names = {*(fact.column for fact in facts)}
        if not {facts[0].key, *(fact.source for fact in facts)} <= parent.keys() or not names <= {
            *table.column_names
        }:
            continue
        keys, old = parent[facts[0].key].combine_chunks(), table.column(own).combine_chunks()
        places = pc.index_in(old.cast(keys.type), keys, skip_nulls=True)
        here = np.flatnonzero(places.is_valid().to_numpy(zero_copy_only=False))
        if not len(here):
            continue
        orders = [_order(table.column(fact.column), parent[fact.source], here) for fact in facts]
        groups = _groups(table, case, own)[here]
        first = places.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        new = first.copy()
        days = [order for order, fact in zip(orders, facts, strict=True) if fact.way is Way.DAY]
        if days:  # the moments move to these days in the end
            new[here] = places_in_order(first[here], days[0], groups, rng)
        else:
            new[here] = places_of_earlier(first[here], orders, groups, rng)
        values = pc.if_else(pa.array(new != first), keys.take(pa.array(new)).cast(old.type), old)
        table = table.set_column(table.column_names.index(own), own, values)
    return table


def _by_key(case: Case) -> Iterator[tuple[str, list[Across]]]:
    """Yield the columns whose keys are dealt out to the rows, with what they may not be before."""
    name, context = case.task.model.unique_id, case.context
    fixed_columns = {
        fact.column for fact in context.facts.every if fact.model == name and fact.way is Way.COPY
    }
    fixed_columns |= {case.family.key} if case.family else set()
    free = {
        one.column.name
        for one in case.treatments
        if one.role is Role.FOREIGN_KEY
        and not (one.unique or one.to_itself)
        and one.column.name not in fixed_columns
    }
    days = (fact for fact in context.facts.every if fact.way is Way.DAY and fact.through is None)
    every = (*context.facts.after, *days)
    facts = [fact for fact in every if fact.model == name and fact.own in free]
    for (own, _, _), some in groupby(sorted(facts, key=_place), _place):
        yield own, list(some)


def _place(fact: Across) -> tuple[str, str, str]:
    return fact.own, fact.other, fact.key


def _groups(table: pa.Table, case: Case, own: str) -> Ints:
    """Return of each row a number; rows that have one copy the same of what they refer to."""
    facts = [fact for fact in case.context.facts.every if fact.model == case.task.model.unique_id]
    names = sorted(
        {fact.column for fact in facts if fact.is_direct_copy and fact.own == own} & {*table.column_names}
    )
    if not names:
        return np.zeros(table.num_rows, np.int64)
    frame = table.select(names).to_pandas().astype(str)
    groups: Ints = frame.groupby(names, sort=False).ngroup().to_numpy(np.int64)
    return groups


def _order(times: pa.ChunkedArray, parents: pa.ChunkedArray, here: Ints) -> Moments:
    by_day = pa.types.is_date(times.type)
    return Moments(
        _moments(times, NEVER)[here], _moments(parents.cast(pa.date32()) if by_day else parents, ALWAYS)
    )


def _moments(times: pa.ChunkedArray, missing: int) -> Ints:
    numbers = times.cast(pa.timestamp("us")).cast(pa.int64()).fill_null(missing)
    moments: Ints = numbers.to_numpy().copy()
    return moments


def places_in_order(places: Ints, moments: Moments, groups: Ints, rng: np.random.Generator) -> Ints:
    """Return the places of the rows that are referred to, so that later rows refer to later ones.

    Args:
        places: of each row, the one that it refers to.
        moments: of the rows, and of those referred to; rows without one keep what they have.
        groups: of each row; only rows of one group change with each other.
        rng: the source of chance, for times that are equal.
    """
    result = places.copy()
    here = np.flatnonzero(moments.rows != NEVER)
    mixed = rng.permutation(here)
    by_time = mixed[np.lexsort((moments.rows[mixed], groups[mixed]))]
    by_place = mixed[np.lexsort((moments.parents[places[mixed]], groups[mixed]))]
    result[by_time] = places[by_place]
    return result


def places_of_earlier(
    places: Ints, orders: Sequence[Moments], groups: Ints, rng: np.random.Generator
) -> Ints:
    """Return the places of the rows that are referred to, exchanged so that none is later.

    Where nobody is found to change with, a row keeps what it has.

    Args:
        places: of each row, the one that it refers to.
        orders: the times that are compared.
        groups: of each row; only rows of one group change with each other.
        rng: the source of chance.
    """
    result = places.copy()

    def is_before(rows: Ints, others: Ints) -> NDArray[np.bool_]:
        breaks: NDArray[np.bool_] = np.any([one.rows[rows] < one.parents[others] for one in orders], axis=0)
        return breaks

    order = np.argsort(groups, kind="stable")
    numbers = np.bincount(groups)
    begins = np.cumsum(numbers) - numbers
    for _ in range(ROUNDS):
        early = np.flatnonzero(is_before(np.arange(len(result)), result))
        if not len(early):
            break
        early = rng.permutation(early)
        group = groups[early]
        partners = order[begins[group] + (rng.random(len(early)) * numbers[group]).astype(np.int64)]
        is_once = np.zeros(len(early), bool)
        is_once[np.unique(partners, return_index=True)[1]] = True
        is_once &= ~np.isin(partners, early)
        able = is_once & ~is_before(early, result[partners]) & ~is_before(partners, result[early])
        one, other = early[able], partners[able]
        result[one], result[other] = result[other], result[one]
    return result
