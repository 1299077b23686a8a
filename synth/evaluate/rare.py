"""Whether the twin knows labels of few training rows: nicknames, villages, tariffs of a single customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from synth.domain import RARE
from synth.evaluate.intervals import newcombe, normal_quantile, share
from synth.evaluate.replay import by_chance
from synth.evaluate.tables import mixed
from synth.evaluate.verdicts import Gap, counts, listed

if TYPE_CHECKING:
    from synth.evaluate.case import Case
    from synth.evaluate.tables import Column, Floats
    from synth.evaluate.verdicts import Finding


@dataclass(frozen=True, slots=True)
class Rare:
    """The rare labels of a column that recur: how many, and each real row's part of one."""

    column: str
    count: int
    parts: Floats


def rare_category(case: Case, limit: float) -> Finding | None:
    """Whether labels of fewer than ten real units recur more for training rows; None without a label.

    Fresh rows hit upon such labels as well, but on those of training rows no oftener than on others. Each
    label counts as one, shared out among those who have it, so that labels of one person weigh most: they
    tell most. How likely so many of training rows are by chance decides, because no excess is allowed.
    """
    labels = [column for column in case.private.columns if column.numbers is None and not column.boolean]
    if not labels:
        return None
    found = [_rare(column, case) for column in labels]
    # Every unit is a trial, because who is in training was drawn from all of them.
    rates = case.rates(np.sum([one.parts for one in found], axis=0), 1 / np.bincount(case.units)[case.units])
    low, high = newcombe(*rates, z=normal_quantile())
    gap = Gap("", share(*rates[0]) - share(*rates[1]), low, high)
    scale = case.scale(limit)
    number, names = sum(one.count for one in found), listed([one.column for one in found if one.count])
    text = f"The twin holds {number or 'no'} labels that fewer than {RARE} real {scale.noun} have"
    if number:
        text += (
            f", in {names}: one in {share(*rates[0]):.2%} of the training {scale.noun} and in"
            f" {share(*rates[1]):.2%} of the unseen ones, where a difference that chance does not explain is"
            " not allowed"
        )
    return scale.closed(gap, by_chance(rates), text, counts(*rates))


def _rare(column: Column, case: Case) -> Rare:
    real = case.tables.real
    known = np.flatnonzero(~column.null[:real])
    pairs = mixed(column.keys[known] ^ mixed(case.units[known].astype(np.uint64)))
    holders = known[np.unique(pairs, return_index=True)[1]]  # one row of each who has a label
    labels, which, sizes = np.unique(column.keys[holders], return_inverse=True, return_counts=True)
    recurs = (sizes < RARE) & np.isin(labels, column.keys[real:])
    parts = np.zeros(real)
    parts[holders] = (recurs / sizes)[which]
    return Rare(column.name, int(recurs.sum()), parts)
