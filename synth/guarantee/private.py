"""The differentially private engine: noisy margins, pairs chosen by noise, a chain fitted to them, rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.guarantee.cells import LabelCells, Margin, label_margin, line_margin
from synth.guarantee.contributions import rows_within
from synth.guarantee.discovery import discovered
from synth.guarantee.domains import ColumnDomain, key_of
from synth.guarantee.grouping import grouped
from synth.guarantee.noise import Mechanisms, Release
from synth.guarantee.pairs import CHOICE, Learning

if TYPE_CHECKING:
    from collections.abc import Mapping

# Shares of the budget: the number of rows, what is discovered, columns alone; the rest is for pairs.
ROWS, DISCOVERY, MARGINS = 0.02, 0.15, 0.25
# Pairs that are counted, at most so many a column.
PAIRS = 3
# Rows that a cell of a pair should hold on average, in standard deviations of the noise.
CLEAR, MOST_GROUPS = 1.5, 32


class PrivateSynthesizer:
    """Learns a table within a budget of epsilon and delta and draws rows like it.

    Neighbours are tables that differ by one entity, which has at most `rows_per_entity` of the rows that are
    used. `domains`, the names and order of columns and every argument are public; so is `rows`, where it is
    stated. `seed` moves draws from what was learned, never the noise.
    """

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
            raise ValueError("epsilon is above 0, and delta between 0 and 1")
        if rows_per_entity < 1:
            raise ValueError("rows_per_entity is at least 1")
        self.domains = dict(domains)
        unknown = [name for name, domain in self.domains.items() if not domain.complete]
        if unknown and not discover:
            raise ValueError(f"column {unknown[0]} has neither public labels nor public bounds")
        self._to_discover = unknown
        self._labels_to_discover = [name for name in unknown if self.domains[name].of_labels]
        self._public_rows, self._seed = rows, seed
        self._mechanisms = Mechanisms(
            epsilon, delta, rows_per_entity, delta / 2 if self._labels_to_discover else 0.0
        )
        self.discovered: dict[str, str] = {}

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
        return self._public_rows if self._public_rows is not None else max(1, round(self._rows))

    def fit(self, frame: pd.DataFrame, entities: Any = None, keys: bytes = b"") -> PrivateSynthesizer:
        """Learn a frame; `entities` says whose each row is, `keys` is the secret that chooses rows of one."""
        used = rows_within(frame[list(self.domains)], entities, self._mechanisms.contribution, keys)
        self._random = np.random.default_rng(self._seed)
        self._count(len(used))
        self._margins = self._measure(used)
        self._learn(used)
        return self

    def sample(self, rows: int | None = None) -> pd.DataFrame:
        """Return rows drawn from what was learned, by default as many as there were, by the noisy count."""
        number = self.rows if rows is None else rows
        drawn = self._chain.draw(number, self._random)
        columns = {}
        for place, (name, domain) in enumerate(self.domains.items()):
            cells, groups = self._margins[name].cells, self._groups[place]
            codes = groups.draw(drawn[:, place], self._random)
            if isinstance(cells, LabelCells):
                columns[name] = cells.values(codes, domain.kind)
            else:
                columns[name] = cells.values(codes, self._random)
        return pd.DataFrame(columns)

    def _count(self, number: int) -> None:
        if self._public_rows is not None:
            self._rows = float(self._public_rows)
            return
        rho = self._mechanisms.rho * ROWS
        self._rows = max(1.0, float(self._mechanisms.counts("rows", np.array([number]), rho)[0]))

    def _measure(self, used: pd.DataFrame) -> dict[str, Margin]:
        whole = self._mechanisms.rho
        domains = dict(self.domains)
        cells: dict[str, LabelCells] = {}
        for name in self._to_discover:
            share = whole * DISCOVERY / len(self._to_discover)
            delta = self._mechanisms.threshold_delta / max(1, len(self._labels_to_discover))
            result = discovered(name, used[name], domains[name], self._mechanisms, share, delta)
            self.discovered[name] = result.how
            domains[name] = result.domain
            if result.cells is not None:
                cells[name] = result.cells
        rho = whole * MARGINS / len(domains)
        margins = {}
        for name, domain in domains.items():
            if domain.of_labels:
                labels = domain.all_labels
                own = cells.get(name) or LabelCells(
                    labels, tuple(key_of(label) for label in labels), others=False, nullable=domain.nullable
                )
                margins[name] = label_margin(name, used[name], own, self._mechanisms, rho)
            else:
                margins[name] = line_margin(name, used[name], domain, self._mechanisms, rho, self._rows)
        return margins

    def _learn(self, used: pd.DataFrame) -> None:
        number = len(self.domains)
        pairs = min(number * (number - 1) // 2, PAIRS * number)
        deviation = self._mechanisms.scale(self._mechanisms.remaining * (1 - CHOICE) / max(1, pairs))
        most = int(np.clip(np.sqrt(self._rows / (CLEAR * deviation)), 2, MOST_GROUPS))
        self._groups = [grouped(margin, most) for margin in self._margins.values()]
        codes = [
            groups.codes(margin.cells.codes(used[name]))
            for groups, (name, margin) in zip(self._groups, self._margins.items(), strict=True)
        ]
        learning = Learning(tuple(self.domains), self._groups, codes, self._rows, self._random)
        self._chain = learning.chain(self._mechanisms, pairs)
