"""A chain of columns, each given those before it, that agrees with noisy tables of pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Pair = tuple[int, int]
# Steps of the fit at most; little noise takes more of them.
STEPS = 200
# The chance of a group that holds hardly anybody, and the log weight of one that holds nobody.
UNLIKELY, NEVER = 1e-9, -1e6
BLOCK = 64
# Groups never meet where that is so much likelier than independence, as a log, and no more rows are counted
# than so many standard deviations of the noise.
GAIN, AT_MOST = 3.0, 2.0
# Bounds of how strongly a table is held to independence, where 1 is relative entropy's own strength.
WEIGHTS = (0.01, 4.0)
# Rows are told apart by one number: the sum of their codes times these, modulo 2**64.
MULTIPLIERS = np.random.default_rng(0).integers(1, 2**63, 4096, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


@dataclass(frozen=True, slots=True)
class NoisyTable:
    """Noisy numbers of rows over two columns' groups (or over one's, as one row), and their variance.

    `bans` are log weights: 0, or `NEVER` where no row is to be. Of one column, `absent` is the group of NULL,
    or -1.
    """

    counts: NDArray[np.float64]
    variance: NDArray[np.float64]
    bans: NDArray[np.float64] | float = 0.0
    absent: int = -1


@dataclass(frozen=True, slots=True)
class Step:
    """One column of the chain: its own log weights, and those it has with each earlier column."""

    column: int
    own: NDArray[np.float64]
    pair_weights: Mapping[int, NDArray[np.float64]]

    def logits(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the log weights of every group for every row."""
        total = np.tile(self.own, (len(rows), 1))
        for column, weights in self.pair_weights.items():
            total += weights[rows[:, column]]
        return total


@dataclass(frozen=True, slots=True)
class NoisyChain:
    """Steps in the order in which columns are drawn."""

    steps: tuple[Step, ...]

    def draw(
        self, number: int, random: np.random.Generator, fixed_codes: Mapping[int, NDArray[np.int64]]
    ) -> NDArray[np.int64]:
        """Return rows of groups; what is given of a column stays, where it is not negative."""
        rows = np.zeros((number, len(self.steps)), dtype=np.int64)
        for step in self.steps:
            rows[:, step.column] = choose_codes(step.logits(rows), rows[:, list(step.pair_weights)], random)
            if step.column in fixed_codes:
                codes = fixed_codes[step.column]
                rows[:, step.column] = np.where(codes < 0, rows[:, step.column], codes)
        return rows


