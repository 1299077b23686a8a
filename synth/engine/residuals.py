"""How much of a column is lost if it is computed: a part that is the rest of a total may be negative."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.engine.column_view import ColumnView
    from synth.engine.formulas import Floats, Identity

MOST_ROWS = 5000  # that are enough to see it
GROUPS = 16  # of rows in which the others of a sum are alike, about as a tree tells them apart
COMMON, FEWEST = 0.01, 10  # the share of the rows, and the rows, that make a value a common one
MAX_LOST_SHARE = 0.02  # share of rows that may lose something
STEP = 0.1  # in which losses are compared


def strain(identity: Identity, columns: Mapping[int, ColumnView]) -> float:
    """Return the share of rows that lose a common value, or the range of the target, if a sum is computed.

    In STEPs.

    Each source in turn is dealt out anew among rows whose other sources are alike. What the engine draws is
    no closer to the training rows than that.
    """
    if identity.rule != "sum" or len(identity.sources) == 1:
        return 0.0
    target = columns[identity.target]
    rows = np.flatnonzero(~np.isnan(target.amounts))[:MOST_ROWS]
    own = target.amounts[rows]
    sources = [columns[source].amounts[rows] for source in identity.sources]
    values, counts = np.unique(own, return_counts=True)
    common = values[(counts >= COMMON * len(rows)) & (counts >= FEWEST)]
    most = 0.0
    for place, source in enumerate(sources):
        others = identity.plain([*sources[:place], np.zeros(len(own)), *sources[place + 1 :]])
        dealt_sources = [*sources[:place], dealt_out(source, others), *sources[place + 1 :]]
        results = identity.amounts(dealt_sources)
        outside = (results < target.low) | (results > target.high)
        loss = np.isin(own, common).mean() - np.isin(results, common).mean() + outside.mean()
        most = max(most, float(loss))
    return 0.0 if most < MAX_LOST_SHARE else float(np.ceil(most / STEP) * STEP)


def dealt_out(amounts: Floats, others: Floats) -> Floats:
    """Return the amounts at random among rows of one of at most GROUPS quantiles of the others."""
    cuts = np.unique(np.quantile(others, np.arange(1, GROUPS) / GROUPS, method="lower"))
    group = np.searchsorted(cuts, others)
    order = np.argsort(group, kind="stable")
    shuffle = np.random.default_rng(0).permutation(len(group))
    result = np.empty_like(amounts)
    result[order] = amounts[shuffle[np.argsort(group[shuffle], kind="stable")]]
    return result
