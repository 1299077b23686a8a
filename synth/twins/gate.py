"""Whether a twin may be published: everything but a pass stops it, and so does whatever goes wrong here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from synth import log
from synth.backends import capabilities_of
from synth.domain import Aspect, Check, Evaluation, Policy, Verdict
from synth.errors import UndecidableError
from synth.evaluate import evaluate
from synth.sampling.rejection import RejectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from synth.domain import Shares, Task
    from synth.evaluate import Entities, Halves, OtherSplits, ReplacedColumn

MOST_EXPLAINED = 3  # checks of a rejection; the others are named
# The fidelity from which a twin that fails in quality alone is of more use than one by guarantee: about that
# is what twins by guarantee of some hundred entities reach (decisions/2026-11-29-protect-by-default.md).
USEFUL = 0.8
SHARE_FOR_SPLITS = 0.5  # of the time that an evaluation has; the rest is for what is asked after that
WORST = (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE)


class UndecidedError(RejectedError, UndecidableError):
    """The evaluation cannot say that the twin may be published, and another may be made by guarantee."""


class EvaluationContext(TypedDict):
    """What `evaluate` wants to know beside the tables."""

    categories: Collection[str]
    public: Collection[str]
    seed: int
    entities: Entities | None
    sensitive: Collection[str]
    replaced_columns: Sequence[ReplacedColumn]
    limits: Mapping[str, float]
    target: str | None
    second: NDArray[np.bool_] | None
    models: int
    splits: OtherSplits | None
    progress: Callable[[str, int, int], None] | None


@dataclass(frozen=True, slots=True)
class SplitsInTime:
    """Draws other splits as long as there is time: what fewer of them say is better than no verdict.

    Attributes:
        splits: that are drawn.
        seconds: that they may take from the `start` on, with what was asked before the first.
    """

    splits: OtherSplits
    seconds: float
    start: float

    @property
    def whose(self) -> NDArray[np.int64]:
        """The entity of each real row; see `OtherSplits`."""
        return self.splits.whose

    def draw(self, number: int) -> Halves | None:
        """Return the split of this number; None where it would hardly be done in time."""
        used_seconds = monotonic() - self.start
        is_in_time = used_seconds * (number + 1) / number <= self.seconds
        return self.splits.draw(number) if is_in_time else None


@dataclass(frozen=True, slots=True)
class Evidence:
    """The three tables as a backend sees them, and what is known of them.

    Attributes:
        final: the synthetic rows that other twins decided columns of: they alone are as they are published,
            so quality is that of them. None: all rows are.
    """

    training: pd.DataFrame
    holdout: pd.DataFrame
    synthetic: pd.DataFrame
    context: EvaluationContext
    final: NDArray[np.int64] | None = None

    @property
    def of_final(self) -> Evidence:
        """The same with the final rows alone, in order."""
        if self.final is None:
            return self
        rows, context = np.sort(self.final), self.context.copy()
        if entities := context["entities"]:
            context["entities"] = replace(entities, synthetic=np.asarray(entities.synthetic)[rows])
        if context["second"] is not None:
            context["second"] = context["second"][rows]
        return replace(self, synthetic=self.synthetic.iloc[rows], context=context, final=None)


def measure(evidence: Evidence, balance: Mapping[str, Shares], *, seconds: float, seed: int) -> Evaluation:
    """Return what the checks find, within so many seconds.

    Whatever goes wrong is a check with the verdict ERROR.

    A balanced twin differs from the source as the user asked for. Its quality is measured against real rows
    that are thinned out until their shares are those of the twin; its privacy against all.
    """
    if splits := evidence.context["splits"]:
        timed_splits = SplitsInTime(splits, SHARE_FOR_SPLITS * seconds, monotonic())
        evidence = replace(evidence, context={**evidence.context, "splits": timed_splits})
    if not balance and evidence.final is None:
        return _in_time(lambda: _evaluate(evidence), seconds, evidence)
    privacy = _in_time(lambda: _evaluate(evidence, [Aspect.PRIVACY]), seconds, evidence)

    def judge_quality() -> Evaluation:
        final = evidence.of_final
        return _evaluate(_thin(final, tuple(balance), seed) if balance else final, [Aspect.QUALITY])

    quality = _in_time(judge_quality, seconds, evidence)
    return replace(quality, checks=(*quality.checks, *privacy.checks), rows=privacy.rows)


def _evaluate(evidence: Evidence, aspects: Collection[Aspect] = tuple(Aspect)) -> Evaluation:
    tables = evidence.training, evidence.holdout, evidence.synthetic
    return evaluate(*tables, **evidence.context, aspects=aspects)


def _in_time(work: Callable[[], Evaluation], seconds: float, evidence: Evidence) -> Evaluation:
    """Return what `work` returns; where it fails or takes too long, an evaluation that stops the twin."""
    results: list[Evaluation] = []

    def go() -> None:
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing was shown to be safe
            log.trace(error)
            results.append(
                _failed_evaluation(f"The evaluation broke off ({type(error).__name__}).", evidence)
            )

    worker = Thread(
        target=go, name="synth evaluation", daemon=True
    )  # one that hangs must not outlive the run
    worker.start()
    worker.join(seconds)
    return (
        results[0]
        if results
        else _failed_evaluation(f"The evaluation took more than {seconds:g} seconds.", evidence)
    )


def _failed_evaluation(explain: str, evidence: Evidence) -> Evaluation:
    check = Check("evaluation", 0.0, -1.0, 1.0, 0.0, Verdict.ERROR, explain)
    sizes = {name: len(getattr(evidence, name)) for name in ("training", "holdout", "synthetic")}
    return Evaluation(None, (check,), sizes)


def _thin(evidence: Evidence, columns: Sequence[str], seed: int) -> Evidence:
    """Return the evidence with real rows left out until `columns` are distributed as they are in the twin."""
    rng = np.random.default_rng([seed, len(columns)])
    training = _thinned_out(evidence.training, evidence.synthetic, columns, rng)
    holdout = _thinned_out(evidence.holdout, evidence.synthetic, columns, rng)
    context = evidence.context.copy()
    if entities := context["entities"]:
        context["entities"] = replace(
            entities, training=entities.training[training], holdout=entities.holdout[holdout]
        )
    training_rows, holdout_rows = evidence.training[training], evidence.holdout[holdout]
    return replace(evidence, training=training_rows, holdout=holdout_rows, context=context)


def _thinned_out(
    real: pd.DataFrame, synthetic: pd.DataFrame, columns: Sequence[str], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return which real rows to keep."""
    odds = np.ones(len(real))
    for name in columns:
        here = real[name].value_counts(normalize=True, dropna=False)
        there = synthetic[name].value_counts(normalize=True, dropna=False)
        odds *= real[name].map(there.reindex(here.index, fill_value=0.0) / here).to_numpy(float)
    is_kept: NDArray[np.bool_] = rng.random(len(real)) * odds.max(initial=0.0) < odds
    return is_kept


