"""Numbers that count the rows of an owner, or of an owner and a label, from 1 on in the order of a time.

SQL has `row_number() over (partition by customer order by placed)` for that. Rows that are drawn, moved apart
and left out one by one repeat such numbers or skip some; they are counted again when all rows are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from synth.columns.conform import learnable
from synth.domain import Kind, Role
from synth.twins.across import with_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from synth.twins.context import Case, Samples, TwinTable

FEWEST = 20  # rows behind another of their group, from which it is a rule
MOST_LABELS = 200  # different values of a column that may part the rows of an owner
TIMES = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})


@dataclass(frozen=True, slots=True)
class Numbering:
    """In `column` rows that agree in `groups` are counted, in the order of `time` or of what it holds."""

    column: str
    groups: tuple[str, ...]
    time: str | None


def find_numberings(
    rows: pd.DataFrame, numbers: Sequence[str], keys: Sequence[str], labels: Sequence[str]
) -> tuple[Numbering, ...]:
    """Return which numbers count rows, by the fewest columns that part them.

    Args:
        rows: the real ones.
        numbers: columns of whole numbers without NULL.
        keys: columns of references without NULL.
        labels: columns that may part the rows of one reference.
    """
    times = [name for name in rows.columns if pd.api.types.is_datetime64_any_dtype(rows[name].dtype)]
    numberings: list[Numbering] = []
    for column in numbers:
        ways = chain(((key,) for key in keys), ((key, label) for key in keys for label in labels))
        groups = next((way for way in ways if column not in way and _counts(rows, column, way)), None)
        if groups is None or rows[column].max() < 2:  # noqa: PLR2004 - nothing is behind another
            continue
        rows_in_order = rows.sort_values([*groups, column], kind="stable")
        again = (rows_in_order[column] > 1).to_numpy(bool)
        if again.sum() >= FEWEST:
            rising = (name for name in times if _rises(rows_in_order[name], again))
            numberings.append(Numbering(column, groups, next(rising, None)))
    return tuple(numberings)


def _counts(rows: pd.DataFrame, column: str, groups: tuple[str, ...]) -> bool:
    """Return whether a column holds the numbers from 1 on in each group, each once."""
    values = rows[column]
    if values.min() != 1 or rows[list(groups)].isna().to_numpy().any():
        return False
    if int((values == 1).sum()) != len(rows[list(groups)].drop_duplicates()):
        return False
    place = rows.groupby(list(groups), sort=False)[column].rank(method="first")
    return bool((place == values).all())


def _rises(times: pd.Series[pd.Timestamp], again: NDArray[np.bool_]) -> bool:
    before = times.shift()
    if times.isna().any():
        return False
    return bool((times >= before)[again].all() and (times > before)[again].sum() >= FEWEST)


def counted_again(rows: pd.DataFrame, numbering: Numbering) -> pd.Series[int]:
    """Return the numbers of rows, counted; rows without a group keep what they have."""
    order = [name for name in (numbering.time, numbering.column) if name is not None]
    rows_in_order = rows.sort_values(order, kind="stable")
    numbers = rows_in_order.groupby(list(numbering.groups), sort=False).cumcount() + 1
    has_group = rows[list(numbering.groups)].notna().all(axis=1)
    return numbers.reindex(rows.index).where(has_group, rows[numbering.column]).astype("int64")


def with_numberings(case: Case, twin_table: TwinTable, samples: Samples) -> tuple[TwinTable, Samples]:
    """Return the twin with rows counted as real ones are, and the rows that it is judged by.

    Args:
        case: of the twin.
        twin_table: the twin.
        samples: the rows that it was made of.
    """
    model, table = case.task.model, twin_table.table
    fixed_columns = {formula.column for formula in model.formulas} | {*model.roles}
    fixed_columns |= {fact.column for fact in case.context.facts.every if fact.model == model.unique_id}
    here = [one for one in case.treatments if one.column.name in table.column_names]
    real = case.source.real
    full = {name for name in table.column_names if not real.column(name).null_count}
    keys = [one.column.name for one in here if one.role is Role.FOREIGN_KEY and one.column.name in full]
    some = [one for one in here if one.role in {Role.NUMBER, Role.CATEGORY} and one.column.name in full]
    some += [one for one in here if one.role is Role.DATETIME and one.column.kind in TIMES]
    some = [one for one in some if one.form is None]
    numbers = [
        one.column.name
        for one in some
        if one.role is Role.NUMBER
        and one.column.kind is Kind.INTEGER
        and one.column.name not in fixed_columns
    ]
    if not keys or not numbers or not table.num_rows or model.history is not None:
        return twin_table, samples

    def frame(rows: pa.Table) -> pd.DataFrame:
        learned_columns = learnable(rows, some)
        codes = {name: rows.column(name).combine_chunks().dictionary_encode().indices for name in keys}
        return learned_columns.assign(**{name: column.to_pandas() for name, column in codes.items()})

    rows = frame(real)
    labels = [
        one.column.name
        for one in some
        if one.role is not Role.DATETIME and rows[one.column.name].nunique() <= MOST_LABELS
    ]
    columns = {
        one.column: pa.array(counted_again(frame(table), one))
        for one in find_numberings(rows, numbers, keys, labels)
    }
    if not columns:
        return twin_table, samples
    return with_columns(twin_table, samples, case.treatments, pa.table(columns))
