"""What all checks of one evaluation look at: the tables, what is known of them, and what is measured once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from synth.evaluate import support, utility
from synth.evaluate.closeness import measure
from synth.evaluate.intervals import effective
from synth.evaluate.points import distinct, encoded, features, isolation, nearness
from synth.evaluate.tables import row_hashes
from synth.evaluate.verdicts import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import pandas as pd

    from synth.evaluate.closeness import Fidelity
    from synth.evaluate.intervals import Rate
    from synth.evaluate.points import Nearness, Points
    from synth.evaluate.support import Support
    from synth.evaluate.tables import Codes, Floats, Keys, Mask, Tables
    from synth.evaluate.utility import Transfer

MAX_REAL = 20_000  # real rows that are compared with every synthetic row
MAX_DISTANCES = 3_000_000_000  # beyond, it is fewer real rows, but never fewer than MIN_REAL
MIN_REAL = 5_000
ISOLATED = 0.95  # the quantile of isolation above which a row is an outlier


@dataclass(frozen=True, slots=True)
class Entities:
    """Whom the rows are about, as whole numbers; rows of equal number belong together.

    Real numbers must not be shared by training and holdout, unless the split was not kept; those of synthetic
    rows are of their own.
    """

    training: npt.NDArray[np.int64]
    holdout: npt.NDArray[np.int64]
    synthetic: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Replaced:
    """A column that was made anew: none of its twin's values may be one of the real ones."""

    name: str
    real: pd.Series
    twin: pd.Series


@dataclass(frozen=True, slots=True)
class Sample:
    """Real rows, compared with all synthetic rows.

    Attributes:
        rows: their positions, training first.
        training: how many of them are training rows.
        units: whom each is about, as numbers from 0.
    """

    rows: Codes
    training: int
    units: Codes
    nearness: Nearness


@dataclass(frozen=True)
class Case:
    """One evaluation. What is measured for several checks is measured when the first of them asks.

    Attributes:
        public: columns whose values are no secret.
        sensitive: columns of which nobody should be able to guess a training row's value.
        target: the column that learners predict; None leaves the choice to the check.
    """

    tables: Tables
    public: frozenset[str]
    seed: int
    sensitive: tuple[str, ...] = ()
    replaced: Sequence[Replaced] = ()
    target: str | None = None

    def rng(self, stream: int) -> np.random.Generator:
        """Random numbers of their own for each use, the same for the same seed."""
        return np.random.default_rng([self.seed, stream])

    def scale(self, limit: float, *, chance: float = 0.0) -> Scale:
        """What a figure of this evaluation is judged by."""
        noun = "rows" if self.tables.units is None else "entities"
        return Scale(limit, self.held_out, noun, chance)

    @cached_property
    def units(self) -> Codes:
        """Whom each real row is about, as numbers from 0."""
        return self.tables.unit_of(slice(0, self.tables.real))

    @cached_property
    def held_out(self) -> int:
        """How many units were held out."""
        return len(np.unique(self.units[self.tables.training :]))

    @cached_property
    def private(self) -> Tables:
        """The tables without public columns."""
        return self.tables.without(self.public)

    @cached_property
    def rows(self) -> Keys:
        """A hash of every row's content."""
        return row_hashes(self.tables)

    @cached_property
    def recurring(self) -> Mask:
        """Which real rows recur whole in the synthetic ones."""
        return np.isin(self.rows[: self.tables.real], self.rows[self.tables.real :])

    @cached_property
    def fidelity(self) -> Fidelity | None:
        """Accuracies of columns, pairs and triples; None where there is too little to measure them on."""
        return measure(self.tables, self.rng(1))

    @cached_property
    def support(self) -> Support | None:
        """Which rows lie within each other's reach; None where there are too few."""
        return support.measure(self)

    @cached_property
    def transfer(self) -> Transfer | None:
        """What a learner of the twin predicts of unseen real rows; None where there is no target."""
        return utility.measure(self)

    @cached_property
    def points(self) -> Points:
        """Every row as a point."""
        return encoded(self.tables)

    @cached_property
    def features(self) -> Points:
        """Every row as numbers to learn from."""
        return features(self.tables)

    @cached_property
    def isolated(self) -> Mask:
        """The twentieth of the real rows that lie farthest from others."""
        far = isolation(self.points[: self.tables.real], self.rng(3))
        return (far >= np.quantile(far, ISOLATED)) & (far > 0)

    @cached_property
    def sample(self) -> Sample:
        """As many real rows as can be compared with all synthetic rows, of training and holdout alike."""
        tables = self.tables
        first, weights = distinct(self.rows[tables.real :])
        most = min(MAX_REAL, max(MAX_DISTANCES // len(first), MIN_REAL))
        kept = min(1.0, most / tables.real)
        sizes = (round(tables.training * kept), round(tables.holdout * kept))
        rng = self.rng(2)
        rows = tables.draw(rng, *sizes, 0)
        near = nearness(
            self.points[rows], self.points[tables.real + first], self.recurring[rows], weights, rng
        )
        units = np.unique(self.units[rows], return_inverse=True)[1]
        return Sample(rows, sizes[0], units, near)

    def rates(self, hits: Floats | Mask | Codes, trials: Floats | Mask | Codes) -> tuple[Rate, Rate]:
        """The share of training rows' trials that hit, and of holdout rows'; units count as one."""
        training, holdout = slice(0, self.tables.training), slice(self.tables.training, self.tables.real)
        return (
            effective(hits[training], trials[training], self.units[training]),
            effective(hits[holdout], trials[holdout], self.tables.unit_of(holdout)),
        )
