"""Finds the columns that are exact arithmetic over others, or parts of a moment, in every training row."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from synth.engine.column_view import look
from synth.engine.evidence import LEVEL, log_arrangement
from synth.engine.formulas import FUNCTIONS, ROUNDINGS, Identity
from synth.engine.numbers import NumberColumn
from synth.engine.proposals import copies, proposals
from synth.engine.rounding import MAX_DECIMALS
from synth.engine.rules import PROBE_ROWS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd

    from synth.engine.column_view import ColumnView
    from synth.engine.columns import ColumnCodes
    from synth.engine.formulas import Floats

FEW = 2  # sources
RULES = 32  # that are tried for the same sources, at most
LEAST_ROUNDED = 0.25  # of a unit, by which rounding changes some value
WITH_TIMES, FUNCTION, MANY, LOSSY = 1, 1, 5, 6  # ranks of rules, plainest first
# How much of a column is lost if it is computed: a part that is the rest of a total may be negative.
MOST_ROWS = 5000  # that are enough to see it
GROUPS = 16  # of rows in which the others of a sum are alike, about as a tree tells them apart
COMMON, FEWEST = 0.01, 10  # the share of the rows, and the rows, that make a value a common one
MAX_LOST_SHARE = 0.02  # share of rows that may lose something
STEP = 0.1  # in which losses are compared
RANKS = {"copy": 0, "sum": 2, "product": 3, "ratio": 4}


def find_identities(
    frame: pd.DataFrame, columns: Sequence[ColumnCodes], *, fixed_columns: Collection[int] = ()
) -> tuple[Identity, ...]:
    """Return what may be computed from what, each after those that it is computed from.

    Args:
        frame: the training rows.
        columns: one a column of the frame.
        fixed_columns: places of columns that must be drawn.
    """
    views = {}
    for place, column in enumerate(columns):
        if isinstance(column, NumberColumn):
            view = look(frame.iloc[:, place], column, place, free=place not in fixed_columns)
            views.update({place: view} if view else {})
    rows = np.unique(np.linspace(0, len(frame) - 1, PROBE_ROWS).astype(np.int64))
    probe = {place: each.at(rows) for place, each in views.items()}
    if not probe:
        return ()
    same = find_copies(probe, views)
    probe = {place: each for place, each in probe.items() if place not in same}
    candidates = [*same.values(), *(check(each, probe, views) for each in proposals(probe, views))]
    return choose([each for each in candidates if each], views)


def find_copies(probe: Mapping[int, ColumnView], views: Mapping[int, ColumnView]) -> dict[int, Identity]:
    """Yield all but one of columns that say the same: that may not be computed, or has common values."""
    copies_by_target: dict[int, Identity] = {}
    others: list[ColumnView] = []
    for target in sorted(probe.values(), key=lambda each: (each.free, -each.common, each.place)):
        if target.free:
            checked_copies = (check(each, probe, views) for each in copies(target, others, views))
            same = next((each for each in checked_copies if each and lossless(each, views)), None)
            if same:
                copies_by_target[target.place] = same
                continue
        others.append(target)
    return copies_by_target


def check(
    identity: Identity, probe: Mapping[int, ColumnView], views: Mapping[int, ColumnView]
) -> Identity | None:
    """Return the identity with the rounding that every row keeps.

    None where there is none, or it proves nothing.
    """
    target = views[identity.target]
    identity = replace(identity, decimals=target.decimals, noise=target.noise)
    if identity.rule == "ratio":
        identity = replace(identity, fallback=_fallback(identity, views))
    for rounding in ("half up",) if identity.is_timed else ROUNDINGS:
        rounded_identity = replace(identity, rounding=rounding)
        if holds(rounded_identity, probe) and holds(rounded_identity, views):
            return (
                rounded_identity
                if telling(rounded_identity, views) and not is_forced(rounded_identity, views)
                else None
            )
    return None


def holds(identity: Identity, columns: Mapping[int, ColumnView]) -> bool:
    """Return whether every row keeps it: the same value, and NULL exactly where the sources make it so."""
    target = columns[identity.target]
    amounts = identity.amounts([columns[source].amounts for source in identity.sources])
    if (np.isnan(amounts) != np.isnan(target.amounts)).any():
        return False
    return not (np.abs(amounts - target.amounts) > target.tolerance()).any()


def _fallback(identity: Identity, columns: Mapping[int, ColumnView]) -> float | None:
    """Return what stands where the divisor is zero: NULL if it does there, else 0."""
    top, bottom = (columns[source].amounts for source in identity.sources)
    beside = columns[identity.target].amounts[(bottom == 0) & ~np.isnan(top)]
    return None if np.isnan(beside[:1]).any() else 0.0


def telling(identity: Identity, columns: Mapping[int, ColumnView]) -> bool:
    """Return whether the rows prove it: no column would fit as well if its values were dealt at random.

    The level is shared by all rules that are tried. A source that is learned as a constant needs no proof.
    """
    target = columns[identity.target]
    level = math.log(LEVEL) - math.log(RULES) - len(identity.sources) * math.log(len(columns))
    if log_arrangement(target.amounts[~np.isnan(target.amounts)]) > level:
        return False
    if len(identity.sources) == 1:
        return True
    sources = [columns[source] for source in identity.sources]
    return all(
        source.size == 1 or log_arrangement(influence(identity, place, target, sources)) <= level
        for place, source in enumerate(sources)
    )


def influence(identity: Identity, place: int, target: ColumnView, sources: Sequence[ColumnView]) -> Floats:
    """Return the amounts of one of several sources as far as they make a difference to the target."""
    rows = ~np.isnan(target.amounts)
    if identity.rule == "sum":
        amounts = sources[place].amounts[rows]
        fine = identity.factor == identity.divisor == 1 and target.unit > 0
        return np.floor(amounts / target.unit) if fine else amounts
    others = [each.amounts for number, each in enumerate(sources) if number != place]
    for other in others:
        rows &= other != 0
    return sources[place].amounts[rows]


def is_forced(identity: Identity, columns: Mapping[int, ColumnView]) -> bool:
    """Return whether rounding hides that the rule is not quite true: it always rounds, but never by much."""
    target = columns[identity.target]
    off = np.abs(identity.plain([columns[source].amounts for source in identity.sources]) - target.amounts)
    return bool((off > target.tolerance()).any() and np.nanmax(off) < LEAST_ROUNDED * target.unit)


def choose(identities: Sequence[Identity], columns: Mapping[int, ColumnView]) -> tuple[Identity, ...]:
    """Return one identity a target, without circles: the plainest, of a column that stays so if computed."""
    identity_by_target: dict[int, Identity] = {}
    for identity in sorted(identities, key=lambda each: _preference(each, columns)):
        if identity.target not in identity_by_target and not _reaches(
            identity.sources, identity.target, identity_by_target
        ):
            identity_by_target[identity.target] = identity
    sequence: list[Identity] = []
    while len(sequence) < len(identity_by_target):
        open_targets = identity_by_target.keys() - {each.target for each in sequence}
        sequence += [
            identity_by_target[place]
            for place in sorted(open_targets)
            if open_targets.isdisjoint(identity_by_target[place].sources)
        ]
    return tuple(sequence)


def _preference(identity: Identity, columns: Mapping[int, ColumnView]) -> tuple[float, ...]:
    target = columns[identity.target]
    size = sum(columns[source].size for source in identity.sources)
    common = round(target.common, 2)
    rank, has_offset = _rank(identity, columns), identity.offset != 0
    return (
        rank,
        has_offset,
        strain(identity, columns),
        common,
        identity.minus,
        size,
        -identity.target,
        *identity.sources,
    )


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


def _rank(identity: Identity, columns: Mapping[int, ColumnView]) -> int:
    if identity.is_timed:
        return WITH_TIMES
    if identity.rule in FUNCTIONS:
        plainest = RANKS.get(identity.rule, FUNCTION)
        return plainest if lossless(identity, columns) else LOSSY
    return RANKS[identity.rule] if len(identity.sources) <= FEW else MANY


def lossless(identity: Identity, columns: Mapping[int, ColumnView]) -> bool:
    """Return whether it needs no rounding, and so leads from a copy back to its source."""
    return holds(replace(identity, decimals=MAX_DECIMALS + 1), columns)


def _reaches(sources: Sequence[int], target: int, identity_by_target: Mapping[int, Identity]) -> bool:
    return any(
        source == target
        or (
            source in identity_by_target
            and _reaches(identity_by_target[source].sources, target, identity_by_target)
        )
        for source in sources
    )
