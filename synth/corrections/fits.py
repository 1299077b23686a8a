"""Keys of parents whose rows are what the row says of them: the product of a line is one of its category.

What belongs to whom the row is of, such as the card of an account's entry, is one of those that do.

A row that copies what the row it refers to says is drawn with it, beside other values that go with it. A key
that was dealt out without a look at that takes them apart as soon as the copies are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.keys import share_out
from synth.domain import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import Across
    from synth.sampling.context import Case

LABELS = frozenset({Role.CATEGORY, Role.BOOLEAN})
NOWHERE = -1  # the number of rows that refer to nothing
NOBODY = np.zeros(0, np.int64)
AMOUNTS = frozenset({Role.NUMBER, Role.DATETIME})


@dataclass(frozen=True, slots=True)
class KeyCopies:
    """A column that refers to rows of another model, and what is copied from these.

    Attributes:
        parent: the model, by `unique_id`; `parent_key` its column.
        labels: columns of the row by columns of the parent.
        amount: the same of one number or time; nothing where there is none.
    """

    treatment: Treatment
    parent: str
    parent_key: str
    labels: Mapping[str, str]
    amount: tuple[str, str] | None


def with_fitting_keys(
    table: pa.Table,
    case: Case,
    parents: Mapping[str, Mapping[str, pa.ChunkedArray]],
    rng: np.random.Generator,
) -> pa.Table:
    """Return the twin with keys of parents that are what its rows say, about as many rows each as there are.

    Args:
        table: the twin; what it copies of its parents is still what was drawn.
        case: of the twin.
        parents: columns of the twins already made, by `unique_id`.
        rng: the source of chance.
    """
    table = _with_things_of_owners(table, case, parents, rng)
    for copies in _copied_by_key(case):
        parent = parents.get(copies.parent, {})
        sources = {*copies.labels.values(), *(copies.amount[1:] if copies.amount else ())}
        if {copies.parent_key, *sources} <= parent.keys():
            rows = pa.table({name: parent[name] for name in (copies.parent_key, *sorted(sources))})
            table = _fit(table, case.source.real, copies, rows, rng)
    return table


def _with_things_of_owners(
    table: pa.Table,
    case: Case,
    parents: Mapping[str, Mapping[str, pa.ChunkedArray]],
    rng: np.random.Generator,
) -> pa.Table:
    """Return the twin with keys of what belongs to the owner of each row; else NULL, if it may be.

    Else the row would go to whom its thing belongs to, away from the others of its history.
    """
    owner = case.family.key if case.family else ""
    treatments = {one.column.name: one for one in case.treatments}
    for fact in case.context.facts.every:
        treatment, parent = treatments.get(fact.own), parents.get(fact.other, {})
        is_of_owner = fact.model == case.task.model.unique_id and fact.is_direct_copy and fact.column == owner
        if not is_of_owner or treatment is None or not {fact.key, fact.source} <= parent.keys():
            continue
        if treatment.role is Role.FOREIGN_KEY and not treatment.unique and not treatment.to_itself:
            keys, owners = parent[fact.key].combine_chunks(), parent[fact.source].combine_chunks()
            old = table.column(fact.own).combine_chunks()
            picks = _picks(table.column(owner).combine_chunks().cast(owners.type), owners, rng)
            things = keys.take(pa.array(picks, mask=picks < 0)).cast(old.type)
            things = pc.coalesce(things, old) if treatment.is_required else things
            values = pc.if_else(old.is_valid(), things, old)
            table = table.set_column(table.column_names.index(fact.own), fact.own, values)
    return table


def _picks(rows: pa.Array, owners: pa.Array, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return for each row the place of one of the things of its owner; below zero where there is none."""
    order = np.asarray(pc.sort_indices(owners).to_numpy(), np.int64)
    different = pc.unique(owners.take(pa.array(order)).drop_null())
    who = pc.index_in(owners.take(pa.array(order)), different).to_numpy(zero_copy_only=False)
    numbers = np.bincount(who[~np.isnan(who)].astype(np.int64), minlength=len(different))
    begins = np.cumsum(numbers) - numbers
    whose = pc.fill_null(pc.index_in(rows, different), NOWHERE).to_numpy(zero_copy_only=False)
    if not len(different):
        return np.full(len(rows), NOWHERE, np.int64)
    picks = order[begins[whose] + (rng.random(len(rows)) * numbers[whose]).astype(np.int64)]
    return np.where(whose == NOWHERE, NOWHERE, picks)


