"""Moments of a row as distances from another one: noise leaves one distance alone, and blurs two days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from synth.guarantee import ColumnDomain
from synth.sampling.repair import orders_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from synth.domain import Rule

WEEKS = (7, 14)  # days that distances may be multiples of
UNITS = {"D": "86400s", "s": "1s"}  # of a grain, as pandas writes it
# Where distances are taken to be if nothing is known of them: up to about three years, or one.
USUAL = {"D": (0.5, 2.0**10), "s": (0.5, 2.0**25)}


@dataclass(frozen=True, slots=True)
class Offset:
    """A moment that is counted as its distance from another one of the same row.

    Attributes:
        column: the moment.
        start: the column of the other one.
        unit: of the distance, as pandas writes it.
    """

    column: str
    start: str
    unit: str


def with_offsets(
    domains: Mapping[str, ColumnDomain], rules: Iterable[Rule]
) -> tuple[dict[str, ColumnDomain], tuple[Offset, ...]]:
    """Return the domains with distances in place of moments, and which these are.

    The first moment that is never NULL stays, else the first. Others are distances from one that a rule says
    is not after them, else from that first one. Nothing here depends on rows.
    """
    moments = [name for name, domain in domains.items() if domain.kind == "datetime"]
    first = next((name for name in moments if not domains[name].nullable), next(iter(moments), ""))
    pairs = {(order.smaller, order.larger) for rule in rules for order in orders_of(rule)}
    new_domains, offsets, placed_names = dict(domains), [], [first]
    for name in moments:
        if name == first:
            continue
        start = next((one for one in reversed(placed_names) if (one, name) in pairs), first)
        low = 0 if (start, name) in pairs else None
        high = 0 if (name, start) in pairs else None
        nullable = domains[name].nullable or domains[start].nullable
        new_domains[name] = ColumnDomain(
            "number",
            low=low,
            high=high,
            decimals=0,
            nullable=nullable,
            steps=WEEKS if domains[name].unit == "D" else (),
            usual=USUAL[domains[name].unit],
        )
        offsets.append(Offset(name, start, UNITS[domains[name].unit]))
        placed_names.append(name)
    return new_domains, tuple(offsets)


def as_distances(frame: pd.DataFrame, offsets: Sequence[Offset]) -> pd.DataFrame:
    """Return the rows with distances in place of moments."""
    return frame.assign(**{one.column: _distances(frame, one) for one in offsets})


def _distances(frame: pd.DataFrame, offset: Offset) -> pd.Series:
    lengths = _moments(frame[offset.column]) - _moments(frame[offset.start])
    return (lengths.dt.total_seconds() / pd.Timedelta(offset.unit).total_seconds()).round().astype("Float64")


def as_moments(
    frame: pd.DataFrame, offsets: Sequence[Offset], domains: Mapping[str, ColumnDomain]
) -> pd.DataFrame:
    """Return the rows with moments in place of distances, within the bounds that `domains` have for them."""
    whole = frame.copy()
    for one in offsets:
        start = whole[one.start]
        lengths = pd.to_timedelta(
            pd.to_numeric(whole[one.column]).astype("float64") * pd.Timedelta(one.unit).total_seconds(),
            unit="s",
        )
        zone: Any = getattr(start.dtype, "tz", None)
        values = (_moments(start) + lengths).dt.round(one.unit)
        low, high = (_naive(limit) for limit in (domains[one.column].low, domains[one.column].high))
        values = values.clip(low, high)
        whole[one.column] = values.dt.tz_localize("UTC").dt.tz_convert(zone) if zone else values
    return whole


def _moments(values: pd.Series) -> pd.Series:
    return pd.to_datetime(values, utc=True).dt.tz_localize(None).astype("datetime64[us]")


def _naive(limit: Any) -> Any:
    if limit is None:
        return None
    stamp = pd.Timestamp(limit)
    return stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo else stamp
