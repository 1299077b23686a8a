"""Where things are in the pictures; the templates draw them."""

from __future__ import annotations

from dataclasses import dataclass
from math import log10
from typing import TYPE_CHECKING

from synth.report.words import baseline, is_count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from synth.domain.figures import Associations, Distances, Distribution, Roc
    from synth.report.document import CheckFigure

WHISKER = 200.0  # units a whisker is wide
ZERO, LIMIT = 50.0, 130.0  # where, so that all whiskers share their lines
WIDE, HIGH = 320.0, 220.0  # of a curve's plot
MINI_WIDE, MINI_HIGH = 120.0, 28.0
SHARES = tuple((part * WIDE, f"{part:.0%}") for part in (0.0, 0.25, 0.5, 0.75, 1.0))
CELL = 12.0  # of a heat map
STRONG = 0.25  # difference of associations that has the full colour
NOISE = 1.96  # standard errors


@dataclass(frozen=True, slots=True)
class Whisker:
    """A dot and its interval between the line of unseen real rows and that of the limit.

    Attributes:
        value: where the dot is; None: there is no figure.
        cut_low: whether the interval goes on beyond the left edge; `cut_high` beyond the right one.
        has_limit: whether the line of the limit is drawn; else that of unseen real rows is the limit.
    """

    value: float | None
    low: float
    high: float
    cut_low: bool
    cut_high: bool
    has_limit: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One cell of a small histogram: where it is, and how high its two bars are."""

    x: float
    width: float
    training: float
    synthetic: float


@dataclass(frozen=True, slots=True)
class Heat:
    """One pair of columns in a heat map: where it is, and how strong its colour is, 0 to 1."""

    x: float
    y: float
    strength: float


@dataclass(frozen=True, slots=True)
class Pair:
    """The association of two columns, in the training rows and in the twin."""

    first: str
    second: str
    training: float
    synthetic: float

    @property
    def difference(self) -> float:
        """Of the twin from the training rows."""
        return self.synthetic - self.training


def whisker(check: CheckFigure) -> Whisker:
    """Return a check on its own scale, where unseen real rows and the limit are where all checks have them.

    Where nothing is allowed, a count above 0 is beyond the limit, and an estimate is when all of its interval
    is; the scale of such an estimate is that of its interval.
    """
    start = baseline(check)
    ends = [end for end in (check.value, check.ci_low, check.ci_high) if end is not None]
    reach = max((abs(end) for end in ends), default=0.0)
    has_limit = check.limit > start or is_count(check)
    length = check.limit - start if check.limit > start else reach or 1.0

    def place(value: float | None) -> float:
        return ZERO if value is None else ZERO + (value - start) / length * (LIMIT - ZERO)

    beyond = has_limit and check.limit <= start and reach > 0
    low, high = (WHISKER if beyond else place(end) for end in (check.ci_low, check.ci_high))
    return Whisker(
        value=None if check.value is None else _within(WHISKER if beyond else place(check.value)),
        low=_within(low),
        high=_within(high),
        cut_low=low < 0,
        cut_high=high > WHISKER,
        has_limit=has_limit,
    )


def histogram(distribution: Distribution) -> tuple[Bar, ...]:
    """Return the small picture of a column."""
    cells = distribution.cells
    highest = max((share for cell in cells for share in (cell.training, cell.synthetic)), default=0) or 1
    width = MINI_WIDE / max(len(cells), 1)
    return tuple(
        Bar(place * width, width, cell.training / highest * MINI_HIGH, cell.synthetic / highest * MINI_HIGH)
        for place, cell in enumerate(cells)
    )


def attack(roc: Roc) -> dict[str, str]:
    """Return the curve of the attack, chance, and the band of chance for so many rows; log axes."""
    shares = roc.false_positives

    def x(share: float) -> float:
        return _in_logs(share, shares[0]) * WIDE

    def y(share: float) -> float:
        return (1 - _in_logs(share, shares[0])) * HIGH

    errors = [NOISE * (share * (1 - share) * (1 / roc.training + 1 / roc.holdout)) ** 0.5 for share in shares]
    upper = [share + error for share, error in zip(shares, errors, strict=True)]
    lower = [share - error for share, error in zip(shares, errors, strict=True)]
    return {
        "attack": _path(shares, roc.true_positives, x, y),
        "guess": _path(shares, shares, x, y),
        "band": _path([*shares, *reversed(shares)], [*upper, *reversed(lower)], x, y) + "Z",
    }


def attack_ticks(roc: Roc) -> tuple[tuple[float, str], ...]:
    """Return where shares are written beside the attack's curve, as parts of its width."""
    first = roc.false_positives[0]
    return tuple(
        (_in_logs(share, first) * WIDE, f"{share:.1%}".replace(".0%", "%"))
        for share in (0.001, 0.01, 0.1, 1.0)
        if share >= first
    )