def _copied_by_key(case: Case) -> Iterator[KeyCopies]:
    """Yield the keys that were dealt out, with what the rows copy of the rows they lead to."""
    name = case.task.model.unique_id
    facts = [fact for fact in case.context.facts.every if fact.model == name]
    fixed_columns = {fact.column for fact in facts} | ({case.family.key} if case.family else set())
    treatments = {one.column.name: one for one in case.treatments}
    direct = [fact for fact in facts if fact.is_direct_copy and fact.own not in fixed_columns]
    for (own, parent, key), some in groupby(sorted(direct, key=_place), _place):
        treatment = treatments[own]
        if treatment.role is not Role.FOREIGN_KEY or treatment.unique or treatment.to_itself:
            continue
        copies = {fact.column: (treatments[fact.column].role, fact.source) for fact in some}
        labels = {column: source for column, (role, source) in copies.items() if role in LABELS}
        amount = [(column, source) for column, (role, source) in copies.items() if role in AMOUNTS]
        if labels or amount:
            yield KeyCopies(treatment, parent, key, labels, amount[0] if amount else None)


def _place(fact: Across) -> tuple[str, str, str]:
    return fact.own, fact.other, fact.key


def _fit(
    table: pa.Table, real: pa.Table, copies: KeyCopies, parents: pa.Table, rng: np.random.Generator
) -> pa.Table:
    own = copies.treatment.column.name
    old_keys, keys = table.column(own).combine_chunks(), parents.column(copies.parent_key).combine_chunks()
    here, there, theirs = _codes(
        table.select([*copies.labels]),
        real.select([*copies.labels]),
        parents.select([*copies.labels.values()]),
    )
    present = old_keys.is_valid().to_numpy(zero_copy_only=False)
    pools, real_rows = _by_code(theirs), _by_code(there)
    number, places, parts = len(old_keys), np.arange(len(old_keys)), [old_keys]
    for code, rows in _by_code(np.where(present, here, NOWHERE)).items():
        alike = real.column(own).take(pa.array(real_rows.get(code, NOBODY))).drop_null()
        if code == NOWHERE or code not in pools or not len(alike):
            continue
        picks = share_out(
            alike,
            copies.treatment.column,
            len(rows),
            rng,
            parents=keys.take(pa.array(pools[code])),
            unique=False,
            make=lambda size: pa.nulls(size, keys.type),
        )
        if copies.amount is not None:
            column, source = copies.amount
            rows = rows[_order(table.column(column), rows)]  # noqa: PLW2901
            copied_values = parents.column(source).take(pc.index_in(picks, keys))
            picks = picks.take(pa.array(_order(copied_values, np.arange(len(picks)))))
        places[rows] = number + np.arange(len(rows))
        number += len(rows)
        parts.append(picks.cast(old_keys.type))
    values = pa.concat_arrays(parts).take(pa.array(places))
    return table.set_column(table.column_names.index(own), own, values)


def _by_code(codes: NDArray[np.int64]) -> Mapping[int, NDArray[np.int64]]:
    """Return the places of each number, ascending."""
    order = np.argsort(codes, kind="stable")
    different, begins = np.unique(codes[order], return_index=True)
    return dict(zip(different.tolist(), np.split(order, begins[1:]), strict=True)) if len(codes) else {}


def _order(values: pa.ChunkedArray, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the order of some rows by these values, NULL last."""
    order = pc.sort_indices(values.take(pa.array(rows)))
    return np.asarray(order.to_numpy(), np.int64)


def _codes(*tables: pa.Table) -> Sequence[NDArray[np.int64]]:
    """Return for the rows of each table a number that is the same where all labels are."""
    sizes = [table.num_rows for table in tables]
    frames = [
        pd.DataFrame(
            {place: column.cast(pa.string()).to_pandas() for place, column in enumerate(table.columns)}
        )
        for table in tables
    ]
    every = pd.concat(frames, ignore_index=True)
    if not every.shape[1]:
        return [np.zeros(size, np.int64) for size in sizes]
    codes = every.groupby([*every.columns], dropna=False, sort=False).ngroup().to_numpy(np.int64)
    return np.split(codes, np.cumsum(sizes)[:-1])
