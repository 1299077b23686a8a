"""What the checks found of a twin, figure by figure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Verdict(StrEnum):
    """What a check, or all checks of a model together, found."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


class Aspect(StrEnum):
    """What a check asks about."""

    PRIVACY = "privacy"
    QUALITY = "quality"


@dataclass(frozen=True, slots=True)
class Check:
    """One measured figure with its 95 % interval, and what it means for publishing.

    Attributes:
        training: how many entities (or rows) of the first half, or learned from; `holdout` of the others.
        gating: whether the verdict counts; a check that is only shown never blocks.
        has_custom_limit: whether the user moved the limit.
    """

    name: str
    value: float
    low: float
    high: float
    limit: float
    verdict: Verdict
    explain: str
    aspect: Aspect = Aspect.PRIVACY
    training: int = 0
    holdout: int = 0
    gating: bool = True
    has_custom_limit: bool = False


@dataclass(frozen=True, slots=True)
class Accuracy:
    """1 - TVD to training of the columns (order 1), pairs (2) or triples (3), mean of all; higher is nearer.

    Attributes:
        synthetic: of the twin; `ceiling` of as many unseen real rows.
    """

    order: int
    synthetic: float
    ceiling: float


@dataclass(frozen=True, slots=True)
class ColumnFit:
    """How near one column of the twin is to training; `ceiling` is how near unseen real rows are."""

    name: str
    accuracy: float
    ceiling: float
    null_training: float
    null_synthetic: float


@dataclass(frozen=True, slots=True)
class Utility:
    """How well a model learned from the twin predicts a column of unseen real rows.

    Attributes:
        metric: auc or r2.
        synthetic: learned from the twin; `real` learned from as many training rows.
    """

    target: str
    metric: str
    synthetic: float
    real: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Training against holdout: how near the twin is to fresh real rows, and whether it repeats real ones.

    Attributes:
        fidelity: share of the real-data ceiling that the twin reaches, 0 to 1; None when not measurable.
        checks: each with its verdict; the gate blocks on FAIL and ERROR.
        rows: sizes of the three tables, by name.
        attempt: which question about these very source rows this was; only a pass leaves the number as it is.
        retry_reason: why there was another one after too many.
        redrawn_rows: rows of the twin that were drawn anew, because they were those of a few real people.
        broken_rules: of the rows drawn, how many broke each rule and were drawn anew, by test or constraint.
    """

    fidelity: float | None
    checks: tuple[Check, ...]
    rows: Mapping[str, int]
    accuracies: tuple[Accuracy, ...] = ()
    columns: tuple[ColumnFit, ...] = ()
    utility: tuple[Utility, ...] = ()
    attempt: int = 1
    retry_reason: str = ""
    redrawn_rows: int = 0
    broken_rules: Mapping[str, int] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the checks that count."""
        order = (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE)
        verdicts = {check.verdict for check in self.checks if check.gating}
        return next((verdict for verdict in order if verdict in verdicts), Verdict.PASS)

    @property
    def undecided_only_in_quality(self) -> bool:
        """Whether all privacy checks pass, and there are too few rows to judge some of the quality."""
        stops = {check.aspect for check in self.checks if check.gating and check.verdict is not Verdict.PASS}
        return self.verdict is Verdict.INCONCLUSIVE and stops == {Aspect.QUALITY}

    @property
    def fails_only_in_quality(self) -> bool:
        """Whether all privacy checks pass, and the twin is too unlike real rows."""
        stops = {check.aspect for check in self.checks if check.gating and check.verdict is not Verdict.PASS}
        return self.verdict is Verdict.FAIL and stops == {Aspect.QUALITY}
