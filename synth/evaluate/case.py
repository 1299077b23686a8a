"""What all checks of one evaluation look at: the tables, what is known of them, and what is measured once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from synth.evaluate import closeness, nearness, support, utility
from synth.evaluate.exposure import LEVEL, TESTS, Tally
from synth.evaluate.points import encode, features
from synth.evaluate.tables import row_hashes
from synth.evaluate.verdicts import Scale

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt
    import pandas as pd

    from synth.evaluate.closeness import Fidelity
    from synth.evaluate.nearness import Nearness
    from synth.evaluate.points import Points
    from synth.evaluate.support import Support
    from synth.evaluate.tables import Codes, Keys, Mask, Tables
    from synth.evaluate.utility import Transfer

ENOUGH = 1_000  # entities from which the limits of quality hold as they are stated


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
class Halves:
    """The entities parted by another coin, and the rows of engines that learned these halves.

    Attributes:
        second: which synthetic rows are of the engine that learned `holdout`.
        whose: for each real row, those of training first, a number of its entity that all splits share.
    """

    training: pd.DataFrame
    holdout: pd.DataFrame
    synthetic: pd.DataFrame
    second: npt.NDArray[np.bool_]
    entities: Entities
    whose: npt.NDArray[np.int64]


class OtherSplits(Protocol):
    """Draws the table again by other halves of its entities, where one split cannot decide."""

    @property
    def whose(self) -> npt.NDArray[np.int64]:
        """The entity of each real row of the first split, those of training first."""

    def draw(self, number: int) -> Halves | None:
        """Return the split of this number, from 1; None where its rows cannot be drawn."""


@dataclass(frozen=True, slots=True)
class ReplacedColumn:
    """A column that was made anew: none of its twin's values may be one of the real ones."""

    name: str
    real: pd.Series
    twin: pd.Series


@dataclass(frozen=True)
class EvaluationCase:
    """One evaluation. What is measured for several checks is measured when the first of them asks.

    Attributes:
        public: columns whose values are no secret.
        sensitive: columns of which nobody should be able to guess a training row's value.
        target: the column that learners predict; None leaves the choice to the check.
        models: how many twins share one rate of error.
        whose: for each real row a number of its entity that all splits share; None where there is one split.
        splits: the cases of other splits, where one cannot decide; each is drawn when it is asked for.
    """

    tables: Tables
    public: frozenset[str]
    seed: int
    sensitive: tuple[str, ...] = ()
    replaced_columns: Sequence[ReplacedColumn] = ()
    target: str | None = None
    models: int = 1
    whose: Codes | None = None
    splits: Iterable[EvaluationCase] | None = None

    def rng(self, stream: int) -> np.random.Generator:
        """Return random numbers of their own for each use, the same for the same seed."""
        return np.random.default_rng([self.seed, stream])

    def scale(self, limit: float) -> Scale:
        """Return what a figure of this evaluation is judged by."""
        return Scale(limit, self.fewest, self.noun)

    @property
    def noun(self) -> str:
        """What the units are called."""
        return "rows" if self.tables.units is None else "entities"

    @property
    def level(self) -> float:
        """The probability by chance below which a check fails: Holm's first, over all checks of the run."""
        return LEVEL / (TESTS * max(self.models, 1))

    @cached_property
    def units(self) -> Codes:
        """Whom each real row is about, as numbers from 0."""
        return self.tables.unit_of(slice(0, self.tables.real))

    @cached_property
    def room(self) -> float:
        """By what limits of quality are multiplied: a distribution is known by 1 / √entities."""
        return float(max(1.0, np.sqrt(ENOUGH / len(np.unique(self.units)))))

    @cached_property
    def first(self) -> Mask:
        """Which units the first engine learned from."""
        in_first = np.zeros(int(self.units.max(initial=-1)) + 1, dtype=np.bool_)
        in_first[self.units[: self.tables.training]] = True
        return in_first

    @cached_property
    def fewest(self) -> int:
        """How many units the smaller part has."""
        return int(min(self.first.sum(), (~self.first).sum()))

    @cached_property
    def chance(self) -> float:
        """The share of the units met that an engine without memory learned from."""
        return 0.5 if self.tables.second is not None else float(self.first.mean())

    def tally(self, *matches: Mask) -> Tally:
        """Return the units that one engine meets; `matches` says for each engine which real rows it does."""
        hit = np.zeros((2, len(self.first)), dtype=np.bool_)
        for engine, rows in enumerate(matches):
            hit[engine, self.units[rows]] = True
        discordant = hit[0] != hit[1]
        own = hit[0] == self.first
        return Tally(int((discordant & own).sum()), int((discordant & ~own).sum()), self.chance)

    @cached_property
    def private(self) -> Tables:
        """The tables without public columns."""
        return self.tables.without(self.public)

    @cached_property
    def rows(self) -> Keys:
        """A hash of every row's content."""
        return row_hashes(self.tables)

    @cached_property
    def ways(self) -> tuple[EvaluationCase, ...]:
        """This case for each engine: what it learned first, then what it did not, then its rows."""
        if self.tables.second is None:
            return (self,)
        return tuple(replace(self, tables=tables) for tables in self.tables.ways)

    @cached_property
    def mirror(self) -> EvaluationCase:
        """The case of one engine with the rows that it did not learn for its measure."""
        tables = self.tables
        order = np.concatenate(
            [
                np.arange(tables.training, tables.real),
                np.arange(tables.training),
                np.arange(tables.real, tables.real + tables.synthetic),
            ]
        )
        units = None if tables.units is None else tables.units[order]
        columns = tuple(column.take(order) for column in tables.columns)
        return replace(
            self, tables=type(tables)(columns, tables.holdout, tables.training, tables.synthetic, units)
        )

    @cached_property
    def holdout_cases(self) -> tuple[EvaluationCase, ...]:
        """The cases that measure the twin by rows it was not learned from; else the only one."""
        return (self,) if self.tables.second is None else tuple(way.mirror for way in self.ways)

    @cached_property
    def fidelity(self) -> Fidelity | None:
        """Accuracies of columns, pairs and triples; None where there is too little to measure them on."""
        return closeness.pool_fidelities(
            [closeness.measure(case.tables, case.rng(1)) for case in self.holdout_cases]
        )

    @cached_property
    def support(self) -> tuple[Support, ...]:
        """Which rows lie within each other's reach; nothing where there are too few."""
        supports = [support.measure(case) for case in self.holdout_cases]
        return tuple(one for one in supports if one is not None)

    @cached_property
    def transfer(self) -> Transfer | None:
        """What a learner of the twin predicts of unseen real rows; None where there is no target."""
        return utility.pool_transfers(self.ways)

    @cached_property
    def points(self) -> Points:
        """Every row as a point."""
        return encode(self.tables)

    @cached_property
    def features(self) -> Points:
        """Every row as numbers to learn from."""
        return features(self.tables)

    @cached_property
    def nearness(self) -> Nearness:
        """How near each engine comes to real rows."""
        return nearness.measure(self)
