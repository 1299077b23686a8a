"""`evaluation.json`: everything that was measured of one model in one run, and all that its report shows."""

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from math import exp, isfinite
from typing import Literal

from pydantic import BaseModel, ConfigDict

from synth._version import __version__
from synth.domain import (
    RARE,
    Accuracy,
    Aspect,
    Check,
    ColumnFit,
    Evaluation,
    Policy,
    Task,
    Utility,
    Verdict,
)
from synth.domain.figures import Portrait

SCHEMA_VERSION: Literal[1] = 1
MOST_TOLD = 20.0  # epsilon beyond which odds are told no further
LIBRARIES = ("numpy", "pandas", "scikit-learn")
BY_GUARANTEE = (
    "This twin satisfies differential privacy: {guarantee}. With or without all rows of one of them, "
    "whatever is published has nearly the same probability: the odds of anybody's guess who is in the "
    "table grow by a factor of {odds:.0f} at most, but for a chance of delta. The noise is OpenDP's, on "
    "whole numbers, and its parts add up as zero-concentrated differential privacy. Public, so not "
    "protected: the schema, the project's SQL and tests, declared labels and bounds, keys of tables "
    "about nobody, and which columns refer to which. Not covered: the figures of this page, which are "
    "for the data's owners; the decision to make the twin by guarantee; other twins of the same "
    "entities, whose costs add up in `_synth_ledger`; and what the owner wrote knowing the data. It is "
    "a statement about probabilities, not about the law."
)
NO_GUARANTEE = "No differential privacy guarantee."
GUARANTEE = (
    "The backend {backend} was asked to learn with differential privacy, ε = {epsilon:g}; the guarantee is "
    "the service's own. It covers neither the comparison with unseen rows nor the decision to publish, which "
    "look at real rows, nor this report, nor other twins of the same data."
)


