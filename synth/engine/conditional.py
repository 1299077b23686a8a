"""One column given those before it: features, target, tree, and the draw of a donor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from synth.engine.donors import Donors, Pool
from synth.engine.goals import feature_table, goal_of
from synth.engine.growing import BinnedFeatures
from synth.engine.leaves import open_leaves
from synth.engine.rules import FREE
from synth.engine.trees import PrunedTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.engine.calendar import Calendar
    from synth.engine.columns import ColumnCodes, Ints
    from synth.engine.leaves import Leaves
    from synth.engine.rules import Tie

TREES = 2  # a column, each grown on its share of the rows: what one of them mistook for a pattern is blurred
TREE_ROWS = 120  # that each of them needs; with one tree of a small table its rows show through
SMALLEST = 10  # rows of the table that make a leaf if they surely differ, shared by its trees
MAX_FEATURES = 40
MANY_NUMBERS = 200  # different numbers beyond which a leaf hands them on blurred
FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so that mixing loses nothing


class ColumnModel:
    """Draws codes of one column, given codes of the columns before it.

    Args:
        columns: all columns.
        codes: for each earlier column its training codes, every unknown one filled in.
        target: the index of the column to learn.
        earlier: indices of the columns before it, best predictors first.
        ties: what earlier columns decide about this one.
        rng: divides the rows among trees.
        entities: whom each training row is about; None where each is one.
        calendar: parts of dates that trees see.
    """

    def __init__(  # noqa: PLR0913 - each is a part of what is learned
        self,
        columns: Sequence[ColumnCodes],
        codes: Mapping[int, Ints],
        target: int,
        *,
        earlier: Sequence[int],
        ties: Sequence[Tie],
        rng: np.random.Generator,
        entities: Ints | None = None,
        calendar: Calendar | None = None,
    ) -> None:
        column = columns[target]
        self._target, self._earlier = target, earlier
        self._decider = next((tie for tie in ties if tie.decides), None)
        ties = self._ties = [tie for tie in ties if not tie.decides]
        rows, free = self._free(np.flatnonzero(column.learnable), codes)
        own = column.codes[rows]
        earlier_codes = {index: codes[index][rows] for index in earlier}
        self._trees: list[PrunedTree | None] = [None]
        self._features: list[tuple[int, NDArray[np.float32]]] = []
        if free and len(earlier) and (own != own[0]).any():
            whom = None if entities is None else entities[rows]
            self._features, self._trees = learn(columns, column, own, earlier_codes, rng, whom, calendar)
        # Of values that the ties tell apart, a neighbour would break them; that of being NULL it cannot.
        loose = all((tie.own[: column.size] == tie.own[0]).all() for tie in ties)
        self._blur = column.is_ordered and column.size > MANY_NUMBERS and loose and self._trees != [None]
        self._sources: list[CodeSource] = []
        self._open(own, earlier_codes)

    def _free(self, rows: Ints, codes: Mapping[int, Ints]) -> tuple[Ints, bool]:
        """Return those of some training rows that no other column decides, if there are any.

        Else all of them.
        """
        if self._decider is None:
            return rows, True
        free = self._decider.condition[codes[self._decider.column][rows]] == FREE
        return (rows[free], True) if free.any() else (rows, False)

    def open(self, rows: Ints, codes: Mapping[int, Ints]) -> None:
        """Draw from these training rows, with codes that include the column's own, by the same trees."""
        rows, _ = self._free(rows, codes)
        self._open(codes[self._target][rows], {index: codes[index][rows] for index in self._earlier})

    def _open(self, own: Ints, earlier_codes: Mapping[int, Ints]) -> None:
        self._sources = []
        for tree in self._trees:
            leaves = open_leaves(tree, self._features)
            leaf = leaves.find(earlier_codes, slice(0, len(own)))
            pool = Pool(own, leaf, blur=self._blur)
            source: CodeSource = FreeSource(pool, leaves)
            if self._ties:
                source = TiedSource(pool, leaves, own, leaf, self._ties)
            self._sources.append(source if self._decider is None else DecidedSource(source, self._decider))

    def draw(self, earlier_codes: Mapping[int, Ints], rows: int, rng: np.random.Generator) -> Ints:
        """Return codes for rows with these earlier codes, each from an independently drawn donor.

        The trees take turns: which of them a share of the rows asks is drawn for each call.
        """
        result = np.empty(rows, dtype=np.int64)
        turn = int(rng.integers(len(self._sources)))
        edges = [rows * place // len(self._sources) for place in range(len(self._sources) + 1)]
        for place, source in enumerate(self._sources[turn:] + self._sources[:turn]):
            part = slice(edges[place], edges[place + 1])
            result[part] = source.draw(earlier_codes, part, rng)
        return result


class CodeSource(Protocol):
    """Where the codes of some rows come from."""

    def draw(self, earlier_codes: Mapping[int, Ints], rows: slice, rng: np.random.Generator) -> Ints:
        """Return codes for those rows."""


@dataclass(frozen=True, slots=True)
class FreeSource:
    """A leaf alone decides."""

    pool: Pool
    leaves: Leaves

    def draw(self, earlier_codes: Mapping[int, Ints], rows: slice, rng: np.random.Generator) -> Ints:
        """Draw from any donor of the row's leaf."""
        return self.pool.draw(self.leaves.find(earlier_codes, rows), rng)


@dataclass(frozen=True, slots=True)
class DecidedSource:
    """Another column leaves no choice where it says something."""

    others: CodeSource
    tie: Tie

    def draw(self, earlier_codes: Mapping[int, Ints], rows: slice, rng: np.random.Generator) -> Ints:
        """Return what goes with the other column.

        Elsewhere, and beside what training does not have, draw as if free.
        """
        codes = self.tie.condition[earlier_codes[self.tie.column][rows]]
        free = np.flatnonzero(codes == FREE)
        if len(free):
            codes[free] = self.others.draw(earlier_codes, rows, rng)[free]
        return codes


class TiedSource:
    """The ties narrow down which donors of a leaf will do."""

    def __init__(self, pool: Pool, leaves: Leaves, own: Ints, leaf: Ints, ties: Sequence[Tie]) -> None:
        tie_keys = mix((tie.own[own] for tie in ties), len(own))
        self._pool, self._leaves, self._ties = pool, leaves, ties
        self._fine, self._coarse = Donors(mix((tie_keys, leaf), len(leaf))), Donors(tie_keys)

    def draw(self, earlier_codes: Mapping[int, Ints], rows: slice, rng: np.random.Generator) -> Ints:
        """Draw from a donor of the row's leaf and ties, else of its ties, else of its leaf."""
        leaf = self._leaves.find(earlier_codes, rows)
        tie_keys = mix((tie.condition[earlier_codes[tie.column][rows]] for tie in self._ties), len(leaf))
        donor = self._fine.draw(mix((tie_keys, leaf), len(leaf)), rng)
        rest = np.flatnonzero(donor < 0)
        donor[rest] = self._coarse.draw(tie_keys[rest], rng)
        free = donor < 0
        codes = self._pool.at(self._pool.place[np.where(free, 0, donor)], rng)
        codes[free] = self._pool.draw(leaf[free], rng)
        return codes


def learn(
    columns: Sequence[ColumnCodes],
    column: ColumnCodes,
    own: Ints,
    earlier_codes: Mapping[int, Ints],
    rng: np.random.Generator,
    entities: Ints | None = None,
    calendar: Calendar | None = None,
) -> tuple[list[tuple[int, NDArray[np.float32]]], list[PrunedTree | None]]:
    """Return the features of a column, by the index of what they are made of, and its trees."""
    best = dict(list(earlier_codes.items())[:MAX_FEATURES])
    goal = goal_of(column, own, [(columns[i], codes) for i, codes in best.items()])
    features = [(index, feature_table(columns[index], codes, goal)) for index, codes in best.items()]
    features += [
        (index, part.feature(codes, goal))
        for index, codes in best.items()
        for part in (calendar or {}).get(index, ())
    ]
    bins = BinnedFeatures.of([(table, best[index]) for index, table in features])
    parts = _tree_rows(len(own), entities, rng)
    smallest = SMALLEST // len(parts)
    return features, [
        PrunedTree(bins.rows(part), goal.rows(part), smallest, None if entities is None else entities[part])
        for part in parts
    ]


def mix(parts: Iterable[Ints], rows: int) -> Ints:
    """Return one number a row for the tuple of its parts, by multiplicative hashing."""
    keys = np.zeros(rows, dtype=np.uint64)
    for part in parts:
        keys = (keys + part.astype(np.uint64) + np.uint64(1)) * FACTOR
        keys ^= keys >> np.uint64(29)
    return keys.view(np.int64)


def _tree_rows(rows: int, entities: Ints | None, rng: np.random.Generator) -> list[Ints]:
    """Return for each tree its share of the rows; all rows of an entity are of one tree.

    In two trees, an entity of many rows would show through in both.
    """
    trees = TREES if rows >= TREES * TREE_ROWS else 1
    order = rng.permutation(rows)
    if entities is None:
        return np.array_split(order, trees)
    codes, number = np.unique(entities, return_inverse=True)
    if len(codes) < trees:
        return [order]
    tree = rng.permutation(len(codes)) * trees // len(codes)
    return [order[tree[number[order]] == each] for each in range(trees)]
