"""Whether the twin lets anybody guess a sensitive value of a training row better than of an unseen one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from synth.evaluate.intervals import newcombe, normal_quantile, share
from synth.evaluate.points import features
from synth.evaluate.tables import discretised
from synth.evaluate.verdicts import FEWEST, Gap, worst

if TYPE_CHECKING:
    from synth.evaluate.case import Case
    from synth.evaluate.tables import Column
    from synth.evaluate.verdicts import Finding

BINS = 10
TREES = 10
MAX_REAL = 20_000  # real rows that are attacked


def attribute_inference(case: Case, limit: float) -> Finding | None:
    """The worst sensitive column's accuracy of inference on training rows, minus that on unseen real rows.

    The attacker knows all other columns of a real row and learns the sensitive one from every synthetic row,
    by trees that keep each row apart: whatever can be guessed of anybody does not count, only the excess.
    None where no column is declared as sensitive.
    """
    columns = [column for column in case.tables.columns if column.name in case.sensitive]
    if not columns:
        return None
    if case.held_out < FEWEST or len(case.tables.columns) == 1:
        return case.scale(limit).too_few()
    found = worst([_attacked(column, case, len(columns)) for column in columns])
    text = (
        f"Who knows all else of a training row guesses '{found.column}' from the twin {found.value:+.1%} more"
        f" often than of an unseen real row, where {limit:.0%} is allowed"
    )
    sizes = (case.tables.training, case.tables.holdout)
    return case.scale(limit).found(found, text, sizes, by_estimate=found.low <= 0)


def _attacked(column: Column, case: Case, columns: int) -> Gap:
    # Imported here, because scikit-learn is slow to import and only a run needs it.
    from sklearn.ensemble import ExtraTreesClassifier  # noqa: PLC0415

    tables = case.tables
    known = features(tables.without({column.name}))
    secret = discretised(column, tables.real, BINS)
    forest = ExtraTreesClassifier(TREES, random_state=case.seed % 2**32)
    forest.fit(known[tables.real :], secret[tables.real :])
    attacked = np.zeros(tables.real, dtype=np.bool_)
    kept = min(1.0, MAX_REAL / tables.real)
    rows = tables.draw(case.rng(5), round(tables.training * kept), round(tables.holdout * kept), 0)
    attacked[rows] = True
    right = np.zeros(tables.real, dtype=np.bool_)
    right[rows] = forest.predict(known[rows]) == secret[rows]
    rates = case.rates(right, attacked)
    low, _ = newcombe(*rates, z=normal_quantile(columns))
    _, high = newcombe(*rates, z=normal_quantile())
    return Gap(column.name, share(*rates[0]) - share(*rates[1]), low, high)
