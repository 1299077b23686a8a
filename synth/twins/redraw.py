"""Rows of the twin that are those of a few real people are drawn anew, as long as they are few.

Only rows identical in everything that was learned are looked for, in training and holdout alike. Leaving out
what merely lies close to a real row would punch a hole around everybody who was learned from, and the hole
would show who that was.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from synth.domain import Check, Verdict
from synth.evaluate.intervals import normal_quantile
from synth.evaluate.tables import read, row_hashes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synth.twins.source import Source
    from synth.twins.workshop import Drawn

    Hashes = NDArray[np.uint64]

FEW = 5  # entities; who shares a row with as many others is not singled out by it
MOST = 0.01  # share of the rows that may be drawn anew before the generator is at fault
SPARE = 10  # rows to begin with, beside that share


@dataclass(frozen=True, slots=True)
class Redrawn:
    """Which of the rows that were drawn make the twin.

    Attributes:
        places: of each row of the twin among the rows drawn.
        count: how many of them took the place of another.
        check: whether the generator repeats rows more often than unseen real rows do; None without rows.
    """

    places: NDArray[np.int64]
    count: int
    check: Check | None


def spare_rows(rows: int) -> int:
    """How many more than `rows` rows to draw, to have some to put in the place of others."""
    return ceil(MOST * rows) + SPARE


def choose(drawn: Drawn, source: Source, rows: int) -> Redrawn:
    """Choose `rows` of the rows drawn, none of them identical to a row that fewer than FEW entities hold.

    Where many rows are, the table has few different ones, or the generator repeats them. The holdout tells:
    if rare unseen rows are met as often as rare training rows, it is chance, which says nothing about
    anybody, and all rows stay; if training rows are met by over a hundredth of the twin more, at 97.5 %
    confidence, it fails.
    """
    places = np.arange(rows)
    if not rows or not len(drawn.training.columns):  # nothing was learned, so nothing can be repeated
        return Redrawn(places, 0, None)
    tables = read(drawn.training, drawn.holdout, drawn.synthetic, categories=drawn.categories)
    hashes = row_hashes(tables)
    units = np.concatenate([source.units[~source.held_out], source.units[source.held_out]])
    few = _held_by_few(hashes[: tables.real], units)
    taken = np.isin(hashes[tables.real :], few)
    learned, unseen, rows_drawn = np.split(hashes, [tables.training, tables.real])
    check = _check(learned, unseen, rows_drawn, few)
    if taken[:rows].mean() > MOST:
        return Redrawn(places, 0, check)
    spare = rows + np.flatnonzero(~taken[rows:])
    lost = np.flatnonzero(taken[:rows])
    places[lost[: len(spare)]] = spare[: len(lost)]
    places = np.delete(places, lost[len(spare) :])
    return Redrawn(places, min(len(lost), len(spare)), check)


def _held_by_few(rows: Hashes, units: Hashes) -> Hashes:
    """The contents of rows that fewer than FEW entities hold."""
    held = pd.DataFrame({"row": rows, "unit": units}).drop_duplicates()["row"].value_counts()
    few: Hashes = held.index[held < FEW].to_numpy(np.uint64)
    return few


def _check(learned: Hashes, unseen: Hashes, drawn: Hashes, few: Hashes) -> Check:
    """Whether the rows drawn meet rare training rows more often than as many rare unseen rows.

    Training and holdout were parted by chance, so a generator without memory meets either as often, row for
    row: the means of how often a real row is met are compared, with Welch's standard error. Of a content that
    several real rows have, each is met by its share.
    """
    real = np.concatenate([learned, unseen])
    met = np.where(np.isin(real, few), _times(real, drawn) / np.maximum(_times(real, real), 1), 0.0)
    sides = met[: len(learned)], met[len(learned) :]
    share = len(learned) / len(drawn)  # turns times a training row is met into a share of the rows drawn
    means = [float(side.mean()) * share if len(side) else 0.0 for side in sides]
    error = share * sqrt(sum(float(side.var()) / len(side) for side in sides if len(side)))
    gap, half = means[0] - means[1], normal_quantile() * error
    verdict = Verdict.FAIL if gap - half > MOST else Verdict.PASS
    explain = (
        f"{means[0]:.2%} of the rows drawn are rows learned from that fewer than {FEW} people hold; as many "
        f"unseen real rows would be met by {means[1]:.2%}, where a difference of {MOST:.0%} is allowed."
    )
    return Check(
        "redrawn_rows",
        gap,
        gap - half,
        gap + half,
        MOST,
        verdict,
        explain,
        training=len(learned),
        holdout=len(unseen),
    )


def _times(contents: Hashes, rows: Hashes) -> NDArray[np.int64]:
    """How many of the rows have each of the contents."""
    ordered = np.sort(rows)
    return np.searchsorted(ordered, contents, "right") - np.searchsorted(ordered, contents, "left")
