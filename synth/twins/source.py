"""The rows of a model: read at one moment, put into an order of their own, a fifth of the entities apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from synth.twins.split import canonical_order, fingerprint, hash_rows, hash_units, holdout_mask

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from synth.domain import Column, Model
    from synth.warehouse import Snapshot, Warehouse

MOST = 1_000_000  # rows that a run takes from the warehouse


@dataclass(frozen=True)
class Source:
    """The rows of a model in canonical order, and which of them are held out.

    Attributes:
        rows: in the warehouse; `real` may be a sample.
        units: the entity that each row of `real` is about, as a hash.
        unit: the column that names it, None where every row is one.
    """

    columns: tuple[Column, ...]
    real: pa.Table
    rows: int
    units: NDArray[np.uint64]
    unit: str | None
    held_out: NDArray[np.bool_]

    @cached_property
    def training(self) -> pa.Table:
        """The rows to learn from."""
        return self.real.filter(pa.array(~self.held_out))

    @cached_property
    def holdout(self) -> pa.Table:
        """The rows nothing is learned from."""
        return self.real.filter(pa.array(self.held_out))

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
    most: int = MOST,
) -> Source:
    """Read the model, put its rows into canonical order, and hold a fifth of the entities out.

    Args:
        model: what to read.
        warehouse: where.
        snapshot: when.
        twins: the models that have a twin or get one; rows are split with a parent among them.
        salt: the project's secret, if it has one.
        most: rows to take; beyond, a share of the entities is.

    Raises:
        ModelError: there are too few entities.
        WarehouseError: Postgres refused.
    """
    columns = warehouse.describe(model.relation)
    rows = snapshot.count(model.relation)
    unit, owner = _unit(model, twins)
    real = snapshot.extract(model.relation, columns, share=min(1.0, most / max(rows, 1)), unit=unit)
    real = real.rename_columns([column.name for column in columns])
    hashes = hash_rows(real, model.primary_key)
    order = canonical_order(hashes)
    real, hashes = real.take(pa.array(order)), hashes[order]
    units = hash_units(real, unit, hashes, entity=model.entity)
    named = unit if unit is not None and not np.array_equal(units, hashes) else None
    return Source(columns, real, rows, units, named, holdout_mask(units, owner, salt))


def _unit(model: Model, twins: Collection[str]) -> tuple[str | None, str]:
    """The column that says whom a row is about, and the model whose key it is."""
    parents = {key.column: key.parent for key in model.foreign_keys if key.parent in set(twins)}
    others = [column for column, parent in parents.items() if parent != model.unique_id]
    unit = model.entity or next(iter(others), None)
    unit = unit or (model.history.whose if model.history else None)
    unit = unit or (model.primary_key[0] if len(model.primary_key) == 1 else None)
    return unit, parents.get(unit or "", model.unique_id)
