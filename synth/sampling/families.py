"""Rows that belong to an owner: whose each is, how they are ordered, what is drawn for owners' twins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.birthdays import by_year
from synth.columns.conform import learnable
from synth.columns.roles import KEYS, LEARNED_ROLES
from synth.domain import RARE, HistoryRequest, Role
from synth.sampling.forebears import with_telling
from synth.sampling.nests import GROUP, nest_of
from synth.sampling.ordering import time_of, time_of_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import ForeignKey, Model
    from synth.sampling.context import Case, Samples
    from synth.sampling.nests import Nest
    from synth.sampling.owners import Owners, OwnersAgain
    from synth.sampling.source import SourceRows

    Part = Sequence[tuple[pd.DataFrame, NDArray[np.int64]]]

FEWEST_ROWS = 2.0  # rows per owner who has more than none, on average, from which there is a history to learn
FEWEST_OWNERS = 2 * RARE  # in each half; of fewer, no number of rows is common
MOST_ORPHANS = 0.02  # share of rows without an owner up to which histories stand for all rows


@dataclass(frozen=True, slots=True)
class Family:
    """The rows of a model as histories of its owners.

    Attributes:
        key: the column that names the owner.
        owners: the real owners' learned columns; `apart` says which are in the second half.
        owner: for each real row the position of its owner.
        twins: the twin owners' learned columns; `second` says which the engine of the second half drew.
        keys: what the key column holds for each twin owner; None where the keys are new.
        real_keys: what it holds for each real one; None where no other model describes them.
        births: columns of owners' days of birth, of which engines see no more than the year.
        time: the column that orders the rows of an owner, if one does.
        categories: columns of owners whose values are labels.
        nest: the groups within the rows of an owner, where there are such.
        count: the column of owners that says how many rows they have, if one does.
        follows: the columns of owners that are made of their rows in the end, such as the first day of these.
        again: draws the owners by other halves, by the number of the split.
        whom: the entity that each twin owner is about, as a number; None where that is not known.
        unique: the columns of each key of the rows.
    """

    key: str
    owners: pd.DataFrame
    apart: NDArray[np.bool_]
    owner: NDArray[np.int64]
    twins: pd.DataFrame
    second: NDArray[np.bool_] | None
    keys: pa.ChunkedArray | None
    time: str | None
    categories: frozenset[str]
    nest: Nest | None = None
    count: str | None = None
    again: Callable[[int], OwnersAgain | None] | None = None
    whom: NDArray[np.int64] | None = None
    unique: tuple[tuple[str, ...], ...] = ()
    follows: frozenset[str] = frozenset()
    real_keys: pa.ChunkedArray | None = None
    births: frozenset[str] = frozenset()

    @property
    def is_of_many_rows(self) -> bool:
        """Whether owners who have rows have several, so that most are drawn given a row before of theirs."""
        present = self.owner[self.owner >= 0]
        return len(present) >= FEWEST_ROWS * len(np.unique(present))

    @property
    def binding(self) -> pd.DataFrame:
        """What real owners hold that does not follow from their rows, so that these keep to it."""
        return self.owners.drop(columns=[*self.follows])


def family_of(
    model: Model,
    source: SourceRows,
    treatments: Sequence[Treatment],
    parents: Mapping[str, Owners],
    rows: int,
    twins: Collection[str],
    pool: Callable[[Treatment], pa.Array | None],
) -> Family | None:
    """Return the histories that the rows of a model make; None where each row stands on its own.

    Args:
        model: whose rows.
        source: the real rows.
        treatments: of every column.
        parents: models that were made in this run, by `unique_id`.
        rows: how many the twin is to have.
        twins: the models that have a twin or get one, by `unique_id`.
        pool: the keys of other twins that a column may hold.
    """
    whose = model.ownership
    if whose is None or not whose.column or model.history or model.seed_columns or model.balance:
        return None
    treatment = next((one for one in treatments if one.column.name == whose.column), None)
    if treatment is None or treatment.role not in KEYS or treatment.to_itself:
        return None
    if treatment.parent is None or _is_lost(treatment.parent, twins):
        family = None if whose.path or treatment.unique else _of_entity(treatment, source, treatments, rows)
        keys = pool(treatment) if family is not None and treatment.shared is not None else None
        family = family if family is None or keys is None else _with_keys(family, keys)
    elif treatment.parent.parent in parents and rows == source.rows:
        family = _of_parent(treatment, treatment.parent, source, treatments, parents[treatment.parent.parent])
    elif _has_keys_alone(treatment, twins) and rows == source.rows:
        # Nothing but the keys is known of a parent that another run made, or that is made by guarantee.
        family = _of_entity(treatment, source, treatments, rows)
        family = family and _with_keys(family, pool(treatment))
    else:
        return None  # its keys are public
    if family is None or min(family.apart.sum(), (~family.apart).sum()) < FEWEST_OWNERS:
        return None
    ordering = time_of_windows(model, source, family.owner, treatments, family.key, family.time)
    family = replace(family, time=ordering)
    dates = [one for one in treatments if one.role is Role.DATETIME]
    time = time_of(source, family.owner, dates)
    return replace(family, nest=nest_of(source, treatments, family.owner, family.key, time))


def _has_keys_alone(treatment: Treatment, twins: Collection[str]) -> bool:
    """Return whether the parent has a twin of which nothing but the keys can be known."""
    key = treatment.parent
    return key is not None and key.parent in twins and not key.public and not treatment.unique


def _is_lost(key: ForeignKey, twins: Collection[str]) -> bool:
    """Return whether a parent has no twin and no public keys, so that its children get new ones."""
    return key.parent not in twins and key.relation is None


def _of_parent(
    treatment: Treatment, key: ForeignKey, source: SourceRows, treatments: Sequence[Treatment], parent: Owners
) -> Family | None:
    """Return the histories of a parent's rows, if nearly all rows have a parent."""
    column = key.parent_column
    if column not in parent.keys or column not in parent.twin_keys:
        return None
    keys = parent.keys[column].combine_chunks()
    values = source.real.column(treatment.column.name).combine_chunks()
    places = pc.index_in(values.cast(keys.type), keys, skip_nulls=True)
    owner = places.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    if not len(owner) or (owner < 0).mean() > MOST_ORPHANS:
        return None
    # Halves of both models follow one entity; a row whose owner is in the other half could not be learned.
    if ((parent.apart[owner] != source.held_out) & (owner >= 0)).any():
        return None
    some = [one for one in treatments if one.role in LEARNED_ROLES]
    parent = with_telling(parent, learnable(source.real, some), owner, source.entities)
    return Family(
        treatment.column.name,
        parent.real,
        parent.apart,
        owner,
        parent.twin,
        parent.second,
        parent.twin_keys[column],
        time_of(source, owner, treatments),
        parent.categories,
        again=parent.again,
        whom=parent.whom,
        real_keys=parent.keys[column],
        births=parent.births & {*parent.real.columns},
    )


