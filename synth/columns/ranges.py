"""Ranges are learned as the two values that they lie between, and written as Postgres writes them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from synth.domain import Column

UNTIL = " until"  # stands behind the name of a range's column where its end is learned
# As Postgres prints them where the start belongs to a range and the end does not, which is its usual form.
FORM = r'^[\[(]"?(?P<start>[^",\[\]()]*)"?,"?(?P<end>[^",\[\]()]*)"?\)$'
ENDS: Any = (pd.Timestamp("0001-01-01"), pd.Timestamp("9999-12-30"))  # and a day after it
CLOSED_START = r"^\[[^,]"


class RangeForm(StrEnum):
    """What a range is of."""

    DAYS = "days"
    MOMENTS = "moments"
    WHOLE = "whole numbers"
    NUMBERS = "numbers"

    @property
    def is_date(self) -> bool:
        """Whether it lies between two moments."""
        return self in {RangeForm.DAYS, RangeForm.MOMENTS}


TYPES = {
    "daterange": RangeForm.DAYS,
    "tsrange": RangeForm.MOMENTS,
    "int4range": RangeForm.WHOLE,
    "int8range": RangeForm.WHOLE,
    "numrange": RangeForm.NUMBERS,
}


def range_form(column: Column, values: pa.ChunkedArray) -> RangeForm | None:
    """Return what the ranges of a column are of; None where some are empty or not of the usual form."""
    form = TYPES.get(column.data_type)
    if form is None or not pa.types.is_string(values.type) or values.null_count == len(values):
        return None
    texts = values.drop_null().to_pandas()
    parts = texts.str.extract(FORM)
    usual = texts.str.match(CLOSED_START) | (parts["start"] == "")
    if parts["start"].isna().any() or (parts == "").all(axis=1).any() or not usual.all():
        return None
    try:
        _bounds(parts["start"], form)
        _bounds(parts["end"], form)
    except (ValueError, OverflowError):  # an infinite end, or one beyond what pandas holds
        return None
    return form


def as_bounds(values: pa.ChunkedArray, form: RangeForm, name: str) -> dict[str, pd.Series[Any]]:
    """Return the starts and ends of ranges; NULL where there is none, and where there is no range."""
    parts = pd.Series(values.to_pandas(), dtype=object).str.extract(FORM)
    return {name: _bounds(parts["start"], form), name + UNTIL: _bounds(parts["end"], form)}


def _bounds(texts: pd.Series[Any], form: RangeForm) -> pd.Series[Any]:
    present = texts.where(texts.notna() & (texts != ""))
    if form.is_date:
        return pd.to_datetime(present, format="ISO8601").astype("datetime64[us]")
    numbers = pd.to_numeric(present).astype("Float64")
    if form is not RangeForm.WHOLE:
        return numbers.astype("float64")
    whole = numbers.astype("Int64")
    return whole if whole.isna().any() else whole.astype("int64")


def as_ranges(rows: pd.DataFrame, form: RangeForm, name: str, *, not_null: bool) -> pd.Series[Any]:
    """Return learned starts and ends as text that Postgres reads; no range ends before it has begun.

    Args:
        rows: with both columns.
        form: of the ranges.
        name: of their column.
        not_null: whether there must be a range in every row: one of all values where none was drawn.
    """
    start, end = rows[name], rows[name + UNTIL]
    if form is RangeForm.WHOLE:
        start, end = (values.astype("Float64").round().astype("Int64") for values in (start, end))
    if form is RangeForm.DAYS:
        start, end = start.dt.normalize(), end.dt.normalize()
    if form.is_date:  # what was drawn may lie beyond all dates, and so would what is added to it
        start, end = start.clip(*ENDS), end.clip(*ENDS)
    step: Any = pd.Timedelta(1, "D" if form is RangeForm.DAYS else "s") if form.is_date else 1
    early = (end <= start).fillna(value=False).to_numpy(bool)
    end = end.mask(early, start + step)
    texts = "[" + _as_text(start, form) + "," + _as_text(end, form) + ")"
    texts = texts.where(start.notna(), "(" + texts.str[1:])
    nothing = (start.isna() & end.isna()).to_numpy(bool)
    return texts.where(~nothing, "(,)" if not_null else None)


def _as_text(values: pd.Series[Any], form: RangeForm) -> pd.Series[Any]:
    present = values.notna().to_numpy(bool)
    texts = np.full(len(values), "", dtype=object)
    if form.is_date:
        moments = values[present].to_numpy("datetime64[us]")
        days = moments.astype("datetime64[D]") if form is RangeForm.DAYS else moments
        texts[present] = [str(moment).replace("T", " ").removesuffix(".000000") for moment in days]
        if form is RangeForm.MOMENTS:
            texts[present] = [f'"{text}"' for text in texts[present]]
    else:
        texts[present] = [
            str(int(number)) if float(number).is_integer() else repr(float(number))
            for number in values[present]
        ]
    return pd.Series(texts, index=values.index)
