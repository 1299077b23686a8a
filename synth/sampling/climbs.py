"""Numbers that never fall from row to row of an owner, or never rise: a meter, what is stored, days left.

Engines draw a row given the one before it and know that such numbers are close, not on which side the next
one is. Where no real owner has a number on the other side, the numbers that were drawn for an owner are put
into that order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from scipy.special import gammaln

from synth.domain import RARE
from synth.sampling.ties import CHANCE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Climb:
    """The number in `column` never falls in the order of the time; where it `sinks`, it never rises.

    Attributes:
        is_strict: no two rows of an owner have the same.
    """

    column: str
    sinks: bool
    is_strict: bool


def climbs_of(
    rows: pd.DataFrame, owner: Ints, time: str | None, fixed_columns: Collection[str] = ()
) -> tuple[Climb, ...]:
    """Return the numbers that climb or sink with all real owners, if dealt out at random they would not.

    Args:
        rows: the real ones.
        owner: of each, as a number; negative where there is none.
        time: the column that orders the rows of an owner, if one does.
        fixed_columns: those of which something else decides.
    """
    if time is None or time not in rows:
        return ()
    own = (owner >= 0) & rows[time].notna().to_numpy(bool)
    climbs = []
    for name in rows.columns.difference([time, *fixed_columns]):
        values = rows[name]
        is_number = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(
            values.dtype
        )
        if not is_number or values[own].isna().any():
            continue
        numbers = values[own].to_numpy(np.float64)
        for sinks in (False, True):
            climb = _climb(
                str(name), owner[own], rows[time][own], -numbers if sinks else numbers, sinks=sinks
            )
            climbs += [] if climb is None else [climb]
    return tuple(climbs)


def _climb(
    name: str, owner: Ints, times: pd.Series[Any], numbers: NDArray[Any], *, sinks: bool
) -> Climb | None:
    """Return that numbers climb; None where some fall, or where they would not by chance alone.

    Of all orders of the rows of an owner, those are counted that leave the numbers as they are: how many are
    equal, or of one time.
    """
    order = np.lexsort((numbers, times.to_numpy(), owner))
    owner, numbers, moments = owner[order], numbers[order], times.to_numpy()[order]
    is_same = owner[1:] == owner[:-1]
    steps = np.diff(numbers)[is_same]
    if not len(steps) or (steps < 0).any():
        return None
    if len(np.unique(owner[1:][is_same][steps > 0])) < RARE:
        return None
    ways = _ways(owner, owner) - _ways(owner, numbers) - _ways(owner, moments)
    return Climb(name, sinks, bool((steps > 0).all())) if -ways < CHANCE else None


def _ways(owner: Ints, values: NDArray[Any]) -> float:
    """Return the logarithm of the number of orders within owners of rows that have the same value."""
    sizes = pd.DataFrame({"owner": owner, "value": values}).groupby(["owner", "value"], sort=False).size()
    return float(gammaln(sizes.to_numpy(np.float64) + 1).sum())


def with_climbs(rows: pd.DataFrame, owner: Ints, time: str | None, climbs: Sequence[Climb]) -> pd.DataFrame:
    """Return the rows with numbers that climb, those of each owner put into order.

    Numbers that may not be equal are a step apart where the largest of all leaves room for that.

    Args:
        rows: that were drawn.
        owner: of each, as a number.
        time: the column that orders the rows of an owner.
        climbs: as `climbs_of` gives them.
    """
    if time is None or not climbs or not {time, *(one.column for one in climbs)} <= {*rows.columns}:
        return rows
    order = np.lexsort((rows[time].to_numpy(), owner))
    columns = {}
    for one in climbs:
        numbers = rows[one.column]
        sign = -1 if one.sinks else 1
        drawn = numbers.to_numpy(np.float64) * sign
        in_order = drawn[np.lexsort((drawn, owner))]  # the owners stand as in `order`
        if one.is_strict and pd.api.types.is_integer_dtype(numbers.dtype):
            in_order = _apart(in_order, owner[order])
        result = np.empty_like(drawn)
        result[order] = in_order * sign
        columns[one.column] = pd.Series(result, rows.index).astype(numbers.dtype)
    return rows.assign(**columns)


def _apart(numbers: NDArray[np.float64], owner: Ints) -> NDArray[np.float64]:
    """Return numbers in order with those of one owner a step apart, up to the largest of all."""
    place = pd.Series(np.arange(len(owner))).groupby(owner, sort=False).cumcount().to_numpy()
    above = pd.Series(numbers - place).groupby(owner, sort=False).cummax().to_numpy() + place
    return np.where(above <= numbers.max(initial=-np.inf), above, numbers)
