"""Columns that go along where rows of other tables changed a column beside them.

Facts across tables change single columns of rows that are drawn. What goes with such a column in all real
rows goes along: days move with the term that a row belongs to, a copy of the column stays a copy, and what
contradicts it is chosen again. No value comes from real rows that fewer than `RARE` entities hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.conform import learnable
from synth.columns.roles import KEYS
from synth.domain import RARE, Across, Kind, Role
from synth.sampling.computing import own_formulas, without_new_breaks
from synth.twins.combinations import FIRST, NOTHING, OTHER, RealCodes, choose_again

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.sampling.context import Case
    from synth.twins.across import Assignment, Draft

    Bools = NDArray[np.bool_]

SPANS = frozenset({Kind.TIME, Kind.INTERVAL})  # which are numbers among learned columns
PLAIN = frozenset({Role.CATEGORY, Role.NUMBER, Role.BOOLEAN, Role.DATETIME})
WITHIN = 0.1  # share of a moment's variance within a label, below which the label says when it was
MOST_LABELS = 200  # of a column that says when
FEWEST = 20  # rows in which a copy holds something
WEEK = 7


def followers_of(
    before: Mapping[str, Draft], after: Mapping[str, Draft], steps: Sequence[Assignment]
) -> dict[str, pa.Table]:
    """Return for each draft the columns that go along with those that changed; {} where none does.

    Args:
        before: the drafts as they were drawn.
        after: the drafts as facts across them say.
        steps: what these facts and formulas decide.
    """
    decided_columns: dict[str, set[str]] = {}
    for step in steps:
        name, column = (step.model, step.column) if isinstance(step, Across) else (step[0], step[1].column)
        decided_columns.setdefault(name, set()).add(column)
    followers = {
        name: follow(
            draft.case,
            before[name].twin_table.table,
            draft.twin_table.table,
            decided_columns.get(name, set()),
        )
        for name, draft in after.items()
    }
    if not any(columns is not None for columns in followers.values()):
        return {}
    return {
        name: after[name].twin_table.table.select([]) if columns is None else columns
        for name, columns in followers.items()
    }


def follow(
    case: Case, before: pa.Table, after: pa.Table, decided_columns: Collection[str]
) -> pa.Table | None:
    """Return columns of a twin that go along with others which changed; None where none does.

    Args:
        case: of the twin.
        before: the twin as it was drawn.
        after: the twin as other tables say.
        decided_columns: columns that something else decides.
    """
    treatments = [
        one
        for one in case.treatments
        if one.column.name in after.column_names and one.role in PLAIN and one.form is None
        if one.column.kind not in SPANS
    ]
    if not after.num_rows or case.task.model.history is not None or before.equals(after):
        return None
    real = learnable(case.source.real, treatments)
    old, rows = (_as_in(real, learnable(table, treatments)) for table in (before, after))
    changes = {str(name): differences(old[name], rows[name]) for name in rows.columns}
    free = _free(case, treatments, decided_columns)
    if not any(where.any() for where in changes.values()) or not free:
        return None
    labels = [one.column.name for one in treatments if one.role is Role.CATEGORY]
    new = with_moments(
        rows, old, real, case.source.units, [name for name in labels if changes[name].any()], free
    )
    new = with_copies(new, real, changes, free)
    for name, where in changes.items():  # what others decide is right in every row
        is_decided = name in decided_columns and where.any()
        changes[name] = np.ones(len(new), bool) if is_decided else differences(old[name], new[name])
    here, there = (_presence(case, table) for table in (after, case.source.real))
    changes |= {str(name): np.ones(len(new), bool) for name in here}
    new, whole = pd.concat([new, here], axis=1), pd.concat([real, there], axis=1)
    new = without_contradictions(new, whole, case.source.units, changes, free, case.task.seed)
    columns = {}
    for name in free:
        where, values = differences(rows[name], new[name]), after.column(name)
        if where.any():
            others = pa.array(new[name], from_pandas=True).cast(values.type)
            columns[name] = pc.if_else(pa.array(where), others, values)
    return without_new_breaks(case, after, pa.table(columns))[0] if columns else None


def _presence(case: Case, table: pa.Table) -> pd.DataFrame:
    """Return which rows have a key, of keys that some real rows lack: that says as much as a label does."""
    real, names = case.source.real, {*table.column_names}
    keys = [one.column.name for one in case.treatments if one.role in KEYS and one.column.name in names]
    present = {f"{name} is there": table[name].is_valid() for name in keys if real[name].null_count}
    return pd.DataFrame(
        {name: values.to_numpy() for name, values in present.items()}, pd.RangeIndex(table.num_rows)
    )


def _as_in(real: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of the twin in the types of real ones, of which only those with NULL can hold it."""
    able = [name for name in rows if rows[name].notna().all() or real[name].isna().any()]
    return rows.astype({name: real[name].dtype for name in able})