def passes(task: Task, evaluation: Evaluation) -> bool:
    """Return whether the twin may be published: on a pass, and undecided where the user says so.

    Where only its quality is undecided or too low, a twin by guarantee is mostly of less use, and protects
    nobody better than the checks ask. A limit that the user has set is kept.
    """
    if evaluation.verdict is Verdict.PASS:
        return True
    if evaluation.verdict is Verdict.INCONCLUSIVE and task.on_inconclusive is Policy.WARN:
        return True
    if task.on_inconclusive is not Policy.PROTECT:
        return False
    return evaluation.undecided_only_in_quality or is_useful(task, evaluation)


def is_useful(task: Task, evaluation: Evaluation) -> bool:
    """Return whether a twin that fails in quality alone is published rather than made by guarantee."""
    return (
        evaluation.fails_only_in_quality
        and (evaluation.fidelity or 0.0) >= USEFUL
        and capabilities_of(task.backend).guarantee
        and not any(check.has_custom_limit for check in _stops(evaluation) if check.verdict is Verdict.FAIL)
    )


def is_for_guarantee(task: Task, evaluation: Evaluation) -> bool:
    """Return whether another twin is to be made by guarantee: where this one does not pass.

    That twin is safe whatever the first one told, which nobody gets to see; the warning says what it failed.
    What a backend that no guarantee can stand in for has failed is rejected.
    """
    if task.on_inconclusive is not Policy.PROTECT or evaluation.verdict is Verdict.ERROR:
        return False
    if evaluation.verdict is Verdict.FAIL and not capabilities_of(task.backend).guarantee:
        return False
    return not passes(task, evaluation)


