"""Columns that windows give, such as `lag(paid_on) over (partition by customer order by paid_on)`.

They tell of other rows of the same relation, so they are computed when all rows of a twin are there. The
project's SQL says how, and all real rows are so: what was left out after the windows makes that false.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from synth.domain import Scope
from synth.sampling.computing import equations, judge, own_formulas, with_columns, without_new_breaks

if TYPE_CHECKING:
    import pyarrow as pa

    from synth.columns.roles import Treatment
    from synth.domain import Formula
    from synth.sampling.context import Case, Samples, TwinTable


def with_windows(
    case: Case, twin_table: TwinTable, samples: Samples
) -> tuple[TwinTable, Samples, tuple[str, ...]]:
    """Return the twin with what windows over its rows give, and what follows from that.

    Args:
        case: of the twin.
        twin_table: the twin.
        samples: the rows that it was made of.

    Returns:
        The twin, the rows that it is judged by, and warnings: a row that would break a rule so keeps what was
        drawn.
    """
    columns, warnings = columns_of_windows(case, twin_table.table)
    if columns is None:
        return twin_table, samples, ()
    twin_table, samples = with_columns(twin_table, samples, case.treatments, columns)
    return twin_table, samples, warnings


def columns_of_windows(case: Case, table: pa.Table) -> tuple[pa.Table | None, tuple[str, ...]]:
    """Return the columns of a twin that windows give, None where none does; and warnings."""
    formulas = formulas_of_windows(case)
    if not formulas or not table.num_rows:
        return None, ()
    names = frozenset().union(*(own_formulas(case)[formula] for formula in formulas))
    rows = table.select([name for name in table.column_names if name in names])
    columns = judge(case, rows, (), equations(formulas)).computed_columns
    columns, number = without_new_breaks(case, table, columns)
    warning = f"{number:,} rows of the twin do not follow from its other rows: that would break its rules"
    return columns, (warning,) if number else ()


def not_by_windows(case: Case) -> list[Treatment]:
    """Return the columns that no window gives; one that counts rows in the order of a time is no time."""
    columns = {formula.column for formula in formulas_of_windows(case)}
    return [one for one in case.treatments if one.column.name not in columns]


def formulas_of_windows(case: Case) -> list[Formula]:
    """Return the formulas with windows and those that need what they give, each after what it needs."""
    formulas = {formula.column: (formula, names) for formula, names in own_formulas(case).items()}
    needs = {column: names - {column} for column, (_, names) in formulas.items()}
    order = [column for column in TopologicalSorter(needs).static_order() if column in formulas]
    late: dict[str, Formula] = {}
    for column in order:
        formula = formulas[column][0]
        if formula.scope is Scope.WINDOW or needs[column] & late.keys():
            late[column] = formula
    return list(late.values())