def _of_entity(
    treatment: Treatment, source: SourceRows, treatments: Sequence[Treatment], rows: int
) -> Family | None:
    """Return the histories of entities that no other model describes."""
    codes = source.real.column(treatment.column.name).combine_chunks().dictionary_encode()
    if codes.null_count or not len(codes):
        return None
    owner, number = codes.indices.to_numpy().astype(np.int64), len(codes.dictionary)
    if len(owner) < FEWEST_ROWS * number:
        return None
    apart = np.zeros(number, bool)
    apart[owner] = source.held_out
    twins = ceil(number * rows / len(owner))
    second = np.arange(twins) % 2 == 1 if source.halves else None
    return Family(
        treatment.column.name,
        pd.DataFrame(index=pd.RangeIndex(number)),
        apart,
        owner,
        pd.DataFrame(index=pd.RangeIndex(twins)),
        second,
        None,
        time_of(source, owner, treatments),
        frozenset(),
        whom=np.arange(twins),
    )


def _with_keys(family: Family, pool: pa.Array | None) -> Family | None:
    """Return the histories of owners whose keys are these; some have two, where there are fewer keys."""
    if pool is None or not len(pool):
        return None
    order = np.random.default_rng(len(pool)).permutation(len(pool))
    keys = pool.take(pa.array(np.resize(order, len(family.twins))))
    return replace(family, keys=pa.chunked_array([keys]))


