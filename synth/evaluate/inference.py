"""Whether the twin lets anybody guess, or single out by, a sensitive value of those it was learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from synth.evaluate.exposure import Tally
from synth.evaluate.points import features
from synth.evaluate.tables import NULL_KEY, discretise
from synth.evaluate.verdicts import FEWEST, judge_tally, quote_names

if TYPE_CHECKING:
    from synth.evaluate.case import EvaluationCase
    from synth.evaluate.tables import Codes, Mask, TableColumn, Tables
    from synth.evaluate.verdicts import Finding

BINS = 10  # of a secret number
FINE_BINS = 20  # of a number that somebody knows
TREES = 10
MAX_REAL = 6_000  # real rows that are attacked
MAX_TWIN = 20_000  # rows of each engine that are learned from
COMBINATIONS = 20  # pairs of other columns by which a sensitive value is singled out


def attribute_inference(case: EvaluationCase, limit: float) -> Finding | None:
    """Return whether a sensitive value is guessed from the rows of the engine that learned the entity.

    The attacker knows all other columns of a real row, and learns the sensitive one from the twin by trees
    that keep each row apart. What can be guessed from the other engine's rows as well is no secret of an
    entity. None where no column is declared as sensitive.
    """
    columns = [column for column in case.tables.columns if column.name in case.sensitive]
    if not columns:
        return None
    if case.fewest < FEWEST or len(case.tables.columns) == 1:
        return case.scale(limit).too_few()
    tallies = {column.name: _guess(column, case) for column in columns}
    return _worst(case, limit, tallies, "Attribute inference", "whose value only one engine's rows reveal")


def singling_out(case: EvaluationCase, limit: float) -> Finding | None:
    """Return whether a sensitive value comes back with two values that single one real entity out.

    Numbers are read in ranges. None where no column is declared as sensitive.
    """
    columns = [column for column in case.tables.columns if column.name in case.sensitive]
    if not columns or len(case.tables.columns) < 3:  # noqa: PLR2004 - a sensitive column and two others
        return None
    if case.fewest < FEWEST:
        return case.scale(limit).too_few()
    tallies = {column.name: _single_out(column, case) for column in columns}
    return _worst(case, limit, tallies, "Singling out", "whom only one engine's rows single out")


def _worst(case: EvaluationCase, limit: float, tallies: dict[str, Tally], what: str, whom: str) -> Finding:
    name = min(tallies, key=lambda one: tallies[one].probability)
    tally = tallies[name]
    text = f"{what} in {quote_names([name])}: of {tally.own + tally.other} entities {whom}"
    sizes = int(case.first.sum()), int((~case.first).sum())
    return judge_tally(case, limit, tally, text, min(tally.probability * len(tallies), 1.0), sizes)


def _guess(column: TableColumn, case: EvaluationCase) -> Tally:
    # Imported here, because scikit-learn is slow to import and only a run needs it.
    from sklearn.ensemble import ExtraTreesClassifier  # noqa: PLC0415

    tables, rng = case.tables, case.rng(5)
    rows = np.sort(rng.choice(tables.real, min(tables.real, MAX_REAL), replace=False))
    known_features = features(tables.without({column.name}))
    secret = discretise(column, tables.real, BINS)
    right: list[Mask] = []
    for engine in tables.engines:
        training_rows = rng.choice(engine, min(len(engine), MAX_TWIN), replace=False)
        forest = ExtraTreesClassifier(TREES, random_state=case.seed % 2**32)
        forest.fit(known_features[training_rows], secret[training_rows])
        hit = np.zeros(tables.real, dtype=np.bool_)
        hit[rows] = forest.predict(known_features[rows]) == secret[rows]
        right.append(hit)
    return _by_most(case, right)


def _by_most(case: EvaluationCase, hits: list[Mask] | list[Codes]) -> Tally:
    """Return the tally of units by which engine has more hits on their rows; one engine hits or does not."""
    count = len(case.first)
    sums = [np.bincount(case.units, hit, minlength=count) for hit in hits]
    if len(sums) == 1:
        has_votes = sums[0] > 0
        return Tally(int((has_votes & case.first).sum()), int((has_votes & ~case.first).sum()), case.chance)
    lean = sums[0] - sums[1]
    own = (lean > 0) == case.first
    return Tally(int((own & (lean != 0)).sum()), int((~own & (lean != 0)).sum()), case.chance)


def _single_out(column: TableColumn, case: EvaluationCase) -> Tally:
    tables, rng = case.tables, case.rng(4)
    others = [other for other in tables.columns if other.name != column.name]
    codes = {one.name: _codes(one, tables) for one in tables.columns}
    hits = [np.zeros(tables.real, dtype=np.int64) for _ in tables.engines]
    for _ in range(COMBINATIONS):
        pair = rng.choice(len(others), 2, replace=False)
        joint = codes[column.name]
        for place in pair:
            joint = joint * (int(codes[others[place].name].max()) + 1) + codes[others[place].name]
        alone = _alone(joint[: tables.real], case)
        for place, engine in enumerate(tables.engines):
            hits[place] += alone & np.isin(joint[: tables.real], joint[engine])
    return _by_most(case, hits)


def _alone(joint: Codes, case: EvaluationCase) -> Mask:
    """Return which real rows have a combination that no other entity has."""
    _, codes = np.unique(joint, return_inverse=True)
    pairs = np.unique(codes.astype(np.int64) * len(case.first) + case.units)
    alone: Mask = (np.bincount(pairs // len(case.first)) == 1)[codes]
    return alone


def _codes(column: TableColumn, tables: Tables) -> Codes:
    if column.numbers is not None:
        return discretise(column, tables.real, FINE_BINS)
    return np.unique(np.where(column.null, NULL_KEY, column.keys), return_inverse=True)[1].astype(np.int64)
