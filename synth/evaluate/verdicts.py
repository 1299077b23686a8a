"""From a measured figure to a verdict: the interval rule, the worst of many columns, and failing closed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING

from synth.domain import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.evaluate.intervals import Rate

ENOUGH = 500  # held-out units from which on a figure may pass by its estimate, where chance explains it
FEWEST = 20  # held-out units below which nothing is estimated at all
MOST_NEEDED = 100  # times as many held-out units as there are; more would be a guess


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
        needed: how many held-out units would decide it, where too few were there.
        gating: whether it counts; None leaves that to the list of checks.
    """

    gap: Gap
    verdict: Verdict
    explain: str
    training: int = 0
    holdout: int = 0
    needed: int = 0
    gating: bool | None = None

    @property
    def finite(self) -> bool:
        """Whether every figure is a number."""
        return all(isfinite(figure) for figure in (self.gap.value, self.gap.low, self.gap.high))


@dataclass(frozen=True, slots=True)
class Scale:
    """What a figure is judged by.

    Attributes:
        limit: the highest figure that is allowed; `chance` is the figure of fresh rows.
        units: held-out units behind the figure, and `noun` what they are called.
    """

    limit: float
    units: int
    noun: str = "rows"
    chance: float = 0.0

    def judge(self, gap: Gap, *, by_estimate: bool = False) -> Verdict:
        """PASS when the whole interval keeps the limit, FAIL when none of it does, else INCONCLUSIVE.

        `by_estimate` passes an interval that is too long for the limit all the same: the caller found that
        the estimate may decide. It must keep the limit, and rest on ENOUGH units.
        """
        chance = by_estimate and gap.value <= self.limit and self.units >= ENOUGH
        if gap.high <= self.limit or chance:
            return Verdict.PASS
        return Verdict.FAIL if gap.low > self.limit else Verdict.INCONCLUSIVE

    def found(
        self,
        gap: Gap,
        text: str,
        sizes: tuple[float, float],
        *,
        by_estimate: bool = False,
        fail: bool = False,
    ) -> Finding:
        """The finding of a figure; `text` says what it means, without a full stop, `fail` overrules it."""
        verdict = Verdict.FAIL if fail else self.judge(gap, by_estimate=by_estimate)
        return self.closed(gap, verdict, text + self._doubt(gap, verdict), sizes)

    def shown(self, gap: Gap, text: str, sizes: tuple[float, float]) -> Finding:
        """A finding that counts only where it fails, because it rests on few items."""
        verdict = Verdict.FAIL if gap.low > self.limit else Verdict.PASS
        finding = self.closed(gap, verdict, text + self._doubt(gap, verdict), sizes)
        return replace(finding, gating=verdict is Verdict.FAIL)

    def closed(self, gap: Gap, verdict: Verdict, text: str, sizes: tuple[float, float]) -> Finding:
        """The finding of a verdict; an INCONCLUSIVE one says how many held-out units it would take."""
        needed = self.needed(gap) if verdict is Verdict.INCONCLUSIVE else 0
        text += f"; {self._remark(needed)}" if needed else ""
        text += "."
        return Finding(gap, verdict, text, round(sizes[0]), round(sizes[1]), needed)

    def needed(self, gap: Gap) -> int:
        """So many held-out units that the interval, which shrinks with their root, leaves the limit out.

        The estimate moves, too: one that happens to be near the limit is taken to be half-way from chance to
        it. Rounded up to two digits; at least ENOUGH, at most MOST_NEEDED times as many as there are.
        """
        half = gap.high - gap.value if gap.value <= self.limit else gap.value - gap.low
        room = max(abs(self.limit - gap.value), (self.limit - self.chance) / 2)
        times = min((half / room) ** 2, MOST_NEEDED) if room else MOST_NEEDED
        return _rounded_up(max(self.units * times, self.units + 1, ENOUGH))

    def unmeasured(self, text: str, verdict: Verdict = Verdict.INCONCLUSIVE) -> Finding:
        """A finding without a figure: its interval is everything a difference can be."""
        return self.closed(Gap("", 0.0, -1.0, 1.0), verdict, text, (0, 0))

    def too_few(self) -> Finding:
        """The finding where there are fewer than FEWEST held-out units."""
        return self.unmeasured("This cannot be measured")

    def _doubt(self, gap: Gap, verdict: Verdict) -> str:
        """What a pass by the estimate leaves open."""
        if verdict is not Verdict.PASS or gap.high <= self.limit:
            return ""
        if gap.value > self.limit:
            return f"; it may be chance, {gap.low:.2%} cannot be ruled out either"
        return f"; that it is {gap.high:.2%} cannot be ruled out"

    def _remark(self, needed: int) -> str:
        return (
            f"{self.units:,} unseen real {self.noun} are too few to decide, about {needed:,} would be needed"
        )


def worst(gaps: Sequence[Gap]) -> Gap:
    """The largest of several gaps, named by its column, with an interval for that maximum.

    The upper bound is the largest upper bound: the truly worst column is below its own, so one column's level
    holds for the maximum. The lower bounds must hold together (Bonferroni) before their maximum is one.
    """
    named = max(gaps, key=lambda gap: gap.value)
    return Gap(named.column, named.value, max(gap.low for gap in gaps), max(gap.high for gap in gaps))


def counts(*rates: Rate) -> tuple[float, float]:
    """The trials of training and of holdout, as a finding's sizes."""
    return rates[0][1], rates[1][1]


def listed(names: Sequence[str], most: int = 5) -> str:
    """Column names in quotes, the first few of many."""
    quoted = ", ".join(f"'{name}'" for name in names[:most])
    return quoted if len(names) <= most else f"{quoted} and {len(names) - most} more"


def _rounded_up(number: float) -> int:
    step = int(10 ** max(floor(log10(number)) - 1, 0))
    return ceil(number / step) * step
