"""Whether the twin serves: what is learned from it about real rows, and whether it can be told from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from synth.domain import Utility, Verdict
from synth.evaluate.intervals import Area, area, normal_quantile
from synth.evaluate.points import mid_ranks
from synth.evaluate.verdicts import FEWEST, Finding, Gap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.evaluate.case import EvaluationCase
    from synth.evaluate.tables import Codes, Floats, Mask, TableColumn

Parts: TypeAlias = "tuple[Codes, Codes, Codes]"

MAX_ROWS = 5_000  # of training and of synthetic rows
MAX_HOLDOUT = 10_000  # rows that are predicted
MAX_CELLS = 500_000  # of each table; of a wide one it is fewer rows
MAX_TARGETS = 20  # columns that are tried for a target
EXACT = 0.9  # Gini or R² beyond which a column only repeats others and is no target
WORTH = 0.3  # from here on a class is preferred to any number
MEMBERS = 30  # training rows that a class must have
CONSTANT = 0.8  # share of rows that hold one number, beyond which it is no target: its R² hangs on few rows
ROUNDS, LEAVES = 60, 8  # of a learner that does not learn single rows
FOLDS = 3


@dataclass(frozen=True, slots=True)
class Target:
    """A column to predict: a class or not, or a number's rank.

    Attributes:
        values: of every row; NaN where the column is NULL and so nothing is predicted.
        metric: auc or r2.
    """

    name: str
    place: int
    values: Floats
    metric: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """How well a learner of training rows and a learner of the twin predict unseen real rows."""

    utility: Utility
    gap: Gap


def tstr(case: EvaluationCase, limit: float) -> Finding | None:
    """Return whether a model trained on the twin predicts unseen rows as well as one trained on real rows.

    Train on synthetic, test on real (Esteban et al. 2017). None where no column can be predicted.
    """
    if case.fewest < FEWEST:
        return case.scale(limit).too_few()
    if case.target is not None and case.target not in {column.name for column in case.tables.columns}:
        text = f"The target '{case.target}' is not among the columns that are compared"
        return case.scale(limit).unmeasured_finding(text, Verdict.ERROR)
    if case.transfer is None:
        return None
    gap, utility = case.transfer.gap, case.transfer.utility
    metric = {"auc": "AUC", "r2": "R²"}[utility.metric]
    text = (
        f"TSTR, predicting '{utility.target}' of unseen real rows: {metric} {utility.synthetic:.3f} by a"
        f" model of the twin, {utility.real:.3f} by one of as many real rows (limit {limit:g} less)"
    )
    sizes = (case.tables.training, case.tables.holdout)
    return case.scale(limit).finding(gap, text, sizes)


def c2st(case: EvaluationCase, limit: float) -> Finding | None:
    """Return how well a classifier tells the twin from unseen real rows: .5 is not at all; it never blocks.

    Classifier two-sample test (Lopez-Paz and Oquab 2017).
    """
    areas = [one for one in (_classifier_area(way) for way in case.holdout_cases) if one is not None]
    if not areas:
        return case.scale(limit).too_few()
    value = float(np.mean([way.value for way, _ in areas]))
    count = sum(count for _, count in areas)
    errors = [way.error(np.arange(count), np.arange(count, 2 * count)) for way, count in areas]
    half = normal_quantile() * float(np.mean(errors))
    gap = Gap("", value, value - half, value + half)
    text = f"Classifier two-sample test of twin and unseen real rows: AUC {value:.3f} (0.5 is chance)"
    return case.scale(limit).finish(gap, Verdict.FAIL if gap.low > limit else Verdict.PASS, text, (count, 0))


def _classifier_area(case: EvaluationCase) -> tuple[Area, int] | None:
    """Return how well the twin's rows are told from the first table's, and from how many; None of too few."""
    rows = _draw(case, case.rng(8), holdout=0)
    real, twin = rows[0], rows[2]
    count = min(len(real), len(twin))
    if count < FEWEST:
        return None
    picks = np.concatenate([real[:count], twin[:count]])
    truth = np.repeat([0, 1], count)
    # Each fold holds as many of both, or its learner would know which of them it met less often.
    fold = np.concatenate([case.rng(stream).permutation(count) % FOLDS for stream in (9, 11)])
    scores = np.zeros(2 * count)
    for holdout_fold in range(FOLDS):
        learner = _learner("auc", case.seed).fit(
            case.features[picks][fold != holdout_fold], truth[fold != holdout_fold]
        )
        scores[fold == holdout_fold] = learner.predict_proba(case.features[picks][fold == holdout_fold])[:, 1]
    return area(scores[truth == 1], scores[truth == 0]), count


def pool_transfers(ways: Sequence[EvaluationCase]) -> Transfer | None:
    """Return the target's utility over both ways, or None where there is no target."""
    first = measure(ways[0])
    if first is None or len(ways) == 1:
        return first
    name = first.utility.target
    others = [measure(replace(way, target=name)) for way in ways[1:]]
    transfers = [first, *(one for one in others if one is not None)]
    synthetic, real = (
        float(np.mean([getattr(one.utility, side) for one in transfers])) for side in ("synthetic", "real")
    )
    half = float(np.mean([one.gap.high - one.gap.value for one in transfers]))
    gap = real - synthetic
    utility = replace(first.utility, synthetic=synthetic, real=real)
    return Transfer(utility, Gap(name, gap, gap - half, gap + half))