def nearest(distances: Distances) -> dict[str, str]:
    """Return two curves: how many rows of the twin have a training row, an unseen row, within a distance."""

    def x(distance: float) -> float:
        return distance / distances.distance[-1] * WIDE

    def y(share: float) -> float:
        return HIGH * (1 - share)

    return {
        "training": _path(distances.distance, distances.to_training, x, y),
        "holdout": _path(distances.distance, distances.to_holdout, x, y),
    }


def distance_ticks(distances: Distances) -> tuple[tuple[float, str], ...]:
    """Return where distances are written below the curves."""
    last = distances.distance[-1]
    return tuple((part * WIDE, f"{part * last:.3g}") for part in (0.0, 0.25, 0.5, 0.75, 1.0))


def quarters(distances: Distances) -> tuple[dict[str, float | str], ...]:
    """Return the curves in numbers, at a few distances."""
    last = len(distances.distance) - 1
    return tuple(
        {
            "distance": f"{distances.distance[place]:.2g}",
            "training": distances.to_training[place],
            "holdout": distances.to_holdout[place],
        }
        for place in (0, last // 4, last // 2, last)
    )


def heat(triangle: Sequence[Sequence[float]], full: float = 1.0) -> tuple[Heat, ...]:
    """Return the pairs of a heat map that have a colour at all."""
    return tuple(
        Heat(column * CELL, row * CELL, round(min(abs(value) / full, 1.0), 2))
        for row, values in enumerate(triangle)
        for column, value in enumerate(values)
        if abs(value) / full >= 0.01  # noqa: PLR2004 - fainter colours cannot be seen
    )


def difference(associations: Associations) -> tuple[Heat, ...]:
    """Return the heat map of the differences."""
    rows = zip(associations.training, associations.synthetic, strict=True)
    gaps = [[twin - real for real, twin in zip(*row, strict=True)] for row in rows]
    return heat(gaps, STRONG)


def pairs(associations: Associations) -> tuple[Pair, ...]:
    """Return all pairs, those that differ most first."""
    every = [
        Pair(associations.columns[other], associations.columns[row], real, associations.synthetic[row][other])
        for row, values in enumerate(associations.training)
        for other, real in enumerate(values)
    ]
    return tuple(sorted(every, key=lambda pair: -abs(pair.difference)))


def sparkline(shares: Sequence[float | None]) -> str:
    """Return the path of a trend, oldest first, 0 to 1 from bottom to top; gaps where there is no share."""
    values = [share for share in shares if share is not None]
    if len(values) < 2:  # noqa: PLR2004 - one point is no trend
        return ""
    low, high = min(*values, 0.9), 1.0
    step = MINI_WIDE / (len(shares) - 1)
    points = [
        f"{place * step:.1f},{(1 - (share - low) / (high - low)) * MINI_HIGH:.1f}"
        for place, share in enumerate(shares)
        if share is not None
    ]
    return "M" + "L".join(points)


def _in_logs(share: float, first: float) -> float:
    """Return where a share is on an axis from `first` to 1, as a part of its length."""
    return 1 - log10(min(max(share, first), 1.0)) / log10(first)


def _within(place: float) -> float:
    return round(min(max(place, 0.0), WHISKER), 1)


def _path(
    across: Sequence[float], up: Sequence[float], x: Callable[[float], float], y: Callable[[float], float]
) -> str:
    return "M" + "L".join(f"{x(one):.1f},{y(other):.1f}" for one, other in zip(across, up, strict=True))
