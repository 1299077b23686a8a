"""The evaluation of a twin: training against holdout, quality and privacy, each figure with its interval.

    from synth.evaluate import evaluate
    evaluation = evaluate(training, holdout, synthetic)

A pass says that these checks found nothing; it is no proof that nothing can be found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.domain import Check, Evaluation, Verdict
from synth.evaluate import fidelity, neighbours, privacy
from synth.evaluate.tables import read
from synth.evaluate.verdicts import guarded, unmeasured

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import pandas as pd

    from synth.evaluate.tables import Tables

__all__ = ["evaluate"]


def evaluate(
    training: pd.DataFrame,
    holdout: pd.DataFrame,
    synthetic: pd.DataFrame,
    *,
    categories: Collection[str] = (),
    public: Collection[str] = (),
    seed: int = 0,
) -> Evaluation:
    """Measure `synthetic` against the rows it was learned from and against rows that were held out.

    The three have the same columns, without keys and identifiers; `categories` names those whose values are
    labels whatever their dtype, `public` those whose values are no secret, which no check of single values
    looks at. Never raises over what is in the tables: a check that cannot be computed has the verdict ERROR.
    Explanations name columns and never hold a value.
    """
    sizes = {"training": len(training), "holdout": len(holdout), "synthetic": len(synthetic)}
    try:
        tables = read(training, holdout, synthetic, categories=frozenset(categories))
    except Exception as error:  # noqa: BLE001 - tables that cannot be read must close the gate, not end the run
        explain = f"The three tables could not be compared ({type(error).__name__})."
        return Evaluation(None, (unmeasured("tables", 0.0, Verdict.ERROR, explain),), sizes)
    if not (sizes["training"] and sizes["synthetic"]):
        explain = "There are no training rows or no synthetic rows to compare."
        return Evaluation(None, (unmeasured("tables", 0.0, Verdict.ERROR, explain),), sizes)
    if not tables.columns:  # keys and identifiers alone: nothing was learned, so nothing can be repeated
        return Evaluation(None, (), sizes)
    return _evaluated(tables, tables.without(public), sizes, seed)


def _evaluated(tables: Tables, private: Tables, sizes: dict[str, int], seed: int) -> Evaluation:
    closeness = None
    try:
        closeness = fidelity.measure(tables, seed)
        failed = False
    except Exception:  # noqa: BLE001 - the checks that need it say so below
        failed = True

    def measured() -> fidelity.Fidelity | None:
        if failed:
            raise ArithmeticError
        return closeness

    steps: tuple[tuple[str, float, Callable[[], Check | None]], ...] = (
        ("pair_accuracy", fidelity.PAIR_LIMIT, lambda: fidelity.pair_accuracy(measured())),
        ("worst_column", fidelity.COLUMN_LIMIT, lambda: fidelity.worst_column(measured())),
        ("null_rate", fidelity.NULL_LIMIT, lambda: fidelity.null_rate(tables)),
        ("exact_replay", privacy.ROW_LIMIT, lambda: privacy.exact_replay(tables)),
        ("value_replay", privacy.VALUE_LIMIT, lambda: privacy.value_replay(private)),
        ("rare_category", 0.0, lambda: privacy.rare_category(private)),
        ("nn_share", neighbours.SHARE_LIMIT, lambda: neighbours.nn_share(tables, seed)),
    )
    checks = tuple(check for step in steps if (check := guarded(*step)) is not None)
    return Evaluation(closeness.score if closeness else None, checks, sizes)
