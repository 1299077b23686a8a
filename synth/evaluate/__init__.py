"""The evaluation of a twin: training against holdout, quality and privacy, each figure with its interval.

    from synth.evaluate import evaluate
    evaluation = evaluate(training, holdout, synthetic)

A pass says that these checks found nothing; it is no proof that nothing can be found. A check that cannot be
computed is an ERROR. Explanations name columns and hold no value.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from synth.domain import Aspect, Check, Evaluation, Verdict
from synth.evaluate.case import Entities, EvaluationCase, Halves, OtherSplits, ReplacedColumn
from synth.evaluate.checks import LIMITS, RULES, CheckRule
from synth.evaluate.membership import SPLITS
from synth.evaluate.tables import read

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from typing import TypeAlias

    import numpy.typing as npt
    import pandas as pd

    from synth.evaluate.tables import Codes, Mask, Tables

    Progress: TypeAlias = Callable[[str, int, int], None]

__all__ = ["LIMITS", "Entities", "Halves", "OtherSplits", "ReplacedColumn", "evaluate"]

NO_LIMITS: Mapping[str, float] = MappingProxyType({})


def evaluate(  # noqa: PLR0913 - what is known of three tables, each by its name
    training: pd.DataFrame,
    holdout: pd.DataFrame,
    synthetic: pd.DataFrame,
    *,
    categories: Collection[str] = (),
    public: Collection[str] = (),
    seed: int = 0,
    entities: Entities | None = None,
    sensitive: Collection[str] = (),
    replaced_columns: Sequence[ReplacedColumn] = (),
    limits: Mapping[str, float] = NO_LIMITS,
    target: str | None = None,
    second: npt.ArrayLike | None = None,
    models: int = 1,
    splits: OtherSplits | None = None,
    aspects: Collection[Aspect] = tuple(Aspect),
    progress: Progress | None = None,
) -> Evaluation:
    """Measure `synthetic` against the rows it was learned from and against others.

    Args:
        training: the rows that were learned from.
        holdout: rows that were parted from them by chance, by entity.
        synthetic: every row of the twin, before any filter.
        categories: columns whose values are labels, whatever their dtype.
        public: columns whose values are no secret; no check of values looks at them.
        seed: of everything random.
        entities: whom the rows are about; None: each row is about somebody else.
        sensitive: columns of which nobody should guess a value.
        replaced_columns: columns that were made anew, so that no value of theirs may be a real one.
        limits: limits that differ from LIMITS, by the check's name.
        target: the column that learners predict; None leaves the choice to the check.
        second: which synthetic rows are of an engine that learned `holdout`; None: nothing was learned of it.
        models: how many twins are evaluated in this run, which share one rate of error.
        splits: draws the table again by other halves, which are asked where these cannot decide.
        aspects: what is asked about; fidelity and utility belong to quality.
        progress: called with what is checked, and two zeros: how far it is, is not known.

    Raises:
        ValueError: `limits` names a check that has no limit to move.
    """
    _refuse_unknown(limits)
    labels = frozenset(categories)
    try:
        tables = _read((training, holdout, synthetic), labels, entities, second)
    except Exception as error:  # noqa: BLE001 - tables that cannot be read must close the gate, not end the run
        return _unread(error, _sizes(training, holdout, synthetic))
    names = frozenset(public), seed, tuple(sensitive), tuple(replaced_columns), target, models
    return _measure_all(EvaluationCase(tables, *names), splits, labels, limits, aspects, progress)


def _read(
    frames: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
    labels: frozenset[str],
    entities: Entities | None,
    second: npt.ArrayLike | None,
) -> Tables:
    """Return the three frames as one, with whom the rows are about and which engine drew them."""
    sizes = _sizes(*frames)
    units = None if entities is None else _units(entities, sizes)
    engines = None if second is None else _engines(second, sizes)
    return replace(read(*frames, categories=labels), units=units, second=engines)


def _say_nothing(_name: str, _done: int, _total: int) -> None:
    """Do what a caller does that does not ask how far the checks are."""


def _with_splits(
    case: EvaluationCase, splits: OtherSplits | None, labels: frozenset[str], report: Progress
) -> EvaluationCase:
    """Return the case with those of other splits, where each half has an engine."""
    if splits is None or case.tables.second is None:
        return case
    return replace(case, whose=splits.whose, splits=_other_cases(case, splits, labels, report))


def _other_cases(
    case: EvaluationCase, splits: OtherSplits, labels: frozenset[str], report: Progress
) -> Iterator[EvaluationCase]:
    """Yield the cases of other splits, each drawn when it is asked for."""
    for number in range(1, SPLITS):
        report(f"checking membership, split {number + 1} of {SPLITS}", 0, 0)
        halves = splits.draw(number)
        if halves is None:
            return
        frames = halves.training, halves.holdout, halves.synthetic
        tables = _read(frames, labels, halves.entities, halves.second)
        yield replace(case, tables=tables, whose=halves.whose)


def _refuse_unknown(limits: Mapping[str, float]) -> None:
    if unknown_checks := sorted(limits.keys() - LIMITS.keys()):
        raise ValueError(f"no limit to move: {', '.join(unknown_checks)}; there are {', '.join(LIMITS)}")


def _measure_all(
    case: EvaluationCase,
    splits: OtherSplits | None,
    labels: frozenset[str],
    limits: Mapping[str, float],
    aspects: Collection[Aspect],
    progress: Progress | None,
) -> Evaluation:
    tables, report = case.tables, progress or _say_nothing
    case = _with_splits(case, splits, labels, report)
    sizes = {"training": tables.training, "holdout": tables.holdout, "synthetic": tables.synthetic}
    if not (sizes["training"] and sizes["synthetic"]):
        return _no_evaluation("There are no training rows or no synthetic rows to compare.", sizes)
    rules: tuple[CheckRule, ...] = tuple(rule for rule in RULES if rule.aspect in aspects)
    if not case.tables.columns:  # keys and identifiers alone: nothing was learned; they must still be new
        rules = tuple(rule for rule in rules if rule.name == "pii_replay")
    checks: tuple[Check, ...] = ()
    for rule in rules:
        report(f"checking {rule.name}", 0, 0)
        check = rule.check(case, limits)
        checks += () if check is None else (check,)
    has_quality = bool(case.tables.columns) and Aspect.QUALITY in aspects
    return _summed_up(case, checks, sizes) if has_quality else Evaluation(None, checks, sizes)


def _summed_up(case: EvaluationCase, checks: tuple[Check, ...], sizes: Mapping[str, int]) -> Evaluation:
    fidelity = utility = None
    with suppress(Exception):  # the checks that rest on it are ERROR
        fidelity = case.fidelity
    with suppress(Exception):
        utility = case.transfer
    return Evaluation(
        fidelity.score if fidelity else None,
        checks,
        sizes,
        accuracies=fidelity.accuracies if fidelity else (),
        columns=fidelity.columns(case.tables) if fidelity else (),
        utility=(utility.utility,) if utility else (),
    )


def _units(entities: Entities, sizes: Mapping[str, int]) -> Codes:
    """Return the entities of all rows, those of synthetic rows apart from the real ones."""
    parts = [np.asarray(part) for part in (entities.training, entities.holdout, entities.synthetic)]
    if [len(part) for part in parts] != list(sizes.values()):
        raise ValueError("an entity for every row is needed")
    real = np.unique(np.concatenate(parts[:2]), return_inverse=True)[1]
    twin = np.unique(parts[2], return_inverse=True)[1] + real.max(initial=-1) + 1
    return np.concatenate([real, twin]).astype(np.int64)


def _engines(second: npt.ArrayLike, sizes: Mapping[str, int]) -> Mask:
    """Return which synthetic rows are the second engine's."""
    second_half = np.asarray(second, dtype=np.bool_)
    if (
        len(second_half) != sizes["synthetic"]
        or not 0 < second_half.sum() < len(second_half)
        or not sizes["holdout"]
    ):
        raise ValueError("rows of both engines are needed, and the half that each learned")
    return second_half


def _sizes(training: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame) -> dict[str, int]:
    return {"training": len(training), "holdout": len(holdout), "synthetic": len(synthetic)}


def _unread(error: Exception, sizes: Mapping[str, int]) -> Evaluation:
    return _no_evaluation(f"The three tables could not be compared ({type(error).__name__}).", sizes)


def _no_evaluation(explain: str, sizes: Mapping[str, int]) -> Evaluation:
    check = Check("tables", 0.0, -1.0, 1.0, 0.0, Verdict.ERROR, explain)
    return Evaluation(None, (check,), sizes)
