"""Rows of a list that are valid for a while: a policy has a tariff that was sold when it began.

A code and a day are drawn beside each other from few rows of each. Where all real days lie between the dates
of the row that their code names, and chance does not explain that, codes that were not valid by then become
those of the rows most alike that were.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.conform import learnable
from synth.domain import MOMENTS, Role
from synth.sampling.computing import with_columns, without_new_breaks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synth.domain import ForeignKey
    from synth.sampling.context import Case, Samples, TwinTable

    Ints: TypeAlias = NDArray[np.int64]
    Mask: TypeAlias = NDArray[np.bool_]

FEWEST = 20  # rows that show a rule
CHANCE = 0.8  # share of rows that would keep it if codes were dealt out, up to which it is one
MOST_ENTRIES = 5_000  # rows of a list


@dataclass(frozen=True, slots=True)
class Validity:
    """The day in `day` is never before `since`, nor behind `until`, of the row that a code names."""

    day: str
    since: str
    until: str

    def holds(self, days: pd.Series[pd.Timestamp], rows: pd.DataFrame) -> Mask:
        """Return for each day whether the row beside it is valid then; what has no end is."""
        since, until, moments = (
            one.to_numpy("datetime64[us]") for one in (rows[self.since], rows[self.until], days)
        )
        valid: Mask = (since <= moments) & (np.isnat(until) | (moments <= until))
        return valid


def find_validity(
    rows: pd.DataFrame, places: Ints, entries: pd.DataFrame, rng: np.random.Generator
) -> Validity | None:
    """Return which day of real rows lies between which dates of the row that is named; None where none does.

    Args:
        rows: the real rows' columns of days.
        places: of each row, the place of the row of the list that it names; below 0 for none.
        entries: the list.
        rng: the source of chance.
    """
    dates = [name for name in entries if entries[name].dtype.kind == "M"]
    windows = [
        (since, until)
        for since, until in permutations(dates, 2)
        if entries[since].notna().all() and not (entries[until] < entries[since]).any()
    ]
    for day in rows if windows else ():
        here = np.flatnonzero((places >= 0) & rows[day].notna().to_numpy(bool))
        days, beside = rows[day].iloc[here], places[here]
        for since, until in windows if len(here) >= FEWEST else ():
            rule = Validity(str(day), str(since), str(until))
            by_chance = entries.iloc[rng.permutation(beside)]
            if rule.holds(days, entries.iloc[beside]).all() and rule.holds(days, by_chance).mean() <= CHANCE:
                return rule
    return None


def valid_places(
    days: pd.Series[pd.Timestamp],
    places: Ints,
    entries: pd.DataFrame,
    rule: Validity,
    rng: np.random.Generator,
) -> Ints:
    """Return of each row the place of a row of the list that is valid then, most like the one before.

    Args:
        days: of the rows of the twin.
        places: of the rows of the list that they name; below 0 for none.
        entries: the list.
        rule: when its rows are valid.
        rng: the source of chance.
    """
    new, every = places.copy(), np.arange(len(entries))
    others = [name for name in entries if name not in {rule.since, rule.until}]
    alike = entries[[name for name in others if entries[name].nunique() < len(entries)]]
    codes = alike.apply(lambda column: pd.factorize(column)[0]).to_numpy(np.int64)
    present = np.flatnonzero((places >= 0) & days.notna().to_numpy(bool))
    invalid = present[~rule.holds(days.iloc[present], entries.iloc[places[present]])]
    for row in invalid.tolist():
        able = every[rule.holds(pd.Series([days.iloc[row]] * len(every)), entries)]
        if len(able):
            score = (codes[able] == codes[places[row]]).sum(axis=1)
            new[row] = rng.choice(able[score == score.max()])
    return new


def with_valid_codes(case: Case, twin_table: TwinTable, samples: Samples) -> tuple[TwinTable, Samples]:
    """Return the twin, and the rows that it is judged by, with codes of public rows that were valid by then.

    Args:
        case: of the twin.
        twin_table: the twin.
        samples: the rows that it was made of.
    """
    days = [one for one in case.treatments if one.role is Role.DATETIME and one.form is None]
    for key in case.task.model.foreign_keys:
        treatment = next((one for one in case.treatments if one.column.name == key.column), None)
        table, names = twin_table.table, {key.column, *(one.column.name for one in days)}
        is_code = treatment is not None and treatment.role is Role.CATEGORY
        if not (is_code and days and names <= {*table.column_names}):
            continue
        entries = _entries(case, key)
        if entries is None:
            continue
        rng = np.random.default_rng([case.task.seed, *key.column.encode(), 11])
        rule = find_validity(
            learnable(case.source.real, days), _places(case.source.real, key, entries), entries, rng
        )
        if rule is None:
            continue
        places = _places(table, key, entries)
        moments = learnable(table, days)[rule.day]
        new = valid_places(moments, places, entries, rule, rng)
        codes = _codes(entries, key).cast(table.schema.field(key.column).type)
        others = codes.take(pa.array(new, mask=new < 0))
        column = pc.if_else(pa.array(new != places), others, table.column(key.column).combine_chunks())
        changes, _ = without_new_breaks(case, table, pa.table({key.column: column}))
        twin_table, samples = with_columns(twin_table, samples, case.treatments, changes)
    return twin_table, samples


def _entries(case: Case, key: ForeignKey) -> pd.DataFrame | None:
    """Return the public rows that a key names; None where they are too many, or others in the twin."""
    if key.public_rows is None or key.real_keys is not None:
        return None
    columns = case.context.warehouse.describe(key.public_rows)
    if sum(one.kind in MOMENTS for one in columns) < 2:  # noqa: PLR2004 - from and to
        return None
    rows = case.context.snapshot.extract(key.public_rows, columns)
    if rows.num_rows > MOST_ENTRIES:
        return None
    entries: pd.DataFrame = rows.rename_columns([one.name for one in columns]).to_pandas()
    for one in columns:
        moments = pd.to_datetime(entries[one.name], errors="coerce") if one.kind in MOMENTS else None
        entries[one.name] = entries[one.name] if moments is None else moments.astype("datetime64[us]")
    return entries


def _places(table: pa.Table, key: ForeignKey, entries: pd.DataFrame) -> Ints:
    values = table.column(key.column).cast(pa.string()).combine_chunks()
    places = pc.index_in(values, _codes(entries, key), skip_nulls=True)
    return np.asarray(places.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)


def _codes(entries: pd.DataFrame, key: ForeignKey) -> pa.Array:
    return pa.Array.from_pandas(entries[key.parent_column]).cast(pa.string())