class Part(BaseModel):
    """A part of the document: frozen, and without a key that is not described."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Run(Part):
    """Of which run this is, and how it was asked for."""

    id: str
    generated_at: str
    backend: str
    seed: int
    attempt: int
    retry_reason: str
    on_inconclusive: Policy
    versions: Mapping[str, str]


class RowCounts(Part):
    """How many rows were compared; `published` ones make the twin, of which `redrawn` replaced others.

    `broken` says how many more were drawn that broke a test or constraint, and were left out, by its name.
    """

    training: int
    holdout: int
    synthetic: int
    published: int
    redrawn: int
    broken: Mapping[str, int]


class CheckFigure(Part):
    """A check: its figure with its 95 % interval, its limit and its verdict; null: not a number."""

    name: str
    aspect: Aspect
    verdict: Verdict
    value: float | None
    ci_low: float | None
    ci_high: float | None
    limit: float
    customised: bool
    gating: bool
    training: int
    holdout: int
    explain: str


class AccuracyFigure(Part):
    """1 - TVD of columns (1), pairs (2) or triples (3), of the twin and of as many unseen real rows."""

    order: int
    synthetic: float
    ceiling: float


class ColumnFigure(Part):
    """How near a column is to training; `null_training` is null where fewer than ten rows are NULL."""

    name: str
    accuracy: float
    ceiling: float
    null_training: float | None
    null_synthetic: float


class UtilityFigure(Part):
    """How well a model learned from the twin, and from as many training rows, predicts unseen real rows."""

    target: str
    metric: str
    synthetic: float
    real: float


class ColumnTreatment(Part):
    """What a column is, how that is known, and what was done to it."""

    column: str
    data_type: str
    role: str
    origin: str
    action: str


class DifferentialPrivacy(Part):
    """What is guaranteed beyond what was measured."""

    enabled: bool = False
    decides: bool = False
    statement: str = NO_GUARANTEE


class Document(Part):
    """The evaluation of one model in one run; no value of a source row is in it."""

    schema_version: Literal[1] = SCHEMA_VERSION
    unique_id: str
    name: str
    source: str
    relation: str
    run: Run
    verdict: Verdict | None
    blocked: bool
    fidelity: float | None
    rows: RowCounts
    checks: tuple[CheckFigure, ...]
    accuracies: tuple[AccuracyFigure, ...]
    columns: tuple[ColumnFigure, ...]
    utility: tuple[UtilityFigure, ...]
    treatments: tuple[ColumnTreatment, ...]
    differential_privacy: DifferentialPrivacy
    warnings: tuple[str, ...]
    portrait: Portrait

    def of_aspect(self, aspect: Aspect) -> tuple[CheckFigure, ...]:
        """Return the checks that ask about `aspect`."""
        return tuple(check for check in self.checks if check.aspect is aspect)


def make_document(  # noqa: PLR0913 - all that is known of a twin, each by its name
    task: Task,
    run_id: str,
    evaluation: Evaluation | None,
    *,
    published_rows: int | None,
    treatments: Sequence[ColumnTreatment] = (),
    portrait: Portrait | None = None,
    epsilon: float | None = None,
    guarantee: str = "",
    warnings: Sequence[str] = (),
) -> Document:
    """Return everything that is known of a model's twin; without an evaluation, nothing of it was learned.

    Args:
        task: what was asked for.
        run_id: in which run.
        evaluation: what was measured.
        published_rows: rows of the twin; None: the evaluation keeps it from being published.
        treatments: what was done to each column.
        portrait: for the pictures.
        epsilon: the privacy budget that the backend learned with; None is no differential privacy.
        guarantee: what the private engine promises, in words; empty where checks decided.
        warnings: what the user was told.
    """
    evaluation_figures = evaluation or Evaluation(None, (), {})
    return Document(
        unique_id=task.model.unique_id,
        name=task.model.name,
        source=str(task.model.relation),
        relation=str(task.target),
        run=_run(task, run_id, evaluation_figures),
        verdict=evaluation.verdict if evaluation and not guarantee else None,
        blocked=published_rows is None,
        fidelity=_round(evaluation_figures.fidelity),
        rows=_rows(evaluation_figures, published_rows or 0),
        checks=tuple(_check(check) for check in evaluation_figures.checks),
        accuracies=tuple(_accuracy(accuracy) for accuracy in evaluation_figures.accuracies),
        columns=tuple(
            _column(column, evaluation_figures.rows.get("training", 0))
            for column in evaluation_figures.columns
        ),
        utility=tuple(_utility(utility) for utility in evaluation_figures.utility),
        treatments=tuple(treatments),
        differential_privacy=_guarantee(task.backend, epsilon, guarantee),
        warnings=tuple(warnings),
        portrait=portrait or Portrait(),
    )


def _guarantee(backend: str, epsilon: float | None, guarantee: str) -> DifferentialPrivacy:
    """Return what is guaranteed; `decides` says that nothing else decided about the twin."""
    if epsilon is None:
        return DifferentialPrivacy()
    if guarantee:
        statement = BY_GUARANTEE.format(guarantee=guarantee, odds=exp(min(epsilon, MOST_TOLD)))
        return DifferentialPrivacy(enabled=True, decides=True, statement=statement)
    return DifferentialPrivacy(enabled=True, statement=GUARANTEE.format(backend=backend, epsilon=epsilon))


def _run(task: Task, run_id: str, evaluation: Evaluation) -> Run:
    return Run(
        id=run_id,
        generated_at=datetime.now(UTC).isoformat(timespec="seconds"),
        backend=task.backend,
        seed=task.seed,
        attempt=evaluation.attempt,
        retry_reason=evaluation.retry_reason,
        on_inconclusive=task.on_inconclusive,
        versions={
            "synth": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in LIBRARIES},
        },
    )


def _rows(evaluation: Evaluation, published_rows: int) -> RowCounts:
    rows = evaluation.rows
    return RowCounts(
        training=rows.get("training", 0),
        holdout=rows.get("holdout", 0),
        synthetic=rows.get("synthetic", 0),
        published=published_rows,
        redrawn=evaluation.redrawn_rows,
        broken=evaluation.broken_rules,
    )


def _check(check: Check) -> CheckFigure:
    return CheckFigure(
        name=check.name,
        aspect=check.aspect,
        verdict=check.verdict,
        value=_round(check.value),
        ci_low=_round(check.low),
        ci_high=_round(check.high),
        limit=check.limit,
        customised=check.has_custom_limit,
        gating=check.gating,
        training=check.training,
        holdout=check.holdout,
        explain=check.explain,
    )


def _accuracy(accuracy: Accuracy) -> AccuracyFigure:
    return AccuracyFigure(
        order=accuracy.order,
        synthetic=round(accuracy.synthetic, 6),
        ceiling=round(accuracy.ceiling, 6),
    )


def _utility(utility: Utility) -> UtilityFigure:
    return UtilityFigure(
        target=utility.target,
        metric=utility.metric,
        synthetic=round(utility.synthetic, 6),
        real=round(utility.real, 6),
    )


def _column(column: ColumnFit, rows: int) -> ColumnFigure:
    few = 0 < round(column.null_training * rows) < RARE
    return ColumnFigure(
        name=column.name,
        accuracy=round(column.accuracy, 6),
        ceiling=round(column.ceiling, 6),
        null_training=None if few else round(column.null_training, 6),
        null_synthetic=round(column.null_synthetic, 6),
    )


def _round(value: float | None) -> float | None:
    return round(float(value), 6) if value is not None and isfinite(value) else None
