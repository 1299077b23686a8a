"""The rows of a dbt snapshot are versions: drawn rows are put one behind another, as those of one key are.

A backend draws each row on its own: what is so, since when, and until when. Here each closed row is
followed by the row that begins soonest after its end, and ends when that begins. Rows that follow none begin
the history of a new key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from synth.columns.roles import KEYS, REPLACED_ROLES
from synth.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import History, Model
    from synth.sampling.context import Samples
    from synth.sampling.source import SourceRows

    Ints: TypeAlias = NDArray[np.int64]
    Mask: TypeAlias = NDArray[np.bool_]

OPEN = np.iinfo(np.int64).max  # the end of what still is so
EVIDENCE = 10  # pairs of versions below which it is no habit that a column stays the same


@dataclass(frozen=True, slots=True)
class Habits:
    """How real versions follow each other.

    Attributes:
        keys: how many there are for each row.
        ended_share: the share of closed rows that nothing follows, because their key was deleted.
        constant: columns that are the same in all versions of a key.
        until: what an open row has for its end; None is NULL.
    """

    keys: float
    ended_share: float
    constant: tuple[str, ...]
    until: Any


@dataclass(frozen=True, slots=True)
class Versions:
    """Whose versions the rows of a twin are.

    Attributes:
        owner: for each row the number of its key, from 0 on.
        constant: columns that are the same in all versions of a key.
        stays: which of the rows that were put in order these are; the others have no key.
    """

    owner: Ints
    constant: tuple[str, ...]
    stays: Mask


def in_versions(
    history: History | None,
    samples: Samples,
    places: Ints,
    source: SourceRows,
    *,
    habits: Habits | None = None,
    most: int | None = None,
) -> tuple[Samples, Versions | None]:
    """Return the rows drawn, those at `places` as versions, and whose.

    Versions of a key do not overlap and leave no gap, and its last one is open, except for about as many keys
    as have no open one in the source. None where the model is no snapshot or its times are not learned.
    `habits` are those of the real versions, unless they are given. There are at `most` so many keys: where
    rows begin at so few moments that they cannot follow each other, some are left out.
    """
    frame = samples.synthetic
    if history is None or not {history.start, history.end} <= set(frame.columns) or not len(places):
        return samples, None
    habits = habits or _habits(history, source)
    rows = frame.iloc[places].reset_index(drop=True)
    start, end = _moments(rows[history.start]), _ends(rows[history.end], habits)
    follower, end = _link_versions(start, end, habits.ended_share)
    keys = round(habits.keys * len(rows))
    follower, end = _adjust_count(start, end, follower, keys if most is None else min(keys, most))
    owner, first = _owners(start, follower)
    rows[history.end] = _write_ends(rows, history, follower, end == OPEN, habits)
    constant_columns = [name for name in habits.constant if name in frame]
    for name in constant_columns:
        rows[name] = rows[name].take(first[owner]).array
    versions_frame = frame.copy()
    for name in (history.end, *constant_columns):
        column = frame[name].copy()
        column.iloc[places] = rows[name].array
        versions_frame[name] = column
    stays = _within(owner, most)
    owner = np.unique(owner[stays], return_inverse=True)[1]
    return replace(samples, synthetic=versions_frame), Versions(owner, habits.constant, stays)


def _within(owner: Ints, most: int | None) -> Mask:
    """Return which rows are of so many keys; the newest of those with fewest versions are left out."""
    versions = np.bincount(owner)
    surplus = len(versions) - (len(versions) if most is None else most)
    order = np.lexsort((-np.arange(len(versions)), versions))
    return ~np.isin(owner, order[: max(surplus, 0)])


def key_versions(
    model: Model, treatments: Sequence[Treatment], real: pa.Table, versions: Versions | None
) -> tuple[tuple[Treatment, ...], Mapping[str, Ints]]:
    """Return the treatments, and by whom rows share values of columns that are made anew.

    Of the snapshot's key the column with the most values is another for each key.

    Raises:
        ModelError: no column of the key is made anew, so nothing could tell one history from another.
    """
    if model.history is None or versions is None:
        return tuple(treatments), {}
    new = {one.column.name for one in treatments if one.role in KEYS | REPLACED_ROLES}
    names = [name for name in model.history.key if name in new]
    if not names:
        raise ModelError(
            f"The key of the snapshot {model.name}, {', '.join(model.history.key)}, is declared as something "
            f"to learn, so nothing tells one history from another. Next: in {model.path} give it the role "
            "natural_key."
        )
    key = max(names, key=lambda name: len(real.column(name).unique()))
    shared_codes = dict.fromkeys((key, *(name for name in versions.constant if name in new)), versions.owner)
    return tuple(
        replace(one, unique=True) if one.column.name == key else one for one in treatments
    ), shared_codes


def usual_habits(history: History | None, frame: pd.DataFrame) -> Habits | None:
    """Return habits that follow from rows drawn: each key has one open version, and nothing else is known."""
    if history is None or history.end not in frame or not len(frame):
        return None
    ends = frame[history.end]
    until = ends.max() if history.far_end else None
    still = ends.isna() if until is None else ends == until
    return Habits(max(float(still.mean()), 1 / len(frame)), 0.0, (), until)


def _habits(history: History, source: SourceRows) -> Habits:
    every, training = _number_keys(source.real, history.key), source.training
    owner = every[source.learned_rows]
    ends = training.column(history.end).to_pandas()
    until = ends.max() if history.far_end else None
    start = _moments(training.column(history.start).to_pandas())
    is_closed = ~(ends.isna() if until is None else ends == until).to_numpy()
    order = np.lexsort((start, owner))
    same = owner[order][1:] == owner[order][:-1]
    last = np.append(~same, [True])
    others = [
        name for name in training.column_names if name not in {*history.key, history.start, history.end}
    ]
    constant = [name for name in others if same.sum() >= EVIDENCE and _stays(training, name, order, same)]
    ended_share = (is_closed[order] & last).sum() / max(is_closed.sum(), 1)
    return Habits((every.max() + 1) / len(every), float(ended_share), tuple(constant), until)


def _number_keys(rows: pa.Table, key: Sequence[str]) -> Ints:
    """Return the number of the key of each row."""
    groups = rows.select(list(key)).to_pandas().groupby(list(key), dropna=False, sort=False)
    return np.asarray(groups.ngroup(), dtype=np.int64)


def _stays(training: pa.Table, name: str, order: Ints, same: Mask) -> bool:
    codes = pd.factorize(training.column(name).to_pandas(), use_na_sentinel=False)[0][order]
    return bool((codes[1:] == codes[:-1])[same].all())


def _moments(values: pd.Series[Any]) -> Ints:
    """Return microseconds; NULL is long before everything."""
    moments = pd.DatetimeIndex(pd.to_datetime(values, utc=True)).as_unit("us")
    return np.asarray(moments.asi8, dtype=np.int64)


def _ends(values: pd.Series[Any], habits: Habits) -> Ints:
    """Return the ends of rows, `OPEN` for those without one."""
    moments, open_ = _moments(values), values.isna().to_numpy()
    if habits.until is not None:
        open_ = open_ | (moments >= _moments(pd.Series([habits.until]))[0])
    return np.where(open_, OPEN, moments)


def _link_versions(start: Ints, end: Ints, ended_share: float) -> tuple[Ints, Ints]:
    """Return the row that follows each, else -1, and the ends; a closed row that none can follow may open."""
    order = np.argsort(start, kind="stable")
    begins = start[order]
    closed_rows = np.flatnonzero(end != OPEN)
    closed_rows = closed_rows[np.argsort(end[closed_rows], kind="stable")]
    targets = np.maximum(
        np.searchsorted(begins, end[closed_rows], "left"),
        np.searchsorted(begins, start[closed_rows], "right"),
    )
    places = _next_free(targets, len(start))
    can = places < len(start)
    gap = np.where(can, begins[np.minimum(places, len(start) - 1)] - end[closed_rows], OPEN)
    stay = np.zeros(len(closed_rows), dtype=bool)
    stay[np.lexsort((-end[closed_rows], -gap))[: round(ended_share * len(closed_rows))]] = True
    stay &= end[closed_rows] > start[closed_rows]
    follower = np.full(len(start), -1)
    follower[closed_rows[can & ~stay]] = order[places[can & ~stay]]
    end = end.copy()
    end[closed_rows[~can & ~stay]] = OPEN
    return follower, end


def _adjust_count(start: Ints, end: Ints, follower: Ints, keys: int) -> tuple[Ints, Ints]:
    """Return links for as many keys: late beginnings follow what is open for longest, or links are cut."""
    follower, end = follower.copy(), end.copy()
    linked_rows = np.flatnonzero(follower >= 0)
    missing_rows = len(start) - len(linked_rows) - keys
    if missing_rows < 0:
        widest = linked_rows[
            np.argsort(start[follower[linked_rows]] - end[linked_rows], kind="stable")[missing_rows:]
        ]
        follower[widest], end[widest] = -1, OPEN
        return follower, end
    order = np.argsort(start, kind="stable")
    first = np.ones(len(start), dtype=bool)
    first[follower[linked_rows]] = False
    oldest = order[end[order] == OPEN][:missing_rows]
    latest = order[::-1][first[order[::-1]]][: len(oldest)]
    oldest = oldest[: len(latest)]
    fits = start[oldest] < start[latest]
    follower[oldest[fits]], end[oldest[fits]] = latest[fits], start[latest[fits]]
    return follower, end


def _next_free(targets: Ints, size: int) -> Ints:
    """Return for each place the first from there on that none before has taken, else `size`."""
    after = np.arange(size + 1)
    places = np.empty(len(targets), dtype=np.int64)
    for index, place in enumerate(targets.tolist()):
        free = place
        while after[free] != free:
            after[free] = after[after[free]]  # halves the way for those who come later
            free = int(after[free])
        places[index] = free
        if free < size:
            after[free] = free + 1
    return places


def _owners(start: Ints, follower: Ints) -> tuple[Ints, Ints]:
    """Return the number of the key that each row belongs to, and the first row of each key."""
    owner = np.full(len(start), -1)
    first: list[int] = []
    for row in np.argsort(start, kind="stable").tolist():
        if owner[row] < 0:
            owner[row] = len(first)
            first.append(row)
        if follower[row] >= 0:
            owner[follower[row]] = owner[row]  # it begins later, so it has not been seen
    return owner, np.array(first, dtype=np.int64)


def _write_ends(
    rows: pd.DataFrame, history: History, follower: Ints, open_: Mask, habits: Habits
) -> pd.Series[Any]:
    """Return the ends as a column."""
    next_rows = rows[history.start].take(np.maximum(follower, 0)).reset_index(drop=True)
    ends = rows[history.end].mask(pd.Series(follower >= 0), next_rows)
    return ends.mask(pd.Series(open_), pd.NaT if habits.until is None else habits.until)