def even_numbers(number: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Return uniform random numbers of which each stretch of a block's length is spread evenly.

    Each number alone is uniform, so chances are what they were; shares of rows come nearer to them.
    """
    blocks = -(-number // BLOCK)
    ranks = np.argsort(random.random((blocks, BLOCK)), axis=1)
    return ((ranks + random.random((blocks, BLOCK))) / BLOCK).ravel()[:number]


def choose_codes(
    logits: NDArray[np.float64], rows: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.int64]:
    """Return a choice for each row, with a chance in proportion to the exponential of its logit.

    Rows with the same codes are next to each other where numbers are spread evenly.
    """
    weights = np.cumsum(np.exp(logits - logits.max(axis=1, keepdims=True)), axis=1)
    numbers = np.empty(len(logits))
    numbers[np.lexsort((random.random(len(logits)), *rows.T))] = even_numbers(len(logits), random)
    threshold = numbers * weights[:, -1]
    return np.minimum((weights <= threshold[:, None]).sum(axis=1), logits.shape[1] - 1)  # type: ignore[no-any-return]


def order_of(columns: int, pairs: Mapping[Pair, float], first: int) -> list[int]:
    """Return columns so that each follows those that it depends on most; `pairs` has the strengths.

    The `first` columns stay in front.
    """
    strength = np.zeros((columns, columns))
    for (one, other), value in pairs.items():
        strength[one, other] = strength[other, one] = value
    order = list(range(first)) or [int(np.argmax(strength.sum(axis=1)))]
    while len(order) < columns:
        rest = [column for column in range(columns) if column not in order]
        order.append(max(rest, key=lambda column: float(strength[column, order].max())))
    return order


def fit_chain(
    margins: Sequence[NoisyTable],
    tables: Mapping[Pair, NoisyTable],
    first: int,
    population: int,
    random: np.random.Generator,
) -> tuple[NoisyChain, NDArray[np.int64]]:
    """Return the chain that agrees with the tables as far as their noise lets it, and rows drawn from it.

    The `first` columns are drawn before all others.
    """
    rows = float(margins[0].counts.sum())
    strengths = {pair: _dependence(pair, margins, table) for pair, table in tables.items()}
    order = order_of(len(margins), strengths, first)
    sample = np.zeros((population, len(margins)), dtype=np.int64)
    steps: list[Step] = []
    for place, column in enumerate(order):
        earlier_tables = {}
        for earlier in order[:place]:
            pair = (min(column, earlier), max(column, earlier))
            if pair in tables:
                counts = tables[pair].counts if pair[1] == column else tables[pair].counts.T
                table = NoisyTable(counts, tables[pair].variance)
                earlier_tables[earlier] = _with_own_variance(
                    replace(table, bans=_bans(table, margins[earlier], margins[column])),
                    margins[earlier],
                    margins[column],
                )
        step = _step(column, margins[column], earlier_tables, rows, sample)
        sample[:, column] = choose_codes(step.logits(sample), sample[:, list(earlier_tables)], random)
        steps.append(step)
    return NoisyChain(tuple(steps)), sample


def _with_own_variance(table: NoisyTable, one: NoisyTable, other: NoisyTable) -> NoisyTable:
    """Return a table with the variance that its own dependence calls for.

    Relative entropy alone expects a cell of e rows to differ from independence by the root of e. Columns that
    have more to do with each other, by what is left of the squares beyond noise, are held to it less.
    """
    rows = float(one.counts.sum())
    independent = np.outer(one.counts, other.counts) / rows
    squares = float(((table.counts - independent) ** 2 - table.variance).sum())
    weight = np.clip(rows / max(squares, 1e-9), *WEIGHTS)
    return replace(table, variance=table.variance * weight)


def _bans(table: NoisyTable, one: NoisyTable, other: NoisyTable) -> NDArray[np.float64]:
    """Return which pairs of groups no row is to have: those of which noise hides hardly any row.

    Nobody who is still there has a day of leaving. The few rows that noise puts there break what holds for
    all real rows.
    """
    by_chance = np.outer(one.counts, other.counts) / float(one.counts.sum())
    is_banned = _empty_cells(table.counts, by_chance, table.variance, _parts(other))
    is_banned |= _empty_cells(table.counts.T, by_chance.T, table.variance, _parts(one)).T
    return np.where(is_banned, NEVER, 0.0)


def _parts(margin: NoisyTable) -> NDArray[np.bool_]:
    """Return the groups that are NULL, and those that are not, a row each; none where none is NULL."""
    is_null = np.arange(margin.counts.size) == margin.absent
    return np.array([is_null, ~is_null]) if is_null.any() else np.zeros((0, len(is_null)), bool)


def _empty_cells(
    counts: NDArray[np.float64],
    by_chance: NDArray[np.float64],
    variance: NDArray[np.float64],
    parts: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return the cells of rows that together have nothing of a part of the columns.

    These are the emptiest rows, as many as one may take so that nothing is likelier than what independence
    expects, and that noise explains what is counted.
    """
    is_banned = np.zeros(counts.shape, dtype=bool)
    for part in parts:
        own_sums, spread = counts[:, part].sum(axis=1), variance * part.sum()
        order = np.argsort(own_sums)
        sums, sums_by_chance = np.cumsum(own_sums[order]), np.cumsum(by_chance[:, part].sum(axis=1)[order])
        variances = spread * np.arange(1, len(order) + 1)
        gain = (sums_by_chance / 2 - sums) * sums_by_chance / variances  # of the log likelihood
        is_rare = (sums < AT_MOST * np.sqrt(variances)) & (own_sums[order] < AT_MOST * np.sqrt(spread))
        is_empty = is_rare & (gain > GAIN)
        last = np.flatnonzero(is_empty)[-1:]
        for place in order[: int(last[0]) + 1] if len(last) else ():
            is_banned[place] |= part
    return is_banned


def _dependence(pair: Pair, margins: Sequence[NoisyTable], table: NoisyTable) -> float:
    """Return how many rows a table has elsewhere than if its columns had nothing to do with each other."""
    one, other = (margins[column].counts.ravel() for column in pair)
    return float(np.abs(table.counts - np.outer(one, other) / one.sum()).sum())


def _step(
    column: int,
    margin: NoisyTable,
    earlier_tables: Mapping[int, NoisyTable],
    rows: float,
    sample: NDArray[np.int64],
) -> Step:
    """Fit one column given earlier ones: least relative entropy beside squared error over its variance.

    In the dual that is a likelihood with a ridge whose strength is the variance of the noise. Weights are
    scaled by the curvature that they would have alone.
    """
    alone = margin.counts.ravel() / rows
    base = np.where(alone > 0, np.log(np.maximum(alone, UNLIKELY)), NEVER)
    if not earlier_tables:
        return Step(column, base, {})
    columns, tables = list(earlier_tables), [margin, *earlier_tables.values()]
    offsets = np.cumsum([0, *(len(table.counts) for table in tables)])
    targets = np.vstack([table.counts for table in tables])
    ridge = np.vstack([np.broadcast_to(table.variance, table.counts.shape) for table in tables])
    scale = 1 / np.sqrt(np.maximum(targets, 0) + ridge)
    bans = np.vstack([np.broadcast_to(table.bans, table.counts.shape) for table in tables])
    indicator, weights = _indicator(sample[:, columns], offsets, rows)
    base_of_rows = base + indicator @ bans
    transpose = indicator.T.tocsr()

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        theta = flat.reshape(targets.shape) * scale
        logits = indicator @ theta + base_of_rows
        top = logits.max(axis=1, keepdims=True)
        chances = np.exp(logits - top)
        normal = chances.sum(axis=1, keepdims=True)
        model_counts = transpose @ (chances * (weights / normal))
        value = float((weights * (np.log(normal) + top)).sum() - (theta * targets).sum())
        slope = (model_counts - targets + ridge * theta) * scale
        return value + float((ridge * theta * theta).sum()) / 2, slope.ravel()

    best = minimize(loss, np.zeros(targets.size), jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    parts = best.x.reshape(targets.shape) * scale + bans
    weights_of = {c: parts[a:b] for c, a, b in zip(columns, offsets[1:-1], offsets[2:], strict=True)}
    return Step(column, base + parts[0], weights_of)


def _indicator(
    codes: NDArray[np.int64], offsets: NDArray[np.int64], rows: float
) -> tuple[csr_array, NDArray[np.float64]]:
    """Return which weights each kind of row adds up, and how many rows are of each kind."""
    row_hashes = (codes.astype(np.uint64) * MULTIPLIERS[: codes.shape[1]]).sum(axis=1)
    _, first, multiplicity = np.unique(row_hashes, return_index=True, return_counts=True)
    kinds = codes[first]
    places = np.hstack([np.zeros((len(kinds), 1), dtype=np.int64), kinds + offsets[1:-1]])
    bounds = np.arange(0, places.size + 1, places.shape[1])
    indicator = csr_array((np.ones(places.size), places.ravel(), bounds), shape=(len(kinds), offsets[-1]))
    return indicator, multiplicity[:, None].astype(np.float64) * np.float64(rows / len(codes))
