"""Days of birth: of a person only the year is learned, and the twin has any day of it that may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.forms import NumberForm, as_learned_form
from synth.columns.ranges import RangeForm
from synth.columns.textforms import WrittenForm
from synth.domain import RARE, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.columns.roles import Treatment


def birthdays(
    years: pd.Series[Any], rng: np.random.Generator, latest: pd.Series[Any] | None = None
) -> pd.Series[Any]:
    """Return a day drawn anew within each year, and none after the `latest` that it may be."""
    has_year = years.notna().to_numpy()
    year = years.fillna(1970).to_numpy("int64").clip(1, 9999)
    first = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]")
    length = np.full(len(year), 365)
    if latest is not None:
        end = latest.to_numpy("datetime64[D]")
        end = np.where(np.isnat(end), first + length, end)
        first = np.minimum(first, end.astype("datetime64[Y]").astype("datetime64[D]"))
        length = np.clip((end - first).astype(np.int64) + 1, 1, length)
    days = pd.Series((first + rng.integers(0, length)).astype("datetime64[us]"))
    return days.where(has_year)


def followers(treatment: Treatment, treatments: Sequence[Treatment], real: pa.Table) -> tuple[str, ...]:
    """Return the learned dates that are in no real row before the day of birth."""
    if treatment.role is not Role.DATE_OF_BIRTH or not real.num_rows:
        return ()
    birth_days = _days(treatment, real)
    names = []
    for one in treatments:
        whole = not isinstance(one.form, RangeForm)
        if one.role is Role.DATETIME and whole and one.column.name in real.column_names:
            days = _days(one, real)
            has_both = ~np.isnat(days) & ~np.isnat(birth_days)
            if has_both.sum() >= RARE and (birth_days <= days)[has_both].all():
                names.append(one.column.name)
    return tuple(names)


def latest_of(rows: pd.DataFrame, names: Sequence[str]) -> pd.Series[Any] | None:
    """Return the first of these dates in each row; None without names."""
    dates = [_as_days(rows[name]) for name in names]
    if not dates:
        return None
    return pd.Series(np.fmin.reduce(dates), index=rows.index)


def _days(treatment: Treatment, table: pa.Table) -> np.ndarray[Any, Any]:
    values = table.column(treatment.column.name)
    if isinstance(treatment.form, NumberForm | WrittenForm):
        return _as_days(as_learned_form(values, treatment.form))
    if not (pa.types.is_date(values.type) or pa.types.is_timestamp(values.type)):
        return np.full(len(values), np.datetime64("NaT"), dtype="datetime64[D]")
    return _as_days(values.cast(pa.timestamp("us")).to_pandas())


def _as_days(values: pd.Series[Any]) -> np.ndarray[Any, Any]:
    if getattr(values.dtype, "tz", None) is not None:
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    if getattr(values.dtype, "kind", "") != "M":
        return np.full(len(values), np.datetime64("NaT"), dtype="datetime64[D]")
    return values.to_numpy("datetime64[us]").astype("datetime64[D]")
