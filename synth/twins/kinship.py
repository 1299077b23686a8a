"""What rows have in common with the row of their own table that they refer to.

A child lives where its guardian does, a refund is of the account of the payment, a category is of the branch
of the one above. Such references are dealt out without a look at the rest. Of a row that has another key in
common with the row above, one with the same key is sought first; then it takes over the rest from above.
Of what is made up, such as a surname, as many rows take it over as have it in common with the row above.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.mails import with_named_mails
from synth.corrections.hierarchy import forest_of
from synth.corrections.seniority import seniorities_of, with_elders
from synth.domain import RARE, Kind, Role
from synth.sampling.computing import own_formulas, with_columns

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.corrections.hierarchy import Forest
    from synth.corrections.seniority import Seniority
    from synth.sampling.context import Case, Samples, TwinTable
    from synth.twins.across import Draft

    Ints = NDArray[np.int64]

SURELY = 1e-3  # chance that rows of some table are alike by accident, all columns counted in
MADE_UP = frozenset({Role.NAME, Role.ADDRESS, Role.PHONE})
MOSTLY = 0.5  # of the rows that have something made up in common with the row above, from which it counts
SHARED_KEYS = frozenset({Role.FOREIGN_KEY, Role.NATURAL_KEY})


@dataclass(frozen=True, slots=True)
class Kinship:
    """Rows refer by `column` to the `key` of others, with which they have `alike` columns in common.

    Attributes:
        partly: columns that are made up, and the share of rows that have them in common.
    """

    column: str
    key: str
    alike: tuple[str, ...]
    partly: tuple[tuple[str, float], ...] = ()


def kinships_of(real: pa.Table, treatments: Sequence[Treatment], names: Collection[str]) -> list[Kinship]:
    """Return the references of a table to itself by which rows have columns in common.

    Args:
        real: the real rows.
        treatments: of the columns.
        names: the columns that may be in common.
    """
    result = []
    for one in treatments:
        if one.role is not Role.FOREIGN_KEY or not one.to_itself or one.parent is None:
            continue
        column, key = one.column.name, one.parent.parent_column
        others = [name for name in real.column_names if name in names and name not in {column, key}]
        forest = forest_of(real, column, key) if {column, key} <= {*real.column_names} else None
        if forest is None or not forest.is_whole:
            continue
        alike = tuple(name for name in others if _is_alike(real.column(name), forest.above, len(others)))
        invented = {one.column.name for one in treatments if one.role in MADE_UP and not one.unique}
        rest = [name for name in others if name in invented.difference(alike)]
        shares = {name: _share_alike(real.column(name), forest.above) for name in rest}
        partly = tuple((name, share) for name, share in shares.items() if share >= MOSTLY)
        result += [Kinship(column, key, alike, partly)] if alike or partly else []
    return result


def _share_alike(values: pa.ChunkedArray, above: Ints) -> float:
    """Return the share of rows that hold what the row above holds, beyond chance; 0 of few rows above."""
    codes = pd.factorize(values.to_pandas())[0]
    below = np.flatnonzero((above >= 0) & (codes >= 0))
    if len(np.unique(above[below])) < RARE:
        return 0.0
    shares = np.bincount(codes[codes >= 0]) / (codes >= 0).sum()
    chance = float(shares @ shares)
    share = float((codes[below] == codes[above[below]]).mean())
    return (share - chance) / (1 - chance) if chance < MOSTLY else 0.0


def _is_alike(values: pa.ChunkedArray, above: Ints, tries: int) -> bool:
    """Return whether all rows hold what the row above holds, where chance would not have it so.

    Rows below one row count as one: so no more is taken for evidence than there is.
    """
    codes = pd.factorize(values.to_pandas(), use_na_sentinel=False)[0]
    below = np.flatnonzero(above >= 0)
    parents = np.unique(above[below])
    if len(parents) < RARE or (codes[below] != codes[above[below]]).any():
        return False
    shares = np.bincount(codes[below]) / len(below)
    every = np.bincount(codes, minlength=len(shares))[: len(shares)] / len(codes)
    chance = float(shares @ every)  # that a row and any other are alike
    return bool(len(parents) * log(chance) < log(SURELY / tries))


def with_kinship(case: Case, twin_table: TwinTable, samples: Samples) -> tuple[TwinTable, Samples]:
    """Return the twin whose rows have in common with those above what real ones have.

    Args:
        case: of the twin.
        twin_table: the twin.
        samples: the rows that it was made of.
    """
    table, treatments, real = twin_table.table, case.treatments, case.source.real
    references = {one.column.name for one in treatments if one.to_itself} & {*table.column_names}
    if not references or case.task.model.history is not None or not table.num_rows:
        return twin_table, samples
    rng = np.random.default_rng([case.task.seed, *case.task.model.unique_id.encode(), 9])
    before = table
    table = with_elders(case, table, rng)
    kinships = kinships_of(real, treatments, _free(case) & {*table.column_names})
    seniorities = {one.column: one for one in seniorities_of(real, treatments)}
    roles = {one.column.name: one.role for one in treatments}
    unique = {one.column.name for one in treatments if one.unique}
    for one in kinships:
        keys = [name for name in one.alike if roles[name] in SHARED_KEYS]
        if keys and one.column not in unique:
            table = led_to_kin(table, one, keys, seniorities.get(one.column), rng)
        kin = like_those_above(table, one)
        table = with_keys_of_before(kin, table, one, keys, rng) if keys else kin
        table = partly_like_those_above(table, one, rng)
    if any(one.partly for one in kinships) and real.num_rows == case.source.rows:
        columns = {name: table.column(name).combine_chunks() for name in table.column_names}
        table = pa.table(with_named_mails(columns, treatments, real, real), schema=table.schema)
    changes = {name for name in table.column_names if not table.column(name).equals(before.column(name))}
    names = references.union(changes, *(one.alike for one in kinships))
    return with_columns(twin_table, samples, treatments, table.select(sorted(names)))


def elders_again(drafts: Mapping[str, Draft]) -> dict[str, pa.Table]:
    """Return the columns of drafts in which rows refer to others of their table, where these change.

    What other tables say of a row may be when it began, or its rank.
    """
    result = {}
    for name, draft in drafts.items():
        table, treatments = draft.twin_table.table, draft.case.treatments
        if any(one.to_itself for one in treatments) and table.num_rows:
            rng = np.random.default_rng([draft.case.task.seed, *name.encode(), 7])
            elders = with_elders(draft.case, table, rng)
            names = [one for one in table.column_names if not elders.column(one).equals(table.column(one))]
            if names:
                result[name] = elders.select(names)
    return result


def _free(case: Case) -> frozenset[str]:
    """Return the columns that nothing else decides, and of which rows may share values."""
    model = case.task.model
    facts = (fact.column for fact in case.context.facts.every if fact.model == model.unique_id)
    fixed_columns = {
        *facts,
        *(formula.column for formula in own_formulas(case)),
        *model.seed_columns,
        *model.balance,
    }
    fixed_columns |= {*model.primary_key, *(name for names in model.unique for name in names)}
    fixed_columns |= {name for one in case.unique for name in one.columns}
    if case.family is not None:
        fixed_columns.add(case.family.key)
    plain = (one.column for one in case.treatments if one.column.kind is not Kind.OPAQUE)
    return frozenset(column.name for column in plain if column.name not in fixed_columns)


def led_to_kin(
    table: pa.Table,
    one: Kinship,
    keys: Sequence[str],
    seniority: Seniority | None,
    rng: np.random.Generator,
) -> pa.Table:
    """Return the twin in which rows refer to rows at the top that have the same keys, where there are such.

    Those that others refer to already are preferred, so that about as many are referred to as before.
    """
    forest = forest_of(table, one.column, one.key)
    if forest is None or not forest.is_whole:
        return table
    groups = table.select(keys).to_pandas().groupby(list(keys), dropna=False, sort=False).ngroup().to_numpy()
    usual = np.unique(forest.above[forest.level == 1])
    top_rows = np.flatnonzero(forest.level == 0)
    pools = [pd.Series(rows).groupby(groups[rows]).agg(np.array) for rows in (usual, top_rows)]
    times = None if seniority is None else table.column(seniority.time).to_pandas().to_numpy()
    above = forest.above.copy()
    for row in np.flatnonzero(forest.level == 1):
        for pool in pools:
            kin = pool.get(groups[row], np.zeros(0, np.int64))
            if times is not None and seniority is not None:
                is_earlier = times[kin] < times[row] if seniority.strict else times[kin] <= times[row]
                kin = kin[is_earlier]
            if len(kin):
                above[row] = rng.choice(kin)
                break
    return _leading_to(table, one, above, self_led=forest.self_led)


def _leading_to(table: pa.Table, one: Kinship, above: Ints, *, self_led: bool) -> pa.Table:
    if self_led:
        above = np.where(above < 0, np.arange(len(above)), above)
    values = table.column(one.key).combine_chunks().take(pa.array(above, mask=above < 0))
    place = table.column_names.index(one.column)
    return table.set_column(place, one.column, values.cast(table.schema.field(place).type))


def like_those_above(table: pa.Table, one: Kinship) -> pa.Table:
    """Return the twin in which rows hold in these columns what the row at the top of theirs holds."""
    forest = forest_of(table, one.column, one.key)
    if forest is None:
        return table
    source = _tops(forest)
    for name in one.alike:
        place = table.column_names.index(name)
        table = table.set_column(place, name, table.column(name).combine_chunks().take(pa.array(source)))
    return table


def partly_like_those_above(table: pa.Table, one: Kinship, rng: np.random.Generator) -> pa.Table:
    """Return the twin in which so many rows hold what is made up of the row at the top of theirs."""
    forest = forest_of(table, one.column, one.key) if one.partly else None
    if forest is None:
        return table
    tops, own = _tops(forest), np.arange(table.num_rows)
    ranks = rng.random(table.num_rows)  # one for all columns: who has another name lives elsewhere
    for name, share in one.partly:
        values = table.column(name).combine_chunks()
        takes = (ranks < share) & values.is_valid().to_numpy(zero_copy_only=False)
        place = table.column_names.index(name)
        table = table.set_column(place, name, values.take(pa.array(np.where(takes, tops, own))))
    return table


def _tops(forest: Forest) -> Ints:
    """Return for each row the one at the top of its tree."""
    result = np.arange(len(forest.above))
    for _ in range(int(forest.level.max(initial=0))):
        result = np.where(forest.above[result] >= 0, forest.above[result], result)
    return result


def with_keys_of_before(
    table: pa.Table, before: pa.Table, one: Kinship, keys: Sequence[str], rng: np.random.Generator
) -> pa.Table:
    """Return the twin in which keys that rows have left are those of other rows, so that none is lost.

    They go to rows at the top whose keys others have, too, with all rows below them; small trees first.

    Args:
        table: the twin.
        before: the twin in which rows had keys of their own.
        one: what rows have in common.
        keys: the columns of keys among these.
        rng: the source of chance.
    """
    forest = forest_of(table, one.column, one.key)
    if forest is None:
        return table
    both = pa.concat_tables([rows.select(keys) for rows in (before, table)]).to_pandas()
    codes = both.groupby(list(keys), dropna=False, sort=False).ngroup().to_numpy()
    old, new = codes[: len(table)], codes[len(table) :]
    left = [int(np.flatnonzero(old == code)[0]) for code in np.setdiff1d(old, new)]
    numbers = np.bincount(new, minlength=codes.max() + 1)
    top = _tops(forest)
    sizes = np.bincount(top, minlength=len(table))
    rows = rng.permutation(np.flatnonzero(forest.level == 0))
    source = np.arange(len(table))
    for row in rows[np.argsort(sizes[rows], kind="stable")]:
        if left and numbers[new[row]] > sizes[row]:
            numbers[new[row]] -= sizes[row]
            source[row] = len(table) + left.pop()
    source = np.where(source[top] >= len(table), source[top], source)
    for name in keys:
        values = pa.chunked_array([*table.column(name).chunks, *before.column(name).chunks])
        place = table.column_names.index(name)
        table = table.set_column(place, name, values.combine_chunks().take(pa.array(source)))
    return table
