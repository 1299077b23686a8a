"""Numbers that add up to the same in every group of rows: the shares of those who worked on a case are 1.

Rows that are drawn one by one add up to anything. The numbers of each group of the twin become those that
groups of as many rows of enough entities have; where there are none, what was drawn is scaled.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.conform import learnable
from synth.domain import RARE, Kind, Role
from synth.sampling.computing import with_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from synth.sampling.context import Case, Samples, TwinTable

    Units: TypeAlias = NDArray[np.int64]

FEWEST = 20  # groups of several rows, from which it is a rule
MOST_PLACES = 6  # behind the point
EXACT = 2**53  # the largest whole number that a float tells from the next
KINDS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})


@dataclass(frozen=True, slots=True)
class Shares:
    """The numbers in `column` add up to `total` in each group of rows that agree in `group`.

    Attributes:
        places: behind the point; `total` counts in units of the last.
    """

    column: str
    group: str
    places: int
    total: int


def find_shares(rows: pd.DataFrame, numbers: Sequence[str], keys: Sequence[str]) -> tuple[Shares, ...]:
    """Return which numbers of real rows are shares, each by the first key that parts them so."""
    shares = ((_shares(rows, column, key) for key in keys) for column in numbers)
    return tuple(one for ways in shares if (one := next(filter(None, ways), None)) is not None)


def _shares(rows: pd.DataFrame, column: str, key: str) -> Shares | None:
    values = rows[column].to_numpy("float64", na_value=np.nan)
    sizes = rows.groupby(key, sort=False)[column].transform("size").to_numpy()
    if np.isnan(values).any() or (values < 0).any() or rows.loc[sizes > 1, key].nunique() < FEWEST:
        return None
    places = next((n for n in range(MOST_PLACES + 1) if _is_whole(values * 10.0**n)), None)
    if places is None:
        return None
    units = pd.Series(_whole(values, places))
    sums = units.groupby(rows[key].to_numpy(), sort=False).sum()
    total = int(sums.iloc[0])
    several = units[sizes > 1].groupby(sizes[sizes > 1])
    is_told = several.min().equals(several.max())  # by the number of rows alone: each has as much
    return Shares(column, key, places, total) if total and (sums == total).all() and not is_told else None


def _is_whole(values: NDArray[np.float64]) -> bool:
    return bool(
        np.abs(values).max(initial=0) < EXACT and np.allclose(values, np.rint(values), atol=1e-6, rtol=0)
    )


def _whole(values: NDArray[np.float64], places: int) -> Units:
    return np.rint(values * 10.0**places).astype(np.int64)


def shared_out(
    rows: pd.DataFrame,
    real: pd.DataFrame,
    shares: Shares,
    units: NDArray[np.uint64],
    rng: np.random.Generator,
) -> Units:
    """Return the numbers of the twin's rows, in units of the last place, that add up in each group.

    Args:
        rows: of the twin.
        real: the real ones.
        shares: what adds up.
        units: whom each of the real rows is about.
        rng: the source of chance.
    """
    patterns = _patterns(real, shares, units)
    values = np.maximum(rows[shares.column].to_numpy("float64", na_value=0), 0)
    result = np.zeros(len(rows), np.int64)
    for places in rows.groupby(shares.group, sort=False).indices.values():
        order = places[np.argsort(-values[places], kind="stable")]
        ways, chances = patterns.get(len(places), (None, None))
        result[order] = (
            _scaled(values[order], shares.total) if ways is None else ways[rng.choice(len(ways), p=chances)]
        )
    return result


def _patterns(
    real: pd.DataFrame, shares: Shares, units: NDArray[np.uint64]
) -> Mapping[int, tuple[Units, NDArray[np.float64]]]:
    """Return the numbers that groups of enough entities have, the largest first, by the number of rows."""
    whole = _whole(real[shares.column].to_numpy("float64"), shares.places)
    groups = [
        (tuple(sorted(whole[places].tolist(), reverse=True)), units[places[0]])
        for places in real.groupby(shares.group, sort=False).indices.values()
    ]
    frame = pd.DataFrame(groups, columns=["pattern", "unit"])
    holders = frame.drop_duplicates()["pattern"].value_counts()
    common = frame.loc[frame["pattern"].isin(holders.index[holders >= RARE]), "pattern"].value_counts()
    common = common.sort_index()
    return {
        size: (np.array([*ways.index], np.int64), ways.to_numpy(float) / ways.sum())
        for size, ways in common.groupby(common.index.map(len))
    }


def _scaled(values: NDArray[np.float64], total: int) -> Units:
    """Return whole numbers in proportion to these, which add up; the largest take what rounding leaves."""
    weights = values / values.sum() if values.sum() > 0 else np.full(len(values), 1 / len(values))
    result: Units = np.floor(weights * total).astype(np.int64)
    result[: total - int(result.sum())] += 1
    return result


def with_shares(case: Case, twin_table: TwinTable, samples: Samples) -> tuple[TwinTable, Samples]:
    """Return the twin with numbers that add up as real ones do, and the rows that it is judged by.

    Args:
        case: of the twin.
        twin_table: the twin.
        samples: the rows that it was made of.
    """
    model, table, real = case.task.model, twin_table.table, case.source.real
    fixed_columns = {formula.column for formula in case.enforceable.formulas} | {*model.roles}
    fixed_columns |= {fact.column for fact in case.context.facts.every if fact.model == model.unique_id}
    here = [one for one in case.treatments if one.column.name in table.column_names]
    here = [one for one in here if not real.column(one.column.name).null_count]
    keys = [one.column.name for one in here if one.role is Role.FOREIGN_KEY]
    numbers = [
        one
        for one in here
        if one.role is Role.NUMBER
        and one.form is None
        and one.column.kind in KINDS
        and one.column.name not in fixed_columns
    ]
    if not keys or not numbers or not table.num_rows or model.history is not None:
        return twin_table, samples

    def frame(rows: pa.Table) -> pd.DataFrame:
        codes = {name: rows.column(name).combine_chunks().dictionary_encode().indices for name in keys}
        return learnable(rows, numbers).assign(**{name: one.to_pandas() for name, one in codes.items()})

    rows, twin_rows = frame(real), frame(table)
    rng = np.random.default_rng([case.task.seed, *model.unique_id.encode(), 11])
    columns = {
        one.column: _as_numbers(shared_out(twin_rows, rows, one, case.source.units, rng), one.places)
        for one in find_shares(rows, [number.column.name for number in numbers], keys)
    }
    if not columns:
        return twin_table, samples
    return with_columns(twin_table, samples, case.treatments, pa.table(columns))


def _as_numbers(units: Units, places: int) -> pa.Array:
    """Return numbers of so many units of the last place, exactly."""
    if not places:
        return pa.array(units)
    return pa.array([Decimal(int(one)).scaleb(-places) for one in units], pa.decimal128(38, places))
