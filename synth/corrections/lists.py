"""What rows copy of a public table, such as the line of a tariff, is so before rows of theirs are drawn.

Few rows have most codes of a list, so that what stands beside a code is not learned. The list says it. Rows
that are drawn given a row, such as the invoices of a policy, are then drawn given what it says in the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.roles import LEARNED_ROLES
from synth.corrections.validity import with_valid_codes
from synth.sampling.computing import with_columns, without_new_breaks
from synth.sampling.source import looked_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.domain import Across
    from synth.sampling.context import Case, Samples, TwinTable


def with_lists(
    case: Case,
    twin_table: TwinTable,
    samples: Samples,
    *,
    parents: Mapping[str, Mapping[str, pa.ChunkedArray]],
) -> tuple[TwinTable, Samples]:
    """Return the twin, and the rows that it is judged by, with valid codes and what lists say of them.

    Args:
        case: of the twin.
        twin_table: the twin.
        samples: the rows that it was made of.
        parents: columns of the twins already made, by `unique_id`.
    """
    twin_table, samples = with_valid_codes(case, twin_table, samples)
    table, columns = twin_table.table, {}
    for fact in case.context.facts.every:
        parent = parents.get(fact.other, {})
        if _is_entry(fact, case, table) and {fact.key, fact.source} <= parent.keys():
            old, own = table.column(fact.column), table.column(fact.own)
            copies = looked_up(own, parent[fact.key], parent[fact.source]).cast(old.type)
            is_there = pc.is_in(own, parent[fact.key].cast(own.type).combine_chunks(), skip_nulls=True)
            columns[fact.column] = pc.if_else(is_there, copies, old)
    if not columns or not table.num_rows:
        return twin_table, samples
    changes, _ = without_new_breaks(case, table, pa.table(columns))
    return with_columns(twin_table, samples, case.treatments, changes)


def _is_entry(fact: Across, case: Case, table: pa.Table) -> bool:
    """Return whether a learned column is what the public row says that another column names."""
    other = case.context.facts.tables.get(fact.other)
    if other is None or not other.public or fact.source in {*other.new_numbers, *other.figures}:
        return False
    learned = {one.column.name for one in case.treatments if one.role in LEARNED_ROLES}
    is_ours = fact.model == case.task.model.unique_id and fact.is_direct_copy
    return is_ours and fact.column in learned and {fact.column, fact.own} <= {*table.column_names}
