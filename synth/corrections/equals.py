"""Two references of a row to one table that are often the same: who pays is mostly who receives."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth.domain import RARE, Role

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from synth.columns.roles import Treatment
    from synth.domain import Model
    from synth.sampling.context import Case

DEVIATIONS = 5.0  # standard ones, by which equal keys must be more than by chance


@dataclass(frozen=True, slots=True)
class EqualKeys:
    """Two columns that hold one key in this share of the rows in which both hold one."""

    source: str
    target: str
    share: float


def equal_keys_of(case: Case) -> tuple[EqualKeys, ...]:
    """Return such pairs of a twin's references, but of those that other rows decide."""
    model = case.task.model
    fixed_columns = {fact.column for fact in case.context.facts.every if fact.model == model.unique_id}
    fixed_columns |= {case.family.key} if case.family else set()
    return find_equal_keys(case.source.real, case.treatments, model, fixed_columns)


def find_equal_keys(
    real: pa.Table, treatments: Sequence[Treatment], model: Model, fixed_columns: Collection[str]
) -> tuple[EqualKeys, ...]:
    """Return the pairs of foreign keys to one table that are equal more often than by chance.

    Args:
        real: the real rows.
        treatments: of every column.
        model: of these rows.
        fixed_columns: columns whose values are decided, and are not copied into.
    """
    several = {name for names in (*model.unique, model.primary_key) for name in names}
    keys = [
        one
        for one in treatments
        if one.role is Role.FOREIGN_KEY and one.parent and one.column.name in real.column_names
    ]
    pairs: list[EqualKeys] = []
    for first, second in combinations(keys, 2):
        if first.parent is None or second.parent is None or not _one_domain(first, second):
            continue
        first_name, second_name = first.column.name, second.column.name
        share = _share(real.column(first_name), real.column(second_name))
        free = [name for name in (second_name, first_name) if name not in several | set(fixed_columns)]
        targets = {pair.target for pair in pairs}
        if share is None or not free or free[0] in targets:
            continue
        target = free[0]
        pairs.append(EqualKeys(first_name if target == second_name else second_name, target, share))
    return tuple(pairs)


def _one_domain(first: Treatment, second: Treatment) -> bool:
    return (
        first.parent is not None
        and second.parent is not None
        and (first.parent.parent, first.parent.parent_column)
        == (second.parent.parent, second.parent.parent_column)
        and not (first.to_itself or second.to_itself)
    )


def _share(first: pa.ChunkedArray, second: pa.ChunkedArray) -> float | None:
    """Return in which share of the rows both are equal, if that is no chance."""
    both = pc.and_(first.is_valid(), second.is_valid())
    one, other = (values.filter(both).to_pandas() for values in (first, second.cast(first.type)))
    if len(one) < RARE:
        return None
    equal = int((one == other).sum())
    shares = one.value_counts(normalize=True), other.value_counts(normalize=True)
    chance = float((shares[0] * shares[1].reindex(shares[0].index, fill_value=0.0)).sum()) * len(one)
    if equal < max(RARE, chance + DEVIATIONS * sqrt(chance)):
        return None
    return float(np.clip((equal - chance) / max(len(one) - chance, 1.0), 0.0, 1.0))


def with_equal_keys(table: pa.Table, pairs: Sequence[EqualKeys], rng: np.random.Generator) -> pa.Table:
    """Return the twin in which these columns hold one key as often as in the source."""
    for pair in pairs:
        source, target = table.column(pair.source), table.column(pair.target)
        both = pc.and_(source.is_valid(), target.is_valid()).to_numpy()
        is_equal = both & (rng.random(table.num_rows) < pair.share)
        values = pc.if_else(pa.array(is_equal), source.cast(target.type), target)
        table = table.set_column(table.column_names.index(pair.target), pair.target, values)
    return table