def differences(one: pd.Series[Any], other: pd.Series[Any]) -> Bools:
    """Return where two columns hold something else; NULL is like NULL."""
    same = (one == other).fillna(False).to_numpy(bool) | (one.isna() & other.isna()).to_numpy(bool)
    return ~same


def _free(case: Case, treatments: Sequence[Treatment], decided_columns: Collection[str]) -> list[str]:
    """Return the columns that may go along: those that nothing else decides, and no key is made of."""
    model = case.task.model
    not_free = {*decided_columns, *model.seed_columns, *model.balance, *model.primary_key}
    not_free |= {formula.column for formula in own_formulas(case)}
    not_free |= {name for names in model.unique for name in names}
    not_free |= {name for one in case.unique for name in one.columns}
    return [one.column.name for one in treatments if one.column.name not in not_free]


def with_moments(
    rows: pd.DataFrame,
    old: pd.DataFrame,
    real: pd.DataFrame,
    units: NDArray[np.uint64],
    labels: Sequence[str],
    free: Sequence[str],
) -> pd.DataFrame:
    """Return the rows whose labels changed with their moments as far away as the labels are from each other.

    Args:
        rows: of the twin, with the new labels.
        old: the same rows with the labels as they were drawn.
        real: real rows.
        units: whom the real rows are about.
        labels: columns that changed.
        free: columns that may move.
    """
    rows = rows.copy()
    moments = [name for name in free if rows[name].dtype.kind == "M"]
    for label in labels:
        when, others = _says_when(real, label, moments, units), rows[label]
        if when is None:
            continue
        first, medians = when
        targets, sources = (pd.to_datetime(part.map(medians)) for part in (others, old[label]))
        is_nearer = (rows[first] + (targets - sources) - targets).abs() < (rows[first] - targets).abs()
        where = (targets != sources) & is_nearer.to_numpy(bool)
        shift = (targets - sources)[where]
        for name in moments:
            has_week = real[name].dropna().dt.day_of_week.nunique() < WEEK
            rows.loc[where, name] = rows.loc[where, name] + _whole_days(shift, WEEK if has_week else 1)
        rows = _with_only_moments(rows, real, units, (label, moments), where.to_numpy(bool))
    return rows


def _whole_days(shift: pd.Series[Any], days: int) -> pd.Series[Any]:
    unit = np.timedelta64(days, "D")
    return pd.Series(np.round(shift.to_numpy() / unit) * unit, shift.index)


