"""What an owner keeps from row to row: name and mail beside each order of a customer, and the usual shop.

Such columns are not learned but made up, or dealt out among the keys of a parent, row by row. Rows of one
owner take over what the row before has, and change as often as real ones do. What is learned and never
changes, such as the wage beside each month of an employee, is that of the owner's first row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.beginnings import find_beginnings
from synth.columns.pii import IdentifierKind
from synth.columns.roles import REPLACED_ROLES
from synth.domain import RARE, Role
from synth.sampling.ordering import times_of_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.sampling.context import Case
    from synth.sampling.families import Family

    Ints = NDArray[np.int64]

ROLES = REPLACED_ROLES | {Role.NATURAL_KEY, Role.FOREIGN_KEY, Role.DATE_OF_BIRTH}
FEWEST = 2 * RARE  # rows behind another of their owner
SELDOM = 0.5  # of how often rows of any two owners differ, a column changes at most


def with_traits(table: pa.Table, case: Case, owner: Ints, rng: np.random.Generator) -> pa.Table:
    """Return the twin in which rows of one owner keep what real owners keep.

    Args:
        table: the twin.
        case: of the twin, whose rows have owners.
        owner: of each row, as a number.
        rng: the source of chance; what changes as often as something else changes with it.
    """
    if case.family is None:
        return table
    real, time = case.source.real, case.family.time
    times = None if time is None else times_of_rows(real, time, case.treatments)
    traits = {one: share_of_changes(real, one.column.name, case.family, times) for one in _free(case)}
    chance = rng.random(len(owner) if any(traits.values()) else 0)
    for treatment, share in traits.items():
        if share is None:
            continue
        name, changes = treatment.column.name, chance < share if share else np.zeros(len(owner), bool)
        label = _label(case, treatment)
        beside = None if label is None else table.column(label)
        stretches = _stretches(owner, changes, beside)
        place = table.column_names.index(name)
        table = table.set_column(place, name, _as_first(table.column(name), stretches))
    return table


def constants_of(rows: pd.DataFrame, owner: Ints) -> tuple[str, ...]:
    """Return the columns that are the same in all rows of each owner, and not in all rows.

    Args:
        rows: the real ones.
        owner: of each, as a number; negative where there is none.
    """
    owners = pd.Series(owner[owner >= 0])
    if int((owners.value_counts() > 1).sum()) < FEWEST:
        return ()
    names = []
    for name in rows:
        codes = pd.Series(pd.factorize(rows[name][owner >= 0], use_na_sentinel=False)[0])
        groups = codes.groupby(owners.to_numpy())
        if codes.max() > 0 and bool((groups.min() == groups.max()).all()):
            names.append(str(name))
    return tuple(names)


def with_constants(rows: pd.DataFrame, owner: Ints, names: Sequence[str]) -> pd.DataFrame:
    """Return the rows with what the first row of their owner has in some columns."""
    places = pd.Series(np.arange(len(rows))).groupby(owner).transform("first").to_numpy()
    return rows.assign(**{name: rows[name].iloc[places].array for name in names})


def _free(case: Case) -> Iterator[Treatment]:
    """Yield the columns that nothing else decides: no keys of rows, and nothing that other rows say."""
    model, family = case.task.model, case.family
    facts = [fact for fact in case.context.facts.every if fact.model == model.unique_id]
    fixed_columns = {name for fact in facts for name in (fact.column, fact.own)}
    if family is not None:
        fixed_columns |= {family.key, *(name for names in family.unique for name in names)}
    if family is not None and family.nest is not None:
        fixed_columns |= {family.nest.key, *family.nest.alike}
    for one in case.treatments:
        is_fixed = one.unique or one.to_itself or one.column.name in fixed_columns
        if one.role in ROLES and not is_fixed:
            yield one


def share_of_changes(
    real: pa.Table, name: str, family: Family, times: NDArray[Any] | None = None
) -> float | None:
    """Return how often a column differs from the row before of the same owner; None where it is no trait.

    Args:
        real: the real rows.
        name: of the column.
        family: the owners of these rows.
        times: what orders them, if anything does.
    """
    rows = pd.DataFrame({"owner": family.owner, "value": real.column(name).to_pandas()})
    if times is not None:
        rows = rows.assign(time=times).sort_values("time", kind="stable")
    rows = rows[(rows["owner"] >= 0) & rows["value"].notna()]
    codes = pd.Series(pd.factorize(rows["value"])[0], index=rows.index)
    before = codes.groupby(rows["owner"]).shift()
    number = int(before.notna().sum())
    if number < FEWEST:
        return None
    changes = int((before.notna() & (before != codes)).sum())
    apart = 1 - float((codes.value_counts(normalize=True) ** 2).sum())
    if changes > SELDOM * apart * number:
        return None
    return changes / number if changes >= RARE else 0.0


def _label(case: Case, treatment: Treatment) -> str | None:
    """Return the column that says how a postcode begins, which changes with it."""
    if treatment.what is not IdentifierKind.POSTCODE:
        return None
    labels = [one.column.name for one in case.treatments if one.role is Role.CATEGORY]
    beginnings = find_beginnings(case.source.real, treatment.column.name, labels)
    return None if beginnings is None else beginnings.column


def _stretches(owner: Ints, changes: NDArray[np.bool_], beside: pa.ChunkedArray | None) -> Ints:
    """Return a number for each row that it shares with rows of its owner until something changes."""
    order = np.argsort(owner, kind="stable")
    begins = changes[order]
    begins[1:] |= owner[order][1:] != owner[order][:-1]
    stretches = np.empty(len(owner), np.int64)
    stretches[order] = np.cumsum(begins)
    if beside is None:
        return stretches
    labels = pd.factorize(beside.to_pandas(), use_na_sentinel=False)[0]
    pairs = pd.DataFrame({"stretch": stretches, "label": labels})
    return np.asarray(pairs.groupby(["stretch", "label"]).ngroup(), np.int64)


def _as_first(values: pa.ChunkedArray, stretches: Ints) -> pa.ChunkedArray:
    """Return the values, each that of the first row of its stretch that has one; NULL stays NULL."""
    present = values.is_valid().to_numpy()
    places = pd.Series(np.arange(len(values)), dtype="Int64").where(present)
    first = places.groupby(stretches).transform("first").where(present)
    return values.take(pa.array(first))
