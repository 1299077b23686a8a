"""Which candidate rows to keep, so that pairs of columns occur together as often as in training.

Trees drawn one column at a time miss some of what columns do together. Weights that are a product of one
factor for each cell of each pair of columns, fitted in turn until the candidates' tables are nearly those of
the training rows, change as little else as possible (raking: Deming & Stephan 1940; Csiszár 1975). A cell of
few rows says little, but together with its neighbours much: so neighbouring groups of numbers make blocks,
and what changes a block changes its cells. Other candidates have other accidents than those it was fitted to,
and so a margin of its own is fitted to such for each column. Each candidate is kept with a chance in
proportion to its weight, so rows stay independent and none is kept twice.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from synth.engine.order import BINS, groups_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.engine.columns import ColumnCodes, Ints

    Codes = Mapping[int, Ints]
    Source = Callable[[int], dict[int, Ints]]
    Floats = NDArray[np.float64]
    Some = tuple[int, ...]  # indices of one or two columns
    Blocks = tuple[Ints, float]  # for each cell of a table its block, and the rows added to a block's counts

MIN_ROWS = 2000  # fewer teach little but their accidents, and whom those were of,
ALIKE = 0.15  # and rows of one entity, so far alike, count as fewer (design effect: Kish 1965)
MAX_ROWS = 50_000  # more do not get more candidates, and show which pairs of columns are right without raking
RATIO = 16  # candidates a training row: they are cheap, and their own accidents must not be learned
SWEEPS = ((0.3, 3), (1.0, 3))  # how many over which share of the candidates: the first need not be exact
MARGIN_SWEEPS = 3
STEP = 0.5  # of the way to a table's counts, in logs, at each visit
# For so many blocks of a number's groups, in the end each group by itself, the rows added to both counts of a
# cell, so that one that few rows are in hardly moves except with its block.
PRIOR_ROWS = {4: 20.0, 8: 40.0, 16: 60.0, BINS: 100.0}
CAUTION = 0.3  # of the rows to be added if all blocks were equally far off, because few of them are
FEW_ROWS = 5.0  # in a block, of which no figure can be made
MAX_COLUMNS = 60  # those drawn first, which say most about the others
MAX_PAIRS = 400  # of these: those that differ most
# Greater weights count as this, which is as many candidates as a row costs:
CAPS = (1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0)
BEYOND = 0.01  # the smallest that cuts off no more than this share of all weight, or else the greatest
TRIES = 6  # candidates for one row whose first columns are given
MOST_CANDIDATES = 300  # a row with wanted values may cost
LEAST_BLOCKS = 50  # of candidates that are tried before giving up on a few such rows
BLOCK = 131_072  # candidates drawn at a time
SPARE = 1.02  # candidates, so that chance seldom leaves a few rows for another block


class Raking:
    """Learned weights of rows.

    Args:
        columns: all columns.
        codes: their training codes, every unknown one filled in, in the order of drawing.
        source: draws that many candidate rows.
        context: how many columns are always given. Beside so many that not all pairs can be looked at, those
            that differ most are accidents of few entities, and weights would remember whose.
        each: how many training rows an entity has on average.
    """

    def __init__(
        self,
        columns: Sequence[ColumnCodes],
        codes: Codes,
        source: Source,
        *,
        context: int = 0,
        each: float = 1.0,
    ) -> None:
        self._factors: dict[Some, Floats] = {}
        self._scale, self._cap = 1.0, CAPS[-1]
        rows = height(codes)
        first = list(codes)[:MAX_COLUMNS]
        groups = {index: groups_of(columns[index], codes[index]) for index in first}
        # A byte is enough for a group, and such tables stay in a processor's cache.
        self._groups = {index: table.astype(np.uint8) for index, (table, _) in groups.items()}
        self._sizes = {index: size for index, (_, size) in groups.items()}
        self._is_ordered = {index: columns[index].is_ordered for index in first}
        is_wide = context > 0 and len(codes) > MAX_COLUMNS
        if rows >= MIN_ROWS * (1 + (each - 1) * ALIKE) and len(columns) > 1 and not is_wide:
            real = self._group_codes(codes)
            candidate_rows = RATIO * min(rows, MAX_ROWS)
            self._fit_pairs(real, self._group_codes(draw_candidates(source, candidate_rows)))
            self._fit_margins(real, self._group_codes(draw_candidates(source, candidate_rows)))

    def _fit_pairs(self, real: Codes, candidates: Codes) -> None:
        rows, most = height(real), height(candidates)
        tables = self._tables(real, candidates)
        self._factors = {pair: np.ones_like(goal) for pair, (goal, _) in tables.items()}
        for share, sweeps in SWEEPS:
            groups = {index: pair_cells[: int(share * most)] for index, pair_cells in candidates.items()}
            weights = self._weights(groups)
            for pair, (goal, blocks) in list(tables.items()) * sweeps:
                cells = self._cells(groups, pair)
                counts = np.bincount(cells, weights, minlength=len(goal))
                factor = change(goal, counts * (rows / counts.sum()), blocks) ** STEP
                self._factors[pair] *= factor
                weights *= factor.take(cells, mode="wrap")
        self._scale = 1 / float(weights.mean())
        self._cap = lowest_cap(weights * self._scale)

    def _tables(self, real: Codes, candidates: Codes) -> dict[Some, tuple[Floats, list[Blocks]]]:
        """Return for each pair of columns that is raked its counts in training, and the blocks to move."""
        pairs: list[Some] = list(combinations(sorted(real), 2))
        if len(pairs) > MAX_PAIRS:
            apart = {pair: self._distance(real, candidates, pair) for pair in pairs}
            pairs = sorted(sorted(pairs, key=lambda pair: -apart[pair])[:MAX_PAIRS])
        share = height(real) / height(candidates)
        tables: dict[Some, tuple[Floats, list[Blocks]]] = {}
        for pair in pairs:
            goal, blocks = self._table(real, pair), self._blocks(*pair)
            if height(real) > MAX_ROWS:
                counts = self._table(candidates, pair) * share
                blocks = list(misfits(goal, counts, blocks, chance=1 + share))
            if blocks:
                tables[pair] = goal, blocks
        return tables

    def _blocks(self, one: int, other: int) -> list[Blocks]:
        """Return blocks of the table of two columns, from large to small, with the least rows to be added."""
        blocks = []
        for most, prior in PRIOR_ROWS.items():
            rows, columns = (self._merge(index, most) for index in (one, other))
            block = (rows[:, None] * (columns.max() + 1) + columns).ravel()
            if most == BINS or len(np.unique(block)) < len(block):
                blocks.append((block, prior))
        return blocks

    def _merge(self, index: int, most: int) -> Ints:
        """Return for each group of a column its block: at most so many of neighbours, and NULL."""
        groups = self._sizes[index] - 1
        if groups <= most or not self._is_ordered[index]:
            return np.arange(groups + 1)
        return np.append(np.arange(groups) * most // groups, most)

    def _fit_margins(self, real: Codes, candidates: Codes) -> None:
        weights = self._weights(candidates)
        self._factors |= {(index,): np.ones(self._sizes[index]) for index in real}
        for _ in range(MARGIN_SWEEPS):
            for index in real:
                capped_weights = np.minimum(weights, self._cap)
                counts = self._table(candidates, (index,), capped_weights) * (
                    height(real) / capped_weights.sum()
                )
                factor = (self._table(real, (index,)) + 1) / (counts + 1)
                self._factors[index,] *= factor
                weights *= factor.take(candidates[index], mode="wrap")

    def _distance(self, real: Codes, candidates: Codes, pair: Some) -> float:
        """Return the sum of absolute differences of the shares in the two tables of a pair."""
        tables = [self._table(codes, pair) for codes in (real, candidates)]
        return float(np.abs(tables[0] / tables[0].sum() - tables[1] / tables[1].sum()).sum())

    def _table(self, groups: Codes, some: Some, weights: Floats | None = None) -> Floats:
        size = int(np.prod([self._sizes[index] for index in some]))
        return np.bincount(self._cells(groups, some), weights, minlength=size).astype(np.float64)

    def _group_codes(self, codes: Codes) -> dict[int, Ints]:
        groups = {index: table.take(codes[index], mode="wrap") for index, table in self._groups.items()}
        return {index: each.astype(np.int64) for index, each in groups.items()}

    def _cells(self, groups: Codes, some: Some) -> Ints:
        first, *others = some
        cells = groups[first]
        for right in others:
            cells = cells * self._sizes[right]
            cells += groups[right]
        return cells

    def _weights(self, groups: Codes) -> Floats:
        weights = np.full(height(groups), self._scale)
        cell_factors = np.empty_like(weights)
        for some, factor in self._factors.items():
            weights *= factor.take(self._cells(groups, some), mode="wrap", out=cell_factors)
        return weights

    def weights(self, codes: Codes) -> Floats:
        """Return the weight of each row, 1 on average over candidates, at most the cap."""
        weights = self._weights(self._group_codes(codes))
        return np.minimum(weights, self._cap, out=weights)

    def draw(self, rows: int, source: Source, rng: np.random.Generator) -> dict[int, Ints]:
        """Return `rows` rows from those that `source` draws, kept by their weights."""
        if not self._factors:
            return draw_candidates(source, rows)
        parts: list[dict[int, Ints]] = []
        missing_rows = rows
        while missing_rows > 0:
            candidates = source(min(BLOCK, int(missing_rows * self._cap * SPARE) + 50))
            weights = self.weights(candidates)
            accepted_rows = np.flatnonzero(rng.random(len(weights)) * self._cap < weights)[:missing_rows]
            parts.append({index: codes.take(accepted_rows) for index, codes in candidates.items()})
            missing_rows -= len(accepted_rows)
        return join_codes(parts) if parts else source(0)

    def fill(self, target_codes: Codes, source: Source, rng: np.random.Generator) -> dict[int, Ints]:
        """Return rows that hold the wanted codes of some columns, one at each place, kept by their weights.

        Raises:
            ValueError: what is wanted is too rare among the rows that `source` draws.
        """
        rows = height(target_codes)
        result = {index: np.empty(rows, dtype=np.int64) for index in source(0)}
        open_places = np.arange(rows)
        blocks = LEAST_BLOCKS + MOST_CANDIDATES * rows // BLOCK
        while len(open_places):
            if (blocks := blocks - 1) < 0:
                raise ValueError("rows with the wanted values, or combinations of them, are too rare")
            candidates = source(BLOCK)
            accepted_rows = np.flatnonzero(rng.random(BLOCK) * self._cap < self.weights(candidates))
            place, row = match_places(
                {index: codes[open_places] for index, codes in target_codes.items()},
                {index: candidates[index][accepted_rows] for index in target_codes},
            )
            for index, codes in candidates.items():
                result[index][open_places[place]] = codes[accepted_rows[row]]
            open_places = np.delete(open_places, place)
        return result

    def choose(self, rows: int, source: Source, rng: np.random.Generator) -> dict[int, Ints]:
        """Return `rows` rows, each one of TRIES candidates at the same place, by their weights.

        What all candidates at a place share is thereby as it was, which `draw` would not promise.
        """
        best = source(rows)
        if not self._factors or rows == 0:
            return best
        total = self.weights(best)
        for _ in range(TRIES - 1):
            other = source(rows)
            weights = self.weights(other)
            total += weights
            better = rng.random(rows) * total < weights
            best = {index: np.where(better, other[index], codes) for index, codes in best.items()}
        return best


def misfits(goal: Floats, counts: Floats, blocks: Iterable[Blocks], *, chance: float) -> Iterator[Blocks]:
    """Yield the blocks whose counts are further from their goals than by chance, and the rows to be added.

    How far off they are, as a share and beyond what counting makes of it, says how much a single one is to be
    believed (empirical Bayes by moments: Marshall 1991). Blocks that are right within chance are left out:
    all that they would add to the weights is noise.

    Args:
        goal: rows in each cell.
        counts: the same of candidates, as many in all.
        blocks: with the least rows that may be added.
        chance: the variance that chance gives the difference of the two, as a multiple of the counts.
    """
    for block, least in blocks:
        target_counts, there = np.bincount(block, goal), np.bincount(block, counts)
        weight = 1 / (there + FEW_ROWS)
        excess = float((((target_counts - there) ** 2 - there * chance) * weight).sum())
        if excess > 0:
            yield block, max(least, CAUTION * float((there**2 * weight).sum()) / excess)


def change(goal: Floats, counts: Floats, blocks: Iterable[Blocks]) -> Floats:
    """Return what takes the cells of one table towards those of another, by block after smaller block."""
    factor = np.ones_like(goal)
    for block, prior in blocks:
        target_counts, there = np.bincount(block, goal), np.bincount(block, counts * factor)
        factor *= ((target_counts + prior) / (there + prior))[block]
    return factor


def lowest_cap(weights: Floats) -> float:
    """Return the smallest of CAPS that cuts off little of these weights."""
    losses = (np.maximum(weights - cap, 0).sum() for cap in CAPS)
    return next(
        (cap for cap, cut in zip(CAPS, losses, strict=True) if cut <= BEYOND * weights.sum()), CAPS[-1]
    )


def match_places(target_codes: Codes, codes: Codes) -> tuple[Ints, Ints]:
    """Return places for which codes are wanted, and rows that hold these; each at most once, in order."""
    names = list(target_codes)
    places, rows = (
        pd.DataFrame({index: each[index] for index in names}).assign(number=np.arange(height(each)))
        for each in (target_codes, codes)
    )
    with_ranks = (each.assign(rank=each.groupby(names).cumcount()) for each in (places, rows))
    pairs = next(with_ranks).merge(next(with_ranks), on=[*names, "rank"], suffixes=("_place", "_row"))
    return pairs["number_place"].to_numpy(), pairs["number_row"].to_numpy()


def draw_candidates(source: Source, rows: int) -> dict[int, Ints]:
    """Return that many candidates, drawn in blocks."""
    return join_codes([source(min(BLOCK, rows - start)) for start in range(0, rows, BLOCK)] or [source(0)])


def join_codes(parts: Sequence[Codes]) -> dict[int, Ints]:
    """Return rows one after another."""
    return {index: np.concatenate([part[index] for part in parts]) for index in parts[0]}


def height(codes: Codes) -> int:
    """Return how many rows there are."""
    return len(next(iter(codes.values())))
