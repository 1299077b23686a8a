"""Values that go together in every real row go together in the rows drawn as histories.

What a row is drawn given has so many columns there that a learner may miss what one of the row's own says of
another: the price by the plan, no end while something is active. A value decides another column if all of at
least `RARE` entities that hold it hold one value there, and chance does not explain that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from synth.domain import RARE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]

MOST_VALUES = 60  # of a column that decides others
PROBE = 500  # rows that dismiss nearly all pairs of columns
CHANCE = log(1e-6)  # of all rows of a value holding one of another column, if neither said anything
SAMPLE = 1_000  # values to draw from
ROUNDS = 3  # what one tie changes, another may decide by


@dataclass(frozen=True, slots=True)
class ValueTie:
    """Rows that hold `condition` in `column` hold `value` in `other`; None is NULL.

    Attributes:
        instead: where NULL goes with `condition` alone, what stands in `column` beside values of `other`.
        is_present: rows that hold `condition` hold some value in `other`, whichever; `instead` stands in
            `column` beside NULL.
    """

    column: str
    condition: Any
    other: str
    value: Any
    instead: tuple[Any, ...] = ()
    is_present: bool = False


def find_ties(rows: pd.DataFrame, units: NDArray[np.uint64]) -> tuple[ValueTie, ...]:
    """Return what values of real rows say of other columns of the row.

    Args:
        rows: as a backend sees them.
        units: the entity that each is about.
    """
    codes = {str(name): pd.factorize(rows[name]) for name in rows.columns}
    deciders = {name: one for name, one in codes.items() if len(one[1]) <= MOST_VALUES or (one[0] < 0).any()}
    ties: list[ValueTie] = []
    for name, (each, values) in deciders.items():
        many = len(values) > MOST_VALUES
        column_codes = np.where(each < 0, -1, 0) if many else each
        holder_counts = (
            pd.DataFrame({"value": column_codes, "unit": units}).drop_duplicates()["value"].value_counts()
        )
        common = [
            code
            for code in holder_counts.index[holder_counts >= RARE].to_numpy(np.int64).tolist()
            if not many or code < 0
        ]
        for other, (own, others) in codes.items():
            if other != name:
                ties += [
                    ValueTie(name, _of(values, code), other, _of(others, value))
                    for code, value in _implied_values(column_codes, own, common)
                ]
        if not many:
            ties += _presences(name, rows, codes, common, units)
    both = {(tie.column, tie.condition, tie.other) for tie in ties if tie.condition is None}
    return tuple(
        _with_others(tie, rows, units) if (tie.other, None, tie.column) in both else tie for tie in ties
    )


def _presences(
    name: str, rows: pd.DataFrame, codes: Mapping[str, Any], common: Sequence[int], units: NDArray[np.uint64]
) -> Iterator[ValueTie]:
    """Yield for which values of a column another is never NULL: what is closed has an end."""
    own, values = codes[name]
    for other, (theirs, _) in codes.items():
        is_missing = theirs < 0
        if other == name or not is_missing.any() or is_missing.all():
            continue
        beside = pd.DataFrame({"value": rows[name], "unit": units})[is_missing]
        instead = _common(beside)
        for code in common if instead else ():
            here = own == code
            if code >= 0 and not is_missing[here].any() and here.sum() * log(1 - is_missing.mean()) < CHANCE:
                yield ValueTie(name, _of(values, code), other, None, instead, is_present=True)


def _common(beside: pd.DataFrame) -> tuple[Any, ...]:
    """Return values that at least `RARE` units hold, as often as they do, or a part of them."""
    holder_counts = beside.drop_duplicates().groupby("value")["unit"].count()
    values = beside["value"][beside["value"].isin(holder_counts.index[holder_counts >= RARE])]
    return tuple(values.iloc[:: max(len(values) // SAMPLE, 1)])


def _with_others(tie: ValueTie, rows: pd.DataFrame, units: NDArray[np.uint64]) -> ValueTie:
    """Return a tie of NULL with what common values stand beside something else than NULL."""
    if tie.value is not None or tie.condition is None or tie.is_present:
        return tie
    beside = pd.DataFrame({"value": rows[tie.column], "unit": units})[rows[tie.other].notna().to_numpy()]
    return replace(tie, instead=_common(beside))


def _of(values: Any, code: int) -> Any:
    return None if code < 0 else values[code]


def _implied_values(column_codes: Ints, own: Ints, common: Sequence[int]) -> list[tuple[int, int]]:
    """Return for each of some codes of a column the only code of another that goes with it, if any."""
    shares = np.bincount(own + 1) / len(own)
    pairs = []
    for code in common:
        rows = np.flatnonzero(column_codes == code)
        value = own[rows[0]]
        if (own[rows[:PROBE]] != value).any() or (own[rows] != value).any():
            continue
        if len(rows) * log(shares[value + 1]) < CHANCE:
            pairs.append((int(code), int(value)))
    return pairs


def apply_ties(rows: pd.DataFrame, ties: Sequence[ValueTie], seed: int) -> pd.DataFrame:
    """Return the rows with what their values decide; what is missing decides before what is there."""
    rows, rng = _with_labels_of_moments(rows, ties).copy(), np.random.default_rng([seed, len(rows)])
    ties_in_order = sorted(ties, key=lambda tie: tie.condition is not None)
    for _ in range(ROUNDS):
        has_changes = False
        for tie in ties_in_order:
            is_right = _holds(rows[tie.other], tie.value) != tie.is_present
            where = _holds(rows[tie.column], tie.condition) & ~is_right
            if not where.any():
                continue
            has_changes = True
            if tie.instead:
                picks = rng.integers(0, len(tie.instead), int(where.sum()))
                values = pd.Series(tie.instead, dtype=rows[tie.column].dtype).take(picks)
                rows.loc[where, tie.column] = values.array
            else:
                rows.loc[where, tie.other] = tie.value
        if not has_changes:
            break
    return rows


def _holds(values: pd.Series[Any], value: Any) -> NDArray[np.bool_]:
    same = values.isna() if value is None else (values == value).fillna(False)
    return np.asarray(same, dtype=bool)


def _with_labels_of_moments(rows: pd.DataFrame, ties: Sequence[ValueTie]) -> pd.DataFrame:
    """Return the rows with the label of the nearest moment, where each label has a moment of its own.

    Histories are drawn along time, so the moment says more than the label: which term a fee is due for.
    """
    moments = [str(name) for name in rows.columns if rows[name].dtype.kind == "M"]
    columns_done: set[str] = set()
    for column, other in dict.fromkeys((tie.column, tie.other) for tie in ties):
        if other in moments and column not in {*moments, *columns_done}:
            moment_of = _moments_of_labels(ties, column, other)
            if len(moment_of) > 1 and rows[column].dropna().isin([*moment_of]).all():
                rows = _with_nearest_label(rows, column, other, moment_of, moments)
                columns_done.add(column)
    return rows


def _moments_of_labels(ties: Sequence[ValueTie], column: str, other: str) -> dict[Any, Any]:
    """Return the only moment that goes with each label; nothing where two labels have one."""
    moment_of = {
        tie.condition: tie.value
        for tie in ties
        if (tie.column, tie.other) == (column, other)
        and not (tie.is_present or tie.instead or tie.condition is None or tie.value is None)
    }
    return moment_of if len({*moment_of.values()}) == len(moment_of) else {}


def _with_nearest_label(
    rows: pd.DataFrame, column: str, other: str, moment_of: Mapping[Any, Any], moments: Sequence[str]
) -> pd.DataFrame:
    """Return the rows with the label whose moment is nearest to that in `other`.

    The other moments of a row go along with that one: a payment stays as late as it was drawn.
    """
    labels = sorted(moment_of, key=moment_of.__getitem__)
    theirs = pd.DatetimeIndex([moment_of[label] for label in labels]).as_unit("us").asi8
    here = (rows[other].notna() & rows[column].notna()).to_numpy(bool)
    moments_of_rows = rows.loc[here, other].to_numpy("datetime64[us]").astype(np.int64)
    nearest = np.searchsorted((theirs[1:] + theirs[:-1]) / 2, moments_of_rows)
    shift = pd.to_timedelta(theirs[nearest] - moments_of_rows, unit="us")
    changes = {column: pd.Series([labels[place] for place in nearest], dtype=rows[column].dtype).array}
    changes |= {name: (rows.loc[here, name] + shift).astype(rows[name].dtype).array for name in moments}
    result = rows.copy()
    for name, values in changes.items():
        result.loc[here, name] = values
    return result
