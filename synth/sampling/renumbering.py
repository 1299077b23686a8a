"""Other numbers for events that are copied: keys of the warehouse stay there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.conform import as_plain
from synth.columns.encoding import encode
from synth.columns.keys import new_keys
from synth.warehouse.rules import Candidates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from synth.domain import ForeignKey, Model, Relation
    from synth.sampling.context import RunContext
    from synth.warehouse import Snapshot, Warehouse
    from synth.warehouse.across import FactTable


def with_new_numbers(table: pa.Table, model: Model, warehouse: Warehouse, snapshot: Snapshot) -> pa.Table:
    """Return real rows with the numbers that copies of events have, their own and those they refer to.

    Args:
        table: of the model, some of its columns.
        model: whose references and keys say which columns.
        warehouse: where the events are.
        snapshot: when.

    Raises:
        WarehouseError: Postgres refused.
    """
    for key in model.foreign_keys:
        if key.real_keys is not None:
            numbers = partial(_numbers, key.real_keys, key.parent_column, warehouse, snapshot)
            table = _with_other_keys(table, key.column, numbers)
    for name in model.new_numbers:
        table = _with_other_keys(table, name, partial(_numbers, model.relation, name, warehouse, snapshot))
    return table


def with_new_keys(table: pa.Table, key: ForeignKey, warehouse: Warehouse, snapshot: Snapshot) -> pa.Table:
    """Return rows of the public table that a key leads to, with the keys that its copy has.

    Raises:
        WarehouseError: Postgres refused.
    """
    if key.real_keys is None:
        return table
    numbers = partial(_numbers, key.real_keys, key.parent_column, warehouse, snapshot)
    return _with_other_keys(table, key.parent_column, numbers)


def copies_of_events(tables: Mapping[str, FactTable], context: RunContext) -> dict[str, Candidates]:
    """Return the rows of copies with other numbers among these tables, as other twins see them.

    Raises:
        WarehouseError: Postgres refused.
    """
    copies = {}
    for unique_id, table in tables.items():
        if table.new_numbers:
            columns = context.warehouse.describe(table.relation)
            rows = context.snapshot.extract(table.relation, columns)
            rows = rows.rename_columns([column.name for column in columns])
            for name in table.new_numbers:
                numbers = partial(_numbers, table.relation, name, context.warehouse, context.snapshot)
                rows = _with_other_keys(rows, name, numbers)
            rows = pa.table({one.name: encode(as_plain(rows.column(one.name)), one) for one in columns})
            schema = context.settings.staging_schema
            copies[unique_id] = Candidates(table.relation, columns, rows, schema)
    return copies


def _with_other_keys(
    table: pa.Table, name: str, numbers: Callable[[], tuple[pa.Array, pa.Array]]
) -> pa.Table:
    """Return the table with new numbers in a column, if it has that; a key that no event has is NULL."""
    if name not in table.column_names:
        return table
    real, new = numbers()
    values = table.column(name)
    places = pc.index_in(values.cast(real.type), real)
    here = pa.chunked_array([new]).take(places).cast(values.type)
    return table.set_column(table.column_names.index(name), name, here)


def _numbers(
    relation: Relation, name: str, warehouse: Warehouse, snapshot: Snapshot
) -> tuple[pa.Array, pa.Array]:
    """Return the keys of a relation in their order, and as many new ones in theirs.

    They are the same in every table and every run, as long as the events are the same.
    """
    columns = [column for column in warehouse.describe(relation) if column.name == name]
    values = snapshot.extract(relation, columns).column(0).combine_chunks().drop_null().unique()
    real = values.take(pc.array_sort_indices(values))
    real_values = pa.chunked_array([real])
    rng = np.random.default_rng([*f"{relation}.{name}".encode()])
    new = new_keys(real_values, columns[0], len(real), rng, existing=real_values)
    return real, new.take(pc.array_sort_indices(new))
