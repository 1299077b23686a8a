"""What the report says: titles, verdicts, and figures as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.domain import Aspect, Verdict

if TYPE_CHECKING:
    from synth.domain.figures import Distribution
    from synth.report.document import CheckFigure, Document

TITLES = {
    "tables": "The tables can be compared",
    "membership": "Membership attack by distance",
    "membership_learned": "Membership attack by a classifier",
    "membership_isolated": "Membership attack on outliers",
    "exact_rows": "Whole rows repeated",
    "near_copies": "Near copies",
    "close_ratio": "Nearer to one engine",
    "values": "Single values repeated",
    "rare_labels": "Rare labels repeated",
    "histories": "Histories repeated",
    "attribute_inference": "Sensitive columns inferred",
    "singling_out": "Singled out by a sensitive column",
    "pii_replay": "Replaced values that recur",
    "domain_extremes": "Least and greatest values",
    "identifiers": "Values that tell entities apart",
    "evaluation": "The evaluation itself",
    "pair_accuracy": "Pairs of columns",
    "triple_accuracy": "Triples of columns",
    "worst_column": "Worst column",
    "worst_pair": "Worst pair of columns",
    "precision": "Rows are plausible",
    "recall": "Rows are varied",
    "coverage": "No region left out",
    "null_rate": "Share of NULLs",
    "tstr": "Usefulness for prediction",
    "c2st": "Told apart by a classifier",
}
MARKS = {Verdict.PASS: "✓", Verdict.FAIL: "✕", Verdict.INCONCLUSIVE: "?", Verdict.ERROR: "!", None: "–"}
STATES = {
    Verdict.PASS: "Passed",
    Verdict.FAIL: "Failed",
    Verdict.INCONCLUSIVE: "Undecided",
    Verdict.ERROR: "Not computed",
    None: "Nothing to check",
}
ORDERS = {1: "Single columns", 2: "Pairs of columns", 3: "Triples of columns"}
METRICS = {"auc": "area under the ROC curve", "r2": "R²"}
# Figures that are no shares.
AREAS = frozenset({"membership", "membership_learned", "membership_isolated", "c2st"})
PEOPLE = frozenset(
    {
        "exact_rows",
        "near_copies",
        "close_ratio",
        "values",
        "rare_labels",
        "histories",
        "attribute_inference",
        "singling_out",
    }
)
BASELINES = dict.fromkeys(AREAS, 0.5)  # of guessing; without memory, all other figures are 0


def title(check: CheckFigure) -> str:
    """Return what a check is called; one that is new here keeps its own name."""
    return TITLES.get(check.name) or check.name.replace("_", " ").capitalize()


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share as text, and a dash where there is none."""
    if share is None:
        return "–"
    text = f"{share:.{digits}%}"
    return text.removeprefix("-") if not float(text.strip("-%")) else text.replace("-", "\N{MINUS SIGN}")


def baseline(check: CheckFigure) -> float:
    """Return what unseen real rows would have."""
    return BASELINES.get(check.name, 0.0)


def figure(check: CheckFigure, value: float | None) -> str:
    """Return a figure of a check as text: a share, an area, or a count."""
    if value is None:
        return "–"
    if check.name in AREAS:
        return f"{value:.3f}".replace("-", "\N{MINUS SIGN}")
    if check.name in PEOPLE or is_count(check):
        return f"{value:,.0f}"
    return percent(value, 2 if abs(value) < 0.01 else 1)  # noqa: PLR2004 - below a per cent, two digits tell more


def limit(check: CheckFigure) -> str:
    """Return the limit of a check as text."""
    return figure(check, check.limit) if check.limit else "0"


def is_count(check: CheckFigure) -> bool:
    """Return whether the figure was counted, and not estimated."""
    return check.ci_low == check.ci_high == check.value and float(check.value or 0).is_integer()


def with_sign(value: float) -> str:
    """Return a difference with its sign and two digits."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def closest(document: Document) -> CheckFigure | None:
    """Return the privacy check that counts and is nearest to its limit, or farthest beyond it."""
    order = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR)

    def danger(check: CheckFigure) -> tuple[int, float]:
        length = check.limit - baseline(check)
        part = ((check.value or 0) - baseline(check)) / length if length > 0 else 0.0
        return order.index(check.verdict), part

    gates = [check for check in document.of_aspect(Aspect.PRIVACY) if check.gating]
    return max(gates, key=danger, default=None)


def is_chance(check: CheckFigure) -> bool:
    """Return whether a check passes beyond its limit, because chance explains its figure."""
    return check.verdict is Verdict.PASS and (check.value or 0) > check.limit


def highest(distribution: Distribution) -> float:
    """Return the largest share of a column's cells, which the longest bar has."""
    return (
        max((share for cell in distribution.cells for share in (cell.training, cell.synthetic)), default=0)
        or 1.0
    )


def decisive_checks(document: Document) -> tuple[CheckFigure, ...]:
    """Return the checks that made the verdict what it is, those of privacy first."""
    checks = [check for check in document.checks if check.gating and check.verdict is document.verdict]
    return tuple(sorted(checks, key=lambda check: check.aspect is not Aspect.PRIVACY))


def headline(document: Document) -> str:
    """Return the verdict, and what follows from it."""
    if document.differential_privacy.decides:
        return "By guarantee"
    state = STATES[document.verdict]
    if document.blocked:
        return f"{state}: not published"
    if document.verdict is Verdict.FAIL:
        return "Below the limits of quality, and published"
    return f"{state}, and let through" if document.verdict is Verdict.INCONCLUSIVE else state


def sentence(document: Document) -> str:
    """Return the verdict in one plain sentence."""
    if document.differential_privacy.decides:
        return "The private engine made this twin, so no check had to decide about it."
    gates = [check for check in document.checks if check.gating]
    checks = decisive_checks(document)
    match document.verdict:
        case None:
            return (
                "No column of this model was learned: keys are new, and the rest is replaced or empty, "
                "so there is nothing that could be compared."
            )
        case Verdict.PASS:
            return _pass_sentence(document, gates)
        case Verdict.FAIL:
            private = "" if document.blocked else " The privacy checks pass."
            return f"{len(checks)} of {_count(len(gates), 'check')} failed.{private}"
        case Verdict.ERROR:
            return (
                f"{len(checks)} of {_count(len(gates), 'check')} could not be computed; unknown means stop."
            )
        case Verdict.INCONCLUSIVE:
            return f"The table is too small to decide {len(checks)} of {_count(len(gates), 'check')}."


def _pass_sentence(document: Document, gates: list[CheckFigure]) -> str:
    attacks = sum(check.aspect is Aspect.PRIVACY for check in gates)
    near = ""
    if document.fidelity is not None:
        near = f", and the twin reaches {percent(document.fidelity)} of the fidelity of unseen real rows"
    return f"No leakage was found by these {attacks} attacks{near}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
