"""Numbers that count the rows of an owner, or of an owner and a label, from 1 on in the order of a time.

SQL has `row_number() over (partition by customer order by placed)` for that. Rows that are drawn, moved apart
and left out one by one repeat such numbers or skip some; they are counted again when all rows are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.conform import learnable
from synth.domain import MOMENTS, RARE, Kind, Role, Scope
from synth.sampling.computing import with_columns, with_new_columns
from synth.sampling.ties import CHANCE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.sampling.context import Case, Samples, TwinTable

FEWEST = 20  # rows behind another of their group, from which it is a rule
NO_NUMBER = -(2**62)  # stands for NULL among numbers
ALIKE = 0.9  # rank correlation from which places counted again go with what was drawn beside them
MOST_LABELS = 200  # different values of a column that may part the rows of an owner


@dataclass(frozen=True, slots=True)
class Numbering:
    """In `column` rows that agree in `groups` are counted, in the order of `time` or of what it holds.

    The `time` may be any number, such as points; if it `falls`, the first has most.
    """

    column: str
    groups: tuple[str, ...]
    time: str | None
    falls: bool = False


def find_numberings(
    rows: pd.DataFrame, numbers: Sequence[str], keys: Sequence[str], labels: Sequence[str]
) -> tuple[Numbering, ...]:
    """Return which numbers count rows, by the fewest columns that part them.

    Args:
        rows: the real ones.
        numbers: columns of whole numbers without NULL.
        keys: columns of references without NULL.
        labels: columns that may part the rows of one reference.
    """
    groups_by_column: dict[str, tuple[str, ...]] = {}
    for column in numbers:
        ways = chain(((key,) for key in keys), ((key, label) for key in keys for label in labels))
        groups = next((way for way in ways if column not in way and _counts(rows, column, way)), None)
        if groups is not None and rows[column].max() >= 2:  # noqa: PLR2004 - one is behind another
            groups_by_column[column] = groups
    numberings: list[Numbering] = []
    for column, groups in groups_by_column.items():
        rows_in_order = rows.sort_values([*groups, column], kind="stable")
        again = (rows_in_order[column] > 1).to_numpy(bool)
        if again.sum() >= FEWEST:
            order, falls = _order_of(rows_in_order, again, {*groups_by_column, *keys, *groups})
            numberings.append(Numbering(column, groups, order, falls))
    return tuple(numberings)


def _order_of(
    rows: pd.DataFrame, again: NDArray[np.bool_], others: Collection[str]
) -> tuple[str | None, bool]:
    """Return the column in whose order rows are counted, and whether it falls: a time, else any number.

    Args:
        rows: in the order of their numbers.
        again: which of them stand behind another of their group.
        others: columns that order nothing.
    """
    times = [name for name in rows.columns if pd.api.types.is_datetime64_any_dtype(rows[name].dtype)]
    time = next((name for name in times if _rises(rows[name], again)), None)
    if time is not None:
        return time, False
    steps: dict[tuple[str, bool], int] = {}
    for name in rows.columns.difference([*others]):
        if pd.api.types.is_numeric_dtype(rows[name].dtype) and not rows[name].isna().any():
            change = rows[name].astype("float64").diff()[again]
            steps |= {(name, False): int((change > 0).sum())} if (change >= 0).all() else {}
            steps |= {(name, True): int((change < 0).sum())} if (change <= 0).all() else {}
    best = max(steps, key=lambda one: steps[one], default=None)
    return (None, False) if best is None or steps[best] < FEWEST else best


def _counts(rows: pd.DataFrame, column: str, groups: tuple[str, ...]) -> bool:
    """Return whether a column holds the numbers from 1 on in each group, each once."""
    values = rows[column]
    if values.min() != 1 or rows[list(groups)].isna().to_numpy().any():
        return False
    if int((values == 1).sum()) != len(rows[list(groups)].drop_duplicates()):
        return False
    place = rows.groupby(list(groups), sort=False)[column].rank(method="first")
    return bool((place == values).all())


def _rises(times: pd.Series[pd.Timestamp], again: NDArray[np.bool_]) -> bool:
    before = times.shift()
    if times.isna().any():
        return False
    return bool((times >= before)[again].all() and (times > before)[again].sum() >= FEWEST)


def counted_again(rows: pd.DataFrame, numbering: Numbering) -> pd.Series[int]:
    """Return the numbers of rows, counted; rows without a group keep what they have."""
    order = [name for name in (numbering.time, numbering.column) if name is not None]
    directions = [not numbering.falls, True][-len(order) :]
    rows_in_order = rows.sort_values(order, ascending=directions, kind="stable")
    numbers = rows_in_order.groupby(list(numbering.groups), sort=False).cumcount() + 1
    has_group = rows[list(numbering.groups)].notna().all(axis=1)
    return numbers.reindex(rows.index).where(has_group, rows[numbering.column]).astype("int64")


def numbered_apart(case: Case, table: pa.Table) -> pa.Table:
    """Return the rows of a twin counted as real ones are, before those are left out that repeat a key.

    Many keys are an owner and such a number, which rows drawn one by one repeat.
    """
    columns = _counted_columns(case, table)
    return with_new_columns(table, pa.table(columns)) if columns else table


def with_numberings(case: Case, twin_table: TwinTable, samples: Samples) -> tuple[TwinTable, Samples]:
    """Return the twin with rows counted as real ones are, and the rows that it is judged by.

    Args:
        case: of the twin.
        twin_table: the twin.
        samples: the rows that it was made of.
    """
    columns = _counted_columns(case, twin_table.table)
    if not columns:
        return twin_table, samples
    twin_table, samples = with_columns(twin_table, samples, case.treatments, pa.table(columns))
    names = {*twin_table.table.column_names}
    here = [one for one in case.treatments if one.column.name in names]
    plain = [one for one in here if one.role in {Role.NUMBER, Role.CATEGORY} and one.form is None]
    return _with_what_follows(case, twin_table, samples, plain, frozenset(columns))


def _counted_columns(case: Case, table: pa.Table) -> dict[str, pa.Array]:
    """Return the columns of a twin that count its rows, counted again."""
    model, formulas = case.task.model, case.enforceable.formulas
    fixed_columns = {formula.column for formula in formulas if formula.scope is Scope.ROW} | {*model.roles}
    fixed_columns |= {fact.column for fact in case.context.facts.every if fact.model == model.unique_id}
    here = [one for one in case.treatments if one.column.name in table.column_names]
    real = case.source.real
    full = {name for name in table.column_names if not real.column(name).null_count}
    keys = [one.column.name for one in here if one.parent is not None and one.column.name in full]
    some = [one for one in here if one.role in {Role.NUMBER, Role.CATEGORY} and one.column.name in full]
    some += [one for one in here if one.role is Role.DATETIME and one.column.kind in MOMENTS]
    some = [one for one in some if one.form is None]
    numbers = [
        one.column.name
        for one in some
        if one.role is Role.NUMBER
        and one.column.kind is Kind.INTEGER
        and one.column.name not in fixed_columns
    ]
    if not keys or not numbers or not table.num_rows or model.history is not None:
        return {}

    def frame(rows: pa.Table) -> pd.DataFrame:
        learned_columns = learnable(rows, some)
        codes = {name: rows.column(name).combine_chunks().dictionary_encode().indices for name in keys}
        return learned_columns.assign(**{name: column.to_pandas() for name, column in codes.items()})

    rows = frame(real)
    labels = [
        one.column.name
        for one in some
        if one.role is not Role.DATETIME and rows[one.column.name].nunique() <= MOST_LABELS
    ]
    of_owners = {one.column.name for one in here if one.role is Role.FOREIGN_KEY}
    twin_rows, columns = frame(table), {}
    for one in find_numberings(rows, numbers, keys, labels):
        again = counted_again(twin_rows, one)
        # Rows that share an event were drawn apart. Places that they do not make together are left as drawn.
        if of_owners & {*one.groups} or again.corr(twin_rows[one.column], method="spearman") >= ALIKE:
            columns[one.column] = pa.array(again)
    return columns


def _with_what_follows(
    case: Case,
    twin_table: TwinTable,
    samples: Samples,
    treatments: Sequence[Treatment],
    number_columns: frozenset[str],
) -> tuple[TwinTable, Samples]:
    """Return the twin, and the rows that it is judged by, with what follows from numbers counted again."""
    drawn_rows = samples.synthetic.iloc[twin_table.places].reset_index(drop=True)
    names = [one.column.name for one in treatments if one.column.name in drawn_rows]
    real = learnable(case.source.real, treatments)[names]
    rows = with_followers(drawn_rows[names], real, number_columns, case.source.units)
    followers = {name: pa.array(rows[name]) for name in names if not rows[name].equals(drawn_rows[name])}
    return with_columns(twin_table, samples, case.treatments, pa.table(followers))


def with_followers(
    rows: pd.DataFrame,
    real: pd.DataFrame,
    number_columns: Collection[str],
    units: NDArray[np.uint64],
) -> pd.DataFrame:
    """Return rows that were counted again, with what follows from their numbers.

    That is a column which holds the number or NULL, such as the position of who finished, and what a number
    decides, such as points.

    Args:
        rows: of the twin.
        real: real rows of the same columns.
        number_columns: the columns that were counted again.
        units: whom each of the real rows is about.
    """
    rows, repeats = rows.copy(), set[str]()
    for column in number_columns:
        for name in real.columns.difference([*number_columns]):
            both = real[name].notna()
            if both.sum() >= FEWEST and not both.all() and (real[name] == real[column])[both].all():
                rows[name] = rows[column].astype(rows[name].dtype).where(rows[name].notna())
                repeats.add(name)
    decided_columns = {*number_columns, *repeats}
    for column in sorted(decided_columns):
        for name in real.columns.difference([*decided_columns]):
            values = _values_by_number(real[column], real[name], units)
            if len(values):
                number = rows[column].astype("Int64").fillna(NO_NUMBER)
                is_known = number.isin(values.index).to_numpy(bool)
                rows.loc[is_known, name] = values.loc[number[is_known]].astype(rows[name].dtype).array
    return rows


def _values_by_number(
    numbers: pd.Series[Any], values: pd.Series[Any], units: NDArray[np.uint64]
) -> pd.Series[Any]:
    """Return what goes with each number that enough entities have; empty where numbers do not decide it all.

    Args:
        numbers: of real rows; NULL is NO_NUMBER.
        values: of another column of the rows.
        units: whom the rows are about.
    """
    rows = pd.DataFrame({"number": numbers.astype("Int64").fillna(NO_NUMBER), "value": values, "unit": units})
    codes = pd.factorize(values, use_na_sentinel=False)[0]
    places, first, counts = np.unique(rows["number"], return_index=True, return_counts=True)
    usual_codes = codes[first]
    surprise = float(counts @ np.log((np.bincount(codes) / len(codes))[usual_codes]))
    is_decided = np.array_equal(codes, usual_codes[np.searchsorted(places, rows["number"])])
    if surprise > CHANCE or not is_decided:
        return values.iloc[:0]
    holders = rows.drop_duplicates(["number", "unit"])["number"].value_counts()
    common = holders.index[holders >= RARE]
    examples = rows[rows["number"].isin(common)].drop_duplicates("number")
    return examples.set_index("number")["value"]