def _says_when(
    real: pd.DataFrame, label: str, moments: Sequence[str], units: NDArray[np.uint64]
) -> tuple[str, pd.Series[Any]] | None:
    """Return the moment that a label says most of, with the median of each common label; None for none."""
    if real[label].nunique() > MOST_LABELS:
        return None
    holders = pd.DataFrame({"label": real[label], "unit": units}).drop_duplicates()["label"].value_counts()
    shares = {}
    for name in moments:
        days = (real[name] - real[name].min()) / pd.Timedelta(days=1)
        whole = float(days.var())
        if whole > 0:
            shares[name] = float((days - days.groupby(real[label]).transform("mean")).var()) / whole
    first = min(shares, key=shares.__getitem__, default="")
    if not first or shares[first] >= WITHIN:
        return None
    medians = real.groupby(label)[first].median()
    return first, medians[medians.index.isin(holders.index[holders >= RARE])].dropna()


def _with_only_moments(
    rows: pd.DataFrame,
    real: pd.DataFrame,
    units: NDArray[np.uint64],
    columns: tuple[str, Sequence[str]],
    where: Bools,
) -> pd.DataFrame:
    """Return the rows with the moment of their label where all real rows with that have one alone."""
    label, moments = columns
    for name in moments:
        every = pd.DataFrame({"label": real[label], "moment": real[name], "unit": units}).dropna()
        groups = every.groupby("label").agg({"moment": ["nunique", "first"], "unit": "nunique"})
        only = groups[(groups["moment", "nunique"] == 1) & (groups["unit", "nunique"] >= RARE)]
        if len(only) < 2:  # noqa: PLR2004 - of one label, nothing moves
            continue
        is_known = where & rows[name].notna().to_numpy(bool) & rows[label].isin(only.index).to_numpy(bool)
        values = only.loc[rows.loc[is_known, label], ("moment", "first")]
        rows.loc[is_known, name] = values.astype(rows[name].dtype).array
    return rows


def with_copies(
    rows: pd.DataFrame, real: pd.DataFrame, changes: Mapping[str, Bools], free: Sequence[str]
) -> pd.DataFrame:
    """Return the rows with what is NULL or equal to a changed column in all real rows, equal to it again."""
    rows = rows.copy()
    for column, where in changes.items():
        for name in free if where.any() else ():
            if name == column or not _is_comparable(real[name], real[column]):
                continue
            both = real[name].notna()
            if (
                both.sum() >= FEWEST
                and len(real[name].unique()) > 1
                and (real[name] == real[column])[both].all()
            ):
                here = where & rows[name].notna().to_numpy(bool) & rows[column].notna().to_numpy(bool)
                rows.loc[here, name] = rows.loc[here, column].astype(rows[name].dtype)
    return rows


def _is_comparable(one: pd.Series[Any], other: pd.Series[Any]) -> bool:
    kinds = [
        "n"
        if pd.api.types.is_numeric_dtype(part.dtype) and not pd.api.types.is_bool_dtype(part.dtype)
        else part.dtype.kind
        for part in (one, other)
    ]
    return kinds[0] == kinds[1]


def without_contradictions(
    rows: pd.DataFrame,
    real: pd.DataFrame,
    units: NDArray[np.uint64],
    changes: Mapping[str, Bools],
    free: Sequence[str],
    seed: int,
) -> pd.DataFrame:
    """Return the rows in which free columns that contradict changed ones are chosen again.

    A value that is no label is that of another row of the twin.
    """
    codes_of = RealCodes.of(real, units)
    before = codes_of.code_rows(rows)
    after = choose_again(codes_of, rows, changes, free, seed)
    rows, rng = rows.copy(), np.random.default_rng([seed, len(rows), 1])
    for name in free:
        where = before[name] != after[name]
        if not where.any():
            continue
        codes, labels = after[name][where], codes_of.labels[name]
        own = rows[name][before[name] == OTHER]
        values = rows.loc[where, name].astype(object).reset_index(drop=True)
        for code in np.unique(codes):
            here = codes == code
            if code >= FIRST:
                values[here] = labels[code - FIRST]
            elif code == NOTHING:
                values[here] = None
            elif len(own):
                values[here] = own.take(rng.integers(0, len(own), int(here.sum()))).to_numpy(object)
        rows.loc[where, name] = values.astype(rows[name].dtype).array
    return rows
