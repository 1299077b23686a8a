"""From a measured figure to a verdict: the interval rule, the worst of many columns, and failing closed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING

from synth.domain import Verdict
from synth.evaluate.exposure import LEVEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.evaluate.case import EvaluationCase
    from synth.evaluate.exposure import Advantage, Tally

MILLIONTH = 1e-6

ENOUGH = 100  # units of each part from which on a figure of quality is decided
FEWEST = 20  # units of a part below which nothing is estimated at all


@dataclass(frozen=True, slots=True)
class Gap:
    """A figure with its 95 % interval, for one column or for the table."""

    column: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found out; the list of checks adds its name, its limit and what it asks about.

    Attributes:
        training, holdout: on how many training and holdout items the figure rests.
        gating: whether it counts; None leaves that to the list of checks.
    """

    gap: Gap
    verdict: Verdict
    explain: str
    training: int = 0
    holdout: int = 0
    gating: bool | None = None

    @property
    def finite(self) -> bool:
        """Whether every figure is a number."""
        return all(isfinite(figure) for figure in (self.gap.value, self.gap.low, self.gap.high))


@dataclass(frozen=True, slots=True)
class Scale:
    """What a figure is judged by.

    Attributes:
        limit: the highest figure that is allowed.
        units: units behind the figure, in the smaller of the two parts, and `noun` what they are called.
    """

    limit: float
    units: int
    noun: str = "rows"

    def judge(self, gap: Gap) -> Verdict:
        """Return FAIL when the whole interval is beyond the limit, else PASS; of few units INCONCLUSIVE.

        Being wrong about quality harms nobody, so what chance explains is no fault.
        """
        if gap.low > self.limit:
            return Verdict.FAIL
        return Verdict.PASS if gap.high <= self.limit or self.units >= ENOUGH else Verdict.INCONCLUSIVE

    def finding(self, gap: Gap, text: str, sizes: tuple[float, float]) -> Finding:
        """Return the finding of a figure of quality; `text` says what it means, without a full stop."""
        verdict = self.judge(gap)
        return self.finish(gap, verdict, text + self._doubt(gap, verdict), sizes)

    def finish(self, gap: Gap, verdict: Verdict, text: str, sizes: tuple[float, float]) -> Finding:
        """Return the finding of a verdict; an INCONCLUSIVE one says that there are too few units."""
        text += f"; {self._remark()}" if verdict is Verdict.INCONCLUSIVE else ""
        return Finding(gap, verdict, f"{text}.", round(sizes[0]), round(sizes[1]))

    def unmeasured_finding(self, text: str, verdict: Verdict = Verdict.INCONCLUSIVE) -> Finding:
        """Return a finding without a figure: its interval is everything a difference can be."""
        return self.finish(Gap("", 0.0, -1.0, 1.0), verdict, text, (0, 0))

    def too_few(self) -> Finding:
        """Return the finding where there are fewer than FEWEST units."""
        return self.unmeasured_finding("This cannot be measured")

    def _doubt(self, gap: Gap, verdict: Verdict) -> str:
        """Return what a pass leaves open."""
        if verdict is not Verdict.PASS or gap.high <= self.limit:
            return ""
        if gap.value > self.limit:
            return f"; it may be chance: the 95 % interval begins at {gap.low:.2%}"
        return f"; the 95 % interval ends at {gap.high:.2%}"

    def _remark(self) -> str:
        return f"this table is too small to decide ({self.units:,} {self.noun} in the smaller part)"


def judge_advantage(
    case: EvaluationCase,
    limit: float,
    guess: Advantage,
    what: str,
    sizes: tuple[float, float],
    *,
    show: bool = False,
    level: float = LEVEL,
) -> Finding:
    """Return the finding of an attack: PASS when its upper bound keeps the limit, FAIL beyond doubt.

    `show` lets it count only where it fails; the bound is one of confidence 1 - `level`.
    """
    value = 0.5 + guess.value
    gap = Gap("", value, 0.5 + guess.least(LEVEL / 2), 0.5 + guess.upper_bound(LEVEL / 2))
    upper, least = 0.5 + guess.upper_bound(level), 0.5 + guess.least(case.level)
    verdict = Verdict.PASS if upper <= limit or (show and least <= limit) else Verdict.INCONCLUSIVE
    verdict = Verdict.FAIL if least > limit else verdict
    text = f"{what}: AUC {value:.3f} (0.5 is chance, limit {limit:g}); at most {upper:.3f} at "
    text += f"{100 * (1 - level):g} % confidence, over {round(sum(sizes)):,} {case.noun}"
    finding = case.scale(limit).finish(gap, verdict, text, sizes)
    return replace(finding, gating=verdict is Verdict.FAIL) if show else finding


def judge_tally(
    case: EvaluationCase,
    limit: float,
    tally: Tally,
    text: str,
    probability: float,
    sizes: tuple[float, float],
) -> Finding:
    """Return the finding of a tally: FAIL where chance does not explain more people than `limit`."""
    fails = probability < case.level and tally.excess > limit
    likely = "below 1e-6" if probability < MILLIONTH else f"{probability:.2g}"
    text += (
        f": {tally.own:,} are in the half that this engine learned from, {tally.other:,} are not: "
        f"{max(tally.excess, 0):,.0f} {case.noun} beyond chance (at most {max(tally.most, 0):,.0f} at 95 % "
        f"confidence; p = {likely}, fails below {case.level:.2g})"
    )
    low = tally.excess if fails else min(tally.excess, 0.0)
    gap = Gap("", tally.excess, low, max(tally.most, tally.excess))
    return case.scale(limit).finish(gap, Verdict.FAIL if fails else Verdict.PASS, text, sizes)


def worst(gaps: Sequence[Gap]) -> Gap:
    """Return the largest of several gaps, named by its column, with an interval for that maximum.

    The upper bound is the largest upper bound: the truly worst column is below its own, so one column's level
    holds for the maximum. The lower bounds must hold together (Bonferroni) before their maximum is one.
    """
    worst_gap = max(gaps, key=lambda gap: gap.value)
    return Gap(worst_gap.column, worst_gap.value, max(gap.low for gap in gaps), max(gap.high for gap in gaps))


def quote_names(names: Sequence[str], most: int = 5) -> str:
    """Return column names in quotes, the first few of many."""
    names_text = ", ".join(f"'{name}'" for name in names[:most])
    return names_text if len(names) <= most else f"{names_text} and {len(names) - most} more"
