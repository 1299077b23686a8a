"""How near synthetic rows are to training rows, measured against how near unseen real rows are.

Accuracy is 1 - TVD (total variation distance) of discretised columns, of their pairs and of their triples.
Synthetic and holdout rows are compared with training in the same number, so that a small sample's noise is
the same on both sides and their difference is the twin's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb, sqrt
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from synth.domain import Accuracy, ColumnFit
from synth.evaluate.tables import discretise
from synth.evaluate.verdicts import FEWEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.evaluate.tables import Codes, Floats, Tables

Group: TypeAlias = tuple[int, ...]

BINS = 10
MAX_PAIRS = 1_000
MAX_TRIPLES = 150
MAX_ROWS = 50_000  # of each table; the noise of so many rows is far below every limit


@dataclass(frozen=True, slots=True)
class Closeness:
    """Accuracies of one order (columns, pairs, triples), for synthetic and holdout rows.

    Attributes:
        groups: the columns of each accuracy, as positions.
        synthetic: one accuracy a group; `holdout` likewise, the ceiling.
        gap_error: standard error of each group's gap (ceiling - synthetic); `mean_error` of their mean.
    """

    groups: tuple[Group, ...]
    synthetic: Floats
    holdout: Floats
    gap_error: Floats
    mean_error: float

    @property
    def gaps(self) -> Floats:
        """By how much each group's accuracy falls short of the ceiling."""
        return self.holdout - self.synthetic


@dataclass(frozen=True, slots=True)
class Fidelity:
    """The accuracies of all orders that the table has enough columns for.

    Attributes:
        rows: how many synthetic, and as many holdout rows were compared with training.
    """

    names: tuple[str, ...]
    orders: tuple[Closeness, ...]
    rows: int

    @property
    def accuracies(self) -> tuple[Accuracy, ...]:
        """The mean of each order."""
        return tuple(
            Accuracy(place, float(order.synthetic.mean()), float(order.holdout.mean()))
            for place, order in enumerate(self.orders, 1)
        )

    def columns(self, tables: Tables) -> tuple[ColumnFit, ...]:
        """Return the accuracy of each column, with its shares of NULLs on all rows."""
        single = self.orders[0]
        return tuple(
            ColumnFit(
                column.name,
                float(single.synthetic[place]),
                float(single.holdout[place]),
                float(column.null[: tables.training].mean()),
                float(column.null[tables.real :].mean()),
            )
            for place, column in enumerate(tables.columns)
        )

    @property
    def score(self) -> float:
        """The share of the ceiling that is reached, at most 1."""
        synthetic_score = sum(float(order.synthetic.mean()) for order in self.orders)
        ceiling = sum(float(order.holdout.mean()) for order in self.orders)
        return min(synthetic_score / ceiling, 1.0) if ceiling > 0 else 0.0


def measure(tables: Tables, rng: np.random.Generator) -> Fidelity | None:
    """Return all accuracies of the tables, or None where there is too little to measure them on."""
    if tables.holdout < FEWEST:
        return None
    rows = min(tables.holdout, tables.synthetic, MAX_ROWS)
    sample = tables.sample(rng, MAX_ROWS, rows, rows)
    codes = [discretise(column, sample.training, BINS) for column in sample.columns]
    most = ((1, len(codes)), (2, MAX_PAIRS), (3, MAX_TRIPLES))
    groups_by_order = [_groups(len(codes), order, count, rng) for order, count in most]
    orders = [_closeness(codes, groups, sample) for groups in groups_by_order if groups]
    return Fidelity(tuple(column.name for column in tables.columns), tuple(orders), rows)


def pool_fidelities(fidelities: Sequence[Fidelity | None]) -> Fidelity | None:
    """Return the mean over both comparisons; errors are not divided, since the two share rows."""
    available = [one for one in fidelities if one is not None]
    if not available:
        return None
    orders = [
        Closeness(
            ways[0].groups,
            np.mean([way.synthetic for way in ways], axis=0),
            np.mean([way.holdout for way in ways], axis=0),
            np.mean([way.gap_error for way in ways], axis=0),
            float(np.mean([way.mean_error for way in ways])),
        )
        for ways in zip(*(one.orders for one in available), strict=True)
    ]
    return Fidelity(available[0].names, tuple(orders), sum(one.rows for one in available))


def _groups(columns: int, order: int, most: int, rng: np.random.Generator) -> tuple[Group, ...]:
    if comb(columns, order) <= 2 * most:
        every = list(combinations(range(columns), order))
        positions = np.sort(rng.permutation(len(every))[:most])
        return tuple(every[place] for place in positions)
    group_set: set[Group] = set()
    while len(group_set) < most:
        group_set.add(tuple(sorted(rng.choice(columns, order, replace=False).tolist())))
    return tuple(sorted(group_set))


def _closeness(codes: Sequence[Codes], groups: Sequence[Group], tables: Tables) -> Closeness:
    sides = (slice(tables.real, None), slice(tables.training, tables.real))  # synthetic, holdout
    units = [tables.unit_of(slice(rows.start, rows.stop)) for rows in sides]
    accuracy = np.zeros((2, len(groups)))
    error = np.zeros((2, len(groups)))
    gains = np.zeros((2, tables.holdout))
    for place, group in enumerate(groups):
        joint = _joint(codes, group)
        cells = int(joint.max()) + 1
        training_shares = np.bincount(joint[: tables.training], minlength=cells) / tables.training
        for side, rows in enumerate(sides):
            counts = np.bincount(joint[rows], minlength=cells)
            overlaps = np.minimum(counts / tables.holdout, training_shares)
            gain = (overlaps - np.minimum((counts - 1) / tables.holdout, training_shares))[joint[rows]]
            accuracy[side, place] = overlaps.sum()
            error[side, place] = _error(gain, units[side])
            gains[side] += gain / len(groups)
    mean_error = sqrt(sum(_error(gain, unit) ** 2 for gain, unit in zip(gains, units, strict=True)))
    return Closeness(tuple(groups), accuracy[0], accuracy[1], np.sqrt((error**2).sum(axis=0)), mean_error)


def _joint(codes: Sequence[Codes], group: Group) -> Codes:
    joint = codes[group[0]]
    for column in group[1:]:
        joint = joint * (int(codes[column].max()) + 1) + codes[column]
    return joint


def _error(gain: Floats, units: Codes) -> float:
    """Return the standard error of a sum of `gain` over rows: the jackknife (Efron and Stein 1981), by unit.

    It errs on the wide side, also where most cells hold no row or one, where a formula by cell breaks down.
    """
    unit_sums = np.bincount(units, gain - gain.mean())
    return sqrt(len(unit_sums) / max(len(unit_sums) - 1, 1) * float((unit_sums**2).sum()))
