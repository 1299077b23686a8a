"""Models whose rows own those of others: their real rows, their twins, and what rows may know of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synth.columns.birthdays import days_of_birth
from synth.columns.conform import labels, learnable
from synth.columns.roles import LEARNED_ROLES
from synth.domain import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.sampling.source import SourceRows


@dataclass(frozen=True, slots=True)
class OwnersAgain:
    """Owners parted by another coin, and the twins that engines of these halves drew.

    Attributes:
        apart: which real rows are in the second half.
        second: which twins the engine of the second half drew.
        whom: the entity that each twin is about, as a number; None where that is not known.
    """

    apart: NDArray[np.bool_]
    twins: pd.DataFrame
    second: NDArray[np.bool_] | None
    whom: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class Owners:
    """A model whose rows own those of others: its real rows, and those of its twin.

    Attributes:
        real: the learned columns of its real rows; `twin` those of its twin's rows.
        keys: the values of its key columns in the real rows; `twin_keys` those in the twin's rows.
        apart: which real rows are in the second half, or held out.
        second: which rows of the twin the engine of the second half drew; None where there is one engine.
        categories: columns whose values are labels.
        again: draws them by other halves, by the number of the split.
        whom: the entity that each row of the twin is about, as a number; None where that is not known.
        above: those of the learned columns that are of the rows' own owners.
        births: columns of days of birth, of which engines see no more than the year.
    """

    real: pd.DataFrame
    twin: pd.DataFrame
    keys: Mapping[str, pa.ChunkedArray]
    twin_keys: Mapping[str, pa.ChunkedArray]
    apart: NDArray[np.bool_]
    second: NDArray[np.bool_] | None
    categories: frozenset[str]
    again: Callable[[int], OwnersAgain | None] | None = None
    whom: NDArray[np.int64] | None = None
    above: tuple[str, ...] = ()
    births: frozenset[str] = frozenset()


def owners_of(
    source: SourceRows,
    treatments: Sequence[Treatment],
    twin: pa.Table,
    second: NDArray[np.bool_] | None,
    key_columns: Collection[str],
) -> Owners:
    """Return what the models that reference this one need of it.

    Args:
        source: its real rows.
        treatments: of its columns.
        twin: its twin.
        second: which rows of the twin the engine of the second half drew.
        key_columns: the columns that are referenced.
    """
    present = [
        one for one in treatments if one.role in LEARNED_ROLES and one.column.name in twin.column_names
    ]
    names = [name for name in key_columns if name in source.real.column_names and name in twin.column_names]
    birth_days = [
        one for one in treatments if one.role is Role.DATE_OF_BIRTH and one.column.name in twin.column_names
    ]
    real = learnable(source.real, present)
    return Owners(
        real.assign(**days_of_birth(birth_days, source.real)),
        # A twin without NULL may have other dtypes.
        learnable(twin, present).astype(real.dtypes.to_dict()).assign(**days_of_birth(birth_days, twin)),
        {name: source.real.column(name) for name in names},
        {name: twin.column(name) for name in names},
        source.held_out,
        second,
        labels(present),
        births=frozenset(one.column.name for one in birth_days),
    )
