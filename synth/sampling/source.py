"""The rows of a model: read at one moment, put into an order of their own, some of the entities apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth.backends import capabilities_of
from synth.domain import Ownership
from synth.sampling.renumbering import with_new_numbers
from synth.sampling.split import (
    HALF,
    HOLDOUT,
    canonical_order,
    fingerprint,
    hash_rows,
    hash_units,
    hash_values,
    holdout_mask,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from synth.domain import Column, Model, OwnershipStep, Task
    from synth.warehouse import Snapshot, Warehouse

MOST = 1_000_000  # rows that a run takes from the warehouse


@dataclass(frozen=True)
class SourceRows:
    """The rows of a model in canonical order, and which of them are held out, or make the second half.

    Attributes:
        rows: in the warehouse; `real` may be a sample.
        units: the entity that each row of `real` is about, as a hash.
        unit: the column that names it, None where every row is one.
        halves: whether `held_out` is a half, which an engine of its own learns.
    """

    columns: tuple[Column, ...]
    real: pa.Table
    rows: int
    units: NDArray[np.uint64]
    unit: str | None
    held_out: NDArray[np.bool_]
    halves: bool = False

    @cached_property
    def training(self) -> pa.Table:
        """The rows that are learned from."""
        return self.real if self.halves else self.real.filter(pa.array(self.learned_rows))

    @cached_property
    def learned_rows(self) -> NDArray[np.bool_]:
        """Which rows are learned from: all, where each half has an engine."""
        return np.ones_like(self.held_out) if self.halves else ~self.held_out

    @property
    def owners(self) -> pa.ChunkedArray | None:
        """Whom each row to learn from is about; None where that is the row itself."""
        return None if self.unit is None else pa.chunked_array([self.units[self.learned_rows]])

    @cached_property
    def fingerprint(self) -> str:
        """A name for exactly these rows."""
        return fingerprint(self.real)

    @cached_property
    def entities(self) -> int:
        """How many different ones the rows are about."""
        return len(np.unique(self.units))


def read_source(
    model: Model,
    warehouse: Warehouse,
    snapshot: Snapshot,
    *,
    twins: Collection[str],
    salt: str,
    halves: bool = False,
    most: int = MOST,
) -> SourceRows:
    """Read the model, put its rows into canonical order, and part the entities.

    Args:
        model: what to read.
        warehouse: where.
        snapshot: when.
        twins: the models that have a twin or get one; rows are split with a parent among them.
        salt: the project's secret, if it has one.
        halves: whether the entities are halved; else a fifth is held out.
        most: rows to take; beyond, a share of the entities is.

    Raises:
        ModelError: there are too few entities.
        WarehouseError: Postgres refused.
    """
    columns = warehouse.describe(model.relation)
    rows = snapshot.count(model.relation)
    whose = _whose(model, twins)
    real = snapshot.extract(
        model.relation, columns, share=min(1.0, most / max(rows, 1)), unit=whose.column or None
    )
    real = real.rename_columns([column.name for column in columns])
    real = with_new_numbers(real, model, warehouse, snapshot)
    hashes = hash_rows(real, model.primary_key)
    order = canonical_order(hashes)
    real, hashes = real.take(pa.array(order)), hashes[order]
    units = _units(model, whose, real, hashes, warehouse, snapshot)
    unit_column = whose.column if whose.column and not np.array_equal(units, hashes) else None
    apart = holdout_mask(units, whose.root, salt, share=HALF if halves else HOLDOUT)
    return SourceRows(columns, real, rows, units, unit_column, apart, halves)


def learns_halves(task: Task) -> bool:
    """Return whether each half of the entities is learned for itself: where learning costs nothing."""
    return not capabilities_of(task.backend).paid


def _whose(model: Model, twins: Collection[str]) -> Ownership:
    """Return whom rows are about.

    Where nobody decided it, the first parent with a twin, or the row itself.
    """
    if model.ownership is not None:
        return model.ownership
    parents = {key.column: key.parent for key in model.foreign_keys if key.parent in set(twins)}
    others = [column for column, parent in parents.items() if parent != model.unique_id]
    unit = model.entity or next(iter(others), None)
    unit = unit or (model.history.whose if model.history else None)
    unit = unit or (model.primary_key[0] if len(model.primary_key) == 1 else None)
    return Ownership(parents.get(unit or "", model.unique_id), unit or "")


def _units(
    model: Model,
    whose: Ownership,
    real: pa.Table,
    rows: NDArray[np.uint64],
    warehouse: Warehouse,
    snapshot: Snapshot,
) -> NDArray[np.uint64]:
    """Return the entity of each row as a hash, looked up in the parents where the row does not name it."""
    if not whose.column:
        return rows
    *nearer, values = _ways(whose, real, warehouse, snapshot)
    units = hash_units(pa.table({whose.column: values}), whose.column, rows, entity=model.entity)
    if units is rows:
        return rows
    alone = rows
    for one in nearer:  # as the parent's row, which has that hash where it names no entity
        alone = np.where(one.is_valid().to_numpy(), hash_values(pa.table({"key": one}), ("key",)), alone)
    return np.where(values.is_valid().to_numpy(), units, alone)


def codes_of_owners(
    model: Model, real: pa.Table, warehouse: Warehouse, snapshot: Snapshot
) -> NDArray[np.int64] | None:
    """Return whose each row is, as numbers; None where each is its own, as those without an owner are.

    Rows that lead to one row of a parent are of one owner, though that row may name none.

    Raises:
        WarehouseError: Postgres refused.
    """
    whose = model.ownership
    if whose is None or not whose.column:
        return None
    return _codes(_ways(whose, real, warehouse, snapshot))


def _codes(ways: Sequence[pa.ChunkedArray]) -> NDArray[np.int64]:
    """Return the last of these keys as numbers; where it is NULL the one before, and where all are none."""
    *nearer, owners = ways
    owner_codes = owners.combine_chunks().dictionary_encode()
    codes: NDArray[np.int64] = (
        owner_codes.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    )
    alone = codes < 0
    others = _codes(nearer)[alone] if nearer else np.arange(int(alone.sum()))
    codes[alone] = len(owner_codes.dictionary) + np.unique(others, return_inverse=True)[1]
    return codes


def read_parents(
    whose: Ownership, warehouse: Warehouse, snapshot: Snapshot
) -> tuple[pa.ChunkedArray, NDArray[np.int64]]:
    """Return the keys of the rows through which the rows of a model lead to entities, and whose each is.

    Raises:
        WarehouseError: Postgres refused.
    """
    step = whose.path[0]
    columns_by_name = {column.name: column for column in warehouse.describe(step.relation)}
    pair = [columns_by_name[name] for name in dict.fromkeys((step.key, step.column))]
    rows = snapshot.extract(step.relation, pair).rename_columns([column.name for column in pair])
    ways = _ways(replace(whose, column=step.column, path=whose.path[1:]), rows, warehouse, snapshot)
    return rows.column(step.key), _codes(ways)


def _ways(
    whose: Ownership, real: pa.Table, warehouse: Warehouse, snapshot: Snapshot
) -> list[pa.ChunkedArray]:
    """Return the keys that lead from each row through its parents to its entity, the last of them."""
    values = real.column(whose.column)
    ways = [values]
    for step in whose.path:
        columns_by_name = {column.name: column for column in warehouse.describe(step.relation)}
        pair = [columns_by_name[name] for name in dict.fromkeys((step.key, step.column))]
        values = follow_step(
            values, snapshot.extract(step.relation, pair).rename_columns([c.name for c in pair]), step
        )
        ways.append(values)
    return ways


def follow_step(values: pa.ChunkedArray, parent: pa.Table, step: OwnershipStep) -> pa.ChunkedArray:
    """Return what the rows of a parent hold that have these keys; NULL where there is no such row."""
    return looked_up(values, parent.column(step.key), parent.column(step.column))


def looked_up(values: pa.ChunkedArray, keys: pa.ChunkedArray, results: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the result beside the key that equals each value; NULL where there is none."""
    whole = keys.combine_chunks()
    places = pc.index_in(values.cast(whole.type), whole)
    return pa.chunked_array([results.combine_chunks().take(places.combine_chunks())])
