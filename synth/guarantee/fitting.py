"""A chain of columns, each given those before it, that agrees with noisy tables of pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Pair = tuple[int, int]
STEPS = 40


@dataclass(frozen=True, slots=True)
class Table:
    """Noisy numbers of rows over two columns' groups, and the variance of the noise."""

    counts: NDArray[np.float64]
    variance: float


@dataclass(frozen=True, slots=True)
class Step:
    """One column of the chain: its own log weights, and those it has with each earlier column."""

    column: int
    own: NDArray[np.float64]
    given: Mapping[int, NDArray[np.float64]]

    def logits(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the log weights of every group for every row."""
        total = np.tile(self.own, (len(rows), 1))
        for column, weights in self.given.items():
            total += weights[rows[:, column]]
        return total


@dataclass(frozen=True, slots=True)
class Chain:
    """Steps in the order in which columns are drawn."""

    steps: tuple[Step, ...]

    def draw(self, number: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Return rows of groups."""
        rows = np.zeros((number, len(self.steps)), dtype=np.int64)
        for step in self.steps:
            rows[:, step.column] = chosen(step.logits(rows), random)
        return rows


def chosen(logits: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.int64]:
    """Return one column of each row, with a chance in proportion to the exponential."""
    weights = np.cumsum(np.exp(logits - logits.max(axis=1, keepdims=True)), axis=1)
    threshold = random.random(len(logits)) * weights[:, -1]
    return np.minimum((weights <= threshold[:, None]).sum(axis=1), logits.shape[1] - 1)  # type: ignore[no-any-return]


def order_of(columns: int, pairs: Mapping[Pair, float]) -> list[int]:
    """Return columns so that each follows those that it depends on most; `pairs` has the strengths."""
    strength = np.zeros((columns, columns))
    for (one, other), value in pairs.items():
        strength[one, other] = strength[other, one] = value
    order = [int(np.argmax(strength.sum(axis=1)))]
    while len(order) < columns:
        rest = [column for column in range(columns) if column not in order]
        order.append(max(rest, key=lambda column: float(strength[column, order].max())))
    return order


def fitted(
    margins: Sequence[NDArray[np.float64]],
    tables: Mapping[Pair, Table],
    rows: float,
    population: int,
    random: np.random.Generator,
) -> tuple[Chain, NDArray[np.int64]]:
    """Return the chain that agrees with the tables as far as their noise lets it, and rows drawn from it."""
    strengths = {
        pair: float(np.abs(table.counts - rows * np.outer(margins[pair[0]], margins[pair[1]])).sum())
        for pair, table in tables.items()
    }
    order = order_of(len(margins), strengths)
    drawn = np.zeros((population, len(margins)), dtype=np.int64)
    steps: list[Step] = []
    for place, column in enumerate(order):
        given = {}
        for earlier in order[:place]:
            pair = (min(column, earlier), max(column, earlier))
            if pair in tables:
                table = tables[pair]
                given[earlier] = Table(table.counts.T if pair[0] == column else table.counts, table.variance)
        step = _step(column, margins[column], given, rows, drawn)
        drawn[:, column] = chosen(step.logits(drawn), random)
        steps.append(step)
    return Chain(tuple(steps)), drawn


def _step(
    column: int,
    margin: NDArray[np.float64],
    given: Mapping[int, Table],
    rows: float,
    drawn: NDArray[np.int64],
) -> Step:
    """Fit one column given earlier ones: least relative entropy beside squared error over its variance.

    In the dual that is a likelihood with a ridge whose strength is the variance of the noise.
    """
    base = np.log(np.maximum(margin, 1e-9))
    if not given:
        return Step(column, base, {})
    columns, size = list(given), len(margin)
    heights = [len(given[earlier].counts) for earlier in columns]
    offsets = np.cumsum([0, *heights])
    wanted = np.vstack([given[earlier].counts for earlier in columns])
    ridge = np.repeat([given[earlier].variance for earlier in columns], heights)[:, None]
    kinds, multiplicity = np.unique(drawn[:, columns], axis=0, return_counts=True)
    weights = multiplicity[:, None] * (rows / len(drawn))
    indicator = csr_array(
        (np.ones(kinds.size), (kinds + offsets[:-1]).ravel(), np.arange(0, kinds.size + 1, len(columns))),
        shape=(len(kinds), offsets[-1]),
    )
    transposed = indicator.T.tocsr()

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        theta = flat.reshape(-1, size)
        logits = indicator @ theta + base
        top = logits.max(axis=1, keepdims=True)
        chances = np.exp(logits - top)
        normal = chances.sum(axis=1, keepdims=True)
        expected = transposed @ (chances * (weights / normal))
        value = float((weights * (np.log(normal) + top)).sum() - (theta * wanted).sum())
        slope = expected - wanted + ridge * theta
        return value + float((ridge * theta * theta).sum()) / 2, slope.ravel()

    best = minimize(loss, np.zeros(wanted.size), jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    parts = best.x.reshape(-1, size)
    given_parts = {c: parts[a:b] for c, a, b in zip(columns, offsets[:-1], offsets[1:], strict=True)}
    return Step(column, base, given_parts)
