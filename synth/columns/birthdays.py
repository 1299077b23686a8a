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
    from collections.abc import Collection, Sequence

    from synth.columns.roles import Treatment

MIDDLE = np.timedelta64(182, "D")  # of a year, which stands for all of it


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


def days_of_birth(treatments: Sequence[Treatment], table: pa.Table) -> dict[str, pd.Series[Any]]:
    """Return the days of birth of a table's rows; engines see them `by_year`."""
    return {one.column.name: pd.Series(_days(one, table).astype("M8[us]")) for one in treatments}


def by_year(rows: pd.DataFrame, names: Collection[str]) -> pd.DataFrame:
    """Return the rows with the middle of the year in place of each day of birth in columns of these names."""
    births = [name for name in rows.columns if name in names]
    return rows.assign(**{name: _middles(rows[name].to_numpy("M8[us]").astype("M8[Y]")) for name in births})


def as_birth_dates(rows: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the middle of the year where they hold a year, and those `like` them a date."""
    years = [name for name in rows.columns if like[name].dtype.kind == "M" and rows[name].dtype.kind in "iuf"]
    births = {}
    for name in years:
        numbers = rows[name].to_numpy(float, na_value=np.nan)
        year = (np.nan_to_num(numbers, nan=1970) - 1970).astype("M8[Y]")
        births[name] = _middles(np.where(np.isnan(numbers), np.datetime64("NaT"), year))
    return rows.assign(**births)


def _middles(years: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    middles: np.ndarray[Any, Any] = years.astype("M8[Y]").astype("M8[D]").astype("M8[us]") + MIDDLE
    return middles


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
