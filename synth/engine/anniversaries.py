"""Dates that lie whole months apart: contracts of a year, guarantees of 24 months, ends on the day before.

Counted in days such a span is 365 or 366, and a drawn one leads to the day beside the anniversary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from synth.engine.evidence import surely_more

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synth.engine.columns import Ints, Mask
    from synth.engine.ticks import Native

    Microseconds = NDArray[np.datetime64]

SAME, BEFORE, AFTER, LAST = range(4)  # the same day, the day before it, the day after it, the last of a month
MIRRORS = (SAME, AFTER, BEFORE, LAST)  # the form of the same span from its end on
FORMS = (SAME, BEFORE, AFTER, LAST)
OTHER = len(FORMS)  # the form of a span that is not of whole months
LEAST = 0.3  # of the rows, beyond chance, whose spans are of whole months
YEAR = 12  # months
NEAR = 5  # years from the least on, within which enough owners tell that it is nobody's own
SHUFFLES = 4  # of one of the dates, which show what chance does
PROBE_ROWS = 5_000  # that are enough to see it
ONE_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True)
class Months:
    """The spans from one date to another of some rows, counted in months.

    Attributes:
        form: of each row, OTHER where it is not of whole months.
        number: of months; 0 where there are none.
    """

    form: Ints
    number: Ints

    @classmethod
    def between(cls, start: Native, end: Native, forms: tuple[int, ...] = FORMS) -> Months:
        """Return the spans, each of the first of the `forms` that it is of; no time may be NULL."""
        form, number = np.full(len(start), OTHER, np.int64), np.zeros(len(start), np.int64)
        for kind in forms:
            months = months_from(start, end, kind)
            fits = (form == OTHER) & (months_later(start, months, kind) == end.astype("M8[us]"))
            if kind == LAST:
                fits &= is_last(start)
            form[fits], number[fits] = kind, months[fits]
        return cls(form, number)

    @property
    def whole(self) -> Mask:
        """Which spans are of whole months."""
        whole: Mask = self.form != OTHER
        return whole


def months_later(start: Native, months: Ints | np.int64, form: int | Ints) -> Microseconds:
    """Return the moments so many months after others, as Postgres adds them: 31 January leads to 29 February.

    Args:
        start: none of them NULL.
        months: to add.
        form: of the span, one for all or for each.
    """
    moments = start.astype("M8[us]") + np.where(np.equal(form, AFTER), 1, 0) * ONE_DAY
    days = moments.astype("M8[D]")
    month = days.astype("M8[M]")
    later = (month + months).astype("M8[D]")
    length = ((month + months + 1).astype("M8[D]") - later).astype(np.int64)
    place = np.minimum((days - month).astype(np.int64), length - 1)
    place = np.where(np.equal(form, LAST), length - 1, place)
    later = later + place - np.where(np.equal(form, BEFORE), 1, 0)
    result: Microseconds = later.astype("M8[us]") + (moments - days)
    return result


def years_apart(start: Native, end: Native, owner: Ints, enough: int) -> int:
    """Return how many whole years all ends are behind their starts, as people are of age when they sign.

    Args:
        start: the first dates, none of them NULL.
        end: the second ones, none of them before the first.
        owner: whose each pair is.
        enough: owners that must be near the least, else 0: it would be the age of somebody.
    """
    if not len(start):
        return 0
    years = int((end.astype("M8[D]") - start.astype("M8[D]")).min().astype(np.int64) / 365)
    while years and (months_later(start, np.int64(YEAR * years), SAME) > end).any():
        years -= 1
    near = months_later(start, np.int64(YEAR * (years + NEAR)), SAME) > end
    return years if len(np.unique(owner[near])) >= enough else 0


def is_last(moments: Native) -> Mask:
    """Return which moments lie on the last day of a month."""
    days = moments.astype("M8[D]")
    last: Mask = (days + 1).astype("M8[M]") != days.astype("M8[M]")
    return last


def months_from(start: Native, end: Native, form: int) -> Ints:
    """Return how many months spans are of that have this form; of others the nearest below or above."""
    first = start.astype("M8[us]") + (ONE_DAY if form == AFTER else 0 * ONE_DAY)
    last = end.astype("M8[us]") + (ONE_DAY if form == BEFORE else 0 * ONE_DAY)
    months: Ints = (last.astype("M8[M]") - first.astype("M8[M]")).astype(np.int64)
    return months


def common_forms(start: Native, end: Native) -> tuple[int, ...]:
    """Return the forms that spans have, the most frequent first."""
    counts = {kind: int(Months.between(start, end, (kind,)).whole.sum()) for kind in FORMS}
    return tuple(sorted((kind for kind in FORMS if counts[kind]), key=lambda kind: -counts[kind]))


def are_whole(start: Native, end: Native, entities: int) -> float:
    """Return how much more often than by chance spans are of whole months, as a share; 0 if chance may do it.

    Chance is how often they are with the ends dealt out at random. Where all dates are firsts of months, the
    months count that are whole years. A span of no months says nothing.

    Args:
        start: the first dates.
        end: the second dates of the same rows.
        entities: that the rows are of.
    """
    if not len(start) or start.dtype.kind != "M" or end.dtype.kind != "M":
        return 0.0
    some = np.random.default_rng(len(start)).permutation(len(start))[:PROBE_ROWS]
    first, last = start[some], end[some]
    of_rows = _shares(first, last)
    rng = np.random.default_rng(0)
    chance: Any = np.mean([_shares(first, rng.permutation(last)) for _ in range(SHUFFLES)], axis=0)
    number = min(entities, len(some))
    beyond = [
        (share - luck) / (1 - luck)
        for share, luck in zip(of_rows, chance.tolist(), strict=True)
        if luck < 1 and share >= LEAST and surely_more(share * number, number, luck)
    ]
    best = max(beyond, default=0.0)
    return best if best >= LEAST else 0.0


def _shares(start: Native, end: Native) -> tuple[float, float]:
    """Return which share of spans is of whole months, and which of whole years."""
    months = Months.between(start, end)
    whole = months.whole & (months.number != 0)
    return float(whole.mean()), float((whole & (months.number % YEAR == 0)).mean())
