"""Keys of a row that begin with the key of what it refers to, which is final after these are dealt out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.columns.prefixes import with_prefix
from synth.domain import Kind, Role

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from synth.columns.roles import Treatment
    from synth.sampling.context import Case


def with_prefixes(table: pa.Table, case: Case, rng: np.random.Generator) -> pa.Table:
    """Return the twin with keys of its own that begin with one that they refer to, as all real ones do.

    Args:
        table: the twin, whose references are dealt out.
        case: of the twin.
        rng: the source of chance.
    """
    real, names = case.source.real, {*table.column_names}
    texts = [one for one in case.treatments if one.column.kind is Kind.TEXT and one.column.name in names]
    references = [one.column.name for one in texts if _leads_to_twin(one)]
    for key in (one.column.name for one in texts if _is_own(one)):
        for name in references:
            old = table.column(key)
            new = with_prefix(old, table.column(name), real.column(key), real.column(name), rng)
            if new is not old:
                table = table.set_column(table.column_names.index(key), key, new)
                break
    return table


def _is_own(one: Treatment) -> bool:
    """Return whether a column names the rows, and no pattern says how."""
    return one.role is Role.KEY and one.unique and one.shared is None and one.pattern is None


def _leads_to_twin(one: Treatment) -> bool:
    """Return whether a column refers to new keys of another model."""
    is_new = one.parent is not None and not one.parent.public
    return one.role is Role.FOREIGN_KEY and is_new and not one.to_itself
