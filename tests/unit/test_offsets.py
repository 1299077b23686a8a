"""Moments are counted as distances by the private engine, and come back as moments."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.domain import Rule
from synth.guarantee import ColumnDomain
from synth.twins.offsets import as_distances, as_moments, with_offsets

DAY = ColumnDomain("datetime", unit="D", nullable=False)
DAYS = st.one_of(st.none(), st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2040-01-01")))


def test_a_rule_says_from_which_moment_on_and_the_others_count_from_the_first() -> None:
    domains = {
        "seen": ColumnDomain("datetime"),
        "amount": ColumnDomain("number"),
        "ordered": DAY,
        "sent": DAY,
        "arrived": ColumnDomain("datetime", unit="D"),
    }
    rules = [Rule("in_order", '("ordered" <= "sent")'), Rule("later", '("sent" <= "arrived")')]
    domains_with_counts, offsets = with_offsets(domains, rules)
    assert [(one.column, one.start) for one in offsets] == [
        ("seen", "ordered"),
        ("sent", "ordered"),
        ("arrived", "sent"),
    ]
    assert domains_with_counts["ordered"] == DAY
    assert (
        domains_with_counts["sent"].kind,
        domains_with_counts["sent"].low,
        domains_with_counts["sent"].nullable,
    ) == ("number", 0, False)
    assert (domains_with_counts["seen"].low, domains_with_counts["seen"].nullable) == (None, True)
    assert domains_with_counts["amount"] == domains["amount"]


@given(st.lists(st.tuples(DAYS, DAYS, DAYS), min_size=1, max_size=20))
def test_moments_come_back_from_their_distances(rows: list[tuple[pd.Timestamp | None, ...]]) -> None:
    frame = pd.DataFrame(rows, columns=["a", "b", "c"]).astype("datetime64[us]")
    frame = frame.apply(lambda column: column.dt.floor("s"))
    domains = dict.fromkeys(frame.columns, ColumnDomain("datetime"))
    domains_with_counts, offsets = with_offsets(domains, [Rule("b before c", '("b" <= "c")')])
    back = as_moments(as_distances(frame, offsets), offsets, domains)
    starts = {one.column: one.start for one in offsets}
    for name in frame:
        there = frame[name].notna()
        place = name
        while place in starts:  # a distance from nothing is lost
            place = starts[place]
            there &= frame[place].notna()
        pd.testing.assert_series_equal(back[name], frame[name].where(there), check_names=False)
    assert set(domains_with_counts) == set(frame.columns)


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_moments_stay_within_their_bounds(zone: str | None) -> None:
    low, high = pd.Timestamp("2024-01-01", tz=zone), pd.Timestamp("2024-12-31", tz=zone)
    domain = ColumnDomain("datetime", low=low, high=high, unit="D", nullable=False)
    _, offsets = with_offsets({"a": domain, "b": domain}, [])
    drawn_rows = pd.DataFrame({"a": [low, high], "b": pd.array([-5, 9], "Float64")})
    back = as_moments(drawn_rows, offsets, {"a": domain, "b": domain})
    assert back["b"].tolist() == [low, high]
