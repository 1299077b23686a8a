"""Values that real rows never hold beside each other make way for a combination that many entities hold.

What other tables say of a column changes it alone. Columns of the row that contradict it then are chosen
again, together, from what real rows hold beside the new value: what at least `RARE` entities have.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from synth.domain import RARE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Bools: TypeAlias = NDArray[np.bool_]
    Ints: TypeAlias = NDArray[np.int64]

MOST_VALUES = 60  # of a column whose values all count
CHANCE = log(1e-6)  # of never being seen together, if neither said anything of the other
MOST_COMBINATIONS, ROWS = 400, 10_000  # to choose from, and for how many rows at once
OFTEN = 0.05  # share of the rows from which a value of a column with more counts, such as 0
NOTHING, OTHER, FIRST = 0, 1, 2  # codes of NULL, of any value that does not count, and of the first that does
ROUNDS = 3  # what is chosen again may contradict a further column
# One more contradiction to what is decided, and to what is not yet, measured by values that a row keeps.
WORSE, WORSE_NOW = 100.0, 2.0


@dataclass(frozen=True)
class RealCodes:
    """Real rows as small numbers, by column, and whom they are about.

    Attributes:
        labels: of each column the values that count one by one, in the order of their codes.
    """

    codes: Mapping[str, Ints]
    labels: Mapping[str, pd.Index[Any]]
    units: NDArray[np.uint64]

    @classmethod
    def of(cls, real: pd.DataFrame, units: NDArray[np.uint64]) -> RealCodes:
        """Return the codes of real rows as a backend sees them."""
        labels = {str(name): _labels(real[name], units) for name in real.columns}
        return cls({name: _codes(real[name], one) for name, one in labels.items()}, labels, units)

    def code_rows(self, rows: pd.DataFrame) -> dict[str, Ints]:
        """Return the codes of other rows."""
        return {name: _codes(rows[name], one) for name, one in self.labels.items()}

    @cached_property
    def never(self) -> dict[tuple[str, str], Bools]:
        """The codes of two columns that are never seen together, though each is common and chance says so."""
        names = [*self.codes]
        pairs: dict[tuple[str, str], Bools] = {}
        for place, one in enumerate(names):
            for other in names[:place]:
                table = self._never_between(one, other)
                if table.any():
                    pairs |= {(one, other): table, (other, one): table.T}
        return pairs

    def _never_between(self, one: str, other: str) -> Bools:
        sizes = self._size(one), self._size(other)
        both = np.bincount(self.codes[one] * sizes[1] + self.codes[other], minlength=sizes[0] * sizes[1])
        counts = both.reshape(sizes)
        rows, columns, whole = counts.sum(axis=1), counts.sum(axis=0), max(counts.sum(), 1)
        is_expected = np.outer(rows, columns) / whole > -CHANCE
        left = _decides(counts) & self._common[one]
        right = _decides(counts.T) & self._common[other]
        both_common = self._common[one][:, np.newaxis] & self._common[other][np.newaxis, :]
        is_told = left[:, np.newaxis] | right[np.newaxis, :]
        is_never: Bools = (counts == 0) & ((is_expected & both_common) | is_told)
        return is_never

    def _size(self, name: str) -> int:
        """Return how many codes a column has."""
        return FIRST + len(self.labels[name])

    @cached_property
    def _common(self) -> dict[str, Bools]:
        """Which codes of each column at least RARE entities have."""
        common: dict[str, Bools] = {}
        for name, codes in self.codes.items():
            holders = pd.DataFrame({"code": codes, "unit": self.units}).drop_duplicates()["code"]
            common[name] = np.bincount(holders, minlength=self._size(name)) >= RARE
        return common

    def combinations(self, names: Sequence[str]) -> tuple[Ints, Ints]:
        """Return the combinations of codes that at least RARE entities hold, and how many rows do."""
        frame = pd.DataFrame({name: self.codes[name] for name in names})
        frame["unit"] = self.units
        groups = frame.groupby([*names], sort=True)["unit"].agg(["nunique", "size"])
        common = groups[groups["nunique"] >= RARE].nlargest(MOST_COMBINATIONS, "size")
        combinations = np.array([*common.index.to_frame(index=False)[[*names]].to_numpy(np.int64)], np.int64)
        return combinations.reshape(len(common), len(names)), common["size"].to_numpy(np.int64)


def _labels(values: pd.Series[Any], units: NDArray[np.uint64]) -> pd.Index[Any]:
    """Return the values of a column that count one by one: all if they are few, else those that many hold."""
    counts = values.value_counts(sort=False).sort_index()
    if len(counts) > MOST_VALUES:
        counts = counts[counts >= OFTEN * len(values)]
        some = pd.DataFrame({"value": values, "unit": units})[values.isin(counts.index)].drop_duplicates()
        holders = some["value"].value_counts()
        counts = counts[counts.index.isin(holders.index[holders >= RARE])]
    labels: pd.Index[Any] = pd.Index(counts.index)
    return labels


def _codes(values: pd.Series[Any], labels: pd.Index[Any]) -> Ints:
    places = labels.get_indexer(pd.Index(values))
    codes = np.where(places < 0, OTHER, places + FIRST)
    return np.where(values.isna(), NOTHING, codes).astype(np.int64)


def _decides(counts: Ints) -> Bools:
    """Return which rows of a table of counts have all in one place, where chance does not explain that."""
    place, here = counts.argmax(axis=1), counts.sum(axis=1)
    shares = counts.sum(axis=0)[place] / max(int(counts.sum()), 1)
    surprise = here * np.log(np.where(here > 0, shares, 1.0))
    decides: Bools = (counts.max(axis=1) == here) & (surprise < CHANCE)
    return decides


def choose_again(
    real: RealCodes, rows: pd.DataFrame, changes: Mapping[str, Bools], free: Sequence[str], seed: int
) -> dict[str, Ints]:
    """Return the codes of rows in which what contradicts a changed column was chosen again.

    Args:
        real: what real rows hold.
        rows: of the twin.
        changes: for each column, in which rows something else decided it.
        free: columns that nothing else decides.
        seed: of the choice.
    """
    codes, rng = real.code_rows(rows), np.random.default_rng([seed, len(rows)])
    final = {name: changes.get(name, np.zeros(len(rows), bool)).copy() for name in codes}
    for _ in range(ROUNDS):
        groups = [*_contradictions(real, codes, final, free)]
        for targets, deciders, places in groups:
            finals = {name: final[name][places] | (name not in free) for name in codes}
            codes_now = _choice(real, codes, (targets, deciders), (places, finals), rng)
            for column, name in enumerate(targets):
                codes[name][places] = np.where(
                    codes_now[:, column] < 0, codes[name][places], codes_now[:, column]
                )
                final[name][places] = True
        if not groups:
            break
    return codes


def _contradictions(
    real: RealCodes, codes: Mapping[str, Ints], final: Mapping[str, Bools], free: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], Ints]]:
    """Yield rows with the columns to choose again in them, and those which these contradict or hang on."""
    wrong = {name: np.zeros(len(final[name]), bool) for name in free}
    for (name, other), never in real.never.items():
        if other in wrong and final[name].any():
            wrong[other] |= final[name] & ~final[other] & never[codes[name], codes[other]]
    places = np.flatnonzero(np.any([*wrong.values()], axis=0)) if wrong else np.zeros(0, np.int64)
    if not len(places):
        return
    names = [*codes]
    shape = np.column_stack(
        [wrong[name][places] if name in wrong else np.zeros(len(places), bool) for name in names]
        + [final[name][places] for name in names]
    )
    patterns, which = np.unique(shape, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        is_wrong, is_fixed = pattern[: len(names)], pattern[len(names) :]
        targets = tuple(name for name, one in zip(names, is_wrong, strict=True) if one)
        deciders = tuple(
            name
            for name, one in zip(names, is_fixed, strict=True)
            if one and any((name, target) in real.never for target in targets)
        )
        rows_alike = places[which.ravel() == number]
        for start in range(0, len(rows_alike), ROWS):
            yield targets, deciders, rows_alike[start : start + ROWS]


def _choice(
    real: RealCodes,
    codes: Mapping[str, Ints],
    columns: tuple[Sequence[str], Sequence[str]],
    rows: tuple[Ints, Mapping[str, Bools]],
    rng: np.random.Generator,
    *,
    exact: bool = True,
) -> Ints:
    """Return codes for the targets of some rows, -1 where no common combination fits what decides them.

    Args:
        real: what real rows hold.
        codes: of all rows.
        columns: the targets, and what decides them.
        rows: their places, and in which of them something else decided a column.
        rng: the source of chance.
        exact: whether the combination is one with what decides; else it only does not contradict that.
    """
    (targets, deciders), (places, finals) = columns, rows
    combinations, counts = real.combinations([*targets, *(deciders if exact else ())])
    if not len(counts):
        nothing = np.full((len(places), len(targets)), -1, np.int64)
        return _choice(real, codes, columns, rows, rng, exact=False) if exact else nothing
    cost = rng.gumbel(size=(len(counts), len(places))) - np.log(counts)[:, np.newaxis]
    for column, name in enumerate(targets):
        here = combinations[:, column][:, np.newaxis]
        cost += here != codes[name][places]
        for other, own in codes.items():
            never = real.never.get((name, other))
            if never is not None and other not in targets:
                worse = np.inf if other in deciders else np.where(finals[other], WORSE, WORSE_NOW)
                cost += np.where(never[here, own[places]], worse, 0.0)
    for column, name in enumerate(deciders if exact else (), len(targets)):
        cost[combinations[:, column][:, np.newaxis] != codes[name][places]] = np.inf
    best: Ints = combinations[np.argmin(cost, axis=0), : len(targets)]
    best[~np.isfinite(cost).any(axis=0)] = -1
    left = best[:, 0] < 0
    if exact and left.any():
        others = {name: where[left] for name, where in finals.items()}
        best[left] = _choice(real, codes, columns, (places[left], others), rng, exact=False)
    return best
