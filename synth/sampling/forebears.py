"""What rows know of the owners of their owners: grades of the student, by way of the enrolment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from synth.sampling.families import Family
    from synth.sampling.owners import Owners, OwnersAgain

    Ints = NDArray[np.int64]

MOST = 8  # columns of owners of owners that rows are drawn given: those that say most about them
BINS = 8  # of a number, or its commonest labels


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Draws owners by other halves with some of their columns."""

    again: Callable[[int], OwnersAgain | None]
    names: tuple[str, ...]

    def __call__(self, number: int) -> OwnersAgain | None:
        draft = self.again(number)
        return None if draft is None else replace(draft, twins=draft.twins[[*self.names]])


def rows_above(family: Family, owners: pd.DataFrame, owner: Ints) -> pd.DataFrame:
    """Return for each row what is known of its owner, by names that no column of a relation has.

    Args:
        family: of the rows.
        owners: the real ones, or their twins.
        owner: of each row, the position of its owner; below 0 where it has none.
    """
    rows = (
        owners.take(owner) if (owner >= 0).all() else owners.reindex(np.where(owner < 0, len(owners), owner))
    )
    return rows.set_axis([name_above(family, str(name)) for name in owners], axis=1).reset_index(drop=True)


def name_above(family: Family, name: str) -> str:
    """Return what a column of an owner is called beside those of its rows."""
    return f"{family.key}: {name}"


def with_forebears(owners: Owners, family: Family, twin_owner: Ints) -> Owners:
    """Return owners of other models' rows with what is known of their own owners.

    Args:
        owners: rows of a model that have owners.
        family: of these.
        twin_owner: of each row of the twin, the position of its owner.
    """
    real = rows_above(family, family.owners, family.owner)
    twin = rows_above(family, family.twins, twin_owner).astype(real.dtypes.to_dict())
    return replace(
        owners,
        real=pd.concat([owners.real.reset_index(drop=True), real], axis=1),
        twin=pd.concat([owners.twin.reset_index(drop=True), twin], axis=1),
        categories=owners.categories | {name_above(family, name) for name in family.categories},
        births=owners.births | {name_above(family, name) for name in family.births},
        above=tuple(real.columns),
    )


def with_telling(owners: Owners, rows: pd.DataFrame, owner: Ints, entities: int) -> Owners:
    """Return owners without what their own owners say little of their rows by.

    Args:
        owners: perhaps with forebears.
        rows: what is learned of the real rows.
        owner: of each row, the position of its owner; below 0 where it has none.
        entities: how many the rows are about.
    """
    if not owners.above:
        return owners
    here = np.flatnonzero(owner >= 0)
    own = [bins_of(rows[name].iloc[here]) for name in rows]
    says = {
        name: information_of(bins_of(owners.real[name].iloc[owner[here]]), own, entities)
        for name in owners.above
    }
    best = sorted((name for name in says if says[name] > 0), key=lambda name: -says[name])[:MOST]
    names = [name for name in owners.real if name not in owners.above or name in best]
    return replace(
        owners,
        real=owners.real[names],
        twin=owners.twin[names],
        above=tuple(best),
        again=owners.again and _Chosen(owners.again, tuple(map(str, names))),
    )


def bins_of(values: pd.Series[Any]) -> Ints:
    """Return a few groups of values: quantiles of numbers and dates, or the commonest labels; NULL apart."""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        ranks = values.rank(pct=True, method="average").to_numpy(float, na_value=np.nan)
        return np.where(np.isnan(ranks), BINS, np.minimum(np.nan_to_num(ranks) * BINS, BINS - 1)).astype(
            np.int64
        )
    common = values.astype(object).value_counts().index[: BINS - 1]
    places = pd.Index(common).get_indexer(pd.Index(values.astype(object)))
    codes = np.where(places < 0, BINS - 1, places)
    return np.where(values.isna().to_numpy(bool), BINS, codes).astype(np.int64)


def information_of(one: Ints, others: Sequence[Ints], entities: int) -> float:
    """Return the mutual information with each of the others in nats, as far as it is beyond chance."""
    total, size = 0.0, BINS + 1
    for other in others:
        joint = np.bincount(one * size + other, minlength=size * size).reshape(size, size) / max(len(one), 1)
        chance = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
        some = joint > 0
        cells = (joint.any(1).sum() - 1) * (joint.any(0).sum() - 1)
        total += max(float((joint[some] * np.log(joint[some] / chance[some])).sum()) - cells / entities, 0.0)
    return total
