"""How many rows of a sibling table owners have, where their own rows refer to these: bills to mandates.

Who has no mandate pays in another way. Keys are dealt out behind the rows, among those of the owner; so the
rows are drawn given whether there are any.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from synth.sampling.forebears import bins_of, information_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from synth.domain import Across
    from synth.sampling.families import Family
    from synth.sampling.owners import Owners, OwnersAgain

    Ints = NDArray[np.int64]

MOST = 2  # rows that are told apart: none, one, several


@dataclass(frozen=True, slots=True)
class _Counts:
    """Draws owners by other halves, with as many rows of a sibling as owners who are alike have."""

    again: Callable[[int], OwnersAgain | None]
    twins: pd.DataFrame
    name: str

    def __call__(self, number: int) -> OwnersAgain | None:
        draft = self.again(number)
        if draft is None:
            return None
        rng = np.random.default_rng([number, len(self.twins)])
        counts = _as_alike(self.twins, self.name, draft.twins, rng)
        return replace(draft, twins=draft.twins.assign(**{self.name: counts}))


def with_siblings(family: Family, name: str, facts: Iterable[Across], owners: Mapping[str, Owners]) -> Family:
    """Return the histories of owners with how many rows these have of what their rows refer to.

    Args:
        family: the rows of a model.
        name: the model, by `unique_id`.
        facts: across tables.
        owners: models that were made in this run, by `unique_id`.
    """
    for fact in facts:
        is_copy = fact.model == name and fact.is_direct_copy and fact.column == family.key
        sibling = owners.get(fact.other) if is_copy and fact.own != family.key else None
        if sibling is None or family.real_keys is None or family.keys is None:
            continue
        if fact.source not in sibling.keys or fact.source not in sibling.twin_keys:
            continue
        column = f"{fact.own}: rows"  # as no column of a relation is called
        real = _counts(family.real_keys, sibling.keys[fact.source])
        twin = _counts(family.keys, sibling.twin_keys[fact.source])
        if len(np.unique(real)) > 1 and column not in family.owners:
            twins = family.twins.assign(**{column: twin})
            again = family.again and _Counts(family.again, twins, column)
            family = replace(family, owners=family.owners.assign(**{column: real}), twins=twins, again=again)
    return family


def _counts(keys: pa.ChunkedArray, values: pa.ChunkedArray) -> Ints:
    """Return for each key how often it is among the values: never, once, or more often."""
    keys, values = keys.combine_chunks(), values.combine_chunks()
    places = pc.index_in(values.cast(keys.type), keys, skip_nulls=True).drop_null()
    counts = np.bincount(places.to_numpy(zero_copy_only=False).astype(np.int64), minlength=len(keys))
    return np.minimum(counts, MOST).astype(np.int64)


def _as_alike(twins: pd.DataFrame, name: str, others: pd.DataFrame, rng: np.random.Generator) -> Ints:
    """Return counts for other owners: those of owners who are alike in what says most about them."""
    counts = twins[name].to_numpy(np.int64)
    names = [one for one in others if one in twins and one != name]
    says = {one: information_of(bins_of(twins[one]), [counts], len(twins)) for one in names}
    best = max(says, key=lambda one: says[one], default=None)
    result = counts[rng.integers(0, len(counts), len(others))]
    if best is None:
        return result
    every: pd.Series[Any] = pd.concat([twins[best], others[best]], ignore_index=True)
    bins = bins_of(every)
    ours, theirs = bins[: len(twins)], bins[len(twins) :]
    for one in np.unique(theirs):
        alike = counts[ours == one]
        if len(alike):
            here = np.flatnonzero(theirs == one)
            result[here] = alike[rng.integers(0, len(alike), len(here))]
    return result
