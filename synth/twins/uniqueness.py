"""Rows that keep to the keys and unique indexes of their relation, of which dbt may know nothing."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from synth.columns.conform import without_duplicates
from synth.domain import Kind, Role
from synth.sampling.context import TwinTable
from synth.warehouse.rules import Candidates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import Column, Model, Uniqueness
    from synth.sampling.context import Case
    from synth.warehouse import Warehouse

BY_CHANCE = 20.0  # repeats that chance would bring, from which none is a rule: its probability is 2e-9
REPEATABLE = frozenset({Role.DATETIME, Role.CATEGORY})
ROUNDS = 8  # exchanges of values between rows before what still repeats is left out


def read_uniqueness(model: Model, warehouse: Warehouse) -> tuple[Model, tuple[Uniqueness, ...]]:
    """Return the model with the keys that only its relation knows, and all that this knows to be unique.

    Raises:
        WarehouseError: Postgres refused.
    """
    unique = warehouse.uniqueness(model.relation)
    return (_with_keys(model, warehouse.describe(model.relation), unique) if unique else model), unique


def _with_keys(model: Model, columns: Sequence[Column], unique: Sequence[Uniqueness]) -> Model:
    """Return the model with the keys that only its relation knows.

    Columns by which a computed key is unique are unique themselves: what is different was computed from what
    is different. Of some rows alone, or where NULLs differ from each other, that is not so; see `apart`.
    """
    columns_by_name = {column.name: column for column in columns}
    whole = [one.columns for one in unique if not needs_postgres(one, columns_by_name)]
    whole += [one.columns for one in unique if one.is_computed and not one.where and len(one.columns) == 1]
    primary = next((one.columns for one in unique if one.is_primary), ())
    return replace(
        model,
        unique=tuple(dict.fromkeys([*model.unique, *whole])),
        primary_key=model.primary_key or primary,
    )


def with_implied_keys(model: Model, treatments: Sequence[Treatment], real: pa.Table) -> Model:
    """Return the model with keys of several columns that its SQL implies, or that no chance explains.

    A pair of foreign keys, or of an owner and a date, a label or a whole number, is one if no row repeats it,
    although rows drawn one by one would: one bill of each member for each half year.

    Args:
        model: of the rows.
        treatments: of its columns.
        real: the real rows.
    """
    known_keys = [frozenset(names) for names in (*model.unique, model.primary_key) if names]
    whose = model.ownership.column if model.ownership else ""
    implied_keys: list[tuple[str, ...]] = []
    pairs = _foreign_pairs(treatments, real)
    if not model.history:  # versions follow each other, and no date of theirs may change its place
        pairs += _pairs_of_owners(treatments, real, whose)
    for names in (*model.derived_keys, *pairs):
        columns = tuple(sorted(names, key=lambda name: name == whose))  # an owner's rows stay the owner's
        if not set(names) <= set(real.column_names) or any(key <= set(names) for key in known_keys):
            continue
        if not real.select(list(names)).to_pandas().duplicated().any():
            implied_keys.append(columns)
            known_keys.append(frozenset(names))
    return replace(model, unique=(*model.unique, *implied_keys)) if implied_keys else model


def _foreign_pairs(treatments: Sequence[Treatment], real: pa.Table) -> list[tuple[str, str]]:
    """Return the pairs of references, one to data at least, that many rows would repeat by chance."""
    references = {
        one.column.name: one.role is Role.FOREIGN_KEY
        for one in treatments
        if (one.role is Role.FOREIGN_KEY or (one.parent is not None and one.parent.public))
        and not one.unique
        and not real.column(one.column.name).null_count
    }
    pairs = (
        (one, other) for one, other in combinations(references, 2) if references[one] or references[other]
    )
    return _repeating(pairs, real)


def _pairs_of_owners(treatments: Sequence[Treatment], real: pa.Table, whose: str) -> list[tuple[str, str]]:
    """Return the pairs of the owner of rows and a learned value that many rows would repeat by chance."""
    complete = [one for one in treatments if not real.column(one.column.name).null_count and not one.unique]
    names = [one.column.name for one in complete if one.role in REPEATABLE]
    names += [
        one.column.name for one in complete if one.role is Role.NUMBER and one.column.kind is Kind.INTEGER
    ]
    has_owner = any(one.column.name == whose and one.role is Role.FOREIGN_KEY for one in complete)
    return _repeating(((whose, name) for name in names), real) if has_owner else []


def _repeating(pairs: Iterable[tuple[str, str]], real: pa.Table) -> list[tuple[str, str]]:
    """Return the pairs of columns that many rows would repeat by chance."""
    every = [*pairs]
    rows = real.num_rows * (real.num_rows - 1) / 2
    alike = {name: float((_shares(real.column(name)) ** 2).sum()) for name in {*chain(*every)}}
    return [(one, other) for one, other in every if rows * alike[one] * alike[other] >= BY_CHANCE]


def _shares(values: pa.ChunkedArray) -> NDArray[np.float64]:
    counts = values.value_counts().field("counts").to_numpy(zero_copy_only=False)
    shares: NDArray[np.float64] = counts / max(counts.sum(), 1)
    return shares


def needs_postgres(one: Uniqueness, columns: Mapping[str, Column]) -> bool:
    """Return whether only Postgres can say which rows repeat a key."""
    nullable = any(not columns[name].not_null for name in one.columns if name in columns)
    return bool(one.where) or one.is_computed or (len(one.columns) > 1 and nullable and not one.nulls_equal)


def distinct(
    case: Case,
    table: pa.Table,
    row_places: NDArray[np.int64],
    treatments: Sequence[Treatment],
    entities: pa.ChunkedArray | None,
    rng: np.random.Generator,
) -> TwinTable:
    """Return the twin without rows that repeat a key; foreign keys change places first.

    Args:
        case: whose keys.
        table: the twin.
        row_places: of each of its rows, the place among the rows drawn.
        treatments: of its columns.
        entities: of its rows.
        rng: the source of chance.
    """
    unique = case.task.model.unique
    movable = {t.column.name: t.role in {Role.FOREIGN_KEY, Role.NATURAL_KEY} for t in treatments}
    together = {case.family.key} if case.family else set()
    table, is_left = without_duplicates(table, unique, movable, rng, together=together)
    places = row_places[is_left]
    exact, stays = apart(case, table, movable | dict.fromkeys(together, False), rng)
    if exact is not table:  # what changed places may repeat another key
        places = places[stays]
        exact, is_left = without_duplicates(exact, unique, {}, rng)
        places = places[is_left]
    return TwinTable(exact, entities, len(row_places) - len(places), places=places)


def apart(
    case: Case, table: pa.Table, movable: Mapping[str, bool], rng: np.random.Generator
) -> tuple[pa.Table, NDArray[np.bool_]]:
    """Return the rows without those that repeat a key, and which of all rows these are.

    Foreign keys change places first, which keeps their counts.

    Args:
        case: whose keys and indexes.
        table: the twin.
        movable: whether the values of a column may change places.
        rng: the source of chance.
    """
    columns = case.source.columns
    columns_by_name, names = {column.name: column for column in columns}, set(table.column_names)
    hard = [one for one in case.unique if needs_postgres(one, columns_by_name) and {*one.columns} <= names]
    is_kept = np.ones(table.num_rows, dtype=bool)
    if not hard or not table.num_rows:
        return table, is_kept
    for turn in range(ROUNDS + 1):
        here = [column for column in columns if column.name in table.column_names]
        rows_in_order = table.select([column.name for column in here])
        context = case.context
        rows = Candidates(case.task.model.relation, here, rows_in_order, context.settings.staging_schema)
        repeats_by_key = context.warehouse.repeated_rows(rows, hard)
        places = sorted(frozenset().union(*repeats_by_key))
        if not places:
            break
        moving_columns = {
            next((name for name in one.columns if movable.get(name)), ""): repeats
            for one, repeats in zip(hard, repeats_by_key, strict=True)
            if repeats
        }
        if turn == ROUNDS or set(moving_columns) == {""}:
            is_kept[places] = False
            table = table.filter(pa.array(is_kept))
            break
        for name, repeats in moving_columns.items():
            if name:
                table = _exchange(table, name, sorted(repeats), rng)
    return table, is_kept


def _exchange(table: pa.Table, name: str, repeats: Sequence[int], rng: np.random.Generator) -> pa.Table:
    """Return the table with the values of a column exchanged between these rows and as many others."""
    others = rng.choice(table.num_rows, min(len(repeats), table.num_rows), replace=False)
    places = np.unique(np.concatenate([np.array(repeats, dtype=np.int64), others]))
    order = np.arange(table.num_rows)
    order[places] = rng.permutation(places)
    return table.set_column(table.column_names.index(name), name, table.column(name).take(pa.array(order)))