def measure(case: EvaluationCase) -> Transfer | None:
    """Return the target's utility, or None where there is no target."""
    rows = _draw(case, case.rng(7), holdout=MAX_HOLDOUT)
    target = _target(case, rows[0])
    if target is None:
        return None
    training, holdout, synthetic = (part[~np.isnan(target.values[part])] for part in rows)
    count = min(len(training), len(synthetic))
    truth = target.values[holdout]
    scores = [
        _predict(case, target, part[:count], holdout) for part in (np.sort(training), np.sort(synthetic))
    ]
    score_function = _areas if target.metric == "auc" else _explained_variance
    real, twin, error = score_function(truth, scores, np.unique(case.units[holdout], return_inverse=True)[1])
    gap, half = real - twin, normal_quantile() * error
    return Transfer(
        Utility(target.name, target.metric, twin, real), Gap(target.name, gap, gap - half, gap + half)
    )


def _draw(case: EvaluationCase, rng: np.random.Generator, *, holdout: int) -> Parts:
    """Return rows of the three tables, as many training as synthetic ones, in random order."""
    most = min(MAX_ROWS, max(MAX_CELLS // len(case.tables.columns), FEWEST))
    rows = case.tables.draw(rng, most, holdout, most)
    ends = np.searchsorted(rows, [case.tables.training, case.tables.real])
    training, holdout_rows, synthetic = (rng.permutation(part) for part in np.split(rows, ends))
    return training, holdout_rows, synthetic


def _target(case: EvaluationCase, training: Codes) -> Target | None:
    """Return the declared target, or the column that the others predict best without repeating one."""
    columns = list(enumerate(case.tables.columns))
    if case.target is not None:
        columns = [(place, column) for place, column in columns if column.name == case.target]
    targets = [target for place, column in columns if (target := _values(case, place, column, training))]
    if case.target is not None or len(case.tables.columns) == 1:
        return targets[0] if targets and len(case.tables.columns) > 1 else None
    targets.sort(key=lambda target: target.metric)  # classes before numbers
    candidates = [(_predictable(case, target, training), target) for target in targets[:MAX_TARGETS]]
    candidates = [(score, target) for score, target in candidates if score < EXACT]
    classes = [(score, target) for score, target in candidates if target.metric == "auc" and score >= WORTH]
    return max(classes or candidates, key=lambda pair: pair[0], default=(0.0, None))[1]


def _values(case: EvaluationCase, place: int, column: TableColumn, training: Codes) -> Target | None:
    """Return what there is to predict of a column; None where a class would have too few members."""
    has_value = ~column.null
    if not has_value[training].any():
        return None
    labels, counts = np.unique(column.keys[training][has_value[training]], return_counts=True)
    if column.numbers is not None and len(labels) > 2:  # noqa: PLR2004 - two numbers are two classes
        if counts.max() > CONSTANT * counts.sum() and column.name != case.target:
            return None
        values = np.where(has_value, mid_ranks(column, case.tables.real), np.nan)
        return Target(column.name, place, values, "r2")
    values = np.where(has_value, column.keys == labels[counts.argmax()], np.nan)
    enough = min(counts.max(), counts.sum() - counts.max()) >= MEMBERS
    holdout_values = values[case.tables.training : case.tables.real]
    both = len(np.unique(holdout_values[~np.isnan(holdout_values)])) == 2  # noqa: PLR2004
    return Target(column.name, place, values, "auc") if enough and both else None


def _predictable(case: EvaluationCase, target: Target, training: Codes) -> float:
    """Return how well a small tree predicts a column from all others: Gini (2 AUC - 1) or R², 0 to 1."""
    # Imported where it is used, because scikit-learn is slow to import and only a run needs it.
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor  # noqa: PLC0415

    kind = DecisionTreeClassifier if target.metric == "auc" else DecisionTreeRegressor
    rows = training[~np.isnan(target.values[training])]
    training_rows, test_rows = np.split(rows, [len(rows) // 2])
    truth = target.values[test_rows]
    if len(training_rows) < FEWEST or len(np.unique(truth)) == 1:
        return 0.0
    tree = kind(max_depth=6, min_samples_leaf=10, random_state=case.seed % 2**32)
    scores = _predict(case, target, training_rows, test_rows, tree)
    units = np.arange(len(test_rows))
    if target.metric == "auc":
        return 2 * _areas(truth, [scores, scores], units)[0] - 1
    return _explained_variance(truth, [scores, scores], units)[0]


def _predict(
    case: EvaluationCase, target: Target, training_rows: Codes, test_rows: Codes, learner: Any = None
) -> Floats:
    """Return the scores of `test_rows` by a learner of `training_rows`, from all columns but the target."""
    truth = target.values[training_rows]
    if len(np.unique(truth)) < 2:  # noqa: PLR2004 - of one class nothing can be learned
        return np.full(len(test_rows), truth[0] if len(truth) else 0.0)
    others = np.delete(case.features, target.place, axis=1)
    learner = learner or _learner(target.metric, case.seed)
    learner.fit(others[training_rows], truth)
    if target.metric == "auc":
        scores: Floats = learner.predict_proba(others[test_rows])[:, 1]
        return scores
    numbers: Floats = learner.predict(others[test_rows])
    return numbers


def _learner(metric: str, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor  # noqa: PLC0415

    kind = HistGradientBoostingClassifier if metric == "auc" else HistGradientBoostingRegressor
    return kind(max_iter=ROUNDS, max_leaf_nodes=LEAVES, early_stopping=False, random_state=seed % 2**32)


def _areas(truth: Floats, scores: list[Floats], units: Codes) -> tuple[float, float, float]:
    """Return the AUC of either score, and the standard error of their difference."""
    positive: Mask = truth == 1
    first, second = (area(score[positive], score[~positive]) for score in scores)
    error = Area.minus(first, second).error(units[positive], units[~positive])
    return first.value, second.value, error


def _explained_variance(truth: Floats, scores: list[Floats], units: Codes) -> tuple[float, float, float]:
    """Return r² of either score, and the standard error of their difference.

    R² below 0 counts as 0: the mean, which needs no learner, predicts better, so nothing more can be lost.
    """
    total = float(((truth - truth.mean()) ** 2).sum())
    errors = [(truth - score) ** 2 for score in scores]
    further = errors[1] - errors[0]
    error = sqrt(float((np.bincount(units, further - further.mean()) ** 2).sum())) / total
    first, second = (max(1 - float(miss.sum()) / total, 0.0) for miss in errors)
    return first, second, error
