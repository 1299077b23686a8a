"""What a row takes over from the one before it: a balance is the last one and what was paid in since.

Numbers that are moved one by one, because they are somebody's own, break that. Real rows say whether a
column adds up from row to row of an owner, or begins where another one ended; the twin's do so again. So does
what ends when the next row begins, or the day before, such as a price that is valid until there is another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.conform import by_row, learnable
from synth.corrections.periods import codes_of
from synth.domain import RARE, Role
from synth.sampling.computing import with_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.sampling.context import Case, Samples, TwinTable

    Mask: TypeAlias = NDArray[np.bool_]

FEWEST = 20  # rows behind another of their owner that show what is taken over,
DIFFERENT = 5  # of which so many differ in it
PROBE = 2_000  # rows that dismiss nearly all columns
CLOSE = 1e-9  # relative, in which floats may miss a sum


@dataclass(frozen=True, slots=True)
class Carry:
    """A column that follows from the row before.

    Attributes:
        column: the column.
        source: the column of the row before that it begins with; itself where it adds up.
        step: the column of the row that is added; "" where there is none.
    """

    column: str
    source: str
    step: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """A time of a row that is so long before the next row of its owner begins.

    Attributes:
        is_open: the last row of an owner has none.
    """

    column: str
    gap: pd.Timedelta
    is_open: bool


def find_endings(rows: pd.DataFrame, owner: NDArray[Any], time: str) -> tuple[Ending, ...]:
    """Return which times of real rows always end with the next row.

    Args:
        rows: numbers and moments of rows, those of an owner together and in order.
        owner: of each row.
        time: by which rows are in order.
    """
    later = np.flatnonzero(np.r_[False, owner[1:] == owner[:-1]])
    is_moment = pd.api.types.is_datetime64_any_dtype
    if len(later) < FEWEST or len(np.unique(owner[later])) < RARE or not is_moment(rows[time]):
        return ()
    last = np.r_[owner[1:] != owner[:-1], True]
    endings = []
    for column in (str(name) for name in rows.columns if str(name) != time and is_moment(rows[name])):
        gaps = rows[time].iloc[later].array - rows[column].iloc[later - 1].array
        ends = rows[column].iloc[later - 1]
        if not ends.isna().any() and gaps.min() == gaps.max() and ends.nunique() >= DIFFERENT:
            endings.append(Ending(column, gaps.min(), bool(rows[column][last].isna().all())))
    return tuple(endings)


def end_with_next(
    rows: pd.DataFrame, owner: NDArray[Any], time: str, endings: Sequence[Ending]
) -> pd.DataFrame:
    """Return rows, those of an owner together and in order, in which times end with the next row."""
    result, last = rows.copy(), np.r_[owner[1:] != owner[:-1], True][: len(rows)]
    for one in endings:
        ends = (result[time].shift(-1) - one.gap).astype(result[one.column].dtype)
        rest = (
            pd.Series(pd.NaT, result.index, result[one.column].dtype) if one.is_open else result[one.column]
        )
        result[one.column] = ends.where(~last, rest)
    return result


def find_carries(rows: pd.DataFrame, owner: NDArray[Any]) -> tuple[Carry, ...]:
    """Return what real rows take over from the row before: sums first, then what begins where another ended.

    Args:
        rows: numbers and moments of rows, those of an owner together and in order.
        owner: of each row.
    """
    later = np.r_[False, owner[1:] == owner[:-1]]
    if later.sum() < FEWEST or len(np.unique(owner[later])) < RARE:
        return ()
    part = np.flatnonzero(later)[:PROBE]
    carries: dict[str, Carry] = {}
    for carry in (*_sums(rows), *_beginnings(rows)):
        if (
            carry.column not in carries
            and _holds(rows, carry, part)
            and _holds(rows, carry, np.flatnonzero(later))
        ):
            carries[carry.column] = carry
    return tuple(carries.values())


def _sums(rows: pd.DataFrame) -> Iterator[Carry]:
    numbers = [str(name) for name in rows.columns if pd.api.types.is_numeric_dtype(rows[name])]
    for column in numbers:
        for step in numbers:
            if step != column:
                yield Carry(column, column, step)


def _beginnings(rows: pd.DataFrame) -> Iterator[Carry]:
    for column in map(str, rows.columns):
        for source in map(str, rows.columns):
            if source != column and rows[source].dtype == rows[column].dtype:
                yield Carry(column, source)


def _holds(rows: pd.DataFrame, carry: Carry, later: NDArray[np.int64]) -> bool:
    """Return whether all these rows follow from those before them, and differ enough to show it."""
    now, before = rows[carry.column].iloc[later], rows[carry.source].iloc[later - 1]
    if now.isna().any() or before.isna().any():
        return False
    if not carry.step:
        is_equal = now.to_numpy() == before.to_numpy()
        # What an owner keeps is no beginning.
        moves = rows[carry.column].iloc[later - 1].to_numpy() != now.to_numpy()
        return bool(is_equal.all()) and now[moves].nunique() >= DIFFERENT
    step = rows[carry.step].iloc[later]
    if step.isna().any():
        return False
    plain = [one.to_numpy(np.float64) for one in (now, before, step)]
    misses = np.abs(plain[0] - plain[1] - plain[2])
    return bool((misses <= CLOSE * np.maximum(np.abs(plain[0]), 1.0)).all()) and step.nunique() >= DIFFERENT


def carry_over(rows: pd.DataFrame, owner: NDArray[Any], carries: Sequence[Carry]) -> pd.DataFrame:
    """Return rows, those of an owner together and in order, in which columns follow from the row before."""
    result, later = rows.copy(), np.r_[False, owner[1:] == owner[:-1]][: len(rows)]
    for carry in carries:
        values = result[carry.column]
        if carry.step:
            first = values.where(~later).groupby(owner).transform("first")
            steps = result[carry.step].where(later, 0).groupby(owner).cumsum()
            total = first + steps
        else:
            total = values.mask(later & result[carry.source].shift().notna(), result[carry.source].shift())
        result[carry.column] = total.where(total.notna(), values).astype(values.dtype)
    return result


def with_carries(case: Case, twin_table: TwinTable, samples: Samples) -> tuple[TwinTable, Samples]:
    """Return the twin whose rows take over what real ones do, and the rows that it is judged by.

    Args:
        case: of the twin.
        twin_table: the twin.
        samples: the rows that it was made of.
    """
    family, table, names = case.family, twin_table.table, {*twin_table.table.column_names}
    if family is None or family.time is None or not table.num_rows or family.time not in names:
        return twin_table, samples
    key, time = family.key, family.time
    names -= _fixed_columns(case) - {time}
    some = [one for one in case.treatments if one.column.name in names and _is_plain(one, time)]
    real_rows = learnable(case.source.real, some)
    if time not in real_rows:  # it is part of a range
        return twin_table, samples
    real, owner = _in_order(real_rows, case.source.real.column(key), time)
    carries = [one for one in find_carries(real, owner) if one.column != time]
    endings = find_endings(real, owner, time)
    if not carries and not endings:
        return twin_table, samples
    result = learnable(table, some)
    rows, owner = _in_order(result, table.column(key), time)
    columns = sorted({*(carry.column for carry in carries), *(one.column for one in endings)})
    rows = end_with_next(carry_over(rows, owner, carries), owner, time, endings)
    result.loc[rows.index, columns] = rows[columns]
    rng = np.random.default_rng([case.task.seed, *case.task.model.unique_id.encode(), 8])
    parts = {one.column.name: by_row(one, result, rng) for one in some if one.column.name in columns}
    return with_columns(twin_table, samples, case.treatments, pa.table(parts))


def _fixed_columns(case: Case) -> set[str]:
    """Return the columns that a formula or another table decides, or whose role is declared."""
    model, formulas = case.task.model, case.enforceable.formulas
    facts = (fact.column for fact in case.context.facts.every if fact.model == model.unique_id)
    return {*model.roles, *facts, *(formula.column for formula in formulas)}


def _is_plain(treatment: Treatment, time: str) -> bool:
    """Return whether a column holds numbers or moments as they are, or orders the rows."""
    is_measured = treatment.role in {Role.NUMBER, Role.DATETIME}
    return treatment.column.name == time or (treatment.form is None and is_measured)


def _in_order(rows: pd.DataFrame, keys: pa.ChunkedArray, time: str) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Return rows with those of an owner together and in order, and a number for the owner of each."""
    owner = codes_of(keys)
    frame = pd.DataFrame({"owner": owner, "time": rows[time].array})
    places = frame[owner >= 0].sort_values(["owner", "time"], kind="stable").index.to_numpy()
    return rows.iloc[places], owner[places]
