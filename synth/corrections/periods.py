"""Periods that do not overlap: within an owner, or within an owner and a label, such as a person and a drug.

Real rows say so. A row of the twin that begins before the one before it has ended is moved behind it, with
its length and after as long a pause as real rows have; behind the end of the observation there is none. What
else happened in the row moves along. Over a night it moves by whole days: shops stay closed then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.conform import by_row, learnable
from synth.domain import Role
from synth.sampling.computing import with_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from synth.sampling.context import Case, Samples, TwinTable

    Ints: TypeAlias = NDArray[np.int64]
    Mask: TypeAlias = NDArray[np.bool_]
    Spans: TypeAlias = NDArray[np.timedelta64]
    Times: TypeAlias = NDArray[np.datetime64]

FEWEST = 20  # rows behind another, from which it is a rule that they do not overlap
MOST_BACKWARDS = 0.02  # share of the ends that may lie before their start: of what was called off
MOST_LABELS = 60  # different ones of a column that may part the periods of an owner
PROBE = 500  # owners who dismiss nearly all columns
DAY = np.timedelta64(1, "D")
CHANCE = log(1e-6)  # of none overlapping, if the label said nothing


@dataclass(frozen=True, slots=True)
class Succession:
    """Periods of one owner, and of one value of the label if there is one, follow each other.

    Attributes:
        start: the column that a period begins at; `end` that where it ends, NULL while it goes on.
        label: "" where all periods of an owner follow each other.
        strict: the next one begins later than the last one ended.
        pauses: between two real periods.
        along: other moments of a row, none of them before its start in any real row.
    """

    start: str
    end: str
    label: str
    strict: bool
    pauses: Spans
    along: tuple[str, ...] = ()


def find_succession(rows: pd.DataFrame, owner: Ints, labels: Sequence[str]) -> Succession | None:
    """Return how the real periods of owners follow each other, if they do.

    Args:
        rows: with moments.
        owner: of each row; -1 where it has none.
        labels: columns that may part the periods of an owner.
    """
    moments = [name for name in rows.columns if getattr(rows[name].dtype, "kind", "") == "M"]
    starts = [name for name in moments if rows[name].notna().all()]
    for start in starts:
        for end in moments:
            start_times, end_times = times_of(rows[start]), times_of(rows[end])
            has_end = ~np.isnat(end_times)
            if (
                end == start
                or not has_end.any()
                or (end_times < start_times)[has_end].mean() > MOST_BACKWARDS
                or (end_times == start_times)[has_end].all()
            ):
                continue
            overlaps = _overlaps(owner, start_times, end_times)
            for label in ("", *labels):
                group = owner if not label else _groups(owner, rows[label])
                if not _all_follow(np.where(owner < PROBE, group, -1), start_times, end_times):
                    continue
                succession = _succession(group, start_times, end_times, overlaps if label else None)
                if succession is not None:
                    along = tuple(
                        name for name in moments if name not in {start, end} and _begins(rows, start, name)
                    )
                    return Succession(start, end, label, *succession, along)
    return None


def _begins(rows: pd.DataFrame, start: str, name: str) -> bool:
    """Return whether no row has a moment before its start."""
    times, start_times = times_of(rows[name]), times_of(rows[start])
    present = ~np.isnat(times)
    return present.sum() >= FEWEST and bool((times >= start_times)[present].all())


def times_of(values: pd.Series[pd.Timestamp]) -> Times:
    """Return moments in microseconds."""
    return values.to_numpy("datetime64[us]")


def _groups(owner: Ints, label: pd.Series[str]) -> Ints:
    """Return a number for each owner and value of a label; -1 where there is no owner or no value."""
    codes = pd.factorize(label)[0]
    groups: Ints = np.where((owner < 0) | (codes < 0), -1, owner * (codes.max(initial=0) + 1) + codes)
    return groups


def _behind(group: Ints, start: Times, end: Times) -> tuple[Ints, Ints]:
    """Return the rows that come after another of their group, and those before them."""
    order = np.lexsort((end, start, group))  # what has no end stands last of those that begin together
    order = order[group[order] >= 0]
    again = group[order][1:] == group[order][:-1]
    return order[1:][again], order[:-1][again]


def _all_follow(group: Ints, start: Times, end: Times) -> bool:
    later, earlier = _behind(group, start, end)
    return bool((start[later] >= end[earlier]).all())


def _overlaps(group: Ints, start: Times, end: Times) -> float:
    """Return which share of the rows behind another of their group begins before that has ended."""
    later, earlier = _behind(group, start, end)
    return float((~(start[later] > end[earlier])).mean()) if len(later) else 0.0


def _succession(group: Ints, start: Times, end: Times, overlaps: float | None) -> tuple[bool, Spans] | None:
    """Return whether all rows of a group begin strictly later than the last ended, and the pauses between.

    None where some overlap, or where few would: `overlaps` is the share that does without the label.
    """
    later, earlier = _behind(group, start, end)
    if len(later) < FEWEST or not (start[later] >= end[earlier]).all():
        return None
    if overlaps is not None and len(later) * np.log1p(-min(overlaps, 0.999)) > CHANCE:
        return None
    pauses = start[later] - end[earlier]
    return bool((pauses > np.timedelta64(0, "us")).all()), pauses


def separate_periods(
    rows: pd.DataFrame, owner: Ints, succession: Succession, rng: np.random.Generator
) -> tuple[pd.DataFrame, Mask]:
    """Return the rows with periods that follow each other, and which of all these are.

    What would begin behind the last beginning, or follow what has no end, is left out.
    """
    start, end = times_of(rows[succession.start]).copy(), times_of(rows[succession.end]).copy()
    first, by_day = start.copy(), bool((start.astype("M8[D]") == start).all())
    group = owner if not succession.label else _groups(owner, rows[succession.label])
    least = np.timedelta64(int(succession.strict), "us")
    later, earlier = _behind(group, start, end)
    overlapping_groups = np.unique(group[later[~(start[later] >= end[earlier] + least)]])
    latest, stays = start.max() if len(start) else None, np.ones(len(rows), bool)
    some = np.flatnonzero(np.isin(group, overlapping_groups))
    before = -1
    for now in some[np.lexsort((end[some], start[some], group[some]))].tolist():
        follows = before >= 0 and group[before] == group[now]
        if follows and not start[now] >= end[before] + least:
            pause = rng.choice(succession.pauses)
            begin = end[before] + pause
            if not np.isnat(begin) and (by_day or pause >= DAY):
                begin = start[now] - (start[now] - begin) // DAY * DAY  # at the same time of a later day
            if np.isnat(begin) or begin > latest:
                stays[now] = False
                continue
            start[now], end[now] = begin, end[now] + (begin - start[now])
        before = now
    times = {succession.start: start, succession.end: end}
    times |= {name: times_of(rows[name]) + (start - first) for name in succession.along}
    columns = {name: _like(rows[name], own) for name, own in times.items()}
    return rows.assign(**columns)[stays], stays


def _like(column: pd.Series[Any], times: Times) -> pd.Series[Any]:
    """Return times in the dtype of a column."""
    series = pd.Series(times, index=column.index)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_localize("UTC")
    return series.astype(column.dtype)


def with_succession(case: Case, twin_table: TwinTable, samples: Samples) -> tuple[TwinTable, Samples]:
    """Return the twin with periods that follow each other as real ones do, and the rows that it is judged by.

    Args:
        case: of the twin.
        twin_table: the twin.
        samples: the rows that it was made of.
    """
    table = twin_table.table
    if case.owner not in table.column_names or case.task.model.history:
        return twin_table, samples
    roles = {Role.DATETIME, Role.CATEGORY}
    some = [one for one in case.treatments if one.role in roles and one.column.name in table.column_names]
    real = learnable(case.source.real, some)
    labels = [
        one.column.name
        for one in some
        if one.role is Role.CATEGORY and real[one.column.name].nunique() <= MOST_LABELS
    ]
    succession = find_succession(real, codes_of(case.source.real.column(case.owner)), labels)
    if succession is None:
        return twin_table, samples
    rng = np.random.default_rng([case.task.seed, *case.task.model.unique_id.encode(), 4])
    rows, stays = separate_periods(
        learnable(table, some), codes_of(table.column(case.owner)), succession, rng
    )
    twin_table = replace(twin_table, table=table.filter(pa.array(stays)), places=twin_table.places[stays])
    columns = {
        one.column.name: by_row(one, rows, rng)
        for one in some
        if one.column.name in {succession.start, succession.end, *succession.along}
    }
    return with_columns(twin_table, samples, case.treatments, pa.table(columns))


def codes_of(keys: pa.ChunkedArray) -> Ints:
    """Return a number for each key; -1 for NULL."""
    codes = keys.combine_chunks().dictionary_encode().indices
    return np.asarray(codes.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
