"""Dates that stand for no date: 9999-12-31 for an open end, 1900-01-01 for an unknown beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from synth.engine.columns import Mask
    from synth.engine.crowd import Crowd
    from synth.engine.ticks import Native

FAR = 2.0  # times as far from the nearest other date as all others are from each other


def far_date(own: tuple[Native, Mask], others: tuple[Native, Mask], crowd: Crowd) -> Any:
    """Return the date far from all others that many hold, where nothing is NULL; None if there is none.

    Args:
        own: dates of the learned rows, and where they are NULL.
        others: those beside them.
        crowd: of both.
    """
    dates = np.concatenate([own[0], others[0].astype(own[0].dtype)])
    if dates.dtype.kind != "M" or not len(own[0]) or own[1].any() or others[1].any():
        return None
    if crowd.rare == 1:  # all values are public
        return None
    for candidate in (own[0].max(), own[0].min()):
        rest = dates[dates != candidate]
        if (
            not len(rest)
            or crowd.size(dates == candidate) < crowd.rare
            or crowd.size(dates != candidate) < 2 * crowd.rare
        ):
            continue
        low, high = (end.astype("M8[s]").astype(np.float64) for end in (rest.min(), rest.max()))
        place = candidate.astype("M8[s]").astype(np.float64)
        if max(place - high, low - place) > FAR * (high - low):
            return candidate
    return None
