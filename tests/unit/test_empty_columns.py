"""Columns of nothing but NULL have the type that they are learned in."""

from __future__ import annotations

from synth.columns.encoding import empty_column
from synth.domain import Column, Kind


def test_numbers_that_are_days_are_days() -> None:
    key = Column("date_key", "integer", Kind.INTEGER, not_null=True)
    assert empty_column(key, 3, is_day=True).dtype == "datetime64[us]"
    assert empty_column(key, 3).dtype == "Float64"
