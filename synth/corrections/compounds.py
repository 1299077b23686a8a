"""Keys that the project's SQL makes of columns of the row, such as `store || '-' || day` or a hash of these.

What they are made of is unique together in the twin. When all columns of the row are final, the key is what
the SQL makes of them. Keys that rows of other models hold stay what they were when these were drawn.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.roles import KEYS, LEARNED_ROLES, REPLACED_ROLES
from synth.domain import Role, Scope
from synth.sampling.computing import equations, judge, with_new_columns

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from synth.columns.roles import Treatment
    from synth.domain import Formula, Model
    from synth.sampling.context import Case

NOTHING_LEFT = frozenset({Role.FREE_TEXT, Role.DROP})


def compounds(
    treatments: Iterable[Treatment], formulas: Mapping[Formula, frozenset[str]]
) -> dict[Formula, frozenset[str]]:
    """Return the formulas of keys that are made of other columns of the row, with these columns."""
    roles = {one.column.name: one.role for one in treatments}
    return {
        formula: names - {formula.column}
        for formula, names in formulas.items()
        if formula.scope is Scope.ROW
        and roles.get(formula.column) is Role.KEY
        and names > {formula.column}
        and not any(roles.get(name, Role.DROP) in NOTHING_LEFT for name in names)
    }


def of_learned_columns(
    treatments: Sequence[Treatment], formulas: Mapping[Formula, frozenset[str]]
) -> set[str]:
    """Return the keys that are made of learned columns alone: they tell nothing that these do not."""
    learned_columns = {one.column.name for one in treatments if one.role in LEARNED_ROLES}
    return {one.column for one, names in compounds(treatments, formulas).items() if names <= learned_columns}


def pieces_of_row(
    treatments: Sequence[Treatment], formulas: Mapping[Formula, frozenset[str]]
) -> frozenset[str]:
    """Return the columns made of other columns of the row alone, such as the last digits of a new number.

    What they are made of is new itself, or learned. So few digits are somebody's by chance, and say nothing.

    Args:
        treatments: of all columns.
        formulas: those that are computed in the twin, with the columns that each mentions.
    """
    roles = {one.column.name: one.role for one in treatments}
    of_row = {one.column: names - {one.column} for one, names in formulas.items() if one.scope is Scope.ROW}
    known_roles = LEARNED_ROLES | REPLACED_ROLES | KEYS
    return frozenset(
        column
        for column, names in of_row.items()
        if names and not names & of_row.keys() and all(roles.get(name) in known_roles for name in names)
    )


def with_parts(
    model: Model, treatments: Iterable[Treatment], formulas: Mapping[Formula, frozenset[str]]
) -> Model:
    """Return the model that knows that what such keys are made of is unique together."""
    parts = (tuple(sorted(names)) for names in compounds(treatments, formulas).values() if len(names) > 1)
    return replace(model, derived_keys=tuple(dict.fromkeys((*model.derived_keys, *parts))))


def with_compounds(case: Case, table: pa.Table, held_columns: Collection[str]) -> pa.Table:
    """Return the twin with such keys as the SQL makes them; a row that would repeat one keeps what it has.

    So does one that would get a real key, though what that is made of, such as new numbers, is not real.

    Args:
        case: of the twin.
        table: the twin, with all its other columns final.
        held_columns: those whose values rows of other twins hold.
    """
    formulas = compounds(case.treatments, case.enforceable.formulas)
    names = {*table.column_names} - {*held_columns}
    ready = {
        one: used for one, used in formulas.items() if one.column in names and used <= {*table.column_names}
    }
    if not ready or not table.num_rows or case.task.model.history is not None:
        return table
    needed_columns = frozenset[str]().union(*ready.values(), (one.column for one in ready))
    rows = table.select([name for name in table.column_names if name in needed_columns])
    columns = judge(case, rows, (), equations(ready)).computed_columns
    plain_names, real = of_learned_columns(case.treatments, ready), case.source.real
    for name in columns.column_names:
        new = columns.column(name).combine_chunks()
        values = pd.Series(new.to_numpy(zero_copy_only=False))
        is_left = values.isna() | values.duplicated()
        if name in real.column_names and name not in plain_names:
            is_left |= pc.is_in(new, real.column(name).cast(new.type)).to_pandas()
        stays = pa.array(is_left.to_numpy(bool))
        both = pc.if_else(stays, table.column(name).combine_chunks().cast(new.type), new)
        if len(both.unique()) == table.num_rows:
            table = with_new_columns(table, pa.table({name: both}))
    return table
