"""Tables about nobody that a model refers to: what is in them is public, and may be used without paying."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from synth.domain import Kind, Way

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from synth.domain import Model
    from synth.sampling.context import RunContext


def calendar_of(model: Model, context: RunContext) -> tuple[datetime, datetime] | None:
    """Return the first and the last day of the public tables that the model refers to.

    Raises:
        WarehouseError: Postgres refused.
    """
    days: list[datetime] = []
    for key in model.foreign_keys:
        relation = key.public_rows
        if relation is None:
            continue
        columns = [one for one in context.warehouse.describe(relation) if one.kind is Kind.DATE]
        if columns:
            rows = context.snapshot.extract(relation, columns[:1])
            ends = pc.min_max(rows.column(0).cast(pa.timestamp("us"))).as_py()
            days += [day for day in ends.values() if day is not None]
    return (min(days), max(days)) if days else None


def rows_to_copy(model: Model, context: RunContext) -> dict[str, Mapping[str, pa.ChunkedArray]]:
    """Return what rows of a model copy from public tables that get no twin, by the table and its columns.

    Raises:
        WarehouseError: Postgres refused.
    """
    facts, tables = context.sql_facts.every, context.sql_facts.tables
    copies = [fact for fact in facts if fact.model == model.unique_id and fact.way is Way.COPY]
    names: dict[str, set[str]] = {}
    for fact in copies:
        if tables[fact.other].public and fact.other not in context.twins:
            names.setdefault(fact.other, set()).update((fact.key, fact.source))
    rows: dict[str, Mapping[str, pa.ChunkedArray]] = {}
    for name, needed_columns in names.items():
        relation = tables[name].relation
        columns = [one for one in context.warehouse.describe(relation) if one.name in needed_columns]
        table = context.snapshot.extract(relation, columns)
        rows[name] = dict(zip((one.name for one in columns), table.columns, strict=True))
    return rows
