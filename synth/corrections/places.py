"""Rows that are the only ones of their place, such as a day and a channel, get a place of their own.

Where a key is made of learned columns, rows that are drawn one by one repeat some of its values and leave out
others. Of all rows drawn, those are taken that have places of their own. One that repeats a key all the same
moves to the nearest free day or number beside its labels; a day moves to one of the same week-day as long as
there are such.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from synth.columns.conform import by_row, learnable
from synth.columns.roles import LEARNED_ROLES
from synth.columns.textforms import WrittenForm
from synth.domain import Kind, Role
from synth.sampling.computing import with_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.sampling.context import Case, Samples, TwinTable

    Ints: TypeAlias = NDArray[np.int64]

DENSE = 0.5  # of the places that there are, so many must be taken for them to be a grid
WEEK = 7
ORDERED_KINDS = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.INTEGER})


def place_columns(case: Case) -> dict[str, tuple[str, ...]]:
    """Return the ordered columns of keys that are made of learned columns, with the others of their key."""
    learned_columns = {one.column.name: one for one in case.treatments if one.role in LEARNED_ROLES}
    result: dict[str, tuple[str, ...]] = {}
    for names in (*case.task.model.unique, case.task.model.primary_key):
        if len(names) > 1 and set(names) <= learned_columns.keys():
            moving_label = next(
                (name for name in names if _is_ordered(learned_columns[name]) and name not in result), None
            )
            if moving_label is not None:
                result[moving_label] = tuple(name for name in names if name != moving_label)
    return result


def with_places(case: Case, twin_table: TwinTable, samples: Samples) -> tuple[TwinTable, Samples]:
    """Return the twin, and the rows that it is judged by at the places that its rows have."""
    names = [*place_columns(case)]
    return (
        with_columns(twin_table, samples, case.treatments, twin_table.table.select(names))
        if names
        else (twin_table, samples)
    )


def move_to_free_places(table: pa.Table, case: Case, rng: np.random.Generator) -> pa.Table:
    """Return the twin with rows that repeat such a key at free places.

    Args:
        table: the twin.
        case: of the twin.
        rng: the source of chance.
    """
    treatments = {one.column.name: one for one in case.treatments}
    for name, others in place_columns(case).items():
        some = [treatments[one] for one in (name, *others)]
        rows = learnable(table, some)
        values = on_free_places(rows, learnable(case.source.real, some), name, others)
        if values is not None:
            column = by_row(treatments[name], rows.assign(**{name: values}), rng)
            place = table.column_names.index(name)
            table = table.set_column(place, name, column.cast(table.schema.field(place).type))
    return table


def with_room(case: Case, samples: Samples, number: int) -> Ints | None:
    """Return the order of the rows drawn in which the first ones have room; None for the one that there is.

    Rows of owners stay as they are, and so do rows about which the user has decided.
    """
    model = case.task.model
    if samples.owner is not None or model.seed_columns or model.balance:
        return None
    treatments = {one.column.name: one for one in case.treatments}
    for name, others in place_columns(case).items():
        real = learnable(case.source.real, [treatments[one] for one in (name, *others)])
        return in_room(samples.synthetic, real, name, others, number)
    return None


def in_room(
    rows: pd.DataFrame, real: pd.DataFrame, name: str, others: Sequence[str], number: int
) -> Ints | None:
    """Return the order of rows in which the first ones have places of their own, as far as those drawn have.

    Of several rows of a place one stays, and spare rows of free places stand in for the others: so a row goes
    with its place. Beside each label there are as many as were drawn, or as it has places; what is too many
    goes to labels with fewer than in real rows. None where there is nothing to choose.

    Args:
        rows: all that were drawn.
        real: the real rows.
        name: the ordered column of the key.
        others: the others.
        number: how many of the rows make the twin.
    """
    grid = _grid(real, name, others)
    if grid is None or len(rows) <= number or rows[name].isna().any():
        return None
    numbers = (_numbers(rows[name][:number]) - grid[0]) // grid[1]
    both = pd.concat([rows[list(others)], real[list(others)]], ignore_index=True)
    labels = np.asarray(both.groupby(list(others), dropna=False, sort=False).ngroup(), np.int64)
    drawn_labels = labels[: len(rows)]
    shares = np.bincount(labels[len(rows) :], minlength=labels.max() + 1) / len(real)
    counts = _counts(drawn_labels[:number], shares, int(numbers.max() - numbers.min()) + 1)
    is_repeat = rows.duplicated([name, *others]).to_numpy(bool)
    order = np.lexsort((np.arange(len(rows)), is_repeat))
    turn = np.empty(len(rows), np.int64)
    turn[order] = pd.Series(drawn_labels[order]).groupby(drawn_labels[order]).cumcount()
    is_first = turn < counts[drawn_labels]
    result: Ints = np.argsort(~is_first, kind="stable")
    return result


def _counts(labels: Ints, shares: NDArray[np.float64], places: int) -> Ints:
    """Return how many rows of each label there are to be, no more than it has places.

    Args:
        labels: of the rows drawn.
        shares: of the labels among real rows.
        places: of each label.
    """
    counts = np.bincount(labels, minlength=len(shares))
    within = np.minimum(counts, places)
    room = np.maximum(np.minimum(np.rint(shares * len(labels)), places) - within, 0)
    rest = int((counts - within).sum())
    share = min(rest / room.sum(), 1.0) if room.sum() else 0.0
    result: Ints = within + np.floor(room * share).astype(np.int64)
    return result


def _is_ordered(treatment: Treatment) -> bool:
    is_date = isinstance(treatment.form, WrittenForm) and treatment.form.is_date
    return treatment.role in {Role.DATETIME, Role.NUMBER} and (
        is_date or treatment.column.kind in ORDERED_KINDS
    )


def on_free_places(
    rows: pd.DataFrame, real: pd.DataFrame, name: str, others: Sequence[str]
) -> pd.Series[Any] | None:
    """Return the ordered column with rows that repeat a key moved; None where there is nothing to do.

    Args:
        rows: of the twin.
        real: the real rows.
        name: the ordered column of the key.
        others: the others.
    """
    grid = _grid(real, name, others)
    repeats = rows.duplicated([name, *others]).to_numpy(bool)
    if grid is None or not repeats.any() or rows[name].isna().any():
        return None
    start, step, is_day = grid
    numbers = (_numbers(rows[name]) - start) // step
    steps = np.arange(numbers.min(), numbers.max() + 1)
    for _, group in rows.reset_index(drop=True).groupby(list(others), dropna=False, sort=False):
        places = group.index.to_numpy()
        waiting_places, free = places[repeats[places]].tolist(), np.setdiff1d(steps, numbers[places])
        for period in (WEEK, 1) if is_day else (1,):
            still: list[int] = []
            for row in waiting_places:
                suits = free[(free - numbers[row]) % period == 0]
                if len(suits):
                    numbers[row] = suits[np.abs(suits - numbers[row]).argmin()]
                    free = free[free != numbers[row]]
                else:
                    still.append(row)
            waiting_places = still
    new_values: pd.Series[Any] = pd.Series(numbers * step + start, index=rows.index)
    moments = new_values.astype("datetime64[us]") if is_moment(rows[name]) else new_values
    return moments.astype(rows[name].dtype)


def _grid(real: pd.DataFrame, name: str, others: Sequence[str]) -> tuple[int, int, bool] | None:
    """Return where the steps of a column begin, how long one is, and whether it is a day; None if sparse."""
    if real[name].isna().any() or real.duplicated([name, *others]).any() or not len(real):
        return None
    values: Ints = np.unique(_numbers(real[name]))
    if len(values) < 2:  # noqa: PLR2004 - two make a step
        return None
    step = int(np.gcd.reduce(np.diff(values)))
    room = int((values[-1] - values[0]) // step + 1) * len(real[list(others)].drop_duplicates())
    day = is_moment(real[name]) and step == pd.Timedelta(days=1) // pd.Timedelta(microseconds=1)
    return (int(values[0]), step, bool(day)) if len(real) >= DENSE * room else None


def is_moment(values: pd.Series[Any]) -> bool:
    """Return whether a column holds dates without a zone."""
    return getattr(values.dtype, "kind", "") == "M"


def _numbers(values: pd.Series[Any]) -> Ints:
    plain = values.astype("datetime64[us]") if is_moment(values) else values
    return np.asarray(plain.astype("int64"), dtype=np.int64).copy()
