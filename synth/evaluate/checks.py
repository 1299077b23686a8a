"""The list of checks; a new one is a line here."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from synth.domain import Aspect, Check, Verdict
from synth.evaluate.entities import histories
from synth.evaluate.exposure import PEOPLE
from synth.evaluate.fidelity import null_rate, pair_accuracy, triple_accuracy, worst_column, worst_pair
from synth.evaluate.identifiers import identifiers
from synth.evaluate.inference import attribute_inference, singling_out
from synth.evaluate.learning import membership_learned
from synth.evaluate.membership import close_ratio, membership, membership_isolated, near_copies
from synth.evaluate.replay import exact_rows
from synth.evaluate.support import coverage, precision, recall
from synth.evaluate.utility import c2st, tstr
from synth.evaluate.values import domain_extremes, pii_replay, rare_labels, values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from synth.evaluate.case import EvaluationCase
    from synth.evaluate.verdicts import Finding

    Measure: TypeAlias = Callable[[EvaluationCase, float], Finding | None]

QUALITY = Aspect.QUALITY


@dataclass(frozen=True, slots=True)
class CheckRule:
    """A check by its name, the limit its figure must keep, and how it is measured.

    Attributes:
        movable: whether users may set the limit; some are no matter of taste.
        gating: whether the verdict counts, unless a finding says otherwise.
    """

    name: str
    measure: Measure
    limit: float
    aspect: Aspect = Aspect.PRIVACY
    movable: bool = True
    gating: bool = True

    def check(self, case: EvaluationCase, limits: Mapping[str, float]) -> Check | None:
        """Return the outcome of a check; None where there is nothing to check, ERROR for any exception."""
        limit = limits.get(self.name, self.limit * (case.room if self.aspect is QUALITY else 1.0))
        try:
            finding = self.measure(case, limit)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a check, the gate must close
            # The exception's text stays out, because it may quote a row.
            return self.error(f"This check could not be computed ({type(error).__name__}).", limit)
        if finding is None:
            return None
        if not finding.finite:
            return self.error("This check gave a figure that is not a number.", limit)
        return Check(
            self.name,
            finding.gap.value,
            finding.gap.low,
            finding.gap.high,
            limit,
            finding.verdict,
            finding.explain,
            self.aspect,
            finding.training,
            finding.holdout,
            gating=self.gating if finding.gating is None else finding.gating,
            has_custom_limit=limits.get(self.name, self.limit) != self.limit,
        )

    def error(self, explain: str, limit: float) -> Check:
        """Return the outcome when there is none: nothing is known, so the interval is all that can be."""
        return Check(
            self.name, 0.0, -1.0, 1.0, limit, Verdict.ERROR, explain, self.aspect, gating=self.gating
        )


RULES = (
    CheckRule("pair_accuracy", pair_accuracy, 0.03, QUALITY),
    CheckRule("triple_accuracy", triple_accuracy, 0.05, QUALITY),
    CheckRule("worst_column", worst_column, 0.10, QUALITY),
    CheckRule("worst_pair", worst_pair, 0.15, QUALITY),
    CheckRule("null_rate", null_rate, 0.02, QUALITY),
    CheckRule("precision", precision, 0.20, QUALITY),
    CheckRule("recall", recall, 0.20, QUALITY),
    CheckRule("coverage", coverage, 0.20, QUALITY),
    CheckRule("tstr", tstr, 0.05, QUALITY),
    CheckRule("c2st", c2st, 0.90, QUALITY, movable=False, gating=False),
    CheckRule("membership", membership, 0.55),
    CheckRule("membership_learned", membership_learned, 0.55),
    CheckRule("membership_isolated", membership_isolated, 0.55),
    CheckRule("exact_rows", exact_rows, PEOPLE),
    CheckRule("near_copies", near_copies, PEOPLE),
    CheckRule("close_ratio", close_ratio, PEOPLE),
    CheckRule("values", values, PEOPLE),
    CheckRule("rare_labels", rare_labels, PEOPLE),
    CheckRule("histories", histories, PEOPLE),
    CheckRule("attribute_inference", attribute_inference, PEOPLE),
    CheckRule("singling_out", singling_out, PEOPLE),
    CheckRule("identifiers", identifiers, 0.01),
    CheckRule("pii_replay", pii_replay, 0.0, movable=False),
    CheckRule("domain_extremes", domain_extremes, 0.0),
)
LIMITS: Mapping[str, float] = MappingProxyType({rule.name: rule.limit for rule in RULES if rule.movable})