def of_side(
    family: Family, side: NDArray[np.bool_], number: int, source: SourceRows
) -> tuple[HistoryRequest, NDArray[np.int64]]:
    """Return what is asked of the engine of one side, and the positions of the owners' twins it draws for."""
    second = bool(source.halves and source.held_out[side].any())
    owners = np.flatnonzero(family.apart == second)
    places = np.full(len(family.apart) + 1, -1)  # the last is for rows without an owner, whose position is -1
    places[owners] = np.arange(len(owners))
    twins = np.arange(len(family.twins))
    if source.halves:  # of owners of whom nothing was learned, no engine drew any: each engine takes half
        drawn = twins % 2 == 1 if family.second is None else family.second
        twins = np.flatnonzero(drawn == second)
    others, whose = None, None
    if source.halves:
        apart = np.flatnonzero(family.apart != second)
        places[apart] = np.arange(len(apart))
        others = by_year(family.owners.iloc[apart].reset_index(drop=True), family.births)
        whose = places[family.owner[~side & (family.owner >= 0)]]
    request = HistoryRequest(
        by_year(family.owners.iloc[owners].reset_index(drop=True), family.births),
        places[family.owner[side]],
        by_year(family.twins.iloc[twins].reset_index(drop=True), family.births),
        family.time,
        draws=ceil(number / max(source.real.num_rows, 1)),
        others=others,
        whose=whose,
        count=family.count,
        births=family.births & {*family.owners.columns},
    )
    return request, twins


def histories_of(samples: Samples, parts: Sequence[Part], seed: int) -> Samples:
    """Return `samples` with the first draws of all engines, and behind them the rows of the others at random.

    Args:
        samples: without synthetic rows.
        parts: of each engine, for each draw, rows and the positions of their owners' twins.
        seed: of the order of the others.
    """
    draws = [(*one, half) for half, part in enumerate(parts) for one in part[:1]]
    rows = sum(len(frame) for frame, _, _ in draws)
    draws += [(*one, half) for half, part in enumerate(parts) for one in part[1:]]
    synthetic = pd.concat([frame for frame, _, _ in draws], ignore_index=True)
    owner = np.concatenate([owner for _, owner, _ in draws])
    half = np.concatenate([np.full(len(frame), half) for frame, _, half in draws])
    others = np.random.default_rng([seed, rows]).permutation(len(synthetic) - rows)
    order = np.r_[np.arange(rows), rows + others]
    group = None
    if GROUP in synthetic:  # each engine numbers them from 0
        group = np.unique(synthetic.pop(GROUP).to_numpy() * len(parts) + half, return_inverse=True)[1][order]
    return replace(
        samples,
        synthetic=synthetic.take(order).reset_index(drop=True),
        group=group,
        second=half[order] == 1 if len(parts) > 1 else None,
        owner=owner[order],
        rows=rows,
    )


def of_one_entity(
    family: Family, owner: NDArray[np.int64], group: NDArray[np.int64] | None
) -> dict[str, NDArray[np.int64]]:
    """Return which rows get one value: a new key, where owners have none, and what names groups."""
    shared_codes = {family.key: np.unique(owner, return_inverse=True)[1]} if family.keys is None else {}
    if family.nest is None or group is None:
        return shared_codes
    same = np.unique(group, return_inverse=True)[1]
    return shared_codes | dict.fromkeys((family.nest.key, *family.nest.alike), same)


def is_one_to_one(family: Family | None, treatments: Sequence[Treatment]) -> bool:
    """Return whether no owner may have more than one row."""
    return family is not None and any(one.unique for one in treatments if one.column.name == family.key)


def one_key_each(family: Family, treatments: Sequence[Treatment]) -> tuple[Treatment, ...]:
    """Return the treatments, by which no two owners get one new key; those of a parent's twin differ."""
    if family.keys is not None:
        return tuple(treatments)
    return tuple(replace(one, unique=True) if one.column.name == family.key else one for one in treatments)


def with_owners(table: pa.Table, family: Family, owner: NDArray[np.int64]) -> pa.Table:
    """Return the twin with the key of each row's owner, where owners are rows of a parent's twin."""
    if family.keys is None:
        return table
    keys = family.keys.combine_chunks().take(pa.array(owner)).cast(table.schema.field(family.key).type)
    return table.set_column(table.column_names.index(family.key), family.key, keys)


def whose_rows(case: Case, samples: Samples) -> NDArray[np.int64] | None:
    """Return the entity that each synthetic row is about, as a number; None where that is not known."""
    if case.family is None:
        return (
            np.arange(len(samples.synthetic)) if case.source.entities == case.source.real.num_rows else None
        )
    if case.family.whom is None or samples.owner is None:
        return None
    return case.family.whom[samples.owner]
