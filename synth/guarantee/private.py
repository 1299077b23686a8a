"""The differentially private engine: noisy margins, pairs chosen by noise, a chain fitted to them, rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from synth.guarantee.cells import LabelCells, Margin, label_margin, line_margin, refined_margin
from synth.guarantee.children import ChildCounts, ParentCounts, measured_children
from synth.guarantee.contributions import RowBound, measured_bound, places_within
from synth.guarantee.discovery import TELLING, discover_domain
from synth.guarantee.domains import ColumnDomain, key_of
from synth.guarantee.grouping import group_cells
from synth.guarantee.noise import Mechanisms, Release
from synth.guarantee.pairs import CHOICE, Learning
from synth.guarantee.regularities import Regularity, measured_regularities, with_regularity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

# Shares of the budget: the number of rows, what is discovered, columns alone; the rest is for pairs.
ROWS, DISCOVERY, MARGINS = 0.02, 0.15, 0.55
# The shares of how many rows parents have, before the others; the second is for what the first cannot tell:
# without it, most rows of parents with many would be lost.
CHILDREN = (0.15, 0.25)
# Where counts so far say that there are so few rows, another share makes their number surer. Of hardly any
# rows nothing else can be told.
SURER = ((200, 0.15), (25, 0.4))
# What a column costs beside one of public labels or bounds: one of which only the NULLs are counted or that
# others decide, and one of which nothing is public.
PRESENCE, UNDECLARED = 0.2, 1.5
# Pairs that are counted: at most so many a column, as many as leave each so many groups a column, and none
# where fewer would. Labels that few groups merge hide rules, such as that what is open has no end.
PAIRS, GROUPS, FEWEST_PAIRS = 2, 4, 2
# The share for how many rows entities have, by which it is decided how many of them are used.
BOUND_SHARE = 0.03
# The share for what nearly every entity keeps to.
REGULARITIES = 0.08
# Rows that a cell of a pair should hold on average, in standard deviations of the noise.
FULL, MOST_GROUPS = 3.0, 32


class PrivateSynthesizer:
    """Learns a table within a budget of epsilon and delta and draws rows like it.

    Neighbours are tables that differ by all rows of one entity, of which at most `rows_per_entity` are used:
    fewer where that makes shares of rows surer. Public are `domains`, the names and the order of columns, and
    all other arguments, also `rows` where it is stated. Rows can be drawn for rows of `given` columns. `seed`
    moves draws from what was learned, never the noise, which OpenDP takes from the operating system.
    """

    mechanisms: ClassVar[type[Mechanisms]] = Mechanisms

    def __init__(
        self,
        domains: Mapping[str, ColumnDomain],
        epsilon: float = 3.0,
        delta: float = 1e-6,
        rows_per_entity: int = 1,
        rows: int | None = None,
        discover: bool = True,
        seed: int = 0,
    ) -> None:
        if not epsilon > 0 or not 0 < delta < 1:
            raise ValueError("epsilon must be above 0, and delta between 0 and 1")
        if rows_per_entity < 1 or not domains:
            raise ValueError("rows_per_entity must be at least 1, and there must be a column")
        incomplete = [name for name, domain in domains.items() if not domain.complete]
        if incomplete and not discover:
            raise ValueError(f"column {incomplete[0]!r} has neither public labels nor public bounds")
        self.domains = dict(domains)
        self._incomplete = incomplete
        self._thresholds = sum(domains[name].of_labels for name in incomplete)
        self._public_rows, self._random = rows, np.random.default_rng(seed)
        self._row_bound = RowBound(rows_per_entity)
        self._mechanisms = self.mechanisms(
            epsilon, delta, rows_per_entity, delta / 2 if self._thresholds else 0.0
        )
        self.discoveries: dict[str, str] = {}
        self.unclear: tuple[str, ...] = ()  # numbers and moments of which noise left nothing
        self.children: ChildCounts | None = None
        self.regularities: tuple[Regularity, ...] = ()

    @property
    def releases(self) -> tuple[Release, ...]:
        """Every answer that was computed from the rows, in order."""
        return tuple(self._mechanisms.releases)

    @property
    def spent(self) -> tuple[float, float]:
        """The epsilon and the delta of all releases together."""
        return self._mechanisms.spent

    @property
    def rows(self) -> int:
        """The number of rows: the public one, or the noisy one that was paid for."""
        rows = self._rows * self._row_bound.ratio
        return max(1, round(rows)) if self._public_rows is None else self._public_rows

    def fit(
        self,
        frame: pd.DataFrame,
        entities: Any = None,
        keys: bytes = b"",
        given: Sequence[str] = (),
        parents: ParentCounts | None = None,
    ) -> PrivateSynthesizer:
        """Learn a frame, once.

        `entities` says whose each row is, the secret `keys` chooses which rows of an entity are used. Of the
        columns in `given`, such as those of a parent, it is learned what the others have to do with them. Of
        `parents` it is learned how many rows they have: `children`.
        """
        if self.releases:
            raise ValueError("the budget is spent; another synthesizer's cost adds to this one's")
        self.domains = {name: self.domains[name] for name in dict.fromkeys((*given, *self.domains))}
        self._given_columns = tuple(given)
        frame = frame[list(self.domains)]
        places, owners = places_within(frame, entities, self._mechanisms.contribution, keys)
        self._row_bound = self._choose_row_bound(owners)
        if self._row_bound.most < self._mechanisms.contribution:
            places, owners = places_within(frame, entities, self._row_bound.most, keys)
        self._mechanisms.contribution = self._row_bound.most
        training = frame.iloc[places].reset_index(drop=True)
        if parents is not None:
            rhos = [self._mechanisms.rho * share for share in CHILDREN]
            self.children = measured_children(parents, self._mechanisms, rhos)
        self._count(len(training))
        asked = {name: domain for name, domain in self.domains.items() if name not in given}
        rho = self._mechanisms.rho * REGULARITIES
        self.regularities = measured_regularities(training, owners, asked, self._mechanisms, rho, self._rows)
        self._margins = self._measure(training)
        self._learn(training)
        return self

    def sample(self, rows: int | None = None, given: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return rows drawn from what was learned, without the given columns.

        There is one row for each row of `given`, else `rows`, by default as many as there were by the noisy
        or public count.
        """
        number = len(given) if given is not None else self.rows if rows is None else rows
        codes = {} if given is None else self._codes(given, self._given_columns)
        places = dict(enumerate(codes.values()))
        groups = self._chain.draw(number, self._random, places)
        columns = {name: self._values(place, name, groups) for place, name in enumerate(self.domains)}
        for rule in self.regularities:
            name = rule.column
            columns[name] = with_regularity(columns[name], rule, self.domains[name], self._random)
        return pd.DataFrame({name: columns[name] for name in self.domains if name not in self._given_columns})

    def _values(self, place: int, name: str, groups: NDArray[np.int64]) -> pd.Series:
        cells = self._margins[name].cells
        codes = self._groups[name].draw(groups[:, place], self._random)
        if isinstance(cells, LabelCells):
            return cells.values(codes, self.domains[name].kind)
        return cells.values(codes, self._random)

    def _codes(self, frame: pd.DataFrame, names: Sequence[str]) -> dict[str, NDArray[np.int64]]:
        return {
            name: self._groups[name].codes(self._margins[name].cells.codes(frame[name])) for name in names
        }

    def _choose_row_bound(self, owners: NDArray[np.int64]) -> RowBound:
        """Return how many rows of an entity are used; the stated bound says how many may be."""
        most, rho = self._mechanisms.contribution, self._mechanisms.rho
        if most == 1:
            return RowBound(1)
        of_a_column = rho * MARGINS / len(self.domains)
        return measured_bound(owners, most, self._mechanisms, rho * BOUND_SHARE, of_a_column)

    def _count(self, number: int) -> None:
        if self._public_rows is not None:
            self._rows = max(1.0, self._public_rows / self._row_bound.ratio)
            return
        sums, weights = 0.0, 0.0
        for what, most, share in (("rows", np.inf, ROWS), *(("few rows", *one) for one in SURER)):
            if weights and self._rows >= most:
                break
            noisy = self._mechanisms.counts(what, np.array([number]), self._mechanisms.rho * share)
            sums, weights = sums + share * float(noisy[0]), weights + share  # by their precision
            self._rows = max(1.0, sums / weights)

    def _measure(self, training: pd.DataFrame) -> dict[str, Margin]:
        """Return the noisy counts of every column, which get the whole budget where no pair is counted."""
        share = MARGINS + (DISCOVERY if self._incomplete else 0)
        alone = min(self._mechanisms.rho * share, self._mechanisms.remaining)
        self._pairs, self._most = self._pairs_and_groups(self._mechanisms.remaining - alone)
        whole = alone if self._pairs else self._mechanisms.remaining
        costs = {name: _cost(domain) for name, domain in self.domains.items()}
        total = sum(costs.values())
        return {name: self._margin(name, training[name], whole * costs[name] / total) for name in costs}

    def _margin(self, name: str, values: pd.Series, rho: float) -> Margin:
        """Return the noisy counts of a column; where its domain is not public, a part of `rho` tells it."""
        domain, mechanisms = self.domains[name], self._mechanisms
        if domain.complete:
            if domain.of_labels:
                keys = tuple(key_of(label) for label in domain.all_labels)
                cells = LabelCells(domain.all_labels, keys, others=False, nullable=domain.nullable)
                return label_margin(name, values, cells, mechanisms, rho)
            return line_margin(name, values, domain, mechanisms, rho, self._rows)
        delta = mechanisms.threshold_delta / max(1, self._thresholds)
        discovery = discover_domain(name, values, domain, mechanisms, rho * TELLING, delta)
        self.discoveries[name] = discovery.how
        self.unclear = (*self.unclear, *(() if discovery.is_clear else (name,)))
        rest = rho * (1 - TELLING)
        if discovery.stretches is not None:
            absent = discovery.absent, discovery.variance
            return refined_margin(
                name, values, discovery.domain, mechanisms, rest, discovery.stretches, absent
            )
        told = discovery.told, discovery.variance
        return label_margin(name, values, discovery.cells, mechanisms, rest, told)

    def _pairs_and_groups(self, budget: float) -> tuple[int, int]:
        """Return how many pairs are counted, and how many groups of each column stand out from the noise."""
        number = len(self.domains)
        most = min(number * (number - 1) // 2, PAIRS * number)
        loss = max(0.0, budget) * (1 - CHOICE)
        deviation = self._rows / (FULL * GROUPS**2)  # that leaves so many groups
        pairs = min(most, int(loss * 2 * (deviation / self._mechanisms.contribution) ** 2))
        if pairs < min(most, FEWEST_PAIRS) or not pairs:
            return 0, GROUPS
        deviation = self._mechanisms.scale(loss / pairs)
        return pairs, int(np.clip(np.sqrt(self._rows / (FULL * deviation)), GROUPS, MOST_GROUPS))

    def _learn(self, training: pd.DataFrame) -> None:
        self._groups = {name: group_cells(margin, self._most) for name, margin in self._margins.items()}
        codes = tuple(self._codes(training, tuple(self.domains)).values())
        learning = Learning(
            tuple(self.domains),
            tuple(self._groups.values()),
            codes,
            self._rows,
            len(self._given_columns),
            self._random,
        )
        self._chain = learning.chain(self._mechanisms, self._pairs)


def _cost(domain: ColumnDomain) -> float:
    """Return the share of a column beside that of others; public."""
    if domain.passing or (domain.labels is not None and len(domain.labels) == 1):
        return PRESENCE
    return 1.0 if domain.complete else UNDECLARED
