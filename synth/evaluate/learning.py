"""An attacker who learns: which distances, of which columns, give away that an entity was learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from synth.evaluate.exposure import advantage
from synth.evaluate.membership import by_area
from synth.evaluate.nearness import BLUR, nearest
from synth.evaluate.points import encode
from synth.evaluate.verdicts import FEWEST, judge_advantage

if TYPE_CHECKING:
    from synth.evaluate.case import EvaluationCase
    from synth.evaluate.nearness import Nearness
    from synth.evaluate.tables import Codes, Floats
    from synth.evaluate.verdicts import Finding

MOST_STEPS = 1_000  # of its fit, which ends far earlier where rows are many
MAX_REAL = 3_000  # real rows that are attacked
MAX_TWIN = 5_000  # rows of each engine that are compared with them
VIEWS = 12  # random sets of columns that distances are taken over, beside all
FEWEST_COLUMNS = 3  # of such a set
FOLDS = 5


def membership_learned(case: EvaluationCase, limit: float) -> Finding | None:
    """Return the attack of a classifier on distances over several sets of columns, learned on other entities.

    It counts where it fails: of small tables it learns too little to bound what another could.
    """
    if case.fewest < FEWEST * FOLDS:
        return None
    near = case.nearness
    views, units = _views(case, near)
    unit_ids, codes = np.unique(units, return_inverse=True)
    first = near.first[unit_ids]
    sums = np.stack([np.bincount(codes, view) for view in views], axis=1)
    fold = case.rng(12).permutation(len(unit_ids)) % FOLDS
    scores = np.zeros(len(unit_ids))
    for part in range(FOLDS):
        scores[fold == part] = _scores(sums[fold != part], first[fold != part], sums[fold == part], near)
    guess = advantage(np.sign(scores) * np.where(first, 1, -1)) if near.is_paired else by_area(scores, first)
    sizes = (int(first.sum()), int((~first).sum()))
    return judge_advantage(case, limit, guess, "Membership attack by a classifier", sizes, show=True)


def _scores(training_points: Floats, first: Floats, test_points: Floats, near: Nearness) -> Floats:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - slow to import, and few commands need it

    scale = training_points.std(axis=0) + BLUR
    # Swapping two engines turns every sign, so nothing but signs is learned of a pair.
    attacker = LogisticRegression(C=0.1, fit_intercept=not near.is_paired, max_iter=MOST_STEPS)
    attacker.fit(training_points / scale, first)
    scores: Floats = attacker.decision_function(test_points / scale)
    return scores


def _views(case: EvaluationCase, near: Nearness) -> tuple[list[Floats], Codes]:
    """Return what is known of each real row, and whom it is about."""
    rng, tables = case.rng(13), near.tables
    real = np.sort(rng.choice(tables.real, min(tables.real, MAX_REAL), replace=False))
    engines = [np.sort(rng.choice(one, min(len(one), MAX_TWIN), replace=False)) for one in tables.engines]
    part = tables.take(np.concatenate([real, np.sort(np.concatenate(engines))]))
    views = [_lean(near.apart.min(axis=1)[:, real])]
    if near.is_paired:
        views += [
            np.sign(_lean(near.apart.mean(axis=1)[:, real])),
            _lean(near.apart.mean(axis=1)[:, real]),
        ]
    width = len(part.columns)
    for view in range(VIEWS if width > FEWEST_COLUMNS else 0):
        size = max(FEWEST_COLUMNS, width // 2) if view % 2 else FEWEST_COLUMNS
        columns = rng.choice(width, size, replace=False)
        names = {part.columns[place].name for place in columns}
        points = encode(part.without({column.name for column in part.columns} - names))
        apart = np.stack([nearest(points[: part.real], points[places]) for places in part.engines])
        lean = _lean(apart)
        views += [lean, np.sign(lean)] if near.is_paired else [lean]
    return views, near.units[real]


def _lean(apart: Floats) -> Floats:
    """Return how much nearer the first engine is than the second; of one engine, how near it is."""
    far = -np.log(apart + BLUR)
    lean: Floats = far[0] - far[1] if len(far) > 1 else far[0]
    return lean
