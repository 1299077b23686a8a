"""Rows of the twin that are those of a few real people are drawn anew, as long as they are few.

Only rows identical in everything that was learned are looked for, in training and holdout alike. Leaving out
what merely lies close to a real row would punch a hole around everybody who was learned from, and the hole
would show who that was.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from synth.domain import RARE
from synth.evaluate.tables import read, row_hashes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synth.sampling.context import Samples
    from synth.sampling.source import SourceRows

    Hashes = NDArray[np.uint64]
    Places = NDArray[np.int64]

MOST = 0.01  # share of the rows that may be drawn anew before the generator is at fault
SPARE = 10  # rows to begin with, beside that share
TIMES, LOOKED_AT = 7, 8_000  # as often as the twin, rows are drawn to be looked at, up to so many in all


@dataclass(frozen=True, slots=True)
class RowSelection:
    """Which of the rows that were drawn make the twin.

    Attributes:
        places: of each row of the twin among the rows drawn.
        count: how many of them took the place of another.
    """

    places: NDArray[np.int64]
    count: int


def spare_rows(rows: int, *, halves: bool) -> int:
    """Return how many more than `rows` rows to draw: some to put in the place of others, and some to look at.

    Where drawing costs nothing, a small twin is drawn several times: what one draw shows of an engine's
    memory by chance, several show for certain.
    """
    more = ceil(MOST * rows) + SPARE
    return max(more, min(TIMES * rows, LOOKED_AT - rows)) if halves else more


def choose(samples: Samples, source: SourceRows, rows: int) -> RowSelection:
    """Choose `rows` of the rows drawn, none of them identical to a row that fewer than RARE entities hold.

    Where many rows are, the table has few different ones, or the generator repeats them. Then all rows stay,
    and the check of exact rows, which sees them all, decides.
    """
    places = np.arange(rows)
    if not rows or not len(samples.training.columns):  # nothing was learned, so nothing can be repeated
        return RowSelection(places, 0)
    tables = read(samples.training, samples.holdout, samples.synthetic, categories=samples.categories)
    hashes = row_hashes(tables)
    units = np.concatenate([source.units[~source.held_out], source.units[source.held_out]])
    few = _held_by_few(hashes[: tables.real], units)
    is_rare = np.isin(hashes[tables.real :], few)
    if is_rare[:rows].mean() > MOST:
        return RowSelection(places, 0)
    spare = rows + np.flatnonzero(~is_rare[rows:])
    rare_rows = np.flatnonzero(is_rare[:rows])
    others = replacements(rare_rows, spare, samples.owner)
    places[rare_rows] = others
    return RowSelection(places[places >= 0], int((others >= 0).sum()))


def replacements(rows: Places, spare: Places, owner: Places | None) -> Places:
    """Return for each of some rows a spare row to put in its place, -1 where there is none.

    A row makes way for one of the same owner: another's would be one too many, of who has one at most.

    Args:
        rows: the places of those that go.
        spare: the places of those that are free.
        owner: of each row that was drawn; None where rows have no owner.
    """
    others = np.full(len(rows), -1)
    if owner is None:
        others[: len(spare)] = spare[: len(rows)]
        return others
    rows_to_go, free = (pd.DataFrame({"place": part, "owner": owner[part]}) for part in (rows, spare))
    for frame in (rows_to_go, free):
        frame["turn"] = frame.groupby("owner").cumcount()
    both = rows_to_go.merge(free, how="left", on=["owner", "turn"], suffixes=("", "_free"))
    return both["place_free"].fillna(-1).to_numpy(np.int64)


def _held_by_few(rows: Hashes, units: Hashes) -> Hashes:
    """Return the contents of rows that fewer than RARE entities hold."""
    holders = pd.DataFrame({"row": rows, "unit": units}).drop_duplicates()["row"].value_counts()
    few: Hashes = holders.index[holders < RARE].to_numpy(np.uint64)
    return few
