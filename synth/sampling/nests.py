"""Groups of rows within those of an owner: events of a session, lines of a basket.

A key that nobody else describes, and whose rows are all of one owner, names groups. They are drawn as
histories of their owners, with what is the same in all their rows; the rows are drawn as those of the groups.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from synth.columns.roles import KEYS, LEARNED_ROLES, REPLACED_ROLES
from synth.domain import HistoryRequest, Kind, Role
from synth.sampling.ordering import times_of_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.sampling.source import SourceRows

    Ints: TypeAlias = NDArray[np.int64]
    Draws: TypeAlias = list[tuple[pd.DataFrame, Ints]]
    Histories: TypeAlias = Callable[[pd.DataFrame, HistoryRequest, NDArray[Any] | None], Draws]

GROUP = "synth group"  # a column of rows drawn that numbers their groups; not the name of anybody's
HEAD = "group "  # stands before the names of columns of groups
FEWEST_ROWS = 1.5  # rows of a group on average, from which it is one
FEWEST_GROUPS = 100


@dataclass(frozen=True, slots=True)
class Nest:
    """The groups that the rows of a model make.

    Attributes:
        key: the column that names the group.
        group: of each real row, its number.
        time: the column that orders the rows of a group.
        constant: learned columns that are the same in all rows of a group; `alike` are those made anew.
        counter: a column that numbers the rows of a group from 1, if there is one.
    """

    key: str
    group: Ints
    time: str
    constant: tuple[str, ...]
    alike: tuple[str, ...]
    counter: str | None

    def with_unique_key(self, treatments: Sequence[Treatment]) -> tuple[Treatment, ...]:
        """Return the treatments where each group gets a key of its own."""
        return tuple(replace(one, unique=True) if one.column.name == self.key else one for one in treatments)

    def number_rows(self, rows: pd.DataFrame, group: Ints) -> pd.DataFrame:
        """Return the rows with their place in their group."""
        if self.counter is None or not len(rows):
            return rows
        order = np.lexsort((rows[self.time].to_numpy(), group))
        places = pd.Series(group[order]).groupby(group[order]).cumcount().to_numpy() + 1
        numbers = np.empty(len(rows), np.int64)
        numbers[order] = places
        return rows.assign(**{self.counter: numbers}).astype({self.counter: rows[self.counter].dtype})


def nest_of(
    source: SourceRows, treatments: Sequence[Treatment], owner: Ints, key: str, time: str | None
) -> Nest | None:
    """Return the groups within owners' rows, if one key names such.

    Args:
        source: the real rows.
        treatments: of every column.
        owner: of each row, the position of its owner.
        key: the column that names the owner.
        time: the date that tells most rows of an owner apart.
    """
    if time is None:
        return None
    names = [one.column.name for one in treatments if _may_name(one) and one.column.name != key]
    for name in names:
        values = source.real.column(name).combine_chunks()
        codes = values.dictionary_encode()
        number = len(codes.dictionary)
        if values.null_count or not FEWEST_GROUPS <= number <= len(values) / FEWEST_ROWS:
            continue
        group = codes.indices.to_numpy().astype(np.int64)
        if not _decides(group, owner):
            continue
        same = [one for one in treatments if one.column.name not in {name, key, time}]
        same = [one for one in same if _decides(group, _codes(source, one.column.name))]
        constant = tuple(one.column.name for one in same if one.role in LEARNED_ROLES)
        alike = tuple(one.column.name for one in same if one.role in REPLACED_ROLES | {Role.NATURAL_KEY})
        return Nest(name, group, time, constant, alike, _counter(source, treatments, group, time))
    return None


def _may_name(one: Treatment) -> bool:
    return one.role in KEYS and one.parent is None and not one.unique


def _codes(source: SourceRows, name: str) -> Ints:
    values = source.real.column(name).combine_chunks().dictionary_encode(null_encoding="encode")
    return np.asarray(values.indices.to_numpy(), dtype=np.int64)


def _decides(group: Ints, codes: Ints) -> bool:
    """Return whether all rows of a group hold one value."""
    first = np.empty(group.max() + 1, np.int64)
    first[group[::-1]] = codes[::-1]
    return bool((first[group] == codes).all())


def _counter(source: SourceRows, treatments: Sequence[Treatment], group: Ints, time: str) -> str | None:
    """Return the column that numbers the rows of each group from 1, in time."""
    whole = [one for one in treatments if one.role is Role.NUMBER and one.column.kind is Kind.INTEGER]
    for name in (one.column.name for one in whole):
        values = source.real.column(name)
        if values.null_count:
            continue
        rows = pd.DataFrame({"group": group, "value": values.to_pandas().to_numpy()})
        rows["time"] = times_of_rows(source.real, time, treatments)
        rows = rows.sort_values(["group", "time", "value"])
        if (rows["value"] == rows.groupby("group").cumcount() + 1).all():
            return name
    return None


def draw_nested(
    nest: Nest,
    group: Ints,
    rows: pd.DataFrame,
    owners: HistoryRequest,
    histories: Histories,
    entities: NDArray[Any] | None = None,
) -> Draws:
    """Return draws of rows, whose groups stand in a column `GROUP`, and the position of each row's owner.

    Args:
        nest: of the model.
        group: of each of the rows, the number of its group.
        rows: what is learned.
        owners: of the rows, and those to draw for.
        histories: draws histories of rows for what a request asks; it is told whom each row is about.
        entities: whom each of the rows is about; None where each owner is one.
    """
    order = np.lexsort((rows[nest.time].to_numpy(), group))
    rows, owner = rows.iloc[order].reset_index(drop=True), owners.owner[order]
    whom = owner if entities is None else entities[order]
    number = np.unique(group[order], return_inverse=True)[1].astype(np.int64)
    first = np.r_[True, number[1:] != number[:-1]]
    heads = rows.loc[first, [*nest.constant, nest.time]].reset_index(drop=True)
    draws = histories(
        heads,
        replace(owners, owner=owner[first], time=nest.time, count=None, others=None, whose=None),
        whom[first],
    )
    every = pd.concat([frame for frame, _ in draws], ignore_index=True)
    whose = np.concatenate([owner for _, owner in draws])
    left_out = {*nest.constant, nest.counter} & set(rows.columns)
    inner = HistoryRequest(
        _as_owners(heads, owners.real, owner[first]),
        number,
        _as_owners(every, owners.twins, whose),
        nest.time,
        draws=1,
    )
    ((result, place),) = histories(rows.drop(columns=[*left_out]), inner, whom)
    result = result.assign(**{name: every[name].array[place] for name in nest.constant}, **{GROUP: place})
    if nest.counter in rows:
        result[nest.counter] = np.ones(len(result), np.int64)
    result = nest.number_rows(result[[*rows.columns, GROUP]], place)
    return _by_draw(result, whose[place], place, [len(frame) for frame, _ in draws])


def _by_draw(rows: pd.DataFrame, owner: Ints, group: Ints, sizes: Sequence[int]) -> Draws:
    """Return the rows of each draw apart, of which each has so many groups."""
    of_draw = np.searchsorted(np.cumsum(sizes), group, side="right")
    return [
        (rows[of_draw == index].reset_index(drop=True), owner[of_draw == index])
        for index in range(len(sizes))
    ]


def _as_owners(heads: pd.DataFrame, owners: pd.DataFrame, owner: Ints) -> pd.DataFrame:
    """Return groups as owners of rows: what is the same in them, and what their owners are."""
    return pd.concat([heads.add_prefix(HEAD), owners.iloc[owner].reset_index(drop=True)], axis=1)
