"""Finds columns that are sums and differences of up to four others and a constant: a total, of its parts.

Each column becomes one whole number, its rows weighed by chance and added up modulo 2**64. What holds between
the columns holds between these; what holds between these holds between the columns, by all odds. The weights
add up to zero, so that a constant makes no difference: what it must be, a single row says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from synth.engine.formulas import MOST, Identity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from synth.engine.column_view import ColumnView
    from synth.engine.columns import Ints

FEWEST = 2  # columns of a sum without a constant
MAX_SUMS = 5  # sums of one target that are worth a closer look
SEED = 0  # of the weights, the same for every table


class Sums:
    """The sums of any one or two of some columns, added or subtracted.

    Args:
        columns: numbers; those are left out that are NULL or constant in these rows, or have more decimals.
        rows: of the columns.
        decimals: that the sums have.
    """

    def __init__(self, columns: Sequence[ColumnView], rows: Ints, decimals: int) -> None:
        weights = np.random.default_rng(SEED).integers(0, 2**64, len(rows), dtype=np.uint64)
        weights[:1] -= weights.sum(keepdims=True)
        self._first = {each.place: each.amounts[rows[:1]] for each in columns}
        self._decimals = decimals
        weight_by_place = {each.place: weigh(each.amounts[rows], decimals, weights) for each in columns}
        self._places = [
            each.place for each in columns if each.decimals <= decimals and weight_by_place[each.place]
        ]
        self._plus = np.array([weight_by_place[place] for place in self._places], dtype=np.uint64)
        signed_sums = np.concatenate(
            [np.zeros(1, np.uint64), self._plus, -self._plus]
        )  # the first is nothing
        self._signed_sums = signed_sums
        parts = np.column_stack(np.triu_indices(len(signed_sums), k=1))
        parts = parts[(parts[:, 0] == 0) | (parts[:, 1] != parts[:, 0] + len(self._plus))]
        sums = signed_sums[parts[:, 0]] + signed_sums[parts[:, 1]]
        order = np.argsort(sums, kind="stable")
        self._sums, self._parts = sums[order], parts[order]

    def of(self, target: int) -> Iterator[Identity]:
        """Yield the sums of fewest columns that make up the column in place `target`."""
        if target not in self._places:
            return
        own = self._places.index(target)
        signs = own + 1, own + 1 + len(self._plus)
        others = np.flatnonzero((self._parts != signs[0]).all(axis=1) & (self._parts != signs[1]).all(axis=1))
        target_sums = self._plus[own] - self._sums[others]
        at = np.minimum(np.searchsorted(self._sums, target_sums), len(self._sums) - 1)
        hits = self._sums[at] == target_sums
        several = np.sort(np.hstack([self._parts[others[hits]], self._parts[at[hits]]]), axis=1)
        alone = np.flatnonzero(self._signed_sums == self._plus[own])
        alone = alone[alone != signs[0]]
        single = np.column_stack([np.zeros((len(alone), 3), dtype=np.int64), alone])
        yield from self._identities(target, np.unique(np.vstack([single, several]), axis=0))

    def _identities(self, target: int, parts: NDArray[np.int64]) -> Iterator[Identity]:
        count, identities = len(self._places), []
        for row in parts:
            signs = [int(part) - 1 for part in row if part]
            places = [self._places[part % count] for part in signs]
            if not places or len({*places, target}) <= len(places):
                continue
            plain = Identity(target, tuple(places), "sum", minus=sum(part >= count for part in signs))
            offset = self._offset(plain)
            if offset or (len(places) >= FEWEST and plain.minus < len(places)):
                identities.append(replace(plain, offset=offset))
        fewest = min((_terms(each) for each in identities), default=0)
        yield from [each for each in identities if _terms(each) == fewest][:MAX_SUMS]

    def _offset(self, plain: Identity) -> float:
        """Return what the target has more than the sum."""
        more = self._first[plain.target] - plain.plain([self._first[place] for place in plain.sources])
        return round(float(more[0]), self._decimals) + 0.0  # which is never -0.0


def _terms(identity: Identity) -> int:
    return len(identity.sources) + (identity.offset != 0)


def weigh(amounts: NDArray[np.float64], decimals: int, weights: NDArray[np.uint64]) -> int:
    """Return one number for all amounts; 0 where one is NULL or too large."""
    units = np.rint(amounts * 10.0**decimals)
    if not (np.abs(units) < MOST).all():
        return 0
    return int((units.astype(np.int64).view(np.uint64) * weights).sum(dtype=np.uint64))
