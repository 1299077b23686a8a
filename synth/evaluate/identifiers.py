"""Whether a column that tells entities apart holds real values in the twin.

Numbers that a grid is full of, such as account numbers in steps of 37, come back from any engine that keeps
the grid, learned or not, so that no comparison of two halves sees it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import gammaincinv

from synth.domain import Verdict
from synth.evaluate.intervals import binomial_tail
from synth.evaluate.verdicts import Gap

if TYPE_CHECKING:
    from synth.evaluate.case import EvaluationCase
    from synth.evaluate.tables import TableColumn
    from synth.evaluate.verdicts import Finding

ALIKE = 0.5  # share of real values among fresh ones, from which a column does not tell entities apart


@dataclass(frozen=True, slots=True)
class Recurrence:
    """How many values of the twin are real ones.

    Attributes:
        hits: of `total` values of the twin's entities, those that some real entity has.
        expectation: the share of fresh values that may at most be real ones.
        probability: of so many hits, if the twin's values were fresh.
    """

    column: str
    hits: int
    total: int
    expectation: float
    probability: float

    @property
    def excess(self) -> float:
        """The share of the values beyond what fresh ones may share with real ones."""
        return self.hits / self.total - self.expectation


def identifiers(case: EvaluationCase, limit: float) -> Finding | None:
    """Return whether values by which real entities differ come back, whoever learned them; None without any.

    Dates are left out: a calendar is full of days that are nobody's.

    If two entities share a value with probability c, a fresh value is one of n real ones with probability of
    n × c at most. How often real ones do bounds c (Clopper & Pearson 1934, as a Poisson limit).
    """
    columns = [column for column in case.private.columns if not column.boolean and not column.moment]
    recurrences = [one for column in columns if (one := _recurrence(column, case)) is not None]
    if not recurrences:
        return None
    most = min(recurrences, key=lambda one: (one.probability, -one.excess))
    fails = most.probability * len(recurrences) < case.level and most.excess > limit
    share = most.hits / most.total
    text = (
        f"Identifying values: {share:.1%} of those in '{most.column}' are real values (of fresh ones at most "
        f"{most.expectation:.1%} would be)"
    )
    low = most.excess if fails else min(most.excess, 0.0)
    gap = Gap(most.column, most.excess, low, max(most.excess, 0.0))
    sizes = (case.tables.training, case.tables.holdout)
    return case.scale(limit).finish(gap, Verdict.FAIL if fails else Verdict.PASS, text, sizes)


def _recurrence(column: TableColumn, case: EvaluationCase) -> Recurrence | None:
    """Return how many values of the twin are real; None where real ones share too many to matter."""
    real = case.tables.real
    value_pairs = _pairs(case.units, column, slice(0, real))
    twin = _pairs(case.tables.unit_of(slice(real, None)), column, slice(real, None))
    entities = len(value_pairs)
    if not entities or not len(twin):
        return None
    counts = value_pairs["value"].value_counts().to_numpy().astype(float)
    collisions = float((counts * (counts - 1) / 2).sum())
    pairs = entities * (entities - 1) / 2
    upper_limit = float(gammaincinv(collisions + 1, 1 - case.level / 2))
    expectation = float(entities * upper_limit / max(pairs, 1.0))
    if expectation >= ALIKE:
        return None
    hits = int(np.isin(twin["value"].to_numpy(), value_pairs["value"].to_numpy()).sum())
    return Recurrence(column.name, hits, len(twin), expectation, binomial_tail(hits, len(twin), expectation))


def _pairs(
    units: np.ndarray[tuple[int], np.dtype[np.int64]], column: TableColumn, rows: slice
) -> pd.DataFrame:
    """Return each value of each unit once, NULL apart."""
    has_value = ~column.null[rows]
    return pd.DataFrame({"unit": units[has_value], "value": column.keys[rows][has_value]}).drop_duplicates()