def rejection(task: Task, evaluation: Evaluation, report: Path) -> RejectedError:
    """Return why the twin may not be published: the checks, the worst first, and where their figures are."""
    if is_for_guarantee(task, evaluation):
        return UndecidedError(_reason(evaluation), evaluation)
    if evaluation.verdict is Verdict.INCONCLUSIVE:
        return RejectedError(f"{describe_undecided(evaluation)} {_ways_out(task)} See {report}.", evaluation)
    worst = sorted(_stops(evaluation), key=lambda check: WORST.index(check.verdict))
    lines = [f"{check.name} {check.verdict}: {check.explain}" for check in worst[:MOST_EXPLAINED]]
    if len(worst) > MOST_EXPLAINED:
        lines.append(f"Beside these {', '.join(check.name for check in worst[MOST_EXPLAINED:])}.")
    lines.append(f"See {report}.")
    fails = any(check.verdict is Verdict.FAIL for check in worst)
    if fails and capabilities_of(task.backend).guarantee:
        way_out = f"`meta: {{synth: {{privacy: guaranteed}}}}` in {task.model.path}"
        lines.append(f"Next: publish a twin by guarantee: {way_out}.")
    return RejectedError(" ".join(lines), evaluation)


def _reason(evaluation: Evaluation) -> str:
    """Return why another twin is made, in words that follow `because`."""
    private = [check for check in _stops(evaluation) if check.aspect is Aspect.PRIVACY]
    undecided = [_with_figures(check) for check in private if check.verdict is Verdict.INCONCLUSIVE]
    failures = [check.name for check in _stops(evaluation) if check.verdict is Verdict.FAIL]
    parts = [f"the table is too small for the check{_names(undecided)}"] if undecided else []
    parts += [f"its first twin failed the check{_names(failures)}"] if failures else []
    return ", and ".join(parts)


def _with_figures(check: Check) -> str:
    """Return a check with what it measured and what it allows."""
    return f"{check.name} ({check.value:.3g}, at most {check.high:.3g}; limit {check.limit:.3g})"


def _names(checks: Sequence[str]) -> str:
    """Return names as a sentence has them, after a noun."""
    several = ", ".join(checks[:-1])
    return f"s {several} and {checks[-1]}" if several else f" {checks[-1]}"


def _stops(evaluation: Evaluation) -> list[Check]:
    return [check for check in evaluation.checks if check.gating and check.verdict is not Verdict.PASS]


def count_checks(evaluation: Evaluation | None) -> str:
    """Return how many checks decided about a twin, in words."""
    if evaluation is None:
        return "it has no rows to check"
    aspects = [check.aspect for check in evaluation.checks if check.gating]
    privacy, quality = (aspects.count(aspect) for aspect in (Aspect.PRIVACY, Aspect.QUALITY))
    return f"judged by {privacy} privacy and {quality} quality checks"


def checks_let_through(evaluation: Evaluation | None, verdict: Verdict) -> tuple[str, ...]:
    """Return the checks with a verdict that would have stopped the twin."""
    checks = () if evaluation is None else _stops(evaluation)
    return tuple(check.name for check in checks if check.verdict is verdict)


def describe_undecided(evaluation: Evaluation) -> str:
    """Return which checks the table is too small for, and what the first of them says."""
    unsure = [check for check in _stops(evaluation) if check.verdict is Verdict.INCONCLUSIVE]
    explain = f". {unsure[0].explain}" if unsure else "."
    return f"inconclusive: {', '.join(check.name for check in unsure)}{explain}"


def _ways_out(task: Task) -> str:
    return (
        f"Next: publish undecided twins with a warning: `meta: {{synth: {{on_inconclusive: warn}}}}` in "
        f"{task.model.path}, or --on-inconclusive warn; or leave the model out."
    )
