"""From a measured figure to a check: the interval rule, the worst of many columns, and failing closed."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from synth.domain import Check, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


ENOUGH_ROWS = 500  # from here on a figure may pass by its estimate, where chance alone explains it


@dataclass(frozen=True, slots=True)
class Gap:
    """A figure for one column with its interval."""

    column: str
    value: float
    low: float
    high: float


def judge(low: float, high: float, limit: float, *, by_estimate: bool = False) -> Verdict:
    """PASS when the whole interval keeps the limit, FAIL when none of it does, else INCONCLUSIVE.

    `by_estimate` passes an interval that is too long for the limit all the same: the caller found that the
    estimate keeps the limit, that chance alone explains it, and that there are enough rows.
    """
    if high <= limit or by_estimate:
        return Verdict.PASS
    return Verdict.FAIL if low > limit else Verdict.INCONCLUSIVE


def worst(gaps: Sequence[Gap]) -> Gap:
    """The largest of several gaps, named by its column, with an interval for that maximum.

    The upper bound is the largest upper bound: the truly worst column is below its own, so one column's level
    holds for the maximum. The lower bounds must hold together (Bonferroni) before their maximum is one.
    """
    named = max(gaps, key=lambda gap: gap.value)
    return Gap(named.column, named.value, max(gap.low for gap in gaps), max(gap.high for gap in gaps))


def within_chance(gap: Gap, limit: float, rows: int) -> bool:
    """Whether enough rows gave an estimate that keeps the limit and an interval that reaches nothing."""
    return rows >= ENOUGH_ROWS and gap.value <= limit and gap.low <= 0


def remark(verdict: Verdict) -> str:
    """What closes an explanation: a full stop, or that the rows do not suffice."""
    return "; there are too few rows to decide." if verdict is Verdict.INCONCLUSIVE else "."


def unmeasured(name: str, limit: float, verdict: Verdict, explain: str) -> Check:
    """A check without a figure: nothing is known, so its interval is everything a difference can be."""
    return Check(name, value=0.0, low=-1.0, high=1.0, limit=limit, verdict=verdict, explain=explain)


def guarded(name: str, limit: float, measure: Callable[[], Check | None]) -> Check | None:
    """What `measure` returns; an exception or a figure that is not a number becomes ERROR.

    The exception's text stays out of the result, because it may quote a row.
    """
    try:
        check = measure()
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a check, the gate must close
        kind = type(error).__name__
        return unmeasured(name, limit, Verdict.ERROR, f"This check could not be computed ({kind}).")
    if check is None or all(isfinite(figure) for figure in (check.value, check.low, check.high)):
        return check
    return unmeasured(name, limit, Verdict.ERROR, "This check gave a figure that is not a number.")
